"""The table has a row a run, in the grid's order, and the same columns in both files."""

import csv
import json
import math

import pyarrow.parquet
import pytest

from lecturelib.sweep import table as sweep_table
from lecturelib.sweep.folder import Folder, Result


def made(*recorded):
    runs = {f"a-{i}": {"seed": i, "sizes": [1, i]} for i in range(len(recorded))}
    results = {f"a-{i}": Result(f"a-{i}", {}, 1.5, r) for i, r in enumerate(recorded) if r is not None}
    return sweep_table.table(runs, results)


def test_rows_follow_the_grid_and_say_what_became_of_each_run():
    runs = {name: {"seed": i} for i, name in enumerate(["a-2", "a-0", "a-1"])}
    results = {
        "a-0": Result("a-0", {}, 1.0, {"risk": 0.5}, {"01.b": 2.0, "01.a": 1.0}),
        "a-1": Result("a-1", {}, 3.0, error="no"),
    }
    table = sweep_table.table(runs, results)
    assert table.column_names == [
        "run",
        "status",
        "seconds",
        "claims_held",
        "seed",
        "risk",
        "01.a",
        "01.b",
        "error",
    ]
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("a-2", "missing", None, None, 0, None, None, None, None),
        ("a-0", "ok", 1.0, 2, 1, 0.5, 1.0, 2.0, None),
        ("a-1", "failed", 3.0, None, 2, None, None, None, "no"),
    ]


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ((1, 2), [1, 2]),
        ((1, 2.5), [1.0, 2.5]),
        ((True, False), [True, False]),
        ((1, "none"), ["1", "none"]),
        ((math.inf, 1), [math.inf, 1.0]),
    ],
)
def test_columns_have_one_type(values, column):
    read = made(*({"x": value} for value in values), None)["x"].to_pylist()
    assert read == [*column, None]
    assert [type(value) for value in read[:-1]] == [type(value) for value in column]


def test_types_do_not_depend_on_what_is_there():
    types = {column.name: column.type for column in made(None).schema}
    assert all(types[name] == type_ for name, type_ in sweep_table.TYPES.items())


def test_a_record_never_hides_a_parameter_or_a_column_of_ours():
    table = made({"seed": 7, "status": "fine", "risk": 1.0})
    assert table["seed"].to_pylist() == [0]
    assert table["seed (recorded)"].to_pylist() == [7]
    assert table["status"].to_pylist() == ["ok"]
    assert table["status (recorded)"].to_pylist() == ["fine"]


def test_both_files_say_the_same(tmp_path):
    values = {"risk": 1 / 3, "word": 'a "quoted", word', "never": math.nan, "done": True}
    table = made(values, {**values, "risk": 1e-300}, None)
    folder = Folder(tmp_path)
    sweep_table.write(table, folder)
    assert pyarrow.parquet.read_table(tmp_path / "table.parquet").to_pylist()[1] == table.to_pylist()[1] | {
        "never": pytest.approx(math.nan, nan_ok=True)
    }
    with (tmp_path / "table.csv").open(newline="") as file:
        first, second, last = csv.DictReader(file)
    assert float(first["risk"]) == 1 / 3
    assert float(second["risk"]) == 1e-300
    assert first["word"] == values["word"]
    assert json.loads(second["sizes"]) == [1, 1]
    assert first["never"] == "nan"
    assert (last["risk"], last["status"]) == ("", "missing")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv", "table.parquet"]
