"""Where the templates of pages are, and folders in which one process writes at a time, on every system."""

import contextlib
import errno
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import filelock

TEMPLATES = Path(__file__).parent / "templates"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock `path`, made if missing; it goes with the process, however that ends.

    Beside it, in `path`.holder, stands who holds it.

    Args:
        path: of the lock file. Its folder is made if missing.

    Raises:
        BlockingIOError: another process holds it. `strerror` says which: "process 77 on a-machine".
        OSError: the lock cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock, holder = filelock.FileLock(path), path.with_name(f"{path.name}.holder")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise BlockingIOError(errno.EAGAIN, _said(holder), str(path)) from None
    try:
        holder.write_text(f"process {os.getpid()} on {platform.node()}")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _said(holder: Path) -> str:
    just_started = "a process that just started"
    try:
        return holder.read_text() or just_started
    except FileNotFoundError:
        return just_started
