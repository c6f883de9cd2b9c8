"""Submissions as they come: named by students and by portals, damaged, oversized, linked, reordered."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lecturelib.grading import submissions
from tests import grading_cases as cases

NAME = "9_small"


@pytest.fixture
def work(tmp_path):
    return cases.load(tmp_path / "homework")


def found(folder, *files, name=NAME):
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("{}")
    return submissions.find([folder], name)


@pytest.mark.parametrize(
    ("file", "student"),
    [
        ("ada.ipynb", "ada"),
        ("ada/9_small.ipynb", "ada"),
        ("ada/anything at all.ipynb", "ada"),
        ("ada/9_small/9_small.ipynb", "ada"),
        ("9_small/ada.ipynb", "ada"),
        ("lovelaceada_1234_56789_9_small-2.ipynb", "lovelaceada_1234"),
        ("lovelaceada_LATE_1234_56789_9_small.ipynb", "lovelaceada_1234"),
    ],
)
def test_the_student_is_called_after_file_or_folder(tmp_path, file, student):
    assert [s.student for s in found(tmp_path / "in", file)] == [student]


def test_a_file_given_by_itself_and_a_students_own_folder(tmp_path):
    path = tmp_path / "ada" / "9_small.ipynb"
    found(tmp_path, "ada/9_small.ipynb")
    for given_path in (path, path.parent):
        assert [s.student for s in submissions.find([given_path], NAME)] == ["ada"]


@given(st.text(min_size=1))
def test_a_safe_name_is_a_file_name_and_no_formula(raw):
    name = submissions.safe_name(raw)
    assert name == os.path.basename(name)
    assert name[0] not in ".-=+@"
    assert not set(name) & set("/\\\0\"'<>&,;\n")
    assert len(name) <= 85


@pytest.mark.parametrize("raw", ["../../etc/passwd", "..", "=cmd()", "-rf", "<script>", "a/b", "con\0"])
def test_names_that_would_lead_elsewhere_do_not(raw):
    assert submissions.safe_name(raw) != raw


def test_different_names_stay_different_and_plain_ones_stay_as_they_are():
    assert submissions.safe_name("a b") != submissions.safe_name("a?b")
    assert submissions.safe_name("Zoë.Müller-2") == "Zoë.Müller-2"


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        submissions.find([tmp_path / "nowhere"], NAME)
    with pytest.raises(ValueError, match="no notebook"):
        submissions.find([tmp_path], NAME)


def test_checkpoints_are_no_submissions(tmp_path):
    assert len(found(tmp_path, "ada/9_small.ipynb", "ada/.ipynb_checkpoints/9_small-checkpoint.ipynb")) == 1


def test_of_several_notebooks_the_one_with_the_right_name_counts(tmp_path):
    (one,) = found(tmp_path / "a", "ada/9_small.ipynb", "ada/scratch.ipynb")
    assert (one.path.name, one.problem) == ("9_small.ipynb", None)
    (one,) = found(tmp_path / "b", "ada/first.ipynb", "ada/second.ipynb")
    assert "2 notebooks" in one.problem


def test_links_pipes_and_huge_files_are_not_opened(tmp_path, monkeypatch):
    target = tmp_path / "bob.ipynb"
    target.write_text("{}")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "ada.ipynb").symlink_to(target)
    os.mkfifo(folder / "eve.ipynb")
    (folder / "max.ipynb").write_bytes(b" " * (submissions.MAX_BYTES + 1))
    problems = [s.problem for s in submissions.find([folder], NAME)]
    assert ["link" in problems[0], "link" in problems[1], "too large" in problems[2]] == [True] * 3


BROKEN = [
    "",
    "not JSON",
    "[]",
    "null",
    "{}",
    '{"cells": 3}',
    '{"cells": [3]}',
    '{"cells": [{}]}',
    '{"cells": [{"cell_type": "code", "source": 3}]}',
    '{"cells": [{"cell_type": "code", "source": "\\ud800"}]}',
    '{"cells": [{"cell_type": "code", "source": "x", "metadata": {"nbgrader": 7}}]}',
    '{"worksheets": [{"cells": []}], "nbformat": 3}',
    "[" * 100_000,
    '{"cells": [], "metadata": []}',
]


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_notebook_is_a_problem_of_its_student(tmp_path, work, text):
    assert "not a Jupyter notebook" in cases.read(cases.hand_in(tmp_path, "ada", text), work).problem


def test_bytes_that_are_no_text_too(tmp_path, work):
    path = tmp_path / "ada.ipynb"
    path.write_bytes(b"\xff\xfe\x00{")
    assert "not a Jupyter notebook" in cases.read(path, work).problem


def test_a_notebook_of_another_assignment_is_told_so(tmp_path, work):
    notebook = cases.submitted(metadata={"lecturelib": {"assignment": "1_other"}})
    assert "another assignment" in cases.read(cases.hand_in(tmp_path, "ada", notebook), work).problem


def test_the_students_cells_are_read_in_order_and_what_was_given_is_left_out(tmp_path, work):
    notebook = cases.submitted({**cases.RIGHT, "q3": "My reasons."})
    notebook["cells"].insert(
        0, {"cell_type": "code", "source": ["helper = 1\n", "other = 2"], "metadata": {}}
    )
    contents = cases.read(cases.hand_in(tmp_path, "ada", notebook), work)
    assert [text for _, text in contents.code] == ["helper = 1\nother = 2", *cases.RIGHT.values()]
    assert dict(contents.written) == {"q3": "My reasons."}


def test_an_edited_check_or_given_cell_is_left_out_by_its_id_and_a_stripped_one_by_its_text(tmp_path, work):
    edited = cases.submitted({**cases.RIGHT, "q1-check": "import os; os._exit(0)", "imports": "1 / 0"})
    stripped = cases.submitted(cases.RIGHT)
    for cell in stripped["cells"]:
        cell["metadata"] = {}
    for notebook in (edited, stripped):
        contents = cases.read(cases.hand_in(tmp_path, "ada", notebook), work)
        assert [text for _, text in contents.code] == list(cases.RIGHT.values())


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("if True:\n    !pip install x\n    y = 2", "if True:\n    pass\n    y = 2"),
        ("?print", "pass"),
        ("%%time\nx = 1", "x = 1"),
        ("%%bash\nrm -rf x", ""),
        ("x = (7\n     % 4)", "x = (7\n     % 4)"),
        ("def broken(", "def broken("),
    ],
)
def test_magics_are_left_out_and_code_is_not(text, run):
    assert submissions.without_magics(text) == run


def test_a_notebook_written_by_hand_in_another_editor_is_read(tmp_path, work):
    cell = {"cell_type": "code", "source": cases.RIGHT["q1"]}
    path = cases.hand_in(tmp_path, "ada", json.dumps({"cells": [cell]}))
    assert cases.read(path, work).code == ((0, cases.RIGHT["q1"]),)
