"""From outcomes to marks, totals, statistics and pages; expected values by hand."""

import csv
import re

import nbformat
import numpy as np
import pytest

from tests.agree import FLOAT64, agree
from tests.workshop.grading import grading_cases as cases
from workshop.grading import Question, assignment, byhand, hidden, marking, pages, results, source, store
from workshop.grading.inside import transfer
from workshop.grading.marking import Mark
from workshop.grading.sandbox import Outcome
from workshop.grading.store import Row


@pytest.fixture
def work(tmp_path):
    return cases.load(tmp_path / "homework")


def judged(work, change, id="q1"):
    """The mark of outputs that are the right ones, changed."""
    item = work.item(id)
    drawn = marking.draw(item, "ada", 0)
    right = [2 * np.asarray(x) for (x,) in transfer.decode(drawn)]
    return marking.mark(item, Outcome(outputs=transfer.encode(change(right))), drawn)


def test_right_outputs_get_all_points_and_wrong_ones_the_first_message(work):
    assert judged(work, lambda right: right) == Mark("q1", 3.0, 3.0)
    wrong = judged(work, lambda right: [1.5 * x for x in right])
    assert (wrong.earned, wrong.lost, wrong.message) == (0.0, "twice as much", "Each number is doubled.")
    assert judged(work, lambda right: [x[:1] for x in right]).lost == "same shape"


@pytest.mark.parametrize(
    ("factors", "points", "lost"),
    [
        ((2, 2), 3, None),
        ((2.2, 2), 2, "near"),
        ((2.2, 2.2), 2, "near"),
        ((2.6, 2), 1, "far"),
        ((2.2, 2.6), 1, "far"),  # whichever call loses more, it counts
        ((2.6, 2.2), 1, "far"),
        ((2.2, 5), 0, "sign"),
        ((5, 2.2), 0, "sign"),
    ],
)
def test_what_is_not_good_enough_keeps_its_share_if_no_call_is_worse(tmp_path, capsys, factors, points, lost):
    check = '''        yield "sign", bool(output[0] / x[0] < 4), "s"
        yield "far", bool(output[0] / x[0] < 2.5), "f"
        yield "near", close(output, 2 * x), "n"'''
    contents = cases.contents()
    grader = next(c for c in contents.cells if "def q1_check" in c.source)
    head, rest = grader.source.split('        yield "same shape"')
    tail = rest[rest.index("\n\n\nq1 = ") :].replace(
        "wrong=[", 'partial={"near": 2 / 3, "far": 1 / 3}, wrong=['
    )
    grader.source = (head + check + tail).replace("(np.zeros(2),)", "(np.ones(3),)")
    path = tmp_path / "9_small" / "source.ipynb"
    path.parent.mkdir()
    nbformat.write(contents, path)
    work = assignment.load(path)
    mark = judged(work, lambda right: [r * f / 2 for r, f in zip(right, factors, strict=True)])
    assert (round(mark.earned, 12), mark.lost) == (points, lost)

    calls = iter(factors)
    names = {"double": lambda x: next(calls) * x}
    if points == 0:
        with pytest.raises(AssertionError, match="sign: s"):
            hidden.hidden_test(str(path), "q1", names)
    else:
        assert hidden.hidden_test(str(path), "q1", names) == (mark.earned if lost else None)
        assert capsys.readouterr().out == (f"{lost}: {mark.message}\n" if lost else "")


@pytest.mark.long
def test_nbgrader_takes_what_a_hidden_test_returns_for_points():
    from nbgrader.utils import determine_grade

    cell = source.form_check("hidden_test('9_small', 'q1', globals())", "q1", points=6)
    assert determine_grade(cell) == (6, 6)
    value = nbformat.v4.new_output("execute_result", data={"text/plain": repr(3.0)})
    cell.outputs = [nbformat.v4.new_output("stream", text="near: n\n"), value]
    assert determine_grade(cell) == (3, 6)


@pytest.mark.parametrize("share", [0, 1, -0.5])
def test_a_share_of_nothing_or_all_is_refused(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Question("q1", function="f", inputs=list, check=list, reread="x", partial={"near": share})


@pytest.mark.parametrize("made", ["[]", '{"dict": {}}', "3", "[1, 2, 3]", '{"dict": {"outputs": 1}}', "[["])
def test_outputs_that_are_not_one_a_call_are_no_answer(work, made):
    drawn = marking.draw(work.item("q1"), "ada", 0)
    assert marking.mark(work.item("q1"), Outcome(outputs=made), drawn).lost == "runs"


@pytest.mark.parametrize("problem", [*marking.PROBLEMS, "setup", "made up"])
def test_each_problem_is_a_lost_property_with_a_message(work, problem):
    outcome = Outcome(problem=problem, text="KeyError: 3 (at: their words)")
    mark = marking.mark(work.item("q1"), outcome, "[]", ((2, "their words"),))
    assert mark.earned == 0
    assert mark.lost
    assert mark.message
    assert mark.text == "KeyError (at: their words)"


CODE = ((0, "def double(x):\n    raise Mine(x)"), (4, "class Mine(Exception): pass"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Mine: return x + x (at: raise Mine(x))", "Mine (at: raise Mine(x))"),
        ("ValueError: return x + x (at: return x + x)", "ValueError"),
        ("return_x_plus_x: no (at: raise Mine(x))", "an exception (at: raise Mine(x))"),
        ("NameError: name 'y' is not defined", "NameError"),
        ("return x + x", "an exception"),
        ("\nreturn x + x", ""),
        ("an array of type complex128", "an array of type complex128"),
        ("a value of type return_x_plus_x", ""),
        ("a value of type x\nreturn x + x", ""),
        ("a dict whose keys are not text", "a dict whose keys are not text"),
        ("", ""),
    ],
)
def test_a_student_reads_only_what_stands_in_their_own_source(work, text, shown):
    assert marking.own_words(text, CODE) == shown
    for problem in marking.PROBLEMS:
        mark = marking.mark(work.item("q1"), Outcome(problem=problem, text=text), "[]", CODE)
        assert mark.text == shown


@pytest.mark.long
def test_a_check_that_fails_or_hangs_is_the_instructors_to_see(work, monkeypatch):
    def fails(calls):
        raise KeyError("not thought of")
        yield

    def hangs(calls):
        while True:
            pass
        yield

    item = work.item("q1")
    for check in (fails, hangs):
        monkeypatch.setattr(marking, "CHECK_SECONDS", 1)
        object.__setattr__(item.question, "check", check)
        mark = judged(work, lambda right: right)
        assert (mark.earned, mark.lost) == (0.0, marking.UNCHECKED)
        assert "Traceback" in mark.note
        assert "Traceback" not in mark.message


@pytest.mark.parametrize(
    ("number", "question", "output", "lost"),
    [
        # Four batches of 2**62 would add up to 0 examples.
        *(("2", "q7", (0.1, np.full(4, 2**62, dtype)), "returns data") for dtype in ("i8", "u8")),
        ("2", "q7", (0.1, [2**62] * 4), "returns data"),
        # Unsigned, the differences of these starts would be thousands of millions of rows.
        ("4", "q5", (np.array([0, 3, 1, 4], np.uint32), np.arange(4), np.full(4, 0.5)), "rows"),
    ],
)
def test_whole_numbers_that_would_wrap_earn_nothing(number, question, output, lost):
    item = assignment.load(source.locate(number)).item(question)
    drawn = marking.draw(item, "ada", 0)
    outputs = transfer.encode([output for _ in transfer.decode(drawn)])
    mark = marking.mark(item, Outcome(outputs=outputs), drawn)
    assert (mark.earned, mark.lost) == (0.0, lost)
    assert ("too large" in mark.message) == (lost == "returns data")


def row(student, first, second, written=None, problem=None):
    marks = {
        "q1": Mark("q1", first, 3.0, None if first else "twice as much", "" if first else "Doubled."),
        "q2": Mark("q2", second, 2.0, None if second else "sum", "" if second else "Added."),
    }
    return Row(student, f"{student}.ipynb", problem, written or {}, marks)


ROWS = [row("ada", 3.0, 2.0), row("bob", 3.0, 0.0), row("cem", 0.0, 0.0), row("dan", 0.0, 2.0)]


def test_totals_leave_open_what_is_not_marked_yet(work):
    ada, bob, *_ = results.totals(work, ROWS, {("bob", "q3"): 1.5})
    assert (ada.sum, ada.open) == (5.0, 1)
    assert (bob.sum, bob.open) == (4.5, 0)


def test_statistics_are_those_of_the_marks(work):
    q1, q2 = results.question_statistics(work, [*ROWS, row("eve", 3.0, 2.0)])
    assert (q1.students, q1.mean, q1.solved) == (5, 0.6, 0.6)
    assert q1.commonest == ("twice as much", 2)
    # q1 = (3, 3, 0, 0, 3), q2 = (2, 0, 0, 2, 2): both have mean 0.6, covariance 1/5 of 1.2 and equal spread.
    agree(
        [q1.discrimination, q2.discrimination], [1 / 6, 1 / 6], rounding=8 * FLOAT64
    )  # ten numbers of order 1


def test_no_discrimination_where_all_are_the_same(work):
    assert results.question_statistics(work, ROWS[:1])[0].discrimination is None


def test_tables_can_be_read_back_and_hold_no_formula(tmp_path, work):
    rows = [*ROWS, row("eve", 0.0, 0.0, problem="=HYPERLINK(1)")]
    results.write_tables(tmp_path, work, rows, {("ada", "q3"): 4.0})
    byhand.write(tmp_path, work, rows, {("ada", "q3"): 4.0})
    with (tmp_path / "marks.csv").open(newline="", encoding="utf-8-sig") as file:
        lines = {line["student"]: line for line in csv.DictReader(file)}
    assert (lines["ada"]["total"], lines["ada"]["points"], lines["ada"]["to mark by hand"]) == ("9", "9", "0")
    assert (lines["bob"]["q3"], lines["bob"]["to mark by hand"]) == ("", "1")
    assert lines["eve"]["remark"] == "'=HYPERLINK(1)"
    assert byhand.read(tmp_path, work) == {("ada", "q3"): 4.0}
    with (tmp_path / "questions.csv").open(newline="", encoding="utf-8-sig") as file:
        assert [line["question"] for line in csv.DictReader(file)] == ["q1", "q2"]


@pytest.mark.parametrize("entry", ["5", "-1", "many", "nan"])
def test_points_by_hand_that_cannot_be_are_refused(tmp_path, work, entry):
    (tmp_path / "written.csv").write_text(f"student,q3\nada,{entry}\n")
    with pytest.raises(ValueError, match=r"ada has .* for q3; write a number from 0 to 4"):
        byhand.read(tmp_path, work)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "text",
    [
        'student,q3\r\nZo\u00eb,"2,5"\r\nbob,\r\n',
        "student;q3\nZo\u00eb;2,5\nbob;\n",
        "student\tq3\r\nZo\u00eb\t2,5\r\nbob\t\r\n",
        "student ; q3 ; remark\nZo\u00eb;2.5;good\n\n;;\n",
        'remark,q3,student\n"a, b","2,5",Zo\u00eb\n',
    ],
)
def test_points_by_hand_are_read_whatever_separates_them_and_stay(tmp_path, work, text, encoding):
    (tmp_path / "written.csv").write_bytes(text.encode(encoding))
    entered = byhand.read(tmp_path, work)
    assert entered == {("Zo\u00eb", "q3"): 2.5}
    rows = [row("Zo\u00eb", 3.0, 2.0), *ROWS]
    byhand.write(tmp_path, work, rows, entered)
    assert byhand.read(tmp_path, work) == entered
    (before,) = tmp_path.glob("written.before-*.csv")
    assert before.read_bytes() == text.encode(encoding)
    new = (tmp_path / "written.csv").read_text("utf-8-sig")
    for remark in ("remark", "good", "a, b"):
        assert (remark in new) == (remark in text)
    byhand.write(tmp_path, work, rows, entered)
    assert len(list(tmp_path.glob("written.before-*.csv"))) == 1


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"student,Q3\nada,4\n", "needs the headings student, q3"),
        (b"student,q3 (of 4)\nada,4\n", "needs the headings student, q3"),
        (b"student|q3\nada|4\n", "needs the headings student, q3"),
        (b"", "needs the headings student, q3"),
        (b"student,q3,q3\nada,4,3\n", "two columns of one heading"),
        (b"student,q3\nada,2,5\n", "line 2 has more cells"),
        (b"student,q3\nada,2\nada,3\n", "line 3 has no student, or one"),
        (b"student,q3\n,2\n", "line 2 has no student"),
        ("student,q3\nstra\u00dfe,2\n".encode("latin-1"), "CSV UTF-8"),
    ],
)
def test_a_table_of_points_that_is_not_understood_is_not_touched(tmp_path, work, table, message):
    (tmp_path / "written.csv").write_bytes(table)
    for use in (byhand.read, lambda out, work: byhand.write(out, work, ROWS, {})):
        with pytest.raises(ValueError, match=re.escape(message)):
            use(tmp_path, work)
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["written.csv"]
    assert (tmp_path / "written.csv").read_bytes() == table


def test_points_by_hand_are_kept_in_the_database_until_they_are_taken_back(tmp_path):
    with store.opened(tmp_path, "9_small", 0) as database:
        assert store.keep_by_hand(database, {("ada", "q3"): 4.0, ("bob", "q3"): 1.5}) == {
            ("ada", "q3"): 4.0,
            ("bob", "q3"): 1.5,
        }
        store.keep_by_hand(database, {("bob", "q3"): None})
    with store.opened(tmp_path, "9_small", 0) as database:
        assert store.keep_by_hand(database, {}) == {("ada", "q3"): 4.0}


HOSTILE = "<script>alert(1)</script><img src=http://x/y onerror=z>\x1b[31m\u202e"


def written_pages(tmp_path, work):
    eve = row("eve", 0.0, 0.0, {"q3": HOSTILE}, problem=HOSTILE)
    eve.marks["q1"] = Mark("q1", 0.0, 3.0, "runs", "It stopped.", HOSTILE, HOSTILE)
    pages.write_all(tmp_path, work, [*ROWS, eve], {("ada", "q3"): 4.0})
    return {p.name: p.read_text() for p in tmp_path.rglob("*.html")}


def test_pages_load_nothing_and_run_nothing(tmp_path, work):
    texts = written_pages(tmp_path, work)
    students = {f"{student}.html" for student in ("ada", "bob", "cem", "dan", "eve")}
    assert set(texts) == {"index.html", "written.html"} | students
    for text in texts.values():
        assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
        assert not re.findall(r"<(?:script|img|iframe|object|svg|base)|<[^>]*(?:\son\w+=|javascript:)", text)
        links = re.findall(r"<[^>]*\s(?:src|href|background)=\"?([^\s\">]*)", text)
        assert all(re.fullmatch(r"data:,|feedback/\w+\.html", link) for link in links)


def test_what_a_student_wrote_is_text_and_nothing_else(tmp_path, work):
    texts = written_pages(tmp_path, work)
    assert "&lt;script&gt;" in texts["eve.html"]
    assert "&lt;script&gt;" in texts["written.html"]
    assert not any("\x1b" in t or "\u202e" in t for t in texts.values())


def test_feedback_says_what_failed_and_what_to_reread_but_no_value(tmp_path, work):
    texts = written_pages(tmp_path, work)
    bob = texts["bob.html"]
    assert "Does not hold: sum" in bob
    assert "To reread: notebook 04, &#39;The update&#39;" in bob
    assert "marked by hand" in bob
    assert "4 points" in texts["ada.html"]
    assert HOSTILE[:8] not in bob
    assert "Traceback" not in texts["eve.html"]
    assert "Because" in texts["written.html"]
    assert "Because" not in bob


def test_a_page_that_stays_the_same_keeps_its_date(tmp_path, work):
    written_pages(tmp_path, work)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.html")}
    written_pages(tmp_path, work)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.html")} == before


def test_the_store_gives_back_what_it_was_given(tmp_path):
    given = row(
        "ada", 3.0, 0.0, {"q3": "Why \ud83d not".encode("utf-16", "surrogatepass").decode("utf-16", "ignore")}
    )
    with store.opened(tmp_path, "9_small", 0) as database:
        store.save(database, given, {"q1": "k1", "q2": "k2"})
        assert store.keys(database, "ada") == {"q1": "k1", "q2": "k2"}
    with store.opened(tmp_path, "9_small", 0) as database:
        assert store.rows(database) == [given]


def test_the_store_refuses_another_assignment_seed_or_writer(tmp_path):
    with store.opened(tmp_path, "9_small", 0), pytest.raises(ValueError, match="another `lecture grade`"):
        store.opened(tmp_path, "9_small", 0).__enter__()
    for name, seed in (("8_other", 0), ("9_small", 1)):
        with pytest.raises(ValueError, match="holds the marks of 9_small"):
            store.opened(tmp_path, name, seed).__enter__()
