"""JSON as blocks of rows, in the forms in which programs write tables.

::

    one object a line, or a list of objects       a row each; {"a": {"b": 1}} is a column a.b
    a list of lists                               a row each, columns 0, 1, ...
    {"a": [...], "b": [...]}                      a column each
    pandas' to_json: split, index, columns, table
    {"status": "ok", "data": [{...}, ...]}        the only list of objects
"""

import io
import json
from pathlib import Path
from typing import Any

from lecturelib.datasets import containers
from lecturelib.datasets.table_files import Lent, Source, arrow_errors, need_pyarrow, of_batches


def json_source(path: Path) -> Source:
    """A table of any of these forms; ValueError: it is of none."""
    need_pyarrow(path)
    from pyarrow import ArrowInvalid

    with containers.opened(path) as file:
        content = file.read()
    steps: list[str] = []
    try:
        if not _of_lines(content):
            content = _lines(rows(json.loads(content), steps))
        try:
            table = _read(content)
        except ArrowInvalid as error:
            if "changed from" not in str(error):
                raise
            table = _read(
                _lines(_of_one_kind([json.loads(line) for line in content.splitlines() if line.strip()]))
            )
        with arrow_errors(path, "no JSON of one object a row"):
            while any("struct" in str(kind)[:6] for kind in table.schema.types):
                table = table.flatten()
            source = of_batches(path, table.to_batches(), table.schema.names)
    except (ValueError, RecursionError) as error:
        reason = error if str(path) in str(error) else f"{path}: {error}"
        raise ValueError(f"{reason}; write one object a line") from error
    source.steps += steps
    return source


def _of_lines(content: bytes) -> bool:
    """Whether each line is an object of its own."""
    first, _, rest = content.lstrip().partition(b"\n")
    if first[:1] != b"{" or not rest.strip():
        return False
    try:
        json.loads(first)
    except ValueError:
        return rest.lstrip()[:1] not in (b'"', b"}")  # else an object over several lines
    return True


def _lines(found: list[Any]) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in found)


def _read(content: bytes) -> Any:
    from pyarrow import json as arrow

    stream = io.BytesIO(content)
    with Lent(stream):
        return arrow.read_json(stream, arrow.ReadOptions(block_size=len(content) + 1))


def rows(found: Any, steps: list[str]) -> list[Any]:
    """The rows of a whole document; what was decided is added to the steps.

    >>> from lecturelib.datasets import json_files
    >>> json_files.rows({"a": [1, 2], "y": [3, 4]}, [])
    [{'a': 1, 'y': 3}, {'a': 2, 'y': 4}]
    >>> json_files.rows({"0": {"a": 1, "y": 3}, "1": {"a": 2, "y": 4}}, [])
    [{'a': 1, 'y': 3}, {'a': 2, 'y': 4}]
    """
    if isinstance(found, list):
        of_lists = bool(found) and all(isinstance(row, list) for row in found)
        return [{str(j): cell for j, cell in enumerate(row)} for row in found] if of_lists else found
    if not isinstance(found, dict):
        raise ValueError("no object in it")
    if isinstance(found.get("columns"), list) and isinstance(found.get("data"), list):  # pandas' split
        names = list(map(str, found["columns"]))
        return [dict(zip(names, row, strict=True)) for row in found["data"]]
    lists = {key: value for key, value in found.items() if isinstance(value, list) and value}
    inner = [key for key, value in lists.items() if all(isinstance(row, dict) for row in value)]
    if len(inner) == 1:
        steps.append(f"The rows are those of {inner[0]}.")
        return lists[inner[0]]
    if len(lists) > 1 and not inner and len({len(value) for value in lists.values()}) == 1:
        if left := [key for key in found if key not in lists]:
            steps.append(f"Left out, for they are no columns: {', '.join(left[:6])}.")
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    if found and all(isinstance(value, dict) and value for value in found.values()):
        if all(key.isdigit() for value in found.values() for key in value):  # pandas' columns
            numbers = list(dict.fromkeys(key for value in found.values() for key in value))
            return [{name: value.get(number) for name, value in found.items()} for number in numbers]
        steps.append("Each object inside the whole one is a row.")
        return list(found.values())
    return [found]


def _of_one_kind(found: list[Any]) -> list[dict[str, Any]]:
    """Rows whose columns are texts everywhere if they are somewhere; objects inside rows taken apart."""
    flat = [_flat(row) for row in found]
    texts = {name for row in flat for name, value in row.items() if isinstance(value, str)}
    return [
        {n: json.dumps(v) if n in texts and not isinstance(v, str | None) else v for n, v in row.items()}
        for row in flat
    ]


def _flat(row: Any, before: str = "") -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ValueError(f"{row!r} among the rows is no object")
    cells: dict[str, Any] = {}
    for name, value in row.items():
        cells |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
    return cells
