"""The notebooks' questions as a sheet to print: all questions, and, on a page of their own, the answers."""

from pathlib import Path

from lecturelib import questions
from lecturelib.files import render
from lecturelib.questions import Question
from workshop import notebooks
from workshop.files import TEMPLATES


def pages(root: Path) -> dict[str, str]:
    """The page `teaching/questions.md`."""
    asked = {n: questions.read([n.read()]) for n in notebooks.find(root / "notebooks")}
    shown = {n: found for n, found in asked.items() if found}
    sheet = render("questions.md.j2", TEMPLATES, shown=shown, fields=_fields)
    return {"teaching/questions.md": f"{sheet}\n"}


def _fields(asked: Question) -> list[str]:
    """What is written below a question, to tick or to fill in."""
    if asked.kind == "number":
        return [f"______ {asked.unit}"]
    if asked.kind == "curve":
        x, y = asked.labels
        given = f"Given: {questions.text_of(asked.truth[0])} at {questions.text_of(asked.x[0])}."
        return [given, *(f"{y} at {x} = {questions.text_of(asked.x[i])}: ______" for i in asked.places)]
    return [f"☐ {answer}" for answer in asked.lettered]
