"""Files that are no table of numbers: each refused with file, place and remedy."""

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from lecturelib import datasets
from lecturelib.datasets import json_files, table_files, text_files

CSV_ERRORS = {
    "empty": ("", r"empty \(0 bytes\); write or download"),
    "names only": ("a,y\n", "no rows of numbers in it; add some"),
    "blank": ("\n\n", "no rows of numbers in it; add some"),
    "one column": ("a\n1\n", "one column found, two or more needed; .*--delimiter"),
    "one feature, empty": ("a,y\n,2\n,3\n", r"1 column\(s\) found, 2 or more needed"),
    "short line": ("a,y\n1,2\n3,4\n3\n", "line 4: 1 cells, but 2 columns; give each line"),
    "long line": ("a,y\n1,2\n3,4,5\n6,7\n", "line 3: 3 cells, but 2 columns; give each line"),
    "open quote": ('a,y\n1,"2\n3,4\n', "a quotation mark without its partner"),
    "NUL": ("a,y\n1,2\0\n", "not text"),
    "no target": ("a,b\n1,2\n", "which column is predicted.*--target b or another of: a, b$"),
    "all targets empty": ("a,y\n1,\n2,\n", r"1 column\(s\) found"),
    "a class too many": ("a,y\n1,red\n2,blue\n3,blue\n4,green\n", "3 classes .*--positive blue"),
    "unknown class": ("a,y\n1,2\n2,3\n", "--positive 7 is no value of 'y'"),
    "dates as target": ("a,y\n1,2020-01-02\n2,2020-01-03\n", "'y' holds dates"),
    "no feature": (
        "text,y\n" + "".join(f"t{i},{i}\n" for i in range(30)),
        "no feature is left .*--keep text",
    ),
}


@pytest.mark.parametrize("case", CSV_ERRORS)
@pytest.mark.parametrize("block", [2, 500_000])
def test_a_bad_csv_is_refused(tmp_path, case, block, monkeypatch):
    monkeypatch.setattr(table_files, "BLOCK", block)
    content, reason = CSV_ERRORS[case]
    path = tmp_path / "bad.csv"
    path.write_text(content, encoding="utf-8")
    choices = datasets.Choices(positive="7") if case == "unknown class" else datasets.Choices()
    with pytest.raises(ValueError, match=rf"bad\.csv.*{reason}"):
        datasets.table(path, choices=choices)


@pytest.mark.long
@pytest.mark.parametrize("case", [*CSV_ERRORS, "right", "late text", "cp1252", "json", "bad json"])
def test_pyarrows_threads_hold_nothing_of_ours_at_the_end(tmp_path, case, monkeypatch):
    """One that holds the last reference when Python ends aborts the process, after its page is written."""
    long = "a,y\n" + "1,2\n" * 3000
    texts = {"right": long, "late text": long + "x,2\n", "cp1252": long + "\xe9,2\n"}
    texts |= {"json": '{"a": 1, "y": 2}\n{"a": 2, "y": 3}\n', "bad json": '{"a": 1, "y": 2}\n{"a": }\n'}
    path = tmp_path / ("file.json" if "json" in case else "file.csv")
    path.write_bytes((texts.get(case) or CSV_ERRORS[case][0]).encode("cp1252"))
    held = []

    class Counted(table_files.Lent):
        def __exit__(self, *error):
            super().__exit__(*error)
            held.append(sys.getrefcount(self.stream) - self.holders)

    for module in (json_files, text_files):
        monkeypatch.setattr(module, "Lent", Counted)
    with contextlib.suppress(ValueError):
        datasets.table(path)
    early = "empty", "blank", "one column", "NUL"  # refused before pyarrow is asked
    assert set(held) == ({0} if case not in early else set())


def test_what_a_thread_still_holds_is_waited_for():
    lent, begun = io.BytesIO(), threading.Event()

    def hold(box):
        begun.set()
        time.sleep(0.3)
        box.clear()

    before = sys.getrefcount(lent)
    with table_files.Lent(lent):
        threading.Thread(target=hold, args=([lent],)).start()
        begun.wait()
    assert sys.getrefcount(lent) == before


@pytest.mark.long
def test_late_surprises_in_a_long_csv(tmp_path):
    """Below the lines that are looked at: a misfit is named by its line, a text among numbers is counted."""
    path = tmp_path / "long.csv"
    lines = ["a,y", *["1,2", "3,5"] * 150_000, "1,x", "1,2"]
    path.write_text("\n".join(lines))
    table = datasets.table(path)
    assert len(table.target) == 300_001
    assert "y: 'x' among numbers count as missing (else: --category NAME)." in table.steps
    lines[250_001] = "7"
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"long\.csv, line 250002: 1 cells, but 2 columns"):
        datasets.table(path)


def test_without_pyarrow_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for name in ("t.csv", "t.parquet"):
        (tmp_path / name).write_text("a,y\n1,2\n")
        with pytest.raises(ImportError, match=rf'{name}: to read it, pip install "lecturelib\[files\]"$'):
            datasets.table(tmp_path / name)
    np.savez(tmp_path / "t.npz", a=np.ones(2), y=np.ones(2))
    assert datasets.table(tmp_path / "t.npz").target.tolist() == [1, 1]


def test_no_reader_is_imported_before_it_is_needed():
    program = "import sys; from lecturelib import datasets; sys.exit('pyarrow' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


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
    "complex": (
        {"x": np.ones(2), "y": 1j * np.ones(2)},
        r"key 'y': complex128 of shape \(2,\); store numbers",
    ),
    "a single number": ({"x": np.ones(2), "y": np.ones(())}, r"1 column\(s\) found"),
    "unequal": (
        {"x": np.ones((2, 2)), "y": np.ones(3)},
        r"which column .*y of shape \(3,\) is left out, for it has not 2 rows",
    ),
    "nothing": ({}, "no arrays in it; write arrays of numbers"),
    "no rows": ({"x": np.ones((0, 2)), "y": np.ones(0)}, "no rows of numbers in it; add some"),
    "one column": ({"x": np.ones(3)}, r"1 column\(s\) found, 2 or more needed"),
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
    parquet.write_table(pyarrow.table({"a": pyarrow.array([], "f8"), "y": pyarrow.array([], "f8")}), path)
    with pytest.raises(ValueError, match=r"bad\.parquet: no rows of numbers"):
        datasets.table(path)


def test_what_pandas_calls_categories_is_none_of_numbers(tmp_path):
    pandas = {"columns": [{"name": "zip", "pandas_type": "categorical"}], "index_columns": []}
    columns = pyarrow.table({"zip": [98001, 98002, 98003] * 4, "y": np.arange(12.0)})
    stored = columns.replace_schema_metadata({"pandas": json.dumps(pandas)})
    parquet.write_table(stored, tmp_path / "t.parquet")
    assert datasets.table(tmp_path / "t.parquet").columns == ("zip=98001", "zip=98002", "zip=98003")
