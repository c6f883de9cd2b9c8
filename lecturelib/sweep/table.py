"""The table of a sweep: one row a run, one column a parameter, record or claim; as .csv and .parquet."""

import json
from collections.abc import Mapping

import pyarrow
import pyarrow.csv
import pyarrow.parquet

from lecturelib.running import written
from lecturelib.sweep.folder import Folder, Result

OK, FAILED, MISSING = "ok", "failed", "missing"
TYPES = {
    "run": pyarrow.string(),
    "status": pyarrow.string(),
    "seconds": pyarrow.float64(),
    "claims_held": pyarrow.int64(),
    "error": pyarrow.string(),
}


def table(runs: Mapping[str, dict], results: Mapping[str, Result]) -> pyarrow.Table:
    """The table, rows in the order of `runs`.

    A record with the name of a parameter or of one of the table's own columns gets " (recorded)" after it.

    Args:
        runs: name of the run -> its values of the grid's parameters.
        results: name of the run -> what came of it; runs that are not in it are "missing".

    >>> rows = table({"a-1": {"seed": 1}}, {"a-1": Result("a-1", {}, 2.5, {"risk": 0.5}, {"04.x": 3.0})})
    >>> rows.to_pylist()[0]["risk"], rows.column_names[-2:]
    (0.5, ['04.x', 'error'])
    """
    known = [results.get(name) for name in runs]
    parameters = list(dict.fromkeys(parameter for values in runs.values() for parameter in values))
    reserved = {*TYPES, *parameters}
    columns = {
        "run": list(runs),
        "status": [MISSING if r is None else OK if r.error is None else FAILED for r in known],
        "seconds": [r and r.seconds for r in known],
        "claims_held": [len(r.measured) if r and r.error is None else None for r in known],
    }
    columns |= {parameter: [values[parameter] for values in runs.values()] for parameter in parameters}
    for record in dict.fromkeys(name for r in known if r for name in r.recorded):
        name = f"{record} (recorded)" if record in reserved else record
        columns[name] = [r and r.recorded.get(record) for r in known]
    for claim in sorted({claim for r in known if r for claim in r.measured}):
        columns[claim] = [r and r.measured.get(claim) for r in known]
    columns["error"] = [r and r.error for r in known]
    return pyarrow.table({name: _array(values, TYPES.get(name)) for name, values in columns.items()})


def _array(values: list, given: pyarrow.DataType | None) -> pyarrow.Array:
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1 and kinds <= {int, float}:
        values = [None if value is None else float(value) for value in values]
    elif len(kinds) > 1:  # text in one run and a number in another
        values = [None if value is None else str(value) for value in values]
    return pyarrow.array(values, type=given)


def write(rows: pyarrow.Table, folder: Folder) -> None:
    """Write table.parquet, and table.csv with lists as JSON, into a sweep's folder."""
    with written(folder.path / "table.parquet") as part:
        pyarrow.parquet.write_table(rows, part)
    plain = rows
    for index, column in enumerate(rows.schema):
        if pyarrow.types.is_list(column.type):
            texts = [json.dumps(value) for value in rows.column(index).to_pylist()]
            plain = plain.set_column(index, column.name, pyarrow.array(texts))
    with written(folder.path / "table.csv") as part:
        pyarrow.csv.write_csv(plain, part)
