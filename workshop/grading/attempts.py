"""The runs of one student's questions: what is tried again, what is left out, and when it is enough."""

from collections.abc import Sequence
from pathlib import Path

from workshop.grading import sandbox
from workshop.grading.inside import child
from workshop.grading.reply import Outcome
from workshop.grading.sandbox import Job

BUDGET = 120  # seconds of a fair clock, for all runs of one student
SPENT_ON_CELLS = BUDGET / 2  # after them cells are run in brief, so that all questions have their turn
TRIES = 8  # of one question
DOUBTFUL = ("time", "died", "late")  # perhaps the machine's fault, not the student's
UNKEPT = "This mark may be the machine's fault. It is not kept: the same command tries again."


class Attempts:
    """Runs the jobs of one student.

    A cell that is cut off, sleeps, or ends the process is run in brief from then on, and if that ends the
    process too, it is left out.
    """

    def __init__(self, files: Sequence[Path], hidden: Sequence[Path], time_limit: float = 1.0) -> None:
        self.files, self.hidden, self.time_limit = files, hidden, time_limit
        self.left = BUDGET * time_limit
        self.brief: set[int] = set()
        self.without: set[int] = set()

    def outcome(self, job: Job) -> tuple[Outcome, bool]:
        """How a job ended, and whether another try would end alike: what is doubtful has ended so twice.

        Raises:
            SandboxBroken: the sandbox or the assignment's own setup failed, twice.
        """
        found, before = Outcome(problem="late"), None
        for _ in range(TRIES):
            if self.left <= 0:
                break
            found = self._run(job)
            learnt = self._learn(found, {cell["number"] for cell in job["cells"]})
            if found.problem is None:
                return found, True
            if not learnt and (found.problem not in DOUBTFUL or found.problem == before):
                return found, True
            before = found.problem
        return found, found.problem not in DOUBTFUL

    def _run(self, job: Job) -> Outcome:
        cells = [
            cell | {"brief": cell["number"] in self.brief}
            for cell in job["cells"]
            if cell["number"] not in self.without
        ]
        for_cells = self.left - (BUDGET - SPENT_ON_CELLS) * self.time_limit
        load = min(child.LOAD_SECONDS * self.time_limit, max(0.0, for_cells))
        job = job | {"cells": cells, "load_seconds": load}
        try:
            found = sandbox.run(job, self.files, self.hidden)
        except sandbox.SandboxBroken:  # the machine may have been out of memory for a moment
            found = sandbox.run(job, self.files, self.hidden)
        self.left -= found.seconds
        return found

    def _learn(self, found: Outcome, numbers: set[int]) -> bool:
        """Note which cells to run otherwise the next time; whether there is something new."""
        before = len(self.brief), len(self.without)
        self.brief |= numbers.intersection(found.cut)
        if found.cell in numbers:
            (self.without if found.cell in self.brief else self.brief).add(found.cell)
        return before != (len(self.brief), len(self.without))
