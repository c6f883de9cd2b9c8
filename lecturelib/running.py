"""Run a notebook from top to bottom, keep the executed copy and a page of it, and say what came of it."""

import functools
import hashlib
import json
import logging
import os
import re
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import nbstripout
import papermill
from nbconvert import HTMLExporter
from papermill.exceptions import PapermillExecutionError

from lecturelib import claims
from lecturelib.notebooks import Notebook

MATHJAX = Path(__file__).parent / "data" / "mathjax-3.2.2-tex-svg.js"
CELL_TIMEOUT = 900  # seconds; a cell that takes longer is taken to hang


@dataclass(frozen=True)
class Run:
    """What came of running one notebook."""

    notebook: Notebook
    seconds: float
    claims: tuple[str, ...]
    files: tuple[Path, ...]
    error: str | None = None


def run(notebook: Notebook, out: Path, values: dict | None = None) -> Run:
    """Execute a notebook in a fresh kernel; write the executed copy and a self-contained page into `out`.

    Both appear under their final names only when the notebook has run to its end. Of a notebook that fails,
    the copy that shows the error is kept as NAME.failed.ipynb, and an earlier good copy is removed.

    Args:
        notebook: which.
        out: folder, made if missing.
        values: parameters other than the defaults, already checked by `notebooks.parse_values`.

    Returns:
        Run: seconds of wall time, ids of the claims that held, files written, and the error (None if it ran).
    """
    out.mkdir(parents=True, exist_ok=True)
    name = notebook.name + _suffix(values or {})
    final, page, failed = out / f"{name}.ipynb", out / f"{name}.html", out / f"{name}.failed.ipynb"
    start = time.monotonic()
    with tempfile.TemporaryDirectory(dir=out, prefix=".running-") as folder:
        copy = Path(folder) / final.name
        try:
            error = execute(notebook, copy, values)
        except (
            Exception
        ) as problem:  # a kernel that died or hung leaves no error cell: papermill raises instead
            error = "".join(traceback.format_exception_only(problem)).strip()
        held = held_claims(copy) if copy.exists() else ()
        seconds = time.monotonic() - start
        if error is not None:
            for stale in (final, page):
                stale.unlink(missing_ok=True)
            if copy.exists():
                os.replace(copy, failed)
            return Run(notebook, seconds, held, (failed,) if failed.exists() else (), error)
        failed.unlink(missing_ok=True)
        with written(page) as part:
            part.write_text(html(copy), encoding="utf-8")
        os.replace(copy, final)
    return Run(notebook, seconds, held, (final, page))


def execute(notebook: Notebook, copy: Path, values: dict | None = None) -> str | None:
    """Execute a notebook into `copy`; returns None, or which cell failed and how."""
    logging.getLogger("papermill").setLevel(logging.ERROR)  # its warnings repeat what we report
    try:
        papermill.execute_notebook(
            notebook.path,
            copy,
            parameters=values or {},
            kernel_name="python3",
            language="python",
            cwd=notebook.path.parent,
            progress_bar=False,
            execution_timeout=CELL_TIMEOUT,
            extra_arguments=["--IPKernelApp.log_level=40"],  # else each kernel warns of TCP on loopback
        )
    except PapermillExecutionError as error:
        return f"cell [{error.exec_count}]: {error.ename}: {error.evalue}"
    return None


def held_claims(executed: Path) -> tuple[str, ...]:
    """The ids of the claims that held, read from the outputs of an executed notebook."""
    outputs = (o for cell in nbformat.read(executed, as_version=4).cells for o in cell.get("outputs", []))
    text = "\n".join(o.get("text", "") for o in outputs)
    return tuple(match[1] for match in claims.LINE.finditer(text))


def html(executed: Path) -> str:
    """An executed notebook as one HTML page that needs no network: pictures and MathJax are inside it."""
    exporter = HTMLExporter(
        embed_images=True, require_js_url="", jquery_url="", mathjax_url="", mermaid_js_url=""
    )
    body, _ = exporter.from_notebook_node(nbformat.read(executed, as_version=4))
    # The template's own scripts fetch require.js and Mermaid; a page of ours uses neither.
    body = re.sub(r'<script (src=""|type="module")>.*?</script>', "", body, flags=re.DOTALL)
    title = f"<title>{executed.stem.split('__')[0].replace('_', ' ')}</title>"
    body = re.sub(r"<title>.*?</title>", title, body, count=1, flags=re.DOTALL)
    settings = 'window.MathJax = {tex: {inlineMath: [["$", "$"], ["\\\\(", "\\\\)"]], processEscapes: true}};'
    mathjax = f"<script>{settings}</script>\n<script>{_mathjax()}</script>\n</head>"
    return body.replace("</head>", mathjax, 1)


@functools.cache
def _mathjax() -> str:
    return MATHJAX.read_text(encoding="utf-8").replace("</script", "<\\/script")


def store(notebook: Notebook) -> str | None:
    """Execute a notebook and put its outputs, cleaned of what changes from run to run, into its own file.

    Returns:
        None, or the error; then the file is left as it was.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / notebook.path.name
        error = execute(notebook, copy)
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
            cell.outputs = _joined(cell.outputs)
    with written(notebook.path) as part:
        nbformat.write(contents, part)
    return None


def _joined(outputs: list) -> list:
    # A kernel sends printed text in pieces that depend on timing; one piece a run keeps the file the same.
    joined = []
    for output in outputs:
        previous = joined[-1] if joined else {}
        if output.output_type == "stream" and previous.get("name") == output.name:
            previous["text"] += output.text
        else:
            joined.append(output)
    return joined


@contextmanager
def written(path: Path) -> Callable:
    """A temporary name beside `path` to write to; renamed to `path` on success, removed on failure."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _suffix(values: dict) -> str:
    if not values:
        return ""
    text = json.dumps(values, sort_keys=True)
    words = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:60]
    return f"__{words}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
