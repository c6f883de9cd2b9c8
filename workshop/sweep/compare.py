"""Two sweeps compared: what differs between runs that have the same parameters."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from workshop.sweep import groups, pictures
from workshop.sweep.folder import Folder
from workshop.sweep.groups import Mean
from workshop.sweep.table import OK, parameter_columns


@dataclass(frozen=True)
class Comparison:
    """What a sweep has that is not as in another one.

    Attributes:
        folder: of the other.
        lines: how many runs are in both, which claims have another verdict, which numbers are the same.
        differences: of each other number, here minus there: its least mean and its greatest.
    """

    folder: str
    lines: list[str]
    differences: list[tuple[str, Mean, Mean]]


def read(folder: Path | str) -> pyarrow.Table:
    """The table of another sweep.

    Raises:
        ValueError: there is none, or it is not one of a sweep.
    """
    path = Path(folder) / "table.parquet"
    try:
        with path.open("rb") as file:
            rows = pyarrow.parquet.read_table(file)
        rows.select(["run", "status"])
    except (OSError, KeyError, pyarrow.ArrowException) as error:
        raise ValueError(
            f"against={str(folder)!r} is not the folder of a sweep: {path} cannot be used ({error})"
        ) from None
    return rows


def compare(
    rows: pyarrow.Table, defaults: Mapping[str, Any], here: Folder, theirs: pyarrow.Table, there: Folder
) -> Comparison:
    """Compare the runs of a sweep with those of another that have the same parameters.

    A parameter that one of the sweeps was not given had its default there.

    Args:
        rows: the sweep's table.
        defaults: of the notebook's parameters.
        here: the sweep's folder.
        theirs: the other's table.
        there: its folder.
    """
    ours, known = _runs(rows, here, defaults), _runs(theirs, there, defaults)
    both = [key for key in ours if key in known]
    mine, yours = [ours[key] for key in both], [known[key] for key in both]
    lines = [
        f"Runs with the same parameters in both: {len(both):,}; here only: {len(ours) - len(both):,}; there"
        f" only: {len(known) - len(both):,}."
    ]
    shared = [name for name in rows.column_names if name in theirs.column_names]
    parameters = [column for column in _columns(rows, here) if column in shared]
    across = pictures.varied(mine, parameters)
    same, differences = [], []
    for number in pictures.recorded(mine, shared, parameters):
        less = [
            m | {number: m[number] - y[number]}
            for m, y in zip(mine, yours, strict=True)
            if groups.is_number(m[number]) and groups.is_number(y[number])
        ]
        if any(each[number] for each in less):
            means = groups.means(less, number, across)
            differences.append((number, means[0], means[-1]))
        elif less:
            same.append(number)
    for column in (name for name in shared if name.endswith(" holds")):
        verdicts = [(m, m[column], y[column]) for m, y in zip(mine, yours, strict=True)]
        changed = [(m, now) for m, now, then in verdicts if isinstance(now, bool) and then is (not now)]
        if changed:
            gained = sum(now for _, now in changed)
            at = ", ".join(f"{name} = {changed[0][0][name]}" for name in parameters)
            lines.append(
                f"{column.removesuffix(' holds')} holds here and not there in {gained:,} of them, there and"
                f" not here in {len(changed) - gained:,}; first at {at}."
            )
    if same:
        lines.append(f"The same in each of them: {', '.join(same)}.")
    return Comparison(str(there.path), lines, differences[: groups.MOST_NUMBERS])


def _columns(rows: pyarrow.Table, folder: Folder) -> dict[str, str]:
    """Column -> name of each parameter that the sweep was given, as its first run that is known says."""
    for run in rows["run"].to_pylist():
        if (result := folder.result(run)) is not None:
            return {column: name for name, column in parameter_columns(result.values).items()}
    return {}


def _runs(rows: pyarrow.Table, folder: Folder, defaults: Mapping[str, Any]) -> dict[str, dict]:
    """Parameters as text -> row, of the runs that ended well."""
    columns = _columns(rows, folder)
    found = {}
    for row in rows.to_pylist():
        if row["status"] == OK:
            values = {**defaults} | {name: row.get(column) for column, name in columns.items()}
            found[json.dumps(values, sort_keys=True)] = row
    return found
