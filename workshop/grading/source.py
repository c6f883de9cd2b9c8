"""The one source of an assignment: its cells, with nbgrader's metadata of their roles, written and read."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from workshop import checkout
from workshop.notebooks import Notebook

SCHEMA = 3  # of nbgrader's cell metadata, since its version 0.6
GRADER = "grader"  # the tag of cells that only the grader sees
SETUP = "setup"  # the tag of given cells that answers need
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
CODE_STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")  # as nbgrader writes them
TEXT_STUB = ("YOUR ANSWER HERE",)
NOTE = """
**Before you hand in:** *Kernel, Restart and Run All*, then `lecture check {name}.ipynb` in a terminal. It
says whether the notebook is read as you mean it, not whether it is right. Given cells are the grader's own
when your answers run: of what you change in them, only imports and definitions count. So write into the
answers' cells and cells of your own."""


def text(source: str) -> nbformat.NotebookNode:
    """Markdown that everybody sees."""
    return nbformat.v4.new_markdown_cell(source.strip())


def given(source: str, grade_id: str, *, setup: bool = False) -> nbformat.NotebookNode:
    """Read-only code; with `setup`, it runs before the answers when they are graded."""
    cell = _with_role(nbformat.v4.new_code_cell(source.strip()), grade_id, locked=True)
    if setup:
        cell.metadata["tags"] = [SETUP]
    return cell


def answer(source: str, grade_id: str) -> nbformat.NotebookNode:
    """A coded answer, with its solution between the marks."""
    return _with_role(nbformat.v4.new_code_cell(source.strip()), grade_id, solution=True)


def form_check(source: str, question: str, *, points: float) -> nbformat.NotebookNode:
    """The visible check of one question's form, which carries the question's points."""
    cell = nbformat.v4.new_code_cell(source.strip())
    return _with_role(cell, f"{question}-check", grade=True, locked=True, points=points)


def written(source: str, grade_id: str, *, points: float) -> nbformat.NotebookNode:
    """A written answer, marked by hand, with model answer and rubric between the marks."""
    return _with_role(text(source), grade_id, grade=True, solution=True, points=points)


def grader(source: str) -> nbformat.NotebookNode:
    """Code that only the grader runs."""
    return nbformat.v4.new_code_cell(source.strip(), metadata={"tags": [GRADER]})


def noted(text: str, name: str) -> str:
    """The first cell of an assignment with what students of it should do before they hand in."""
    return f"{text}\n{NOTE.format(name=name)}"


def notebook(cells: Sequence[nbformat.NotebookNode], data: Sequence[str] = ()) -> nbformat.NotebookNode:
    """The source notebook of these cells.

    Args:
        cells: as the functions above make them, in order.
        data: names of the data files that the assignment reads; see `workshop.grading.release.DATA`.

    >>> from workshop.grading import source
    >>> cells = [source.given("import math", "imports")]
    >>> [cell.metadata.nbgrader.grade_id for cell in source.notebook(cells).cells]
    ['imports']
    """
    contents = nbformat.v4.new_notebook(cells=list(cells))
    contents.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    contents.metadata["language_info"] = {"name": "python"}
    if data:
        contents.metadata["lecturelib"] = {"data": list(data)}
    for number, cell in enumerate(contents.cells):  # ids that stay the same when the script runs again
        name = role(cell).get("grade_id") or f"{cell.cell_type}-{number}"
        cell["id"] = hashlib.sha256(name.encode()).hexdigest()[:8]
    return contents


def find(folder: Path | None = None) -> list[Path]:
    """The sources of all assignments, `N_topic/source.ipynb`, in order, by default of homework/.

    Raises:
        NoCheckout: no folder is given, and there is no checkout.
    """
    folder = folder or checkout.root() / "homework"
    return sorted(p for p in folder.glob("*/source.ipynb") if re.fullmatch(r"\d+_\w+", p.parent.name))


def locate(wanted: str, folder: Path | None = None) -> Path:
    """The source of one assignment.

    Args:
        wanted: its number, its name, or the path of its folder or file, which has a slash or ends in .ipynb:
            a single word is never a path, for the current folder may be one of submissions.
        folder: where numbers and names are looked for, as in `find`.

    Raises:
        ValueError: there is none; the message lists those that there are.
        NoCheckout: `wanted` is no path, no folder is given, and there is no checkout.
    """
    path = Path(wanted)
    if len(path.parts) > 1 or path.suffix == ".ipynb":
        for candidate in (path, path / "source.ipynb"):
            if candidate.suffix == ".ipynb" and candidate.is_file():
                return candidate
    found = find(folder)
    for source in found:
        if wanted in (source.parent.name, source.parent.name.split("_")[0]):
            return source
    names = ", ".join(s.parent.name for s in found) or "none"
    raise ValueError(f"no assignment {wanted!r}; there are {names}")


def read(path: Path) -> nbformat.NotebookNode:
    """The source notebook.

    Raises:
        ValueError: not a notebook.
    """
    return Notebook(path).read()


def role(cell: nbformat.NotebookNode) -> dict[str, Any]:
    """The nbgrader metadata of a cell, empty where it has none."""
    return cell.metadata.get("nbgrader", {})


def tagged(cell: nbformat.NotebookNode, tag: str) -> bool:
    """Whether a cell carries a tag."""
    return tag in cell.metadata.get("tags", [])


def without_solution(text: str, cell_type: str = "code") -> str:
    r"""A cell's text with each region between the marks replaced by the stub.

    Raises:
        ValueError: marks that do not pair.

    >>> from workshop.grading import source
    >>> print(source.without_solution("f = 1\n### BEGIN SOLUTION\nf = 2\n### END SOLUTION"))
    f = 1
    # YOUR CODE HERE
    raise NotImplementedError()
    """
    kept: list[str] = []
    within = False
    for line in text.split("\n"):
        mark = line.strip()
        if mark not in (BEGIN, END):
            kept += [] if within else [line]
            continue
        if within == (mark == BEGIN):
            raise ValueError(f"the marks {BEGIN!r} and {END!r} do not pair in {text[:60]!r}")
        within = not within
        if within:
            indent = line[: len(line) - len(line.lstrip())]
            kept += [indent + stub for stub in (CODE_STUB if cell_type == "code" else TEXT_STUB)]
    if within:
        raise ValueError(f"{BEGIN!r} without {END!r} in {text[:60]!r}")
    return "\n".join(kept)


def solution_text(text: str) -> str:
    """The text between the marks."""
    found = re.findall(rf"^[ \t]*{BEGIN}[ \t]*\n(.*?)^[ \t]*{END}[ \t]*$", text, re.DOTALL | re.MULTILINE)
    return "".join(found)


def _with_role(
    cell: nbformat.NotebookNode,
    grade_id: str,
    *,
    grade: bool = False,
    solution: bool = False,
    locked: bool = False,
    points: float | None = None,
) -> nbformat.NotebookNode:
    cell.metadata["nbgrader"] = {
        "schema_version": SCHEMA,
        "grade_id": grade_id,
        "cell_type": cell.cell_type,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "task": False,
    }
    if points is not None:
        cell.metadata["nbgrader"]["points"] = points
    return cell
