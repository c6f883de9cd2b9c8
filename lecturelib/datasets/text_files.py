"""Text tables as blocks of rows: `dialect.py` says how they are written, pyarrow reads them, streaming."""

import contextlib
import csv
import io
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any, BinaryIO

from lecturelib.datasets import containers, table_files
from lecturelib.datasets.cells import MISSING
from lecturelib.datasets.dialect import CALLED, Dialect, sniff
from lecturelib.datasets.table_files import Lent, Source, need_pyarrow, of_batches


def csv_source(path: Path, header: bool | None, delimiter: str, decimal: str) -> Source:
    """Text: its first lines say how it is written (`dialect.py`), pyarrow reads it."""
    need_pyarrow(path)
    head, whole = containers.head(path)
    try:
        found = sniff(head, whole, header, delimiter, decimal)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    size = max(8 * table_files.BLOCK, 4 * max(map(len, head.splitlines()), default=0) + 2)
    numbers, encoding = list(found.numbers), found.encoding
    while True:
        try:
            source = _read(path, found, numbers, encoding, size)
            break
        except _NotNumber as error:  # first met below the lines that were looked at
            late = [error.column] if sum(found.numbers) - sum(numbers) < 3 else range(len(numbers))
            for column in late:
                numbers[column] = False
        except UnicodeDecodeError:
            if encoding != "utf-8":
                raise ValueError(f"{path}: not {encoding} text; save it as UTF-8") from None
            encoding = "cp1252"
            found.steps.append("The text is read as cp1252.")
    if found.names[0] == "":
        source.index.add(0)
    source.decimal, source.unclear = found.decimal, found.unclear
    source.steps += found.steps
    return source


class _NotNumber(Exception):
    def __init__(self, column: int):
        self.column = column


def _read(path: Path, found: Dialect, numbers: list[bool], encoding: str, size: int) -> Source:
    import pyarrow
    from pyarrow import csv as arrow

    names = [str(number) for number in range(len(numbers))]
    text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    reading = arrow.ReadOptions(
        column_names=names, skip_rows=found.skip, block_size=size, use_threads=False, encoding="utf-8"
    )
    values = arrow.ConvertOptions(
        column_types={name: pyarrow.float64() if numbers[int(name)] else text for name in names},
        null_values=sorted(MISSING), strings_can_be_null=True, decimal_point=found.decimal or ".",
    )  # fmt: skip
    with containers.opened(path) as file, _Text(file, encoding, found.blanks) as stream:
        try:
            with (
                Lent(stream),
                contextlib.closing(_batches(stream, reading, found.delimiter, values)) as batches,
            ):
                source = of_batches(path, batches, found.names)
        except pyarrow.ArrowInvalid as error:
            if stream.wrong is not None:
                raise stream.wrong from None
            if late := re.search(
                r"CSV column #(\d+): (Row #\d+: )?CSV conversion error to double", str(error)
            ):
                raise _NotNumber(int(late[1])) from None
            if "Empty CSV file" in str(error):
                return Source([], [])
            _refuse_first_misfit(path, found, encoding)
            raise ValueError(f"{path}: {error}; check its quotation marks") from error
        if stream.wrong is not None:
            raise stream.wrong
        if stream.quotes % 2 and any("\n" in each for labels in source.labels.values() for each in labels):
            raise ValueError(f"{path}: a quotation mark without its partner; check them")
    return source


def _batches(stream: "_Text", reading: Any, delimiter: str, values: Any) -> Generator[Any, None, None]:
    """Record batches of a stream; when it ends, nothing here holds pyarrow's reader any more."""
    import pyarrow
    from pyarrow import csv as arrow

    try:
        batches = arrow.open_csv(
            pyarrow.PythonFile(stream, "r"),
            reading,
            arrow.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=stream.misfit
            ),
            values,
        )
    finally:
        del stream  # an error's traceback keeps what stands here
    try:
        yield from batches
    finally:
        batches.close()
        del batches


class _Text(io.RawIOBase):
    """A text file as UTF-8, for pyarrow; runs of blanks as one, quotation marks counted."""

    def __init__(self, file: BinaryIO, encoding: str, blanks: bool):
        errors = "replace" if encoding == "cp1252" else "strict"
        self.text = io.TextIOWrapper(file, encoding, errors=errors, newline=None)
        self.blanks, self.rest, self.quotes = blanks, b"", 0  # rest: read, and not yet asked for
        self.wrong: UnicodeDecodeError | None = None

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if not (self.closed or self.text.closed):
            self.text.detach()  # the file is closed by who opened it
        super().close()

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes: pyarrow has no room for more."""
        while (size < 0 or len(self.rest) < size) and (text := self._more(size)):
            self.rest += text.encode()
        end = len(self.rest) if size < 0 else size
        wanted, self.rest = self.rest[:end], self.rest[end:]
        return wanted

    def misfit(self, row: Any) -> str:
        """What to do with a row that has other cells than columns; it stands here to be counted with it."""
        return "skip" if not row.text.strip() or row.text.lstrip().startswith("#") else "error"

    def _more(self, size: int) -> str:
        try:
            text = self.text.read(size)
            if self.blanks:
                text += self.text.readline()
        except UnicodeDecodeError as error:
            self.wrong = error.with_traceback(None)  # raised here, its traceback would hold the stream
            return ""
        self.quotes += text.count('"')
        if self.blanks:
            text = re.sub(r"^[ \t]+|[ \t]+$", "", text, flags=re.M)
            text = re.sub(r"[ \t]+", " ", text)
        return text


def _refuse_first_misfit(path: Path, found: Dialect, encoding: str) -> None:
    """Go through the file once more, slowly, to name the line that pyarrow counts only."""
    with containers.opened(path) as file:
        lines = io.StringIO(_Text(file, encoding, found.blanks).read().decode())
    reader = csv.reader(lines, delimiter=found.delimiter)
    try:
        for cells in reader:
            inside = reader.line_num > found.skip and "".join(cells).strip()
            if inside and len(cells) != len(found.names) and not cells[0].lstrip().startswith("#"):
                many = f"{len(cells)} cells, but {len(found.names)} columns"
                parted = CALLED.get(found.delimiter, found.delimiter)
                remedy = f"give each line a cell for each column, separated by {parted}"
                raise ValueError(f"{path}, line {reader.line_num}: {many}; {remedy}")
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}; check its quotation marks") from error
