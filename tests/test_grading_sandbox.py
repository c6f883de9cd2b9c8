"""Real processes behind the walls: what they cannot do, how they are stopped, and what is said of it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lecturelib.grading import sandbox, walls
from lecturelib.grading.inside import locks, transfer
from tests.grading_cases import need_bubblewrap


@pytest.fixture(params=["bubblewrap", pytest.param("limits", marks=pytest.mark.long)])
def anywhere(request, monkeypatch):
    """Behind bubblewrap, and where there is none."""
    if request.param == "bubblewrap":
        need_bubblewrap()
    else:
        monkeypatch.setattr(walls, "bubblewrap", lambda: None)


@pytest.fixture
def bubblewrap():
    need_bubblewrap()


def run(*texts, setup=(), argument=1.0, wall=20, cpu=1, memory=1024, threads=1, files=(), hidden=()):
    job = {
        "setup": list(setup),
        "earlier": {},
        "cells": [{"number": n, "source": text} for n, text in enumerate(texts)],
        "function": "f",
        "through": None,
        "calls": transfer.encode([(argument,)]),
        "memory_mb": memory,
        "threads": threads,
        "cpu_seconds": cpu,
        "wall_seconds": wall,
    }
    return sandbox.run(job, files, hidden)


def result(*texts, **options):
    """What f returned."""
    outcome = run(*texts, **options)
    assert outcome.problem is None, outcome
    return transfer.decode(outcome.outputs)[0]


def body(text):
    return f"def f(x):\n    import os\n    {text}"


def test_an_honest_answer_comes_back(anywhere):
    back = result(
        "import numpy as np", "def f(x):\n    return {'twice': 2 * np.asarray(x)}", argument=np.ones(3)
    )
    np.testing.assert_array_equal(back["twice"], [2.0, 2.0, 2.0])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("os.fork()", "PermissionError"),
        ("__import__('subprocess').run(['true'])", "PermissionError"),
        ("os.execv('/bin/true', ['true'])", "PermissionError"),
        ("__import__('multiprocessing').Process(target=print).start()", "PermissionError"),
        ("os.posix_spawn('/bin/true', ['true'], {})", "PermissionError"),
        ("__import__('socket').socket()", "PermissionError"),
        ("__import__('socket').create_connection(('127.0.0.1', 9))", "PermissionError"),
        ("os.kill(os.getppid(), 9)", "PermissionError"),
        ("os.kill(-1, 9)", "PermissionError"),
        ("os.memfd_create('x')", "PermissionError"),
        ("import lecturelib", "ModuleNotFoundError"),
        ("from lecturelib.grading import source", "ModuleNotFoundError"),
        ("return bytearray(2**31)", "MemoryError"),
        ("return [bytearray(10**8) for _ in range(100)]", "MemoryError"),
    ],
)
def test_what_is_refused_raises_in_the_students_code(anywhere, text, error):
    if not locks.filters_calls() and error == "PermissionError":
        pytest.skip("this system does not filter system calls")
    outcome = run(body(text))
    assert outcome.problem == "raised"
    assert outcome.text.startswith(error)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("os._exit(0)", "died"),
        ("os.kill(os.getpid(), 9)", "died"),
        ("os.abort()", "died"),
        ("__import__('ctypes').string_at(0)", "died"),
        ("raise SystemExit", "raised"),
        ("raise KeyboardInterrupt", "raised"),
        ("return lambda: 0", "not data"),
        ("return b'x' * 100", "not data"),
        ("return 'x' * 10**8", "too much"),
        ("raise NotImplementedError()", "blank"),
    ],
)
def test_every_way_to_end_is_named(anywhere, text, problem):
    assert run(body(text)).problem == problem


def test_an_endless_loop_is_stopped_by_its_processor_time(anywhere):
    start = time.monotonic()
    assert run(body("while True: pass"), wall=60).problem == "time"
    assert time.monotonic() - start < 40


def test_who_sleeps_is_stopped_by_the_clock(anywhere):
    assert run(body("__import__('time').sleep(1000)"), wall=1).problem == "time"


def test_printing_gigabytes_goes_nowhere(anywhere):
    assert run(body("while True: os.write(1, b'x' * 10**6); os.write(2, b'x' * 10**6)")).problem == "time"


def test_gigabytes_on_the_reply_channel_are_cut_off(anywhere):
    text = "\n    for fd in range(3, 20):\n        try:\n            while True: os.write(fd, b'x' * 10**6)"
    assert run(body("pass") + text + "\n        except OSError: pass").problem == "too much"


def test_a_forged_reply_is_only_a_result_of_the_same_student(anywhere):
    forge = "\n    for fd in range(3, 20):\n        try: os.write(fd, {line!r} + b'\\n')"
    forge += "\n        except OSError: pass"
    setup = forge.format(line=b'{"problem": "setup", "text": "not my fault"}')
    assert run(body("pass") + setup).problem == "setup"  # not SandboxBroken: the student's code had started
    assert run(body("pass") + forge.format(line=b'{"calling": true}')).problem == "died"  # no time is won
    assert run(body("pass") + forge.format(line=b"[" * 10_000)).problem == "died"
    assert run(body("pass") + forge.format(line=b'{"outputs": "[1.0]"}')).outputs == "[1.0]"


def test_a_cell_that_fails_or_loops_does_not_stop_the_next(anywhere):
    assert result("1 / 0", "def f(x): return x", "import nothing_of_the_kind") == 1.0
    assert result("while True: pass", "def f(x): return x") == 1.0


def test_a_cell_that_ends_the_process_is_named():
    outcome = run("x = 1", "import os; os._exit(0)", "def f(x): return x")
    assert (outcome.problem, outcome.cell) == ("died", 1)


def test_the_function_that_is_not_there_brings_the_reason(anywhere):
    outcome = run("def f(x) return x")
    assert outcome.problem == "missing"
    assert "SyntaxError" in outcome.text


def test_an_exception_comes_with_the_students_line(anywhere):
    outcome = run("def f(x):\n    y = x / 0\n    return y")
    assert outcome.text == "ZeroDivisionError: float division by zero (at: y = x / 0)"


def test_threads_jax_and_numba_work_and_a_thread_bomb_does_not(anywhere):
    threads = "import threading\n    t = threading.Thread(target=print)\n    t.start(); t.join(); return 1"
    assert result(body(threads)) == 1
    bomb = "import threading, time\n    while True: threading.Thread(target=time.sleep, args=(60,)).start()"
    assert run(body(bomb)).text.startswith("RuntimeError: can't start new thread")


@pytest.mark.long
@pytest.mark.parametrize(
    "setup", ["import jax.numpy as np", "import numpy as np, numba", "import matplotlib.pyplot"]
)
def test_the_libraries_of_answers_start(bubblewrap, setup):
    answer = "import numpy\n@__import__('numba').njit\ndef f(x):\n    return x + 1"
    if "numba" not in setup:
        answer = (
            "def f(x):\n    return (np.ones(2) * x).sum()" if "jax" in setup else "def f(x): return x + 1"
        )
    assert result(answer, setup=[setup], memory=2048, cpu=20, wall=100) == 2.0


def test_the_assignments_own_mistake_is_nobodys_mark():
    with pytest.raises(sandbox.SandboxBroken, match="ZeroDivisionError"):
        run("def f(x): return x", setup=["1 / 0"])


def test_files_of_the_machine_are_not_there(bubblewrap, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    for path in (
        secret,
        walls.__file__,
        __file__,
        "/etc/passwd",
        "/etc/hostname",
        os.path.expanduser("~/.ssh"),
    ):
        assert result(body(f"return os.path.exists({str(path)!r})")) is False
    assert set(result(body("return os.listdir('/')"))) <= {
        *("usr", "bin", "lib", "lib64", "etc", "proc", "dev", "tmp", "code", "homework"),
        *(p.split("/")[1] for p in [os.path.realpath(sys.base_prefix), *walls.libraries()]),
    }


def test_what_lies_below_something_shown_can_be_hidden(bubblewrap):
    shown = os.path.join(walls.libraries()[0], "numpy")
    text = body(f"return len(os.listdir({shown!r}))")
    assert result(text) > 5
    assert result(text, hidden=(Path(shown),)) == 0


def test_other_processes_are_not_there(bubblewrap):
    seen = result(body("return [int(p) for p in os.listdir('/proc') if p.isdigit()]"))
    assert len(seen) <= 2
    words = result(body("return ''.join(open(f'/proc/{p}/cmdline').read() for p in (1, os.getpid()))"))
    assert "pytest" not in words
    names = set(result(body("return list(os.environ)")))
    assert names <= {*walls.environment(1, "."), "PWD"}


@pytest.mark.parametrize("path", ["/x", "/homework/x", "/code/inside/child.py", "/dev/shm/x", "/usr/x"])
def test_nothing_can_be_written_but_scratch(bubblewrap, path):
    assert run(body(f"open({path!r}, 'w')")).text.startswith(("OSError: [Errno 30]", "PermissionError"))


def test_scratch_is_small_and_nobody_elses(bubblewrap):
    fill = "for i in range(100): open(f'/tmp/{i}', 'wb').write(b'x' * 10**7)"
    assert run(body(fill)).text.startswith("OSError: [Errno 28] No space")
    packages = [Path(p).parts for p in walls.libraries()]  # shown, and there if this checkout is below /tmp
    assert set(result(body("return os.listdir('/tmp')"))) == {p[2] for p in packages if p[1] == "tmp"}


def test_data_files_are_there_to_read(anywhere, tmp_path):
    (tmp_path / "numbers.txt").write_text("12")
    assert result(body("return int(open('numbers.txt').read())"), files=(tmp_path / "numbers.txt",)) == 12


def test_the_network_of_the_machine_is_not_there(bubblewrap):
    """Even a process without the filter of system calls has a network of its own, with nobody in it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2)"
        assert subprocess.run([sys.executable, "-c", connect], check=False).returncode == 0
        command = walls.command(connect, (), (), None)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "ConnectionRefusedError" in done.stderr


def test_nothing_outlives_the_one_who_started_it(anywhere, tmp_path):
    """kill -9 of the grader leaves no process of a submission behind."""
    code = f"""
import sys
sys.path.insert(0, {str(walls.INSIDE.parents[2])!r})
from lecturelib.grading import walls
if {walls.bubblewrap() is None}:
    walls.bubblewrap = lambda: None
from tests.test_grading_sandbox import run, body
run(body("__import__('time').sleep(1000)"), setup=["marker_{os.getpid()} = 1"], wall=1000)
"""
    grader = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, start_new_session=True)
    try:
        child = _wait(lambda: _descendants(grader.pid), 60)
        time.sleep(1)
        child = _descendants(grader.pid)
    finally:
        grader.send_signal(signal.SIGKILL)
        grader.wait()
    assert child
    assert _wait(lambda: not any(map(_alive, child)), 20)


def _descendants(pid):
    found = []
    for task in os.listdir("/proc"):
        if task.isdigit():
            try:
                with open(f"/proc/{task}/stat") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            if parent == pid:
                found += [int(task), *_descendants(int(task))]
    return found


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def _wait(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    return condition()


def test_what_is_missing_is_said_loudly(monkeypatch):
    need_bubblewrap()
    assert (walls.notice() is None) == locks.filters_calls()
    monkeypatch.setattr(walls, "bubblewrap", lambda: None)
    assert "CAN READ the files" in walls.notice()
    monkeypatch.setattr(locks, "filters_calls", lambda: False)
    assert "can reach the network" in walls.notice()
