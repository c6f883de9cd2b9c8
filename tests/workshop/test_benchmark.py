"""The benchmarks' command: contenders take turns, all rounds are kept, the table says what was measured."""

import ast
import importlib.util
import json
import statistics
import sys
import time
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmark
from workshop import notebooks

STUB = """
import argparse
from record import in_turn, record, save

parser = argparse.ArgumentParser()
parser.add_argument("--brief", action="store_true")
parser.add_argument("--json")
options = parser.parse_args()
record("a wait", {"ours": [0.002, 0.001, 0.003], "theirs": [0.02, 0.03, 0.09]})
record("brief", {"ours": [float(options.brief)]}, unit="times")
save(options.json)
"""


@pytest.fixture
def record():
    spec = importlib.util.spec_from_file_location("record", benchmark.FOLDER / "record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "FOLDER", tmp_path)
    monkeypatch.setattr(benchmark, "PATIENCE", 0)  # the tests make the machine busy themselves
    monkeypatch.setattr(benchmark, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(benchmark, "put_table", lambda text, real=benchmark.put_table: real(text, page))
    (tmp_path / "record.py").write_text((benchmark.ROOT / "benchmarks" / "record.py").read_text())
    (tmp_path / "stub.py").write_text(STUB)
    page = tmp_path / "README.md"
    page.write_text("before\n" + benchmark.MARKS[0] + "old\n" + benchmark.MARKS[1] + "\nafter\n")
    return tmp_path


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["benchmark", *arguments])
    return benchmark.main()


def test_a_measurement_is_stored_whole_and_its_table_put_between_the_marks(folder, monkeypatch):
    assert run(monkeypatch, "stub") == 0
    (result,) = json.loads((folder / "results.json").read_text())
    assert result["records"][0]["values"]["theirs"] == [0.02, 0.03, 0.09]
    assert result["machine"]["processor"]
    page = (folder / "README.md").read_text()
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
    assert "old" not in page
    assert "| a wait | ours | 2 ms | 1 ms to 3 ms | 3 |  |" in page
    assert "|  | theirs | 30 ms | 20 ms to 90 ms | 3 | 30 |" in page  # of 10, 30, 30: within a round
    assert "| brief | ours | 0 times |" in page


def test_measuring_again_replaces_the_scripts_own_results_only(folder, monkeypatch):
    other = {
        "name": "other",
        "date": "2026-01-01",
        "load": [2.0, 0.1],
        "machine": benchmark.machine(Path(sys.executable)),
    }
    (folder / "results.json").write_text(json.dumps([other | {"records": []}]))
    run(monkeypatch, "stub")
    run(monkeypatch, "stub")
    assert [result["name"] for result in benchmark.stored()] == ["other", "stub"]
    assert "load before 2.0 (disturbed: others were computing too)" in (folder / "README.md").read_text()


def test_a_brief_look_stores_nothing(folder, monkeypatch, capsys):
    run(monkeypatch, "stub", "--brief")
    assert not (folder / "results.json").exists()
    assert "old" in (folder / "README.md").read_text()
    assert "| brief | ours | 1 times |" in capsys.readouterr().out


def test_a_script_that_fails_ends_the_command_and_stores_nothing(folder, monkeypatch):
    (folder / "stub.py").write_text(STUB + "raise SystemExit(3)")
    with pytest.raises(benchmark.subprocess.CalledProcessError):
        run(monkeypatch, "stub")
    assert not (folder / "results.json").exists()


def test_an_unknown_name_is_refused_before_anything_runs(folder, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, "stub", "stup")
    assert "no benchmark stup; there are stub" in capsys.readouterr().err


def test_a_page_without_marks_is_left_alone(tmp_path):
    (tmp_path / "README.md").write_text("no marks")
    with pytest.raises(ValueError, match="once each"):
        benchmark.put_table("table", tmp_path / "README.md")
    assert (tmp_path / "README.md").read_text() == "no marks"


def test_contenders_take_turns_and_a_slow_one_is_seen_to_be_slow(record):
    order = []
    calls = {"quick": lambda: order.append("q"), "slow": lambda: (order.append("s"), time.sleep(0.02))}
    seconds = record.in_turn(calls, rounds=3, least_seconds=0.001)
    assert (
        "".join(order).replace("qq", "q").strip("q").count("s") >= 4
    )  # the first call of each does not count
    turns = [one for one, before in zip(order[1:], order, strict=False) if one != before]
    assert turns == ["s", "q"] * 3 + ["s"]
    assert min(seconds["slow"]) >= 0.02 > max(seconds["quick"])
    assert [len(values) for values in seconds.values()] == [3, 3]


@pytest.mark.parametrize("measured", [{}, {"a": []}, {"a": [1.0], "b": [1.0, 2.0]}])
def test_contenders_with_other_numbers_of_rounds_are_refused(record, measured):
    with pytest.raises(ValueError, match="rounds"):
        record.record("x", measured)


def test_every_script_can_be_run_by_the_command_and_is_described():
    text = (benchmark.ROOT / "benchmarks" / "README.md").read_text()
    scripts = {p.stem for p in (benchmark.ROOT / "benchmarks").glob("*.py")} - benchmark.NO_BENCHMARK
    assert set(benchmark.names()) == scripts
    assert not [name for name in scripts if f"| `{name}.py` |" not in text]


def test_the_stored_table_is_that_of_the_stored_results():
    text = (benchmark.ROOT / "benchmarks" / "README.md").read_text()
    assert all(text.count(mark) == 1 for mark in benchmark.MARKS)
    inside = text.split(benchmark.MARKS[0])[1].split(benchmark.MARKS[1])[0]
    if benchmark.stored():
        assert inside == "\n" + benchmark.table(benchmark.stored())


def test_it_waits_for_a_quiet_machine_but_not_for_ever(monkeypatch):
    loads = iter([1.5, 0.9, 0.2])
    monkeypatch.setattr(benchmark.os, "getloadavg", lambda: (next(loads), 0.0, 0.0))
    monkeypatch.setattr(benchmark.time, "sleep", lambda _: None)
    assert benchmark.quiet(60) == 0.2
    monkeypatch.setattr(benchmark.os, "getloadavg", lambda: (3.0, 0.0, 0.0))
    assert benchmark.quiet(0) == 3.0


def stored_speeds(source):
    """The table of notebook 10, read from the code of its cell."""
    return ast.literal_eval(source[source.index("{") :])


def speeds_of(results):
    """Median, least and most over the rounds, to three digits, of the races of two threads."""
    (found,) = (each for each in results if each["name"] == "hogwild")
    races = [each for each in found["records"] if each["what"].startswith("2 threads, ")]
    return {
        race["what"].removeprefix("2 threads, ").split(": ")[0]: {
            {"buffered": "merged", "ceiling": "separate copies"}.get(name, name): tuple(
                float(f"{pick(values):.3g}") for pick in (statistics.median, min, max)
            )
            for name, values in race["values"].items()
        }
        for race in races
    }


def test_notebook_10_draws_the_stored_speeds():
    (source,) = (
        cell.source for cell in notebooks.select(["10"])[0].read().cells if cell.get("id") == "speed-stored"
    )
    drawn = stored_speeds(source)
    measured = speeds_of(json.loads((benchmark.FOLDER / "results.json").read_text(encoding="utf-8")))
    assert len(drawn) == 3
    for kind, speeds in drawn.items():
        assert speeds == {name: measured[kind][name] for name in speeds}, "make benchmark gave others"
    assert stored_speeds(source.replace("1.24", "1.25")) != drawn  # a number that was typed wrong
