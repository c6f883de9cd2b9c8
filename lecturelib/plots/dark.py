"""A figure drawn on white paper, turned into the same figure on dark paper: every colour, nothing else.

The map of colours is `colours.to_dark`; here it is applied to everything Matplotlib can draw.
"""

import numpy as np
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.collections import Collection
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from lecturelib.plots.colours import INK, colormap_to_dark, to_dark

# What each kind of artist is coloured with: the names after get_ and set_.
_PROPERTIES = {
    Line2D: ("color", "markerfacecolor", "markeredgecolor", "markerfacecoloralt", "gapcolor"),
    Patch: ("facecolor", "edgecolor"),
    Collection: ("facecolor", "edgecolor"),
    Text: ("color",),
}


def recolour(figure: Figure) -> None:
    """Recolour a figure of the light theme for dark paper, in place.

    Lines, markers, areas, bars, texts, ticks, grids, legends, images and contours are recoloured; opacities,
    places and sizes stay.

    Raises:
        ValueError: a colour or colormap without a counterpart; the message names it.

    >>> import matplotlib.pyplot as plt
    >>> from lecturelib import plots
    >>> axes = plots.figure()
    >>> line, = axes.plot([0, 1], color=plots.series(1)[0]["color"])
    >>> recolour(axes.figure)
    >>> line.get_color()[:3] == to_dark(plots.series(1)[0]["color"])[:3]
    True
    >>> plt.close()
    """
    paper, ink, grid = INK["dark"]
    artists = figure.findobj()
    artists += [a.get_bbox_patch() for a in artists if isinstance(a, Text) and a.get_bbox_patch()]
    for artist in artists:
        _recolour_one(artist)
    # Ticks that do not exist yet are copied from the axis, not from the ticks.
    for axis in figure.findobj(Axis):
        axis.set_tick_params(which="both", color=ink, labelcolor=ink, grid_color=grid)
    figure.set_facecolor(paper)


def _recolour_one(artist) -> None:
    if isinstance(artist, ScalarMappable) and artist.get_array() is not None:
        artist.set_cmap(colormap_to_dark(artist.get_cmap()))
        return
    # An automatic colour follows another one: all are read before any is set.
    new = {
        name: _mapped(getattr(artist, f"get_{name}")())
        for kind, names in _PROPERTIES.items()
        if isinstance(artist, kind)
        for name in names
    }
    for name, colour in new.items():
        if colour is not None:
            getattr(artist, f"set_{name}")(colour)


def _mapped(colour):
    """One colour or an array of them, mapped; None where nothing is drawn, which setting it would undo."""
    if colour is None or (isinstance(colour, str) and colour in ("none", "")):
        return None
    colours = to_rgba_array(colour)
    if not colours[:, 3].any():
        return None
    mapped = [to_dark(one) for one in colours]
    return mapped if np.ndim(colour) == 2 else mapped[0]
