"""The walls around a submission's process: bubblewrap where it works, else only the limits it sets itself."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import lecturelib
from lecturelib.grading.inside import locks

INSIDE = Path(locks.__file__).parent
CODE, HOME, SCRATCH = "/code", "/homework", "/tmp"  # as the process sees them
SCRATCH_BYTES = 64 * 2**20
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache")  # for the shared libraries


@functools.cache
def bubblewrap() -> str | None:
    """The path of a bubblewrap that works on this machine, or None."""
    program = shutil.which("bwrap")
    if program is None:
        return None
    command = [program, *_view((), ()), python(), "-I", "-S", "-c", "print(6 * 7)"]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return program if tried.stdout.strip() == "42" else None


def notice() -> str | None:
    """What this machine lacks of a safe sandbox, in words for the instructor; None if nothing."""
    missing = []
    if bubblewrap() is None:
        missing.append(
            "bubblewrap (bwrap) is not installed, or not permitted here. Submitted code CAN READ the files "
            "of this account, other submissions among them. Install the package bubblewrap, or grade "
            "inside a virtual machine that holds nothing else."
        )
    if not locks.filters_calls():
        missing.append("This system does not filter system calls: submitted code can reach the network.")
    if sys.platform == "darwin":
        missing.append("macOS does not enforce limits of memory.")
    return "\n".join(missing) or None


def command(code: str, files: tuple[Path, ...], hidden: tuple[Path, ...], folder: Path) -> list[str]:
    """The command that runs Python code behind the walls, with the package `inside` to import.

    Args:
        code: Python, run with `inside` and the installed libraries on its path, without lecturelib.
        files: data files that appear in the working folder, read-only.
        hidden: folders and files that must not be seen, even where they lie below something that is.
        folder: an empty folder, the working folder where there is no bubblewrap.
    """
    program = bubblewrap()
    paths = [CODE if program else str(INSIDE.parent), *libraries()]
    tail = [python(), "-I", "-S", "-B", "-c", f"import sys; sys.path[:0] = {paths!r}; {code}"]
    if program:
        return [program, *_view(files, hidden), *tail]
    for file in files:
        (folder / file.name).symlink_to(file.resolve())
    return tail


def environment(threads: int, folder: Path) -> dict[str, str]:
    """All environment variables of the process: nothing of the instructor's."""
    scratch = SCRATCH if bubblewrap() else str(folder)
    pools = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")
    return {
        "HOME": scratch,
        "TMPDIR": scratch,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "JAX_PLATFORMS": "cpu",
        **{f"{pool}_NUM_THREADS": str(threads) for pool in pools},
    }


def python() -> str:
    """The interpreter itself, not the link that a virtual environment has."""
    return os.path.realpath(sys.executable)


def libraries() -> list[str]:
    """The folders of installed packages, without those that an editable installation adds."""
    return [p for p in sys.path if Path(p).name in ("site-packages", "dist-packages") and Path(p).is_dir()]


def _view(files, hidden) -> list[str]:
    arguments = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    arguments += ["--size", str(SCRATCH_BYTES), "--tmpfs", SCRATCH]  # first: this checkout may lie below it
    shown = []
    for path in SYSTEM:
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            shown.append(path)
    shown += [os.path.realpath(sys.base_prefix), *libraries()]
    for path in dict.fromkeys(shown):
        arguments += ["--ro-bind", path, path]
    arguments += ["--ro-bind", str(INSIDE), f"{CODE}/{INSIDE.name}", "--dir", HOME]
    for file in files:
        arguments += ["--ro-bind", str(file.resolve()), f"{HOME}/{file.name}"]
    for path in (Path(lecturelib.__file__).parent, *hidden):
        path = path.resolve()
        if any(path.is_relative_to(s) for s in shown):
            arguments += ["--tmpfs", str(path)] if path.is_dir() else ["--ro-bind", "/dev/null", str(path)]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    arguments += ["--remount-ro", "/"]
    return [*arguments, "--chdir", HOME]
