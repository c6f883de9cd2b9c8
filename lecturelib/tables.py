"""The reader's own table of numbers, from a csv, npz or parquet file, checked completely.

A csv or parquet file is never in memory beside the result, only one block of its rows is: 1,000,000 x 50
numbers (0.4 GB as float64) take little more than that.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lecturelib.table_files import CLEAN, Source, csv_source, npz_source, parquet_source


@dataclass(frozen=True, eq=False)
class Table:
    """A table of numbers, split into what is known and what is to be predicted.

    Attributes:
        features: float64, shape (rows, columns).
        target: float64, shape (rows,).
        columns: the name of each column of features.
        target_name: the name of the target.
    """

    features: np.ndarray
    target: np.ndarray
    columns: tuple[str, ...]
    target_name: str


def table(path: str | Path, target: str | None = None, *, header: bool = True) -> Table:
    """Read a table of numbers from a file; its suffix says the format.

    - .csv: comma-separated UTF-8 text, names in the first line. Columns without names are "0", "1", ...
    - .npz: named arrays, as `np.savez` writes them, all with as many rows. The columns of a two-dimensional
      array X are called "X[0]", "X[1]", ...
    - .parquet: columns of integers, floating-point numbers or booleans. Needs pyarrow.

    Args:
        path: the file.
        target: the name of the column to predict; by default the last one (npz: if the last array is
            one-dimensional).
        header: csv only: False if the first line already holds numbers.

    Returns:
        Table, with features of shape (rows, columns - 1) in the order of the file.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: the file is a parquet file, and pyarrow is not installed.
        ValueError: the file is damaged, empty, ragged, not numeric, or holds NaN or infinity; or the target
            is unknown. The message names the file, the place and the remedy.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "houses.csv")
        ...     _ = path.write_text("rooms,price,age\\n3,250,10\\n4,410,2\\n")
        ...     houses = table(path, target="price")
        >>> houses.columns, houses.features.tolist(), houses.target.tolist()
        (('rooms', 'age'), [[3.0, 10.0], [4.0, 2.0]], [250.0, 410.0])
    """
    path = existing_file(path)
    if path.suffix == ".csv":
        source = csv_source(path, header)
    elif path.suffix == ".npz":
        source = npz_source(path)
    elif path.suffix == ".parquet":
        source = parquet_source(path)
    else:
        raise ValueError(f"{path}: the suffix is not .csv, .npz or .parquet; rename or convert the file")
    position = _target_position(path, source, target)
    features = np.empty((source.rows, len(source.columns) - 1))
    values = np.empty(source.rows)
    filled = 0
    for first, block in source.blocks:
        if not np.isfinite(block).all():
            row, column = np.argwhere(~np.isfinite(block))[0]
            place = f"{path}, {source.unit} {first + row}, column {source.columns[column]!r}"
            raise ValueError(f"{place}: {block[row, column]} is no finite number; {CLEAN}")
        rows = slice(filled, filled + len(block))
        features[rows], values[rows] = np.delete(block, position, axis=1), block[:, position]
        filled += len(block)
    if filled == 0:
        raise ValueError(f"{path}: no rows of numbers in it; add some")
    names = list(source.columns)
    name = names.pop(position)
    return Table(features[:filled], values[:filled], tuple(names), name)


def existing_file(path: str | Path) -> Path:
    """Return the path of a file that is there and not empty, or raise FileNotFoundError or ValueError."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: no such file; check the name (relative names start at {Path.cwd()})"
        )
    if not path.is_file():
        raise ValueError(f"{path}: not a file; name a file, not a folder")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty (0 bytes); write or download it again")
    return path


def _target_position(path: Path, source: Source, target: str | None) -> int:
    names = source.columns
    seen = set()
    for number, name in enumerate(names, 1):
        if not name.strip():
            raise ValueError(f"{path}, column {number}: it has no name; give it one, or remove the column")
        if name in seen:
            raise ValueError(f"{path}, column {number}: a second column called {name!r}; rename one")
        seen.add(name)
    if len(names) < 2:
        raise ValueError(
            f"{path}: {len(names)} column(s) found, 2 or more needed; separate columns by commas"
        )
    if target is None and source.last_is_target:
        return len(names) - 1
    if target not in names:
        known = ", ".join(names[:20]) + (f", ... ({len(names)} in all)" if len(names) > 20 else "")
        raise ValueError(f"{path}: target={target!r} is not a column of it; choose one of: {known}")
    return names.index(target)
