"""A second run grades what changed and nothing else; a run that was killed goes on where it was."""

import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from tests.workshop.grading import grading_cases as cases
from tests.workshop.grading.grading_cases import ROOT, grade, marks
from tests.workshop.grading.test_grading_sandbox import _alive, _descendants, _wait
from workshop.cli import main
from workshop.grading import submissions


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
    notebook = cases.submitted({**cases.RIGHT, "q3": "Other words."})
    notebook["cells"].append({"cell_type": "markdown", "source": "More.", "metadata": {}})
    cases.hand_in(folder / "in", "ada", notebook)
    assert "0 marks given, 4 unchanged" in grade(folder).output
    assert "Other words." in (folder / "out" / "written.html").read_text()


@pytest.mark.long
def test_a_change_of_one_questions_grader_regrades_that_question(folder, monkeypatch):
    cases.write_assignment(folder, second=cases.SECOND.replace("The sum of", "Add up"))
    assert "2 marks given, 2 unchanged" in grade(folder).output
    monkeypatch.setattr(cases, "TOTAL", cases.TOTAL.replace("double(x)", "3 * x"))
    cases.write_assignment(folder, second=cases.SECOND.replace("2 * x.sum()", "3 * x.sum()"))
    assert "2 marks given, 2 unchanged" in grade(folder).output
    assert marks(folder)["ada"]["total"] == "3"


@pytest.mark.long
def test_marks_by_hand_are_added_and_stay(folder):
    (folder / "out" / "written.csv").write_text("student,q3\nada,4\nbob,\n")
    assert grade(folder).exit_code == 0
    assert (marks(folder)["ada"]["total"], marks(folder)["ada"]["to mark by hand"]) == ("9", "0")
    assert grade(folder).exit_code == 0
    assert marks(folder)["ada"]["total"] == "9"
    (folder / "out" / "written.csv").write_text("student;Q3\nada;\nbob;\n")
    assert "needs the headings" in grade(folder).output
    (folder / "out" / "written.csv").unlink()
    assert grade(folder).exit_code == 0
    assert marks(folder)["ada"]["total"] == "9"
    assert (folder / "out" / "written.csv").read_text("utf-8-sig").split() == ["student,q3", "ada,4", "bob,"]
    (folder / "out" / "written.csv").write_text("student;q3\nada;-\nbob;2,5\n")
    assert grade(folder).exit_code == 0
    assert (marks(folder)["ada"]["total"], marks(folder)["bob"]["total"]) == ("5", "7.5")
    (folder / "out" / "written.csv").write_text("student,q3\nadda,4\n")
    assert "points for adda, who handed in nothing" in grade(folder).output


@pytest.mark.long
def test_a_gradebook_is_filled_in_and_each_student_listed(folder):
    (folder / "book.csv").write_text("ID,Homework\nada,\ncem,1\n")
    book = ["--gradebook", folder / "book.csv", "Homework"]
    assert "--identity COLUMN takes one of ID, Homework" in " ".join(grade(folder, *book).output.split())
    said = grade(folder, *book, "--identity", "ID").output
    assert "ada: left out, to be marked by hand" in said
    (folder / "out" / "written.csv").write_text("student,q3\nada,4\nbob,1\n")
    said = grade(folder, *book, "--identity", "ID").output
    assert "ada: in the line of ada" in said
    assert "bob: in no line of it" in said
    assert (folder / "out" / "gradebook.csv").read_text().split() == ["ID,Homework", "ada,9"]


def test_whose_file_is_gone_is_left_out_until_it_is_back(folder):
    (folder / "out" / "written.csv").write_text("student,q3\nada,4\nbob,1\n")
    assert grade(folder).exit_code == 0
    (folder / "in" / "ada.ipynb").rename(folder / "ada.ipynb")
    assert "ada: left out, for the file is no longer there" in grade(folder).output
    assert set(marks(folder)) == {"bob"}
    assert [p.stem for p in (folder / "out" / "feedback").iterdir()] == ["bob"]
    assert "ada" not in (folder / "out" / "index.html").read_text()
    assert (folder / "out" / "questions.csv").read_text("utf-8-sig").splitlines()[1].split(",")[2] == "1"
    (folder / "ada.ipynb").rename(folder / "in" / "ada.ipynb")
    assert "0 marks given, 4 unchanged" in grade(folder).output
    assert (marks(folder)["ada"]["total"], marks(folder)["bob"]["total"]) == ("9", "6")


@pytest.mark.long
def test_a_late_notebook_by_itself_leaves_the_others_where_they_are(folder):
    cases.hand_in(folder / "late", "eve", cases.submitted(cases.RIGHT))
    arguments = ["grade", folder / "late", "--out", folder / "out", "--assignment", folder / "9_small"]
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    assert set(marks(folder)) == {"ada", "bob", "eve"}


def test_groups_without_a_gradebook_are_no_use(folder):
    (folder / "groups.csv").write_text("who,group\nada,red\nbob,red\n")
    groups = ["--groups", folder / "groups.csv", "who", "group"]
    assert "give --gradebook as well" in grade(folder, *groups).output
    (folder / "in" / "bob.ipynb").unlink()
    (folder / "book.csv").write_text("ID,Homework\nada,\nbob,\n")
    (folder / "out" / "written.csv").write_text("student,q3\nada,4\n")
    said = grade(folder, *groups, "--gradebook", folder / "book.csv", "Homework", "--identity", "ID").output
    assert "ada, bob: in the line of bob" in said
    assert (folder / "out" / "gradebook.csv").read_text().split() == ["ID,Homework", "ada,9", "bob,9"]


def test_another_seed_needs_another_folder(folder):
    done = grade(folder, "--seed", "1")
    assert done.exit_code == 2
    assert "use another --out" in done.output


def naming(name):
    """A notebook whose metadata say this of its assignment."""
    return cases.submitted(metadata={"lecturelib": {"assignment": name}})


def test_the_assignment_is_what_most_students_name_once_each_and_only_if_it_is_known(tmp_path):
    cases.hand_in(tmp_path, "d", "broken")
    for number in range(5):
        cases.hand_in(tmp_path / "eve", f"copy{number}", naming("8_other"))
        cases.hand_in(tmp_path / "max", f"copy{number}", naming(str(tmp_path / "eve" / "copy0.ipynb")))
    for student in ("ada", "bob"):
        cases.hand_in(tmp_path, student, naming("9_small"))
    assert submissions.assignment_named([tmp_path], ["8_other", "9_small"]) == "9_small"
    with pytest.raises(ValueError, match="give --assignment"):
        submissions.assignment_named([tmp_path / "max"], ["8_other", "9_small"])


@pytest.mark.long
def test_no_cell_of_a_students_notebook_is_run_as_the_graders(tmp_path, monkeypatch):
    """A submission names itself, or a folder with a source of its own, as the assignment."""
    mark = tmp_path / "run"
    for part in ("notebooks", "homework/2_bias_variance", "lecturelib", "workshop"):
        (tmp_path / part).mkdir(parents=True)
    nbformat.write(cases.contents(), tmp_path / "homework" / "2_bias_variance" / "source.ipynb")
    hostile = cases.contents()
    hostile.cells[5].source += f"\nopen({str(mark)!r}, 'w').close()"
    monkeypatch.chdir(tmp_path)
    for number, wanted in enumerate(
        ("in/eve/hw.ipynb", str(tmp_path / "in/eve/hw.ipynb"), "2_bias_variance")
    ):
        hostile.metadata["lecturelib"] = {"assignment": wanted}
        for place in ("in/eve/hw.ipynb", "2_bias_variance/source.ipynb"):
            Path(place).parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(hostile, place)
        arguments = ["grade", "in", "--out", f"out{number}", "--workers", "1"]
        assert CliRunner().invoke(main, arguments).exit_code == (0 if number == 2 else 2)
        assert not mark.exists()
    for wanted in ("2", "2_bias_variance"):
        assert CliRunner().invoke(main, [*arguments, "--assignment", wanted]).exit_code == 0
        assert not mark.exists()


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
    """Eight students whose answers take a second."""
    cases.write_assignment(folder, seconds=5)
    slow = {**cases.RIGHT, "q1": "import time\ndef double(x):\n    time.sleep(0.5)\n    return 2 * x"}
    for number in range(8):
        cases.hand_in(folder / "in", f"student{number}", cases.submitted(slow))


def graded_students(folder):
    if not (folder / "out" / "marks.sqlite").exists():
        return 0
    with sqlite3.connect(folder / "out" / "marks.sqlite", timeout=30) as database:
        try:
            return database.execute("select count(distinct student) from marks").fetchone()[0]
        except sqlite3.OperationalError:  # no table yet
            return 0


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_run_that_was_stopped_goes_on(tmp_path, how):
    cases.need_bubblewrap()
    slow_class(tmp_path)
    process = subprocess.Popen(
        cases.command(tmp_path), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
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
