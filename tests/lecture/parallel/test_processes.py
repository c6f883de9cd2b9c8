"""Real processes: they form one job, and none outlives it, whoever dies, hangs or never comes."""

import os
import socket
import subprocess
import sys
import time

import pytest

from lecturelib.parallel import processes
from tests.lecture.parallel import job_cases

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture
def started(monkeypatch):
    """The processes that a test starts, so that it can see what became of them."""
    found = []

    class Watched(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            found.append(self)

    monkeypatch.setattr(processes.subprocess, "Popen", Watched)
    return found


@pytest.mark.long
def test_processes_form_one_job_with_a_device_each_and_end_well(started):
    assert processes.run(job_cases.whoami, processes=2) == [(0, 2, 2, 1), (1, 2, 2, 1)]
    assert [process.returncode for process in started] == [0, 0]


def test_an_exception_in_a_worker_ends_the_job_and_is_shown(started):
    with pytest.raises(processes.ProcessFailed, match="no bananas") as failure:
        processes.run(job_cases.complain, ("no bananas",), processes=1)
    assert failure.value.exit_codes == [1]
    assert started[0].returncode == 1


@pytest.mark.long
def test_a_process_that_never_comes_is_named_and_none_is_left(started):
    with pytest.raises(processes.ProcessFailed, match=r"waited 0\.5 s for process 1, which never came"):
        processes.run(job_cases.whoami, (job_cases.Late(),), processes=2, join_timeout=0.5)
    assert len(started) == 2
    assert all(process.returncode for process in started)  # reaped, and not with success


@pytest.mark.long
def test_a_hanging_job_is_ended(started, tmp_path):
    with pytest.raises(processes.ProcessFailed, match="hung: process 0 was not done after 4 s"):
        processes.run(job_cases.hang, (tmp_path,), processes=1, timeout=4)
    assert started[0].returncode < 0


@pytest.mark.long
@LINUX
def test_workers_end_when_their_parent_is_killed(tmp_path):
    source = (
        "import sys; from lecturelib.parallel import processes; from tests.lecture.parallel import job_cases;"
        "processes.run(job_cases.hang, (sys.argv[1],), processes=1)"
    )
    parent = subprocess.Popen([sys.executable, "-c", source, tmp_path], env=processes._environment())
    note, deadline = tmp_path / "pid0", time.monotonic() + 120
    while not (note.exists() and note.read_text()):
        assert parent.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    worker = int(note.read_text())
    assert job_cases.alive(worker)
    parent.kill()
    parent.wait()
    while job_cases.alive(worker):
        assert time.monotonic() < deadline, "the worker outlived its parent"
        time.sleep(0.05)


@pytest.mark.long
def test_a_script_that_guards_nothing_runs_once(tmp_path):
    """As a notebook saved as a script is; `multiprocessing` would run it again in each worker."""
    script = tmp_path / "script.py"
    script.write_text(
        "print('begun'); import os; from lecturelib.parallel import processes;"
        "print(processes.run(os.path.join, ('a', 'b'), processes=1))"
    )
    done = subprocess.run(
        [sys.executable, script], env=processes._environment(), capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines() == ["begun", "['a/b']"], done.stderr


def test_a_port_in_use_is_refused_before_anything_starts(started):
    with socket.socket() as taken:
        taken.bind((processes.LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"port = {port} cannot be used"):
            processes.run(os.getpid, processes=2, port=port)
    assert not started


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"processes": 0}, "processes = 0"),
        ({"processes": 1, "timeout": 0}, "timeout = 0"),
        ({"processes": 1, "join_timeout": -1}, "join_timeout = -1"),
        ({"processes": 1, "port": 70_000}, "port = 70000"),
        ({"processes": 1, "arguments": (lambda: 0,)}, "cannot be sent"),
    ],
)
def test_bad_arguments_are_refused_before_anything_starts(options, message, started):
    with pytest.raises(ValueError, match=message):
        processes.run(os.getpid, **options)
    assert not started


def test_a_function_of_a_notebook_is_refused(started, monkeypatch):
    def mine():
        pass

    monkeypatch.setattr(mine, "__module__", "__main__")
    with pytest.raises(ValueError, match="function = mine lives in a notebook"):
        processes.run(mine, processes=1)
    assert not started
