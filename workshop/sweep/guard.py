"""No kernel outlives the worker that started it, whatever ends the worker.

A worker process keeps one guard process beside it and tells it, over a pipe, which process groups it has
started (a kernel and what the kernel started are one group) and which folder is its own. However the worker
ends, the pipe closes; the guard then kills the groups that are left and removes the folder. A process that
left its group, a daemon, is known by its environment: its TMPDIR lies in that folder. Where the system
shows no environments (there is no /proc on macOS), or a process has changed its own, it goes on.

The guard process runs this file alone, without site packages: so it starts in milliseconds, and the file
imports nothing of ours.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path


class Guard:
    """The guard process of this process, and the folder it looks after.

    >>> from workshop.sweep.guard import Guard
    >>> guard = Guard()
    >>> guard.folder.is_dir()
    True
    >>> guard.close()
    >>> guard.folder.exists()
    False
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lecture-"))  # a short path: sockets lie in it
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", __file__, str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal does not reach it
            text=True,
        )
        assert self._process.stdin is not None  # a pipe was asked for
        self._pipe = self._process.stdin

    def watch(self, group: int) -> None:
        """Kill this process group if this process ends."""
        self._tell(f"+{group}")

    def end(self, group: int) -> None:
        """Kill what is left of a process group, and watch it no longer."""
        kill(group)
        self._tell(f"-{group}")

    def close(self) -> None:
        """End the guard, every group it watches, and its folder."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        # Without a guard (somebody killed it) kernels still notice, a second later, that their parent died.
        with self._lock, contextlib.suppress(BrokenPipeError):
            self._pipe.write(line + "\n")
            self._pipe.flush()


def kill(group: int) -> None:
    """Kill a process group; one that is gone already is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the second of zombies
        os.killpg(group, signal.SIGKILL)


def kill_strays(folder: str | Path) -> None:
    """Kill the processes whose TMPDIR, when they were started, was this folder or lay in it."""
    place = b"TMPDIR=" + os.fsencode(folder)
    for _ in range(5):  # one may start another meanwhile
        strays = [pid for pid in _processes() if _in_place(pid, place)]
        for pid in strays:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not strays:
            return


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]


def _in_place(pid: int, place: bytes) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it has gone, or is somebody else's
        return False
    return any(variable == place or variable.startswith(place + b"/") for variable in variables)


def _main(folder: str) -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        kill(group)
    kill_strays(folder)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _main(sys.argv[1])
