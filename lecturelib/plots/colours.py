"""The colours of every figure, in a light and a dark theme, and the map from the one to the other.

A theme is a paper, an ink, a grid and five colours for series. More than five series are taken to be ordered
(batch sizes, say) and get a stretch of the viridis scale. Every other colour of a figure is a grey, read as a
mixture of ink and paper. That closes the set: each colour of a light figure has a counterpart in the dark,
and a colour outside the set is refused, for nobody has checked who can tell it from the others.
"""

import functools

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap, ListedColormap, to_hex, to_rgba

# Ordered by lightness, in equal steps (CIELAB L* 15 to 61 on white, 95 to 49 on black): the step is what two
# marks need to be told apart by lightness alone, so in grey print too (see tests/test_figure_colours.py).
PALETTES = {
    "light": ("#13205b", "#800d02", "#00636c", "#d64001", "#6597cd"),
    "dark": ("#faf2be", "#9ad8ff", "#eaa24e", "#499f9b", "#8c57dd"),
}
# paper, ink, grid
INK = {"light": ("#ffffff", "#22252b", "#d5d8dd"), "dark": ("#14161a", "#e6e8eb", "#3a3e46")}
_VIRIDIS = {"light": (0.0, 0.82), "dark": (1.0, 0.3)}  # the stretch of it that stands out from the paper


def series_colours(theme: str, count: int) -> list[str]:
    """Colours of `count` series in a theme: of the palette, or, from six on, of an ordered scale.

    >>> series_colours("light", 2)
    ['#13205b', '#800d02']
    >>> series_colours("dark", 6)[0]
    '#fde725'
    """
    if count <= len(PALETTES[theme]):
        return list(PALETTES[theme][:count])
    scale = matplotlib.colormaps["viridis"](np.linspace(*_VIRIDIS[theme], count))
    return [to_hex(colour) for colour in scale]


def to_dark(colour) -> tuple[float, float, float, float]:
    """The dark theme's counterpart of a colour of a light figure; its opacity is kept.

    Args:
        colour: anything that Matplotlib takes for one colour.

    Returns:
        Red, green, blue and opacity, each 0 to 1.

    Raises:
        ValueError: a colour that is neither of the palette, nor ink, paper or grid, nor of the ordered scale,
            nor a grey.

    >>> matplotlib.colors.to_hex(to_dark("white")), matplotlib.colors.to_hex(to_dark("#13205b"))
    ('#14161a', '#faf2be')
    """
    red, green, blue, opacity = to_rgba(colour)
    if opacity == 0.0:
        return red, green, blue, opacity
    name = to_hex((red, green, blue))
    known = _counterparts().get(name)
    if known is None and red == green == blue:
        paper, ink = (np.array(to_rgba(c)[:3]) for c in INK["dark"][:2])
        known = tuple(ink + red * (paper - ink))
    if known is None:
        raise ValueError(
            f"the colour {name} has no counterpart in the dark theme: take colours from plots.series(...),"
            " or a grey such as '0.5'"
        )
    return (*to_rgba(known)[:3], opacity)


@functools.cache
def _counterparts() -> dict[str, str]:
    """Of every colour of the light theme except the greys: its name in the dark theme."""
    viridis = matplotlib.colormaps["viridis"]
    places = np.arange(viridis.N) / (viridis.N - 1)
    (low, high), (dark_low, dark_high) = _VIRIDIS["light"], _VIRIDIS["dark"]
    there = dark_low + (places - low) / (high - low) * (dark_high - dark_low)
    pairs = {
        to_hex(viridis(int(index))): to_hex(viridis(float(place)))
        for index, place in enumerate(there)
        if place >= min(dark_low, dark_high) - 0.01
    }
    pairs |= dict(zip(INK["light"], INK["dark"], strict=True))
    return pairs | dict(zip(PALETTES["light"], PALETTES["dark"], strict=True))


def colormap_to_dark(colormap: Colormap) -> Colormap:
    """The colormap of an image or a contour plot in the dark theme.

    Viridis stays, for it reads on both papers; a ramp between white and black runs between the dark theme's
    paper and ink instead; a list of colours is mapped colour by colour.

    Raises:
        ValueError: another colormap.

    >>> to_hex(colormap_to_dark(matplotlib.colormaps["gray_r"])(0.0))
    '#14161a'
    """
    if colormap.name.startswith("viridis") or colormap.name.startswith("dark "):
        return colormap
    if colormap.name in ("gray", "gray_r"):
        ends = [to_dark(colormap(end)) for end in (0.0, 1.0)]
        return LinearSegmentedColormap.from_list(f"dark {colormap.name}", ends)
    if isinstance(colormap, ListedColormap) and colormap.N <= 32:
        return ListedColormap([to_dark(c) for c in colormap.colors], name=f"dark {colormap.name}")
    raise ValueError(
        f"the colormap {colormap.name!r} has no counterpart in the dark theme: pass viridis, gray or gray_r"
    )
