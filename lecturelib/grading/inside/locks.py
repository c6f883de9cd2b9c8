"""What a process gives up for good before it runs a student's code: memory, processes, sockets, programs.

The limits are the kernel's: `setrlimit`, and a seccomp filter of system calls (Linux on x86-64 and ARM64).
Threads stay possible, because JAX and NumPy start them; each takes address space, which is limited.
"""

import ctypes
import os
import platform
import resource
import struct
import sys

FILE_BYTES = 64 * 2**20
OPEN_FILES = 256

# Numbers of the refused system calls. `clone` is refused unless it makes a thread; `kill` and `tgkill` unless
# they go to the process itself; `clone3` hides its flags in memory, so it is said not to exist.
_CALLS = {
    "x86_64": {
        "arch": 0xC000003E,
        "clone": 56,
        "clone3": 435,
        "own": (62, 234),  # kill, tgkill
        "refused": (
            *(41, 57, 58, 59, 322),  # socket, fork, vfork, execve, execveat
            *(101, 200, 272, 308, 165, 166, 155, 161),  # ptrace, tkill, unshare, setns, mounts, roots
            *(310, 311, 129, 297, 424, 434, 438),  # other processes' memory, queued signals, pidfd
            *(248, 249, 250, 298, 321, 323, 425, 426, 427),  # keys, perf, bpf, userfaultfd, io_uring
            *(319, 29, 240),  # memory outside the address space: memfd, shared segments, queues
        ),
    },
    "aarch64": {
        "arch": 0xC00000B7,
        "clone": 220,
        "clone3": 435,
        "own": (129, 131),
        "refused": (
            *(198, 221, 281),
            *(117, 130, 97, 268, 40, 39, 41, 51),
            *(270, 271, 138, 240, 424, 434, 438),
            *(217, 218, 219, 241, 280, 282, 425, 426, 427),
            *(279, 194, 180),
        ),
    },
}
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_CLONE_THREAD = 0x10000
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38


def filters_calls() -> bool:
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
    """Bound the processor time from now on; the process is killed one second after it has used them."""
    used = sum(os.times()[:2])
    allowed = int(used + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, allowed + 1))


def close_doors() -> None:
    """Refuse, for good, new processes, other programs, sockets, signals to others, large files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES,) * 2)
    if filters_calls():
        program = _program(_CALLS[platform.machine()], os.getpid())
        instructions = ctypes.create_string_buffer(b"".join(program))
        header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(instructions))
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _prctl(_PR_SET_SECCOMP, 2, ctypes.create_string_buffer(header))
    elif sys.platform == "darwin":  # there, threads do not count as processes
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))


def _program(calls, pid) -> list[bytes]:
    # Classic BPF over seccomp_data: the call's number at 0, the architecture at 4, the first argument at 16.
    def load(offset):
        return struct.pack("HBBI", 0x20, 0, 0, offset)

    def give(verdict):
        return struct.pack("HBBI", 0x06, 0, 0, verdict)

    def unless_equal(value, skip):
        return struct.pack("HBBI", 0x15, 0, skip, value)

    refuse, allow = give(_ERRNO | _EPERM), give(_ALLOW)
    program = [load(4), struct.pack("HBBI", 0x15, 1, 0, calls["arch"]), give(_KILL), load(0)]
    program += [struct.pack("HBBI", 0x35, 0, 1, 0x40000000), refuse]  # the x32 numbers
    program += [unless_equal(calls["clone3"], 1), give(_ERRNO | _ENOSYS)]
    for number in calls["refused"]:
        program += [unless_equal(number, 1), refuse]
    thread = struct.pack("HBBI", 0x45, 1, 0, _CLONE_THREAD)  # any of these bits set: skip one
    program += [unless_equal(calls["clone"], 4), load(16), thread, refuse, allow]
    for number in calls["own"]:
        program += [unless_equal(number, 4), load(16), struct.pack("HBBI", 0x15, 1, 0, pid), refuse, allow]
    return [*program, allow]


def _prctl(option, *arguments) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    values = [a if isinstance(a, ctypes.Array) else ctypes.c_ulong(a) for a in arguments]
    values += [ctypes.c_ulong(0)] * (4 - len(values))
    if libc.prctl(option, *values) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) was refused")
