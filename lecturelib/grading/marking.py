"""From an outcome to a mark: the question's properties, checked here, where nobody else's code runs."""

import signal
import threading
import traceback
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from lecturelib.grading.assignment import Item
from lecturelib.grading.inside import transfer
from lecturelib.grading.questions import Call, Question
from lecturelib.grading.sandbox import Outcome

CHECK_SECONDS = 120
UNCHECKED = "could be checked"

# Of each kind of problem: the property that is lost, and what the student is told.
PROBLEMS = {
    "blank": ("is answered", "There is nothing here yet."),
    "missing": (
        "is answered",
        "No function of this name was found after running your notebook from top to bottom.",
    ),
    "raised": ("runs", "Your function stopped with an exception on one of the grader's inputs."),
    "not data": (
        "returns data",
        "Return numbers, text or arrays, or lists, tuples or dicts of these.",
    ),
    "too much": ("returns data", "Your function returned, or sent, more than a few megabytes."),
    "time": ("ends in time", "Your function had not ended when its time was up."),
    "died": ("runs", "The process that ran your code ended before your function returned."),
}


@dataclass(frozen=True)
class Mark:
    """The mark of one question of one student.

    Args:
        question: its id.
        earned, points: what was reached, and could be.
        lost: the property that does not hold; None if all do.
        message: to the student; never the expected value.
        text: an exception or the like of the student's own code.
        note: to the instructor only, where the grader itself failed.
    """

    question: str
    earned: float
    points: float
    lost: str | None = None
    message: str = ""
    text: str = ""
    note: str = ""


def mark(item: Item, outcome: Outcome, drawn: str) -> Mark:
    """The mark of what came out of the sandbox.

    Args:
        item: the question.
        outcome: of `sandbox.run`.
        drawn: the arguments that went in, from `jobs.calls`.
    """
    lost, message, text, note = _judged(item, outcome, drawn)
    return Mark(item.id, 0.0 if lost else item.points, item.points, lost, message, text, note)


def _judged(item, outcome, drawn):
    if outcome.outputs is None:
        lost, message = PROBLEMS.get(outcome.problem, PROBLEMS["died"])
        return lost, message, outcome.text, ""
    try:
        outputs = transfer.decode(outcome.outputs)
        calls = transfer.decode(drawn)
    except transfer.NotData:
        return *PROBLEMS["died"], "", ""
    if not isinstance(outputs, list) or len(outputs) != len(calls):
        return *PROBLEMS["died"], "", ""
    try:
        with _in_time(CHECK_SECONDS):
            lost, message = first_lost(item.question, [Call(*c) for c in zip(calls, outputs, strict=True)])
    except Exception:  # a result that the author of the check did not think of; the batch goes on
        message = "The grader could not check this result; your instructor sees why."
        return UNCHECKED, message, "", traceback.format_exc(limit=-3)
    return lost, message, "", ""


def first_lost(question: Question, calls: list[Call]) -> tuple[str | None, str]:
    """The first property that does not hold and its message, or (None, "")."""
    with np.errstate(all="ignore"):
        for name, holds, message in question.check(calls):
            if not holds:
                return name, message
    return None, ""


@contextmanager
def _in_time(seconds):
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("marks are given in the main thread of a process, where a check can be stopped")

    def stop(*_):
        raise TimeoutError(f"the check took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
