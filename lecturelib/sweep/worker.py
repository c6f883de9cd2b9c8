"""What a worker of a sweep does: one run of the notebook by papermill, in a kernel of its own.

The worker process lives long, so papermill is imported once; the kernel is new for each run. Nothing is
written here but the unfinished notebook: results travel back to the sweep, which alone puts them in place.
"""

import errno
import logging
import os
import platform
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import papermill
from nbformat.v4 import new_markdown_cell
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from lecturelib.sweep import kernel, recording

# It calls parameters with a semicolon in their comment unknown; they have been checked before.
logging.getLogger("papermill").setLevel(logging.ERROR)

MARK = "papermill-error-cell-tag"  # papermill removes such cells when it runs the notebook again
LONGEST_SOCKET = 90  # letters in the path of a Unix socket; macOS allows 103


@dataclass(frozen=True)
class Task:
    """One attempt at one run, as it is sent to a worker.

    name, values: of the run. notebook: its text, without outputs. cwd: the folder it runs in. running,
    compiled: the sweep's folders for unfinished notebooks and compiled programs. timeout: seconds the run may
    take. start_before: time.time() after which it must not start. sweep: one word for all tasks of a sweep.
    """

    name: str
    values: dict
    notebook: str
    cwd: str
    running: str
    compiled: str
    timeout: float
    start_before: float
    sweep: str


@dataclass(frozen=True)
class Attempt:
    """What came of a task.

    seconds, recorded, measured, error: as in sweep_folder.Result. notebook: text of the executed copy.
    started: False if it came too late to start. full_disk: there was no space for the copy, which is no fault
    of the run's.
    """

    seconds: float = 0.0
    recorded: dict = field(default_factory=dict)
    measured: dict = field(default_factory=dict)
    error: str | None = None
    notebook: str = ""
    started: bool = True
    full_disk: bool = False


def attempt(task: Task) -> Attempt:
    """Run the notebook once; whatever goes wrong in it comes back as the error of the Attempt."""
    if time.time() > task.start_before or kernel.ended(task.sweep):
        return Attempt(started=False)
    start = time.monotonic()
    folder = Path(task.running)  # where the sweep sees it, if this machine shares its disk
    folder = folder if folder.is_dir() else kernel.guard().folder
    copy = folder / f"{task.name}.{platform.node()}-{os.getpid()}-{threading.get_ident()}.ipynb"
    try:
        error = _execute(task, copy)
        notebook = nbformat.read(copy, as_version=4) if copy.exists() else prepared(task)
    except OSError as problem:
        if not is_full(problem):
            raise
        return Attempt(error=f"no space left in {problem.filename or folder}", full_disk=True)
    finally:
        copy.unlink(missing_ok=True)
    seconds = time.monotonic() - start
    if error is not None:
        return Attempt(seconds, error=error, notebook=marked(notebook, error))
    recorded, measured = recording.recorded(notebook), recording.measured(notebook)
    return Attempt(seconds, recorded, measured, notebook=nbformat.writes(notebook))


def is_full(error: OSError) -> bool:
    """Whether the disk is full, or the quota used up."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _execute(task: Task, copy: Path) -> str | None:
    """Execute into `copy`; returns None, or what went wrong in the notebook."""
    deadline = time.monotonic() + task.timeout
    guard = kernel.guard()
    with tempfile.TemporaryDirectory(prefix="", dir=guard.folder, ignore_cleanup_errors=True) as temporary:
        try:
            executed = papermill.execute_notebook(
                nbformat.reads(task.notebook, as_version=4),
                str(copy).replace("{", "{{").replace("}", "}}"),  # papermill takes braces for parameters
                parameters=task.values,
                engine_name=kernel.ENGINE,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                resources={"metadata": {"path": task.cwd if Path(task.cwd).is_dir() else temporary}},
                environment=_environment(task, temporary),
                config=_sockets(temporary),
                extra_arguments=["--IPKernelApp.log_level=40"],
                timeout_func=lambda cell: max(0.1, deadline - time.monotonic()),
                sweep=task.sweep,
            )
        except PapermillExecutionError as error:
            return f"cell [{error.exec_count}]: {error.ename}: {error.evalue}"
        except TimeoutError:
            return f"took longer than {task.timeout:g} s"
        except kernel.TooMuchOutput:
            return f"printed more than {kernel.MOST_OUTPUT / 1e6:g} million letters"
        except RuntimeError as error:  # the kernel died, or did not start
            return str(error)
    for cell in executed.cells:  # papermill takes sys.exit() for success, but what follows has not run
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return f"cell [{cell.execution_count}]: {output.ename}: {output.evalue}"
    return None


def _sockets(folder: str) -> Config:
    """Unix sockets: kernels that start at the same moment would compete for TCP ports."""
    file = str(Path(folder) / "kernel.json")
    transport = "ipc" if len(file) < LONGEST_SOCKET else "tcp"
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
