"""Whatever one student's bytes do to the grader, the others have their marks, and that student is named."""

import os

import pytest

from tests.marks import first_quick
from tests.workshop.grading import grading_cases as cases
from tests.workshop.grading.grading_cases import grade, marks
from workshop.grading import pages, store, students, submissions
from workshop.grading.marking import Mark

RIGHT = cases.submitted(cases.RIGHT)


def with_answer(text):
    return cases.submitted({**cases.RIGHT, "q1": text})


HOSTILE = {
    "half": with_answer("def double(x):\n    raise ValueError('\\ud800')"),
    "half_in_a_type": with_answer("def double(x):\n    raise type('\\ud800', (Exception,), {})()"),
    "half_returned": with_answer("def double(x):\n    return '\\ud800'"),
    "statements": with_answer("a;" * 90_000),
    "signs": with_answer("x = " + "-" * 190_000 + "1"),
    "nested": with_answer("[" * 190_000),
    "zeros": with_answer("\0"),
}


@pytest.mark.long
def test_others_have_their_marks_whatever_some_hand_in(tmp_path):
    cases.need_bubblewrap()
    cases.write_assignment(tmp_path)
    for student, notebook in {"ada": RIGHT, "zoe": RIGHT, **HOSTILE}.items():
        cases.hand_in(tmp_path / "in", student, notebook)
    os.rename(tmp_path / "in" / "zoe.ipynb", os.fsencode(tmp_path / "in") + b"/zo\xeb.ipynb")
    done = grade(tmp_path)
    assert done.exit_code == 0, done.output
    found = marks(tmp_path)
    (zoe,) = set(found) - {"ada", *HOSTILE}
    assert [found[student]["total"] for student in ("ada", zoe)] == ["5", "5"]
    assert {found[student]["q1"] for student in HOSTILE} == {"0"}


LEAKS = """
import linecache, sys
def total(x):
    frame = sys._getframe()
    while frame and "job" not in frame.f_locals:
        frame = frame.f_back
    solution = frame.f_locals["job"]["earlier"]["double"].splitlines()[2].strip()
    linecache.cache["<ipython-cell-3>"] = (1, None, [solution + chr(10)] * 99, "<ipython-cell-3>")
    {how}
"""


@first_quick(
    ("how", "shown"),
    [
        ("raise ValueError(solution)", "ValueError"),
        ("raise type(solution.replace(' ', '_').replace('*', 'times'), (Exception,), {})()", "an exception"),
        ("return type(solution, (), {})()", ""),
        ("exec(compile('1 / 0', '<ipython-cell-3>', 'exec'))", "ZeroDivisionError"),
    ],
)
def test_a_students_page_shows_no_solution(tmp_path, how, shown):
    """The answer finds the solution of the question before, and says it in every way there is."""
    cases.need_bubblewrap()
    work = cases.load(tmp_path / "homework")
    answer = LEAKS.replace("{how}", how)
    notebook = cases.submitted({**cases.RIGHT, "q2": answer})
    submission = submissions.Submission("eve", cases.hand_in(tmp_path, "eve", notebook))
    (graded,) = students.marked(work, [(submission, {})], students.Settings(tmp_path), 1)
    pages.write_all(tmp_path, work, [graded.row], {})
    assert graded.row.marks["q2"].text.split(" (at:")[0] == shown
    page = (tmp_path / "feedback" / "eve.html").read_text()
    assert not any(secret in page for secret in ("2 * x", "2_times_x"))


@pytest.mark.parametrize(
    "error", [RecursionError("deep"), MemoryError(), KeyError("odd"), OSError(5, "disk")]
)
def test_an_exception_nobody_thought_of_costs_one_student_and_is_tried_again(tmp_path, monkeypatch, error):
    work = cases.load(tmp_path / "homework")

    def fails(submission, assignment):
        raise error

    submission = submissions.Submission("eve", cases.hand_in(tmp_path, "eve", RIGHT))
    monkeypatch.setattr(submissions, "read", fails)
    (graded,) = students.marked(work, [(submission, {})], students.Settings(tmp_path), 1)
    assert type(error).__name__ in graded.row.problem
    assert {m.earned for m in graded.row.marks.values()} == {0.0}
    assert all("Traceback" in m.note for m in graded.row.marks.values())
    with store.opened(tmp_path, work.name, 0) as database:
        store.save(database, graded.row, graded.keys)
        known = store.keys(database, "eve")
    monkeypatch.setattr(submissions, "read", lambda *_: submissions.Contents(problem="Read again."))
    (again,) = students.marked(work, [(submission, known)], students.Settings(tmp_path), 1)
    assert (again.unchanged, again.row.problem) == (0, "Read again.")


def killed(settings, submission, known):
    """In place of `students._one`: one student's bytes end the process that handles them."""
    if submission.student == "eve":
        os.kill(os.getpid(), 9)
    row = store.Row(submission.student, "", None, {}, {"q1": Mark("q1", 3.0, 3.0)})
    return students.Graded(row, {"q1": "key"}, 0)


@pytest.mark.long
def test_a_killed_process_costs_the_student_that_it_graded(tmp_path, monkeypatch):
    work = cases.load(tmp_path / "homework")
    monkeypatch.setattr(students, "_one", killed)
    tasks = [(submissions.Submission(name, tmp_path), {}) for name in ("ada", "bob", "eve", "zoe")]
    found = {g.row.student: g.row for g in students.marked(work, tasks, students.Settings(tmp_path), 2)}
    assert set(found) == {"ada", "bob", "eve", "zoe"}
    assert [name for name, row in found.items() if row.problem] == ["eve"]
    assert "killed" in found["eve"].problem


def test_what_cannot_be_written_is_kept_with_question_marks(tmp_path):
    mark = Mark("q1", 0.0, 3.0, "runs", "It stopped.", "ValueError: \ud800", "\udce9")
    row = store.Row("eve", "jos\udce9.ipynb", "odd \ud800", {"q3": "\ud800"}, {"q1": mark})
    with store.opened(tmp_path, "9_small", 0) as database:
        store.save(database, row, {"q1": "key"})
        (kept,) = store.rows(database)
    assert (kept.file, kept.problem, kept.written) == ("jos?.ipynb", "odd ?", {"q3": "?"})
    assert (kept.marks["q1"].text, kept.marks["q1"].note) == ("ValueError: ?", "?")
