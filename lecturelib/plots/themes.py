"""The colours of every figure, in a light and a dark theme, and a figure of the one turned into the other.

A theme is a paper, an ink, a grid and five colours for series. More than five series are taken to be ordered
(batch sizes, say) and get a stretch of the viridis scale. Every other colour of a figure is a grey, read as a
mixture of ink and paper. That closes the set: each colour of a light figure has a counterpart in the dark,
and a colour outside the set is refused, for nobody has checked who can tell it from the others.
"""

import functools
import re
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.collections import Collection
from matplotlib.colors import (
    Colormap,
    LinearSegmentedColormap,
    ListedColormap,
    to_hex,
    to_rgba,
    to_rgba_array,
)
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.typing import ColorType

# Ordered by lightness, in equal steps (CIELAB L* 15 to 61 on white, 95 to 49 on black): the step is what two
# marks need to be told apart by lightness alone, so in grey print too (see test_plots_themes.py).
PALETTES = {
    "light": ("#13205b", "#800d02", "#00636c", "#d64001", "#6597cd"),
    "dark": ("#faf2be", "#9ad8ff", "#eaa24e", "#499f9b", "#8c57dd"),
}
# paper, ink, grid
INK = {"light": ("#ffffff", "#22252b", "#d5d8dd"), "dark": ("#14161a", "#e6e8eb", "#3a3e46")}
COLOUR = r"#[0-9a-f]{6}\b"  # as Matplotlib writes it into SVG
_VIRIDIS = {"light": (0.0, 0.82), "dark": (1.0, 0.3)}  # the stretch of it that stands out from the paper
_COLOURED = {  # what each kind of artist is coloured with: the names after get_ and set_
    Line2D: ("color", "markerfacecolor", "markeredgecolor", "markerfacecoloralt", "gapcolor"),
    Patch: ("facecolor", "edgecolor"),
    Collection: ("facecolor", "edgecolor"),
    Text: ("color",),
}


def series_colours(theme: str, count: int) -> list[str]:
    """Colours of `count` series in a theme: of the palette, or, from six on, of an ordered scale.

    Args:
        theme: "light" or "dark".
        count: of series.

    >>> from lecturelib.plots import themes
    >>> themes.series_colours("light", 2)
    ['#13205b', '#800d02']
    >>> themes.series_colours("dark", 6)[0]
    '#fde725'
    """
    if count <= len(PALETTES[theme]):
        return list(PALETTES[theme][:count])
    scale = matplotlib.colormaps["viridis"](np.linspace(*_VIRIDIS[theme], count))
    return [to_hex(colour) for colour in scale]


def to_dark(colour: ColorType) -> tuple[float, float, float, float]:
    """The dark theme's counterpart of a colour of a light figure; its opacity is kept.

    Args:
        colour: anything that Matplotlib takes for one colour.

    Returns:
        Red, green, blue and opacity, each 0 to 1.

    Raises:
        ValueError: a colour that is neither of the palette, nor ink, paper or grid, nor of the ordered scale,
            nor a grey.

    >>> from matplotlib.colors import to_hex
    >>> from lecturelib.plots import themes
    >>> to_hex(themes.to_dark("white")), to_hex(themes.to_dark("#13205b"))
    ('#14161a', '#faf2be')
    """
    red, green, blue, opacity = to_rgba(colour)
    if opacity == 0.0:
        return red, green, blue, opacity
    name = to_hex((red, green, blue))
    if name in _counterparts():
        return to_rgba(_counterparts()[name], opacity)
    if red == green == blue:
        paper, ink = (np.array(to_rgba(c)[:3]) for c in INK["dark"][:2])
        return to_rgba(tuple(ink + red * (paper - ink)), opacity)
    raise ValueError(
        f"the colour {name} has no counterpart in the dark theme: take colours from plots.series(...),"
        " or a grey such as '0.5'"
    )


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


def text_to_dark(svg: str) -> str:
    """An SVG of the light theme with its colours in the dark one.

    >>> from lecturelib.plots import themes
    >>> themes.text_to_dark("<path style='stroke: #13205b; fill: #ffffff'/>")
    "<path style='stroke: #faf2be; fill: #14161a'/>"
    """
    return re.sub(COLOUR, lambda found: to_hex(to_dark(found[0])), svg)


def has_colormap(figure: Figure) -> bool:
    """Whether anything is coloured by numbers: then one colour may have two counterparts."""
    return any(isinstance(a, ScalarMappable) and a.get_array() is not None for a in figure.findobj())


def colormap_to_dark(colormap: Colormap) -> Colormap:
    """The colormap of an image or a contour plot in the dark theme.

    Viridis stays, for it reads on both papers; a ramp between white and black runs between the dark theme's
    paper and ink instead; a list of colours is mapped colour by colour.

    Args:
        colormap: viridis, gray, gray_r, or a list of at most 32 colours.

    Raises:
        ValueError: another colormap.

    >>> import matplotlib
    >>> from lecturelib.plots import themes
    >>> matplotlib.colors.to_hex(themes.colormap_to_dark(matplotlib.colormaps["gray_r"])(0.0))
    '#14161a'
    """
    if colormap.name.startswith(("viridis", "dark ")):
        return colormap
    if colormap.name in ("gray", "gray_r"):
        ends = [to_dark(colormap(end)) for end in (0.0, 1.0)]
        return LinearSegmentedColormap.from_list(f"dark {colormap.name}", ends)
    if isinstance(colormap, ListedColormap) and colormap.N <= 32:
        return ListedColormap(
            [to_dark(tuple(c)) for c in colormap(range(colormap.N))], name=f"dark {colormap.name}"
        )
    raise ValueError(
        f"the colormap {colormap.name!r} has no counterpart in the dark theme: pass viridis, gray or gray_r"
    )


def recolour(figure: Figure) -> None:
    """Recolour a figure of the light theme for dark paper, in place.

    Lines, markers, areas, bars, texts, ticks, grids, legends, images and contours are recoloured; opacities,
    places and sizes stay.

    Args:
        figure: drawn with `plots.figure`.

    Raises:
        ValueError: a colour or colormap without a counterpart; the message names it.

    >>> import matplotlib.pyplot as plt
    >>> from lecturelib import plots
    >>> from lecturelib.plots import themes
    >>> axes = plots.figure()
    >>> line, = axes.plot([0, 1], color=plots.series(1)[0]["color"])
    >>> themes.recolour(axes.figure)
    >>> line.get_color()[:3] == themes.to_dark(plots.series(1)[0]["color"])[:3]
    True
    >>> plt.close()
    """
    paper, ink, grid = INK["dark"]
    artists = figure.findobj()
    artists += [box for a in artists if isinstance(a, Text) and (box := a.get_bbox_patch())]
    for artist in artists:
        _recolour_one(artist)
    # Ticks that do not exist yet are copied from the axis, not from the ticks.
    for axis in figure.findobj(Axis):
        axis.set_tick_params(which="both", color=ink, labelcolor=ink, grid_color=grid)
    figure.set_facecolor(paper)


def _recolour_one(artist: Artist) -> None:
    if isinstance(artist, ScalarMappable) and artist.get_array() is not None:
        artist.set_cmap(colormap_to_dark(artist.get_cmap()))
        return
    # An automatic colour follows another one: all are read before any is set.
    new = {
        name: _mapped(getattr(artist, f"get_{name}")())
        for kind, names in _COLOURED.items()
        if isinstance(artist, kind)
        for name in names
    }
    for name, colour in new.items():
        if colour is not None:
            getattr(artist, f"set_{name}")(colour)


def _mapped(colour: Any) -> Any:
    """One colour or an array of them, mapped; None where nothing is drawn, which setting it would undo."""
    if colour is None or (isinstance(colour, str) and colour in ("none", "")):
        return None
    colours = to_rgba_array(colour)
    if not colours[:, 3].any():
        return None
    mapped = [to_dark(tuple(one)) for one in colours]
    return mapped if np.ndim(colour) == 2 else mapped[0]
