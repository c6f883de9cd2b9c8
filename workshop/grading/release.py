"""`make homework`: what students get of each assignment, its solution, and a course for nbgrader."""

import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np

from lecturelib import datasets
from lecturelib.files import written
from workshop import checkout
from workshop.grading import assignment, outline, source

HIDDEN = """
### BEGIN HIDDEN TESTS
from workshop.grading import hidden_test

hidden_test({path!r}, {question!r}, globals())
### END HIDDEN TESTS"""
CONFIG = """\
# A course for nbgrader: `nbgrader generate_assignment NAME` here makes release/NAME. To autograde, nbgrader
# needs a Python that has lecturelib: its hidden tests read the checkout's homework and call the library. It
# runs submissions in this account, without a sandbox; `lecture grade` has one.
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "optimization"
c.ExecutePreprocessor.timeout = 600  # seconds a cell
c.ExecutePreprocessor.iopub_timeout = 60  # on a busy machine a kernel may be silent for more than the usual 4
"""


def solution(contents: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """What students see afterwards: the source without the cells of the grader."""
    return _version(contents, name, lambda cell: cell.source)


def student(contents: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """What students start from: a stub in place of each solution, as nbgrader's, and what it answers."""
    return _version(contents, name, lambda cell: source.without_solution(cell.source, cell.cell_type))


def course(contents: nbformat.NotebookNode, name: str, path: Path) -> nbformat.NotebookNode:
    """What nbgrader starts from: the solution, with hidden tests that draw inputs and check properties.

    They read the source at `path`, for they run in whatever folder nbgrader has its course.
    """

    def with_hidden_test(cell: nbformat.NotebookNode) -> str:
        question = source.role(cell).get("grade_id", "").removesuffix("-check")
        if cell.cell_type == "code" and source.role(cell).get("grade"):
            return cell.source + "\n" + HIDDEN.format(path=str(path.resolve()), question=question)
        return cell.source

    return _version(contents, name, with_hidden_test)


def build(path: Path, out: Path) -> list[Path]:
    """Make all versions of one assignment.

    Args:
        path: its source notebook.
        out: folder of all homework; `out`/NAME/student and `out`/NAME/solution hold notebook and data files,
            `out`/nbgrader is a course of nbgrader with `source/NAME`.

    Returns:
        The notebooks: the student's, the solution, nbgrader's.

    Raises:
        ValueError: the source is not written as homework/README.md says.
    """
    work, contents = assignment.load(path), source.read(path)
    versions = {
        out / work.name / "student": student(contents, work.name),
        out / work.name / "solution": solution(contents, work.name),
        out / "nbgrader" / "source" / work.name: course(contents, work.name, path),
    }
    made = []
    for folder, version in versions.items():
        folder.mkdir(parents=True, exist_ok=True)
        for name in work.data:
            with written(folder / name) as part:
                shutil.copyfile(data_file(name), part)
        made.append(folder / f"{work.name}.ipynb")
        with written(made[-1]) as part:
            nbformat.write(version, part)
    (out / "nbgrader" / "nbgrader_config.py").write_text(CONFIG)
    return made


def data_file(name: str) -> Path:
    """A data file that students get beside their notebook, made from a bundled data set if it is missing.

    Raises:
        ValueError: no such file.
    """
    if name not in DATA:
        raise ValueError(f"no data file {name!r}; there are {', '.join(DATA)}")
    file = checkout.results("homework") / "data" / name
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with written(file) as part, part.open("wb") as stream:
            np.savez_compressed(stream, **DATA[name]())  # type: ignore[arg-type]  # they are arrays
    return file


def main() -> None:
    """Build all assignments and say where they are."""
    for path in source.find():
        lines = build(path, checkout.results("homework"))
        print(f"{path.parent.name:<24} " + f"\n{'':<24} ".join(map(str, lines)))


def _version(
    contents: nbformat.NotebookNode, name: str, text_of: Callable[[nbformat.NotebookNode], str]
) -> nbformat.NotebookNode:
    version = nbformat.from_dict(contents)
    version.cells = [nbformat.from_dict(c) for c in contents.cells if not source.tagged(c, source.GRADER)]
    for cell in version.cells:
        cell.source = text_of(cell)
        if source.role(cell).get("locked"):  # Jupyter does not let it be edited by mistake
            cell.metadata["editable"] = False
        if source.role(cell):
            cell.metadata["deletable"] = False
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    version.cells[0].source = source.noted(version.cells[0].source, name)
    kept = contents.metadata.get("lecturelib", {})
    described = outline.of(assignment.of(contents, name))
    version.metadata["lecturelib"] = {**kept, "assignment": name, outline.KEY: described}
    return version


def _mnist() -> dict[str, np.ndarray]:
    digits = datasets.mnist()
    return {
        "train_images": digits.train_images.reshape(-1, 784),
        "train_labels": digits.train_labels,
        "test_images": digits.test_images.reshape(-1, 784),
        "test_labels": digits.test_labels,
    }


DATA: dict[str, Callable[[], dict[str, np.ndarray]]] = {"mnist.npz": _mnist}  # file -> its arrays

if __name__ == "__main__":
    main()
