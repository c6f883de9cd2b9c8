"""Each number of a sweep's table against each parameter that was varied, for light and for dark pages."""

import warnings
from dataclasses import dataclass

import matplotlib
import numpy as np
import pyarrow
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lecturelib import claims, plots
from workshop.sweep.groups import FEWEST, distinct, half_width, is_number, repeats
from workshop.sweep.table import OK, TYPES

MOST = 40  # drawings on a page
SERIES = 5  # lines in a drawing, and panels

# A line's label -> place on the axis -> heights of its points.
Lines = dict[str | None, dict[str, list[float]]]


@dataclass(frozen=True)
class Picture:
    """A picture in base64.

    Attributes:
        alt: what it shows, for who cannot see it.
        light: on white paper.
        dark: on dark paper; None if there is no such one.
        mime: "image/svg+xml" of a figure that follows the page by itself.
        panels: side by side.
    """

    alt: str
    light: str
    dark: str | None
    mime: str = "image/png"
    panels: int = 1


@dataclass(frozen=True)
class Drawings:
    """Numbers against parameters.

    Attributes:
        drawn: the drawings, at most 40.
        undrawn: how many more there would have been.
        failed: those that could not be drawn, and why.
        constant: numbers that are the same in every run, name -> value; these are not drawn.
    """

    drawn: list[Picture]
    undrawn: int
    failed: list[str]
    constant: dict[str, float]


def recorded(runs: list[dict], columns: list[str], parameters: list[str]) -> list[str]:
    """The columns that hold numbers of the notebook's in more than one run."""
    own = [name for name in columns if name not in TYPES and name not in parameters]
    return [name for name in own if sum(is_number(run[name]) for run in runs) > 1]


def varied(runs: list[dict], parameters: list[str]) -> list[str]:
    """The parameters with several values, seeds left out where there are others."""
    several = [name for name in parameters if len(distinct(runs, name)) > 1]
    return [name for name in several if not repeats(name)] or several


def drawings(rows: pyarrow.Table, parameters: list[str]) -> Drawings:
    """Draw each number of the runs that ended well against each parameter that was varied.

    Points are runs, lines go through their means, and bars are the means' 95 % intervals. A second parameter
    of at most five values tells lines apart, a third one panels; over others the mean is taken, which the
    drawing says. A seed only repeats, and is drawn against only where nothing else was varied.

    Args:
        rows: the sweep's table.
        parameters: names of the columns that are parameters.
    """
    runs = [row for row in rows.to_pylist() if row["status"] == OK]
    numbers = recorded(runs, rows.column_names, parameters)
    across = varied(runs, parameters)
    constant = {name: runs[0][name] for name in numbers if len(distinct(runs, name)) == 1}
    wanted = [(number, parameter) for number in numbers if number not in constant for parameter in across]
    drawn, failed = [], []
    for number, parameter in wanted[:MOST]:
        try:
            drawn.append(_drawing(runs, number, parameter, across))
        except Exception as error:  # of Matplotlib's, at values or texts that it cannot place
            failed.append(f"{number} against {parameter} ({type(error).__name__}: {error})")
    return Drawings(drawn, max(0, len(wanted) - MOST), failed, constant)


def _drawing(runs: list[dict], number: str, parameter: str, across: list[str]) -> Picture:
    runs = [run for run in runs if is_number(run[number])]
    few = [name for name in across if name != parameter and len(distinct(runs, name)) <= SERIES]
    split, facet = [*few, None, None][:2]
    pooled = [name for name in across if name not in (parameter, split, facet)]
    panels: dict[str | None, Lines] = {}
    for panel in distinct(runs, facet) if facet else [None]:
        lines: Lines = {}
        for value in distinct(runs, split) if split else [None]:
            own = [run for run in runs if split is None or run[split] == value]
            own = [run for run in own if facet is None or run[facet] == panel]
            places: dict[str, list[float]] = {_label(x): [] for x in distinct(own, parameter)}
            for run in own:
                places[_label(run[parameter])].append(run[number])
            if places:
                lines[None if split is None else f"{split} = {_label(value)}"] = places
        panels[None if facet is None else f"{facet} = {_label(panel)}"] = lines
    positions = _positions(distinct(runs, parameter))
    over = f", over {' and '.join(pooled)}" if pooled else ""
    pictures = _drawn(panels, positions, f"{number}{over}", parameter, bars=not pooled)
    alt = _alt(panels, number + over, parameter, split)
    return Picture(alt, pictures.light, pictures.dark, panels=len(panels))


def _positions(values: list) -> dict[str, float]:
    """Where each value stands on the axis: numbers at themselves, others in a row."""
    numbers = all(is_number(value) for value in values)
    return {_label(value): float(value) if numbers else place for place, value in enumerate(values)}


def _label(value: object) -> str:
    short = f"{value:.12g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else repr(value)


def _drawn(
    panels: dict[str | None, Lines], positions: dict[str, float], number: str, parameter: str, *, bars: bool
) -> plots.Pictures:
    """The drawing for light and for dark pages; with bars, where enough runs differ in their seeds only."""
    every = [ys for lines in panels.values() for places in lines.values() for ys in places.values()]
    labels = list(dict.fromkeys(label for lines in panels.values() for label in lines))
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Glyph", UserWarning
        )  # of scripts that the font lacks: a box is drawn
        width = 5.2 if len(panels) == 1 else 3.4 * len(panels)
        drawn = np.atleast_1d(plots.figure(len(panels), width=width, height=3.2, sharey=True))
        for axes, (panel, lines) in zip(drawn, panels.items(), strict=True):
            styles = dict(zip(labels, plots.series(len(labels)), strict=True))
            for label, places in lines.items():
                style, x = styles[label], [positions[place] for place in places]
                points = [(at, y) for at, ys in zip(x, places.values(), strict=True) for y in ys]
                if len(points) > len(x):
                    axes.plot(*np.transpose(points), **style | {"linestyle": "", "alpha": 0.4})
                means = [np.mean(ys) for ys in places.values()]
                axes.plot(x, means, label=label and _plain(label), **style)
                if bars and any(len(ys) >= FEWEST for ys in places.values()):
                    half = [half_width(ys) for ys in places.values()]
                    axes.errorbar(x, means, half, linestyle="", color=style["color"], capsize=3)
            axes.set(xlabel=_plain(parameter), title=_plain(panel or ""))
            _scale(axes, positions, [y for ys in every for y in ys])
        drawn[0].set_ylabel(_plain(number))
        if None not in labels:
            drawn[-1].legend()
        return plots.drawn(drawn[0].figure, dpi=130)


def _plain(text: str) -> str:
    """Text that Matplotlib draws as it is: a dollar begins no formula."""
    return text.replace("$", r"\$")


def _scale(axes: Axes, positions: dict[str, float], heights: list[float]) -> None:
    x = list(positions.values())
    if all(_label(at) != label for label, at in positions.items()):  # words, not numbers
        short = [label if len(label) < 20 else label[:18] + "…" for label in positions]
        axes.set_xticks(x, [_plain(label) for label in short])
    elif _wide(x):
        axes.set_xscale("log")
    elif all(float(at).is_integer() for at in x):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if _wide(heights):
        axes.set_yscale("log", nonpositive="clip")


def _wide(values: list[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) >= 20


def _alt(panels: dict[str | None, Lines], number: str, parameter: str, split: str | None) -> str:
    text = f"{number} against {parameter}"
    text += f", one line for each {split}. " if split else ". "
    for panel, label, places in (
        (p, label, at) for p, lines in panels.items() for label, at in lines.items()
    ):
        means = {place: float(np.mean(ys)) for place, ys in places.items()}
        least, most = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
        said = ", ".join(filter(None, (panel, label)))
        who = f"With {said}, the" if said else "The"
        text += (
            f"{who} mean is least, {claims.number(means[least])}, at {least} and greatest,"
            f" {claims.number(means[most])}, at {most}. "
        )
    return text.strip()
