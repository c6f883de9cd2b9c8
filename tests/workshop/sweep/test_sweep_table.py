"""The table has a row a run, in the grid's order, and the same columns in both files."""

import csv
import json
import math
from pathlib import Path

import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workshop.sweep import compare
from workshop.sweep import table as sweep_table
from workshop.sweep.folder import Folder, Result


def made(*recorded):
    runs = {f"a-{i}": {"seed": i, "sizes": [1, i]} for i in range(len(recorded))}
    results = {f"a-{i}": Result(f"a-{i}", {}, 1.5, r) for i, r in enumerate(recorded) if r is not None}
    return sweep_table.table(runs, results)


def test_rows_follow_the_grid_and_say_what_became_of_each_run():
    runs = {name: {"seed": i} for i, name in enumerate(["a-2", "a-0", "a-1"])}
    results = {
        "a-0": Result("a-0", {}, 1.0, {"risk": 0.5}, {"01.b": 2.0, "01.a": 1.0}),
        "a-1": Result("a-1", {}, 3.0, {"risk": 0.7}, {"01.a": 9.0}, "no", failed_claims=["01.a"]),
    }
    table = sweep_table.table(runs, results)
    assert table.column_names == [
        "run",
        "status",
        "seconds",
        "claims_held",
        "claims_failed",
        "seed",
        "risk",
        "01.a",
        "01.a holds",
        "01.b",
        "01.b holds",
        "error",
    ]
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("a-2", "missing", None, None, None, 0, None, None, None, None, None, None),
        ("a-0", "ok", 1.0, 2, "", 1, 0.5, 1.0, True, 2.0, True, None),
        ("a-1", "failed", 3.0, 0, "01.a", 2, 0.7, 9.0, False, None, None, "no"),
    ]


def test_the_column_of_an_array_claim_is_one_entry_in_every_run():
    def columns(*each):
        results = {
            f"a-{i}": Result(
                f"a-{i}",
                {},
                1.0,
                {},
                {"01.a": measured},
                entries={} if entries is None else {"01.a": entries},
            )
            for i, (measured, entries) in enumerate(each)
        }
        rows = sweep_table.table({name: {} for name in [*results, "a-9"]}, results)
        return {name: rows[name].to_pylist() for name in rows.column_names if name.startswith("01.a")}

    # Twice the second entry is closest to failing, once the first: reading `measured` would mix the two.
    three = columns((5.0, [5.0, 9.0]), (8.0, [4.0, 8.0]), (7.0, [3.0, 7.0]))
    assert three == {"01.a [1]": [9.0, 8.0, 7.0, None], "01.a holds": [True, True, True, None]}
    for others in (
        [(5.0, [5.0, 9.0]), (8.0, [8.0])],
        [(5.0, [5.0, 9.0]), (8.0, None)],
        [(5.0, []), (8.0, [])],
    ):
        assert columns(*others) == {"01.a holds": [True, True, None]}


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ((1, 2), [1, 2]),
        ((1, 2.5), [1.0, 2.5]),
        ((True, False), [True, False]),
        ((1, "none"), ["1", "none"]),
        ((math.inf, 1), [math.inf, 1.0]),
        ((1, 99999999999999999999), ["1", "99999999999999999999"]),
        ((10**400, 0.5), [str(10**400), "0.5"]),
        ((2**53 + 1, 0.5), ["9007199254740993", "0.5"]),
        (([[1, "x"]], [[2]]), ['[[1, "x"]]', "[[2]]"]),
        (([1], ["a"]), ["[1]", '["a"]']),
        (([{}], [None]), ["[{}]", "[null]"]),
        ((["\udcff"], ["a"]), ['["\\udcff"]', '["a"]']),
        (("\udcff", "b"), ["\\udcff", "b"]),
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


OURS = [*sweep_table.TYPES, *(f"{name} (parameter)" for name in sweep_table.TYPES)]
NAMES = st.lists(
    st.sampled_from([*OURS, "seed", "seed (recorded)", "01.a"]) | st.text(), unique=True, max_size=8
)


@pytest.mark.long
@given(NAMES, NAMES, NAMES)
def test_no_name_takes_the_column_of_another(parameters, recorded, claims):
    values, records, measured = (
        {name: f"{kind}{i}" for i, name in enumerate(names)}
        for kind, names in (("p", parameters), ("r", recorded), ("c", claims))
    )
    result = Result("a-0", {}, 1.5, records, measured)
    table = sweep_table.table({"a-0": values}, {"a-0": result})
    assert len(set(table.column_names)) == len(table.column_names)
    (row,) = table.to_pylist()
    own = {"run": "a-0", "status": "ok", "seconds": 1.5, "claims_held": len(claims), "claims_failed": ""}
    own["error"] = None
    assert {name: row.pop(name) for name in own} == own
    columns = sweep_table.parameter_columns(parameters)
    assert {name: row[column] for name, column in columns.items()} == values
    texts = [value for value in row.values() if value is not True]
    assert len(row) - len(texts) == len(claims)  # verdicts
    assert sorted(texts) == sorted([*values.values(), *records.values(), *measured.values()])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
    max_leaves=6,
)


@pytest.mark.long
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["risk", "status", "x"]) | st.text(), JSON, max_size=5),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_was_recorded_has_a_table_in_both_files(tmp_path, recorded):
    table = made(*recorded)
    sweep_table.write(table, Folder(tmp_path))
    stored = pyarrow.parquet.read_table(tmp_path / "table.parquet")
    assert stored.column_names == table.column_names
    assert stored["status"].to_pylist() == ["ok"] * len(recorded)
    assert stored["seed"].to_pylist() == [*range(len(recorded))]
    with (tmp_path / "table.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(recorded)


@pytest.mark.parametrize("out", ["run:1", "s3:/x", "file:x", "\udcff", "é {seed} %20"])
def test_a_folder_may_have_any_name(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    Path(out).mkdir(parents=True)
    table = made({"risk": 0.5})
    sweep_table.write(table, Folder(out))
    assert compare.read(out).equals(table)
    assert (Path(out) / "table.csv").read_text().startswith('"run"')


def test_both_files_say_the_same(tmp_path):
    values = {"risk": 1 / 3, "word": 'a "quoted", word', "never": math.nan, "done": True}
    table = made(values, {**values, "risk": 1e-300}, None)
    folder = Folder(tmp_path)
    sweep_table.write(table, folder)
    stored, kept = pyarrow.parquet.read_table(tmp_path / "table.parquet").to_pylist()[1], table.to_pylist()[1]
    assert math.isnan(stored.pop("never"))
    assert math.isnan(kept.pop("never"))
    assert stored == kept
    with (tmp_path / "table.csv").open(newline="") as file:
        first, second, last = csv.DictReader(file)
    assert float(first["risk"]) == 1 / 3
    assert float(second["risk"]) == 1e-300
    assert first["word"] == values["word"]
    assert json.loads(second["sizes"]) == [1, 1]
    assert first["never"] == "nan"
    assert (last["risk"], last["status"]) == ("", "missing")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv", "table.parquet"]
