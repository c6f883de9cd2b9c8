"""Real processes in the sandbox: what they cannot do, how they are stopped, and what is said of it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import lecturelib
from tests.marks import first_quick
from tests.workshop.grading.grading_cases import need_bubblewrap
from workshop import checkout
from workshop.grading import sandbox, source
from workshop.grading.inside import limits, transfer


@pytest.fixture(params=["bubblewrap", pytest.param("limits", marks=pytest.mark.long)])
def anywhere(request, monkeypatch):
    """In bubblewrap, and where there is none."""
    if request.param == "bubblewrap":
        need_bubblewrap()
    else:
        monkeypatch.setattr(sandbox, "bubblewrap", lambda: None)


@pytest.fixture
def bubblewrap():
    need_bubblewrap()


def run(*texts, argument=1.0, files=(), hidden=(), **changes):
    """The outcome of calling `f`, which these cells define, with an argument."""
    job = {
        "setup": [],
        "earlier": {},
        "cells": [{"number": n, "source": text} for n, text in enumerate(texts)],
        "function": "f",
        "through": None,
        "calls": transfer.encode([(argument,)]),
        "memory_mb": 1024,
        "threads": 1,
        "cpu_seconds": 1,
        "wall_seconds": 20,
        "cell_seconds": 5,
        "load_seconds": 20,
    }
    return sandbox.run(job | changes, files, hidden)


def result(*texts, **options):
    """What f returned."""
    outcome = run(*texts, **options)
    assert outcome.problem is None, outcome
    return transfer.decode(outcome.outputs)[0]


def test_every_thread_is_filtered(anywhere):
    """The threads of BLAS too, which are there before the filter is."""
    cell = """
import glob
def f(x):
    found = [open(path).read() for path in glob.glob("/proc/self/task/*/status")]
    return [int(text.split("Seccomp:")[1].split()[0]) for text in found]
"""
    modes = result(cell, threads=4)
    assert len(modes) > 1
    assert set(modes) == {2}


def test_nothing_of_the_kernel_can_be_set(bubblewrap):
    cell = """
import os
def f(x):
    found = []
    for folder, names, files in os.walk("/proc"):
        if folder == "/proc":
            names[:] = [n for n in names if not n.isdigit() and n not in ("self", "thread-self")]
        found += [p for p in (os.path.join(folder, file) for file in files) if os.access(p, os.W_OK)]
    return found[:20]
"""
    assert result(cell, cpu_seconds=5) == []


BOOKS = """
import math

def half(x):
    return x / 2

def counted(answer, x, *, scale=1):
    return [scale * half(math.floor(x)), answer(x)]
"""


@first_quick(
    "change",
    [
        "def counted(answer, x): return 'forged'",
        "counted.__code__ = (lambda answer, x: 'forged').__code__",
        "half = lambda x: 'forged'",
        "class math:\n    floor = lambda x: 100",
        "counted.__kwdefaults__['scale'] = 100",
    ],
)
def test_what_calls_the_answer_is_the_graders(bubblewrap, change):
    answer = "def f(x):\n    return 7"
    for cells in ([change, answer], [answer, change]):
        assert result(*cells, setup=[BOOKS], through="counted", argument=4.5) == [2.0, 7]


def body(text):
    return f"def f(x):\n    import os\n    {text}"


def test_an_honest_answer_comes_back(anywhere):
    back = result(
        "import numpy as np", "def f(x):\n    return {'twice': 2 * np.asarray(x)}", argument=np.ones(3)
    )
    assert back["twice"].tolist() == [2.0, 2.0, 2.0]


@first_quick(
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
        ("import workshop", "ModuleNotFoundError"),
        ("from workshop.grading import source", "ModuleNotFoundError"),
        ("return bytearray(2**31)", "MemoryError"),
        ("return [bytearray(10**8) for _ in range(100)]", "MemoryError"),
    ],
)
def test_what_is_refused_raises_in_the_students_code(anywhere, text, error):
    if not limits.can_filter() and error == "PermissionError":
        pytest.skip("this system does not filter system calls")
    outcome = run(body(text), cpu_seconds=5)
    assert outcome.problem == "raised"
    assert outcome.text.startswith(error)


@first_quick(
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


def writes(words):
    """An f that writes, whatever the file, to all that are open."""
    text = f"\n    for fd in range(3, 20):\n        try: {words}\n        except OSError: pass"
    return body("pass") + text


@first_quick(
    ("text", "wall"),
    [
        (body("while True: pass"), 60),  # stopped by its processor time
        (body("__import__('time').sleep(1000)"), 1),  # by the clock
        (body("while True: os.write(1, b'x' * 10**6); os.write(2, b'x' * 10**6)"), 20),  # which goes nowhere
    ],
)
def test_what_does_not_end_is_stopped(anywhere, text, wall):
    start = time.monotonic()
    assert run(text, wall_seconds=wall).problem == "time"
    assert time.monotonic() - start < 40


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"problem": "setup", "text": "not my fault"}', "setup"),  # no SandboxBroken: it had started
        (b'{"calling": true, "cut": []}', "died"),  # no time is won
        (b"[" * 10_000, "died"),
        (b'{"outputs": "[1.0]"}', None),
    ],
)
def test_a_forged_reply_is_only_a_result_of_the_same_student(anywhere, line, problem):
    found = run(writes(f"os.write(fd, {line!r} + b'\\n')"))
    assert (found.problem, found.outputs) == (problem, None if problem else "[1.0]")


def test_gigabytes_on_the_reply_channel_are_cut_off(anywhere):
    assert run(writes("exec('while True: os.write(fd, bytes(10**6))')")).problem == "too much"


@pytest.mark.long
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
    answer = "def f(x):\n    return x + 1"
    if "jax" in setup:
        answer = "def f(x):\n    return (np.ones(2) * x).sum()"
    if "numba" in setup:
        answer = f"@numba.njit\n{answer}"
    assert result(answer, setup=[setup], memory_mb=2048, cpu_seconds=20, wall_seconds=100) == 2.0


@pytest.mark.long
def test_no_question_waits_for_modules_that_it_does_not_need(bubblewrap):
    """Each starts a process: a tenth of a second here is a minute of a class of 100."""
    text = (
        "import sys\ndef f(x):\n    found = [name for name in x if sys.modules.get(name)]\n    import yaml\n"
    )
    names = ["asyncio", "coverage", "IPython", "tempfile", "yaml"]
    found = result(
        f"{text}    return found", setup=["import numba"], argument=names, memory_mb=2048, cpu_seconds=20
    )
    assert set(found) <= {"tempfile"}  # numba's own
    assert result(f"{text}    return found", argument=names) == []


def test_the_assignments_own_mistake_is_nobodys_mark():
    with pytest.raises(sandbox.SandboxBroken, match="ZeroDivisionError"):
        run("def f(x): return x", setup=["1 / 0"])


@pytest.mark.long
def test_files_of_the_machine_are_not_there(bubblewrap, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    for path in (
        secret,
        sandbox.__file__,
        lecturelib.__file__,
        source.find()[0],
        __file__,
        "/etc/passwd",
        "/etc/hostname",
        os.path.expanduser("~/.ssh"),
    ):
        assert result(body(f"return os.path.exists({str(path)!r})")) is False
    assert set(result(body("return os.listdir('/')"))) <= {
        *("usr", "bin", "lib", "lib64", "etc", "proc", "dev", "tmp", "code", "homework"),
        *(p.split("/")[1] for p in [os.path.realpath(sys.base_prefix), *sandbox.libraries()]),
    }


def test_what_lies_below_something_shown_can_be_hidden(bubblewrap):
    shown = os.path.join(sandbox.libraries()[0], "numpy")
    text = body(f"return len(os.listdir({shown!r}))")
    assert result(text) > 5
    assert result(text, hidden=(Path(shown),)) == 0


INSTALLED = """
import json, sys
sys.path[:0] = [{site!r}, {root!r}]
from tests.workshop.grading.test_grading_sandbox import body, result, run, sandbox

sandbox.SYSTEM += ({system!r},)
look = "return os.listdir({{path!r}}) if os.path.isdir({{path!r}}) else []"
seen = [result(body(look.format(path=path))) for path in {paths!r}]
late = "import sys; del sys.modules['lecturelib'], sys.modules['workshop']; import {{name}}"
modules = ("lecturelib.checks", "workshop.checkout", "other")
said = [run(body(late.format(name=name))).text for name in modules]
print(json.dumps([seen, said]))
"""


@pytest.mark.long
def test_an_installed_library_and_a_checkout_below_a_shown_folder_are_hidden(bubblewrap, tmp_path):
    """The packages lie in site-packages, which answers need, and that in a checkout within a shown folder."""
    folder = tmp_path / "system" / "checkout"
    site = folder / ".venv" / "site-packages"
    for name in ("lecturelib", "workshop"):
        ignore = shutil.ignore_patterns("data", "__pycache__")
        shutil.copytree(checkout.root() / name, site / name, ignore=ignore)
    (site / "other.py").write_text("")
    for name in ("lecturelib", "workshop", "notebooks", "homework", "build"):
        (folder / name).mkdir()
        (folder / name / "solution").write_text("return 2 * x")
    hidden = [site / "lecturelib", site / "workshop", folder / "homework", folder / "build", folder]
    places = {"site": site, "root": checkout.root(), "system": tmp_path / "system"}
    code = INSTALLED.format(**{key: str(path) for key, path in places.items()}, paths=[*map(str, hidden)])
    words = [sys.executable, "-P", "-c", code]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen, said = json.loads(done.stdout)
    assert seen == [[], [], [], [], [".venv"]]
    assert [text[:19] for text in said] == ["ModuleNotFoundError", "ModuleNotFoundError", ""]


def test_other_processes_are_not_there(bubblewrap):
    seen = result(body("return [int(p) for p in os.listdir('/proc') if p.isdigit()]"))
    assert len(seen) <= 2
    words = result(body("return ''.join(open(f'/proc/{p}/cmdline').read() for p in (1, os.getpid()))"))
    assert "pytest" not in words
    names = set(result(body("return list(os.environ)")))
    assert names <= {*sandbox.environment(1, "."), "PWD"}


@pytest.mark.parametrize("path", ["/x", "/homework/x", "/code/inside/child.py", "/dev/shm/x", "/usr/x"])
def test_nothing_can_be_written_but_scratch(bubblewrap, path):
    assert run(body(f"open({path!r}, 'w')")).text.startswith(("OSError: [Errno 30]", "PermissionError"))


def test_scratch_is_small_and_nobody_elses(bubblewrap):
    fill = "for i in range(100): open(f'/tmp/{i}', 'wb').write(b'x' * 10**7)"
    assert run(body(fill)).text.startswith("OSError: [Errno 28] No space")
    packages = [Path(p).parts for p in sandbox.libraries()]  # shown, and there if this checkout is below /tmp
    assert set(result(body("return os.listdir('/tmp')"))) == {p[2] for p in packages if p[1] == "tmp"}


def test_data_files_are_there_to_read(anywhere, tmp_path):
    (tmp_path / "numbers.txt").write_text("12")
    assert result(body("return int(open('numbers.txt').read())"), files=(tmp_path / "numbers.txt",)) == 12


def test_the_network_of_the_machine_is_not_there(bubblewrap):
    """Even a process without the filter of system calls has a network of its own, with nobody in it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2)"
        assert subprocess.run([sys.executable, "-c", connect], check=False).returncode == 0
        command = sandbox.command(connect, None)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "ConnectionRefusedError" in done.stderr


@pytest.mark.long
def test_nothing_outlives_the_one_who_started_it(anywhere, tmp_path):
    """kill -9 of the grader leaves no process of a submission behind."""
    code = f"""
import sys
sys.path.insert(0, {str(sandbox.INSIDE.parents[2])!r})
from workshop.grading import sandbox
if {sandbox.bubblewrap() is None}:
    sandbox.bubblewrap = lambda: None
from tests.workshop.grading.test_grading_sandbox import run, body
run(body("__import__('time').sleep(1000)"), setup=["marker_{os.getpid()} = 1"], wall_seconds=1000)
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
    assert (sandbox.notice() is None) == limits.can_filter()
    monkeypatch.setattr(sandbox, "bubblewrap", lambda: None)
    assert "CAN READ, CHANGE AND DELETE the files" in sandbox.notice()
    monkeypatch.setattr(limits, "can_filter", lambda: False)
    assert "can reach the network" in sandbox.notice()
