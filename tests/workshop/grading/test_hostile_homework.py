"""The kinds of `hostile_kinds` on every assignment of homework/: nothing won, and right notebooks keep all.

Each kind attacks one question of a notebook that is right otherwise; kinds take turns through the questions.
"""

import copy
import itertools
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import nbformat
import pytest

from tests.workshop.grading import grading_cases as cases
from tests.workshop.grading.hostile_kinds import ATTACKS, LOOKS, reads
from workshop.grading import assignment, release, source

SOURCES = source.find()
HONEST = ("ada", "zoe")  # the first and the last to be graded
WRITTEN = "what-ada-wrote-2342"


def aimed(attack: str, function: str) -> str:
    """An answer to the small assignment's first question as one to a question of this function."""
    return re.sub(r"\bdouble\b", function, attack).replace(f"{function}(x)", f"{function}(x=None, *_, **__)")


def looking(look: str, answer: str, function: str) -> str:
    """A right answer that is withdrawn if the look, which returns words then, has found something."""
    return f"{look.replace('def double', 'def look')}\n{answer}\nif look(1) != 2:\n    {function} = None"


def a_class(path, folder):
    """Hand in a class; returns student -> the question that is attacked, or looked from."""
    work, name = assignment.load(path), path.parent.name
    right = release.solution(source.read(path), name)
    looks = LOOKS | {"reads": reads((WRITTEN,), (path, folder / "in" / "ada.ipynb", "/etc/passwd"))}
    aims = {}

    def hand_in(student, changed):
        contents = copy.deepcopy(right)
        for cell in contents.cells:
            cell.source = changed.get(source.role(cell).get("grade_id"), cell.source)
        cases.hand_in(folder / "in", student, nbformat.writes(contents))

    for item, (student, text) in zip(itertools.cycle(work.coded), (ATTACKS | looks).items(), strict=False):
        function = item.question.function
        answer = looking(text, item.answer, function) if student in looks else aimed(text, function)
        hand_in(student, {item.id: answer})
        aims[student] = item.id
    for student in HONEST:
        hand_in(student, {item.id: WRITTEN for item in work.written})
    return aims, set(looks)


@pytest.mark.long
@pytest.mark.weekly
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.parent.name)
def test_no_kind_of_attack_wins_its_question_of_any_assignment(path):
    cases.need_bubblewrap()
    folder = Path(tempfile.mkdtemp())  # not pytest's: that is closed to other users
    try:
        aims, looks = a_class(path, folder)
        words = [*cases.command(folder)[:-1], path.parent, "--time-limit", "0.5"]
        done = subprocess.run(
            list(map(str, words)), capture_output=True, text=True, cwd=cases.ROOT, timeout=7200, check=False
        )
        assert done.returncode == 0, done.stderr
        found = cases.marks(folder)
        assert set(found) == {*aims, *HONEST}
        for student in (*HONEST, *looks):
            lost = {question: why for question, why in cases.lost(folder, student).items() if why}
            assert lost == {}, (student, lost)
        won = [s for s, id in aims.items() if s not in looks and cases.lost(folder, s)[id] is None]
        assert won == []
        for page in (folder / "out" / "feedback").iterdir():
            assert page.stem in HONEST or WRITTEN not in page.read_text()
    finally:
        shutil.rmtree(folder)
