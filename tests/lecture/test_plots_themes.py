"""The palettes: told apart in grey and by colour-blind readers; a figure becomes that of the dark theme.

How different two colours must be comes from Stone, Szafir and Setlur, "An engineering model for color
difference as a function of size" (Color and Imaging Conference, 2014): half of their viewers noticed a
difference of 0.5 (A + B / s) along each axis of CIELAB, for marks s degrees of sight wide. Our marks are 4.5
points wide, which is 6 pixels, and CSS defines a pixel as 0.0213 degrees. A difference of 1 in that unit
(its axes combined) is the least asked for. How colour-blind readers see: Machado, Oliveira and Fernandes, "A
physiologically-based model for simulation of color vision deficiency" (IEEE TVCG 15, 2009), severity 1.
"""

import itertools

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from lecturelib import plots
from lecturelib.plots import themes
from tests.agree import agree


@pytest.fixture(autouse=True)
def matplotlibs_own_colours():
    """Elsewhere `plots` gives C0, C1, ... the palette's colours; here they are Matplotlib's."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield
    plt.close("all")


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
    agree(seen("white", "full colour"), [100, 0, 0], rounding=1e-9)
    agree(seen("red", "full colour"), [53.24, 80.09, 67.20], rounding=0.02)


@EACH_VISION
def test_nobody_sees_a_grey_tinted(vision):
    rounding = 500 * 2 * 3 * 0.5e-6  # a* and b* are 500 differences, of 3 coefficients of 6 decimals each
    light, *tint = seen("0.5", vision)
    agree(light, 53.389, rounding=0.001)
    assert np.abs(tint).max() <= rounding


@THEMES
@EACH_VISION
def test_the_palette_is_told_apart(theme, vision):
    assert least_difference(themes.PALETTES[theme], vision) >= 1


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
    steps = np.diff([seen(c, vision) for c in themes.series_colours(theme, count)], axis=0)
    assert np.linalg.norm(steps, axis=1).min() >= JUST_NOTICED
    assert abs(np.sign(steps[:, 0]).sum()) == len(steps)


@pytest.mark.parametrize(("name", "vision"), [("jet", "greyscale"), ("twilight", "full colour")])
def test_a_scale_that_goes_up_and_down_is_no_ladder(name, vision):
    steps = np.diff([seen(c, vision) for c in matplotlib.colormaps[name](np.linspace(0, 1, 12))], axis=0)
    assert abs(np.sign(steps[:, 0]).sum()) < len(steps)


@THEMES
@pytest.mark.parametrize("count", [5, 12])
def test_colours_stand_out_from_the_paper(theme, count):
    paper, ink, _ = themes.INK[theme]
    assert contrast(paper, ink) >= 7
    least = 3 if count <= 5 else 1.5  # WCAG 2.1, 1.4.11; of a dozen the lightest leans on its marker
    assert min(contrast(paper, c) for c in themes.series_colours(theme, count)) >= least


def test_each_colour_has_its_counterpart_and_keeps_its_opacity():
    for light, dark in zip(themes.PALETTES["light"], themes.PALETTES["dark"], strict=True):
        assert to_hex(themes.to_dark(light)) == dark
    for light, dark in zip(themes.INK["light"], themes.INK["dark"], strict=True):
        assert to_hex(themes.to_dark(light)) == dark
    assert themes.to_dark((*to_rgb("white"), 0.3)) == (*to_rgb(themes.INK["dark"][0]), 0.3)
    assert to_hex(themes.to_dark("black")) == themes.INK["dark"][1]
    assert themes.to_dark("none")[3] == 0


@pytest.mark.parametrize("count", range(6, 14))
def test_the_ordered_scale_maps_to_the_dark_one(count):
    """Up to one of viridis' 256 steps."""
    steps = [to_hex(colour) for colour in matplotlib.colormaps["viridis"](np.arange(256))]
    for light, dark in zip(
        themes.series_colours("light", count), themes.series_colours("dark", count), strict=True
    ):
        place = steps.index(dark)
        assert steps.index(to_hex(themes.to_dark(light))) in (place - 1, place, place + 1)


def test_greys_keep_their_order():
    ladder = [seen(to_hex(themes.to_dark(str(v))), "full colour")[0] for v in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert np.all(np.diff(ladder) < -5)  # dark ink becomes light ink


@pytest.mark.parametrize("stray", ["red", "C0", "#13205c", "tab:blue"])
def test_a_colour_outside_the_palette_is_refused(stray):
    with pytest.raises(ValueError, match=r"plots\.series"):
        themes.to_dark(stray)


def test_colormaps():
    maps = matplotlib.colormaps
    assert themes.colormap_to_dark(maps["viridis"]) == maps["viridis"]
    dark = themes.colormap_to_dark(maps["gray_r"])
    assert to_hex(dark(0.0)) == themes.INK["dark"][0]  # blank stays paper
    assert to_hex(dark(1.0)) == themes.INK["dark"][1]
    assert themes.colormap_to_dark(dark) is dark
    listed = matplotlib.colors.ListedColormap(["0.65"])
    assert to_hex(themes.colormap_to_dark(listed).colors[0]) == to_hex(themes.to_dark("0.65"))
    with pytest.raises(ValueError, match="'jet'"):
        themes.colormap_to_dark(maps["jet"])


def draw():
    """One of everything that the notebooks draw."""
    left, right = plots.figure(2)
    x, y = np.arange(1, 6), np.arange(1.0, 6.0)
    for place, style in enumerate(plots.series(5)):
        left.plot(x, y + place, label=f"series {place}", **style)
    for place, style in enumerate(plots.series(7)):
        left.plot(x, y - place, **style | {"fillstyle": "none"})
    plots.band(left, x, np.random.default_rng(0).normal(size=(9, 5)), label="band", **plots.series(1)[0])
    plots.reference_line(left, y=2.0, label="line")
    plots.reference_slope(left, x, 1.0, 1, "slope")
    left.set_yscale("log")
    left.legend(title="a legend")
    right.errorbar(x, y, 0.3, capsize=3, **plots.series(2)[1])
    right.bar(x, y, color=plots.series(3)[2]["color"], hatch="//", edgecolor="white", alpha=0.5)
    right.hist([1, 1, 2], color=plots.series(1)[0]["color"])
    right.scatter(x, y, s=5, alpha=0.35, color=plots.series(1)[0]["color"], linewidths=0)
    right.fill_between(x, y, 2 * y, color=plots.series(4)[3]["color"], alpha=0.3)
    right.contour(np.outer(y, y), colors="0.65")
    right.imshow(np.eye(3), cmap="gray_r")
    right.text(1, 1, "white on a bar", color="white")
    right.annotate("here", (1, 2), (3, 6), textcoords="offset points", bbox={"facecolor": "white"})
    right.plot([0, 1], [2, 3])  # no colour given
    right.axvline(3, color="grey")
    return left.figure


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


def test_it_is_the_figure_that_the_dark_theme_draws(monkeypatch):
    """Greys aside, which have no theme, and the ordered scale, whose steps need not fall on each other."""

    def simple():
        axes = plots.figure()
        for style in plots.series(5):
            axes.plot([1, 2, 3], [1, 4, 2], label=style["marker"], **style)
        axes.bar([1, 2], [0.5, 1], color=plots.series(1)[0]["color"], alpha=0.5)
        axes.errorbar([1, 2], [2, 2], 0.5, capsize=3, **plots.series(2)[1])
        plots.reference_line(axes, y=2.0, label="line")
        axes.set(xlabel="x", ylabel="y", title="title", yscale="log")
        axes.legend(title="legend")
        return axes.figure

    light = simple()
    before = pixels(light).copy()
    themes.recolour(light)
    recoloured = pixels(light).copy()
    monkeypatch.setitem(themes.INK, "light", themes.INK["dark"])
    monkeypatch.setitem(themes.PALETTES, "light", themes.PALETTES["dark"])
    assert np.array_equal(recoloured, pixels(simple()))
    assert abs(recoloured - before).max() > 100


def test_everything_is_recoloured():
    """No pixel keeps the light paper, and nothing is left for a second pass: each colour is a dark one."""
    figure = draw()
    light = pixels(figure).copy()
    assert (light == 255).all(axis=2).mean() > 0.5
    themes.recolour(figure)
    dark = pixels(figure)
    assert not (dark == 255).all(axis=2).any()
    paper = [int(themes.INK["dark"][0][i : i + 2], 16) for i in (1, 3, 5)]
    assert (dark == paper).all(axis=2).mean() > 0.5
    assert light.shape == dark.shape


def test_opacity_places_and_automatic_markers_are_kept():
    figure = draw()
    themes.recolour(figure)
    left, right = figure.axes
    assert to_hex(left.lines[0].get_markerfacecolor()) == themes.PALETTES["dark"][0]
    assert left.lines[5].get_fillstyle() == "none"
    assert left.collections[0].get_facecolor()[0, 3] == 0.25
    assert right.patches[0].get_facecolor()[3] == 0.5
    assert to_hex(right.patches[0].get_edgecolor()) == themes.INK["dark"][0]
    assert np.array_equal(left.lines[1].get_ydata(), np.arange(2.0, 7.0))


def test_a_stray_colour_stops_the_figure_and_is_named():
    plots.figure().plot([0, 1], color="red")
    with pytest.raises(ValueError, match="#ff0000"):
        plots.show(alt="A red line, which has no counterpart in the dark theme of the lecture.")
    assert not plt.get_fignums()
