"""One attempt in a real kernel: what a notebook does wrong is its error; nothing is left running."""

import contextlib
import json
import math
import os
import socket
import time

import nbformat
import psutil
import pytest
from papermill.exceptions import PapermillExecutionError

from tests.marks import first_quick
from tests.workshop.sweep.sweep_cases import alive, wait_for
from tests.workshop.test_notebooks import write
from workshop.notebooks import Exited
from workshop.sweep import kernel, loop, provenance, worker
from workshop.sweep.worker import Task


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


@pytest.fixture(scope="module", autouse=True)
def guard():
    """The guard of this process, which would otherwise be left to the end of all tests."""
    yield
    kernel.guard().close()
    kernel._guard.cache_clear()


def children():
    return [p.pid for p in psutil.Process().children(recursive=True) if "ipykernel" in " ".join(p.cmdline())]


def shows(attempt, text):
    """Whether the notebook that was kept says so."""
    return text in json.dumps(nbformat.reads(attempt.notebook, as_version=4), ensure_ascii=False)


@pytest.mark.long
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
    assert {"jax", "jaxlib", "numpy", "python", "lecturelib"} == attempt.made_with.keys()
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


@first_quick(("cell", "error"), ENDS.values(), ids=ENDS)
def test_a_notebook_that_does_not_run_to_its_end_has_failed(task, cell, error):
    attempt = worker.attempt(task("print('first')", cell.replace("; ", "\n"), "print('last')"))
    error = error.replace("[2]", "[3]")
    assert attempt.error == error
    assert attempt.recorded == {}
    assert shows(attempt, error.split(": ")[-1] or "SystemExit")
    assert shows(attempt, "first")
    assert not children()


RECORDS = """\
from lecturelib import claims, sweep
sweep.record('risk', 0.5)
claims.check('01.a', 'One is one.', measured=1, equals=1, because='so')
claims.check('01.b', 'One is two.', measured=1, equals=2, because='so')
"""


@pytest.mark.long
def test_a_failed_run_keeps_what_it_recorded_and_its_claims_and_is_not_tried_again(task):
    attempt = worker.attempt(task(RECORDS, "sweep.record('late', 1)"))
    assert attempt.error.startswith("cell [2]: ClaimFailed: claim 01.b does not hold")
    assert attempt.recorded == {"risk": 0.5}
    assert (attempt.measured, attempt.failed_claims) == ({"01.a": 1, "01.b": 1}, ["01.b"])
    assert loop.over(attempt, 1)


@pytest.mark.parametrize(
    ("raised", "error", "over"),
    [
        (TimeoutError("another limit"), "another limit", False),
        (kernel.DeadKernelError("Kernel died"), "Kernel died", False),
        (Exited("cell [1]: exit() ended the kernel"), "cell [1]: exit() ended the kernel", True),
        (
            PapermillExecutionError(0, 1, "", "KeyboardInterrupt", "", []),
            "cell [1]: KeyboardInterrupt: ",
            False,
        ),
        (PapermillExecutionError(0, 1, "", "KeyError", "'x'", []), "cell [1]: KeyError: 'x'", True),
    ],
)
def test_a_failure_has_its_own_reason_and_what_may_be_chance_is_tried_again(
    task, monkeypatch, raised, error, over
):
    def fails(*_, prepare_only=False, **__):
        if prepare_only:
            return nbformat.v4.new_notebook()
        raise raised

    monkeypatch.setattr(worker.papermill, "execute_notebook", fails)
    attempt = worker.attempt(task("1"))
    assert attempt.error == error
    assert (loop.over(attempt, 1), loop.over(attempt, loop.TRIES)) == (over, True)


@pytest.mark.long
@pytest.mark.parametrize("timeout", [60.0, math.inf])
def test_output_that_comes_slowly_is_waited_for(task, monkeypatch, timeout):
    process = kernel._Client.process_message

    def slowly(self, message, *rest):
        time.sleep(0.6 * (message["msg_type"] == "stream"))
        return process(self, message, *rest)

    monkeypatch.setattr(kernel._Client, "process_message", slowly)
    attempt = worker.attempt(task("for i in range(9):\n    print(i, flush=True)", timeout=timeout))
    assert attempt.error is None
    assert shows(attempt, "8")  # 5.4 s late; nbclient would wait for 4


HANG = """\
import os, pathlib, signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "1000"])
pathlib.Path("child").write_text(str(child.pid))
while True:
    time.sleep(1)
"""


@pytest.mark.long
def test_a_run_that_hangs_is_ended_with_what_it_started(task, tmp_path):
    attempt = worker.attempt(task("seed", HANG, timeout=8))
    assert attempt.error == "took longer than 8 s"
    assert shows(attempt, "took longer than 8 s")
    assert 8 <= attempt.seconds < 40
    wait_for(lambda: not alive([int((tmp_path / "child").read_text())]))
    assert not children()


DAEMON = """\
import os, pathlib, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        pathlib.Path("daemon").write_text(str(os.getpid()))
        time.sleep(1000)
    os._exit(0)
while not os.path.exists("daemon") or not pathlib.Path("daemon").read_text():
    time.sleep(0.05)
"""


@pytest.mark.long
@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="the system shows no environments")
def test_a_daemon_that_left_its_group_does_not_survive_its_run(task, tmp_path):
    assert worker.attempt(task(DAEMON)).error is None
    wait_for(lambda: not alive([int((tmp_path / "daemon").read_text())]), 5)


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


@pytest.mark.long
def test_what_is_just_within_the_limit_of_output_is_kept(task, monkeypatch):
    monkeypatch.setattr(kernel, "MOST_OUTPUT", 1000)
    assert worker.attempt(task("print('x' * 999)")).error is None


def test_a_task_that_comes_too_late_or_after_the_end_does_not_start(task):
    assert not worker.attempt(task("1", start_before=time.time() - 1)).started
    kernel.end("two")
    assert worker.attempt(task("1", start_before=0, sweep="one")).started is False
    assert worker.attempt(task("1", sweep="two")).started is False


@pytest.mark.long
def test_a_file_that_changes_while_its_run_reads_it_is_a_failure_and_not_a_result(task, tmp_path):
    (tmp_path / "own.csv").write_text("1")
    files = provenance.Inputs(tmp_path).of({"path": "own.csv"})
    cell = "open('own.csv', 'a').write(str(seed))"
    attempt = worker.attempt(task(cell, files=files))
    assert attempt.error == "own.csv changed while the sweep ran: give the command again"
    assert attempt.made_with["own.csv (file)"] == files["own.csv"]
    assert loop.over(attempt, 1)
    assert worker.attempt(task("1", files=provenance.Inputs(tmp_path).of({"": "own.csv"}))).error is None


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


@pytest.mark.parametrize(("letter", "transport"), [("a", "ipc"), ("\u00e4", "tcp")])
def test_a_socket_is_counted_in_bytes(letter, transport):
    assert worker._sockets("/tmp/" + 40 * letter).KernelManager.transport == transport


@pytest.mark.long
def test_where_nothing_is_shared_the_run_still_runs(task):
    nowhere = {"running": "/nonexistent/a", "compiled": "/nonexistent/b", "cwd": "/nonexistent/c"}
    attempt = worker.attempt(task("from lecturelib import sweep\nsweep.record('x', 1)", **nowhere))
    assert attempt.error is None
    assert attempt.recorded == {"x": 1}


@pytest.mark.long
def test_workers_of_two_sweeps_at_once_start_without_a_word(capfd):
    """A port that another program has is nothing to tell the reader of; warnings are errors here."""
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # then somebody else has it, which serves as well
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        with loop.connected(1, None, 1) as client, loop.connected(1, None, 1) as other:
            assert client.submit(int, 1).result() == other.submit(int, 1).result() == 1
    assert capfd.readouterr() == ("", "")
