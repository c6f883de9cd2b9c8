"""Damaged data files are read or refused with their name; they never crash a reader, hang it, or make it act.

Each kind is damaged outside (the file's bytes) and, where a container with a checksum would hide it, inside
(what the container holds). A few of each by default; in `make long` 100,000, with `test_fuzz_lecture.py`.
"""

import bz2
import functools
import gzip
import io
import lzma
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from hypothesis import given
from pyarrow import parquet

from lecturelib import datasets
from lecturelib.networks import study, text_record
from lecturelib.networks.text_study_plan import PLAN
from tests.fuzzing import MANY, Misbehaved, Watch, damaged, each, inputs, refused
from tests.lecture.networks.test_study import grid_run
from tests.marks import first_quick

RANDOM = np.random.default_rng(0)
CSV = b"rooms,price,age\n" + b"".join(b"%d,%.3f,-%de-1\n" % (i, 100 / (i + 1), 7 * i) for i in range(8))
SVM = b"+1 1:0.5 3:2\n-1 2:1  # the second\n\n0.5 1:-1e-3 2:7 40:0\n-1\n"


def npy(array, allow_pickle=False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


def npz(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


def parquet_bytes() -> bytes:
    file = io.BytesIO()
    columns = {"a": np.arange(9), "b": np.linspace(0, 1, 9), "y": np.arange(9) % 2 == 0}
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def study_members() -> dict[str, bytes]:
    plan = study.Plan((2,), (0.1, 0.25), (0,), (1, 2), samples=32, updates=4, target=0.5, points=3)
    part = {2: grid_run(2, [0.1, 0.25], [1, 2], [0, 3, 4], RANDOM)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "good.npz"
        study.write(study.Study(plan, {"device": "one"}, part, part), path)
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}


def text_members() -> dict[str, bytes]:
    runs = tuple(
        text_record.TextRun("SGD", 2, 0.25, seed, np.arange(4), RANDOM.uniform(size=4)) for seed in (0, 1)
    )
    noise = (text_record.NoiseCurve("SGD", 1, *RANDOM.uniform(size=(5, 2))),)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "good.npz"
        text_record.write(text_record.TextStudy(PLAN, {"device": "one"}, runs, noise), path)
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}


ARRAYS = {"x": npy(RANDOM.normal(size=(5, 2))), "y": npy(np.arange(5))}
# kind -> suffix, reader, what is damaged, how the file is made of it
KINDS = {
    "csv": (".csv", functools.partial(datasets.table, target="age"), CSV, bytes),
    "npz": (".npz", datasets.table, npz(ARRAYS), bytes),
    "npz, an array in it": (".npz", datasets.table, ARRAYS["x"], lambda x: npz(ARRAYS | {"x": x})),
    "parquet": (".parquet", datasets.table, parquet_bytes(), bytes),
    "svmlight": (".svm", datasets.svmlight, SVM, bytes),
    "svmlight.gz": (".gz", datasets.svmlight, gzip.compress(SVM, mtime=0), bytes),
    "svmlight.bz2": (".bz2", datasets.svmlight, bz2.compress(SVM), bytes),
    "svmlight.xz": (".xz", datasets.svmlight, lzma.compress(SVM), bytes),
}
for name, reader, members, array in (
    ("study", study.read, study_members(), "search_2_curves"),
    ("text study", text_record.read, text_members(), "losses"),
):
    KINDS |= {
        name: (".npz", reader, npz(members), bytes),
        f"{name}, an array in it": (
            ".npz", reader, members[array], lambda x, m=members, array=array: npz(m | {array: x}),
        ),
        f"{name}, its JSON": (
            ".npz", reader, str(np.load(io.BytesIO(members["about"]))).encode(),
            lambda x, m=members: npz(m | {"about": npy(np.array(x.decode("utf-8", "replace")))}),
        ),
    }  # fmt: skip


def test_in_all_there_are_enough():
    assert sum(MANY.values()) >= 100_000


@pytest.mark.filterwarnings("ignore")  # a reader may warn of what it then refuses
@each
@first_quick("kind", KINDS)
def test_a_damaged_file_is_read_or_refused_by_name(kind, many, tmp_path):
    suffix, read, good, make = KINDS[kind]
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(make(good))
    read(path)  # whole it is read, and what it needs is imported before the watch
    outcomes = set()

    @inputs(kind, many)
    @given(damaged(good))
    def check(content):
        path.write_bytes(make(content))
        outcomes.add(refused(read, path, names=str(path)) is None)

    check()
    assert False in outcomes
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.filterwarnings("ignore")
@each
@pytest.mark.parametrize("name", datasets.SHA256)
def test_a_damaged_bundled_file_is_never_unpacked(name, many, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "DATA", tmp_path)
    read = getattr(datasets, name.partition(".")[0]).__wrapped__  # past the cache of what was read before

    @inputs("bundled", many)
    @given(damaged(lzma.compress(npz(ARRAYS))))
    def check(content):
        (tmp_path / name).write_bytes(content)
        assert "is damaged" in refused(read, names=str(tmp_path / name))

    check()


BAD_DEEDS = {
    "write a file": lambda path: path.write_text("x"),
    "write with os.open": lambda path: os.open(path, os.O_WRONLY | os.O_CREAT),
    "make a folder": lambda path: path.mkdir(),
    "rename": lambda path: os.rename(path, f"{path}2"),
    "run a command": lambda path: os.system("true"),
    "start a process": lambda path: subprocess.run([sys.executable, "-c", ""]),
    "open a connection": lambda path: socket.create_connection(("127.0.0.1", 9)),
    "unpickle": lambda path: pickle.loads(b"cos\nsystem\n(S'true'\ntR."),
    "run code": lambda path: exec("1"),
    "evaluate code": lambda path: eval("1"),
    "compute for ever": lambda path: all(i == 0 for i in iter(int, 1)),
    "wait for ever": lambda path: threading.Event().wait(),
}


@first_quick("deed", BAD_DEEDS)
def test_the_watch_stops(deed, tmp_path):
    with pytest.raises(Misbehaved), Watch(seconds=0.2):
        BAD_DEEDS[deed](tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_the_watch_lets_files_be_read(tmp_path):
    (tmp_path / "file").write_text("x")
    with Watch():
        assert (tmp_path / "file").read_text() == "x"
    (tmp_path / "file").write_text("y")  # and once it is closed, everything


def test_an_error_that_is_not_documented_is_seen(tmp_path):
    def unpack(path):
        raise KeyError(path)

    with pytest.raises(KeyError):
        refused(unpack, tmp_path)
    with pytest.raises(AssertionError, match="a plain ValueError"):  # a UnicodeDecodeError names no file
        refused(lambda: b"\xff".decode("ascii"))
    with pytest.raises(AssertionError, match="that names 'file'"):
        refused(int, "x", names="file")
