"""The reader's own tables: read exactly, or refused with file, place and remedy."""

import functools
import tracemalloc
from datetime import date

import numpy as np
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pyarrow import csv, parquet

from lecturelib import datasets
from lecturelib.datasets import table_files
from tests.marks import first_quick

NUMBERS = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 8), st.integers(2, 5)),
    elements=st.floats(allow_nan=False, allow_infinity=False),
)


def write_csv(path, values, names):
    lines = [",".join(names), *(",".join(repr(float(value)) for value in row) for row in values)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_npz(path, values, names):
    np.savez(path, **{name: values[:, j] for j, name in enumerate(names)})


def write_parquet(path, values, names):
    columns = {name: pyarrow.array(values[:, j]) for j, name in enumerate(names)}
    parquet.write_table(pyarrow.table(columns), path)


WRITERS = {".csv": write_csv, ".npz": write_npz, ".parquet": write_parquet}


@first_quick("suffix", WRITERS)
@given(values=NUMBERS, position=st.integers(0, 4), block=st.sampled_from([1, 7, 500_000]))
def test_what_was_written_is_read(tmp_path_factory, suffix, values, position, block):
    """Bit for bit, in every format, however the rows fall into blocks."""
    names = [f"c{j}" for j in range(values.shape[1])]
    position %= len(names)
    path = tmp_path_factory.mktemp("round") / f"t{suffix}"
    WRITERS[suffix](path, values, names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_files, "BLOCK", block)
        table = datasets.table(path, names[position], datasets.Choices(keep=tuple(names)))
    assert (table.target == values[:, position]).all()
    assert (table.features == np.delete(values, position, axis=1)).all()
    assert table.features.dtype == table.target.dtype == np.float64
    assert table.columns == tuple(name for name in names if name != names[position])
    assert table.target_name == names[position]


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_target_is_what_is_called_so_or_asked_for(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    WRITERS[suffix](path, np.arange(6.0).reshape(2, 3), ["a", "Target", "c"])
    table = datasets.table(str(path))
    assert (table.columns, table.target_name, table.target.tolist()) == (("a", "c"), "Target", [1, 4])
    assert table.steps == ("The target is Target, by its name (else: --target NAME).",)
    for names in (["a", "b", "c"], ["y", "label", "c"]):
        WRITERS[suffix](path, np.arange(6.0).reshape(2, 3), names)
        with pytest.raises(ValueError, match="which column is predicted"):
            datasets.table(path)


def test_csv_as_other_programs_write_it(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(
        '\ufeff"a, b",größe\r\n"1",-2e-3\r\n 3 ,.5\r\n\r\n\r\n'.encode()
    )  # mark, CRLF, blank end
    table = datasets.table(path, "größe")
    assert table.columns == ("a, b",)
    assert table.target_name == "größe"
    assert table.features.tolist() == [[1], [3]]
    assert table.target.tolist() == [-0.002, 0.5]


def test_a_name_in_a_csv_may_have_a_quotation_mark(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('screen 15",price\n1,2\n3,4\n')
    table = datasets.table(path, "price")
    assert (table.columns, table.features.tolist()) == (('screen 15"',), [[1], [3]])


def test_csv_without_names(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("1,2\n3,4")
    table = datasets.table(path, "0", datasets.Choices(header=False))
    assert (table.columns, table.features.tolist(), table.target.tolist()) == (("1",), [[2], [4]], [1, 3])
    with pytest.raises(ValueError, match=r"t\.csv: which column .*--target 1 .*No line of names .*--header"):
        datasets.table(path)
    assert datasets.table(path, "2", datasets.Choices(header=True)).target.tolist() == [4]


def test_npz_with_a_matrix_of_features(tmp_path):
    path = tmp_path / "t.npz"
    np.savez_compressed(path, x=np.array([[True, False], [True, True]]), y=np.array([3, 4], np.uint8))
    table = datasets.table(path)
    assert (table.columns, table.target_name) == (("x[0]", "x[1]"), "y")
    assert table.features.tolist() == [[1, 0], [1, 1]]
    np.savez(path, t=np.array([3.0, 4]), x=np.eye(2))
    with pytest.raises(ValueError, match=r"t\.npz: which column .*: t, x\[0\], x\[1\]"):
        datasets.table(path)
    assert datasets.table(path, "t").target.tolist() == [3, 4]


def test_parquet_with_integers_and_booleans(tmp_path):
    path = tmp_path / "t.parquet"
    columns = {"n": pyarrow.array([1, -2], pyarrow.int8()), "yes": [True, False], "y": [0.5, 1.5]}
    parquet.write_table(pyarrow.table(columns), path)
    assert datasets.table(path).features.tolist() == [[1, 1], [-2, 0]]


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_values_that_are_no_numbers_count_as_missing(tmp_path, suffix, bad, monkeypatch):
    monkeypatch.setattr(table_files, "BLOCK", 6)
    values = np.arange(27.0).reshape(9, 3)
    values[7, 1] = bad
    path = tmp_path / f"t{suffix}"
    WRITERS[suffix](path, values, ["a", "b", "y"])
    table = datasets.table(path)
    assert table.columns == ("a", "b", "b is missing")
    assert table.features[7].tolist() == [21, np.delete(values[:, 1], 7).mean(), 1]
    assert "b 1 of 9 (mean 11.88)" in table.steps[-1]
    assert datasets.table(path, choices=datasets.Choices(missing="leave-out")).features.shape == (8, 2)


@pytest.mark.parametrize("suffix", WRITERS)
def test_an_unknown_target_is_refused_with_the_names(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    WRITERS[suffix](path, np.ones((2, 3)), ["a", "b", "c"])
    with pytest.raises(ValueError, match=rf"t\{suffix}: 'price' is not .*choose one of: 'a', 'b', 'c'$"):
        datasets.table(path, target="price")
    WRITERS[suffix](path, np.ones((1, 99)), [f"c{j}" for j in range(99)])
    with pytest.raises(ValueError, match=r"'c18', 'c19', \.\.\. \(99 in all\)$"):
        datasets.table(path, target="price")


def test_what_is_no_table_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv: no such file; check the name"):
        datasets.table(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="not a file; name a file, not a folder"):
        datasets.table(tmp_path)
    for suffix in WRITERS:
        (tmp_path / f"t{suffix}").touch()
        with pytest.raises(ValueError, match=rf"t\{suffix}: the file is empty"):
            datasets.table(tmp_path / f"t{suffix}")


@first_quick("suffix", WRITERS)
def test_any_damage_is_refused_by_name_or_harmless(tmp_path, suffix):
    """Cut short anywhere, or one byte changed: a ValueError that names the file, or numbers."""
    path = tmp_path / f"t{suffix}"
    WRITERS[suffix](path, np.arange(6).reshape(2, 3) + 0.5, ["a", "b", "y"])
    content = path.read_bytes()
    damaged = [content[:end] for end in range(0, len(content), 3)]
    for place in range(0, len(content), 2):
        damaged.append(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
    refused = 0
    for bad in damaged:
        path.write_bytes(bad)
        try:
            table = datasets.table(path)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017  (both ends of the try are fine)
            refused += 1
        else:
            assert np.isfinite(table.features).all()
    assert refused > len(damaged) / (4 if suffix == ".csv" else 2)  # a changed digit is a number, too


@pytest.mark.long
def test_a_csv_is_not_held_in_memory_beside_the_result(tmp_path):
    """Nor are its columns in Arrow's memory: only numbers are kept, and let go as the result fills."""
    path = tmp_path / "t.csv"
    rows, columns = 80_000, 20
    with path.open("w") as file:
        file.write(",".join([*(f"c{j}" for j in range(columns - 1)), "y"]) + "\n")
        file.writelines([",".join(f"0.{i + j:015d}" for j in range(columns)) + "\n" for i in range(rows)])
    pool = pyarrow.proxy_memory_pool(pyarrow.default_memory_pool())  # counts what arrow takes from here on
    tracemalloc.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv, "open_csv", functools.partial(csv.open_csv, memory_pool=pool))
            table = datasets.table(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    result = table.features.nbytes + table.target.nbytes
    block = table_files.BLOCK * (2 * 8 + 2 * 20)  # numbers twice, their text twice
    assert pool.max_memory() > 0
    assert pool.max_memory() <= block < path.stat().st_size
    assert (
        peak < 2 * result + block
    )  # as numpy counts: of the result, pages are taken as the blocks are let go


def test_a_csv_line_may_be_longer_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "BLOCK", 1)
    values = np.arange(3000.0).reshape(2, 1500)
    write_csv(tmp_path / "wide.csv", values, [f"größe {j}" for j in range(1500)])
    assert datasets.table(tmp_path / "wide.csv", "größe 1499").features.tolist() == values[:, :-1].tolist()


def test_a_csv_may_end_its_lines_as_old_macs_did(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a,y\r1,+2\r3,4\r")
    assert datasets.table(tmp_path / "t.csv").target.tolist() == [2, 4]


def test_arrays_of_other_shapes_side_by_side(tmp_path):
    names = np.array(["a", "b"])
    arrays = {"X": np.arange(24.0).reshape(12, 2), "y": np.arange(12.0)[:, None] ** 2, "feature_names": names}
    np.savez(
        tmp_path / "t.npz", **arrays, kind=np.array(["p", "q"] * 6), images=np.ones((12, 2, 3)), n=np.ones(5)
    )
    table = datasets.table(tmp_path / "t.npz")
    assert table.columns == ("a", "b", "kind")
    assert table.target.tolist() == (np.arange(12.0) ** 2).tolist()
    assert "images of shape (12, 2, 3) is flattened, 6 columns." in table.steps
    assert "n of shape (5,) is left out, for it has not 12 rows." in table.steps


def test_columns_of_lists_categories_and_moments_in_parquet(tmp_path):
    columns = {
        "emb": [[k + 0.5, -2.0 * k] for k in range(12)],
        "region": pyarrow.array(["n", "s", "w"] * 4).dictionary_encode(),
        "when": [date(2020, 1, 1 + k) for k in range(12)],
        "raw": [b"1"] * 12,
        "y": np.arange(12.0),
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    table = datasets.table(tmp_path / "t.parquet")
    assert table.columns == ("emb[0]", "emb[1]", "region=n", "region=s", "region=w")
    assert table.features[3].tolist() == [3.5, -6.0, 1, 0, 0]
    assert any("raw (binary)" in step for step in table.steps)
    assert any("as dates: when" in step for step in table.steps)
