"""Sweeps disturbed at many moments: what was done stays as it was, and the table comes out the same."""

import contextlib
import os
import random
import shutil
import signal
import sys
import time

import pytest

from lecturelib import files, sweep
from tests.workshop.sweep import sweep_cases
from tests.workshop.sweep.sweep_cases import alive, at_once, family, wait_for
from tests.workshop.test_notebooks import write
from workshop.sweep import execute
from workshop.sweep import parameters as sweep_grid
from workshop.sweep.folder import Folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes of POSIX")
WEEKLY = [pytest.mark.long, pytest.mark.weekly]


def few_and(few, many):
    """A few in `make long`; as many as the issue asked for, weekly."""
    return [pytest.param(few, marks=pytest.mark.long), pytest.param(many, marks=WEEKLY)]


def contents(folder):
    """Name -> bytes of the results that are done, and of their notebooks."""
    done = [path for path in folder.runs.glob("*.json") if not path.name.endswith(".failed.json")]
    return {path.name: path.read_bytes() for each in done for path in (each, each.with_suffix(".ipynb"))}


def test_interrupted_at_each_step_that_puts_a_file_in_place(tmp_path, monkeypatch):
    notebook = write(tmp_path, "01_first", "seed = 0  # any")
    at_once(monkeypatch, lambda values: {"double": 2.0 * values["seed"]})
    monkeypatch.setattr(execute.page, "write", lambda *_: None)
    monkeypatch.setattr(execute, "REWRITE_SECONDS", -1)  # after each run
    replaced, stop = 0, 0

    def replace(*paths, real=os.replace):
        nonlocal replaced
        replaced += 1
        if replaced == stop:
            raise KeyboardInterrupt
        real(*paths)

    monkeypatch.setattr(files.os, "replace", replace)
    expected = sweep.run(notebook, {"seed": range(3)}, tmp_path / "undisturbed")
    assert replaced >= 8  # each run's notebook and result, and both tables, which may come in between too
    for stop in range(1, replaced + 1):
        replaced, folder = 0, Folder(tmp_path / str(stop))
        with pytest.raises(KeyboardInterrupt):
            sweep.run(notebook, {"seed": range(3)}, folder.path)
        before = contents(folder)
        assert sweep.run(notebook, {"seed": range(3)}, folder.path).equals(expected)
        assert before.items() <= contents(folder).items()
        assert not list(folder.path.rglob("*.part"))


def version(folder, number):
    """A notebook that says which of its versions it is, saved as an editor saves it."""
    cell = f"from lecturelib import sweep\nsweep.record('version', {number})"
    return write(folder, "01_saved", "seed = 0  # any", cell)


@pytest.mark.parametrize("moments", few_and(3, 50))
def test_a_notebook_saved_at_random_moments_runs_as_it_is_named(tmp_path, moments):
    rng, folder, names = random.Random(1), Folder(tmp_path / "out"), {}
    for number in range(moments):
        notebook = version(tmp_path, 2 * number)
        names[sweep_grid.namer(notebook)({})] = 2 * number
        process = sweep_cases.start(notebook, folder.path, "--workers", "1")
        time.sleep(rng.uniform(0.0, 8.0))
        names[sweep_grid.namer(version(tmp_path, 2 * number + 1))({})] = 2 * number + 1
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
    results = [folder.result(path.stem) for path in folder.runs.glob("*.json")]
    assert len(results) == moments
    assert [result.recorded["version"] for result in results] == [names[result.name] for result in results]
    print(f"{moments} saves: {sum(names[r.name] % 2 for r in results)} before it was read, the others after")


@pytest.mark.parametrize("moments", few_and(4, 50))
def test_an_interrupt_while_a_sweep_starts_is_quiet_and_leaves_nothing(tmp_path, moments):
    rng = random.Random(2)
    notebook = write(tmp_path, "01_slow", "seed = 0  # any", "import time\ntime.sleep(1000)")
    for _ in range(moments):
        process = sweep_cases.start(notebook, tmp_path / "out", first="print('up', flush=True)")
        assert process.stdout.readline() == "up\n"
        time.sleep(rng.uniform(0.1, 14.0))
        members = family(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert len(said.splitlines()) <= 5
        wait_for(lambda: not alive(members), 15)  # noqa: B023
        assert not (tmp_path / "out" / ".running").exists()


BRIEF = "from lecturelib import sweep\nimport time\ntime.sleep(0.2)\nsweep.record('double', 2.0 * seed)"


def expected(runs):
    return [(seed, 2.0 * seed, "ok") for seed in range(runs)]


def found(folder):
    return [(row["seed"], row["double"], row["status"]) for row in sweep_cases.rows(folder.path)]


def killed(process, rng):
    """Kill the command or any process of its own, then the command; see that all have gone."""
    members = family(process.pid)
    for victim in (rng.choice(members or [process.pid]), process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        if victim != process.pid:
            time.sleep(rng.uniform(0.0, 2.0))
            members += family(process.pid)
    process.communicate(timeout=120)
    wait_for(lambda: not alive(members), 20)


@pytest.mark.parametrize("kills", few_and(6, 200))
def test_kills_at_random_moments_lose_nothing_that_was_done(tmp_path, kills):
    rng, runs, rounds = random.Random(3), 24, 0
    notebook = write(tmp_path, "01_brief", "seed = 0  # any", BRIEF)
    folder = Folder(tmp_path / "out")
    command = notebook, folder.path, "-p", f"seed=0:{runs}", "--workers", "2"
    for _ in range(kills):
        before = contents(folder)
        process = sweep_cases.start(*command)
        time.sleep(rng.uniform(0.0, 14.0))
        killed(process, rng)
        after = contents(folder)
        assert before.items() <= after.items()
        if len(after) == 2 * runs:  # the table of what a kill left complete, and from the start again
            assert sweep_cases.sweep(*command)[0] == 0
            assert found(folder) == expected(runs)
            shutil.rmtree(folder.path)
            rounds += 1
    status, said = sweep_cases.sweep(*command)
    assert status == 0, said
    assert found(folder) == expected(runs)
    print(f"{kills} kills: {rounds} whole sweeps of {runs} runs, and one more")


@pytest.mark.parametrize(("runs", "kills"), [pytest.param(1000, 10, marks=WEEKLY)])
def test_a_long_sweep_with_kills_in_between_has_the_table_of_one_without(tmp_path, runs, kills):
    rng = random.Random(4)
    notebook = write(tmp_path, "01_brief", "seed = 0  # any", BRIEF)
    folder = Folder(tmp_path / "out")
    command = notebook, folder.path, "-p", f"seed=0:{runs}", "--workers", "2"
    for number in range(kills):
        before, goal = contents(folder), runs * (number + 1) // (kills + 1)
        process = sweep_cases.start(*command)
        wait_for(lambda: len(list(folder.runs.glob("*.json"))) >= goal, 1800)  # noqa: B023
        killed(process, rng)
        assert before.items() <= contents(folder).items()
    process = sweep_cases.start(*command)
    said, _ = process.communicate(timeout=3600)
    assert process.returncode == 0, said
    assert found(folder) == expected(runs)
    assert (folder.path / "index.html").stat().st_size < 4_000_000
