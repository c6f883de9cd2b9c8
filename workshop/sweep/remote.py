"""What a sweep asks of workers that others started: only of those that have its very code.

Nothing of ours is named in a message but in the text of an expression. So a scheduler without this package
passes it on, and in a worker without it the expression fails, where unpickling would end the worker.
"""

import functools
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path

from distributed import Client, Future

import lecturelib
import workshop
from workshop.sweep import kernel, provenance, worker
from workshop.sweep.worker import Attempt, Task

_HERE = "__import__('workshop.sweep.remote', fromlist=['_'])."


class NoWorkers(RuntimeError):
    """There are workers, and none that can run this."""


def run(task: dict) -> Attempt:
    """In a worker: one attempt at a task."""
    return worker.attempt(Task(**task))


@functools.cache
def library() -> str:
    """In a worker, and here: a hash of this package."""
    folders = (Path(package.__file__ or "").parent for package in (lecturelib, workshop))
    return provenance.digest(path for folder in folders for path in sorted(folder.rglob("*.py")))


def end(sweep: str) -> None:
    """In a worker: end its runs of a sweep."""
    kernel.end(sweep)


class Crew:
    """The workers of a client, and which of them can run this.

    Args:
        client: of the workers.
        local: whether they are our own; then they are not asked.
        refused: called with the address of a worker that cannot, and why.
    """

    def __init__(self, client: Client, local: bool, refused: Callable[[str, str], None]):
        self._client, self._local, self._refused = client, local, refused
        self._asked: dict[str, str | None] = {}  # address -> None, or why it cannot
        self.mixed = False  # whether some cannot: then it must be said of each task where it may go

    def threads(self) -> dict[str, int]:
        """Address -> threads, of those that can run this and are there now; new ones are asked first.

        Raises:
            NoWorkers: some are there, and none could ever run this.
        """
        there: dict[str, int] = self._client.nthreads()
        if self._local:
            return there
        if new := [address for address in there if address not in self._asked]:
            said = self._client.run(eval, _HERE + "library()", workers=new, on_error="return")
            for address, answer in said.items():
                if isinstance(answer, OSError):  # it has just gone
                    continue
                self._asked[address] = why = _problem(answer)
                if why is not None:
                    self._refused(address, why)
        can = {address: n for address, n in there.items() if self._asked.get(address, "gone") is None}
        cannot = {address: why for address in there if (why := self._asked.get(address)) is not None}
        self.mixed = bool(cannot)
        if cannot and None not in self._asked.values():
            raise NoWorkers(
                f"none of the scheduler's {len(cannot)} workers can run this; {next(iter(cannot.values()))}"
            )
        return can

    def submit(self, task: Task, key: str, workers: Collection[str]) -> Future:
        """Hand a task to one of these workers; to any, if none is named."""
        call, given = _HERE + "run(task)", {"task": asdict(task)}
        return self._client.submit(eval, call, given, key=key, pure=False, workers=list(workers) or None)


def _problem(answer: object) -> str | None:
    """Why a worker that answers so cannot run this."""
    if isinstance(answer, ImportError):
        return f"{answer}: install this lecturelib there, with [workshop]"
    if isinstance(answer, Exception):
        return f"{type(answer).__name__}: {answer}"
    return None if answer == library() else "it has another version of lecturelib: install this one there"


def end_everywhere(client: Client, sweep: str) -> None:
    """End the runs of a sweep in every worker that can be reached."""
    client.run(eval, f"{_HERE}end({sweep!r})", on_error="ignore")
