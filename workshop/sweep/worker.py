"""What a worker of a sweep does: one run of the notebook by papermill, in a kernel of its own.

The worker process lives long, so papermill is imported once; the kernel is new for each run. Nothing is
written here but the unfinished notebook: results travel back to the sweep, which alone puts them in place.
"""

import errno
import logging
import math
import os
import platform
import signal
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbformat.v4 import new_markdown_cell
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from lecturelib import claims, records
from workshop.notebooks import QUIET, Exited, Notebook, first_error, papermill_path
from workshop.sweep import kernel, provenance
from workshop.sweep.guard import kill_strays

# It calls parameters with a semicolon in their comment unknown; they have been checked before.
logging.getLogger("papermill").setLevel(logging.ERROR)

MARK = "papermill-error-cell-tag"  # papermill removes such cells when it runs the notebook again
# Exceptions in a cell that another try may not meet: from outside, for want of memory, of a network.
CHANCE = {"KeyboardInterrupt", "MemoryError", "OSError", "TimeoutError", "URLError", "HTTPError"}
CHANCE |= {"ConnectionError", "ConnectionResetError", "ConnectionRefusedError", "ConnectionAbortedError"}
LONGEST_SOCKET = 90  # bytes in the path of a Unix socket; macOS allows 103


@dataclass(frozen=True)
class Task:
    """One attempt at one run, as it is sent to a worker.

    Attributes:
        name: of the run.
        values: its parameters.
        notebook: its text, without outputs.
        cwd: the folder it runs in.
        running: the sweep's folder for unfinished notebooks.
        compiled: the sweep's folder for compiled programs.
        timeout: seconds the run may take.
        start_before: time.time() after which it must not start.
        sweep: one word for all tasks of a sweep.
        files: that the parameters name -> hash, as of `provenance.Inputs`.
    """

    name: str
    values: dict[str, Any]
    notebook: str
    cwd: str
    running: str
    compiled: str
    timeout: float
    start_before: float
    sweep: str
    files: dict[str, str] = field(default_factory=dict)

    def made_with(self) -> dict[str, str]:
        """What it is run with on this machine, as of `provenance.versions`, and its files."""
        code = Notebook(Path(self.name), self.notebook.encode()).code()
        return provenance.versions(code, Path(self.cwd)) | provenance.marked(self.files)

    def changed(self) -> list[str]:
        """Those of its files that are not what they were when it was named; a file elsewhere is not seen."""
        now = provenance.Inputs(Path(self.cwd)).of({"": list(self.files)})
        return [path for path, digest in now.items() if digest != self.files[path]]


@dataclass(frozen=True)
class Attempt:
    """The result of a task.

    Attributes:
        seconds: of wall time.
        recorded: as in `folder.Result`, like the next three.
        measured: what the claims measured.
        entries: of those that compared several numbers, each of them.
        failed_claims: the ids of those that do not hold.
        error: None, or how it failed.
        notebook: text of the executed copy; empty if there is none.
        started: False if it came too late to start.
        again: whether another try may end otherwise; not after an exception in a cell, say.
        full_disk: there was no space for the copy, which is no fault of the run's.
        made_with: as of `Task.made_with`.
    """

    seconds: float = 0.0
    recorded: dict = field(default_factory=dict)
    measured: dict = field(default_factory=dict)
    entries: dict = field(default_factory=dict)
    failed_claims: list = field(default_factory=list)
    error: str | None = None
    notebook: str = ""
    started: bool = True
    again: bool = True
    full_disk: bool = False
    made_with: dict = field(default_factory=dict)


def dask_setup(worker: object) -> None:
    """Prepare a worker process of a sweep's own; dask calls it before the first task."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to everybody; the sweep ends us
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # kernels would inherit it


def attempt(task: Task) -> Attempt:
    """Run the notebook once; whatever goes wrong in it comes back as the error of the Attempt."""
    if time.time() > task.start_before or kernel.ended(task.sweep):
        return Attempt(started=False)
    start, made_with = time.monotonic(), task.made_with()
    folder = Path(task.running)  # where the sweep sees it, if this machine shares its disk
    folder = folder if folder.is_dir() else kernel.guard().folder
    copy = folder / f"{task.name}.{platform.node()}-{os.getpid()}-{threading.get_ident()}.ipynb"
    try:
        error, again = _execute(task, copy)
        if changed := task.changed():
            error, again = f"{', '.join(changed)} changed while the sweep ran: give the command again", False
        notebook = nbformat.read(copy, as_version=4) if copy.exists() else prepared(task)
    except OSError as problem:
        if not is_full(problem):
            raise
        return Attempt(error=f"no space left in {problem.filename or folder}", full_disk=True)
    finally:
        copy.unlink(missing_ok=True)
    seconds = time.monotonic() - start
    text = nbformat.writes(notebook) if error is None else marked(notebook, error)
    return Attempt(seconds, **left(notebook), error=error, notebook=text, again=again, made_with=made_with)


def left(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """What a notebook has recorded and checked, as far as it came: these fields of an Attempt."""
    checked = claims.read(notebook)
    return {
        "recorded": records.recorded(notebook),
        "measured": {claim.id: claim.measured for claim in checked},
        "entries": {claim.id: list(claim.each) for claim in checked if claim.entries > 1},
        "failed_claims": sorted({claim.id for claim in checked if not claim.verdict}),
    }


def is_full(error: OSError) -> bool:
    """Whether the disk is full, or the quota used up."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _execute(task: Task, copy: Path) -> tuple[str | None, bool]:
    """Execute into `copy`; None, or what went wrong in the notebook, and whether that may be chance."""
    deadline = time.monotonic() + task.timeout

    def time_left() -> float | None:
        return max(0.1, deadline - time.monotonic()) if deadline < math.inf else None

    guard = kernel.guard()
    with tempfile.TemporaryDirectory(prefix="", dir=guard.folder, ignore_cleanup_errors=True) as temporary:
        try:
            executed = papermill.execute_notebook(
                nbformat.reads(task.notebook, as_version=4),
                papermill_path(copy),
                parameters=task.values,
                engine_name=kernel.ENGINE,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                resources={"metadata": {"path": task.cwd if Path(task.cwd).is_dir() else temporary}},
                environment=_environment(task, temporary),
                config=_sockets(temporary),
                extra_arguments=[QUIET],
                time_left=time_left,
                sweep=task.sweep,
            )
        except PapermillExecutionError as error:
            return f"cell [{error.exec_count}]: {error.ename}: {error.evalue}", error.ename in CHANCE
        except TimeoutError as error:
            over = time.monotonic() >= deadline
            return f"took longer than {task.timeout:g} s" if over else str(error) or repr(error), True
        except kernel.TooMuchOutput:
            return f"printed more than {kernel.MOST_OUTPUT / 1e6:g} million letters", True
        except Exited as error:
            return str(error), False
        except RuntimeError as error:  # the kernel died, or did not start
            return str(error), True
        finally:
            kill_strays(temporary)
    return first_error(executed), False


def _sockets(folder: str) -> Config:
    """Unix sockets: kernels that start at the same moment would compete for TCP ports."""
    file = str(Path(folder) / "kernel.json")
    transport = "ipc" if len(os.fsencode(file)) < LONGEST_SOCKET else "tcp"
    return Config({"KernelManager": {"transport": transport, "connection_file": file}})


def _environment(task: Task, temporary: str) -> dict[str, str]:
    """The kernel's: ours, with one store of compiled programs for all, and a place for what it leaves."""
    compiled = Path(task.compiled)
    compiled = compiled if compiled.is_dir() else Path(tempfile.gettempdir()) / "lecture-compiled"
    return os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(compiled / platform.node()),  # a program is for one processor
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "TMPDIR": temporary,
    }


def prepared(task: Task) -> nbformat.NotebookNode:
    """The notebook of a task with its parameters, not executed."""
    return papermill.execute_notebook(
        nbformat.reads(task.notebook, as_version=4),
        None,
        parameters=task.values,
        kernel_name="python3",
        language="python",
        prepare_only=True,
        progress_bar=False,
    )


def marked(notebook: nbformat.NotebookNode, error: str) -> str:
    """The text of a notebook with its error on top, where papermill, too, puts that of a cell."""
    if not any(MARK in cell.metadata.get("tags", []) for cell in notebook.cells[:1]):
        note = new_markdown_cell(f"**This run failed.** {error}", metadata={"tags": [MARK]})
        notebook.cells.insert(0, note)
    return nbformat.writes(notebook)
