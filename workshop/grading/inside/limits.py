"""Limits that a process sets itself for good before it runs a student's code.

The limits are the kernel's: `setrlimit`, and a seccomp filter of system calls (Linux on x86-64 and ARM64).
Threads stay possible, because JAX and NumPy start them; each takes address space, which is limited.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from typing import Any

FILE_BYTES = 64 * 2**20
OPEN_FILES = 256
THREADS = 4096  # where the kernel counts them for each sandbox; else with all others of the same account
NOBODY = 65534

# Numbers of the refused system calls. `clone` is refused unless it makes a thread; `kill`, `tgkill` and
# `prlimit64` unless they go to the process itself; `clone3` hides its flags in memory, so it is said not to
# exist. Pairs of connected sockets stay, for asyncio.
_CALLS: dict[str, dict[str, Any]] = {
    "x86_64": {
        "arch": 0xC000003E,
        "seccomp": 317,
        "clone": 56,
        "clone3": 435,
        "own": (62, 234),  # kill, tgkill
        "prlimit64": 302,
        "refused": (
            *(41, 57, 58, 59, 322),  # socket, fork, vfork, execve, execveat
            *(42, 43, 49, 50, 288),  # connect, accept, bind, listen, accept4
            *(101, 200, 272, 308, 165, 166, 155, 161),  # ptrace, tkill, unshare, setns, mounts, roots
            *(310, 311, 129, 297, 424, 434, 438),  # other processes' memory, queued signals, pidfd
            *(248, 249, 250, 298, 321, 323, 425, 426, 427),  # keys, perf, bpf, userfaultfd, io_uring
            *(319, 29, 64, 68, 240),  # memory that no limit counts: memfd, segments, semaphores, queues
        ),
    },
    "aarch64": {
        "arch": 0xC00000B7,
        "seccomp": 277,
        "clone": 220,
        "clone3": 435,
        "own": (129, 131),
        "prlimit64": 261,
        "refused": (
            *(198, 221, 281),
            *(203, 202, 200, 201, 242),
            *(117, 130, 97, 268, 40, 39, 41, 51),
            *(270, 271, 138, 240, 424, 434, 438),
            *(217, 218, 219, 241, 280, 282, 425, 426, 427),
            *(279, 194, 190, 186, 180),
        ),
    },
}
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_CLONE_THREAD = 0x10000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1


def can_filter() -> bool:
    """Whether this system can refuse system calls: those that start a process or a connection."""
    return sys.platform == "linux" and platform.machine() in _CALLS and sys.maxsize > 2**32


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, whatever ended it (Linux only)."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, 9)


def limit_memory(megabytes: int) -> None:
    """Bound the address space; beyond it an allocation raises MemoryError."""
    resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20,) * 2)


def limit_cpu(seconds: float) -> None:
    """Bound the processor time for good: `allow_cpu` shares it out."""
    allowed = int(_cpu_used() + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, allowed + 1))


def allow_cpu(seconds: float) -> None:
    """Bound the processor time from now on, within what `limit_cpu` allows; then SIGXCPU ends the process."""
    _, last = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (min(int(_cpu_used() + seconds) + 1, last), last))


def _cpu_used() -> float:
    return sum(os.times()[:2])


def become_nobody() -> None:
    """Give up root and all its capabilities for good."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def limit_objects() -> None:
    """Bound the number of threads and of open files, and the size of files; a crash leaves no core."""
    if sys.platform == "linux":
        _, last = resource.getrlimit(resource.RLIMIT_NPROC)
        most = THREADS if last == resource.RLIM_INFINITY else min(THREADS, last)
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES,) * 2)


def filter_calls() -> None:
    """Refuse the system calls that start a process or a program, open a socket, or signal another process.

    All threads are filtered: NumPy's BLAS has started some by the time it is imported.

    Raises:
        OSError: a thread is not filtered.
    """
    if can_filter():
        calls = _CALLS[platform.machine()]
        program = _program(calls, os.getpid())
        instructions = ctypes.create_string_buffer(b"".join(program))
        header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(instructions))
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        libc = ctypes.CDLL(None, use_errno=True)
        filtered = ctypes.create_string_buffer(header)
        if libc.syscall(ctypes.c_long(calls["seccomp"]), _SET_MODE_FILTER, _ALL_THREADS, filtered) != 0:
            raise OSError(ctypes.get_errno(), "system calls cannot be filtered in all threads")
        for task in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{task}/status") as status:
                if "Seccomp:\t2\n" not in status.read():
                    raise OSError(0, f"thread {task} is not filtered")
    elif sys.platform == "darwin":  # there, threads do not count as processes
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))


def _program(calls: dict[str, Any], pid: int) -> list[bytes]:
    # Classic BPF over seccomp_data: the call's number at 0, the architecture at 4, the first argument at 16.
    def load(offset: int) -> bytes:
        return struct.pack("HBBI", 0x20, 0, 0, offset)

    def give(verdict: int) -> bytes:
        return struct.pack("HBBI", 0x06, 0, 0, verdict)

    def unless_equal(value: int, skip: int) -> bytes:
        return struct.pack("HBBI", 0x15, 0, skip, value)

    refuse, allow = give(_ERRNO | _EPERM), give(_ALLOW)
    program = [load(4), struct.pack("HBBI", 0x15, 1, 0, calls["arch"]), give(_KILL), load(0)]
    program += [struct.pack("HBBI", 0x35, 0, 1, 0x40000000), refuse]  # the x32 numbers
    program += [unless_equal(calls["clone3"], 1), give(_ERRNO | _ENOSYS)]
    for number in calls["refused"]:
        program += [unless_equal(number, 1), refuse]
    thread = struct.pack("HBBI", 0x45, 1, 0, _CLONE_THREAD)  # any of these bits set: skip one
    program += [unless_equal(calls["clone"], 4), load(16), thread, refuse, allow]
    mine, zero = struct.pack("HBBI", 0x15, 1, 0, pid), struct.pack("HBBI", 0x15, 2, 0, 0)
    for number in calls["own"]:
        program += [unless_equal(number, 4), load(16), mine, refuse, allow]
    program += [unless_equal(calls["prlimit64"], 5), load(16), zero, mine, refuse, allow]
    return [*program, allow]


def _prctl(option: int, *arguments: int | ctypes.Array) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    values = [a if isinstance(a, ctypes.Array) else ctypes.c_ulong(a) for a in arguments]
    values += [ctypes.c_ulong(0)] * (4 - len(values))
    if libc.prctl(option, *values) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) was refused")
