"""Every assignment of homework/: right answers get all, blank ones nothing, wrong ones lose their question.

Answers are judged many in one process (`homework_batch`); hostile ones are `test_hostile_class.py`'s part.
"""

import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.workshop.grading import grading_cases, homework_batch
from workshop.grading import assignment, release, source

ROOT = Path(__file__).parents[3]
SOURCES = source.find()
EACH = pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.parent.name)
MACHINE = re.compile(r"(/(work|root|home|tmp|Users|private|var)/|[A-Z]:\\\\|\bat 0x[0-9a-f]{6,})")


def slow(path) -> bool:
    """Whether the answers of an assignment take long: they train on data, or start threads."""
    work = load(path)
    return bool(work.data) or any(item.question.threads > 1 for item in work.coded)


@functools.cache
def load(path):
    return assignment.load(path)


JUDGED = [pytest.param(p, id=p.parent.name, marks=[pytest.mark.long] if slow(p) else []) for p in SOURCES]


def test_there_are_assignments_in_order():
    numbers = [int(p.parent.name.split("_")[0]) for p in SOURCES]
    assert numbers
    assert numbers == list(range(1, len(numbers) + 1))


@EACH
def test_it_is_a_fair_size_and_says_so(path):
    work = load(path)
    assert 4 <= len(work.coded) <= 6
    assert 1 <= len(work.written) <= 2
    first = source.read(path).cells[0].source
    assert f"{sum(i.points for i in work.items):g} points" in first
    assert f"{sum(i.minutes for i in work.items)} minutes" in first
    text = " ".join(c.source for c in source.read(path).cells if c.cell_type == "markdown")
    assert text.count("<details><summary>Hint") >= len(work.items)
    assert text.count("<details>") == text.count("</details>")


@EACH
def test_each_coded_question_has_three_typical_mistakes_and_a_section_to_reread(path):
    for item in load(path).coded:
        assert len(item.question.wrong) >= 3
        assert len({w.why for w in item.question.wrong}) == len(item.question.wrong)
        numbers = re.findall(r"notebook (\d\d)", item.question.reread)
        assert numbers, item.question.reread
        for number in numbers:
            assert list((ROOT / "notebooks").glob(f"{number}_*.ipynb"))
        for number, title in re.findall(r"notebook (\d\d), '([^']+)'", item.question.reread):
            (notebook,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
            cells = nbformat.read(notebook, as_version=4).cells
            headings = [
                line.lstrip("# ") for c in cells for line in c.source.splitlines() if line.startswith("#")
            ]
            assert title in headings, (
                f"{item.id} sends the student to {title!r}, which notebook {number} lacks"
            )


@EACH
def test_it_is_stored_clean(path):
    contents = source.read(path)
    assert not [c for c in contents.cells if c.cell_type == "code" and (c.outputs or c.execution_count)]
    assert set(contents.metadata) <= {"kernelspec", "language_info", "lecturelib"}
    assert not [m[0] for c in contents.cells for m in MACHINE.finditer(c.source)]
    assert len({c.id for c in contents.cells}) == len(contents.cells)


@pytest.mark.long
@pytest.mark.parametrize("path", JUDGED)
def test_right_blank_and_wrong_answers_get_what_they_should(path, tmp_path):
    work = load(path)
    answers, expected = [], []
    for item in work.coded:
        answers += [(item.id, item.answer), (item.id, source.without_solution(item.answer))]
        expected += [("the solution", None), ("blank", "is answered")]
        answers += [(item.id, homework_batch.edited(item, wrong)) for wrong in item.question.wrong]
        expected += [(wrong.why, wrong.loses) for wrong in item.question.wrong]
    files = [release.data_file(name) for name in work.data]
    judged = homework_batch.marks(work, answers, tmp_path, files)
    found = [(why, mark.lost) for (mark, _), (why, _) in zip(judged, expected, strict=True)]
    assert found == expected
    for (mark, seconds), (id, _), (why, lost) in zip(judged, answers, expected, strict=True):
        item = work.item(id)
        assert mark.earned == item.earned(lost)
        assert bool(mark.message) == bool(lost)
        if why == "the solution":
            assert seconds * 3 <= item.question.seconds * item.question.threads, f"{id} takes {seconds:.1f} s"


@EACH
def test_the_checks_know_every_name_that_they_use(path, tmp_path):
    cells = [c for c in source.read(path).cells if source.tagged(c, source.GRADER)]  # graders see no others
    (tmp_path / "checks.py").write_text("\n\n".join(c.source for c in cells), "utf-8")
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", "checks.py"]
    done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@EACH
def test_every_mistake_loses_a_property_that_the_check_names(path):
    for item in load(path).coded:
        names = {wrong.loses for wrong in item.question.wrong} - {"runs", "ends in time", "returns data"}
        assert all(f'"{name}"' in item.grader.split("Question(")[0] for name in names)


@EACH
def test_a_question_says_what_less_is_worth(path):
    contents, work = source.read(path), load(path)
    for item in work.coded:
        (text,) = [c.source for c in contents.cells if c.source.startswith(f"## {item.id[1:]}. ")]
        for name, share in item.question.partial.items():
            assert f'"{name}"' in item.grader.split("Question(")[0]
            assert f"{share * item.points:g} of the {item.points:g} points" in text
    first = contents.cells[0].source
    assert ("which says what less is worth" in first) == any(i.question.partial for i in work.coded)


@EACH
def test_no_solution_leaks_into_the_students_version(path):
    contents = source.read(path)
    assert leaks(contents, release.student(contents, path.parent.name)) == []


def leaks(contents, student) -> list[str]:
    """Lines of solutions and grader cells that the student's version shows, given nowhere else."""
    shown = {line.strip() for cell in student.cells for line in cell.source.splitlines()}
    note = source.NOTE.format(name=student.metadata["lecturelib"]["assignment"])
    shown -= {line.strip() for line in note.splitlines()}
    for cell in contents.cells:
        if not source.tagged(cell, source.GRADER):
            shown -= {
                line.strip() for line in source.without_solution(cell.source, cell.cell_type).splitlines()
            }
    text = nbformat.writes(student)
    words = [w for w in ("BEGIN SOLUTION", "Rubric", "Question(", "Wrong(", "HIDDEN TESTS") if w in text]
    return sorted(shown) + words


def test_a_leak_would_be_seen():
    contents = grading_cases.contents()
    assert leaks(contents, release.student(contents, "9_small")) == []
    assert "return 2 * x" in leaks(contents, release.solution(contents, "9_small"))
    student = release.student(contents, "9_small")
    student.cells.append(contents.cells[5])
    assert "Question(" in leaks(contents, student)


@EACH
def test_the_students_version_says_what_it_is_and_runs_without_the_grader(path):
    student = release.student(source.read(path), path.parent.name)
    nbformat.validate(student)
    assert student.metadata["lecturelib"]["assignment"] == path.parent.name
    for item in load(path).items:
        (cell,) = [c for c in student.cells if source.role(c).get("grade_id") == item.id]
        coded = isinstance(item, assignment.Coded)
        stub = "raise NotImplementedError()" if coded else "YOUR ANSWER HERE"
        assert stub in cell.source
        if coded:
            assert f"def {item.question.function}(" in cell.source
            assert '"""' in cell.source


def test_the_readme_describes_a_format_that_works(tmp_path):
    """The grader cell and the script of homework/README.md run as they stand there."""
    text = (ROOT / "homework" / "README.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    names = {}
    exec(blocks[0], names)
    question = names["q1"]
    assert [w.why for w in question.wrong]
    script = blocks[1].replace("homework/9_topic/source.ipynb", str(tmp_path / "source.ipynb"))
    exec(script, {})
    assert len(nbformat.read(tmp_path / "source.ipynb", as_version=4).cells) == 8


def test_make_homework_builds_all_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(release, "data_file", lambda name: tmp_path / name)
    for path in SOURCES:
        for name in load(path).data:
            (tmp_path / name).write_bytes(b"data")
        student, solution, _ = release.build(path, tmp_path / "out")
        assert {p.name for p in student.parent.iterdir()} == {f"{path.parent.name}.ipynb", *load(path).data}
        ids = [c["id"] for c in json.loads(student.read_text())["cells"]]
        assert ids == [c["id"] for c in json.loads(solution.read_text())["cells"]]
