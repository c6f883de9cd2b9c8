"""The reader's own tables: read exactly, or refused with file, place and remedy."""

import tracemalloc

import numpy as np
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pyarrow import parquet

from lecturelib import datasets, table_files

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


@pytest.mark.parametrize("suffix", WRITERS)
@given(values=NUMBERS, position=st.integers(0, 4), block=st.sampled_from([1, 7, 500_000]))
def test_what_was_written_is_read(tmp_path_factory, suffix, values, position, block):
    """Bit for bit, in every format, however the rows fall into blocks."""
    names = [f"c{j}" for j in range(values.shape[1])]
    position %= len(names)
    path = tmp_path_factory.mktemp("round") / f"t{suffix}"
    WRITERS[suffix](path, values, names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_files, "BLOCK", block)
        table = datasets.table(path, target=names[position])
    np.testing.assert_array_equal(table.target, values[:, position])
    np.testing.assert_array_equal(table.features, np.delete(values, position, axis=1))
    assert table.features.dtype == table.target.dtype == np.float64
    assert table.columns == tuple(name for name in names if name != names[position])
    assert table.target_name == names[position]


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_last_column_is_the_target_unless_told(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    WRITERS[suffix](path, np.arange(6.0).reshape(2, 3), ["a", "b", "c"])
    table = datasets.table(str(path))
    assert (table.columns, table.target_name, table.target.tolist()) == (("a", "b"), "c", [2, 5])


def test_csv_as_other_programs_write_it(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(
        '\ufeff"a, b",größe\r\n"1",-2e-3\r\n 3 ,.5\r\n\r\n\r\n'.encode()
    )  # mark, CRLF, blank end
    table = datasets.table(path)
    assert table.columns == ("a, b",)
    assert table.target_name == "größe"
    assert table.features.tolist() == [[1], [3]]
    assert table.target.tolist() == [-0.002, 0.5]


def test_csv_without_names(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("1,2\n3,4")
    table = datasets.table(path, target="0", header=False)
    assert (table.columns, table.features.tolist(), table.target.tolist()) == (("1",), [[2], [4]], [1, 3])
    with pytest.raises(ValueError, match=r"t\.csv, line 1: no column names; .*header=False"):
        datasets.table(path)


def test_npz_with_a_matrix_of_features(tmp_path):
    path = tmp_path / "t.npz"
    np.savez_compressed(path, x=np.array([[True, False], [True, True]]), y=np.array([3, 4], np.uint8))
    table = datasets.table(path)
    assert (table.columns, table.target_name) == (("x[0]", "x[1]"), "y")
    assert table.features.tolist() == [[1, 0], [1, 1]]
    np.savez(path, y=np.array([3.0, 4]), x=np.eye(2))
    with pytest.raises(ValueError, match=r"t\.npz: target=None is not a column .* y, x\[0\], x\[1\]"):
        datasets.table(path)
    assert datasets.table(path, "y").target.tolist() == [3, 4]


def test_parquet_with_integers_and_booleans(tmp_path):
    path = tmp_path / "t.parquet"
    columns = {"n": pyarrow.array([1, -2], pyarrow.int8()), "yes": [True, False], "y": [0.5, 1.5]}
    parquet.write_table(pyarrow.table(columns), path)
    assert datasets.table(path).features.tolist() == [[1, 1], [-2, 0]]


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize(("bad", "shown"), [(np.nan, "nan"), (-np.inf, "-inf")])
def test_not_finite_numbers_are_refused_with_their_place(tmp_path, suffix, bad, shown, monkeypatch):
    monkeypatch.setattr(table_files, "BLOCK", 6)
    values = np.ones((9, 3))
    values[7, 1] = bad
    path = tmp_path / f"t{suffix}"
    WRITERS[suffix](path, values, ["a", "b", "c"])
    place = "line 9" if suffix == ".csv" else "row 8"
    with pytest.raises(
        ValueError, match=rf"t\{suffix}, {place}, column 'b': {shown} is no finite number; remove"
    ):
        datasets.table(path)


@pytest.mark.parametrize("suffix", WRITERS)
def test_an_unknown_target_is_refused_with_the_names(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    WRITERS[suffix](path, np.ones((2, 3)), ["a", "b", "c"])
    with pytest.raises(ValueError, match=rf"t\{suffix}: target='price' is not .*choose one of: a, b, c$"):
        datasets.table(path, target="price")
    WRITERS[suffix](path, np.ones((1, 99)), [f"c{j}" for j in range(99)])
    with pytest.raises(ValueError, match=r"c18, c19, \.\.\. \(99 in all\)$"):
        datasets.table(path, target="price")


def test_what_is_no_table_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv: no such file; check the name"):
        datasets.table(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="not a file; name a file, not a folder"):
        datasets.table(tmp_path)
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(
        ValueError, match=r"t\.xlsx: the suffix is not \.csv, \.npz or \.parquet; rename or convert"
    ):
        datasets.table(tmp_path / "t.xlsx")
    for suffix in WRITERS:
        (tmp_path / f"t{suffix}").touch()
        with pytest.raises(ValueError, match=rf"t\{suffix}: the file is empty"):
            datasets.table(tmp_path / f"t{suffix}")


@pytest.mark.parametrize("suffix", WRITERS)
def test_any_damage_is_refused_by_name_or_harmless(tmp_path, suffix):
    """Cut short anywhere, or one byte changed: a ValueError that names the file, or numbers."""
    path = tmp_path / f"t{suffix}"
    WRITERS[suffix](path, np.arange(6).reshape(2, 3) + 0.5, ["a", "b", "c"])
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
    assert refused > len(damaged) / 2


def test_a_csv_is_not_held_in_memory_beside_the_result(tmp_path):
    path = tmp_path / "t.csv"
    rows, columns = 60_000, 20
    with path.open("w") as file:
        file.write(",".join(f"c{j}" for j in range(columns)) + "\n")
        file.writelines([",".join(["0.123456789012345"] * columns) + "\n"] * rows)
    tracemalloc.start()
    try:
        table = datasets.table(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    result = table.features.nbytes + table.target.nbytes
    block = table_files.BLOCK * (2 * 8 + 2 * 20)  # numbers twice, their text twice
    assert peak < result + block
    assert path.stat().st_size > block / 2  # so the whole text beside the result would show
