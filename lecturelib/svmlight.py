"""The reader's own sparse data, in the text format of SVMlight and LIBSVM.

One example a line: its target, then `index:value` for every entry that is not zero, indices rising.

    +1 3:0.5 17:1   # a comment
"""

import bz2
import gzip
import lzma
import math
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from lecturelib.tables import existing_file

MOST_COLUMNS = 2**31 - 1  # their indices fit into int32
OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


@dataclass(frozen=True, eq=False)
class SparseTable:
    """A sparse table of numbers, split into what is known and what is to be predicted.

    Attributes:
        features: scipy CSR array, float64, shape (rows, columns), column indices sorted within each row.
        target: float64, shape (rows,).
    """

    features: sparse.csr_array
    target: np.ndarray


def svmlight(path: str | Path, *, zero_based: bool = False, columns: int | None = None) -> SparseTable:
    """Read a file in svmlight format, common for large sparse sets such as RCV1, news20, URL and KDD.

    The file is read line by line; memory is that of the result, 12 bytes for each entry. Comments (# to the
    end of the line) and blank lines are skipped. A file whose name ends in .gz, .bz2 or .xz is decompressed
    while it is read.

    Args:
        path: the file.
        zero_based: whether the first column has index 0; the format says 1. Never guessed: a guess would
            shift the columns of a file in which the first one happens to be empty.
        columns: the number of columns; by default just enough for the largest index. Give it for a test
            set, so that it has the columns of its training set.

    Returns:
        SparseTable, with features of shape (rows, columns) and rows in the order of the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or empty; or a line is not of this format, has indices that repeat or
            fall, NaN or infinity, or groups for ranking (qid). The message names file, line and remedy.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "two.svm")
        ...     _ = path.write_text("+1 1:0.5 3:2\\n-1 2:1  # the second\\n")
        ...     two = svmlight(path)
        >>> two.features.toarray().tolist(), two.target.tolist()
        ([[0.5, 0.0, 2.0], [0.0, 1.0, 0.0]], [1.0, -1.0])

    Source: T. Joachims, SVMlight, https://www.cs.cornell.edu/people/tj/svm_light/ (section "Input files").
    """
    path = existing_file(path)
    if columns is not None and (isinstance(columns, bool) or not 1 <= columns <= MOST_COLUMNS):
        raise ValueError(f"columns must be a positive number of columns or None, not {columns!r}")
    start = 0 if zero_based else 1
    last = start - 1 + (MOST_COLUMNS if columns is None else columns)
    target, values, indices, ends = array("d"), array("d"), array("i"), array("q", [0])
    for number, line in _lines(path):
        body = line.partition(b"#")[0]
        if not (tokens := body.split()):
            continue
        place = f"{path}, line {number}"
        target.append(_finite(place, "target", tokens[0]))
        before = start - 1
        for token in tokens[1:]:
            index, _, value = token.partition(b":")
            if not index.isdigit():
                raise ValueError(f"{place}: {_refusal(token)}")
            column = int(index)
            if not before < column <= last:
                raise ValueError(f"{place}: {_misplaced(column, before, last, start, columns)}")
            indices.append(column - start)
            values.append(_finite(place, f"value of index {column}", value))
            before = column
        ends.append(len(indices))
    if len(indices) == 0:
        raise ValueError(f"{path}: no index:value in its {len(target)} examples; download it again")
    found = np.frombuffer(indices, np.intc)
    width = int(found.max()) + 1 if columns is None else columns
    narrow = np.intc if len(indices) <= MOST_COLUMNS else np.int64  # SciPy would widen the indices to match
    parts = (np.frombuffer(values), found, np.frombuffer(ends, np.int64).astype(narrow))
    return SparseTable(sparse.csr_array(parts, shape=(len(target), width)), np.frombuffer(target))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        with OPENERS.get(path.suffix, open)(path, "rb") as file:
            for number, line in enumerate(file, 1):
                yield number, line
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        reason = f"{path}, after line {number}: cannot be read on ({error})"
        raise ValueError(f"{reason}; the file is damaged or cut short, download it again") from error


def _finite(place: str, what: str, text: bytes) -> float:
    try:
        value = float(text)
    except ValueError:
        value = None
    if value is None or b"_" in text:  # Python reads 1_000 as a number; the format does not
        raise ValueError(f"{place}: the {what} is {_shown(text)}, not a number; write a decimal number")
    if not math.isfinite(value):
        raise ValueError(f"{place}: the {what} is {_shown(text)}; remove the line, or write a finite number")
    return value


def _refusal(token: bytes) -> str:
    if token.startswith(b"qid:"):
        return "groups for ranking (qid) are not supported; remove them: sed -E 's/ qid:[^ ]*//'"
    return f"{_shown(token)} is not index:value; write a whole number, a colon and a number without spaces"


def _misplaced(column: int, before: int, last: int, start: int, columns: int | None) -> str:
    if column < start:
        return "index 0, but the first column has index 1; pass zero_based=True if the file counts from 0"
    if column == before:
        return f"index {column} stands there twice; keep one"
    if column < before:
        return f"index {column} comes after {before}; sort each line by index"
    if columns is None:
        return f"index {column} is too large, at most {last} is possible; number the columns anew"
    return f"index {column}, but columns={columns} allows at most {last}; raise columns, or pass None"


def _shown(text: bytes) -> str:
    return repr(text[:40].decode("utf-8", "replace"))
