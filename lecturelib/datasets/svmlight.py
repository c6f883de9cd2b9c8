"""The reader's own sparse data, in the text format of SVMlight and LIBSVM.

One example a line: its target, then `index:value` for every entry that is not zero, indices rising.

::

    +1 3:0.5 17:1   # a comment
"""

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from lecturelib.checks import check_count
from lecturelib.datasets import cells
from lecturelib.datasets.containers import existing_file, opened

MOST_COLUMNS = 2**31 - 1  # their indices fit into int32


@dataclass(frozen=True, eq=False)
class SparseTable:
    """A sparse table of numbers, split into what is known and what is to be predicted.

    Attributes:
        features: scipy CSR array, float64, shape (rows, columns), column indices sorted within each row.
        target: float64, shape (rows,).
    """

    features: sparse.csr_array
    target: np.ndarray


def svmlight(
    path: str | Path, *, zero_based: bool = False, columns: int | None = None, ignore_qid: bool = False,
    any_order: bool = False, positive: str = "",
) -> SparseTable:  # fmt: skip
    r"""Read a file in svmlight format, common for large sparse sets such as RCV1, news20, URL and KDD.

    The file is read line by line; memory is that of the result, 12 bytes for each entry. Comments (# to the
    end of the line) and blank lines are skipped. A file that gzip, bzip2, xz, zstd or zip has compressed is
    decompressed while it is read.

    Args:
        path: the file.
        zero_based: whether the first column has index 0; the format says 1. Never guessed: a guess would
            shift the columns of a file in which the first one happens to be empty.
        columns: the number of columns; by default just enough for the largest index. Give it for a test
            set, so that it has the columns of its training set.
        ignore_qid: read files for ranking as if their groups (qid) were not there.
        any_order: take indices that fall or repeat; the values of repeated ones are added up, as libffm and
            hashed features mean them.
        positive: the label to tell from the others: targets are 1 where a line has it, alone or among several
            ("3,17,20"), else 0.

    Returns:
        SparseTable, with features of shape (rows, columns) and rows in the order of the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or empty; or a line is not of this format, has indices that repeat or
            fall, NaN or infinity, groups for ranking (qid), or several labels. The message names file, line
            and remedy; options are named as the command has them, `--zero-based` for zero_based=True.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from lecturelib import datasets
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "two.svm")
        ...     _ = path.write_text("+1 1:0.5 3:2\n-1 2:1  # the second\n")
        ...     two = datasets.svmlight(path)
        >>> two.features.toarray().tolist(), two.target.tolist()
        ([[0.5, 0.0, 2.0], [0.0, 1.0, 0.0]], [1.0, -1.0])

    Source: T. Joachims, SVMlight, https://www.cs.cornell.edu/people/tj/svm_light/ (section "Input files").
    """
    path = existing_file(path)
    if columns is not None:
        columns = check_count("columns", columns, at_most=MOST_COLUMNS)
    start = 0 if zero_based else 1
    last = start - 1 + (MOST_COLUMNS if columns is None else columns)
    target, values, indices, ends = array("d"), array("d"), array("i"), array("q", [0])
    for number, line in _lines(path):
        body = line.partition(b"#")[0]
        if not (tokens := body.split()):
            continue
        place = f"{path}, line {number}"
        target.append(_label(place, tokens, positive))
        del tokens[: 2 if ignore_qid and tokens[1:] and tokens[1].startswith(b"qid:") else 1]
        before = start - 1
        for token in tokens:
            column, value = _entry(place, token)
            if any_order and start <= column <= before:
                before = column - 1
            if not before < column <= last:
                raise ValueError(f"{place}: {_misplaced(column, before, last, start, columns)}")
            indices.append(column - start)
            values.append(value)
            before = column
        ends.append(len(indices))
    if len(indices) == 0:
        raise ValueError(f"{path}: no index:value in its {len(target)} examples; download it again")
    found = np.frombuffer(indices, np.intc)
    width = int(found.max()) + 1 if columns is None else columns
    narrow = np.intc if len(indices) <= MOST_COLUMNS else np.int64  # SciPy would widen the indices to match
    parts = (np.frombuffer(values), found, np.frombuffer(ends, np.int64).astype(narrow))
    features = sparse.csr_array(parts, shape=(len(target), width))
    if any_order:
        features.sum_duplicates()
    if positive and not any(target):
        raise ValueError(f"{path}: --positive {positive} is no label in it; give one that is")
    return SparseTable(features, np.frombuffer(target))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with opened(path) as file:
        yield from enumerate(file, 1)


def _label(place: str, tokens: list[bytes], positive: str) -> float:
    label = tokens[0]
    labels = label.split(b",")
    if b":" in label:
        remedy = "write it, or leave out such lines: sed -E '/^[^ ]*:/d' FILE > FILE.svm"
        raise ValueError(f"{place}: the target is missing, the line starts with {_shown(label)}; {remedy}")
    if positive:
        return float(any(_is(each.decode("utf-8", "replace"), positive) for each in labels))
    if len(labels) > 1 and len(tokens) > 1 and all(each.isdigit() for each in labels):
        remedy = f"tell one from the rest: --positive {labels[0].decode()}"
        raise ValueError(f"{place}: several labels, {_shown(label)}; {remedy}")
    if len(tokens) == 3 and all(token.isdigit() for token in tokens):
        remedy = "leave it out: tail -n +2 FILE > FILE.svm"
        raise ValueError(f"{place}: a line of sizes, not an example; {remedy}")
    if label[:1].isalpha() and label.isalnum() and label.lower() not in (b"nan", b"inf", b"infinity"):
        word = label.decode("utf-8", "replace")
        raise ValueError(f"{place}: the target is {_shown(label)}; tell one from the rest: --positive {word}")
    return _finite(place, "target", label)


def _is(label: str, positive: str) -> bool:
    """Whether these are one label: +1, 1 and 1.000 are."""
    one, other = cells.number(label), cells.number(positive)
    return label == positive or (one is not None and one == other)


def _entry(place: str, token: bytes) -> tuple[int, float]:
    """Index and value; ValueError: it is none."""
    index, _, value = token.partition(b":")
    if token.startswith(b"qid:"):
        remedy = "read it without them: --ignore-qid"
        raise ValueError(f"{place}: groups for ranking (qid) are not used; {remedy}")
    if not index.isdigit():
        remedy = "write a whole number, a colon and a number without spaces"
        raise ValueError(f"{place}: {_shown(token)} is not index:value; {remedy}")
    if b":" in value:
        remedy = r"leave the fields out: sed -E 's/ [0-9]+:([0-9]+:)/ \1/g' FILE > FILE.svm"
        raise ValueError(f"{place}: {_shown(token)} is field:index:value, as libffm has it; {remedy}")
    return int(index), _finite(place, f"value of index {int(index)}", value)


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


def _misplaced(column: int, before: int, last: int, start: int, columns: int | None) -> str:
    if column < start:
        return "index 0, but the first column has index 1; if the file counts from 0, say --zero-based"
    if column == before:
        return f"index {column} stands there twice; to add such values up: --any-order"
    if column < before:
        return f"index {column} comes after {before}; to take any order: --any-order"
    if columns is None:
        return f"index {column} is too large, at most {last} is possible; number the columns anew"
    return f"index {column}, but columns={columns} allows at most {last}; raise columns, or pass None"


def _shown(text: bytes) -> str:
    return repr(text[:40].decode("utf-8", "replace"))
