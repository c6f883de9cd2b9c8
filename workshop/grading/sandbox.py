"""Run one job in a sandbox: a process inside bubblewrap where that works, else under resource limits only.

Whatever the job does, `run` returns in time, and says how it ended.
"""

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import lecturelib
from workshop import checkout
from workshop.grading.inside import limits
from workshop.grading.reply import Outcome, Report

Job = dict[str, Any]  # as `marking.job` makes it and `inside.child` reads it
INSIDE = Path(limits.__file__).parent
CODE, HOME, SCRATCH = "/code", "/homework", "/tmp"  # as the process sees them
SCRATCH_BYTES = 64 * 2**20
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache")  # for the shared libraries
KERNEL = ("sys", "sysrq-trigger", "irq", "bus", "fs", "scsi", "acpi", "mtrr", "pressure")  # in /proc
POOLS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")  # of threads
END_SECONDS = 1  # until the end of a process that closed its channel is reported
DROPS_ROOT = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
START = f"from {INSIDE.name}.child import main; main()"


class SandboxBroken(RuntimeError):
    """The process did not get as far as the student's code: no student is to blame."""


def run(job: Job, files: Sequence[Path] = (), hidden: Sequence[Path] = ()) -> Outcome:
    """Run a job in a process of its own, without lecturelib, network, other files or other processes.

    Args:
        job: from `marking.job`.
        files: data files that the process finds in its working folder, read-only.
        hidden: paths that it must not see.

    Raises:
        SandboxBroken: the sandbox or the assignment's own setup failed; the message says how.
    """
    with tempfile.TemporaryDirectory(prefix="grading-") as name:
        folder = Path(name, "work")
        folder.mkdir()
        errors = Path(name, "errors")
        task = json.dumps(job | {"nobody": drops_root()}).encode()
        with errors.open("wb") as stderr:
            process = subprocess.Popen(
                command(START, folder, files, hidden),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=folder,
                env=environment(job["threads"], folder),
                start_new_session=True,
            )
            assert process.stdin is not None  # they are pipes
            assert process.stdout is not None
            feeder = threading.Thread(target=_feed, args=(process.stdin, task))
            feeder.start()
            try:
                report = Report(job)
                report.listen(process.stdout)
                if report.outputs is None and report.problem is None:  # it ended, or closed the channel
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(END_SECONDS)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.stdout.close()
                process.wait()
                feeder.join()
        if report.cell is None and not report.calling:
            said = report.text or errors.read_text(errors="replace")[:2000]
            raise SandboxBroken(said or f"no answer from the sandbox ({report.problem})")
        return report.outcome(process.returncode)


def _feed(pipe: IO[bytes], task: bytes) -> None:
    """Write the job, which holds solutions, where it is read once: a file could be read again in /proc."""
    with contextlib.suppress(BrokenPipeError), pipe:
        pipe.write(task)


@functools.cache
def _isolation() -> tuple[str, list[str]] | None:
    """The path of a bubblewrap that works on this machine and how it parts processes from it, or None.

    In a user namespace root remains root to files of the kernel. So as root there is none, where that is
    permitted, and the process becomes another user.
    """
    program = shutil.which("bwrap")
    if program is None:
        return None
    ways = [(["--unshare-all", "--cap-drop", "ALL"], "")]
    if os.geteuid() == 0:
        parted = [f"--unshare-{what}" for what in ("ipc", "pid", "net", "uts", "cgroup-try")]
        ways.insert(0, ([*parted, *DROPS_ROOT], f"import os; os.setresuid(*{[limits.NOBODY] * 3}); "))
    for way, drop in ways:
        tried = [program, *way, *_mounts((), ()), python(), "-I", "-S", "-c", f"{drop}print(6 * 7)"]
        done = subprocess.run(tried, capture_output=True, text=True, timeout=60, check=False)
        if done.stdout.strip() == "42":
            return program, way
    return None


def bubblewrap() -> str | None:
    """The path of a bubblewrap that works on this machine, or None."""
    return found[0] if (found := _isolation()) else None


def drops_root() -> bool:
    """Whether the process starts as root, and becomes nobody before it does anything."""
    return (
        bubblewrap() is not None and (found := _isolation()) is not None and set(DROPS_ROOT) <= set(found[1])
    )


def notice() -> str | None:
    """What this machine lacks of a safe sandbox, in words for the instructor; None if nothing."""
    missing = []
    if bubblewrap() is None:
        missing.append(
            "bubblewrap (bwrap) is not installed, or not permitted here. Submitted code CAN READ, CHANGE AND "
            "DELETE the files of this account: marks, solutions, other submissions. Install the package "
            "bubblewrap, or grade inside a virtual machine that holds nothing else."
        )
    if not limits.can_filter():
        missing.append("This system does not filter system calls: submitted code can reach the network.")
    if sys.platform == "darwin":
        missing.append("macOS does not enforce limits of memory.")
    return "\n".join(missing) or None


def command(code: str, folder: Path, files: Iterable[Path] = (), hidden: Iterable[Path] = ()) -> list[str]:
    """The command that runs Python code in the sandbox, with the package `inside` to import.

    Args:
        code: Python, run with `inside` and the installed libraries on its path, without lecturelib.
        folder: an empty folder, the working folder where there is no bubblewrap.
        files: data files that appear in the working folder, read-only.
        hidden: folders and files that must not be seen, even where they lie below something that is.
    """
    walled = bubblewrap() and _isolation()
    paths = [CODE if walled else str(INSIDE.parent), *libraries()]
    tail = [python(), "-I", "-S", "-B", "-c", f"import sys; sys.path[:0] = {paths!r}; {code}"]
    if walled:
        program, way = walled
        return [program, *way, *_mounts(files, hidden), *tail]
    for file in files:
        (folder / file.name).symlink_to(file.resolve())
    return tail


def environment(threads: int, folder: Path) -> dict[str, str]:
    """All environment variables of the process: nothing of the instructor's."""
    scratch = SCRATCH if bubblewrap() else str(folder)
    names = {"HOME": scratch, "TMPDIR": scratch, "LANG": "C.UTF-8", "MPLBACKEND": "agg"}
    names |= {"JAX_PLATFORMS": "cpu", "NPROC": str(threads)}  # what XLA takes for the number of cores
    names |= {"MALLOC_ARENA_MAX": "2"}  # else the more cores, the more address space
    return names | {f"{pool}_NUM_THREADS": str(threads) for pool in POOLS}


def python() -> str:
    """The interpreter itself, not the link that a virtual environment has."""
    return os.path.realpath(sys.executable)


def libraries() -> list[str]:
    """The folders of installed packages, without those that an editable installation adds."""
    return [p for p in sys.path if Path(p).name in ("site-packages", "dist-packages") and Path(p).is_dir()]


def own() -> list[Path]:
    """Where the lecture's own packages and its checkout lie, with the solutions."""
    return [Path(lecturelib.__file__).parent, INSIDE.parents[1], *filter(None, [checkout.find()])]


def _mounts(files: Iterable[Path], hidden: Iterable[Path]) -> list[str]:
    """What bubblewrap shows, read-only; of a path within another the inner one decides."""
    arguments = ["--die-with-parent", "--new-session"]
    # First, for the checkout may lie below it.
    arguments += ["--size", str(SCRATCH_BYTES), "--perms", "1777", "--tmpfs", SCRATCH]
    mounts: dict[Path, list[str]] = {}
    for path in (*SYSTEM, os.path.realpath(sys.base_prefix), *libraries()):
        if path in SYSTEM and os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            mounts[Path(path)] = ["--ro-bind", path, path]
    shown = {path: path.resolve() for path in mounts}
    for hide in (path.resolve() for path in (*own(), *hidden) if path.exists()):
        empty = ["--tmpfs"] if hide.is_dir() else ["--ro-bind", "/dev/null"]
        places = (path / hide.relative_to(real) for path, real in shown.items() if hide.is_relative_to(real))
        mounts |= {place: [*empty, str(place)] for place in places}
    for place in sorted(mounts, key=lambda path: len(path.parts)):
        arguments += ["--perms", "0755", "--dir", str(place.parent)] if place.parent != Path("/") else []
        arguments += mounts[place]
    arguments += ["--ro-bind", str(INSIDE), f"{CODE}/{INSIDE.name}", "--dir", HOME]
    for file in files:
        arguments += ["--ro-bind", str(file.resolve()), f"{HOME}/{file.name}"]
    arguments += ["--proc", "/proc"]  # of which root may set what is not read-only, without any capability
    arguments += [word for name in KERNEL for word in ("--ro-bind-try", f"/proc/{name}", f"/proc/{name}")]
    arguments += ["--dev", "/dev"]
    for closed in ("/dev", *(str(place) for place in mounts if mounts[place][0] == "--tmpfs"), "/"):
        arguments += ["--remount-ro", closed]
    return [*arguments, "--chdir", HOME]
