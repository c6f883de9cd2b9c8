"""The cells of an assignment's source, each with the nbgrader metadata of its role."""

import hashlib

import nbformat

SCHEMA = 3  # of nbgrader's cell metadata, since its version 0.6
GRADER = "grader"  # the tag of cells that only the grader sees
SETUP = "setup"  # the tag of given cells that answers need


def text(source: str) -> nbformat.NotebookNode:
    """Markdown that everybody sees."""
    return nbformat.v4.new_markdown_cell(source.strip())


def given(source: str, grade_id: str, *, setup: bool = False) -> nbformat.NotebookNode:
    """Read-only code; with `setup`, it runs before the answers when they are graded."""
    cell = _with_metadata(nbformat.v4.new_code_cell(source.strip()), grade_id, locked=True)
    if setup:
        cell.metadata["tags"] = [SETUP]
    return cell


def answer(source: str, grade_id: str) -> nbformat.NotebookNode:
    """A coded answer, with its solution between the marks."""
    return _with_metadata(nbformat.v4.new_code_cell(source.strip()), grade_id, solution=True)


def form_check(source: str, question: str, *, points: float) -> nbformat.NotebookNode:
    """The visible check of one question's form, which carries the question's points."""
    cell = nbformat.v4.new_code_cell(source.strip())
    return _with_metadata(cell, f"{question}-check", grade=True, locked=True, points=points)


def written(source: str, grade_id: str, *, points: float) -> nbformat.NotebookNode:
    """A written answer, marked by hand, with model answer and rubric between the marks."""
    cell = nbformat.v4.new_markdown_cell(source.strip())
    return _with_metadata(cell, grade_id, grade=True, solution=True, points=points)


def grader(source: str) -> nbformat.NotebookNode:
    """Code that only the grader runs."""
    cell = nbformat.v4.new_code_cell(source.strip())
    cell.metadata["tags"] = [GRADER]
    return cell


def notebook(cells: list, data: tuple[str, ...] | list[str] = ()) -> nbformat.NotebookNode:
    """The source notebook of these cells.

    Args:
        cells: as the functions above make them, in order.
        data: names of the data files that the assignment reads; see `lecturelib.grading.data`.

    >>> [c.metadata.nbgrader.grade_id for c in notebook([given("import math", "imports")]).cells]
    ['imports']
    """
    contents = nbformat.v4.new_notebook(cells=list(cells))
    contents.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    contents.metadata["language_info"] = {"name": "python"}
    if data:
        contents.metadata["lecturelib"] = {"data": list(data)}
    for number, cell in enumerate(contents.cells):  # ids that stay the same when the script runs again
        name = cell.metadata.get("nbgrader", {}).get("grade_id") or f"{cell.cell_type}-{number}"
        cell["id"] = hashlib.sha256(name.encode()).hexdigest()[:8]
    return contents


def _with_metadata(cell, grade_id, *, grade=False, solution=False, locked=False, points=None):
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
