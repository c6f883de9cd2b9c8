"""Submissions as they come: named by students and by portals, damaged, oversized, linked, reordered."""

import json
import os
import re
import subprocess
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workshop.grading import grading_cases as cases
from workshop.grading import names, submissions
from workshop.grading.inside import magics

NAME = "9_small"


@pytest.fixture
def work(tmp_path):
    return cases.load(tmp_path / "homework")


def found(folder, *files, name=NAME):
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("{}")
    return submissions.find([folder], name)


def test_a_file_given_by_itself_and_a_students_own_folder(tmp_path):
    path = tmp_path / "ada" / "9_small.ipynb"
    found(tmp_path, "ada/9_small.ipynb")
    for given_path in (path, path.parent):
        assert [s.student for s in submissions.find([given_path], NAME)] == ["ada"]


@given(st.text(min_size=1))
def test_a_safe_name_is_a_file_name_and_no_formula(raw):
    name = names.safe_name(raw)
    assert name == os.path.basename(name)
    assert name[0] not in ".-=+@"
    assert not set(name) & set("/\\\0\"'<>&,;\n")
    assert len(name) <= 97
    assert len(name.encode()) <= 197


LEADING = ["../../etc/passwd", "..", "=cmd()", "-rf", "<script>", "a/b", "con\0"]
WINDOWS = ["con", "Aux.x", "COM¹", "lpt9.ipynb", "ada.", "..."]


@pytest.mark.parametrize("raw", [*LEADING, *WINDOWS])
def test_names_that_would_lead_elsewhere_or_are_no_files_on_windows_are_changed(raw):
    assert names.safe_name(raw) != raw
    assert names.safe_name(raw)[-1] not in ". "


def test_different_names_stay_different_and_plain_ones_stay_as_they_are():
    assert names.safe_name("a b") != names.safe_name("a?b")
    assert names.safe_name("Zoë.Müller-2") == "Zoë.Müller-2"


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_safe_name_belongs_to_one_name_as_unicode_counts_names(first, second):
    one, two = (unicodedata.normalize("NFC", raw) for raw in (first, second))
    assert (names.safe_name(first) == names.safe_name(second)) == (one == two)


@given(st.text(min_size=1))
def test_the_safe_name_of_one_is_not_taken_by_another(raw):
    name = names.safe_name(raw)
    assert name == raw or names.safe_name(name) != name or not re.search("-[0-9a-f]{16}$", name)


def test_names_are_told_apart_by_sixteen_digits_and_bytes_that_are_no_text_too():
    name = names.safe_name("Ada Lovelace")
    assert re.fullmatch("Ada_Lovelace-[0-9a-f]{16}", name)
    assert names.safe_name(name) != name
    assert names.safe_name("jos\udce9") != names.safe_name("jos\udce8")
    assert names.safe_name("Zoe\u0308") == names.safe_name("Zo\u00eb") == "Zo\u00eb"


@pytest.mark.parametrize(
    "files",
    [
        ("ada.ipynb", "ada/9_small.ipynb"),
        ("lovelaceada_1234.ipynb", "lovelaceada_1234_5_9_small.ipynb"),
        ("lovelaceada_1234/9_small.ipynb", "lovelaceada_1234_5_9_small.ipynb"),
        ("Zoe\u0308.ipynb", "Zo\u00eb.ipynb"),
    ],
)
def test_two_sources_of_one_name_are_said_and_neither_is_graded(tmp_path, files):
    (one,) = found(tmp_path / "in", *files)
    assert one.problem.startswith("More than one file or folder has this name: ")
    for file in files:
        assert file.split("/")[0].split("_5_")[0] in one.problem


def test_nobody_is_graded_by_a_file_of_somebody_else(tmp_path):
    """A folder is called as another student's name was made safe, by four digits or by all."""
    made = names.safe_name("Ada Lovelace")
    files = ["Ada Lovelace.ipynb", "Ada_Lovelace-7674/1_adaptive_methods.ipynb", f"{made}/9_small.ipynb"]
    students = found(tmp_path, *files)
    assert [s.problem for s in students] == [None] * 3
    assert {s.student: str(s.path.relative_to(tmp_path)) for s in students}[made] == files[0]


def test_of_a_students_files_from_canvas_the_one_with_the_right_name_counts(tmp_path):
    (one,) = found(tmp_path, "turingalan_88_1001_9_small-2.ipynb", "turingalan_88_1002_scratch.ipynb")
    assert (one.student, one.path.name, one.problem) == (
        "turingalan_88",
        "turingalan_88_1001_9_small-2.ipynb",
        None,
    )


def test_a_folder_without_end_is_its_students_problem(tmp_path):
    folder = tmp_path / "eve"
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1200):  # step by step: the whole path is too long for one call
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)
    try:
        ada, eve = found(tmp_path, "ada.ipynb", "eve/9_small.ipynb")
        with pytest.raises(ValueError, match="give --assignment"):
            submissions.assignment_named([tmp_path], [NAME])
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)  # Python's own way recurses
    assert (ada.problem, eve.student) == (None, "eve")
    assert "too deep" in eve.problem


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_its_students_problem(tmp_path, work):
    found(tmp_path, "ada.ipynb", "bob.ipynb", "eve/9_small.ipynb")
    for closed in ("bob.ipynb", "eve"):
        (tmp_path / closed).chmod(0)
    ada, bob, eve = submissions.find([tmp_path], NAME)
    (tmp_path / "eve").chmod(0o700)
    assert (ada.problem, "cannot be read" in eve.problem) == (None, True)
    assert submissions.read(bob, work).problem
    with pytest.raises(ValueError, match="give --assignment"):
        submissions.assignment_named([tmp_path], [NAME])


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
    assert one.problem == "There are 2 notebooks, first.ipynb, second.ipynb; hand in one, 9_small.ipynb."


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


@pytest.mark.parametrize("data", [*(text.encode() for text in BROKEN), b"\xff\xfe\x00{"])
def test_what_is_no_notebook_is_a_problem_of_its_student(tmp_path, work, data):
    (tmp_path / "ada.ipynb").write_bytes(data)
    assert "not a Jupyter notebook" in cases.read(tmp_path / "ada.ipynb", work).problem


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
    for notebook, texts in ((edited, ["import os; os._exit(0)"]), (stripped, [])):
        contents = cases.read(cases.hand_in(tmp_path, "ada", notebook), work)
        assert [text for _, text in contents.code] == list(cases.RIGHT.values())
        assert [text for _, text in contents.edited] == texts


def test_magics_are_read_once_however_many_there_are():
    start = time.process_time()
    assert magics.without_cell_magics("%%time\n" * 1_000_000 + "x = 1") == "x = 1"
    assert time.process_time() - start < 20  # 1 s; what is copied for each line would take hours


@pytest.mark.parametrize("text", ["a;" * 4_000_000, "-" * 10**6 + "1", "f(" * 10**6, "a" + ".b" * 10**6])
def test_the_grader_does_not_parse_what_a_cell_says(tmp_path, work, text):
    notebook = cases.submitted({**cases.RIGHT, "q2": text})
    path = cases.hand_in(tmp_path, "eve", notebook)
    read = cases.read(path, work)
    assert [code for _, code in read.code] == [cases.RIGHT["q1"], submissions.TOO_LONG]
    with pytest.raises(ValueError, match="a cell of more than 200000 characters is not run"):
        exec(submissions.TOO_LONG)


def test_what_a_notebook_may_hold_is_bounded(tmp_path, work):
    many = cases.submitted(cases.RIGHT)
    many["cells"] += [{"cell_type": "code", "source": "x"}] * submissions.MAX_CELLS
    assert "more than 2000 cells" in cases.read(cases.hand_in(tmp_path, "eve", many), work).problem
    much = cases.submitted({**cases.RIGHT, "q3": "word " * 10**6})
    read = cases.read(cases.hand_in(tmp_path, "eve", much), work)
    assert len(dict(read.written)["q3"]) < submissions.MAX_CELL + 100
    assert dict(read.written)["q3"].endswith("[cut after 200000 characters]")
    much["cells"] += [{"cell_type": "code", "source": "x" * submissions.MAX_CELL}] * 6
    assert "characters of code" in cases.read(cases.hand_in(tmp_path, "eve", much), work).problem


def test_a_mark_of_the_byte_order_is_no_damage(tmp_path, work):
    path = cases.hand_in(tmp_path, "ada", "\ufeff" + json.dumps(cases.submitted(cases.RIGHT)))
    assert cases.read(path, work).problem is None


def test_a_notebook_written_by_hand_in_another_editor_is_read(tmp_path, work):
    cell = {"cell_type": "code", "source": cases.RIGHT["q1"]}
    path = cases.hand_in(tmp_path, "ada", json.dumps({"cells": [cell]}))
    assert cases.read(path, work).code == ((0, cases.RIGHT["q1"]),)
