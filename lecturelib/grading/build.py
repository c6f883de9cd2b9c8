"""`make homework`: the student version and the solution of each assignment, and a course for nbgrader."""

import shutil
from pathlib import Path

import nbformat

from lecturelib.grading import assignment, data, source
from lecturelib.running import written

OUT = Path(__file__).resolve().parents[2] / "build" / "homework"
CONFIG = """\
# A course for nbgrader: `nbgrader generate_assignment NAME` here makes release/NAME. To autograde, nbgrader
# needs a Python that has lecturelib: its hidden tests call it. It runs submissions in this account, without
# walls; `lecture grade` does not.
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "optimization"
c.ExecutePreprocessor.timeout = 600  # seconds a cell
c.ExecutePreprocessor.iopub_timeout = 60  # on a busy machine a kernel may be silent for more than the usual 4
"""


def build(path: Path, out: Path = OUT) -> list[Path]:
    """Make all versions of one assignment.

    Args:
        path: its source notebook.
        out: folder of all homework; `out`/NAME/student and `out`/NAME/solution hold notebook and data files,
            `out`/nbgrader is a course of nbgrader with `source/NAME`.

    Returns:
        The notebooks, the student's first.

    Raises:
        ValueError: the source is not written as homework/README.md says.
    """
    work, contents = assignment.load(path), source.read(path)
    versions = {
        out / work.name / "student": source.student(contents, work.name),
        out / work.name / "solution": source.solution(contents, work.name),
        out / "nbgrader" / "source" / work.name: source.course(contents, work.name),
    }
    made = []
    for folder, version in versions.items():
        folder.mkdir(parents=True, exist_ok=True)
        for name in work.data:
            with written(folder / name) as part:
                shutil.copyfile(data.path(name), part)
        made.append(folder / f"{work.name}.ipynb")
        with written(made[-1]) as part:
            nbformat.write(version, part)
    (out / "nbgrader" / "nbgrader_config.py").write_text(CONFIG)
    return made


def main() -> None:
    """Build all assignments and say where they are."""
    for path in source.find():
        student, solution, course = build(path)
        print(f"{path.parent.name:<24} {student}\n{'':<24} {solution}\n{'':<24} {course}")


if __name__ == "__main__":
    main()
