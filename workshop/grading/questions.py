"""What an assignment's grader cells are written with: questions, typical wrong answers, and `close`."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

_ID = re.compile(r"q[1-9]\d?")


class Call(NamedTuple):
    """One call of the student's function: what went in and what came out."""

    arguments: tuple[Any, ...]
    output: Any


@dataclass(frozen=True)
class Wrong:
    """A typical wrong answer: an edit of the solution, or a whole answer cell, and the property it must lose.

    Args:
        why: the mistake, in a few words.
        loses: the name of the property that does not hold of it.
        old, new: the text of the solution that is replaced (it stands there once), and what replaces it.
        answer: instead of old and new, the whole answer cell.
    """

    why: str
    loses: str
    old: str | None = None
    new: str | None = None
    answer: str | None = None

    def __post_init__(self) -> None:
        edit = self.old is not None and self.new is not None
        if edit == (self.answer is not None):
            raise ValueError(f"wrong answer {self.why!r}: give either old and new, or answer")

    def applied(self, solution: str) -> str:
        """The answer cell with this mistake in it.

        Raises:
            ValueError: `old` does not stand exactly once in the solution.

        >>> from workshop.grading import Wrong
        >>> Wrong("off by one", loses="sum", old="range(n)", new="range(n - 1)").applied("sum(range(n))")
        'sum(range(n - 1))'
        """
        if self.answer is not None:
            return self.answer
        old, new = str(self.old), str(self.new)
        if solution.count(old) != 1:
            raise ValueError(
                f"wrong answer {self.why!r}: {old!r} stands {solution.count(old)} times "
                "in the solution; it must stand there once"
            )
        return solution.replace(old, new)


@dataclass(frozen=True)
class Question:
    """How one coded question is graded.

    Args:
        id: the grade_id of the answer cell, q1, q2, ...
        function: name of the function the student writes.
        inputs: numpy Generator -> list of tuples, the arguments of each call.
        check: list of `Call` -> generator of (property, holds, message); the first not to hold decides.
        reread: which section to reread when it fails.
        seconds: processor time for all calls, for each thread, on a laptop.
        memory_mb: address space, megabytes; numba and JAX need about 2000.
        threads: how many the answer may start.
        through: name of a function of a setup cell that calls the answer, `through(answer, *arguments)`.
        partial: property -> share of the points that are kept when it alone is lost. For what is good and
            not good enough: no later line of the check may rely on it.
        recorded: what is checked is not what the answer returned but what `through` wrote down beside it, in
            the student's process, where anything can be written. It proves little, so it earns little.
        wrong: typical wrong answers, for the tests.

    Raises:
        ValueError: an argument that cannot be right, with its value.
    """

    id: str
    function: str
    inputs: Callable[[np.random.Generator], Sequence[tuple[Any, ...]]]
    check: Callable[[list[Call]], Iterable[tuple[str, bool, str]]]
    reread: str
    seconds: float = 5.0
    memory_mb: int = 2048
    threads: int = 1
    through: str | None = None
    partial: dict[str, float] = field(default_factory=dict)
    recorded: bool = False
    wrong: list[Wrong] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"question id {self.id!r}: use q1, q2, ...")
        for name in (self.function, self.through or self.function):
            if not name.isidentifier():
                raise ValueError(f"question {self.id}: {name!r} is not the name of a function")
        if not (self.seconds > 0 and self.memory_mb >= 256 and self.threads >= 1):
            raise ValueError(
                f"question {self.id}: seconds={self.seconds}, memory_mb={self.memory_mb}, "
                f"threads={self.threads}; need > 0, >= 256 and >= 1"
            )
        if not all(0 < share < 1 for share in self.partial.values()):
            raise ValueError(f"question {self.id}: partial={self.partial}; shares lie between 0 and 1")
        if not self.reread.strip():
            raise ValueError(f"question {self.id}: say in `reread` which section to reread")


def close(value: Any, expected: ArrayLike, rtol: float = 1e-6, atol: float = 0.0) -> bool:
    """Whether a value has the expected shape, is finite, and |value - expected| <= atol + rtol |expected|.

    Args:
        value: anything a student may have returned.
        expected: number or array, the library's answer.
        rtol: relative tolerance.
        atol: absolute tolerance.

    >>> from workshop.grading import close
    >>> close([1.0, 2.0], (1.0, 2.0)), close("1", 1.0), close(float("nan"), 1.0), close([1.0], 1.0)
    (True, False, False, False)
    """
    expected = np.asarray(expected, dtype=float)
    try:
        value = np.asarray(value)
        if value.dtype.kind not in "fiu":
            return False
    except ValueError:  # a ragged list
        return False
    value = value.astype(float)
    if value.shape != expected.shape or not np.isfinite(value).all():
        return False
    return bool((abs(value - expected) <= atol + rtol * abs(expected)).all())
