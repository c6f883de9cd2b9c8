"""Columns that are no features, and why: row numbers, identifiers, dates, free text, duplicates."""

import re
from collections.abc import Iterator

import numpy as np

from lecturelib.datasets.columns import Columns, listed

IDENTIFIER = re.compile(r"(?i:(^|[_ .:-])(id|uuid|guid|index|rownames?|row_?number)$)|[a-z](Id|ID)$")
UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)*|\.\.\.\d+")  # as pandas and readr call row numbers; R: X
MOMENT = re.compile(r"time|date|epoch", re.IGNORECASE)
FEW = 10  # rows below which no column is taken for row numbers, a constant or a duplicate
CODES = 10  # whole numbers of at most as many values may be codes of categories
OFTEN = 3  # rows from which on a value far from the rest may be a code
EXACT = 2.0**53  # whole numbers up to which float64 is exact


def left_out(columns: Columns, j: int, seen: dict[tuple, str]) -> str:
    """Why a column is no feature, "" if it is one."""
    name, choices = columns.names[j], columns.choices
    if name in choices.drop:
        return "on request"
    if j in columns.source.dates and name not in choices.keep:
        return "as dates"
    if columns.missing[j] == columns.rows:
        return "without any value"
    if name in choices.keep or name in choices.category:
        return ""
    one_value = columns.least[j] == columns.greatest[j] and not columns.missing[j]
    if one_value and (j in columns.source.labels or columns.rows >= FEW):
        return "with one value only"
    if reason := _tells_rows_apart(columns, j):
        return reason
    twin = columns.rows >= FEW and seen.get(columns.prints[j])
    return f"as a duplicate of {twin}" if twin else ""


def _tells_rows_apart(columns: Columns, j: int) -> str:
    """Why a column is a name of rows, or a time, rather than a property; "" if it is none."""
    if j in columns.source.index:
        return "as the table's index"
    if _is_moment(columns, j):
        return "as dates"
    if labels := columns.source.labels.get(j):
        return "as free text" if len(labels) > max(FEW, (columns.rows - columns.missing[j]) / 2) else ""
    if columns.rows < FEW or not columns.whole[j]:
        return ""
    if columns.by_one[j] and columns.least[j] in (0.0, 1.0):
        return "as row numbers"
    of_r = j == 0 and columns.names[j] == "X" and columns.least[j] >= 1.0
    of_r &= columns.greatest[j] < 2 * columns.rows
    if (of_r or UNNAMED.fullmatch(columns.names[j])) and _differ(columns, j):
        return "as row numbers"
    large = max(abs(columns.least[j]), columns.greatest[j]) > EXACT
    named = IDENTIFIER.search(columns.names[j]) and _differ(columns, j)
    return "as identifiers" if large or named else ""


def _differ(columns: Columns, j: int) -> bool:
    return len(np.unique(columns.column(j))) > 0.9 * columns.rows


def _is_moment(columns: Columns, j: int) -> bool:
    """Whether whole numbers are seconds (to nanoseconds) since 1970, of the years 1985 to 2128."""
    if j in columns.source.labels or not (columns.whole[j] and MOMENT.search(columns.names[j])):
        return False
    least, greatest = columns.least[j], columns.greatest[j]
    if least >= 19_000_101 and greatest <= 21_001_231:  # 20200131
        days = columns.column(j)
        days = days[np.isfinite(days)]
        return bool((days % 10_000 // 100 <= 12).all() and (days % 100 <= 31).all())
    return any(5e8 * unit <= least <= greatest <= 5e9 * unit for unit in (1, 1e3, 1e6, 1e9))


def doubts(columns: Columns, used: list[int]) -> Iterator[str]:
    """What looks like codes, or like an identifier, and is taken as it is."""
    whole = [j for j in used if columns.whole[j] and j not in columns.source.labels]
    codes = []
    for j in whole if columns.rows >= FEW else []:
        name = columns.names[j]
        if 2 <= columns.greatest[j] - columns.least[j] < 1000:
            values = columns.column(j)
            if 3 <= len(np.unique(values[np.isfinite(values)])) <= CODES:
                codes.append(name)
        elif j == 0 and columns.least[j] >= 1e4 and _differ(columns, j):
            yield f"{name}: an identifier? Nearly all its whole numbers differ (--drop leaves it out)."
    if codes:
        yield f"Whole numbers of few values, taken as numbers: {listed(codes)} (--category NAME if codes)."


def missing_codes(columns: Columns, looked: list[int]) -> Iterator[str]:
    """Values that may mean a missing one: often there, far from the rest, negative or written in nines."""
    ends: dict[float, list[tuple[str, int]]] = {}
    far = set()
    for j in (j for j in looked if j not in columns.source.labels and j not in columns.source.dates):
        for end in {float(columns.least[j]), float(columns.greatest[j])}:
            nines = end.is_integer() and set(f"{abs(end):.0f}") == {"9"}
            if not (nines or (end.is_integer() and end <= -CODES + 1)):
                continue
            values = columns.column(j)
            rest = values[np.isfinite(values) & (values != end)]
            many = int((values == end).sum())
            if many < OFTEN or not len(rest):
                continue
            ends.setdefault(end, []).append((columns.names[j], many))
            spread = rest.max() - rest.min()
            if np.abs(rest - end).min() > spread > 0.0 and (nines or rest.min() >= 0.0):
                far.add(end)
    for end in sorted(far):
        named = listed([f"{name} {many:,}" for name, many in ends[end]])
        yield (
            f"{end:.12g} is far from all other values, and taken as a number: in rows of {named} "
            f"(--missing {end:.12g} if it means missing)."
        )
