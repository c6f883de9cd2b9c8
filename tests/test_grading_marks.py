"""From outcomes to marks, totals, statistics and pages; expected values by hand."""

import csv
import html.parser
import itertools
import re

import numpy as np
import pytest

from lecturelib.grading import gradebook, jobs, marking, pages, results, store, submissions
from lecturelib.grading.inside import transfer
from lecturelib.grading.marking import Mark
from lecturelib.grading.sandbox import Outcome
from lecturelib.grading.store import Row
from tests import grading_cases as cases


@pytest.fixture
def work(tmp_path):
    return cases.load(tmp_path / "homework")


def judged(work, change, id="q1"):
    """The mark of outputs that are the right ones, changed."""
    item = work.item(id)
    drawn = jobs.calls(item, "ada", 0)
    right = [2 * np.asarray(x) for (x,) in transfer.decode(drawn)]
    return marking.mark(item, Outcome(outputs=transfer.encode(change(right))), drawn)


def test_right_outputs_get_all_points_and_wrong_ones_the_first_message(work):
    assert judged(work, lambda right: right) == Mark("q1", 3.0, 3.0)
    wrong = judged(work, lambda right: [1.5 * x for x in right])
    assert (wrong.earned, wrong.lost, wrong.message) == (0.0, "twice as much", "Each number is doubled.")
    assert judged(work, lambda right: [x[:1] for x in right]).lost == "same shape"


@pytest.mark.parametrize("made", [[], {}, 3, [1, 2, 3], {"outputs": 1}])
def test_outputs_that_are_not_one_a_call_are_no_answer(work, made):
    assert judged(work, lambda right: made).lost == "runs"


def test_text_that_is_no_data_is_no_answer(work):
    drawn = jobs.calls(work.item("q1"), "ada", 0)
    assert marking.mark(work.item("q1"), Outcome(outputs="[["), drawn).lost == "runs"


@pytest.mark.parametrize("problem", [*marking.PROBLEMS, "setup", "made up"])
def test_each_problem_is_a_lost_property_with_a_message(work, problem):
    mark = marking.mark(work.item("q1"), Outcome(problem=problem, text="their words"), "[]")
    assert mark.earned == 0
    assert mark.lost
    assert mark.message
    assert mark.text == "their words"


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
    assert q1.discrimination == pytest.approx(1 / 6)
    assert q2.discrimination == pytest.approx(1 / 6)


def test_no_discrimination_where_all_are_the_same(work):
    assert results.question_statistics(work, ROWS[:1])[0].discrimination is None


def test_tables_can_be_read_back_and_hold_no_formula(tmp_path, work):
    rows = [*ROWS, row("eve", 0.0, 0.0, problem="=HYPERLINK(1)")]
    results.write_tables(tmp_path, work, rows, {("ada", "q3"): 4.0})
    with (tmp_path / "marks.csv").open(newline="") as file:
        lines = {line["student"]: line for line in csv.DictReader(file)}
    assert (lines["ada"]["total"], lines["ada"]["points"], lines["ada"]["to mark by hand"]) == ("9", "9", "0")
    assert (lines["bob"]["q3"], lines["bob"]["to mark by hand"]) == ("", "1")
    assert lines["eve"]["remark"] == "'=HYPERLINK(1)"
    assert results.read_by_hand(tmp_path, work) == {("ada", "q3"): 4.0}
    with (tmp_path / "questions.csv").open(newline="") as file:
        assert [line["question"] for line in csv.DictReader(file)] == ["q1", "q2"]


@pytest.mark.parametrize("entry", ["5", "-1", "many", "nan"])
def test_points_by_hand_that_cannot_be_are_refused(tmp_path, work, entry):
    (tmp_path / "written.csv").write_text(f"student,q3\nada,{entry}\n")
    with pytest.raises(ValueError, match=r"ada has .* for q3; write a number from 0 to 4"):
        results.read_by_hand(tmp_path, work)


def test_points_by_hand_come_from_any_spreadsheet(tmp_path, work):
    (tmp_path / "written.csv").write_bytes('\ufeffstudent,q3\r\nada,"2,5"\r\nbob,\r\n'.encode())
    assert results.read_by_hand(tmp_path, work) == {("ada", "q3"): 2.5}


class Page(html.parser.HTMLParser):
    """The tags of a page, in order, with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)


HOSTILE = "<script>alert(1)</script><img src=http://x/y onerror=z>\x1b[31m\u202e"


def written_pages(tmp_path, work):
    eve = row("eve", 0.0, 0.0, {"q3": HOSTILE}, problem=HOSTILE)
    eve.marks["q1"] = Mark("q1", 0.0, 3.0, "runs", "It stopped.", HOSTILE, HOSTILE)
    pages.write_all(tmp_path, work, [*ROWS, eve], {("ada", "q3"): 4.0})
    return {p.name: p.read_text() for p in tmp_path.rglob("*.html")}


def test_pages_are_accessible_and_load_nothing(tmp_path, work):
    texts = written_pages(tmp_path, work)
    assert set(texts) == {
        "index.html",
        "written.html",
        *(f"{s}.html" for s in ("ada", "bob", "cem", "dan", "eve")),
    }
    for text in texts.values():
        page = Page(text)
        names = [tag for tag, _ in page.tags]
        assert dict(page.tags)["html"] == {"lang": "en"}
        assert names.count("h1") == names.count("main") == names.count("title") == 1
        assert not {"script", "img", "iframe", "link", "object"} & set(names)
        assert all(a.get("scope") in ("row", "col") for tag, a in page.tags if tag == "th")
        assert names.count("table") == names.count("caption")
        loaded = [a.get(name, "") for _, a in page.tags for name in ("src", "href", "style", "background")]
        assert all(re.fullmatch(r"(feedback/\w+\.html)?", link) for link in loaded)
        headings = [int(n[1]) for n in names if re.fullmatch("h[1-6]", n)]
        assert all(b - a <= 1 for a, b in itertools.pairwise(headings))


def test_what_a_student_wrote_is_text_and_nothing_else(tmp_path, work):
    texts = written_pages(tmp_path, work)
    assert "&lt;script&gt;" in texts["eve.html"]
    assert "&lt;script&gt;" in texts["written.html"]
    assert not any("\x1b" in t or "\u202e" in t for t in texts.values())


def test_feedback_says_what_failed_and_what_to_reread_but_no_value(tmp_path, work):
    texts = written_pages(tmp_path, work)
    bob = texts["bob.html"]
    assert "Does not hold: sum" in bob
    assert "To reread: notebook 04, &#x27;The update&#x27;" in bob
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


def test_a_portals_gradebook_is_filled_in_and_otherwise_left_alone(tmp_path):
    book = tmp_path / "book.csv"
    book.write_text(
        "Student,ID,SIS Login ID,Homework 9 (77),Other\n"
        "    Points Possible,,,9,1\n"
        '"Lovelace, Ada",1234,ada,,0.5\n'
        '"Noether, Emmy",99,emmy@example.org,,\n'
        '"Two, One",5,same,,\n"Two, Two",6,same,,\n'
    )
    totals = [
        results.Total("lovelaceada_1234", {"q1": 3.0, "q3": 1.5}),
        results.Total(submissions.safe_name("emmy@example.org"), {"q1": 2.0, "q3": 0.0}),
        results.Total("same", {"q1": 1.0}),
        results.Total("nobody", {"q1": 1.0}),
        results.Total("5", {"q1": None}),  # still to be marked by hand: not reported
    ]
    assert gradebook.fill(book, "Homework 9 (77)", totals, tmp_path / "filled.csv") == ["same", "nobody"]
    lines = [
        line.split(",") for line in (tmp_path / "filled.csv").read_text().replace(", ", " ").splitlines()
    ]
    assert [line[3] for line in lines] == ["Homework 9 (77)", "9", "4.5", "2", "", ""]
    assert [line[4] for line in lines] == ["Other", "1", "0.5", "", "", ""]
    gradebook.fill(book, "New", totals, tmp_path / "filled.csv")
    assert (tmp_path / "filled.csv").read_text().splitlines()[0].endswith(",New")


def test_what_is_no_gradebook_is_refused(tmp_path):
    (tmp_path / "book.csv").write_text("")
    with pytest.raises(ValueError, match="not a gradebook"):
        gradebook.fill(tmp_path / "book.csv", "x", [], tmp_path / "out.csv")
