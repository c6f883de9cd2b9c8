"""One attempt in a real kernel: what a notebook does wrong is its error; nothing is left running."""

import json
import os
import time

import nbformat
import psutil
import pytest

from lecturelib.sweep import kernel, worker
from lecturelib.sweep.worker import Task
from tests.sweep_cases import alive, wait_for
from tests.test_notebooks import write


@pytest.fixture
def task(tmp_path):
    """A function that makes a task of a notebook's cells."""

    def make(*cells, values=None, timeout=60.0, **others):
        notebook = write(tmp_path, "01_first", "seed = 0  # any", *cells)
        for name in ("running", "compiled", "a {folder}"):
            (tmp_path / name).mkdir(exist_ok=True)
        folders = {name: str(tmp_path / name) for name in ("running", "compiled")}
        text = notebook.path.read_text()
        options = {
            "cwd": str(tmp_path),
            "start_before": time.time() + 60,
            "sweep": "one",
            **folders,
            **others,
        }
        return Task(name="run", values=values or {}, notebook=text, timeout=timeout, **options)

    yield make
    kernel._ended.clear()


def children():
    return [p.pid for p in psutil.Process().children(recursive=True) if "ipykernel" in " ".join(p.cmdline())]


def shows(attempt, text):
    """Whether the notebook that was kept says so."""
    return text in json.dumps(nbformat.reads(attempt.notebook, as_version=4), ensure_ascii=False)


def test_a_run_records_in_its_own_folder_with_its_parameters(task, tmp_path):
    cells = [
        "import os\nfrom lecturelib import claims, sweep\nsweep.record('here', os.getcwd())",
        "sweep.record('double', 2 * seed)\nsweep.record('temporary', os.environ['TMPDIR'])",
        "claims.check('01.s', 'The seed is 21.', measured=seed, equals=21, because='so')",
        "open(os.path.join(os.environ['TMPDIR'], 'left'), 'w').close()",
        "sweep.record('compiled', os.environ['JAX_COMPILATION_CACHE_DIR'])",
    ]
    attempt = worker.attempt(task(*cells, values={"seed": 21}, running=str(tmp_path / "a {folder}")))
    assert attempt.error is None
    assert attempt.recorded["here"] == str(tmp_path)
    assert attempt.recorded["double"] == 42
    assert attempt.recorded["compiled"].startswith(str(tmp_path / "compiled"))
    assert attempt.measured == {"01.s": 21}
    assert 0 < attempt.seconds < 60
    assert not os.path.exists(attempt.recorded["temporary"])
    assert not list((tmp_path / "running").iterdir())
    executed = nbformat.reads(attempt.notebook, as_version=4)
    assert [c.execution_count for c in executed.cells if c.cell_type == "code"] == [*range(1, 8)]


ENDS = {
    "raises": ("1 / 0", "cell [2]: ZeroDivisionError: division by zero"),
    "kills itself": ("import os; os._exit(0)", "Kernel died"),
    "exit()": ("exit()", "cell [2]: exit() ended the kernel"),
    "sys.exit()": ("import sys; sys.exit()", "cell [2]: SystemExit: "),
}


@pytest.mark.parametrize(("cell", "error"), ENDS.values(), ids=ENDS)
def test_a_notebook_that_does_not_run_to_its_end_has_failed(task, cell, error):
    attempt = worker.attempt(task("print('first')", cell.replace("; ", "\n"), "print('last')"))
    error = error.replace("[2]", "[3]")
    assert attempt.error == error
    assert attempt.recorded == {}
    assert shows(attempt, error.split(": ")[-1] or "SystemExit")
    assert shows(attempt, "first")
    assert not children()


HANG = """\
import os, pathlib, signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "1000"])
pathlib.Path("child").write_text(str(child.pid))
while True:
    time.sleep(1)
"""


def test_a_run_that_hangs_is_ended_with_what_it_started(task, tmp_path):
    attempt = worker.attempt(task("seed", HANG, timeout=8))
    assert attempt.error == "took longer than 8 s"
    assert shows(attempt, "took longer than 8 s")
    assert 8 <= attempt.seconds < 40
    wait_for(lambda: not alive([int((tmp_path / "child").read_text())]))
    assert not children()


@pytest.mark.long
def test_the_limit_is_for_the_whole_run_and_not_for_a_cell(task):
    attempt = worker.attempt(task(*["import time; time.sleep(2.5)"] * 4, timeout=8))
    assert attempt.error == "took longer than 8 s"


@pytest.mark.long
@pytest.mark.parametrize("cell", ["while True: print('x' * 1000)", "while True: display('x' * 10_000)"])
def test_a_run_that_prints_endlessly_is_ended(task, cell, monkeypatch):
    monkeypatch.setattr(kernel, "MOST_OUTPUT", 1_000_000)
    attempt = worker.attempt(task(cell))
    assert attempt.error == "printed more than 1 million letters"
    assert shows(attempt, "printed more than 1 million letters")
    assert len(attempt.notebook) < 5_000_000
    assert not children()


def test_what_is_just_within_the_limit_of_output_is_kept(task, monkeypatch):
    monkeypatch.setattr(kernel, "MOST_OUTPUT", 1000)
    assert worker.attempt(task("print('x' * 999)")).error is None


def test_a_task_that_comes_too_late_or_after_the_end_does_not_start(task):
    assert not worker.attempt(task("1", start_before=time.time() - 1)).started
    kernel.end("two")
    assert worker.attempt(task("1", start_before=0, sweep="one")).started is False
    assert worker.attempt(task("1", sweep="two")).started is False


def test_a_full_disk_is_no_fault_of_the_run(task, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "x.ipynb")

    monkeypatch.setattr(worker.papermill, "execute_notebook", full)
    attempt = worker.attempt(task("1"))
    assert attempt.full_disk
    assert attempt.error == "no space left in x.ipynb"


def test_other_errors_of_ours_are_raised(task, monkeypatch):
    def broken(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(worker.papermill, "execute_notebook", broken)
    with pytest.raises(OSError, match="Input/output"):
        worker.attempt(task("1"))


def test_a_notebook_that_never_ran_is_kept_with_its_parameters_and_error(task):
    made = task("print(seed)", values={"seed": 7})
    kept = nbformat.reads(worker.marked(worker.prepared(made), "gone"), as_version=4)
    assert "gone" in kept.cells[0].source
    assert any("seed = 7" in cell.source for cell in kept.cells)


@pytest.mark.long
def test_where_nothing_is_shared_the_run_still_runs(task):
    nowhere = {"running": "/nonexistent/a", "compiled": "/nonexistent/b", "cwd": "/nonexistent/c"}
    attempt = worker.attempt(task("from lecturelib import sweep\nsweep.record('x', 1)", **nowhere))
    assert attempt.error is None
    assert attempt.recorded == {"x": 1}
