"""The table of a sweep: one row a run, one column a parameter, record or claim; as .csv and .parquet."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping

import pyarrow
import pyarrow.csv
import pyarrow.parquet

from lecturelib.files import written
from workshop.sweep.folder import Folder, Result

OK, FAILED, MISSING, SKIPPED = "ok", "failed", "missing", "skipped"
TYPES = {
    "run": pyarrow.string(),
    "status": pyarrow.string(),
    "seconds": pyarrow.float64(),
    "claims_held": pyarrow.int64(),
    "claims_failed": pyarrow.string(),
    "error": pyarrow.string(),
}


def parameter_columns(parameters: Iterable[str]) -> dict[str, str]:
    """The column of each parameter: its name, with " (parameter)" after it if one of our own has that.

    >>> from workshop.sweep.table import parameter_columns
    >>> parameter_columns(["rate", "status"])
    {'rate': 'rate', 'status': 'status (parameter)'}
    """
    return _apart(parameters, "parameter", set(TYPES))


def _apart(names: Iterable[str], kind: str, taken: set[str]) -> dict[str, str]:
    """A column for each name, none of them taken; `taken` then holds these too."""
    columns = {}
    for name in names:
        column = _text(name)
        while column in taken:
            column += f" ({kind})"
        columns[name] = column
        taken.add(column)
    return columns


def table(runs: Mapping[str, dict], results: Mapping[str, Result], rest: str = MISSING) -> pyarrow.Table:
    """The table, rows in the order of `runs`.

    A parameter with the name of one of the table's own columns gets " (parameter)" after it; a record with
    such a name, or a parameter's, gets " (recorded)". A claim has two columns: what it measured,
    and whether it holds.

    Args:
        runs: name of the run -> its values of the grid's parameters.
        results: name of the run -> what came of it.
        rest: what the others are, "missing" or, after a search, "skipped".

    >>> from workshop.sweep.folder import Result
    >>> from workshop.sweep.table import table
    >>> rows = table({"a-1": {"seed": 1}}, {"a-1": Result("a-1", {}, 2.5, {"risk": 0.5}, {"04.x": 3.0})})
    >>> rows.to_pylist()[0]["risk"], rows.column_names[-3:]
    (0.5, ['04.x', '04.x holds', 'error'])
    """
    known = [results.get(name) for name in runs]
    parameters = parameter_columns(dict.fromkeys(name for values in runs.values() for name in values))
    taken = {*TYPES, *parameters.values()}
    records = _apart(dict.fromkeys(name for r in known if r for name in r.recorded), "recorded", taken)
    claims = _apart(sorted({claim for r in known if r for claim in r.measured}), "claim", taken)
    verdicts = _apart([f"{column} holds" for column in claims.values()], "verdict", taken)
    columns: dict[str, list] = {
        "run": list(runs),
        "status": [rest if r is None else OK if r.error is None else FAILED for r in known],
        "seconds": [r and r.seconds for r in known],
        "claims_held": [r and len(r.measured.keys() - set(r.failed_claims)) for r in known],
        "claims_failed": [r and ", ".join(r.failed_claims) for r in known],
    }
    columns |= {column: [values[name] for values in runs.values()] for name, column in parameters.items()}
    columns |= {column: [r and r.recorded.get(name) for r in known] for name, column in records.items()}
    for (claim, column), verdict in zip(claims.items(), verdicts.values(), strict=True):
        position, values = _measured(claim, known)
        if values:
            columns[column if position is None else f"{column} [{position}]"] = values
        there = [r if r and claim in r.measured else None for r in known]
        columns[verdict] = [r and claim not in r.failed_claims for r in there]
    columns["error"] = [r and r.error for r in known]
    return pyarrow.table({name: _array(values, TYPES.get(name)) for name, values in columns.items()})


def _measured(claim: str, known: list[Result | None]) -> tuple[int | None, list[float | None]]:
    """What a claim measured in each run; of several numbers, the one that most often is closest to failing.

    Returns:
        Its position, None for a claim about one number, and the numbers; none if the runs compare others.
    """
    there = [r for r in known if r and claim in r.measured]
    each = [r.entries.get(claim) for r in there]
    if not any(entries is not None for entries in each):
        return None, [r.measured.get(claim) if r else None for r in known]
    if any(entries is None for entries in each) or len({len(entries or ()) for entries in each}) > 1:
        return None, []
    closest = Counter(
        entries.index(r.measured[claim])
        for r, entries in zip(there, each, strict=True)
        if entries and r.measured[claim] in entries
    )
    if not closest:  # too many to keep
        return None, []
    position = closest.most_common(1)[0][0]
    return position, [r.entries[claim][position] if r and claim in r.measured else None for r in known]


def _array(values: list, given: pyarrow.DataType | None) -> pyarrow.Array:
    """A column that holds every value exactly: of one type, or of texts where one type cannot."""
    there = [value for value in values if value is not None]
    kinds = {type(value) for value in there}
    if kinds == {int, float} and all(abs(value) <= 2**53 for value in there if type(value) is int):
        values, kinds = [None if value is None else float(value) for value in values], {float}
    if given is None and len(kinds) == 1:
        try:
            array = pyarrow.array(values)
            if _writable(array.type) and (kinds != {list} or array.to_pylist() == values):
                return array
        except (pyarrow.ArrowException, ValueError, TypeError, OverflowError):
            pass  # mixed lists, whole numbers beyond 64 bits, text that is not UTF-8: as texts
    if given is None or pyarrow.types.is_string(given):
        values = [None if value is None else _text(value) for value in values]
    return pyarrow.array(values, type=given or pyarrow.string())


def _writable(kind: pyarrow.DataType) -> bool:
    """Whether both files can hold it."""
    return _writable(kind.value_type) if pyarrow.types.is_list(kind) else not pyarrow.types.is_nested(kind)


def _text(value: object) -> str:
    """Text as it is, if UTF-8 can hold it; lists and dictionaries as JSON."""
    text = json.dumps(value) if isinstance(value, list | dict) else str(value)
    return text.encode("utf-8", "backslashreplace").decode()


def write(rows: pyarrow.Table, folder: Folder) -> None:
    """Write table.parquet, and table.csv with lists as JSON, into a sweep's folder."""
    # Files that are open: a path such as run:1 pyarrow would take for an address.
    with written(folder.path / "table.parquet") as part, part.open("wb") as file:
        pyarrow.parquet.write_table(rows, file)
    plain = rows
    for index, column in enumerate(rows.schema):
        if pyarrow.types.is_list(column.type):
            texts = [None if value is None else _text(value) for value in rows.column(index).to_pylist()]
            plain = plain.set_column(index, column.name, pyarrow.array(texts, pyarrow.string()))
    with written(folder.path / "table.csv") as part, part.open("wb") as file:
        pyarrow.csv.write_csv(plain, file)
