"""One sweep from beginning to end: plan it, do what is missing, write the table and the page."""

import contextlib
import math
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

import nbformat
import pyarrow

from lecturelib.notebooks import Notebook
from lecturelib.sweep import cluster, loop, page, worker
from lecturelib.sweep import grid as sweep_grid
from lecturelib.sweep import table as sweep_table
from lecturelib.sweep.folder import Folder, Result
from lecturelib.sweep.loop import Budget, Stopped
from lecturelib.sweep.worker import Attempt, Task


@dataclass(frozen=True)
class Plan:
    """What a sweep is about to do.

    runs: name -> values, in the grid's order. known: name -> Result of those that ended before.
    earlier: seconds that earlier runs of this notebook took.
    """

    notebook: Notebook
    runs: dict[str, dict]
    known: dict[str, Result]
    earlier: list[float]

    @property
    def missing(self) -> list[str]:
        """The runs that are not done; those that failed are tried anew."""
        return [name for name in self.runs if name not in self.known or self.known[name].error is not None]

    def expected_seconds(self, workers: int) -> float:
        """Of wall time, from the median of the earlier runs; NaN where there are none."""
        if not self.earlier:
            return math.nan
        return math.ceil(len(self.missing) / max(1, workers)) * median(self.earlier)


class Watcher:
    """Told how a sweep goes; this one keeps quiet."""

    def planned(self, plan: Plan, workers: int) -> None:
        """Called once, when the workers are there."""

    def ended(self, task: Task, attempt: Attempt, final: bool) -> None:
        """Called after every attempt at a run; after the last one of each with final=True."""

    def waited(self, workers: int) -> None:
        """Called about once a second when nothing ends."""


def run(
    notebook: Notebook,
    grid: Mapping[str, list],
    folder: Folder,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    timeout: float = math.inf,
    budget: Budget | None = None,
    figure: int = 1,
    watcher: Watcher | None = None,
) -> pyarrow.Table:
    """See `sweep.run`; here the notebook is found, the grid checked, the budget read."""
    cluster.check(workers, scheduler)
    if figure < 1:
        raise ValueError(f"figure={figure}: the figures of a notebook are counted from 1")
    watcher = watcher or Watcher()
    name = sweep_grid.namer(notebook)
    with folder.locked():
        runs = {name(values): values for values in sweep_grid.combinations(grid)}
        found = ((each, folder.result(each)) for each in runs)
        known = {each: result for each, result in found if result is not None}
        plan = Plan(notebook, runs, known, folder.earlier_seconds(notebook.name))
        results = dict(known)
        if plan.missing:
            with cluster.connected(workers, scheduler, len(plan.missing)) as client:
                try:
                    _do(plan, folder, client, results, watcher, timeout, budget, local=scheduler is None)
                except BaseException:
                    with contextlib.suppress(OSError):  # on a full disk; that is what is being raised
                        sweep_table.write(sweep_table.table(runs, results), folder)
                    raise
        table = sweep_table.table(runs, results)
        sweep_table.write(table, folder)
        page.write(plan, results, table, folder, figure)
        return table


def _do(plan, folder, client, results, watcher, timeout, budget, *, local):
    budget = budget or Budget()
    watcher.planned(plan, sum(client.nthreads().values()))
    contents = plan.notebook.read()
    for cell in contents.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    sweep, text = uuid.uuid4().hex, nbformat.writes(contents)
    tasks = [
        Task(
            name=name,
            values=plan.runs[name],
            notebook=text,
            cwd=str(plan.notebook.path.parent.resolve()),
            running=str(folder.running.resolve()),
            compiled=str(folder.compiled.resolve()),
            timeout=timeout,
            start_before=time.time() + budget.seconds,
            sweep=sweep,
        )
        for name in plan.missing[: int(min(budget.runs, len(plan.missing)))]
    ]
    with contextlib.closing(loop.work(client, tasks, local=local)) as ends:
        for task, attempt, number in ends:
            if attempt is None:
                watcher.waited(workers=number)
                continue
            final = attempt.error is None or number == loop.TRIES
            if final:
                results[task.name] = _keep(folder, task, attempt, number)
            watcher.ended(task, attempt, final)


def _keep(folder: Folder, task: Task, attempt: Attempt, tries: int) -> Result:
    result = Result(
        task.name,
        task.values,
        round(attempt.seconds, 3),
        attempt.recorded,
        attempt.measured,
        attempt.error,
        tries,
    )
    notebook = attempt.notebook
    if not notebook:  # the worker died; what it left shows how far it came
        left = folder.unfinished(task.name) or worker.prepared(task)
        notebook = worker.marked(left, attempt.error)
    try:
        folder.keep(result, notebook)
    except OSError as error:
        if not worker.is_full(error):
            raise
        raise Stopped(f"no space left in {folder.path}: free some, then the same command goes on") from None
    return result
