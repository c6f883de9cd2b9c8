"""One style for every figure: legible in grey, to colour-blind readers and in the dark; alt text required.

A notebook draws with `axes = plots.figure(columns)` and ends with `plots.show(alt=...)`; it never touches
Matplotlib's settings. Lines differ in colour and marker and line style together, never in colour alone.
`show` adds its colours in the dark (`themes.py`), its panels stacked (`pictures.py`) and its numbers as CSV
(`numbers.py`).
"""

import weakref
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler  # comes with Matplotlib
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from lecturelib.plots import numbers, outputs, pictures, themes
from lecturelib.plots.pictures import Pictures

_MARKERS = "osD^vPX*<>hd"
_DASHES = ("-", "--", "-.", ":")


_numbers: dict[str, int] = {}  # alternative text -> the figure's number in this process
# What the bands of a figure are; a dict keeps each sentence once, in order.
_bands: weakref.WeakKeyDictionary[Figure, dict[str, None]] = weakref.WeakKeyDictionary()


def figure(
    columns: int = 1, rows: int = 1, *, width: float | None = None, height: float = 3.4, **subplots: Any
) -> Any:
    """Start a figure in the lecture's style.

    Args:
        columns: panels side by side.
        rows: of panels.
        width: inches, of the whole figure; by default 4.3 a panel, of one panel 5.2, which a phone can show
            (it stacks several).
        height: inches, of one row.
        subplots: passed to matplotlib.pyplot.subplots (sharex, sharey, ...).

    Returns:
        One Axes, or an array of them where there are several panels.

    >>> import matplotlib.pyplot as plt
    >>> from lecturelib import plots
    >>> axes = plots.figure(2, sharey=True)
    >>> len(axes)
    2
    >>> plt.close()
    """
    width = width or (5.2 if columns == 1 else 4.3 * columns)
    paper, ink, grid = themes.INK["light"]
    style: dict[Any, Any] = {
        "figure.facecolor": paper, "axes.facecolor": paper, "savefig.facecolor": paper,
        "text.color": ink, "axes.labelcolor": ink, "axes.edgecolor": ink, "xtick.color": ink,
        "ytick.color": ink,
        "axes.prop_cycle": cycler(color=themes.PALETTES["light"]),
        "grid.color": grid, "grid.linewidth": 0.6, "axes.grid": True, "axes.axisbelow": True,
        "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "font.size": 10, "legend.frameon": False, "legend.fontsize": 8.5, "lines.linewidth": 1.6,
        "lines.markersize": 4.5, "figure.dpi": 96, "figure.constrained_layout.use": True,
    }  # fmt: skip
    matplotlib.rcParams.update(style)
    return plt.subplots(rows, columns, figsize=(width, height * rows), **subplots)[1]


def series(count: int) -> list[dict[str, Any]]:
    """Line styles for so many series: keyword arguments of Axes.plot, different in grey too.

    Up to five series get the palette; more are taken to be ordered (batch sizes, say) and get a scale that
    runs from dark to light.

    Args:
        count: of series.

    >>> from lecturelib import plots
    >>> [style["marker"] for style in plots.series(3)]
    ['o', 's', 'D']
    """
    return [
        {"color": c, "marker": _MARKERS[i % len(_MARKERS)], "linestyle": _DASHES[i % len(_DASHES)]}
        for i, c in enumerate(themes.series_colours("light", count))
    ]


def band(axes: Axes, x: ArrayLike, samples: ArrayLike, *, errors: float = 2.0, **style: Any) -> None:
    """Draw the mean over runs as a line, with a band of so many standard errors of that mean.

    Args:
        axes: where to draw.
        x: shape (points,).
        samples: shape (runs, points), at least 2 runs.
        errors: half the band's width, in standard errors.
        style: as from `series`, and a label.

    Raises:
        ValueError: fewer than two runs, or shapes that do not match.
    """
    places, runs = np.asarray(x), np.asarray(samples, dtype=float)
    if runs.ndim != 2 or len(runs) < 2 or runs.shape[1] != len(places):
        raise ValueError(
            f"samples has shape {runs.shape}: need (runs >= 2, {len(places)}), a column for each x"
        )
    mean = runs.mean(axis=0)
    half = errors * runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
    low, high, name = mean - half, mean + half, style.get("label")  # the name says whose numbers they are
    axes.fill_between(places, low, high, gid=name, color=style.get("color"), alpha=0.25, linewidth=0)
    axes.plot(places, mean, **style)
    said = f"Bands: mean ± {errors:g} standard errors over {len(runs):,} runs."
    figure = axes.get_figure(root=True)
    assert figure, "these axes have left their figure"
    _bands.setdefault(figure, {})[said] = None


def reference_slope(axes: Axes, x: ArrayLike, y_first: float, slope: float, label: str) -> None:
    """Draw the power law y = y_first (x / x[0])^slope as a thin dashed line.

    Args:
        axes: where to draw.
        x: positive, shape (points,).
        y_first: the value at x[0].
        slope: the exponent.
        label: its name in the legend.
    """
    places = np.asarray(x, dtype=float)
    axes.plot(places, y_first * (places / places[0]) ** slope, label=label, **_thin_dashes())


def reference_line(
    axes: Axes, *, x: float | None = None, y: float | None = None, label: str | None = None
) -> None:
    """Draw a thin dashed vertical line at x, or a horizontal one at y: a predicted value.

    Args:
        axes: where to draw.
        x: place of a vertical line; give this or y.
        y: place of a horizontal line.
        label: its name in the legend.

    Raises:
        ValueError: both places or none.
    """
    if x is not None and y is None:
        axes.axvline(x, label=label, **_thin_dashes())
    elif y is not None and x is None:
        axes.axhline(y, label=label, **_thin_dashes())
    else:
        raise ValueError(f"x={x}, y={y}: give one of them, the place of the line")


def _thin_dashes() -> dict[str, Any]:
    return {"color": themes.INK["light"][1], "linewidth": 0.9, "dashes": (2, 2)}


def show(*, alt: str, caption: str = "", bars: str = "") -> None:
    """Put the current figure into the notebook, with a caption and its numbers, and close it.

    The output is HTML: an SVG for light and dark pages, stacked on a phone, its alternative text, its number
    and a link to its numbers as CSV (`outputs.py`). Beside it stands a PNG for programs that show no HTML.

    Args:
        alt: what a reader who cannot see the figure should know: axes and finding, in a sentence or two.
        caption: what to look at, in a sentence.
        bars: what error bars are, "2 standard errors over 20 seeds"; of a `band` the caption says it.

    Raises:
        ValueError: no alternative text, no figure to show, or a colour that the dark theme does not know.
    """
    alt = " ".join(alt.split())
    if len(alt) < 40:
        raise ValueError(f"alt={alt!r}: say what the figure shows and what it finds, in at least 40 letters")
    if not plt.get_fignums():
        raise ValueError("no figure to show: start one with plots.figure()")
    figure = plt.gcf()
    number = _numbers.setdefault(alt, len(_numbers) + 1)  # a cell that runs again keeps its number
    try:
        pictures.break_titles(figure)
        light = pictures.png(figure, 96)
        shown = for_page(figure, alt=alt, caption=caption, bars=bars, number=number)
    finally:
        plt.close(figure)
    bundle = {"text/html": shown.__html__(), "image/png": light, "text/plain": f"Figure: {alt}"}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})


def for_page(
    figure: Figure, *, alt: str, caption: str = "", bars: str = "", number: int = 1
) -> outputs.Figure:
    """A figure as HTML for a page, which a template puts in by its name; the figure is closed.

    Args:
        figure: started by `plots.figure`.
        alt: what a reader who cannot see the figure should know.
        caption: what to look at, in a sentence.
        bars: what error bars are.
        number: of the figure on its page.

    Raises:
        ValueError: a colour that the dark theme does not know.
    """
    said = [caption.strip(), f"Bars: {bars}." if bars else "", *_bands.get(figure, {})]
    try:
        pictures.break_titles(figure)
        csv = numbers.table(figure)
        wide, narrow = pictures.svgs(figure)
    finally:
        plt.close(figure)
    return outputs.Figure(alt, wide, narrow, csv, " ".join(filter(None, said)), number)


def drawn(figure: Figure, dpi: float = 96.0) -> Pictures:
    """A figure on light and on dark paper; the figure is closed.

    Args:
        figure: started by `plots.figure`.
        dpi: pixels an inch.

    Raises:
        ValueError: a colour that the dark theme does not know.
    """
    try:
        light = pictures.png(figure, dpi)
        themes.recolour(figure)
        return Pictures(light, pictures.png(figure, dpi))
    finally:
        plt.close(figure)
