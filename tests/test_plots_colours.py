"""The palettes: told apart in grey and by colour-blind readers; the dark counterpart of each colour.

How different two colours must be comes from Stone, Szafir and Setlur, "An engineering model for color
difference as a function of size" (Color and Imaging Conference, 2014): half of their viewers noticed a
difference of 0.5 (A + B / s) along each axis of CIELAB, for marks s degrees of sight wide. Our marks are 4.5
points wide, which is 6 pixels, and CSS defines a pixel as 0.0213 degrees. A difference of 1 in that unit
(its axes combined) is the least asked for. How colour-blind readers see: Machado, Oliveira and Fernandes, "A
physiologically-based model for simulation of color vision deficiency" (IEEE TVCG 15, 2009), severity 1.
"""

import itertools

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from lecturelib.plots import colours


@pytest.fixture(autouse=True)
def matplotlibs_own_colours():
    """Elsewhere `plots` gives C0, C1, ... the palette's colours; here they are Matplotlib's."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


VISIONS = {
    "full colour": np.eye(3),
    "greyscale": np.tile([0.2126, 0.7152, 0.0722], (3, 1)),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
MARK = 6 * 0.0213  # degrees
NOTICED = 0.5 * (np.array([10.16, 10.68, 10.70]) + np.array([1.50, 3.08, 5.74]) / MARK)  # L*, a*, b*
JUST_NOTICED = 2.3  # CIELAB, side by side: Mahy, Van Eycken and Oosterlinck (Color Res. Appl. 19, 1994)
THEMES = pytest.mark.parametrize("theme", ["light", "dark"])
EACH_VISION = pytest.mark.parametrize("vision", VISIONS)


def linear(colour) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def seen(colour, vision: str) -> np.ndarray:
    """CIELAB coordinates (L*, a*, b*) of a colour as that reader sees it."""
    t = XYZ @ np.clip(VISIONS[vision] @ linear(colour), 0, 1) / (XYZ @ np.ones(3))
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def least_difference(palette, vision: str) -> float:
    """Of the two most alike colours, in noticeable differences."""
    pairs = itertools.combinations([seen(colour, vision) for colour in palette], 2)
    return min(np.linalg.norm((one - other) / NOTICED) for one, other in pairs)


def contrast(one, other) -> float:
    """WCAG 2.1's ratio of luminances."""
    low, high = sorted(XYZ[1] @ linear(c) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


def test_colours_are_seen_as_the_literature_says():
    assert seen("white", "full colour") == pytest.approx([100, 0, 0], abs=1e-9)
    assert seen("red", "full colour") == pytest.approx([53.24, 80.09, 67.20], abs=0.02)


@EACH_VISION
def test_nobody_sees_a_grey_tinted(vision):
    rounding = 500 * 2 * 3 * 0.5e-6  # a* and b* are 500 differences, of 3 coefficients of 6 decimals each
    light, *tint = seen("0.5", vision)
    assert light == pytest.approx(53.389, abs=0.001)
    assert tint == pytest.approx([0, 0], abs=rounding)


@THEMES
@EACH_VISION
def test_the_palette_is_told_apart(theme, vision):
    assert least_difference(colours.PALETTES[theme], vision) >= 1


@pytest.mark.parametrize(
    ("palette", "vision"),
    [
        (["C0", "C1", "C2", "C3", "C4"], "greyscale"),  # Matplotlib's own
        (["#b2182b", "#4d7022"], "deuteranopia"),  # red and green of one lightness, roughly
        (["#1b2157", "#8c1246", "#007a80", "#cc5c14", "#4b9ae0"], "greyscale"),  # this lecture's, at first
        (["#fff0c4", "#93d8ff", "#f7a072", "#4db391", "#b76ad0"], "protanopia"),
    ],
)
def test_a_palette_that_some_cannot_tell_apart_fails(palette, vision):
    assert least_difference(palette, "full colour") >= 1
    assert least_difference(palette, vision) < 1


@THEMES
@EACH_VISION
@pytest.mark.parametrize("count", [6, 9, 12])
def test_the_ordered_scale_is_a_ladder(theme, vision, count):
    """Neighbours on the scale are neighbours in the figure too, and differ in their markers besides."""
    steps = np.diff([seen(c, vision) for c in colours.series_colours(theme, count)], axis=0)
    assert np.linalg.norm(steps, axis=1).min() >= JUST_NOTICED
    assert abs(np.sign(steps[:, 0]).sum()) == len(steps)


@pytest.mark.parametrize(("name", "vision"), [("jet", "greyscale"), ("twilight", "full colour")])
def test_a_scale_that_goes_up_and_down_is_no_ladder(name, vision):
    steps = np.diff([seen(c, vision) for c in matplotlib.colormaps[name](np.linspace(0, 1, 12))], axis=0)
    assert abs(np.sign(steps[:, 0]).sum()) < len(steps)


@THEMES
@pytest.mark.parametrize("count", [5, 12])
def test_colours_stand_out_from_the_paper(theme, count):
    paper, ink, _ = colours.INK[theme]
    assert contrast(paper, ink) >= 7
    least = 3 if count <= 5 else 1.5  # WCAG 2.1, 1.4.11; of a dozen the lightest leans on its marker
    assert min(contrast(paper, c) for c in colours.series_colours(theme, count)) >= least


def test_each_colour_has_its_counterpart_and_keeps_its_opacity():
    for light, dark in zip(colours.PALETTES["light"], colours.PALETTES["dark"], strict=True):
        assert to_hex(colours.to_dark(light)) == dark
    for light, dark in zip(colours.INK["light"], colours.INK["dark"], strict=True):
        assert to_hex(colours.to_dark(light)) == dark
    assert colours.to_dark((*to_rgb("white"), 0.3)) == (*to_rgb(colours.INK["dark"][0]), 0.3)
    assert to_hex(colours.to_dark("black")) == colours.INK["dark"][1]
    assert colours.to_dark("none")[3] == 0


@pytest.mark.parametrize("count", range(6, 14))
def test_the_ordered_scale_maps_to_the_dark_one(count):
    """Up to one of viridis' 256 steps."""
    steps = [to_hex(colour) for colour in matplotlib.colormaps["viridis"](np.arange(256))]
    for light, dark in zip(
        colours.series_colours("light", count), colours.series_colours("dark", count), strict=True
    ):
        place = steps.index(dark)
        assert steps.index(to_hex(colours.to_dark(light))) in (place - 1, place, place + 1)


def test_greys_keep_their_order():
    ladder = [seen(to_hex(colours.to_dark(str(v))), "full colour")[0] for v in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert np.all(np.diff(ladder) < -5)  # dark ink becomes light ink


@pytest.mark.parametrize("stray", ["red", "C0", "#13205c", "tab:blue"])
def test_a_colour_outside_the_palette_is_refused(stray):
    with pytest.raises(ValueError, match=r"plots\.series"):
        colours.to_dark(stray)


def test_colormaps():
    maps = matplotlib.colormaps
    assert colours.colormap_to_dark(maps["viridis"]) == maps["viridis"]
    dark = colours.colormap_to_dark(maps["gray_r"])
    assert to_hex(dark(0.0)) == colours.INK["dark"][0]  # blank stays paper
    assert to_hex(dark(1.0)) == colours.INK["dark"][1]
    assert colours.colormap_to_dark(dark) is dark
    listed = matplotlib.colors.ListedColormap(["0.65"])
    assert to_hex(colours.colormap_to_dark(listed).colors[0]) == to_hex(colours.to_dark("0.65"))
    with pytest.raises(ValueError, match="'jet'"):
        colours.colormap_to_dark(maps["jet"])
