"""Whose a file is, as portals, browsers and systems name files; and nobody is missing."""

from pathlib import Path

import pytest

from tests.workshop.grading.test_grading_submissions import NAME, found
from workshop.grading import names, owners, submissions


@pytest.mark.parametrize(
    ("file", "student"),
    [
        ("ada.ipynb", "ada"),
        ("ada/9_small.ipynb", "ada"),
        ("ada/anything at all.ipynb", "ada"),
        ("ada/9_small/9_small.ipynb", "ada"),
        ("9_small/ada.ipynb", "ada"),
        ("lovelaceada_1234_56789_9_small-2.ipynb", "lovelaceada_1234"),  # Canvas
        ("lovelaceada_LATE_1234_56789_9_small.ipynb", "lovelaceada_1234"),
        ("o_brien_88_1001_9_small.ipynb", "o_brien_88"),
        ("anon_aB3dE_1001_9_small.ipynb", "anon_aB3dE"),
        ("LATE_anon_aB3dE_1001_9_small.ipynb", "anon_aB3dE"),
        ("Ada Lovelace_123_assignsubmission_file_/hw.ipynb", "AdaLovelace_123"),  # Moodle
        ("Ada Lovelace_123_assignsubmission_file/hw.ipynb", "AdaLovelace_123"),
        ("Zoë O'Brien_7_assignsubmission_file_hw_1_2_x.ipynb", "ZoëOBrien_7"),
        ("Participant_123_assignsubmission_file_/9_small.ipynb", "Participant_123"),
        ("Homework 9_alovelace_attempt_2026-11-01-10-00-59_hw.ipynb", "alovelace"),  # Blackboard
    ],
)
def test_the_student_is_called_after_file_or_folder_or_by_a_portal(tmp_path, file, student):
    (one,) = found(tmp_path / "in", file)
    assert (one.student, one.problem) == (student, None)


def test_two_downloads_of_one_student_are_one_source(tmp_path):
    files = [
        "Ada Lovelace_123_assignsubmission_file_/9_small.ipynb",
        "Ada Lovelace_123_assignsubmission_onlinetext_/onlinetext.html",
    ]
    (one,) = found(tmp_path / "moodle", *files)
    assert (one.student, one.problem) == ("AdaLovelace_123", None)
    files = [f"9_ada_attempt_2026-11-01-10-00-59{end}" for end in ("_9_small.ipynb", "_trial.ipynb", ".txt")]
    (one,) = found(tmp_path / "blackboard", *files)
    assert (one.student, one.problem, one.path.name) == ("ada", None, files[0])


GRADESCOPE = """---
submission_11:
  :submitters:
  - :name: Ada Lovelace
    :sid: ada1815
    :email: ada@example.org
  :created_at: 2026-11-01 10:00:00.000000000 Z
submission_12:
  :submitters:
  - :name: Emmy Noether
    :sid: ''
    :email: emmy@example.org
submission_13:
  :submitters:
  - :sid: one
  - :sid: two
"""


def test_gradescopes_folders_are_called_after_those_behind_them(tmp_path):
    (tmp_path / owners.METADATA).write_text(GRADESCOPE)
    files = [f"submission_{number}/9_small.ipynb" for number in (11, 12, 13)]
    expected = {"ada1815", names.safe_name("emmy@example.org"), "submission_13"}
    assert {s.student for s in found(tmp_path, *files)} == expected
    for text in ("- 3", "submission_11: 3", "submission_11: {}", "{", "a: &a [*a]"):
        (tmp_path / owners.METADATA).write_text(text)
        with pytest.raises(ValueError, match="not as Gradescope writes it"):
            submissions.find([tmp_path], NAME)


@pytest.mark.parametrize(
    "file",
    [
        *(
            f"ada{end}"
            for end in (".py", ".ipynb.txt", ".ipynb.json", ".zip", ".tar.gz", ".pdf", "", "/answers.csv")
        )
    ],
)
def test_what_is_no_notebook_is_listed_as_what_it_is(tmp_path, file):
    bob, ada = sorted(found(tmp_path, "bob.ipynb", file), key=lambda s: s.problem or "")
    assert (bob.student, bob.problem, ada.student) == ("bob", None, "ada")
    assert f"There is no notebook, but {Path(file).name}. Hand in one file, 9_small.ipynb" in ada.problem


@pytest.mark.parametrize("ends", [(".ipynb", "/9_small.ipynb"), (".ipynb", ".IPYNB"), (".py",)])
def test_no_files_name_commands_the_terminal_on_which_it_is_said(tmp_path, ends):
    (one,) = found(tmp_path, *(f"eve\x1b]0;owned\a\u202e{end}" for end in ends))
    assert one.problem.isprintable()
    assert "eve?]0;owned" in one.problem


def test_nobody_vanishes_and_nothing_is_made_up(tmp_path):
    (tmp_path / "ada").mkdir()
    files = ["bob.IPYNB", "._bob.ipynb", "__MACOSX/._bob.ipynb", "cem/hw.ipynb", "cem/._hw.ipynb"]
    files += [
        "cem/data.csv",
        "cem/notes.pdf",
        ".DS_Store",
        "cem/.DS_Store",
        "roster.csv",
        "marks/marks.sqlite",
    ]
    students = {s.student: s.problem for s in found(tmp_path, *files)}
    assert set(students) == {"ada", "bob", "cem", "marks"}
    assert "an empty folder" in students["ada"]
    assert students["bob"] is None
    assert students["cem"] is None
    students = {s.student for s in submissions.find([tmp_path], NAME, tmp_path / "marks")}
    assert students == {"ada", "bob", "cem"}


@pytest.mark.parametrize(
    "files",
    [("Ada.ipynb", "ada.ipynb"), ("ada/9_small.ipynb", "ADA.ipynb"), ("Eſther.ipynb", "Esther.ipynb")],
)
def test_names_that_some_systems_take_for_one_are_said(tmp_path, files):
    (one,) = found(tmp_path, *files)
    assert one.problem.startswith("More than one file or folder has this name: ")
    assert len(found(tmp_path / "others", "Straße.ipynb", "Strasse.ipynb")) == 2
