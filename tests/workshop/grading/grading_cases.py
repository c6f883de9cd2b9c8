"""A small assignment, its submissions and what became of them, for tests of the grader."""

import csv
import json
import os
import shutil
import sqlite3
import sys
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from workshop.cli import main
from workshop.grading import assignment, release, sandbox, source, submissions

ROOT = Path(__file__).parents[3]

SECRET = "what-the-grader-expects-48151623"  # stands in the grader's cell; no submission may ever see it

GRADER = """
import numpy as np

from workshop.grading import Question, Wrong, close

SECRET = "{secret}"


def q1_inputs(rng):
    return [(rng.normal(size=3),), (np.zeros(2),)]


def q1_check(calls):
    for (x,), output in calls:
        yield "same shape", np.shape(output) == np.shape(x), "One number for each of x."
        yield "twice as much", close(output, 2 * x), "Each number is doubled."


q1 = Question(
    "q1",
    function="double",
    inputs=q1_inputs,
    check=q1_check,
    reread="notebook 04, 'The update'",
    seconds={seconds},
    wrong=[Wrong("three times", loses="twice as much", old="2 * x", new="3 * x")],
)
"""
SECOND = """
from workshop.grading import Question, Wrong, close


def q2_inputs(rng):
    return [(rng.normal(size=int(rng.integers(2, 5))),)]


def q2_check(calls):
    for (x,), output in calls:
        yield "sum", close(output, 2 * x.sum()), "The sum of the doubled numbers."


q2 = Question(
    "q2",
    function="total",
    inputs=q2_inputs,
    check=q2_check,
    reread="notebook 04, 'The update'",
    seconds={seconds},
    wrong=[Wrong("mean", loses="sum", old="np.sum", new="np.mean")],
)
"""
DOUBLE = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
TOTAL = "def total(x):\n    ### BEGIN SOLUTION\n    return np.sum(double(x))\n    ### END SOLUTION"
RIGHT = {"q1": "def double(x):\n    return x + x", "q2": "def total(x):\n    return double(x).sum()"}
BLANK = "def double(x):\n    raise NotImplementedError()"


def contents(secret=SECRET, seconds=1, second=SECOND):
    """The source of the small assignment, as a notebook."""
    return source.notebook(
        [
            source.text("# A small assignment"),
            source.given("import numpy as np", "imports", setup=True),
            source.text("## 1. Twice (3 points, 5 minutes)\n\nDouble."),
            source.answer(DOUBLE, "q1"),
            source.form_check("assert np.shape(double(np.ones(2))) == (2,), 'a shape'", "q1", points=3),
            source.grader(GRADER.format(secret=secret, seconds=seconds)),
            source.text("## 2. Sum (2 points, 5 minutes)\n\nAdd."),
            source.answer(TOTAL, "q2"),
            source.form_check("assert np.ndim(total(np.ones(2))) == 0, 'a number'", "q2", points=2),
            source.grader(second.format(seconds=seconds)),
            source.given("1 / 0", "picture"),
            source.text("## 3. Why (4 points, 5 minutes)\n\nSay why."),
            source.written(
                "### BEGIN SOLUTION\nBecause.\n\n**Rubric**\n\n- 1 point: a\n- 3 points: b\n### END SOLUTION",
                "q3",
                points=4,
            ),
        ]
    )


def write_assignment(folder, **changes):
    """Write the small assignment; returns the path of its source."""
    path = folder / "9_small" / "source.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(contents(**changes), path)
    return path


def load(folder, **changes):
    """The small assignment, written and loaded."""
    return assignment.load(write_assignment(folder, **changes))


def submitted(answers=None, **other):
    """A student version in which answers are filled in: cell texts by grade_id; a dict to change further."""
    notebook = release.student(contents(), "9_small")
    for cell in notebook.cells:
        id = source.role(cell).get("grade_id")
        cell.source = (answers or {}).get(id, cell.source)
    return json.loads(nbformat.writes(notebook)) | other


def hand_in(folder, student, notebook):
    """Write a submission, given as a dict or as raw text; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{student}.ipynb"
    path.write_text(notebook if isinstance(notebook, str) else json.dumps(notebook))
    return path


def read(path, work):
    """What the submission at a path says."""
    return submissions.read(submissions.Submission("student", path), work)


def command(folder):
    """The command that grades the submissions in `folder`/in into `folder`/out."""
    paths = [folder / "in", "--out", folder / "out", "--assignment", folder / "9_small"]
    return [sys.executable, "-m", "workshop.cli", "grade", *map(str, paths)]


def grade(folder, *arguments):
    """The same in this process."""
    return CliRunner().invoke(main, [*command(folder)[3:], "--workers", "1", *map(str, arguments)])


def marks(folder):
    """The lines of the table of marks by student."""
    with (folder / "out" / "marks.csv").open(newline="", encoding="utf-8-sig") as file:
        return {line["student"]: line for line in csv.DictReader(file)}


def lost(folder, student):
    """The property that each of a student's questions lost, or None."""
    with sqlite3.connect(folder / "out" / "marks.sqlite") as database:
        query = "select question, lost from marks where student = ?"
        return dict(database.execute(query, (student,)).fetchall())


def need_bubblewrap():
    """Skip a test that needs bubblewrap where it is missing; fail it where LECTURE_REQUIRE names it."""
    if sandbox.bubblewrap() is None:
        required = "bubblewrap" in os.environ.get("LECTURE_REQUIRE", "").split(",")
        (pytest.fail if required else pytest.skip)("bubblewrap is not installed, or not permitted here")


def as_user(uid=1234):
    """What to put before a command so that it runs as a user who owns nothing; where it cannot be, a skip.

    The interpreter may lie in a folder that only root may enter; the user sees that folder with it alone.
    """
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv, to run as another user")
    need_bubblewrap()
    base = Path(os.path.realpath(sys.base_prefix))
    closed = [folder for folder in base.parents if not folder.stat().st_mode & 1]
    opened = ["--perms", "0755", "--tmpfs", closed[-1]] if closed else []
    opened += ["--perms", "0755", "--dir", base.parent, "--ro-bind", base, base] if closed else []
    words = ["bwrap", "--dev-bind", "/", "/", *opened, "setpriv", "--reuid", uid, "--regid", uid]
    return [str(word) for word in (*words, "--clear-groups")]
