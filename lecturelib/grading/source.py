"""The one source of an assignment, and the versions of it: the student's, the solution, nbgrader's."""

import re
from pathlib import Path

import nbformat

from lecturelib.grading.cells import GRADER

FOLDER = Path(__file__).resolve().parents[2] / "homework"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
CODE_STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")  # as nbgrader writes them
TEXT_STUB = ("YOUR ANSWER HERE",)
HIDDEN = """
### BEGIN HIDDEN TESTS
from lecturelib.grading import hidden_test

hidden_test({name!r}, {question!r}, globals())
### END HIDDEN TESTS"""


def find(folder: Path = FOLDER) -> list[Path]:
    """The sources of all assignments, `N_topic/source.ipynb`, in order."""
    return sorted(p for p in folder.glob("*/source.ipynb") if re.fullmatch(r"\d+_\w+", p.parent.name))


def locate(wanted: str, folder: Path = FOLDER) -> Path:
    """The source of one assignment, by number, name, or the path of its folder or file.

    Raises:
        ValueError: there is none; the message lists those that there are.
    """
    path = Path(wanted)
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
    try:
        contents = nbformat.read(path, as_version=4)
        nbformat.validate(contents)
    except OSError:
        raise
    except Exception as error:  # nbformat raises its own, JSON's and jsonschema's
        raise ValueError(f"{path} is not a notebook: {str(error).strip().splitlines()[0]}") from error
    return contents


def role(cell) -> dict:
    """The nbgrader metadata of a cell, empty where it has none."""
    return cell.metadata.get("nbgrader", {})


def tagged(cell, tag: str) -> bool:
    """Whether a cell carries a tag."""
    return tag in cell.metadata.get("tags", [])


def solution(contents, name: str) -> nbformat.NotebookNode:
    """What students see afterwards: the source without the cells of the grader."""
    return _version(contents, name, lambda cell: cell.source)


def student(contents, name: str) -> nbformat.NotebookNode:
    """What students start from: in place of each solution a stub, as nbgrader's.

    Args:
        contents: the source.
        name: of the assignment; the notebook carries it, so that a submission says what it is.
    """
    return _version(contents, name, lambda cell: without_solution(cell.source, cell.cell_type))


def course(contents, name: str) -> nbformat.NotebookNode:
    """What nbgrader starts from: the solution, with hidden tests that draw inputs and check properties."""

    def with_hidden_test(cell):
        question = role(cell).get("grade_id", "").removesuffix("-check")
        if cell.cell_type == "code" and role(cell).get("grade"):
            return cell.source + "\n" + HIDDEN.format(name=name, question=question)
        return cell.source

    return _version(contents, name, with_hidden_test)


def without_solution(text: str, cell_type: str = "code") -> str:
    """A cell's text with each region between the marks replaced by the stub.

    Raises:
        ValueError: marks that do not pair.

    >>> print(without_solution("def f():\\n    ### BEGIN SOLUTION\\n    return 1\\n    ### END SOLUTION"))
    def f():
        # YOUR CODE HERE
        raise NotImplementedError()
    """
    kept, within = [], False
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


def regions(text: str) -> str:
    """The text between the marks."""
    found = re.findall(rf"^[ \t]*{BEGIN}[ \t]*\n(.*?)^[ \t]*{END}[ \t]*$", text, re.DOTALL | re.MULTILINE)
    return "".join(found)


def _version(contents, name, text_of) -> nbformat.NotebookNode:
    version = nbformat.from_dict(contents)
    version.cells = [nbformat.from_dict(c) for c in contents.cells if not tagged(c, GRADER)]
    for cell in version.cells:
        cell.source = text_of(cell)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    kept = contents.metadata.get("lecturelib", {})
    version.metadata["lecturelib"] = {**kept, "assignment": name}
    return version
