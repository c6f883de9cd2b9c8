"""Runs of a sweep with their seeds taken together: means and how sure they are, the best, the verdicts."""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from scipy import stats

MOST_NUMBERS = 30  # of which least and greatest are shown
MOST_VALUES = 12  # of a parameter, in a map of verdicts
FEWEST = 3  # runs of which an interval is given: of two it is wider than anything it could tell apart


@dataclass(frozen=True)
class Mean:
    """A number over runs that differ in their seeds only.

    Attributes:
        run: the first of them, a row of the table.
        mean: over them.
        half: of the 95 % interval of the mean, by Student's t; NaN of fewer than three runs.
        count: of the runs.
    """

    run: dict
    mean: float
    half: float
    count: int


@dataclass(frozen=True)
class Map:
    """Where a claim holds.

    Attributes:
        claim: its id.
        down: name of the parameter whose values are the rows.
        across: that of the columns; None if there is none.
        columns: the values across.
        rows: value -> for each column (runs in which it holds, runs that checked it).
        pooled: the parameters over which runs are counted together.
    """

    claim: str
    down: str
    across: str | None
    columns: list
    rows: list[tuple[object, list[tuple[int, int]]]]
    pooled: list[str]


def repeats(parameter: str) -> bool:
    """Whether a parameter only repeats a run, by its name.

    >>> from workshop.sweep.groups import repeats
    >>> [repeats(name) for name in ("seed", "tuning_seed", "seeds", "seedling")]
    [True, True, True, False]
    """
    return re.search(r"(\A|_)seeds?(_|\Z)", parameter) is not None


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value can be drawn: a finite number, truth values not counted."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def half_width(values: Collection[float]) -> float:
    """Half of the 95 % interval of the mean of such values, by Student's t; NaN of fewer than three.

    >>> from workshop.sweep.groups import half_width
    >>> round(half_width([1.0, 2.0, 3.0]), 3)
    2.484
    """
    if len(values) < FEWEST:
        return math.nan
    return float(stats.t.ppf(0.975, len(values) - 1) * np.std(list(values), ddof=1) / math.sqrt(len(values)))


def distinct(runs: list[dict], name: str) -> list:
    """The values of a column, each once; numbers in order."""
    found = (run[name] for run in runs)
    values = list({str(value) if isinstance(value, list) else value: value for value in found}.values())
    return sorted(values) if all(is_number(value) for value in values) else values


def means(runs: list[dict], number: str, across: list[str]) -> list[Mean]:
    """Of each combination of the parameters in `across`, from the least mean to the greatest."""
    together: dict[str, list[dict]] = {}
    for run in runs:
        if is_number(run[number]):
            together.setdefault(repr([run[name] for name in across]), []).append(run)
    found = []
    for group in together.values():
        values = [run[number] for run in group]
        found.append(Mean(group[0], float(np.mean(values)), half_width(values), len(values)))
    return sorted(found, key=lambda each: each.mean)


def extremes(runs: list[dict], numbers: list[str], across: list[str]) -> list[tuple[str, Mean, Mean]]:
    """Each number that is not the same everywhere, with its least mean and its greatest."""
    found = []
    for number in numbers[:MOST_NUMBERS]:
        ordered = means(runs, number, across)
        if len(ordered) > 1 and ordered[0].mean < ordered[-1].mean:
            found.append((number, ordered[0], ordered[-1]))
    return found


def verdicts(runs: list[dict], across: list[str]) -> list[Map]:
    """A map of each claim that holds in some runs and not in others, over the first two parameters."""
    small = [name for name in across if len(distinct(runs, name)) <= MOST_VALUES]
    names = [name for name in (runs[0] if runs else ()) if name.endswith(" holds")]
    if not small:
        return []
    down, second = small[0], small[1] if len(small) > 1 else None
    columns, maps = distinct(runs, second) if second else [None], []
    for name in names:
        checked = [run for run in runs if isinstance(run[name], bool)]
        if len({run[name] for run in checked}) < 2:
            continue
        rows = []
        for value in distinct(runs, down):
            row = [run for run in checked if run[down] == value]
            cells = [[r[name] for r in row if second is None or r[second] == other] for other in columns]
            rows.append((value, [(sum(cell), len(cell)) for cell in cells]))
        pooled = [other for other in across if other not in (down, second)]
        maps.append(Map(name.removesuffix(" holds"), down, second, columns, rows, pooled))
    return maps
