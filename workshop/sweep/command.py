"""`lecture sweep` as its user sees it: the size first, a bar with the time left, at the end what failed."""

import math
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from workshop import notebooks
from workshop.sweep import execute
from workshop.sweep import parameters as sweep_grid
from workshop.sweep.folder import Folder, InUse
from workshop.sweep.loop import NoScheduler, Stopped
from workshop.sweep.options import Options
from workshop.sweep.plan import Plan, Sweep
from workshop.sweep.worker import Attempt, Task

FAILED_STATUS, STOPPED_STATUS = 1, 3  # exit status: runs failed; there are runs left to do
EMPTY_SECONDS = 5  # without a worker before it is said: in place of one that died comes another


def sweep(
    notebook: str, assignments: Iterable[str], out: Path, *, folder: Path | None = None, **options: Any
) -> int:
    """Run a sweep and report it.

    Args:
        notebook: number, name or path.
        assignments: name=values texts.
        out: the sweep's folder.
        folder: where the numbered notebooks are; None for the lecture's.
        options: as of `options.Options`.

    Returns:
        The exit status: 0 all runs are done, 1 some failed, 3 some are left to do, 130 interrupted.

    Raises:
        click.UsageError: a mistake in the arguments; nothing has been started.
    """
    try:
        (found,) = notebooks.select([notebook], folder)
        found = found.kept()
        grid = sweep_grid.parse(assignments, found.parameters(), found.name)
        checked = Options(**options)
        execute.check(found, grid, checked)
    except (ValueError, FileNotFoundError) as error:
        raise click.UsageError(str(error)) from None
    watcher = _Bar()
    try:
        ended = execute.run(found, grid, Folder(out), checked, watcher)
    except (InUse, NoScheduler) as error:
        raise click.UsageError(str(error)) from None
    except (Stopped, OSError) as error:  # OSError: the folder cannot be written
        watcher.close()
        click.echo(f"\nStopped: {error}", err=True)
        return STOPPED_STATUS
    except (KeyboardInterrupt, SystemExit) as end:  # SystemExit: by SIGTERM or SIGHUP, in `cli.main`
        watcher.close()
        click.echo("\nStopped. What is done is kept; the same command goes on from there.", err=True)
        return int(end.code or 0) if isinstance(end, SystemExit) else 130
    finally:
        watcher.close()
    return _summary(ended, out)


def _summary(ended: Sweep, out: Path) -> int:
    failed, missing, runs = ended.failed, ended.missing, len(ended.runs)
    done = len(ended.runs.keys() & ended.results.keys()) - len(failed)
    for result in failed:
        values = _values(ended.runs[result.name])
        click.echo(
            f"\nfailed: {values}\n  {result.error}\n  see {out}/runs/{result.name}.failed.ipynb", err=True
        )
    _claims(ended)
    for package, counts in ended.mixture.items():
        said = ", ".join(f"{version} in {_count(number, 'run')}" for version, number in counts.items())
        click.echo(f"\nMade with different versions of {package}: {said}.")
    if ended.mixture:
        click.echo("The same command with --anew runs those once more that are not made with what is here.")
    if ended.against:
        click.echo("\n".join([f"\nAgainst {ended.against.folder}:", *ended.against.lines]))
        click.echo(f"{_count(len(ended.against.differences), 'number')} differ: see the page.")
    if ended.found:
        click.echo(f"\n{ended.found}")
    click.echo(f"\n{done} of {runs} runs are done", nl=False)
    click.echo(f", {len(failed)} failed" if failed else "", nl=False)
    click.echo(f", {missing} are left for the same command" if missing else "", nl=False)
    click.echo(f", {runs - done - len(failed)} are skipped" if ended.found else "")
    click.echo(f"Table: {out}/table.csv and table.parquet; page: {out}/index.html")
    return FAILED_STATUS if failed else STOPPED_STATUS if missing else 0


def _claims(ended: Sweep) -> None:
    """Say of each claim that does not hold in some run in how many, and at which values first."""
    false: dict[str, list[str]] = {}
    for name in ended.runs.keys() & ended.results.keys():
        for claim in ended.results[name].failed_claims:
            false.setdefault(claim, []).append(name)
    order = list(ended.runs)
    for claim, names in sorted(false.items()):
        first = _values(ended.runs[min(names, key=order.index)])
        click.echo(f"\n{claim} does not hold in {_count(len(names), 'run')}, first at {first}")


class _Bar(execute.Watcher):
    """A bar on a terminal, and a line for every run."""

    def __init__(self) -> None:
        self.bar = tqdm(disable=True)  # until it is known how much there is to do
        self.empty, self.said = time.monotonic(), 0.0  # since when no worker is there; seconds last said

    def planned(self, plan: Plan, workers: int) -> None:
        self.bar.close()
        self.empty = time.monotonic()
        missing = len(plan.missing)
        self.left, self.seconds, self.workers = missing, list(plan.earlier), workers
        done = f" ({len(plan.runs) - missing} done)" if missing < len(plan.runs) else ""
        expected = plan.expected_seconds(workers)
        guess = (
            "no earlier run to tell how long that takes"
            if math.isnan(expected)
            else f"about {_time(expected)}, by the median of {_count(len(plan.earlier), 'earlier run')}"
        )
        where = _count(workers, "worker")
        click.echo(f"{plan.notebook.name}: {_count(missing, 'run')} to do{done}, on {where}; {guess}")
        if not workers:
            click.echo("Waiting: the scheduler has no workers yet.")
        form = "{n_fmt}/{total_fmt} runs |{bar}| {elapsed}{postfix}"
        self.bar = tqdm(total=missing, file=sys.stderr, disable=None, bar_format=form)

    def ended(self, task: Task, attempt: Attempt, final: bool) -> None:
        state = "ok" if attempt.error is None else "FAILED" if final else "failed, will be tried again"
        error = f": {attempt.error.splitlines()[0][:150]}" if attempt.error else ""
        tqdm.write(f"{state:<6} {attempt.seconds:6.1f} s  {_values(task.values)}{error}", file=sys.stdout)
        if attempt.error is None:
            self.seconds.append(attempt.seconds)
        self.empty, self.said = time.monotonic(), 0.0
        if final:
            self.left -= 1
            self.bar.update()
        if recent := self.seconds[-50:]:
            left = self.left * sum(recent) / len(recent) / max(1, self.workers)
            self.bar.set_postfix_str(f"about {_time(left)} left", refresh=True)

    def waited(self, workers: int) -> None:
        now, self.workers = time.monotonic(), workers
        if workers:
            if self.said:
                tqdm.write(f"Workers are there again, after {_time(now - self.empty)}.", file=sys.stdout)
            self.empty, self.said = now, 0.0
        elif now - self.empty >= max(EMPTY_SECONDS, 2 * self.said):
            self.said = now - self.empty
            tqdm.write(f"No workers are there: waited {_time(self.said)} so far.", file=sys.stdout)
        self.bar.refresh()

    def refused(self, address: str, why: str) -> None:
        tqdm.write(f"Not used: the worker at {address}. {why}", file=sys.stdout)

    def close(self) -> None:
        """Take the bar off the terminal."""
        self.bar.close()


def _values(values: dict) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items()) or "default parameters"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _time(seconds: float) -> str:
    """A duration in words.

    >>> from workshop.sweep.command import _time
    >>> _time(40), _time(400), _time(40000)
    ('40 s', '7 min', '11.1 h')
    """
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{math.ceil(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
