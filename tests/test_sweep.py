"""`lecture sweep` and `sweep.run` as their users see them: what is missing is run, and nothing else."""

import csv
import re

import pytest
from click.testing import CliRunner

from lecturelib import sweep
from lecturelib.cli import main
from lecturelib.sweep import command as sweep_command
from lecturelib.sweep import grid as sweep_grid
from lecturelib.sweep.loop import Budget
from tests import sweep_cases
from tests.test_notebooks import write

# Fails for seed 2 until somebody has repaired the world; notes each of its starts.
CELLS = """\
import os, pathlib
from lecturelib import claims, sweep
notes = pathlib.Path({notes!r})
(notes / f"{{seed}}-{{os.getpid()}}").touch()
assert seed != 2 or (notes / "repaired").exists(), "not repaired"
sweep.record("square", seed**2)
claims.check("01.s", "The seed is what it is.", measured=seed, equals=seed, because="so");
"""


def starts(notes):
    """How often each seed was started."""
    names = [path.name.split("-")[0] for path in notes.glob("*-*")]
    return {seed: names.count(str(seed)) for seed in range(4)}


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """One folder: a sweep with a budget, the same without, again after a repair, and again."""
    folder = tmp_path_factory.mktemp("a folder")
    out, notes = folder / "out", folder / "notes"
    notes.mkdir()
    notebook = write(
        folder, "01_first", "seed = 0  # any\nname = 'a'  # word", CELLS.format(notes=str(notes))
    )
    grid = ("-p", "seed=0:4")

    def turn(*options):
        status, said = sweep_cases.sweep(notebook, out, *grid, *options)
        return status, said, sweep_cases.rows(out), starts(notes)

    turns = [turn("--workers", "1", "--budget", "1run"), turn("--workers", "2")]
    (notes / "repaired").touch()
    turns += [turn("--workers", "1"), turn()]
    return turns, notebook, out


def test_a_budget_is_kept_and_said(story):
    status, said, rows, started = story[0][0]
    assert status == sweep_command.STOPPED_STATUS
    assert "01_first: 4 runs to do, on 1 worker; no earlier run to tell how long that takes" in said
    assert "1 of 4 runs are done, 3 are left for the same command" in said
    assert [row["status"] for row in rows] == ["ok", "missing", "missing", "missing"]
    assert started == {0: 1, 1: 0, 2: 0, 3: 0}


def test_the_same_command_runs_what_is_missing_and_a_failure_twice(story):
    status, said, rows, started = story[0][1]
    assert status == sweep_command.FAILED_STATUS
    assert re.search(
        r"3 runs to do \(1 done\), on 2 workers; about \d+ s, by the median of 1 earlier run", said
    )
    assert said.count("failed, will be tried again") == 1
    assert "failed: seed=2\n  cell [3]: AssertionError: not repaired\n  see " in said
    assert "3 of 4 runs are done, 1 failed" in said
    assert started == {0: 1, 1: 1, 2: 2, 3: 1}
    assert [row["square"] for row in rows] == [0, 1, None, 9]
    assert [row["status"] for row in rows] == ["ok", "ok", "failed", "ok"]
    assert rows[2]["error"] == "cell [3]: AssertionError: not repaired"


def test_what_failed_is_tried_again_by_the_next_command(story):
    status, said, rows, started = story[0][2]
    assert status == 0
    assert "1 run to do (3 done)" in said
    assert started == {0: 1, 1: 1, 2: 3, 3: 1}
    assert [(row["seed"], row["square"], row["claims_held"], row["01.s"]) for row in rows] == [
        (seed, seed**2, 1, seed) for seed in range(4)
    ]


def test_nothing_is_repeated_and_the_table_is_the_same(story):
    status, said, rows, started = story[0][3]
    assert status == 0
    assert "to do" not in said
    assert (rows, started) == story[0][2][2:]


def test_what_is_left_is_files_of_runs_table_and_page(story):
    _, _, out = story
    assert sorted(p.name for p in out.iterdir() if not p.name.startswith(".")) == [
        "index.html",
        "runs",
        "table.csv",
        "table.parquet",
    ]
    assert not (out / ".running").exists()
    assert sorted({path.name.split(".", 1)[1] for path in (out / "runs").iterdir()}) == ["ipynb", "json"]
    with (out / "table.csv").open(newline="") as file:
        assert [row["square"] for row in csv.DictReader(file)] == ["0", "1", "4", "9"]


def test_the_function_gives_the_same_table_and_a_changed_notebook_new_runs(story, tmp_path):
    turns, notebook, out = story
    table = sweep.run(notebook, {"seed": range(4)}, out)
    assert [{k: v for k, v in row.items() if k != "seconds"} for row in table.to_pylist()] == turns[3][2]
    changed = write(tmp_path, "01_first", "seed = 0  # any\nname = 'a'  # word", "1")
    done = {row["run"] for row in turns[3][2]}
    assert {sweep_grid.run_name(notebook, {"seed": seed}) for seed in range(4)} == done
    assert not {sweep_grid.run_name(changed, {"seed": seed}) for seed in range(4)} & done


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["01", "-p", "sed=1"], "no parameter 'sed'"),
        (["01", "-p", "seed=a"], "not a value of type int"),
        (["07", "-p", "seed=1"], "no notebook '07'"),
        (["none/x.ipynb"], "there is no file none/x.ipynb"),
        (["01", "--budget", "3"], "budget='3': write 20runs, 90s, 30min or 2h"),
        (["01", "--workers", "0"], "0 is not in the range x>=1"),
        (["01", "--timeout", "0"], "0.0 is not in the range x>0"),
        (["01", "--workers", "1", "--scheduler", "tcp://127.0.0.1:1"], "workers=1 and a scheduler"),
    ],
)
def test_mistakes_are_refused_before_anything_is_started_or_written(tmp_path, arguments, message):
    write(tmp_path, "01_first", "seed = 0  # any")
    out = tmp_path / "out"
    command = ["--notebooks", str(tmp_path), "sweep", *arguments, "--out", str(out)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert message in result.output
    assert not out.exists()


def test_a_scheduler_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("lecturelib.sweep.cluster.ANSWER_SECONDS", 1)
    notebook = write(tmp_path, "01_first", "seed = 0  # any")
    with pytest.raises(ValueError, match=r"scheduler='tcp://127.0.0.1:1': no dask scheduler answers there"):
        sweep.run(notebook, {"seed": [1]}, tmp_path / "out", scheduler="tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "timeout=0"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"budget": "1.5runs"}, "budget='1.5runs'"),
        ({"budget": "0s"}, "budget='0s'"),
        ({"figure": 0}, "figure=0"),
        ({"workers": 0}, "workers=0"),
    ],
)
def test_the_function_refuses_what_makes_no_sense(tmp_path, options, message):
    notebook = write(tmp_path, "01_first", "seed = 0  # any")
    with pytest.raises(ValueError, match=re.escape(message)):
        sweep.run(notebook, {}, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("20runs", Budget(runs=20)),
        ("1 run", Budget(runs=1)),
        ("1.5h", Budget(seconds=5400)),
        (None, Budget()),
    ],
)
def test_budgets_are_read(text, budget):
    assert Budget.parse(text) == budget
