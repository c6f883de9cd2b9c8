"""The written answers of a notebook, wherever in it they stand: no split or moved cell loses one."""

from typing import NamedTuple

from workshop.grading import source
from workshop.grading.assignment import HEADING, Assignment

MAX_CELL = 200_000  # characters of an answer
ELSEWHERE = "[Nothing stands in the answer's cell. This was found elsewhere in the notebook.]"
AS_CODE = "[Nothing stands in the answer's cell. These code cells stand below the question.]"


class Cell(NamedTuple):
    """A cell as it was handed in."""

    number: int
    kind: str
    text: str
    grade_id: str | None = None
    attached: tuple[str, ...] = ()


def written(assignment: Assignment, cells: list[Cell]) -> tuple[tuple[str, str], ...]:
    """The text of each written answer that there is any of, by question.

    An answer is whatever stands in cells of its name, of any kind, and in cells of the student's own below
    the question. If that is nothing, it is what the student wrote anywhere else, with a remark.
    """
    ids = [item.id for item in assignment.written]
    prose = {text.strip() for text in assignment.prose}
    own: dict[str, list[Cell]] = {id: [] for id in ids}
    code: dict[str, list[Cell]] = {id: [] for id in ids}
    elsewhere: list[Cell] = []
    question = ""
    for cell in cells:
        heading = HEADING.search(cell.text) if cell.kind == "markdown" else None
        question = f"q{heading[1]}" if heading else question
        if cell.grade_id in own:
            own[str(cell.grade_id)].append(cell)
            question = str(cell.grade_id)
        elif cell.grade_id is None and cell.text.strip() not in prose:
            place = own if cell.kind != "code" else code
            place.get(question, elsewhere if cell.kind != "code" else []).append(cell)
    found = []
    for id in ids:
        text = _joined(own[id])
        for remark, others in ((ELSEWHERE, elsewhere), (AS_CODE, code[id])):
            if not text and (rest := _joined(others)):
                text = f"{remark}\n\n{rest}"
        cut = "" if len(text) <= MAX_CELL else f"\n[cut after {MAX_CELL} characters]"
        found.append((id, text[:MAX_CELL] + cut))
    return tuple((id, text) for id, text in found if text or own[id])


def _joined(cells: list[Cell]) -> str:
    """What a student wrote in cells, without what stood there; pictures are named, for they are not shown."""
    parts = []
    for cell in cells:
        lines = [line for line in cell.text.splitlines() if line.strip() not in source.TEXT_STUB]
        lines += [f"[A picture, {name}, is not shown here: see the notebook.]" for name in cell.attached]
        parts.append("\n".join(lines).strip("\n"))
    return "\n\n".join(part for part in parts if part.strip())
