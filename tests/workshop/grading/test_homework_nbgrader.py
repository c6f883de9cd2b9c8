"""The real nbgrader takes every assignment: it releases, validates and autogrades what is built for it."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.workshop.grading.test_homework import JUDGED, SOURCES, leaks, load, slow
from workshop.grading import release, source

pytestmark = pytest.mark.long
# Those that train run for minutes; that nbgrader autogrades them stays in CI.
VALIDATED = [
    pytest.param(p, id=p.parent.name, marks=[pytest.mark.weekly] if slow(p) else []) for p in SOURCES
]
NBGRADER = Path(sys.executable).parent / "nbgrader"


def nbgrader(folder, *arguments):
    """Run nbgrader in a course; returns what it said."""
    search = os.pathsep.join([str(NBGRADER.parent), os.environ["PATH"]])  # for `alembic`, which it starts
    own = {"PATH": search, "JUPYTER_CONFIG_DIR": str(folder / "jupyter"), "HOME": str(folder)}
    done = subprocess.run(
        [NBGRADER, *map(str, arguments)],
        cwd=folder,
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course with all assignments, all released by nbgrader."""
    out = tmp_path_factory.mktemp("homework")
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release, "data_file", lambda name: _empty(out / name))
        for path in SOURCES:
            made[path] = release.build(path, out)
    folder = out / "nbgrader"
    for path in SOURCES:
        code, said = nbgrader(folder, "generate_assignment", path.parent.name)
        assert code == 0, said
    return folder, made


def _empty(path):
    path.touch()
    return path


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.parent.name)
def test_nbgrader_releases_what_we_hand_out(course, path):
    folder, made = course
    name = path.parent.name
    released = nbformat.read(folder / "release" / name / f"{name}.ipynb", as_version=4)
    ours = nbformat.read(made[path][0], as_version=4)
    assert [c.source.strip() for c in released.cells] == [c.source.strip() for c in ours.cells]
    assert leaks(source.read(path), released) == []


@pytest.mark.parametrize("path", VALIDATED)
def test_nbgrader_validates_the_solution_and_not_the_blank(course, path):
    folder, made = course
    student, solution, _ = made[path]
    for name in load(path).data:
        (solution.parent / name).unlink()
        (solution.parent / name).symlink_to(release.data_file(name))
    code, said = nbgrader(folder, "validate", solution)
    assert code == 0, said
    assert "Success! Your notebook passes all the tests." in said
    code, said = nbgrader(folder, "validate", student)
    assert "FAILED" in said.upper(), said


@pytest.mark.parametrize("path", JUDGED)
def test_nbgrader_autogrades_the_solution_with_full_marks_and_the_blank_with_none(course, path):
    from nbgrader.api import Gradebook

    folder, made = course
    name = path.parent.name
    for who, notebook in (("solution", made[path][1]), ("blank", made[path][0])):
        submitted = folder / "submitted" / who / name
        submitted.mkdir(parents=True)
        (submitted / f"{name}.ipynb").write_bytes(notebook.read_bytes())
        for file in load(path).data:
            (submitted / file).symlink_to(release.data_file(file))
    code, said = nbgrader(folder, "autograde", name)
    assert code == 0, said
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        for who, share in (("solution", 1), ("blank", 0)):
            grades = {g.name: g for g in book.find_submission_notebook(name, name, who).grades}
            for item in load(path).coded:
                assert grades[f"{item.id}-check"].score == share * item.points, (who, item.id)
