"""A job of several operating system processes on this machine, joined by `jax.distributed` over loopback.

The parent starts the workers, watches them, and ends all of them as soon as one fails: a synchronous job that
has lost a machine can only wait. A worker whose parent dies notices that its standard input has closed, and
ends itself. So no process outlives the call.

Why not `multiprocessing`: it runs the caller's own script once more in every worker. A notebook saved as a
script guards nothing by `__main__`: every worker would repeat it up to the job, and fail there.
"""

import faulthandler
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jax

from lecturelib.checks import check_count, check_positive

LOOPBACK = "127.0.0.1"
LOST_PARENT = 64  # exit code of a worker whose parent has gone


class ProcessFailed(RuntimeError):
    """A job of processes failed.

    Attributes:
        exit_codes: of each process, negative for the signal that ended it.
    """

    def __init__(self, message: str, exit_codes: list[int]) -> None:
        super().__init__(message)
        self.exit_codes = exit_codes


def run(
    function: Callable,
    arguments: tuple = (),
    options: dict[str, Any] | None = None,
    *,
    processes: int,
    timeout: float = 120.0,
    join_timeout: float = 60.0,
    port: int | None = None,
) -> list:
    """Call ``function(*arguments, **options)`` in each of so many new processes that form one JAX job.

    In each, `jax.devices()` lists one processor device of every process, and collectives run between them.

    Args:
        function: importable by name from a module (not one defined in a notebook).
        arguments: what to call it with; they are pickled, and so are the results.
        options: the same, by keyword.
        processes: 1 or more.
        timeout: seconds until the job is ended as hung.
        join_timeout: seconds that the first process to come waits for the last.
        port: TCP port of the loopback address for the job to meet at; None for any free one.

    Returns:
        The results, one a process, in order of their rank.

    Raises:
        ValueError: if an argument is outside its range, or the port in use; nothing is started then.
        ProcessFailed: if a process died, hung or never came. All others have been ended by then.

    >>> import os
    >>> from lecturelib.parallel import processes
    >>> processes.run(os.path.join, ("a", "b"), processes=1)
    ['a/b']
    """
    processes = check_count("processes", processes)
    check_positive("timeout", timeout)
    check_positive("join_timeout", join_timeout)
    task, address = _pickled(function, arguments, options or {}), f"{LOOPBACK}:{_port(port)}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lecture-job-")))
        (folder / "task").write_bytes(task)
        started: list[subprocess.Popen] = []
        stack.callback(_end, started)
        for rank in range(processes):
            command = [sys.executable, "-P", "-m", __name__, str(folder), address, str(rank), str(processes)]
            with (folder / f"log{rank}").open("wb") as log:
                process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=_environment()
                )
            started.append(process)
        _watch(started, folder, timeout, join_timeout)
        return [pickle.loads((folder / f"result{rank}").read_bytes()) for rank in range(processes)]


def _watch(started: list[subprocess.Popen], folder: Path, timeout: float, join_timeout: float) -> None:
    """Wait until all processes have ended well, or raise ProcessFailed."""
    begin, first_came = time.monotonic(), None
    while True:
        codes = [process.poll() for process in started]
        if all(code == 0 for code in codes):
            return
        failed = [rank for rank, code in enumerate(codes) if code not in (None, 0)]
        absent = [rank for rank in range(len(started)) if not (folder / f"came{rank}").exists()]
        now = time.monotonic()
        if first_came is None and len(absent) < len(started):
            first_came = now
        if failed:
            reason = "died: " + ", ".join(f"process {rank} with exit code {codes[rank]}" for rank in failed)
            shown = failed[-1]
        elif absent and first_came is not None and now - first_came > join_timeout:
            reason = f"waited {join_timeout:g} s for process {absent[0]}, which never came"
            shown = absent[0]
        elif now - begin > timeout:
            slow = [rank for rank, code in enumerate(codes) if code is None]
            names = ", ".join(map(str, slow))
            reason, shown = f"hung: process {names} was not done after {timeout:g} s", slow[0]
            for rank in slow:  # faulthandler then writes where it stands
                started[rank].send_signal(signal.SIGABRT)
            time.sleep(0.5)
        else:
            time.sleep(0.01)
            continue
        _end(started)
        log = (folder / f"log{shown}").read_text(errors="replace").strip()[-1500:]
        said = f"; process {shown} last said:\n{log}" if log else ""
        message = f"the job of {len(started)} processes {reason}; all have been ended{said}"
        raise ProcessFailed(message, [process.returncode for process in started])


def _end(started: list[subprocess.Popen]) -> None:
    """End and reap every process that still runs."""
    for process in started:
        if process.poll() is None:
            process.kill()
    for process in started:
        process.communicate()


def _pickled(function: Callable, arguments: tuple, options: dict[str, Any]) -> bytes:
    if getattr(function, "__module__", "__main__") == "__main__":
        name = getattr(function, "__name__", repr(function))
        raise ValueError(
            f"function = {name} lives in a notebook or script, where the workers cannot import it: pass a"
            " function of a module"
        )
    try:
        return pickle.dumps((function, arguments, options))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"the job cannot be sent to other processes: {error}") from None


def _port(port: int | None) -> int:
    """A port nobody listens at, or ValueError if the one asked for is in use."""
    wanted = 0 if port is None else check_count("port", port, at_most=65535)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError as error:
            raise ValueError(
                f"port = {port} cannot be used ({error.strerror}): pass another, or None for any free one"
            ) from None
        return probe.getsockname()[1]


def _environment() -> dict[str, str]:
    """The parent's environment and path, with one processor device a process whatever the parent has."""
    flags = os.environ.get("XLA_FLAGS", "").split()
    return os.environ | {
        "XLA_FLAGS": " ".join(flag for flag in flags if "xla_force_host_platform_device_count" not in flag),
        "JAX_PLATFORMS": "cpu",
        "JAX_NUM_CPU_DEVICES": "1",
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
    }


def _work(folder: Path, address: str, rank: int, processes: int) -> None:
    """The life of a worker: join the job, call the function, leave the result."""
    faulthandler.enable()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    function, arguments, options = pickle.loads((folder / "task").read_bytes())
    (folder / f"came{rank}").touch()
    jax.distributed.initialize(
        address,
        processes,
        rank,
        coordinator_bind_address=address,
        cluster_detection_method="deactivate",
    )
    result = function(*arguments, **options)
    (folder / f"result{rank}").write_bytes(pickle.dumps(result))
    jax.distributed.shutdown()  # waits for the others: nobody leaves while somebody may still need it
    sys.stdout.flush()
    os._exit(0)  # the work is done and stored; do not wait for the threads of the network library


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # returns when the other end closes
    os._exit(LOST_PARENT)


if __name__ == "__main__":
    _work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
