"""A class of attackers with two right notebooks among them: nothing forged, read, changed or stopped."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.marks import first_quick
from tests.workshop.grading import grading_cases as cases
from tests.workshop.grading import homework_batch
from tests.workshop.grading.grading_cases import ROOT, grade, lost, marks
from tests.workshop.grading.hostile_kinds import ATTACKS, LOOKS, WALLED, reads, sees
from workshop.grading import marking

HONEST = ("ada", "zoe")  # the first and the last to be graded
WRITTEN = "what-ada-wrote-2342"
ENVIRONMENTS = ["as_it_is", "user", "user_without_bubblewrap"]
FILES = ("deep", "many", "link", "pipe", "gigantic", "binary", "elsewhere")


def a_class(folder, walled):
    """Hand in a class; returns the names of those who attack, and of those who only look."""
    source = cases.write_assignment(folder)
    looks = dict(LOOKS)
    if walled:
        hidden = [
            source,
            folder / "in",
            folder / "out",
            ROOT / "homework",
            ROOT / "lecturelib",
            "/etc/passwd",
        ]
        files = [
            source,
            folder / "in" / "ada.ipynb",
            "/proc/self/environ",
            "/etc/passwd",
            f"/proc/1/root{source}",
        ]
        words = (cases.SECRET, WRITTEN)
        looks |= WALLED | {"sees_files": sees(hidden), "reads_marks_and_solutions": reads(words, files)}
    for student, text in (ATTACKS | looks).items():
        cases.hand_in(folder / "in", student, cases.submitted({**cases.RIGHT, "q1": text}))
    for student in HONEST:
        cases.hand_in(folder / "in", student, cases.submitted({**cases.RIGHT, "q3": WRITTEN}))
    cases.hand_in(folder / "in", "deep", "[" * 10**6)
    cells = '{"cell_type": "code", "source": "", "metadata": {}},'
    cases.hand_in(folder / "in", "many", '{"cells": [' + cells * 200_000 + "{}]}")
    cases.hand_in(folder / "in", "gigantic", '{"cells": ' + "9" * 10**6 + "}")
    (folder / "in" / "binary.ipynb").write_bytes(bytes(range(256)) * 100)
    (folder / "in" / "link.ipynb").symlink_to("ada.ipynb")
    os.mkfifo(folder / "in" / "pipe.ipynb")
    elsewhere = {"metadata": {"lecturelib": {"assignment": "../in/eve.ipynb"}}}
    cases.hand_in(folder / "in", "elsewhere", json.dumps(cases.submitted() | elsewhere))
    return set(ATTACKS), set(looks)


@pytest.fixture(
    scope="module",
    params=[*ENVIRONMENTS[:2], pytest.param(ENVIRONMENTS[2], marks=pytest.mark.weekly)],
)
def graded(request):
    """The class, graded: its folder, who attacks, who only looks, and the finished command."""
    cases.need_bubblewrap()
    walled = "without" not in request.param
    command = [] if request.param == "as_it_is" else cases.as_user()
    folder = Path(tempfile.mkdtemp())  # not pytest's: that is closed to other users
    try:
        attackers, lookers = a_class(folder, walled)
        folder.chmod(0o777)
        path = os.environ["PATH"] if walled else str(Path(sys.executable).parent)
        words = [*command, shutil.which("env"), f"PATH={path}", *cases.command(folder)]
        words += ["--time-limit", "0.5", *([] if walled else ["--without-walls"])]
        done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=3600, check=False)
        yield folder, attackers, lookers, done
    finally:
        shutil.rmtree(folder)


@pytest.mark.long
def test_the_batch_ends_with_a_mark_for_everybody(graded):
    folder, attackers, lookers, done = graded
    assert done.returncode == 0, done.stderr
    assert set(marks(folder)) == {*attackers, *lookers, *HONEST, *FILES}
    assert not any("could not be graded" in str(line) for line in marks(folder).values())
    assert {p.stem for p in (folder / "out" / "feedback").iterdir()} == set(marks(folder))


@pytest.mark.long
def test_right_notebooks_among_them_have_full_marks(graded):
    for student in HONEST:
        assert marks(graded[0])[student]["total"] == "5", lost(graded[0], student)


@pytest.mark.long
def test_no_attack_wins_a_point_or_finds_a_thing(graded):
    folder, attackers, lookers, _ = graded
    won = [student for student in attackers if lost(folder, student)["q1"] is None]
    found = [student for student in lookers if lost(folder, student)["q1"]]
    assert (won, found) == ([], [])


@pytest.mark.long
def test_the_other_question_of_an_attacker_keeps_its_points(graded):
    folder, attackers, lookers, _ = graded
    assert [student for student in attackers | lookers if lost(folder, student)["q2"]] == []


@pytest.mark.long
def test_files_that_are_no_notebooks_are_named(graded):
    for student in FILES:
        assert marks(graded[0])[student]["total"] == "0"
        assert student == "elsewhere" or marks(graded[0])[student]["remark"]


@pytest.mark.long
def test_no_page_for_students_holds_what_is_not_theirs(graded):
    for page in (graded[0] / "out" / "feedback").iterdir():
        text = page.read_text()
        assert not any(secret in text for secret in (cases.SECRET, "<script>", str(ROOT)))
        assert page.stem in HONEST or WRITTEN not in text


QUICK = {  # attacker -> the property that is lost
    "forges_outputs": "same shape",
    "returns_huge_and_arrays": "returns data",
    "semaphores_and_queues": None,
    "closes_the_channel": "runs",
}


@pytest.mark.long
def test_the_quickest_attackers_and_a_right_notebook(tmp_path):
    cases.need_bubblewrap()
    cases.write_assignment(tmp_path)
    cases.hand_in(tmp_path / "in", "zoe", cases.submitted(cases.RIGHT))
    for student in QUICK:
        answers = {**cases.RIGHT, "q1": (ATTACKS | LOOKS)[student]}
        cases.hand_in(tmp_path / "in", student, cases.submitted(answers))
    done = grade(tmp_path)
    assert done.exit_code == 0, done.output
    assert marks(tmp_path)["zoe"]["total"] == "5"
    assert {student: lost(tmp_path, student) for student in QUICK} == {
        student: {"q1": property, "q2": None} for student, property in QUICK.items()
    }


def test_the_search_for_words_would_find_them_without_a_sandbox(tmp_path):
    source = cases.write_assignment(tmp_path)
    other = cases.hand_in(tmp_path / "in", "ada", cases.submitted({"q3": WRITTEN}))
    names = {}
    exec(reads((cases.SECRET, WRITTEN), [source, other, __file__], everywhere=False), names)
    assert names["double"](1) == " ".join(map(str, [source, other, __file__]))


def odd_notebooks():
    """What honest students hand in, and what each question of it loses."""
    right, full = cases.submitted(cases.RIGHT), (None, None)
    cells = right["cells"]
    chatty = "%matplotlib inline\n!ls\nprint('x' * 10**6)\n1 / 0"
    changed = {
        "reordered": cells[::-1],
        "duplicated": cells * 2,
        "no_metadata": [cell | {"metadata": {}} for cell in cells],
        "chatty": [{"cell_type": "code", "metadata": {}, "source": chatty}, *cells],
    }
    yield from ((name, right | {"cells": cells}, full) for name, cells in changed.items())
    yield "edited", cases.submitted({**cases.RIGHT, "q1-check": "exit()", "imports": "1 / 0"}), full
    yield "deleted", right | {"cells": cells[:3] + cells[4:]}, ("is answered", None)
    yield "blank", cases.submitted(), ("is answered", "is answered")


@first_quick(
    ("name", "notebook", "expected"), [*odd_notebooks()], ids=lambda v: v if isinstance(v, str) else ""
)
def test_what_honest_students_do_to_notebooks_costs_what_is_not_answered(tmp_path, name, notebook, expected):
    work = cases.load(tmp_path / "homework")
    read = cases.read(cases.hand_in(tmp_path, name, notebook), work)
    drawn = [marking.draw(item, name, 0) for item in work.coded]
    jobs = [
        marking.job(work, item, read.code, calls, edited=read.edited)
        for item, calls in zip(work.coded, drawn, strict=True)
    ]
    outcomes = [outcome for outcome, _ in homework_batch.run(jobs, tmp_path)]
    assert expected == tuple(
        marking.mark(*asked).lost for asked in zip(work.coded, outcomes, drawn, strict=True)
    )
