"""How a sweep is run: where, for how long, what its page shows; checked before anything is started."""

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from lecturelib.checks import check_count, check_positive
from workshop.sweep import compare

_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Budget:
    """How much a sweep may still start: so many runs, and for so many seconds."""

    runs: float = math.inf
    seconds: float = math.inf

    @classmethod
    def parse(cls, text: str | None) -> "Budget":
        """Read "20 runs", "90 s", "30 min" or "2 h"; None is no limit.

        Raises:
            ValueError: something else.

        >>> from workshop.sweep.options import Budget
        >>> Budget.parse("2h").seconds
        7200.0
        """
        if text is None:
            return cls()
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(runs?|s|min|h)\s*", str(text))
        if not found or float(found[1]) == 0 or ("run" in found[2] and "." in found[1]):
            raise ValueError(f"budget={text!r}: write 20runs, 90s, 30min or 2h")
        number = float(found[1])
        return cls(runs=number) if "run" in found[2] else cls(seconds=number * _UNITS[found[2]])


@dataclass(frozen=True)
class Options:
    """The options of `sweep.run`, which says what each is.

    Raises:
        ValueError: a value out of range, workers and a scheduler, nothing to search for, no sweep to compare
            with, or a system without process groups.

    >>> from workshop.sweep.options import Options
    >>> Options(workers=0)
    Traceback (most recent call last):
        ...
    ValueError: workers = 0 is refused; pass a whole number, 1 or more
    """

    workers: int | None = None
    scheduler: str | None = None
    timeout: float = 3600.0
    budget: str | None = None
    figure: int = 1
    anew: bool = False
    search: str | None = None
    against: Path | str | None = None

    def __post_init__(self) -> None:
        if not hasattr(os, "killpg"):  # Windows
            raise ValueError(
                "a sweep ends its kernels by process group, which this system lacks: use Linux, macOS or WSL"
            )
        if self.workers is not None and self.scheduler is not None:
            raise ValueError(
                f"workers={self.workers} and a scheduler: that has workers of its own; give one of the two"
            )
        if self.workers is not None:
            check_count("workers", self.workers)
        if self.timeout != math.inf:
            check_positive("timeout", self.timeout)
        check_count("figure", self.figure)
        Budget.parse(self.budget)
        if self.search is not None and not self.goal[0]:
            raise ValueError(f"search={self.search!r}: write what is recorded, NAME or max:NAME")
        if self.against is not None:
            compare.read(self.against)

    @property
    def goal(self) -> tuple[str, int]:
        """What is searched for: its name, and -1 where it shall be greatest."""
        name = self.search or ""
        return name.removeprefix("max:"), -1 if name.startswith("max:") else 1

    @property
    def limit(self) -> Budget:
        """The budget, read."""
        return Budget.parse(self.budget)
