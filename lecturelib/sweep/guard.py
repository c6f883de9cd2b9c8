"""No kernel outlives the worker that started it, whatever ends the worker.

A worker process keeps one guard process beside it and tells it, over a pipe, which process groups it has
started (a kernel and what the kernel started are one group) and which folder is its own. However the worker
ends, the pipe closes; the guard then kills the groups that are left and removes the folder.
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

    >>> guard = Guard()
    >>> guard.folder.is_dir()
    True
    >>> guard.close()
    >>> guard.folder.exists()
    False
    """

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="lecture-"))  # a short path: sockets lie in it
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            # Neither site packages nor our package: it starts in milliseconds.
            [sys.executable, "-S", "-E", __file__, str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal does not reach it
            text=True,
        )

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
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        # Without a guard (somebody killed it) kernels still notice, a second later, that their parent died.
        with self._lock, contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()


def kill(group: int) -> None:
    """Kill a process group; one that is gone already is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the second of zombies
        os.killpg(group, signal.SIGKILL)


def _main(folder: str) -> None:
    groups = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        kill(group)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _main(sys.argv[1])
