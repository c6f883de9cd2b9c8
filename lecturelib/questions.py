"""Questions to the reader, asked before the figure and answered from the arrays that the figure draws.

A question is a cell of its own: `guess = questions.choice(...)`, `number` or `curve`. In the cell that shows
the figure the last line, `guess.answer()`, leaves the answer, folded. Both are plain HTML and need neither
kernel nor script; the site, the slides and the printed sheet make theirs of the record.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lecturelib import claims, records
from lecturelib.records import number as text_of

QUESTION = "application/vnd.lecturelib.question+json"
ASKED_AT = 4  # points of a curve at which a page without scripts asks for a number
_BOX = "border: 1px solid currentColor; border-radius: 0.4em; margin: 0.5em 0; padding: 0.3em 0.9em 0.6em"


@dataclass(frozen=True)
class Question:
    """One question: a choice with `answers`, a number with `value`, or a curve with `x` and `truth`.

    The functions that ask say what the fields are; `kind` is "choice", "number" or "curve".
    """

    id: str
    kind: str
    question: str
    explanation: str
    answers: tuple[str, ...] = ()
    right: int = -1
    value: float = 0.0
    tolerance: float = 0.0
    unit: str = ""
    x: tuple[float, ...] = ()
    truth: tuple[float, ...] = ()
    labels: tuple[str, str] = ("", "")
    log: tuple[bool, bool] = (True, True)
    domain: tuple[float, float] = (0.0, 0.0)

    def _ipython_display_(self) -> None:
        """Nothing: the function that asks has shown it."""

    @property
    def solution(self) -> str:
        """The answer in words."""
        if self.kind == "choice":
            return self.answers[self.right] if self.right >= 0 else "At these parameters, none of them alone"
        if self.kind == "number":
            return f"{text_of(self.value)} {self.unit}".strip()
        places = (f"{text_of(self.truth[i])} at {text_of(self.x[i])}" for i in self.places)
        return f"{self.labels[1]}: {', '.join(places)}"

    @property
    def places(self) -> list[int]:
        """The points of a curve at which a page without scripts asks, the first being given."""
        return np.unique(np.linspace(1, len(self.x) - 1, ASKED_AT).round().astype(int)).tolist()

    @property
    def lettered(self) -> list[str]:
        """The answers to choose from, each with its letter."""
        return [f"{letter}. {answer}" for letter, answer in zip("ABCD", self.answers, strict=False)]

    def __html__(self) -> str:
        """The question as a page without scripts asks it."""
        name = f"question-{self.id}"
        if self.kind == "choice":
            fields = [f'<input type="radio" name="{name}"> {escape(text)}' for text in self.lettered]
        elif self.kind == "number":
            fields = [f'<input type="number" step="any"> {escape(self.unit)}']
        else:
            x, y = map(escape, self.labels)
            given = f"{y} = {text_of(self.truth[0])} at {x} = {text_of(self.x[0])}."
            asked = (f'{x} = {text_of(self.x[i])}: <input type="number" step="any">' for i in self.places)
            fields = [f"Given: {given}", *asked]
        lines = "".join(f'<div><label style="display: inline">{field}</label></div>' for field in fields)
        title = f"<legend><b>Your guess first.</b> {escape(self.question)}</legend>"
        return f'<fieldset class="lecture-question" style="{_BOX}">{title}{lines}</fieldset>'

    def answer(self) -> None:
        """Leave the answer, folded: after the figure that shows it."""
        line = f"Answer {self.id}: {self.solution}. {self.explanation}"
        summary = f"<summary><b>You were asked:</b> {escape(self.question)}</summary>"
        body = f"<p><b>{escape(self.solution)}.</b> {escape(self.explanation)}</p>"
        records.show(line, f'<details class="lecture-answer" style="{_BOX}">{summary}{body}</details>')


def choice(id: str, question: str, answers: Mapping[str, bool], *, explanation: str) -> Question:
    """Ask which of two to four answers is right.

    Args:
        id: the notebook's number and the question's name, such as "05.settled-variance".
        question: ends in a question mark.
        answers: each with whether it is true, computed from what the figure draws; exactly one is. With a
            reader's own parameters it may be another one, or none.
        explanation: why, in a sentence or two.

    Raises:
        ValueError: the question is not well formed, or (in strict runs) not exactly one answer is true.

    >>> from lecturelib import questions
    >>> guess = questions.choice("04.coin", "Two heads in a row: how often?", {"1/2": False, "1/4": True},
    ...                          explanation="The throws are independent.")
    Question 04.coin: Two heads in a row: how often? A. 1/2 B. 1/4
    >>> guess.answer()
    Answer 04.coin: 1/4. The throws are independent.
    """
    true = [place for place, holds in enumerate(answers.values()) if holds]
    if not 2 <= len(answers) <= 4:
        raise ValueError(f"question {id}: {len(answers)} answers; give two to four")
    if len(true) != 1 and claims.strict():
        raise ValueError(f"question {id}: {len(true)} of its answers are true; exactly one should be")
    right = true[0] if len(true) == 1 else -1
    return _ask(Question(id, "choice", question, explanation, answers=tuple(answers), right=right))


def number(
    id: str, question: str, value: float, *, tolerance: float, unit: str = "", explanation: str
) -> Question:
    """Ask for a number.

    Args:
        id: as for `choice`.
        question: ends in a question mark.
        value: the truth, computed.
        tolerance: how far off a guess may be and counts as right, > 0, same unit.
        unit: "%", "steps".
        explanation: why, in a sentence or two.

    Raises:
        ValueError: the question is not well formed.
    """
    if not (np.isfinite(value) and tolerance > 0):
        raise ValueError(
            f"question {id}: value={value}, tolerance={tolerance}: give finite ones, tolerance > 0"
        )
    facts: dict[str, Any] = {"value": float(value), "tolerance": float(tolerance), "unit": unit}
    return _ask(Question(id, "number", question, explanation, **facts))


def curve(
    id: str,
    question: str,
    x: ArrayLike,
    truth: ArrayLike,
    *,
    labels: tuple[str, str],
    log: tuple[bool, bool] = (True, True),
    domain: tuple[float, float],
    explanation: str,
) -> Question:
    """Ask for a curve, to be drawn; its first point is given.

    Args:
        id: as for `choice`.
        question: ends in a question mark.
        x: increasing, 3 to 20 points.
        truth: a value at each x, as the figure draws it.
        labels: of the two axes.
        log: whether each axis is logarithmic.
        domain: lowest and highest value of the y axis; wide enough for the tempting wrong curves.
        explanation: why, in a sentence or two.

    Raises:
        ValueError: the question is not well formed.
    """
    places, values = (np.asarray(v, dtype=float) for v in (x, truth))
    if places.shape != values.shape or not 3 <= places.size <= 20 or not np.isfinite(values).all():
        raise ValueError(
            f"question {id}: give 3 to 20 points with finite values; got {places.size} x, {values.size}"
        )
    low, high = (float(end) for end in domain)
    if not low <= values.min() <= values.max() <= high:
        raise ValueError(
            f"question {id}: domain={domain} does not hold the truth, {values.min()} to {values.max()}"
        )
    shown: dict[str, Any] = {"labels": labels, "log": log, "domain": (low, high)}
    shown |= {"x": tuple(places.tolist()), "truth": tuple(values.tolist())}
    return _ask(Question(id, "curve", question, explanation, **shown))


def _ask(asked: Question) -> Question:
    records.check_id(asked.id)
    if not asked.question.strip().endswith("?") or not asked.explanation.strip():
        raise ValueError(f"question {asked.id}: end it in a question mark, and give an explanation")
    exact = {"value", "tolerance", "x", "truth", "domain"}
    facts = asdict(asked)
    words = {name: value for name, value in facts.items() if name not in exact}
    line = " ".join([f"Question {asked.id}: {asked.question}", *asked.lettered])
    records.leave(QUESTION, line, words, {name: facts[name] for name in exact}, asked.__html__())
    return asked


def of_cell(cell: Mapping[str, Any]) -> list[Question]:
    """The questions that a cell has asked, in order.

    Args:
        cell: executed, as nbformat or json reads it.
    """
    lists = ("answers", "x", "truth", "labels", "log", "domain")
    found = records.left(cell, QUESTION)
    return [Question(**facts | {name: tuple(facts[name]) for name in lists}) for facts in found]


def read(notebooks: Iterable[Mapping[str, Any]]) -> list[Question]:
    """The questions of executed notebooks, in order.

    Args:
        notebooks: as nbformat or json reads them.
    """
    return [asked for notebook in notebooks for cell in notebook["cells"] for asked in of_cell(cell)]
