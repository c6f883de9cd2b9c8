"""Files that are no table of numbers: each refused with file, place and remedy."""

import io
import os

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from lecturelib import datasets, table_files

CSV_ERRORS = {
    "empty": ("", r"empty \(0 bytes\); write or download"),
    "names only": ("a,b\n", "no rows of numbers in it; add some"),
    "blank": ("\n\n", "line 1: no column names; add a line of names"),
    "one column": ("a\n1\n", r"1 column\(s\) found, 2 or more needed; separate columns by commas"),
    "semicolons": ("a;b\n1;2\n", r"1 column\(s\) found, 2 or more needed; separate columns by commas"),
    "short line": ("a,b\n1,2\n3\n", "line 3: 1 cells, but 2 columns; give each line"),
    "long line": ("a,b\n1,2\n3,4,5\n6,7\n", "line 3: 3 cells, but 2 columns; give each line"),
    "all lines too long": ("a,b\n1,2,3\n3,4,5\n", "line 2: 3 cells, but 2 columns; give each line"),
    "blank line": ("a,b\n1,2\n\n3,4\n", "line 3: "),
    "word": ("a,b\n1,2\n3,red\n", "line 3, column 'b': 'red' is not a number; encode it"),
    "empty cell": ("a,b\n1,2\n,4\n", "line 3, column 'a': the cell is empty; remove the row"),
    "NaN": ("a,b\n1,2\nnan,4\n", "line 3, column 'a': nan is no finite number; remove the row"),
    "infinity": ("a,b\n1,-inf\n", "line 2, column 'b': -inf is no finite number; remove the row"),
    "overflow": ("a,b\n1,1e999\n", "line 2, column 'b': inf is no finite number; remove the row"),
    "grouped digits": ("a,b\n1,1_000\n", "line 2, column 'b': '1_000' is not a number"),
    "Arabic digits": ("a,b\n1,٣\n", "lines 2 to 2: .*; write plain decimal numbers"),
    "comment": ("a,b\n1,2 # x\n", "line 2, column 'b': '2 # x' is not a number"),
    "open quote at the end": ('a,b\n1,2\n3,"4', "line 3: unexpected end of data; check its quotation marks"),
    "open quote": ('a,b\n1,"2\n3,4\n', "line 2: unexpected end of data; check its quotation marks"),
    "no name": (",b\n1,2\n", "column 1: it has no name; give it one"),
    "same name": ("a,a\n1,2\n", "column 2: a second column called 'a'; rename one"),
    "NUL": ("a,b\n1,2\0\n", "line 2"),
}


@pytest.mark.parametrize("case", CSV_ERRORS)
@pytest.mark.parametrize("block", [2, 500_000])
def test_a_bad_csv_is_refused(tmp_path, case, block, monkeypatch):
    monkeypatch.setattr(table_files, "BLOCK", block)
    content, reason = CSV_ERRORS[case]
    path = tmp_path / "bad.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"bad\.csv.*{reason}"):
        datasets.table(path)


def test_a_csv_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_bytes("a,b\n1,2\n3,größer\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"bad\.csv, line 3: not UTF-8 text; save the file as UTF-8"):
        datasets.table(path)
    path.write_bytes("a,b\n1,2\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"bad\.csv, line 1: not UTF-8 text"):
        datasets.table(path)


def test_a_late_error_in_a_long_csv_names_its_line(tmp_path):
    path = tmp_path / "long.csv"
    lines = ["a,b", *["1,2"] * 300_000, "1,x", "1,2"]
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"long\.csv, line 300002, column 'b': 'x' is not a number"):
        datasets.table(path)
    lines[-2] = ",2"
    lines[250_001] = ""
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"long\.csv, line 250002: "):
        datasets.table(path)


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return (os.mkdir, (self.folder,))


def test_a_pickle_in_an_npz_file_is_refused_and_not_run(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, x=np.array([Trap(tmp_path / "sprung"), None], object), y=np.ones(2))
    with pytest.raises(ValueError, match=r"t\.npz, key 'x': damaged, or not plain arrays .*write arrays"):
        datasets.table(path)
    assert not (tmp_path / "sprung").exists()
    with np.load(path, allow_pickle=True) as stored:  # a mutant: the trap is real
        assert stored["x"].shape == (2,)
    assert (tmp_path / "sprung").exists()


NPZ_ERRORS = {
    "text": ({"x": np.array(["a", "b"]), "y": np.ones(2)}, r"key 'x': <U1 of shape \(2,\); store numbers"),
    "complex": (
        {"x": np.ones(2), "y": 1j * np.ones(2)},
        r"key 'y': complex128 of shape \(2,\); store numbers",
    ),
    "a single number": ({"x": np.ones(2), "y": np.ones(())}, r"key 'y': float64 of shape \(\); store"),
    "three axes": ({"x": np.ones((2, 2, 2)), "y": np.ones(2)}, r"key 'x': .*one or two dimensions"),
    "unequal": ({"x": np.ones((2, 2)), "y": np.ones(3)}, r"key 'y': 3 rows, but 2 .*make them equal"),
    "nothing": ({}, "no arrays in it; write arrays of numbers"),
    "no rows": ({"x": np.ones((0, 2)), "y": np.ones(0)}, "no rows of numbers in it; add some"),
    "one column": ({"x": np.ones(3)}, r"1 column\(s\) found, 2 or more needed"),
    "same name": ({"x": np.ones((2, 1)), "x[0]": np.ones(2)}, r"column 2: a second column called 'x\[0\]'"),
}


@pytest.mark.parametrize("case", NPZ_ERRORS)
def test_a_bad_npz_is_refused(tmp_path, case):
    stored, reason = NPZ_ERRORS[case]
    np.savez(tmp_path / "bad.npz", **stored)
    with pytest.raises(ValueError, match=rf"bad\.npz.*{reason}"):
        datasets.table(tmp_path / "bad.npz")


def test_a_bare_array_called_npz_is_refused(tmp_path):
    file = io.BytesIO()
    np.save(file, np.eye(2))
    (tmp_path / "t.npz").write_bytes(file.getvalue())
    with pytest.raises(
        ValueError, match=r"t\.npz: damaged, or not plain arrays .*write arrays of numbers again"
    ):
        datasets.table(tmp_path / "t.npz")


def test_a_bad_parquet_is_refused(tmp_path):
    path = tmp_path / "bad.parquet"
    parquet.write_table(pyarrow.table({"a": ["red", "blue"], "y": [1.0, 2.0]}), path)
    with pytest.raises(ValueError, match=r"bad\.parquet, column 'a': string is not numeric; encode it"):
        datasets.table(path)
    parquet.write_table(pyarrow.table({"a": [1.0, None], "y": [1.0, 2.0]}), path)
    with pytest.raises(
        ValueError, match=r"bad\.parquet, row 2, column 'a': the value is missing; remove the row"
    ):
        datasets.table(path)
    parquet.write_table(pyarrow.table({"a": pyarrow.array([], "f8"), "y": pyarrow.array([], "f8")}), path)
    with pytest.raises(ValueError, match=r"bad\.parquet: no rows of numbers"):
        datasets.table(path)
