"""What a hostile notebook would try first: run in the sandbox as one, it names every hole it finds."""

import ctypes
import glob
import os
import resource
import socket
from collections.abc import Callable


def holes(hidden: list[str], shown: list[str], walled: bool) -> list[str]:
    """What is open that should not be, in words.

    Args:
        hidden: files and folders that must not be seen.
        shown: folders below them of which this does not hold.
        walled: whether there are walls around files and processes too, and not limits only.
    """
    found = []
    for path in glob.glob("/proc/self/task/*/status"):
        with open(path) as status:
            text = status.read()
        if "\nSeccomp:\t2\n" not in text:
            found.append(f"thread {path.split('/')[4]} may make any system call")
        if "\nCapEff:\t0000000000000000\n" not in text:
            found.append(f"thread {path.split('/')[4]} has capabilities")
    # Not before: on a fork OpenBLAS ends its threads.
    found += [f"{what} can be made" for what, make in MADE.items() if _succeeds(make)]
    for name in ("AS", "CPU", "NPROC", "NOFILE", "FSIZE", "CORE"):
        if resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1] == resource.RLIM_INFINITY:
            found.append(f"RLIMIT_{name} is not set")
    return found + (_seen(hidden, shown) if walled else [])


def _seen(hidden: list[str], shown: list[str]) -> list[str]:
    found = [f"{path} can be seen" for path in hidden if _has_files(path, shown)]
    found += [f"{path} can be set" for path in _settings() if os.access(path, os.W_OK)][:3]
    found += [f"{path} can be written" for path in ("/", "/usr", ".", *shown) if os.access(path, os.W_OK)]
    others = [task for task in os.listdir("/proc") if task.isdigit() and int(task) not in (1, os.getpid())]
    found += [f"process {task} can be seen" for task in others[:3]]
    found += ["what the grader was told can be read again"] * _told()
    with open("/proc/net/dev") as devices:  # two lines of headings, and the loopback
        return found + ["the machine's network can be seen"] * (len(devices.readlines()) > 3)


def _told() -> bool:
    """Whether the first process still has the job, which holds the solutions of earlier questions."""
    try:
        told = os.open("/proc/1/fd/0", os.O_RDONLY | os.O_NONBLOCK)
        return bool(os.read(told, 1))
    except OSError:
        return False


def _settings() -> list[str]:
    """Files of the kernel."""
    found = []
    for folder, names, files in os.walk("/proc"):
        if folder == "/proc":
            names[:] = [name for name in names if name.isalpha() and "self" not in name]
        found += [os.path.join(folder, file) for file in files]
    return found


def _has_files(path: str, shown: list[str]) -> bool:
    if os.path.isfile(path):
        return True
    for folder, names, files in os.walk(path):
        names[:] = [name for name in names if os.path.join(folder, name) not in shown]
        if files:
            return True
    return False


def _succeeds(make: Callable[[], int]) -> bool:
    try:
        return make() >= 0
    except OSError:
        return False


def _fork() -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    return child


def _socket() -> int:
    with socket.socket() as made:
        return made.fileno()


_libc = ctypes.CDLL(None)
MADE = {
    "a process": _fork,
    "a socket": _socket,
    "a semaphore": lambda: _libc.semget(0, 1, 0o600),
    "a message queue": lambda: _libc.msgget(0, 0o600),
    "shared memory": lambda: _libc.shmget(0, 4096, 0o600),
    "a file in memory": lambda: os.memfd_create("probe"),
}
