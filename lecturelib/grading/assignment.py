"""An assignment as the grader needs it: questions, points, what runs before the answers, what is not run."""

import linecache
import re
from dataclasses import dataclass
from pathlib import Path

from lecturelib.grading import source
from lecturelib.grading.cells import GRADER, SETUP
from lecturelib.grading.questions import Question

HEADING = re.compile(r"^## (\d+)\. (.+) \((\d+(?:\.\d+)?) points?, (\d+) minutes\)$", re.MULTILINE)
RUBRIC = re.compile(r"^- (\d+(?:\.\d+)?) points?: ", re.MULTILINE)


@dataclass(frozen=True)
class Item:
    """One question, coded or written.

    Args:
        id: q1, q2, ...
        title: of its heading.
        points, minutes: as the heading says.
        question: how it is graded; None where it is written.
        grader: text of the cell that says so.
        answer: the answer cell, with the solution.
    """

    id: str
    title: str
    points: float
    minutes: int
    question: Question | None
    grader: str
    answer: str


@dataclass(frozen=True)
class Assignment:
    """One assignment.

    Args:
        name: N_topic.
        title: its first heading.
        items: the questions in order.
        setup: given code that runs before the answers.
        given: texts of all cells that are the notebook's own, by grade_id; a submission's copies are not run.
        common: text of grader cells that define no question, which all questions may use.
        data: names of the data files it reads.
    """

    name: str
    title: str
    items: tuple[Item, ...]
    setup: tuple[str, ...]
    given: dict[str, str]
    common: str
    data: tuple[str, ...]

    @property
    def coded(self) -> tuple[Item, ...]:
        return tuple(i for i in self.items if i.question is not None)

    @property
    def written(self) -> tuple[Item, ...]:
        return tuple(i for i in self.items if i.question is None)

    def item(self, id: str) -> Item:
        """The question of that id.

        Raises:
            KeyError: no such question.
        """
        return {i.id: i for i in self.items}[id]


def load(path: Path) -> Assignment:
    """Read a source notebook and run its grader cells.

    Raises:
        ValueError: it is not written as homework/README.md says; the message names the cell and the remedy.
    """
    contents = source.read(path)
    name = path.parent.name if path.name == "source.ipynb" else path.stem
    headings = _headings(contents, name)
    questions, common = _questions(contents, name)
    cells = {source.role(c)["grade_id"]: c for c in contents.cells if "grade_id" in source.role(c)}
    if len(cells) != sum("grade_id" in source.role(c) for c in contents.cells):
        raise ValueError(f"{name}: two cells have the same grade_id")

    items = []
    for id, (title, points, minutes) in headings.items():
        if id not in cells:
            raise ValueError(f"{name}: the heading of {id} has no cell of that grade_id below it")
        question, text = questions.pop(id, (None, ""))
        graded = cells.get(f"{id}-check") if question else cells[id]
        if graded is None or source.role(graded).get("points") != points:
            raise ValueError(f"{name}: {id} needs a graded cell of {points:g} points, as its heading says")
        if question is None:
            rubric = [float(p) for p in RUBRIC.findall(source.regions(cells[id].source))]
            if sum(rubric) != points:
                raise ValueError(
                    f"{name}: the rubric of {id} adds up to {sum(rubric):g}, not {points:g} points"
                )
        elif f"def {question.function}(" not in source.without_solution(cells[id].source):
            raise ValueError(f"{name}: {id} does not show the student `def {question.function}(`")
        if question and question.through and question.through not in _defined(contents, above=graded):
            remedy = f"define it in a `setup` cell above {id}-check"
            raise ValueError(f"{name}: {id} is called through {question.through}; {remedy}")
        items.append(Item(id, title, points, minutes, question, text, cells[id].source))
    if questions:
        raise ValueError(f"{name}: {', '.join(questions)}: no heading `## N. Title (P points, M minutes)`")

    code = [c for c in contents.cells if c.cell_type == "code" and not source.tagged(c, GRADER)]
    if loose := [c.source.splitlines()[:1] for c in code if "grade_id" not in source.role(c)]:
        raise ValueError(f"{name}: code without a grade_id: {loose[0]}; use cells.given")
    return Assignment(
        name=name,
        title=re.search(r"^# +(.+)$", contents.cells[0].source, re.MULTILINE)[1],
        items=tuple(items),
        setup=tuple(c.source for c in code if source.tagged(c, SETUP)),
        given={source.role(c)["grade_id"]: c.source for c in code if source.role(c)["locked"]},
        common=common,
        data=tuple(contents.metadata.get("lecturelib", {}).get("data", ())),
    )


def _defined(contents, above) -> set[str]:
    """Names of the functions that `setup` cells above this cell define; nbgrader runs from top to bottom."""
    cells = contents.cells[: contents.cells.index(above)]
    setup = [c.source for c in cells if source.tagged(c, SETUP)]
    return set(re.findall(r"^def (\w+)\(", "\n".join(setup), re.MULTILINE))


def _headings(contents, name) -> dict[str, tuple[str, float, int]]:
    headings = {}
    for cell in contents.cells:
        if cell.cell_type == "markdown":
            for number, title, points, minutes in HEADING.findall(cell.source):
                headings[f"q{number}"] = (title, float(points), int(minutes))
    if list(headings) != [f"q{n}" for n in range(1, len(headings) + 1)] or not headings:
        raise ValueError(f"{name}: headings are numbered {list(headings)}; number them 1, 2, ... in order")
    return headings


def _questions(contents, name) -> tuple[dict[str, tuple[Question, str]], str]:
    names, questions, common = {"__name__": f"grader of {name}"}, {}, ""
    for number, cell in enumerate(contents.cells):
        if not source.tagged(cell, GRADER):
            continue
        label = f"<{name}, cell {number}>"
        linecache.cache[label] = (len(cell.source), None, cell.source.splitlines(True), label)
        before = {id(value) for value in names.values()}
        exec(compile(cell.source, label, "exec"), names)
        new = {v.id: v for v in names.values() if isinstance(v, Question) and id(v) not in before}
        if twice := set(new) & set(questions):
            raise ValueError(f"{name}: {', '.join(twice)} is defined in two grader cells")
        questions.update((q, (question, cell.source)) for q, question in new.items())
        common += "" if new else cell.source
    return questions, common
