"""The reader's own table, from a text, JSON, parquet, feather or NumPy file, as numbers.

A text or parquet file is never in memory beside the result, only one block of its rows is: 1,000,000 x 50
numbers (0.4 GB as float64) take little more than that.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lecturelib.datasets import containers
from lecturelib.datasets.array_files import array_source
from lecturelib.datasets.columns import Choices, Columns
from lecturelib.datasets.encoding import Encoded, encode
from lecturelib.datasets.json_files import json_source
from lecturelib.datasets.table_files import Source, arrow_source
from lecturelib.datasets.text_files import csv_source

AS_READ = Choices()


@dataclass(frozen=True, eq=False)
class Table:
    """A table of numbers, split into what is known and what is to be predicted.

    Attributes:
        features: float64, shape (rows, columns).
        target: float64, shape (rows,).
        columns: the name of each column of features.
        target_name: the name of the target.
        steps: sentences: what was done to columns and rows, with numbers.
    """

    features: np.ndarray
    target: np.ndarray
    columns: tuple[str, ...]
    target_name: str
    steps: tuple[str, ...] = ()


def table(path: str | Path, target: str | None = None, choices: Choices = AS_READ) -> Table:
    r"""Read a table from a file; its content says the format.

    - Text, however it is delimited, quoted, encoded or compressed (gzip, bzip2, xz, zip); `dialect.py` says
      how that is found out, and `encoding.py` how text, dates and missing values become numbers.
    - JSON, one object a line, a list of them, or as pandas writes it (`json_files.py`); parquet; feather.
    - npz or npy: arrays with as many rows, side by side. The columns of a two-dimensional array X are called
      "X[0]", "X[1]", ...

    Args:
        path: the file.
        target: the name of the column to predict; without it, the one that is called target, y, label,
            class, outcome or response. No other is guessed.
        choices: what to do otherwise, such as `Choices(header=False, drop=("id",))`; messages name the
            options of the command, `--no-header --drop id`.

    Returns:
        Table, with rows in the order of the file, without those whose target is missing.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: the file needs pyarrow, which is not installed.
        ValueError: the file is damaged, empty or ragged, or it is not plain what is predicted. The message
            names the file, the place and what to do.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from lecturelib import datasets
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "houses.csv")
        ...     _ = path.write_text("rooms;price;heating\n3;250,5;gas\n4;410,0;oil\n")
        ...     houses = datasets.table(path, target="price")
        >>> houses.columns, houses.features.tolist(), houses.target.tolist()
        (('rooms', 'heating'), [[3.0, 0.0], [4.0, 1.0]], [250.5, 410.0])
    """
    columns = read(path, choices)
    encoded = encode(columns, target)
    kept = np.isfinite(encoded.target)
    if not kept.all():
        columns.steps.append(f"{(~kept).sum():,} of {len(kept):,} rows have no target and are left out.")
    if choices.missing == "leave-out":
        whole = columns.whole_rows(encoded.used)
        if lost := int((kept & ~whole).sum()):
            columns.steps.append(f"{lost:,} of {len(kept):,} rows have missing values and are left out.")
        kept &= whole
    if not kept.any():
        raise ValueError(
            f"{columns.place}: no row is left ({' '.join(columns.steps[-2:])}); leave columns out by --drop"
        )
    features = _filled(columns.source, encoded, kept)
    names = tuple(name for feature in encoded.features for name in feature.names)
    return Table(features, encoded.target[kept], names, encoded.target_name, tuple(columns.steps))


def numbers(path: str | Path, choices: Choices = AS_READ) -> dict[str, np.ndarray]:
    r"""The columns of numbers of a file that `table` reads, as they are: nothing left out, nothing filled in.

    Args:
        path: the file.
        choices: `header` and `delimiter` of a text file, where they are not plain.

    Returns:
        Values by the column's name, float64, shape (rows,), NaN where one is missing.

    Raises:
        FileNotFoundError, ImportError, ValueError: as for `table`.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from lecturelib import datasets
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "runs.csv")
        ...     _ = path.write_text("run,batch,steps\na,8,900\nb,16,\n")
        ...     datasets.numbers(path)
        {'batch': array([ 8., 16.]), 'steps': array([900.,  nan])}
    """
    columns = read(path, choices)
    labels = columns.source.labels
    return {name: columns.column(j) for j, name in enumerate(columns.names) if j not in labels}


def read(path: str | Path, choices: Choices = AS_READ) -> Columns:
    """The columns of a file as they are; arguments and errors as for `table`."""
    path = containers.existing_file(path)
    return Columns(str(path), _source(path, choices), choices)


def _source(path: Path, choices: Choices) -> Source:
    kind = containers.kind(path)
    if kind == "svmlight":
        raise ValueError(f"{path}: an svmlight file; read it by datasets.svmlight")
    if kind in ("npy", "npz"):
        source = array_source(path, kind)
    elif kind in ("parquet", "feather"):
        source = arrow_source(path, kind)
    elif kind == "json":
        source = json_source(path)
    else:
        source = csv_source(path, choices.header, choices.delimiter, choices.decimal)
    if not sum(map(len, source.blocks)):
        raise ValueError(f"{path}: no rows of numbers in it; add some")
    return source


def _filled(source: Source, encoded: Encoded, kept: np.ndarray) -> np.ndarray:
    """The features of the rows that are kept; from the last block on, each is let go once it is used."""
    result = np.empty((int(kept.sum()), sum(len(feature.names) for feature in encoded.features)))
    end, empty = len(kept), len(result)
    while source.blocks:
        block = source.blocks.pop()
        end -= len(block)
        block = block[kept[end : end + len(block)]]
        empty -= len(block)
        at = 0
        for feature in encoded.features:
            for column in feature.make(block):
                result[empty : empty + len(block), at] = column
                at += 1
    return result
