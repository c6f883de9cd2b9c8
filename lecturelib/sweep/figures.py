"""Each number of a sweep's table against each parameter that was varied, for light and for dark pages."""

import base64
import io
from dataclasses import dataclass

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pyarrow

from lecturelib import claims, plots
from lecturelib.plots import dark as figure_dark
from lecturelib.sweep.recording import is_number
from lecturelib.sweep.table import OK, TYPES

MOST = 40  # drawings on a page
SERIES = 5  # lines in a drawing


@dataclass(frozen=True)
class Drawing:
    """One drawing. png: theme -> base64 text. alt: what it shows, for who cannot see it."""

    alt: str
    png: dict[str, str]


def drawings(rows: pyarrow.Table, parameters: list[str]) -> tuple[list[Drawing], int]:
    """Draw each numeric column against each parameter of which the grid has two values or more.

    Points are runs and lines go through their means. A second parameter of at most five values tells lines
    apart. A parameter called seed... only repeats, and is drawn against only where nothing else was varied.

    Args:
        rows: the sweep's table. parameters: names of the columns that are parameters.

    Returns:
        The drawings, at most 40, and how many more there would have been.
    """
    runs = [row for row in rows.to_pylist() if row["status"] == OK]
    numbers = [
        name
        for name in rows.column_names
        if name not in TYPES and name not in parameters and sum(is_number(run[name]) for run in runs) > 1
    ]
    varied = [name for name in parameters if len(_distinct(runs, name)) > 1]
    across = [name for name in varied if not name.startswith("seed")] or varied
    wanted = [(number, parameter) for number in numbers for parameter in across]
    return [_drawing(runs, *pair, across) for pair in wanted[:MOST]], max(0, len(wanted) - MOST)


def _distinct(runs: list[dict], name: str) -> list:
    values = []
    for run in runs:
        if run[name] not in values:
            values.append(run[name])
    numbers = all(is_number(value) for value in values)
    return sorted(values) if numbers else values


def _drawing(runs, number, parameter, across) -> Drawing:
    others = [name for name in across if name != parameter and len(_distinct(runs, name)) <= SERIES]
    split = others[0] if others else None
    runs = [run for run in runs if is_number(run[number])]
    lines = {}  # label -> x, mean, all points
    for value in _distinct(runs, split) if split else [None]:
        own = [run for run in runs if split is None or run[split] == value]
        places = {_label(x): [r[number] for r in own if r[parameter] == x] for x in _distinct(own, parameter)}
        lines[None if split is None else f"{split} = {_label(value)}"] = places
    positions = _positions(_distinct(runs, parameter))
    return Drawing(_alt(lines, number, parameter, split), _drawn(lines, positions, number, parameter))


def _positions(values: list) -> dict[str, float]:
    """Where each value stands on the axis: numbers at themselves, others in a row."""
    numbers = all(is_number(value) for value in values)
    return {_label(value): float(value) if numbers else place for place, value in enumerate(values)}


def _label(value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _drawn(lines, positions, number, parameter) -> dict[str, str]:
    """The drawing as PNG in base64, by theme."""
    before = plots._THEME
    with matplotlib.rc_context():
        plots.use("light")
        try:
            axes, styles = plots.figure(width=5.2, height=3.2), plots.series(len(lines))
        finally:
            plots.use(before)
        for style, (label, places) in zip(styles, lines.items(), strict=True):
            x = [positions[place] for place in places]
            points = [(at, y) for at, ys in zip(x, places.values(), strict=True) for y in ys]
            if len(points) > len(x):
                axes.plot(*np.transpose(points), **style | {"linestyle": "", "alpha": 0.4})
            axes.plot(x, [np.mean(ys) for ys in places.values()], label=label, **style)
        axes.set(xlabel=parameter, ylabel=number)
        _scale(axes, positions, [y for places in lines.values() for ys in places.values() for y in ys])
        if None not in lines:
            axes.legend()
        light = _png(axes.figure)
        figure_dark.recolour(axes.figure)
        dark = _png(axes.figure)
        plt.close(axes.figure)
    return {"light": light, "dark": dark}


def _png(figure) -> str:
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=130, facecolor=figure.get_facecolor(), metadata={"Software": None})
    return base64.b64encode(png.getvalue()).decode()


def _scale(axes, positions: dict[str, float], heights: list[float]) -> None:
    x = list(positions.values())
    if all(_label(at) != label for label, at in positions.items()):  # words, not numbers
        axes.set_xticks(x, [label if len(label) < 20 else label[:18] + "…" for label in positions])
    elif _wide(x):
        axes.set_xscale("log")
    if _wide(heights):
        axes.set_yscale("log")


def _wide(values: list[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) >= 20


def _alt(lines, number, parameter, split) -> str:
    text = f"{number} against {parameter}"
    text += f", one line for each {split}. " if split else ". "
    for label, places in lines.items():
        means = {place: float(np.mean(ys)) for place, ys in places.items()}
        if not means:
            continue
        least, most = min(means, key=means.get), max(means, key=means.get)
        who = f"With {label}, the" if label else "The"
        text += (
            f"{who} mean is least, {claims.number(means[least])}, at {least} and greatest,"
            f" {claims.number(means[most])}, at {most}. "
        )
    return text.strip()
