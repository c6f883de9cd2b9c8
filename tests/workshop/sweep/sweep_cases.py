"""Notebooks to sweep in tests, the command that sweeps them, and the table without its times."""

import contextlib
import signal
import subprocess
import sys
import time
import types

import psutil
import pyarrow.parquet

from tests.workshop.test_notebooks import write
from workshop.sweep import loop, pictures
from workshop.sweep.worker import Attempt

RECORD = "from lecturelib import sweep\nsweep.record('double', 2.0 * seed)"
# Says in a folder of notes that it has come, and goes on when somebody has written a note called go.
HELD = """\
import os, pathlib, time
notes = pathlib.Path({notes!r})
(notes / f"{{seed}}.{{os.getpid()}}.{{os.getppid()}}").touch()
while not (notes / "go").exists():
    time.sleep(0.05)
"""


def held(folder, notes):
    """A notebook that waits at its first cell, so that a test can do something to it."""
    notes.mkdir(exist_ok=True)
    return write(folder, "01_held", "seed = 0  # any", HELD.format(notes=str(notes)), RECORD)


def heed_interrupts():
    """Let what is started now end at SIGINT and SIGHUP, also where a background job ignores them."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # under nohup
        signal.signal(signal.SIGHUP, lambda *_: None)  # ours goes on; a new program begins with the default


def start(notebook, out, *options, first=""):
    """Start `lecture sweep` in the notebook's folder, outside a checkout, as a terminal does."""
    script = f"{first}\nimport workshop\nworkshop.main()"
    command = [sys.executable, "-c", script, "sweep", notebook.path.name, "--out", str(out)]
    heed_interrupts()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    where = {"cwd": notebook.path.parent, "start_new_session": True}  # its output comes as text
    return subprocess.Popen([*command, *options], **where, **pipes)


def sweep(notebook, out, *options):
    """`lecture sweep` to its end: exit status and output."""
    process = start(notebook, out, *options)
    said, _ = process.communicate(timeout=400)
    return process.returncode, said


def rows(out):
    """The table without the seconds, which no two sweeps share."""
    table = pyarrow.parquet.read_table(out / "table.parquet")
    return [{k: v for k, v in row.items() if k != "seconds"} for row in table.to_pylist()]


def at_once(monkeypatch, recorded=None, error=None):
    """Let a sweep in this process do its runs here and at once, and draw nothing; the tasks of those done.

    Args:
        monkeypatch: pytest's.
        recorded: of a run with these values -> what it records; None leaves every run undone.
        error: with which every run fails.
    """
    done = []

    def work(client, tasks, **_):
        done.extend(tasks)
        made = {"error": error, "again": False, "notebook": "{}", "made_with": {"jax": "1"}}
        for task in tasks if recorded else ():
            yield task, Attempt(1.0, recorded(task.values), **made), 1

    workers = types.SimpleNamespace(nthreads=lambda: {"here": 1})
    monkeypatch.setattr(loop, "connected", lambda *_: contextlib.nullcontext(workers))
    monkeypatch.setattr(loop, "work", work)
    monkeypatch.setattr(pictures, "MOST", 0)
    return done


def wait_for(what, seconds=120):
    """Wait until what() is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return value


def started(notes):
    """(seed, pid of the kernel, pid of its worker) of each note that a held notebook left."""
    names = [path.name for path in notes.iterdir() if path.name != "go"]
    return [tuple(int(part) for part in name.split(".")) for name in names]


def alive(pids):
    """Those of the processes that still run."""
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


def family(pid):
    """The processes that descend from this one, and itself."""
    try:
        parent = psutil.Process(pid)
        return [pid, *(child.pid for child in parent.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []
