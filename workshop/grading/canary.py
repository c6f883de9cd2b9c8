"""Before a question is run for a student: its own solution, in the same walls, on this machine, now."""

from collections.abc import Sequence
from pathlib import Path

from workshop.grading import marking, sandbox
from workshop.grading.assignment import Assignment, Coded

SLOW = 2 / 3  # of a question's processor time; beyond it a right answer may not end in time
TRIES = 2  # for this machine may have been busy for a moment
_alive: set[tuple[str, ...]] = set()  # of this process, by question, limits and hidden paths


def check(
    work: Assignment,
    item: Coded,
    files: Sequence[Path],
    hidden: Sequence[Path],
    time_limit: float = 1,
    memory: float = 1,
) -> None:
    """Grade a question's solution as if a student had handed it in; once in this process.

    The arguments are those of `marking.job` and `sandbox.run`.

    Raises:
        SandboxBroken: the solution has not all points, or hardly ends in time. Then nobody's answer would.
    """
    name = (item.id, item.answer, item.grader, work.common, *work.setup, f"{time_limit} {memory} {hidden}")
    if name in _alive:
        return
    drawn = marking.draw(item, "the solution itself", 0)
    code = tuple(enumerate(other.answer for other in work.coded))
    job = marking.job(work, item, code, drawn, time_limit, memory)
    for _ in range(TRIES):
        outcome = sandbox.run(job, files, hidden)
        mark = marking.mark(item, outcome, drawn)
        slow = outcome.used > SLOW * job["cpu_seconds"]
        if mark.lost is None and not slow:
            _alive.add(name)
            return
    said = f"took {outcome.used:.1f} of its {job['cpu_seconds']:g} s" if slow else f"lost {mark.lost!r}"
    said += "".join(f" ({part})" for part in (outcome.problem, outcome.text, mark.note) if part)
    remedy = (
        "Use --time-limit 2 or --memory 2, or another machine." if slow or outcome.problem else "Mend it."
    )
    raise sandbox.SandboxBroken(
        f"{work.name}, {item.id}: the solution itself {said}. So would right answers, and no more is graded. "
        + remedy
    )
