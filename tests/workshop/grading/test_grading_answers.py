"""Written answers are found wherever students leave them."""

import pytest

from tests.workshop.grading import grading_cases as cases
from workshop.grading import answers

STUB = "YOUR ANSWER HERE"


@pytest.fixture
def work(tmp_path):
    return cases.load(tmp_path / "homework")


def place(notebook):
    """The index of the cell of the written answer."""
    (number,) = [n for n, c in enumerate(notebook["cells"]) if "q3" in str(c["metadata"].get("nbgrader"))]
    return number


def cell(text, kind="markdown", metadata=None, **more):
    return {"cell_type": kind, "source": text, "metadata": metadata or {}, **more}


def answer(work, tmp_path, change, text="My reasons."):
    """What is read as the answer to question 3 of a notebook that `change` edits, and the code that runs."""
    notebook = cases.submitted({**cases.RIGHT, "q3": text})
    change(notebook["cells"], place(notebook))
    read = cases.read(cases.hand_in(tmp_path, "ada", notebook), work)
    assert read.problem is None
    return dict(read.written).get("q3"), [code for _, code in read.code]


def split(cells, at):  # Jupyter gives both halves the metadata of the whole
    cells.insert(at + 1, cell("Second half.", metadata=cells[at]["metadata"]))


def below(cells, at):
    cells[at]["source"] = STUB
    cells.insert(at + 1, cell("My reasons."))


def split_and_stripped(cells, at):
    cells.insert(at + 1, cell("Second half."))
    for one in cells:
        one["metadata"] = {}


def as_code(cells, at):
    cells[at]["cell_type"] = "code"


def raw(cells, at):
    cells[at]["cell_type"] = "raw"


def retyped(cells, at):
    cells[at] = cell("My reasons.")


def under_the_heading(cells, at):
    cells[at - 1]["source"] += "\n\nMy reasons."
    cells[at]["source"] = STUB


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda cells, at: None, "My reasons."),
        (split, "My reasons.\n\nSecond half."),
        (split_and_stripped, "My reasons.\n\nSecond half."),
        (below, "My reasons."),
        (as_code, "My reasons."),
        (raw, "My reasons."),
        (retyped, "My reasons."),
        (under_the_heading, "## 3. Why (4 points, 5 minutes)\n\nSay why.\n\nMy reasons."),
    ],
)
def test_an_answer_is_found_where_it_stands(tmp_path, work, change, expected):
    assert answer(work, tmp_path, change) == (expected, list(cases.RIGHT.values()))


def test_an_answer_that_moved_is_found_and_said_to_have_moved(tmp_path, work):
    def to_the_top(cells, at):
        cells.insert(0, cell("My reasons."))
        del cells[at + 1]

    def into_code(cells, at):
        cells[at] = cell("'''My reasons.'''", "code")

    assert answer(work, tmp_path, to_the_top)[0] == f"{answers.ELSEWHERE}\n\nMy reasons."
    text, code = answer(work, tmp_path, into_code)
    assert text == f"{answers.AS_CODE}\n\n'''My reasons.'''"
    assert code[-1] == "'''My reasons.'''"


def test_an_answer_is_not_another_students_words_nor_the_assignments(tmp_path, work):
    def noted(cells, at):
        cells.insert(2, cell("A note to myself."))
        cells.append(cell("", "code"))

    assert answer(work, tmp_path, noted)[0] == "My reasons."
    assert answer(work, tmp_path, lambda cells, at: None, STUB)[0] == ""
    assert answer(work, tmp_path, lambda cells, at: cells.pop(at))[0] is None


def test_a_picture_is_named(tmp_path, work):
    def attached(cells, at):
        cells[at]["attachments"] = {"sketch.png": {"image/png": "AAAA"}}

    assert "My reasons.\n[A picture, sketch.png, is not shown" in answer(work, tmp_path, attached)[0]
