"""A job of several operating system processes on this machine, joined by `jax.distributed` over loopback.

The parent starts the workers, watches them, and ends all of them as soon as one fails: a synchronous job that
has lost a machine can only wait. A worker whose parent dies notices that its standard input has closed, and
ends itself. So no process outlives the call.
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

import jax

from lecturelib.checks import check_count

LOOPBACK = "127.0.0.1"
JOIN_SECONDS = 60  # that the first worker waits for the last
LOST_PARENT = 64  # exit code of a worker whose parent has gone


class ProcessFailed(RuntimeError):
    """A job of processes failed. exit_codes: of each process, negative for the signal that ended it."""

    def __init__(self, message: str, exit_codes: list[int]):
        super().__init__(message)
        self.exit_codes = exit_codes


def run(
    function: Callable,
    arguments: tuple = (),
    options: dict | None = None,
    *,
    processes: int,
    timeout: float = 120.0,
    join_timeout: float = JOIN_SECONDS,
    port: int | None = None,
) -> list:
    """Call function(*arguments, **options) in each of so many new processes that form one JAX job.

    In each, `jax.devices()` lists one processor device of every process, and collectives run between them.

    Args:
        function: importable by name from a module (not one defined in a notebook).
        arguments, options: what to call it with; they are pickled, and so are the results.
        processes: whole, 1 or more.
        timeout: seconds until the job is ended as hung.
        join_timeout: seconds that the first process to come waits for the last.
        port: TCP port of the loopback address for the job to meet at; None for any free one.

    Returns:
        The results, one a process, in order of their rank.

    Raises:
        ValueError: arguments that are not as said, a port in use among them; nothing is started then.
        ProcessFailed: a process died, hung or never came. All others have been ended by then.

    >>> run(os.path.join, ("a", "b"), processes=1)
    ['a/b']
    """
    processes = check_count("processes", processes)
    if timeout <= 0 or join_timeout <= 0:
        raise ValueError(f"timeout = {timeout}, join_timeout = {join_timeout}: pass seconds above 0")
    task = _pickled(function, arguments, options or {})
    address = f"{LOOPBACK}:{_port(port)}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lecture-job-")))
        (folder / "task").write_bytes(task)
        started = []
        stack.callback(_end, started)
        for rank in range(processes):
            log = stack.enter_context((folder / f"log{rank}").open("wb"))
            command = [sys.executable, "-m", __name__, str(folder), address, str(rank), str(processes)]
            started.append(
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=_environment()
                )
            )
        _watch(started, folder, timeout, join_timeout)
        return [pickle.loads((folder / f"result{rank}").read_bytes()) for rank in range(processes)]


def _watch(started, folder, timeout, join_timeout):
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


def _end(started):
    """End and reap every process that still runs."""
    for process in started:
        if process.poll() is None:
            process.kill()
    for process in started:
        process.wait()
        process.stdin.close()


def _pickled(function, arguments, options):
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
    wanted = 0 if port is None else check_count("port", port)
    if wanted > 65535:
        raise ValueError(f"port = {port} is refused; pass 1 to 65535, or None for any free one")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError as error:
            raise ValueError(
                f"port = {port} cannot be used ({error.strerror}): pass another, or None for any free one"
            ) from None
        return probe.getsockname()[1]


def _environment() -> dict[str, str]:
    """The parent's environment, with one processor device a process whatever the parent has."""
    flags = os.environ.get("XLA_FLAGS", "").split()
    flags = [flag for flag in flags if "xla_force_host_platform_device_count" not in flag]
    paths = [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "XLA_FLAGS": " ".join(flags),
        "JAX_PLATFORMS": "cpu",
        "JAX_NUM_CPU_DEVICES": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
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
    part = folder / f"part{rank}"
    part.write_bytes(pickle.dumps(result))
    os.replace(part, folder / f"result{rank}")
    jax.distributed.shutdown()  # waits for the others: nobody leaves while somebody may still need it
    sys.stdout.flush()
    os._exit(0)  # the work is done and stored; do not wait for the threads of the network library


def _end_with_parent():
    os.read(sys.stdin.fileno(), 1)  # returns when the other end closes
    os._exit(LOST_PARENT)


if __name__ == "__main__":
    _work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
