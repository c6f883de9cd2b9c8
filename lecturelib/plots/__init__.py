"""One style for every figure: legible in grey, to colour-blind readers and in the dark; alt text required.

A notebook draws with `axes = plots.figure(columns)` and ends with `plots.show(alt=...)`; it never touches
Matplotlib's settings. Lines differ in colour and marker and line style together, never in colour alone.
`show` adds to each figure a dark one (`dark.py`) and its numbers as CSV (`numbers.py`).
"""

import base64
import io

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from PIL import Image  # comes with Matplotlib, which draws with it

from lecturelib.plots import dark as figure_dark
from lecturelib.plots import numbers
from lecturelib.plots.colours import INK, PALETTES, series_colours

_MARKERS = "osD^vPX*<>hd"
_DASHES = ("-", "--", "-.", ":")
_THEME = "light"


def use(theme: str) -> None:
    """Draw every later figure in one theme.

    Args:
        theme: "light" or "dark".

    Raises:
        ValueError: another theme.

    >>> use("light")
    """
    global _THEME
    if theme not in PALETTES:
        raise ValueError(f"theme={theme!r}: choose one of {', '.join(PALETTES)}")
    _THEME = theme


def _settings() -> dict:
    paper, ink, grid = INK[_THEME]
    return {
        "figure.facecolor": paper, "axes.facecolor": paper, "savefig.facecolor": paper,
        "text.color": ink, "axes.labelcolor": ink, "axes.edgecolor": ink, "xtick.color": ink,
        "ytick.color": ink,
        "axes.prop_cycle": matplotlib.cycler(color=PALETTES[_THEME]),
        "grid.color": grid, "grid.linewidth": 0.6, "axes.grid": True, "axes.axisbelow": True,
        "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "font.size": 10, "legend.frameon": False, "legend.fontsize": 8.5, "lines.linewidth": 1.6,
        "lines.markersize": 4.5, "figure.dpi": 96, "figure.constrained_layout.use": True,
    }  # fmt: skip


def figure(columns: int = 1, rows: int = 1, *, width: float | None = None, height: float = 3.4, **subplots):
    """Start a figure in the lecture's style.

    Args:
        columns, rows: panels.
        width, height: inches, of the whole figure and of one row; by default 4.3 (one panel 6) a panel.
        subplots: passed to matplotlib.pyplot.subplots (sharex, sharey, ...).

    Returns:
        One Axes, or an array of them where there are several panels.

    >>> axes = figure(2, sharey=True)
    >>> len(axes)
    2
    >>> plt.close()
    """
    width = width or (6.0 if columns == 1 else 4.3 * columns)
    matplotlib.rcParams.update(_settings())
    return plt.subplots(rows, columns, figsize=(width, height * rows), **subplots)[1]


def series(count: int) -> list[dict]:
    """Line styles for `count` series: keyword arguments of Axes.plot, different in grey too.

    Up to five series get the palette; more are taken to be ordered (batch sizes, say) and get a scale that
    runs from dark to light.

    >>> [style["marker"] for style in series(3)]
    ['o', 's', 'D']
    """
    return [
        {"color": c, "marker": _MARKERS[i % len(_MARKERS)], "linestyle": _DASHES[i % len(_DASHES)]}
        for i, c in enumerate(series_colours(_THEME, count))
    ]


def band(axes, x, samples, *, errors: float = 2.0, **style) -> None:
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
    samples = np.asarray(samples, dtype=float)
    if samples.ndim != 2 or len(samples) < 2 or samples.shape[1] != len(x):
        raise ValueError(
            f"samples has shape {samples.shape}: need (runs >= 2, {len(x)}), a column for each x"
        )
    mean = samples.mean(axis=0)
    half = errors * samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    look = {"color": style.get("color"), "alpha": 0.25, "linewidth": 0}
    axes.fill_between(x, mean - half, mean + half, gid=style.get("label"), **look)  # names its numbers
    axes.plot(x, mean, **style)


def reference_slope(axes, x, y_first: float, slope: float, label: str) -> None:
    """Draw the power law y = y_first (x / x[0])^slope as a thin dashed line.

    Args:
        axes: where to draw. x: positive, shape (points,). y_first: the value at x[0]. slope: the exponent.
        label: its name in the legend.
    """
    x = np.asarray(x, dtype=float)
    axes.plot(
        x, y_first * (x / x[0]) ** slope, color=INK[_THEME][1], linewidth=0.9, dashes=(2, 2), label=label
    )


def reference_line(axes, *, x: float | None = None, y: float | None = None, label: str | None = None) -> None:
    """Draw a thin dashed vertical line at x, or a horizontal one at y: a predicted value."""
    if (x is None) == (y is None):
        raise ValueError(f"x={x}, y={y}: give one of them, the place of the line")
    style = {"color": INK[_THEME][1], "linewidth": 0.9, "dashes": (2, 2), "label": label}
    axes.axvline(x, **style) if y is None else axes.axhline(y, **style)


def show(*, alt: str) -> None:
    """Put the current figure into the notebook as a PNG with its alternative text, and close it.

    The output's metadata carry, beside the alternative text, the same figure on dark paper ("dark", a PNG in
    base64) and its numbers ("csv"): the reader's site shows them, JupyterLab and the tests pass them over.

    Args:
        alt: what a reader who cannot see the figure should know: axes and finding, in a sentence or two.

    Raises:
        ValueError: no alternative text, no figure to show, or a colour that the dark theme does not know.
    """
    alt = " ".join(alt.split())
    if len(alt) < 40:
        raise ValueError(f"alt={alt!r}: say what the figure shows and what it finds, in at least 40 letters")
    if not plt.get_fignums():
        raise ValueError("no figure to show: start one with plots.figure()")
    figure = plt.gcf()
    try:
        picture, csv = _png(figure), numbers.table(figure)
        if _THEME == "light":
            figure_dark.recolour(figure)
        dark = _png(figure)
    finally:
        plt.close(figure)
    bundle = {"image/png": picture, "text/plain": f"Figure: {alt}"}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt, "dark": dark, "csv": csv}})


def _png(figure) -> str:
    """A figure as PNG in base64, of 256 colours: a third of the size, and lines and text look the same."""
    raw, png = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png", facecolor=figure.get_facecolor())
    Image.open(raw).convert("RGB").quantize(256, kmeans=1).save(png, format="PNG", optimize=True)
    return base64.b64encode(png.getvalue()).decode()
