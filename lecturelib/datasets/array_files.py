"""NumPy's own files as blocks of rows: one array (.npy), or several side by side (.npz)."""

from pathlib import Path

import numpy as np

from lecturelib.datasets import table_files
from lecturelib.datasets.table_files import Source


def array_source(path: Path, kind: str) -> Source:
    """The arrays of a file side by side; those of another length than the rest are names, or left out.

    Columns of a two-dimensional array X are called X[0], X[1], ...; those of the only array 0, 1, ... .
    Arrays of more axes, such as images, are flattened.

    Raises:
        ValueError: damaged, no array of numbers in it; the message names the key.
    """
    arrays = _arrays(path, kind)
    rows = max((len(a) for a in arrays.values() if a.ndim > 1), default=None)
    if rows is None:
        rows = max(map(len, (a for a in arrays.values() if a.ndim)), default=0)
    if not rows:
        remedy = "add some" if arrays else "write arrays of numbers again with np.savez"
        raise ValueError(f"{path}: no {'rows of numbers' if arrays else 'arrays'} in it; {remedy}")
    source = Source([], [])
    columns: list[np.ndarray] = []
    texts = {len(a): a.tolist() for a in arrays.values() if a.ndim == 1 and a.dtype.kind == "U"}
    for key, array in arrays.items():
        if not array.ndim or len(array) != rows:
            source.steps.append(f"{key} of shape {array.shape} is left out, for it has not {rows:,} rows.")
            continue
        if array.dtype.kind == "U" and array.ndim == 1:
            known, codes = np.unique(array, return_inverse=True)
            source.labels[len(columns)] = known.tolist()
            array = codes
        elif array.dtype.kind not in "biuf":
            raise ValueError(f"{path}, key {key!r}: {array.dtype} of shape {array.shape}; store numbers")
        if array.ndim > 2:
            source.steps.append(f"{key} of shape {array.shape} is flattened, {array[0].size} columns.")
        many = array[0].size
        if array.ndim == 2 and many != rows and many in texts:
            source.names += texts[many]
        elif many == 1:
            source.names.append(key)
        else:
            source.names += [f"{key}[{j}]" if kind == "npz" else str(j) for j in range(many)]
        columns += list(array.reshape(rows, -1).T)
    step = max(1, table_files.BLOCK // max(1, len(columns)))
    source.blocks = [
        np.column_stack([c[start : start + step] for c in columns]).astype(np.float64)
        for start in range(0, rows, step)
    ]
    return source


def _arrays(path: Path, kind: str) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    place = f"{path}"
    try:
        with path.open("rb") as file:
            if kind == "npy":
                return {"array": np.asarray(np.load(file, allow_pickle=False))}
            with np.load(file, allow_pickle=False) as stored:
                for key in stored.files:
                    place = f"{path}, key {key!r}"
                    arrays[key] = stored[key]
                    if not isinstance(arrays[key], np.ndarray):
                        raise ValueError("no array")
    except Exception as error:  # of zip, zlib, tokenize, of the memory that a wrong shape asks for, ...
        remedy = "write arrays of numbers again with np.savez"
        raise ValueError(f"{place}: damaged, or not plain arrays ({error}); {remedy}") from error
    return arrays
