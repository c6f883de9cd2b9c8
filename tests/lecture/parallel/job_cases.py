"""What workers of a job do in the tests of processes: well-behaved, dying, hanging, late for ever."""

import os
import sys
import time
from pathlib import Path

import jax


def whoami():
    """Rank, number of processes, number of devices in the job and here."""
    return jax.process_index(), jax.process_count(), jax.device_count(), jax.local_device_count()


def complain(text):
    """Fail with an exception."""
    raise RuntimeError(text)


def hang(folder):
    """Note the process id, then sleep for ever."""
    Path(folder, f"pid{jax.process_index()}").write_text(str(os.getpid()))
    while True:
        time.sleep(1)


class Late:
    """An argument that the last worker takes for ever to unpickle: it never joins the job."""

    def __reduce__(self):
        return _come_late, ()


def _come_late():
    while int(sys.argv[-2]) == int(sys.argv[-1]) - 1:
        time.sleep(1)


def alive(pid):
    """Whether a process exists and is no zombie (nobody need reap an orphan here)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
