"""Files of numbers as a stream of blocks of rows, so that no file is in memory twice; used by `tables.py`."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

BLOCK = 500_000  # numbers in a block
CLEAN = "remove the row, or fill in the value"
DAMAGED = "write or download it again"


@dataclass(frozen=True)
class Source:
    """A file of numbers, its blocks still to be read.

    Attributes:
        columns: the names of the columns.
        rows: the number of rows, or more.
        blocks: for each block the number of its first row, and a float64 array of shape (some rows, columns).
        unit: what the number of a row counts: "line" or "row", from 1.
        last_is_target: whether the last column may be taken as the target without being asked for.
    """

    columns: list[str]
    rows: int
    blocks: Iterator[tuple[int, np.ndarray]]
    unit: str
    last_is_target: bool = True


def csv_source(path: Path, header: bool) -> Source:
    """A comma-separated text file; a ValueError names the line and the column of what cannot be read."""
    with _utf8(path) as file:
        columns = _cells(path, 1, file.readline())
        lines = 1 + sum(1 for _ in file)
    if not header:
        columns = [str(number) for number in range(len(columns))]
    elif all(_is_number(name) for name in columns):
        raise ValueError(f"{path}, line 1: no column names; add a line of names, or pass header=False")
    return Source(columns, lines - header, _csv_blocks(path, columns, header), "line")


def _csv_blocks(path: Path, columns: list[str], header: bool) -> Iterator[tuple[int, np.ndarray]]:
    with _utf8(path) as file:
        first = 1
        if header:
            file.readline()
            first = 2
        while lines := list(islice(file, max(1, BLOCK // len(columns)))):
            end = len(lines)
            while lines and not lines[-1].strip():
                lines.pop()
            if len(lines) < end and any(later.strip() for later in file):  # blank lines may only end the file
                raise ValueError(f"{path}, line {first + len(lines)}: a blank line; remove it")
            if lines:
                yield first, _csv_block(path, lines, columns, first)
            first += end


def _csv_block(path: Path, lines: list[str], columns: list[str], first: int) -> np.ndarray:
    reason = "a quotation mark without its partner"
    if not any(line.count('"') % 2 for line in lines):  # NumPy lets the last one pass
        try:
            block = np.loadtxt(lines, delimiter=",", quotechar='"', comments=None, ndmin=2)
            if block.shape == (len(lines), len(columns)):
                return block
            reason = f"{block.shape} numbers instead of {(len(lines), len(columns))}"
        except ValueError as error:
            reason = str(error)
    for number, line in enumerate(lines, first):  # slowly once more, to name the place
        cells = _cells(path, number, line)
        if len(cells) != len(columns):
            raise ValueError(
                f"{path}, line {number}: {len(cells)} cells, but {len(columns)} columns; give each line a "
                "cell for each column, separated by commas"
            )
        for name, cell in zip(columns, cells, strict=True):
            if not cell.strip():
                raise ValueError(f"{path}, line {number}, column {name!r}: the cell is empty; {CLEAN}")
            if not _is_number(cell):
                place = f"{path}, line {number}, column {name!r}"
                raise ValueError(f"{place}: {cell!r} is not a number; encode it as one, or remove the column")
    last = first + len(lines) - 1
    raise ValueError(f"{path}, lines {first} to {last}: {reason}; write plain decimal numbers")


def _cells(path: Path, number: int, line: str) -> list[str]:
    try:
        return next(csv.reader([line.rstrip("\n")], strict=True), [])
    except csv.Error as error:
        raise ValueError(f"{path}, line {number}: {error}; check its quotation marks") from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python reads 1_000 as a number, NumPy does not


@contextmanager
def _utf8(path: Path):
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield file
    except UnicodeDecodeError as error:
        with path.open("rb") as file:
            number = next(n for n, raw in enumerate(file, 1) if raw.decode("utf-8", "ignore").encode() != raw)
        raise ValueError(f"{path}, line {number}: not UTF-8 text; save the file as UTF-8") from error


def npz_source(path: Path) -> Source:
    """The arrays of an npz file side by side; a ValueError names the key of what cannot be read."""
    arrays: dict[str, np.ndarray] = {}
    place = f"{path}"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            for key in stored.files:
                place = f"{path}, key {key!r}"
                arrays[key] = stored[key]
    except Exception as error:  # of zip, zlib, tokenize, of the memory that a wrong shape asks for, ...
        remedy = "write arrays of numbers again with np.savez"
        raise ValueError(f"{place}: damaged, or not plain arrays ({error}); {remedy}") from error
    columns: list[str] = []
    rows = None
    for key, array in arrays.items():
        place = f"{path}, key {key!r}"
        if not isinstance(array, np.ndarray) or array.ndim not in (1, 2) or array.dtype.kind not in "biuf":
            what = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else "no array"
            raise ValueError(f"{place}: {what}; store numbers in one or two dimensions")
        rows = len(array) if rows is None else rows
        if len(array) != rows:
            raise ValueError(
                f"{place}: {len(array)} rows, but {rows} in the arrays before it; make them equal"
            )
        columns += [key] if array.ndim == 1 else [f"{key}[{column}]" for column in range(array.shape[1])]
    if rows is None:
        raise ValueError(f"{path}: no arrays in it; write arrays of numbers again with np.savez")
    step = max(1, BLOCK // max(1, len(columns)))
    blocks = (
        (start + 1, np.column_stack([a[start : start + step] for a in arrays.values()]).astype(np.float64))
        for start in range(0, rows, step)
    )
    return Source(columns, rows, blocks, "row", last_is_target=array.ndim == 1)


def parquet_source(path: Path) -> Source:
    """A parquet file of numbers; a ValueError names the column of what cannot be read."""
    from pyarrow import parquet, types  # here: it takes a while, and few files are parquet

    with _arrow_errors(path), parquet.ParquetFile(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        groups = sum(file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))
    if rows != groups:
        raise ValueError(f"{path}: damaged ({rows} rows announced, {groups} in its groups); {DAMAGED}")
    for field in schema:
        if not (
            types.is_integer(field.type) or types.is_floating(field.type) or types.is_boolean(field.type)
        ):
            place = f"{path}, column {field.name!r}"
            raise ValueError(
                f"{place}: {field.type} is not numeric; encode it as numbers, or remove the column"
            )
    return Source(schema.names, rows, _parquet_blocks(path, schema.names, rows), "row")


def _parquet_blocks(path: Path, columns: list[str], rows: int) -> Iterator[tuple[int, np.ndarray]]:
    from pyarrow import parquet

    first = 1
    with _arrow_errors(path), parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=max(1, BLOCK // max(1, len(columns)))):
            for name, column in zip(columns, batch.columns, strict=True):
                if column.null_count:
                    row = first + column.is_null().to_pylist().index(True)
                    raise ValueError(f"{path}, row {row}, column {name!r}: the value is missing; {CLEAN}")
            arrays = [column.to_numpy(zero_copy_only=False) for column in batch.columns]
            if first - 1 + len(batch) <= rows:
                yield first, np.column_stack(arrays).astype(np.float64)
            first += len(batch)
    if first - 1 != rows:
        raise ValueError(f"{path}: damaged ({rows} rows announced, {first - 1} found); {DAMAGED}")


@contextmanager
def _arrow_errors(path: Path):
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: damaged, or not a parquet file ({error}); {DAMAGED}") from error
