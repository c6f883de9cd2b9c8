"""A small assignment and its submissions, for tests of the grader."""

import json
import os

import nbformat
import pytest

from lecturelib.grading import assignment, cells, source, submissions, walls

SECRET = "what-the-grader-expects-48151623"  # stands in the grader's cell; no submission may ever see it

GRADER = """
import numpy as np

from lecturelib.grading import Question, Wrong, close

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
from lecturelib.grading import Question, Wrong, close


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
    return cells.notebook(
        [
            cells.text("# A small assignment"),
            cells.given("import numpy as np", "imports", setup=True),
            cells.text("## 1. Twice (3 points, 5 minutes)\n\nDouble."),
            cells.answer(DOUBLE, "q1"),
            cells.form_check("assert np.shape(double(np.ones(2))) == (2,), 'a shape'", "q1", points=3),
            cells.grader(GRADER.format(secret=secret, seconds=seconds)),
            cells.text("## 2. Sum (2 points, 5 minutes)\n\nAdd."),
            cells.answer(TOTAL, "q2"),
            cells.form_check("assert np.ndim(total(np.ones(2))) == 0, 'a number'", "q2", points=2),
            cells.grader(second.format(seconds=seconds)),
            cells.given("1 / 0", "picture"),
            cells.text("## 3. Why (4 points, 5 minutes)\n\nSay why."),
            cells.written(
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
    notebook = source.student(contents(), "9_small")
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


def need_bubblewrap():
    """Skip a test that needs bubblewrap where it is missing; fail it where LECTURE_REQUIRE names it."""
    if walls.bubblewrap() is None:
        required = "bubblewrap" in os.environ.get("LECTURE_REQUIRE", "").split(",")
        (pytest.fail if required else pytest.skip)("bubblewrap is not installed, or not permitted here")
