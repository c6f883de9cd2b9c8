"""Execute notebooks: `run` keeps the executed copy and a page of it, `store` the outputs in their files."""

import contextlib
import hashlib
import json
import logging
import os
import platform
import re
import shutil
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import nbstripout
import papermill
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from papermill.exceptions import PapermillExecutionError

from lecturelib import claims
from lecturelib.files import written
from workshop import lecture_page
from workshop.notebooks import QUIET, Exited, Notebook, first_error, papermill_path, refuse_exit

CELL_TIMEOUT = 900  # seconds; a cell that takes longer is taken to hang
RUNNING = f".running-{platform.node()}-"  # then the process and a word: where unfinished copies are


@dataclass(frozen=True)
class Run:
    """The result of running one notebook.

    Attributes:
        notebook: which.
        seconds: of wall time.
        claims: that it checked, in order, true or false.
        files: that were written.
        error: None, or which cell failed and how.
    """

    notebook: Notebook
    seconds: float
    claims: tuple[claims.Claim, ...]
    files: tuple[Path, ...]
    error: str | None = None


def run(notebook: Notebook, out: Path, values: dict | None = None, *, strict: bool = False) -> Run:
    """Execute a notebook in a fresh kernel; write the executed copy and a self-contained page into `out`.

    Both appear under their final names only when the notebook has run to its end. Of a notebook that fails,
    they show how far it came and the error, and are NAME.failed.ipynb and .html; good ones are removed.

    Args:
        notebook: which.
        out: folder, made if missing.
        values: parameters other than the defaults, already checked by `values.parse_values`.
        strict: as for `execute`.
    """
    out.mkdir(parents=True, exist_ok=True)
    name = notebook.name + _suffix(values or {})
    good, failed = (
        [out / f"{name}{end}{suffix}" for suffix in (".ipynb", ".html")] for end in ("", ".failed")
    )
    _clear(out)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(dir=out, prefix=f"{RUNNING}{os.getpid()}-") as folder:
        copy = Path(folder) / good[0].name
        error = execute(notebook, copy, values, strict=strict)
        seconds = time.monotonic() - start
        kept, stale = (good, failed) if error is None else (failed, good)
        for path in stale:
            path.unlink(missing_ok=True)
        if not copy.exists():
            return Run(notebook, seconds, (), (), error)
        checked = tuple(claims.read(nbformat.read(copy, as_version=4)))
        with written(kept[1]) as part:
            part.write_text(lecture_page.html(copy), encoding="utf-8")
        os.replace(copy, kept[0])
    return Run(notebook, seconds, checked, tuple(kept), error)


def _clear(out: Path) -> None:
    """Remove the unfinished copies of processes of this machine that were killed."""
    for left in out.glob(f"{RUNNING}*-*") if hasattr(os, "killpg") else ():
        try:
            os.kill(int(left.name.removeprefix(RUNNING).split("-")[0]), 0)  # Windows would end it
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
        except (PermissionError, ValueError):  # somebody else's, who still runs; or no folder of ours
            pass


@contextlib.contextmanager
def _strictly(strict: bool) -> Iterator[None]:
    """Let the kernels that start in this block be strict, or as the environment has it."""
    before = os.environ.get(claims.STRICT)
    if strict:
        os.environ[claims.STRICT] = "1"
    try:
        yield
    finally:
        os.environ.pop(claims.STRICT, None)
        if before is not None:
            os.environ[claims.STRICT] = before


def execute(
    notebook: Notebook, copy: Path, values: dict | None = None, *, strict: bool = False
) -> str | None:
    """Execute a notebook into `copy`.

    Args:
        notebook: which.
        copy: where the executed notebook is written, as far as it comes.
        values: as for `run`.
        strict: whether a false claim stops the notebook; else it does if the environment says so.

    Returns:
        None, or which cell failed and how.
    """
    logging.getLogger("papermill").setLevel(logging.ERROR)  # its warnings repeat what we report
    try:
        with _strictly(strict):
            executed = papermill.execute_notebook(
                notebook.read(),
                papermill_path(copy),
                parameters=values or {},
                kernel_name="python3",
                language="python",
                cwd=notebook.path.parent,
                progress_bar=False,
                execution_timeout=CELL_TIMEOUT,
                iopub_timeout=CELL_TIMEOUT,  # for what a cell has printed, once it has ended
                on_cell_executed=refuse_exit,
                extra_arguments=[QUIET],
            )
    except PapermillExecutionError as error:
        return f"cell [{error.exec_count}]: {error.ename}: {error.evalue}"
    except Exited as error:
        return str(error)
    except Exception as error:  # a kernel that died or hung leaves no error cell: papermill raises instead
        return "".join(traceback.format_exception_only(error)).strip()
    return first_error(executed)


def store(notebook: Notebook) -> str | None:
    """Execute a notebook and put its outputs, without what changes from run to run, into its own file.

    Returns:
        None, or the error; then the file is left as it was.
    """
    notebook = notebook.kept()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / notebook.path.name
        error = execute(notebook, copy, strict=True)
        if error is not None:
            return error
        contents = nbformat.read(copy, as_version=4)
    nbstripout.strip_output(
        contents,
        keep_output=True,
        keep_count=True,
        keep_id=True,
        extra_keys=[
            "metadata.papermill",
            "metadata.language_info.version",
            "cell.metadata.papermill",
            "cell.metadata.execution",
        ],
    )
    for cell in contents.cells:
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]  # papermill gives every cell an empty list
        if cell.cell_type == "code":
            # A kernel sends printed text in pieces that depend on timing; one piece keeps the file the same.
            CoalesceStreamsPreprocessor().preprocess_cell(cell, {}, 0)
    if notebook.path.read_bytes() != notebook.data:
        return f"{notebook.path.name} was saved while it ran: store it once more"
    with written(notebook.path) as part:
        nbformat.write(contents, part)
    return None


def _suffix(values: dict) -> str:
    if not values:
        return ""
    text = json.dumps(values, sort_keys=True)
    words = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:60]
    return f"__{words}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
