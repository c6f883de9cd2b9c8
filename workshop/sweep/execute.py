"""One sweep from beginning to end: plan it, do what is missing, write the table and the page."""

import contextlib
import json
import math
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace

import nbformat
from distributed import Client

from workshop import notebooks
from workshop.notebooks import Notebook
from workshop.sweep import loop, page, provenance, worker
from workshop.sweep import parameters as sweep_grid
from workshop.sweep import table as sweep_table
from workshop.sweep.compare import compare, read
from workshop.sweep.folder import Folder, Result
from workshop.sweep.groups import is_number
from workshop.sweep.loop import NoScheduler, Stopped
from workshop.sweep.options import Budget, Options
from workshop.sweep.plan import Plan, Sweep
from workshop.sweep.provenance import Inputs
from workshop.sweep.search import Search
from workshop.sweep.worker import Attempt, Task

REWRITE_SECONDS = 60  # at least, between two of the table and page while the sweep runs


class Watcher:
    """Told how a sweep goes; this one keeps quiet."""

    def planned(self, plan: Plan, workers: int) -> None:
        """Called when the workers are there; in a search, before each rung."""

    def ended(self, task: Task, attempt: Attempt, final: bool) -> None:
        """Called after every attempt at a run; after the last one of each with final=True."""

    def waited(self, workers: int) -> None:
        """Called about once a second when nothing ends."""

    def refused(self, address: str, why: str) -> None:
        """Called once for each worker of somebody else's that cannot run this."""


def check(notebook: Notebook, grid: Mapping[str, list], options: Options) -> None:
    """Refuse values outside of the notebook's ranges, and a search of one cell, by a ValueError."""
    notebooks.check_ranges(notebook, sweep_grid.combinations(grid))
    if options.search is not None:
        Search(grid, lambda _: math.inf)


def run(
    notebook: Notebook,
    grid: Mapping[str, list],
    folder: Folder,
    options: Options,
    watcher: Watcher | None = None,
) -> Sweep:
    """See `sweep.run`; here the notebook is found, the grid and the options checked."""
    watcher = watcher or Watcher()
    notebook = notebook.kept()
    beside = notebook.path.parent.resolve()
    inputs = Inputs(beside)
    name = sweep_grid.namer(notebook, inputs)
    here = provenance.versions(notebook.code(), beside) if options.anew else None
    other = (read(options.against), Folder(options.against)) if options.against else None
    with folder.locked():
        runs = {name(values): values for values in sweep_grid.combinations(grid)}
        known = {each: result for each in runs if (result := folder.result(each)) is not None}
        plan = Plan(notebook, runs, known, folder.earlier_seconds(notebook.name), inputs, here)
        results = dict(known)
        search = Search(grid, _values(runs, results, options)) if options.search else None

        def write(found: str | None = None) -> Sweep:
            rest = sweep_table.SKIPPED if found else sweep_table.MISSING
            rows = sweep_table.table(runs, results, rest)
            sweep_table.write(rows, folder)
            against = other and compare(rows, notebook.defaults(), folder, *other)
            ended = Sweep(runs, results, rows, found, against)
            columns = list(sweep_table.parameter_columns(grid).values())
            page.write(notebook, columns, rows, folder, options.figure, ended.mixture, found, against)
            return ended

        with contextlib.ExitStack() as stack:
            client, budget, ended = None, options.limit, True
            rungs = ([name(each) for each in rung] for rung in search.rungs()) if search else [list(runs)]
            try:
                for part in (replace(plan, runs={each: runs[each] for each in rung}) for rung in rungs):
                    if not part.missing:
                        continue
                    if client is None:
                        connected = loop.connected(options.workers, options.scheduler, len(plan.missing))
                        client = stack.enter_context(connected)
                        budget = replace(budget, seconds=time.time() + budget.seconds)
                    if tasks := _tasks(part, folder, options, budget):
                        budget = replace(budget, runs=budget.runs - len(tasks))
                        watcher.planned(part, sum(client.nthreads().values()))
                        _do(tasks, folder, client, results, watcher, options, write)
                    ended = all(results.get(each) is not known.get(each) for each in part.missing)
                    if not ended:  # by the budget
                        break
            except NoScheduler:
                raise
            except BaseException:
                with contextlib.suppress(OSError):  # on a full disk; that is what is being raised
                    write()
                raise
        return write(search.said(*options.goal) if search and ended else None)


def _values(
    runs: Mapping[str, dict], results: Mapping[str, Result], options: Options
) -> Callable[[dict], float]:
    """For a search: of a run, by its values, what is to be least; infinity if it failed or has no number."""
    names = {json.dumps(values, sort_keys=True): name for name, values in runs.items()}
    wanted, sign = options.goal

    def value(values: dict) -> float:
        numbers = (result.measured | result.recorded for result in results.values())
        if not any(wanted in each for each in numbers):
            there = sorted({name for result in results.values() for name in result.recorded})
            raise Stopped(
                f"no run has recorded {wanted!r}, which is searched for, but {', '.join(there) or 'nothing'}"
            )
        result = results[names[json.dumps(values, sort_keys=True)]]
        number = (result.measured | result.recorded).get(wanted)
        return sign * number if result.error is None and is_number(number) else math.inf

    return value


def _tasks(plan: Plan, folder: Folder, options: Options, limit: Budget) -> list[Task]:
    """The runs that the budget allows, as they are sent to workers; its seconds are those of time.time()."""
    contents = plan.notebook.read()
    for cell in contents.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    sweep, text = uuid.uuid4().hex, nbformat.writes(contents)
    return [
        Task(
            name=name,
            values=plan.runs[name],
            notebook=text,
            cwd=str(plan.notebook.path.parent.resolve()),
            running=str(folder.running.resolve()),
            compiled=str(folder.compiled.resolve()),
            timeout=options.timeout,
            start_before=limit.seconds,
            sweep=sweep,
            files=plan.files(name),
        )
        for name in plan.missing[: int(min(limit.runs, len(plan.missing)))]
    ]


def _do(
    tasks: list[Task],
    folder: Folder,
    client: Client,
    results: dict[str, Result],
    watcher: Watcher,
    options: Options,
    write: Callable[[], object],
) -> None:
    written, took = time.monotonic(), 0.0
    with contextlib.closing(
        loop.work(client, tasks, local=options.scheduler is None, refused=watcher.refused)
    ) as ends:
        for task, attempt, number in ends:
            if attempt is None:
                watcher.waited(workers=number)
                continue
            final = loop.over(attempt, number)
            if final:
                results[task.name] = _keep(folder, task, attempt, number)
            watcher.ended(task, attempt, final)
            if time.monotonic() - written > max(REWRITE_SECONDS, 20 * took):  # to be read meanwhile
                began = time.monotonic()
                write()
                written = time.monotonic()
                took = written - began


def _keep(folder: Folder, task: Task, attempt: Attempt, tries: int) -> Result:
    notebook = attempt.notebook
    if not notebook:  # the worker died; what it left shows how far it came
        left = folder.unfinished(task.name) or worker.prepared(task)
        notebook = worker.marked(left, attempt.error or "no notebook came back")
        attempt = replace(attempt, **worker.left(left))
    came = ("recorded", "measured", "entries", "failed_claims", "error", "made_with")
    result = Result(
        task.name,
        task.values,
        round(attempt.seconds, 3),
        attempts=tries,
        **{field: getattr(attempt, field) for field in came},
    )
    try:
        folder.keep(result, notebook)
    except OSError as error:
        if not worker.is_full(error):
            raise
        raise Stopped(f"no space left in {folder.path}: free some, then the same command goes on") from None
    return result
