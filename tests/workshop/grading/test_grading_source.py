"""One source, its versions, and what is refused in it; the mistakes that an author can make are named."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.workshop.grading import grading_cases as cases
from workshop import checkout
from workshop.grading import Question, Wrong, assignment, close, hidden_test, marking, release, source


def test_the_assignment_is_read_from_its_source(tmp_path):
    work = cases.load(tmp_path)
    assert [(i.id, i.title, i.points, i.minutes) for i in work.items] == [
        ("q1", "Twice", 3.0, 5),
        ("q2", "Sum", 2.0, 5),
        ("q3", "Why", 4.0, 5),
    ]
    assert [i.id for i in work.coded] == ["q1", "q2"]
    assert work.setup == ("import numpy as np",)
    assert set(work.given) == {"imports", "picture", "q1-check", "q2-check"}
    assert (work.name, work.title) == ("9_small", "A small assignment")


def test_the_students_version_has_stubs_and_no_grader():
    student = release.student(cases.contents(), "9_small")
    text = nbformat.writes(student)
    assert "raise NotImplementedError()" in text
    assert "YOUR ANSWER HERE" in text
    for hidden in ("2 * x", "Because", "Rubric", cases.SECRET, "Question(", "BEGIN SOLUTION"):
        assert hidden not in text
    assert student.metadata["lecturelib"]["assignment"] == "9_small"


def test_the_solution_has_answers_and_no_grader_and_nbgraders_has_hidden_tests():
    solution = nbformat.writes(release.solution(cases.contents(), "9_small"))
    course = nbformat.writes(release.course(cases.contents(), "9_small", Path("source.ipynb")))
    assert "2 * x" in solution
    assert cases.SECRET not in solution + course
    assert course.count("### BEGIN HIDDEN TESTS") == 2
    assert "HIDDEN" not in solution


def test_the_source_itself_is_not_changed():
    contents = cases.contents()
    before = nbformat.writes(contents)
    release.student(contents, "9_small")
    release.course(contents, "9_small", Path("source.ipynb"))
    assert nbformat.writes(contents) == before


def called_through_a_cell_below(contents):
    grader = contents.cells[5]
    grader.source = grader.source.replace('function="double",', 'function="double", through="twice",')
    contents.cells.append(source.given("def twice(answer, x):\n    return answer(x)", "twice", setup=True))


MISTAKES = {
    "a function below the check that calls it": (called_through_a_cell_below, "above q1-check"),
    "a heading's points": (
        lambda c: c.cells[2].update(source="## 1. Twice (4 points, 5 minutes)"),
        "4 points",
    ),
    "a heading's number": (lambda c: c.cells[6].update(source="## 3. Sum (2 points, 5 minutes)"), "in order"),
    "no answer": (lambda c: c.cells.pop(3), "no cell of that grade_id"),
    "no check": (lambda c: c.cells.pop(4), "needs a graded cell"),
    "no grader": (lambda c: c.cells.pop(5), "needs a graded cell|adds up"),
    "another function": (lambda c: c.cells[3].update(source="def twice(x): pass"), "does not show"),
    "the def is in the solution": (
        lambda c: c.cells[3].update(source=f"{source.BEGIN}\ndef double(x): pass\n{source.END}"),
        "does not show",
    ),
    "the rubric": (
        lambda c: c.cells[-1].update(source=c.cells[-1].source.replace("3 p", "2 p")),
        "adds up to 3",
    ),
    "the same id twice": (lambda c: c.cells.append(source.given("x = 1", "picture")), "same grade_id"),
    "code without id": (lambda c: c.cells.append(nbformat.v4.new_code_cell("y = 1")), "without a grade_id"),
    "a question twice": (lambda c: c.cells.append(source.grader(c.cells[5].source)), "two grader cells"),
    "a question too many": (
        lambda c: c.cells.append(source.grader(c.cells[5].source.replace('"q1"', '"q7"'))),
        "q7: no heading",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_an_authors_mistake_is_named(tmp_path, mistake):
    change, message = MISTAKES[mistake]
    path = cases.write_assignment(tmp_path)
    contents = cases.contents()
    change(contents)
    for number, cell in enumerate(contents.cells):
        cell.id = f"cell-{number}"
    nbformat.write(contents, path)
    with pytest.raises(ValueError, match=message):
        assignment.load(path)


def test_what_is_no_notebook_is_refused(tmp_path):
    path = cases.write_assignment(tmp_path)
    path.write_text("nothing")
    with pytest.raises(ValueError, match="not a readable notebook"):
        assignment.load(path)


def test_assignments_are_found_by_number_name_and_path(tmp_path):
    path = cases.write_assignment(tmp_path)
    assert source.find(tmp_path) == [path]
    for wanted in ("9", "9_small"):
        assert source.locate(wanted, tmp_path) == path
    for wanted in (str(path), str(path.parent)):
        assert source.locate(wanted) == path
    with pytest.raises(ValueError, match="no assignment 'nope'; there are 9_small"):
        source.locate("nope", tmp_path)


def test_build_writes_what_a_student_gets_and_nothing_else(tmp_path):
    out = tmp_path / "out"
    path = cases.write_assignment(tmp_path)
    student, solution, course = release.build(path, out)
    assert student == out / "9_small" / "student" / "9_small.ipynb"
    assert [p.name for p in student.parent.iterdir()] == ["9_small.ipynb"]
    assert solution == out / "9_small" / "solution" / "9_small.ipynb"
    assert course == out / "nbgrader" / "source" / "9_small" / "9_small.ipynb"
    before = student.read_bytes()
    assert release.build(path, out)[0].read_bytes() == before


def test_a_students_inputs_are_their_own_and_the_same_again(tmp_path):
    item = cases.load(tmp_path).item("q1")
    drawn = {marking.draw(item, student, seed) for student in ("ada", "bob") for seed in (0, 1)}
    assert len(drawn) == 4
    assert marking.draw(item, "ada", 0) in drawn


GOOD = {"id": "q1", "function": "f", "inputs": list, "check": list, "reread": "here"}
WRONG = {"why": "w", "loses": "p"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: source.without_solution("### BEGIN SOLUTION\nx"), "without '### END SOLUTION'"),
        (lambda: source.without_solution("### END SOLUTION"), "do not pair"),
        (lambda: source.without_solution("### BEGIN SOLUTION\n### BEGIN SOLUTION"), "do not pair"),
        (lambda: Wrong(**WRONG, old="x", new="y").applied("x + x"), "'x' stands 2 times"),
        (lambda: Wrong(**WRONG, old="x"), "give either"),
        (lambda: Wrong(**WRONG, old="x", new="y", answer="z"), "give either"),
        (lambda: Question(**GOOD | {"id": "one"}), "question id 'one'"),
        (lambda: Question(**GOOD | {"function": "f g"}), "question q1: 'f g' is not"),
        (lambda: Question(**GOOD | {"through": "1"}), "question q1: '1' is not"),
        (lambda: Question(**GOOD | {"seconds": 0}), "seconds=0,"),
        (lambda: Question(**GOOD | {"memory_mb": 1}), "memory_mb=1,"),
        (lambda: Question(**GOOD | {"threads": 0}), "threads=0;"),
        (lambda: Question(**GOOD | {"reread": " "}), "which section to reread"),
        (lambda: release.data_file("cifar.npz"), "no data file 'cifar.npz'; there are mnist.npz"),
    ],
)
def test_an_argument_that_cannot_be_right_is_refused(call, message):
    Question(**GOOD)
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


@pytest.mark.parametrize(
    "value", [None, "1", [1.0, 2.0], [[1.0], [2.0, 3.0]], float("inf"), 1.0 + 1e-5, 1j, {"a": 1}, object()]
)
def test_close_is_false_of_everything_else(value):
    assert close(1.0 + 1e-7, 1.0)
    assert not close(value, 1.0)


def test_the_hidden_test_checks_the_same_properties(tmp_path, monkeypatch):
    path = str(cases.write_assignment(tmp_path))
    names = {}
    exec("import numpy as np\n" + cases.RIGHT["q1"], names)
    hidden_test(path, "q1", names)
    names["double"] = lambda x: 3 * x
    with pytest.raises(AssertionError, match="twice as much: Each number is doubled"):
        hidden_test(path, "q1", names)


@pytest.mark.long
def test_a_mark_depends_on_what_its_grader_imports_and_on_what_judges_but_on_no_page():
    files = set(marking.judges("from lecturelib import hogwild"))
    inside = {f"workshop/grading/inside/{name}.py" for name in ("child", "limits", "magics", "transfer")}
    judging = {f"workshop/grading/{name}.py" for name in ("marking", "questions", "sandbox", "submissions")}
    assert inside | judging | {"lecturelib/hogwild/__init__.py"} <= files
    others = (f"workshop/{name}.py" for name in ("cli", "grading/grade", "grading/pages", "grading/results"))
    assert not {*others, "lecturelib/adaptive/games.py"} & files
    assert marking.library("import numpy") != marking.library("from lecturelib import hogwild")


@pytest.mark.long
def test_importing_the_grader_needs_no_checkout(tmp_path):
    code = f"import sys; sys.path.insert(0, {str(checkout.root())!r}); from workshop.grading import grade"
    code += "; from workshop.grading import hidden_test, release, source; source.find()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "line 1, in <module>" in done.stderr
    assert "is in no checkout of the lecture" in done.stderr.splitlines()[-1]
