"""One source, its versions, and what is refused in it; the mistakes that an author can make are named."""

import nbformat
import pytest

from lecturelib.grading import Question, Wrong, assignment, build, cells, close, hidden_test, jobs, source
from tests import grading_cases as cases


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
    student = source.student(cases.contents(), "9_small")
    text = nbformat.writes(student)
    assert "raise NotImplementedError()" in text
    assert "YOUR ANSWER HERE" in text
    for hidden in ("2 * x", "Because", "Rubric", cases.SECRET, "Question(", "BEGIN SOLUTION"):
        assert hidden not in text
    assert student.metadata["lecturelib"]["assignment"] == "9_small"


def test_the_solution_has_answers_and_no_grader_and_nbgraders_has_hidden_tests():
    solution = nbformat.writes(source.solution(cases.contents(), "9_small"))
    course = nbformat.writes(source.course(cases.contents(), "9_small"))
    assert "2 * x" in solution
    assert cases.SECRET not in solution + course
    assert course.count("### BEGIN HIDDEN TESTS") == 2
    assert "HIDDEN" not in solution


def test_the_source_itself_is_not_changed():
    contents = cases.contents()
    before = nbformat.writes(contents)
    source.student(contents, "9_small")
    source.course(contents, "9_small")
    assert nbformat.writes(contents) == before


@pytest.mark.parametrize(
    "text",
    [
        "### BEGIN SOLUTION\nx",
        "### END SOLUTION",
        "### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION",
    ],
)
def test_marks_that_do_not_pair_are_refused(text):
    with pytest.raises(ValueError, match=r"pair|without"):
        source.without_solution(text)


def called_through_a_cell_below(contents):
    grader = contents.cells[5]
    grader.source = grader.source.replace('function="double",', 'function="double", through="twice",')
    contents.cells.append(cells.given("def twice(answer, x):\n    return answer(x)", "twice", setup=True))


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
    "the same id twice": (lambda c: c.cells.append(cells.given("x = 1", "picture")), "same grade_id"),
    "code without id": (lambda c: c.cells.append(nbformat.v4.new_code_cell("y = 1")), "without a grade_id"),
    "a question twice": (lambda c: c.cells.append(cells.grader(c.cells[5].source)), "two grader cells"),
    "a question too many": (
        lambda c: c.cells.append(cells.grader(c.cells[5].source.replace('"q1"', '"q7"'))),
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
    with pytest.raises(ValueError, match="not a notebook"):
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
    student, solution, course = build.build(path, out)
    assert student == out / "9_small" / "student" / "9_small.ipynb"
    assert [p.name for p in student.parent.iterdir()] == ["9_small.ipynb"]
    assert solution == out / "9_small" / "solution" / "9_small.ipynb"
    assert course == out / "nbgrader" / "source" / "9_small" / "9_small.ipynb"
    before = student.read_bytes()
    assert build.build(path, out)[0].read_bytes() == before


def test_a_students_inputs_are_their_own_and_the_same_again(tmp_path):
    item = cases.load(tmp_path).item("q1")
    drawn = {jobs.calls(item, student, seed) for student in ("ada", "bob") for seed in (0, 1)}
    assert len(drawn) == 4
    assert jobs.calls(item, "ada", 0) in drawn


def test_a_wrong_answer_edits_the_solution_once():
    with pytest.raises(ValueError, match="stands 2 times"):
        Wrong("w", loses="p", old="x", new="y").applied("x + x")
    with pytest.raises(ValueError, match="give either"):
        Wrong("w", loses="p", old="x")
    with pytest.raises(ValueError, match="give either"):
        Wrong("w", loses="p", old="x", new="y", answer="z")


GOOD = {"id": "q1", "function": "f", "inputs": list, "check": list, "reread": "here"}


@pytest.mark.parametrize(
    "change",
    [{"id": "one"}, {"function": "f g"}, {"through": "1"}, {"seconds": 0}, {"memory_mb": 1}, {"reread": " "}],
)
def test_a_question_that_cannot_be_right_is_refused(change):
    Question(**GOOD)
    with pytest.raises(ValueError, match="question"):
        Question(**(GOOD | change))


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


def test_a_mark_depends_on_the_modules_its_grader_imports_near_or_far(monkeypatch, tmp_path):
    package = tmp_path / "lecturelib"
    package.mkdir()
    for name, text in (("near", "from lecturelib import far"), ("far", "x = 1"), ("other", "x = 1")):
        (package / f"{name}.py").write_text(text)
    monkeypatch.setattr(jobs, "ROOT", tmp_path)
    monkeypatch.setattr(jobs, "GRADING", ())

    def hashed():
        jobs.imported.cache_clear()
        return jobs.imported("import numpy\nfrom lecturelib import near as n")

    first = hashed()
    (package / "other.py").write_text("x = 2")
    assert hashed() == first
    (package / "far.py").write_text("x = 2")
    assert hashed() != first
    jobs.imported.cache_clear()
