"""`lecture check`: a student learns how their notebook is read, and nothing of what is right."""

import json

import pytest
from click.testing import CliRunner

from tests.workshop.grading import grading_cases as cases
from workshop.cli import main
from workshop.grading import assignment, outline, release, sandbox, source, submissions


def check(folder, notebook, name="9_small.ipynb"):
    """The exit status, and what is said."""
    path = folder / name
    path.write_text(notebook if isinstance(notebook, str) else json.dumps(notebook))
    done = CliRunner().invoke(main, ["check", str(path)])
    return done.exit_code, done.output


def edited(changes, **other):
    return cases.submitted({**cases.RIGHT, "q3": "Because it is so.", **changes}, **other)


def test_a_notebook_that_is_read_as_it_stands_there_passes(tmp_path):
    code, said = check(tmp_path, edited({}))
    assert code == 0, said
    assert "q1 double: found, and of the right form" in said
    assert "q3 in words: 4 words" in said
    assert "It is read as you see it. Nothing is said of what is right." in said


def test_it_says_nothing_of_what_is_right(tmp_path):
    code, said = check(tmp_path, edited({"q1": "def double(x):\n    return 3 * x"}))
    assert code == 0, said
    assert not any(word in said for word in ("2 * x", "twice", cases.SECRET))


def test_what_has_to_be_mended_is_said(tmp_path):
    changes = {
        "q1": "def doubled(x):\n    return 2 * x",
        "q2": "def total(x):\n    return x",
        "q3": "YOUR ANSWER HERE",
        "imports": "import numpy as np\nimport math",
    }
    code, said = check(tmp_path, edited(changes), "mine.ipynb")
    assert code == 1
    assert "q1 double: No function of this name was found" in said
    assert "q2 total: found, but its form is not right: a number" in said
    assert "q3 in words: nothing" in said
    assert "was given and has been changed" in said
    assert "hand it in as 9_small.ipynb" in said
    assert "To mend: 3." in said


@pytest.mark.long
def test_blank_slow_and_broken_cells_are_said(tmp_path, monkeypatch):
    changes = {"q1": "import os\nos._exit(0)", "q2": "def total(x)\n    return 1"}
    code, said = check(tmp_path, edited(changes))
    assert code == 1
    assert said.count("takes too long, or ends the process; mend it: cell 4\n") == 1
    code, said = check(tmp_path, edited({"q2": changes["q2"]}))
    assert "SyntaxError" in said
    code, said = check(tmp_path, cases.submitted())
    assert said.count("There is nothing here yet") == 2
    monkeypatch.setattr(sandbox, "run", lambda *_: sandbox.Outcome(outputs="[]", cut=(3, 7)))
    code, said = check(tmp_path, edited({}))
    assert code == 1
    assert said.count("takes too long; only what it defines is run: cell 4, cell 8\n") == 1


def test_all_that_is_said_fits_on_a_screen(tmp_path, monkeypatch):
    """Of a notebook in which everything is wrong, with exceptions of a thousand characters on many lines."""
    told = sandbox.Outcome(
        problem="raised", text="ValueError: " + "\x1b[31m so\n" * 200, cell=1, cut=tuple(range(99))
    )
    monkeypatch.setattr(sandbox, "run", lambda *_: told)
    notebook = edited({"q3": "YOUR ANSWER HERE", "imports": "import math"})
    notebook["metadata"]["lecturelib"]["data"] = ["numbers.npz"]
    code, said = check(tmp_path, notebook, "mine.ipynb")
    assert code == 1
    assert "numbers.npz, which was handed out with it, does not lie beside it" in said
    assert "q1 double: found, but stopped with an exception in the check of its form: ValueError" in said
    assert "\x1b" not in said
    assert sum(1 + len(line) // 80 for line in said.splitlines()) <= 24


@pytest.mark.parametrize(
    ("notebook", "message"),
    [
        ("{", "not a Jupyter notebook"),
        (edited({}, metadata={}), "does not say what it answers"),
        (edited({}, metadata={"lecturelib": {"assignment": "9_small", "outline": {}}}), "is damaged"),
    ],
)
def test_what_cannot_be_checked_is_refused(tmp_path, notebook, message):
    code, said = check(tmp_path, notebook)
    assert code == 2
    assert message in " ".join(said.split())


@pytest.mark.parametrize("path", source.find(), ids=lambda p: p.parent.name)
def test_what_is_handed_out_reads_the_same_by_its_outline_and_holds_no_more(tmp_path, path):
    """Of each assignment: contents read by the outline are those read by the source."""
    name, work = path.parent.name, assignment.load(path)
    solved = release.solution(source.read(path), name)
    file = tmp_path / f"{name}.ipynb"
    file.write_text(json.dumps(solved))
    cells, said = submissions.parsed(file)
    outlined = outline.understood(name, said[outline.KEY], cells)
    submission = submissions.Submission("ada", file)
    assert submissions.read(submission, outlined) == submissions.read(submission, work)
    assert [i.question.function for i in outlined.coded] == [i.question.function for i in work.coded]
    told = json.dumps(said[outline.KEY])
    for item in work.items:
        for line in source.solution_text(item.answer).splitlines():
            assert len(line.strip()) < 20 or json.dumps(line.strip())[1:-1] not in told
