"""A second run grades what changed and nothing else; a run that was killed goes on where it was."""

import os
import signal
import sqlite3
import subprocess
import sys

import nbformat
import pytest
from click.testing import CliRunner

from lecturelib.cli import main
from lecturelib.grading import command
from tests import grading_cases as cases
from tests.test_grading_hostile import ROOT, marks
from tests.test_grading_sandbox import _alive, _descendants, _wait


def grade(folder, *arguments):
    """`lecture grade` in this process."""
    options = ["--out", folder / "out", "--assignment", folder / "9_small", "--workers", 1, *arguments]
    return CliRunner().invoke(main, ["grade", str(folder / "in"), *map(str, options)])


@pytest.fixture
def folder(tmp_path):
    cases.need_bubblewrap()
    cases.write_assignment(tmp_path)
    for student in ("ada", "bob"):
        cases.hand_in(tmp_path / "in", student, cases.submitted({**cases.RIGHT, "q3": f"I am {student}."}))
    assert "4 marks given, 0 unchanged" in grade(tmp_path).output
    return tmp_path


def test_what_did_not_change_is_not_graded_again(folder):
    before = {p: p.stat().st_mtime_ns for p in (folder / "out" / "feedback").iterdir()}
    assert "0 marks given, 4 unchanged" in grade(folder).output
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_a_new_submission_changes_its_author_only(folder):
    wrong = cases.submitted({**cases.RIGHT, "q1": "def double(x):\n    return x"})
    cases.hand_in(folder / "in", "ada", wrong)
    assert "2 marks given, 2 unchanged" in grade(folder).output
    assert (marks(folder)["ada"]["total"], marks(folder)["bob"]["total"]) == ("2", "5")


def test_words_and_outputs_change_no_mark(folder):
    notebook = cases.submitted({**cases.RIGHT, "q3": "Other words.", "q1-check": "pass"})
    notebook["cells"].append({"cell_type": "markdown", "source": "More.", "metadata": {}})
    cases.hand_in(folder / "in", "ada", notebook)
    assert "0 marks given, 4 unchanged" in grade(folder).output
    assert "Other words." in (folder / "out" / "written.html").read_text()


def test_a_change_of_one_questions_grader_regrades_that_question(folder):
    cases.write_assignment(folder, second=cases.SECOND.replace("The sum of", "Add up"))
    assert "2 marks given, 2 unchanged" in grade(folder).output
    cases.write_assignment(folder, second=cases.SECOND.replace("2 * x.sum()", "3 * x.sum()"))
    assert "2 marks given, 2 unchanged" in grade(folder).output
    assert marks(folder)["ada"]["total"] == "3"


def test_marks_by_hand_are_added_and_stay(folder):
    (folder / "out" / "written.csv").write_text("student,q3\nada,4\nbob,\n")
    assert grade(folder).exit_code == 0
    assert (marks(folder)["ada"]["total"], marks(folder)["ada"]["to mark by hand"]) == ("9", "0")
    assert grade(folder).exit_code == 0
    assert marks(folder)["ada"]["total"] == "9"
    (folder / "out" / "written.csv").write_text("student,q3\nadda,4\n")
    assert "points for adda, who handed in nothing" in grade(folder).output


def test_another_seed_needs_another_folder(folder):
    done = grade(folder, "--seed", "1")
    assert done.exit_code == 2
    assert "use another --out" in done.output


def test_the_assignment_is_the_one_that_most_submissions_name(tmp_path):
    for student, name in (("a", "9_small"), ("b", "9_small"), ("c", "8_other")):
        notebook = cases.submitted(metadata={"lecturelib": {"assignment": name}})
        cases.hand_in(tmp_path, student, notebook)
    cases.hand_in(tmp_path, "d", "broken")
    assert command.named([tmp_path]) == "9_small"


def test_mistakes_are_said_before_anything_runs(tmp_path):
    cases.hand_in(tmp_path / "in", "ada", "{}")

    def lecture(*arguments):
        return CliRunner().invoke(main, ["grade", *map(str, arguments), "--out", str(tmp_path / "out")])

    for arguments, message in (
        ([tmp_path / "nowhere"], "does not exist"),
        ([tmp_path / "in"], "give --assignment"),
        ([tmp_path / "in", "--assignment", "77"], "no assignment '77'"),
        ([tmp_path / "in", "--workers", "0"], "0 is not in the range"),
    ):
        result = lecture(*arguments)
        assert result.exit_code == 2
        assert message in result.output
    assert not (tmp_path / "out").exists()


def slow_class(folder):
    """Eight students whose answers take a second; returns the command that grades them."""
    cases.write_assignment(folder, seconds=5)
    slow = {**cases.RIGHT, "q1": "import time\ndef double(x):\n    time.sleep(0.5)\n    return 2 * x"}
    for number in range(8):
        cases.hand_in(folder / "in", f"student{number}", cases.submitted(slow))
    command = [
        sys.executable,
        "-m",
        "lecturelib.cli",
        "grade",
        str(folder / "in"),
        "--out",
        str(folder / "out"),
    ]
    return [*command, "--assignment", str(folder / "9_small")]


def graded_students(folder):
    if not (folder / "out" / "marks.sqlite").exists():
        return 0
    with sqlite3.connect(folder / "out" / "marks.sqlite", timeout=30) as database:
        try:
            return database.execute("select count(distinct student) from marks").fetchone()[0]
        except sqlite3.OperationalError:  # no table yet
            return 0


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_run_that_was_stopped_goes_on(tmp_path, how):
    cases.need_bubblewrap()
    process = subprocess.Popen(
        slow_class(tmp_path), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert _wait(lambda: graded_students(tmp_path) >= 2, 300)
        children = _descendants(process.pid)
    finally:
        process.send_signal(how)
        said = process.communicate(timeout=60)[0]
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "the same command goes on" in said
        assert "Traceback" not in said
    assert children
    assert _wait(lambda: not any(map(_alive, children)), 30)

    kept = graded_students(tmp_path)
    assert 2 <= kept < 8
    done = grade(tmp_path)
    assert done.exit_code == 0, done.output
    assert f"{2 * (8 - kept)} marks given, {2 * kept} unchanged" in done.output
    assert {line["total"] for line in marks(tmp_path).values()} == {"5"}
    assert len(marks(tmp_path)) == 8


@pytest.mark.long
def test_the_order_and_number_of_workers_change_nothing(folder, tmp_path):
    first = (folder / "out" / "marks.csv").read_text()
    os.rename(folder / "out", folder / "earlier")
    assert grade(folder, "--workers", 2).exit_code == 0
    assert (folder / "out" / "marks.csv").read_text() == first


def test_the_source_may_change_its_prose_without_a_regrade(folder):
    path = folder / "9_small" / "source.ipynb"
    contents = nbformat.read(path, as_version=4)
    contents.cells[0].source += "\n\nMore words."
    nbformat.write(contents, path)
    assert "0 marks given, 4 unchanged" in grade(folder).output
