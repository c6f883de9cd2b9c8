"""Files as blocks of rows, whatever their format; `encoding.py` makes features of them.

A text or parquet file is streamed: beside the result only one block of its rows is in memory.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

BLOCK = 500_000  # numbers that are read at once
GATHERED = 10  # of which so many make a block: 40 MB, which the system gets back as soon as one is let go
DAMAGED = "write or download it again"
DAY = 86_400_000_000  # microseconds


@dataclass
class Source:
    """A table as it was read.

    Attributes:
        names: of the columns.
        blocks: float64, shape (some rows, columns), NaN where a value is missing; a column of text holds
            positions in its labels.
        labels: for each column of text, by its position, the texts that occur.
        dates: positions of columns that hold dates, in days since 1970.
        codes: positions of columns of numbers that the file calls categories.
        index: positions of columns that number or name the rows, as the file says.
        decimal: the decimal mark of a text file, "" where no cell tells.
        unclear: for a column of numbers whose points might part thousands, by its position, a cell of it.
        steps: sentences, what was done in reading.
    """

    names: list[str]
    blocks: list[np.ndarray] = field(repr=False)
    labels: dict[int, list[str]] = field(default_factory=dict)
    dates: set[int] = field(default_factory=set)
    codes: set[int] = field(default_factory=set)
    index: set[int] = field(default_factory=set)
    decimal: str = ""
    unclear: dict[int, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)


def arrow_source(path: Path, kind: str) -> Source:
    """A parquet or feather file."""
    need_pyarrow(path)
    from pyarrow import feather, parquet

    with arrow_errors(path, f"not a {kind} file"):
        if kind == "feather":
            table = feather.read_table(path, memory_map=False)
            source, schema = of_batches(path, table.to_batches(), table.schema.names), table.schema
        else:
            with parquet.ParquetFile(path) as file:
                schema, rows = file.schema_arrow, file.metadata.num_rows
                many = max(1, BLOCK // max(1, len(schema.names)))
                source = of_batches(path, file.iter_batches(batch_size=many), schema.names)
            if (found := sum(map(len, source.blocks))) != rows:
                raise ValueError(f"{path}: damaged ({rows} rows announced, {found} found); {DAMAGED}")
        metadata = schema.pandas_metadata or {}
    stored, kinds = metadata.get("index_columns", []), metadata.get("columns", [])
    called = {kind["name"] for kind in kinds if kind.get("pandas_type") == "categorical"}
    source.index |= {j for j, name in enumerate(source.names) if name in stored}
    source.codes |= {j for j, name in enumerate(source.names) if name in called and j not in source.labels}
    return source


def of_batches(path: Path, batches: Iterable[Any], names: list[str]) -> Source:
    """Blocks of numbers from pyarrow's record batches; columns that cannot be numbers are left out."""
    source = Source(list(names), [])
    codes: dict[int, dict[str, int]] = {}
    left_out: list[str] = []
    pending: list[np.ndarray] = []
    rows = 0
    for batch in batches:
        columns: list[np.ndarray] = []
        found, dates, left_out = [], set(), []
        for name, column in zip(names, batch.columns, strict=True):
            at = len(columns)
            try:
                values, is_date = _values(column, codes.setdefault(at, {}))
            except TypeError:
                left_out.append(f"{name} ({str(column.type).partition('<')[0]})")
                continue
            if is_date:
                dates.add(at)
            columns += values
            found += [name] if len(values) == 1 else [f"{name}[{k}]" for k in range(len(values))]
        if rows and found != source.names:
            raise ValueError(f"{path}: lists of different lengths in a column; leave it out of the file")
        if len(batch):
            rows += len(batch)
            pending.append(np.column_stack(columns) if columns else np.empty((len(batch), 0)))
            source.names, source.dates = found, dates
        if len(pending) == GATHERED:
            source.blocks.append(np.concatenate(pending))
            pending = []
    source.blocks += [np.concatenate(pending)] if pending else []
    source.labels = {j: list(known) for j, known in codes.items() if known}
    if left_out:
        source.steps.append(f"Left out, for they hold no numbers: {', '.join(left_out)}.")
    return source


class Lent:
    """Around a reading by pyarrow: at its end, waits until pyarrow's threads have let go of what they read.

    The last holder of a Python object may be one of them, some time after the last batch. If Python has begun
    to end by then, it stops that thread where it asks for the lock, and the process dies with "terminate
    called without an active exception" and exit status 134 (github.com/apache/arrow/issues/34314).
    """

    PATIENCE = 10.0  # seconds

    def __init__(self, stream: object):
        self.stream = stream

    def __enter__(self) -> None:
        self.holders = sys.getrefcount(self.stream)

    def __exit__(self, *error: object) -> None:
        last = time.monotonic() + self.PATIENCE
        while sys.getrefcount(self.stream) > self.holders and time.monotonic() < last:
            time.sleep(0.001)


def _values(column: Any, codes: dict[str, int]) -> tuple[list[np.ndarray], bool]:
    """The numbers of a pyarrow column (of a column of lists, several), and whether they are dates."""
    import pyarrow
    from pyarrow import types

    kind = column.type
    if types.is_float64(kind):
        return [column.to_numpy(zero_copy_only=False)], False
    if types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind):
        lengths, inner = column.value_lengths().unique().to_pylist(), kind.value_type
        if len(lengths) != 1 or not lengths[0] or _is_text(inner) or types.is_nested(inner):
            raise TypeError(kind)
        flat = _values(column.flatten(), codes)[0][0].reshape(-1, lengths[0])
        return list(flat.T), False
    if types.is_dictionary(kind) and not _is_text(kind.value_type):
        return _values(column.dictionary_decode(), codes)
    if _is_text(kind):
        column = column.dictionary_encode()
    if types.is_dictionary(column.type):
        known = column.dictionary.to_pylist()
        positions = [codes.setdefault("" if text is None else text, len(codes)) for text in known]
        found = column.indices.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
        missing = np.isnan(found)
        result = np.array([*positions, np.nan], dtype=np.float64)[np.where(missing, -1, found).astype(int)]
        return [result], False
    is_date = types.is_date(kind) or types.is_timestamp(kind)
    if is_date:
        column = column.cast(pyarrow.timestamp("us"), safe=False).cast(pyarrow.int64())
    elif types.is_temporal(kind) or not any(
        test(kind) for test in (types.is_primitive, types.is_decimal, types.is_null)
    ):
        raise TypeError(kind)
    elif types.is_boolean(kind) or types.is_decimal(kind):  # a decimal's text gives the nearest number
        column = column.cast(pyarrow.int8() if types.is_boolean(kind) else pyarrow.string())
    numbers = column.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False)
    return [numbers / DAY if is_date else numbers], is_date


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def need_pyarrow(path: Path) -> None:
    """Imported when a file needs it: that takes a while, and not everyone has it."""
    try:
        import pyarrow.compute  # noqa: F401  (casts would import it, in the midst of a file)
    except ImportError:
        raise ImportError(f'{path}: to read it, pip install "lecturelib[files]"') from None


@contextmanager
def arrow_errors(path: Path, what: str) -> Iterator[None]:
    """What pyarrow raises as a ValueError that names the file."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: damaged, or {what} ({error}); {DAMAGED}") from error
