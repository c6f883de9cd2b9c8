"""An assignment as the grader needs it: questions, points, what runs before the answers."""

import linecache
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from workshop.grading import source
from workshop.grading.questions import Question

HEADING = re.compile(r"^## (\d+)\. (.+) \((\d+(?:\.\d+)?) points?, (\d+) minutes\)$", re.MULTILINE)
RECORDED = 0.1  # the share of an assignment's points that one question may have which can be forged
RUBRIC = re.compile(r"^- (\d+(?:\.\d+)?) points?: ", re.MULTILINE)


@dataclass(frozen=True)
class Item:
    """One question; where it is not `Coded`, its answer is written, and marked by hand.

    Args:
        id: q1, q2, ...
        title: of its heading.
        points, minutes: as the heading says.
        answer: text of the answer cell, with the solution.
    """

    id: str
    title: str
    points: float
    minutes: int
    answer: str


@dataclass(frozen=True)
class Coded(Item):
    """A question whose answer is a function: how it is graded, and the text of the cell that says so."""

    question: Question
    grader: str

    def earned(self, lost: str | None) -> float:
        """The points of an answer that has lost this property, or none."""
        return self.points * (1.0 if lost is None else self.question.partial.get(lost, 0.0))


@dataclass(frozen=True)
class Assignment:
    """One assignment.

    Args:
        name: N_topic.
        title: its first heading.
        items: the questions in order.
        setup: given code that runs before the answers.
        given: texts of all cells that are the notebook's own, by grade_id; a submission's copies are not run.
        prose: texts of the markdown cells that everybody sees.
        common: text of grader cells that define no question, which all questions may use.
        data: names of the data files it reads.
    """

    name: str
    title: str
    items: tuple[Item, ...]
    setup: tuple[str, ...]
    given: dict[str, str]
    prose: tuple[str, ...]
    common: str
    data: tuple[str, ...]

    @property
    def coded(self) -> tuple[Coded, ...]:
        """The questions that are graded by running the answer."""
        return tuple(i for i in self.items if isinstance(i, Coded))

    @property
    def written(self) -> tuple[Item, ...]:
        """The questions that are marked by hand."""
        return tuple(i for i in self.items if not isinstance(i, Coded))

    def item(self, id: str) -> Coded:
        """The coded question of that id.

        Raises:
            KeyError: no such question.
        """
        return {i.id: i for i in self.coded}[id]


def load(path: Path) -> Assignment:
    """Read a source notebook and run its grader cells.

    Raises:
        ValueError: it is not written as homework/README.md says; the message names the cell and the remedy.
    """
    return of(source.read(path), path.parent.name if path.name == "source.ipynb" else path.stem)


def of(contents: nbformat.NotebookNode, name: str) -> Assignment:
    """The same from a source notebook that has been read.

    Raises:
        ValueError: as in `load`.
    """
    headings = _headings(contents, name)
    questions, common = _questions(contents, name)
    named = [cell for cell in contents.cells if "grade_id" in source.role(cell)]
    cells = {source.role(cell)["grade_id"]: cell for cell in named}
    if len(cells) != len(named):
        raise ValueError(f"{name}: two cells have the same grade_id")
    items = []
    for id, heading in headings.items():
        if id not in cells:
            raise ValueError(f"{name}: the heading of {id} has no cell of that grade_id below it")
        own = questions.pop(id, None)
        graded = cells.get(f"{id}-check") if own else cells[id]
        if graded is None or source.role(graded).get("points") != heading[1]:
            raise ValueError(
                f"{name}: {id} needs a graded cell of {heading[1]:g} points, as its heading says"
            )
        answer = cells[id].source
        if own is None:
            items.append(_written(name, Item(id, *heading, answer)))
        else:
            above = contents.cells[: contents.cells.index(graded)]
            items.append(_coded(name, Coded(id, *heading, answer, *own), above))
    _few_points_for_what_is_recorded(name, items)
    if questions:
        raise ValueError(f"{name}: {', '.join(questions)}: no heading `## N. Title (P points, M minutes)`")

    code = [c for c in contents.cells if c.cell_type == "code" and not source.tagged(c, source.GRADER)]
    if loose := [c.source.splitlines()[:1] for c in code if "grade_id" not in source.role(c)]:
        raise ValueError(f"{name}: code without a grade_id: {loose[0]}; use source.given")
    prose = [c.source for c in contents.cells if c.cell_type == "markdown" and not source.role(c)]
    title = re.search(r"^# +(.+)$", contents.cells[0].source, re.MULTILINE)
    if title is None:
        raise ValueError(f"{name}: the first cell has no heading `# Title`")
    return Assignment(
        name=name,
        title=title[1],
        items=tuple(items),
        setup=tuple(c.source for c in code if source.tagged(c, source.SETUP)),
        given={source.role(c)["grade_id"]: c.source for c in code if source.role(c)["locked"]},
        prose=(source.noted(contents.cells[0].source, name), *prose),
        common=common,
        data=tuple(contents.metadata.get("lecturelib", {}).get("data", ())),
    )


def _few_points_for_what_is_recorded(name: str, items: list[Item]) -> None:
    most = RECORDED * sum(item.points for item in items)
    for item in items:
        if isinstance(item, Coded) and item.question.recorded and item.points > most:
            raise ValueError(
                f"{name}: {item.id} rests on what the student's process recorded, which can be forged; "
                f"give it at most {most:g} points, or let it be marked by hand"
            )


def _written(name: str, item: Item) -> Item:
    rubric = sum(float(points) for points in RUBRIC.findall(source.solution_text(item.answer)))
    if rubric != item.points:
        raise ValueError(f"{name}: the rubric of {item.id} adds up to {rubric:g}, not {item.points:g} points")
    return item


def _coded(name: str, item: Coded, above: list[nbformat.NotebookNode]) -> Coded:
    function, through = item.question.function, item.question.through
    if f"def {function}(" not in source.without_solution(item.answer):
        raise ValueError(f"{name}: {item.id} does not show the student `def {function}(`")
    setup = "\n".join(c.source for c in above if source.tagged(c, source.SETUP))
    if through and through not in re.findall(r"^def (\w+)\(", setup, re.MULTILINE):  # nbgrader runs downwards
        remedy = f"define it in a `setup` cell above {item.id}-check"
        raise ValueError(f"{name}: {item.id} is called through {through}; {remedy}")
    return item


def _headings(contents: nbformat.NotebookNode, name: str) -> dict[str, tuple[str, float, int]]:
    headings = {}
    for cell in contents.cells:
        if cell.cell_type == "markdown":
            for number, title, points, minutes in HEADING.findall(cell.source):
                headings[f"q{number}"] = (title, float(points), int(minutes))
    if list(headings) != [f"q{n}" for n in range(1, len(headings) + 1)] or not headings:
        raise ValueError(f"{name}: headings are numbered {list(headings)}; number them 1, 2, ... in order")
    return headings


def _questions(contents: nbformat.NotebookNode, name: str) -> tuple[dict[str, tuple[Question, str]], str]:
    names: dict[str, Any] = {"__name__": f"grader of {name}"}
    questions: dict[str, tuple[Question, str]] = {}
    common = ""
    for number, cell in enumerate(contents.cells):
        if not source.tagged(cell, source.GRADER):
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
