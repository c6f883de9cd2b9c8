"""What is sent to the process of one question: code to run, inputs drawn for this student, limits."""

import ast
import functools
import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np

from lecturelib.grading.assignment import Assignment, Item
from lecturelib.grading.inside import transfer
from lecturelib.grading.source import regions

Code = tuple[tuple[int, str], ...]  # cells of a notebook: number, text
ROOT = Path(__file__).parents[2]
GRADING = (  # what a mark depends on beside the question: not, for one, how pages look
    "lecturelib.grading.inside.child",
    "lecturelib.grading.inside.locks",
    "lecturelib.grading.inside.transfer",
    "lecturelib.grading.questions",
    "lecturelib.grading.sandbox",
    "lecturelib.grading.marking",
    "lecturelib.grading.submissions",
)
PACKAGES = ("numpy", "scipy", "jax", "optax", "numba")


def calls(item: Item, student: str, seed: int) -> str:
    """The arguments of each call, drawn for this student and question, as text of `transfer.encode`."""
    words = hashlib.sha256(f"{student}\n{item.id}".encode()).digest()
    rng = np.random.default_rng([seed, *np.frombuffer(words, np.uint32).tolist()])
    return transfer.encode([tuple(arguments) for arguments in item.question.inputs(rng)])


def job(
    assignment: Assignment, item: Item, code: Code, drawn: str, time_limit: float = 1, memory: float = 1
) -> dict:
    """One job of `sandbox.run`.

    Args:
        assignment, item: what is graded.
        code: the student's cells, (number, text), in order.
        drawn: the arguments, from `calls`.
        time_limit, memory: factors on what the question allows.
    """
    question = item.question
    seconds = question.seconds * time_limit
    earlier = assignment.coded[: assignment.coded.index(item)]
    return {
        "setup": list(assignment.setup),
        "earlier": {i.question.function: i.answer for i in earlier},
        "cells": [{"number": number, "source": text} for number, text in code],
        "function": question.function,
        "through": question.through,
        "calls": drawn,
        "memory_mb": int(question.memory_mb * memory),
        "threads": question.threads,
        "cpu_seconds": seconds * question.threads,
        "wall_seconds": 4 * seconds + 10,  # waiting for its turn on a busy machine is not the student's fault
    }


def key(assignment: Assignment, item: Item, job: dict) -> str:
    """What a mark depends on, hashed: equal keys, equal marks."""
    library = imported(item.grader + "\n" + assignment.common)
    relevant = [job, item.grader, assignment.common, item.points, list(assignment.data), versions(), library]
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()


@functools.cache
def versions() -> list[str]:
    """Of Python and of the packages that answers use."""
    return [platform.python_version(), *(version(p) for p in PACKAGES)]


@functools.cache
def imported(grader: str) -> str:
    """A hash of the modules of lecturelib that a grader's text and the grading itself import, near or far."""
    texts, waiting = {}, [grader, *(f"import {name}" for name in GRADING)]
    while waiting:
        for node in ast.walk(ast.parse(waiting.pop())):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            )
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{name}" for name in names)]
            for name in names:
                path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
                if name.startswith("lecturelib.") and name not in texts and path.exists():
                    texts[name] = path.read_text()
                    waiting.append(texts[name])
    return hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()


def solved(assignment: Assignment, replaced: dict[str, str] | None = None) -> Code:
    """The cells of a submission that is the solution, some answers replaced.

    Args:
        replaced: texts of answer cells, by question.
    """
    texts = [(replaced or {}).get(item.id, item.answer) for item in assignment.coded]
    return tuple(enumerate(texts))


def edited(item: Item, wrong) -> str:
    """An item's answer cell with one of its typical mistakes in it.

    Raises:
        ValueError: the mistake does not fit the solution.
    """
    inside = regions(item.answer)
    return item.answer.replace(inside, wrong.applied(inside)) if wrong.answer is None else wrong.answer
