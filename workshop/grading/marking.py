"""One question of one student: the job that is sent to the sandbox, and the mark of what comes back."""

import builtins
import functools
import hashlib
import json
import platform
import re
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

import lecturelib
from workshop import imports
from workshop.grading.assignment import Assignment, Coded
from workshop.grading.inside import child, transfer
from workshop.grading.questions import Call, Question
from workshop.grading.reply import Outcome
from workshop.grading.sandbox import Job

CHECK_SECONDS = 120
UNCHECKED = "could be checked"
GRADING = """# what every mark depends on, and not, for one, how pages look
from workshop.grading import attempts, marking, questions, sandbox, submissions
from workshop.grading.inside import child, limits, magics, shell, transfer
"""
PACKAGES = ("numpy", "scipy", "jax", "optax", "numba")
Code = tuple[tuple[int, str], ...]  # cells of a notebook: number, text

# Of each kind of problem: the property that is lost, and what the student is told.
MISSING = "No function of this name was found after running your notebook from top to bottom."
LATE = "All the time that one notebook gets was used up before this question was run."
PROBLEMS = {
    "blank": ("is answered", "There is nothing here yet."),
    "missing": ("is answered", MISSING),
    "raised": ("runs", "Your function stopped with an exception on one of the grader's inputs."),
    "not data": ("returns data", "Return numbers, text or arrays, or lists, tuples or dicts of these."),
    "too much": ("returns data", "Your function returned, or sent, more than a few megabytes."),
    "too large": ("returns data", "Your function returned whole numbers that are too large to add up."),
    "time": ("ends in time", "Your function had not ended when its time was up."),
    "late": ("ends in time", LATE),
    "died": ("runs", "The process that ran your code ended before your function returned."),
}


# Of `inside.transfer`: why a value is no data.
SENTENCES = ("a dict whose keys are not text", f"lists nested more than {transfer.DEPTH} deep")


@dataclass(frozen=True)
class Mark:
    """The mark of one question of one student.

    Args:
        question: its id.
        earned, points: what was reached, and could be.
        lost: the property that does not hold; None if all do.
        message: to the student; never the expected value.
        text: an exception or the like, in words of the student's own source.
        note: to the instructor only, where the grader itself failed.
    """

    question: str
    earned: float
    points: float
    lost: str | None = None
    message: str = ""
    text: str = ""
    note: str = ""


def draw(item: Coded, student: str, seed: int) -> str:
    """The arguments of each call, drawn for this student and question, as text of `transfer.encode`."""
    words = hashlib.sha256(f"{student}\n{item.id}".encode()).digest()
    rng = np.random.default_rng([seed, *np.frombuffer(words, np.uint32).tolist()])
    return transfer.encode([tuple(arguments) for arguments in item.question.inputs(rng)])


def job(
    work: Assignment,
    item: Coded,
    code: Code,
    drawn: str,
    time_limit: float = 1,
    memory: float = 1,
    edited: Code = (),
) -> Job:
    """One job of `sandbox.run`.

    Args:
        work: the assignment.
        item: the question of it that is graded.
        code: the student's cells, (number, text), in order.
        drawn: the arguments, from `draw`.
        time_limit: factor on the seconds of the question and of the cells.
        memory: factor on the question's megabytes.
        edited: cells that were given and that the student changed: of them only what they define is run.
    """
    cells = [{"number": number, "source": text} for number, text in code]
    cells += [{"number": number, "source": text, "edited": True} for number, text in edited]
    question = item.question
    seconds = question.seconds * time_limit
    earlier = work.coded[: work.coded.index(item)]
    return {
        "setup": list(work.setup),
        "earlier": {i.question.function: i.answer for i in earlier},
        "cells": sorted(cells, key=lambda cell: cell["number"]),
        "function": question.function,
        "through": question.through,
        "calls": drawn,
        "memory_mb": int(question.memory_mb * memory),
        "threads": question.threads,
        "cpu_seconds": seconds * question.threads,
        "wall_seconds": 2 * seconds * question.threads + 5,  # by a fair clock, see `reply.FairClock`
        "cell_seconds": child.CELL_SECONDS * time_limit,
        "load_seconds": child.LOAD_SECONDS * time_limit,
    }


def key(work: Assignment, item: Coded, job: Job) -> str:
    """What a mark depends on, hashed: equal keys, equal marks."""
    grader = item.grader + "\n" + work.common
    relevant = [job, grader, item.points, list(work.data), versions(), library(grader)]
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()


@functools.cache
def versions() -> list[str]:
    """Of Python and of the packages that answers use."""
    return [platform.python_version(), *(version(p) for p in PACKAGES)]


@functools.cache
def library(grader: str) -> str:
    """A hash of the modules that decide marks, from `judges`."""
    return hashlib.sha256(json.dumps(judges(grader), sort_keys=True).encode()).hexdigest()


def judges(grader: str) -> dict[str, str]:
    """File -> text of the modules that a grader's text and the grading itself import, near or far."""
    root = Path(lecturelib.__file__).parents[1]  # where both packages lie, in a checkout or installed
    return imports.reached(f"{grader}\n{GRADING}", root, ("lecturelib", "workshop"), without=["workshop.cli"])


def mark(item: Coded, outcome: Outcome, drawn: str, code: Code = ()) -> Mark:
    """The mark of what came out of the sandbox; of its text the student sees what stands in their code."""
    lost, message, text, note = _judged(item.question, outcome, drawn)
    text = own_words(text, code)
    return Mark(item.id, item.earned(lost), item.points, lost, message, text, note)


def own_words(text: str, code: Code) -> str:
    """What a student may read of a text that their process sent: its exception's type, and their own line.

    The process knows the solutions of earlier questions, and may say anything. So nothing is passed on but a
    type that Python or the student's source names, and a line that stands in that source.

    >>> from workshop.grading import marking
    >>> marking.own_words("ValueError: the solution is 42 (at: raise it)", ((0, "raise it"),))
    'ValueError (at: raise it)'
    """
    source = "\n".join(cell for _, cell in code)
    if text in SENTENCES:
        return text
    if typed := re.fullmatch(r"(an array|a value) of type (.*)", text, re.DOTALL):
        return text if _is_known(typed[2], source) else ""
    name = re.match(r"\w+", text)
    if name is None:
        return ""
    shown = name[0] if _is_known(name[0], source) else "an exception"
    at = re.search(r"\(at: (.*)\)\Z", text, re.DOTALL)
    lines = {line.strip()[: child.TEXT] for line in source.splitlines()}
    return f"{shown} (at: {at[1]})" if at and at[1] in lines else shown


def _is_known(name: str, source: str) -> bool:
    return hasattr(builtins, name) or name in np.sctypeDict or name in re.findall(r"\w+", source)


def _judged(question: Question, outcome: Outcome, drawn: str) -> tuple[str | None, str, str, str]:
    if outcome.outputs is None:
        return *PROBLEMS.get(outcome.problem or "died", PROBLEMS["died"]), outcome.text, ""
    try:
        outputs, calls = transfer.decode_reply(outcome.outputs), transfer.decode(drawn)
    except transfer.TooLarge:
        return *PROBLEMS["too large"], "", ""
    except transfer.NotData:
        return *PROBLEMS["died"], "", ""
    if not isinstance(outputs, list) or len(outputs) != len(calls):
        return *PROBLEMS["died"], "", ""
    try:
        with _in_time(CHECK_SECONDS):
            lost, message = first_lost(question, [Call(*c) for c in zip(calls, outputs, strict=True)])
    except Exception:  # a result that the author of the check did not think of; the batch goes on
        message = "The grader could not check this result; your instructor sees why."
        return UNCHECKED, message, "", traceback.format_exc(limit=-3)
    return lost, message, "", ""


def first_lost(question: Question, calls: list[Call]) -> tuple[str | None, str]:
    """The first of the lost properties that leave the fewest points, and its message; or (None, "")."""
    found: tuple[str | None, str] = None, ""
    left = 1.0
    with np.errstate(all="ignore"):
        for name, holds, message in question.check(calls):
            share = question.partial.get(name, 0.0)
            if not holds and share < left:
                found, left = (name, message), share
            if left == 0:
                break
    return found


@contextmanager
def _in_time(seconds: int) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("marks are given in the main thread of a process, where a check can be stopped")

    def stop(*_: object) -> None:
        raise TimeoutError(f"the check took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
