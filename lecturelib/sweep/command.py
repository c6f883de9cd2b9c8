"""`lecture sweep` as its user sees it: the size first, a bar with the time left, at the end what failed."""

import math
import sys
from pathlib import Path

import click
from tqdm import tqdm

from lecturelib.sweep import grid as sweep_grid
from lecturelib.sweep import whole
from lecturelib.sweep.folder import Folder, InUse
from lecturelib.sweep.loop import Budget, Stopped
from lecturelib.sweep.table import FAILED, MISSING

FAILED_STATUS, STOPPED_STATUS = 1, 3  # exit status: runs failed; there are runs left to do


def sweep(notebook, assignments, out, *, workers, scheduler, timeout, budget, figure, folder) -> int:
    """Run a sweep and report it; arguments as on the command line.

    Returns:
        The exit status: 0 all runs are done, 1 some failed, 3 some are left to do.

    Raises:
        click.UsageError: a mistake in the arguments; nothing has been started.
    """
    watcher = _Bar()
    try:
        found = sweep_grid.find(notebook, folder)
        grid = sweep_grid.parse(assignments, found.parameters(), found.name)
        rows = whole.run(
            found,
            grid,
            Folder(out),
            workers=workers,
            scheduler=scheduler,
            timeout=timeout,
            budget=Budget.parse(budget),
            figure=figure,
            watcher=watcher,
        ).to_pylist()
    except (ValueError, InUse, FileNotFoundError) as error:
        raise click.UsageError(str(error)) from None
    except (Stopped, OSError) as error:  # OSError: the folder cannot be written
        watcher.close()
        click.echo(f"\nStopped: {error}", err=True)
        return STOPPED_STATUS
    except KeyboardInterrupt:
        watcher.close()
        click.echo("\nStopped. What is done is kept; the same command goes on from there.", err=True)
        return 130
    finally:
        watcher.close()
    return _summary(rows, grid, Path(out))


def _summary(rows: list[dict], grid: dict, out: Path) -> int:
    failed = [row for row in rows if row["status"] == FAILED]
    missing = sum(row["status"] == MISSING for row in rows)
    for row in failed:
        values = _values({name: row[name] for name in grid})
        click.echo(
            f"\nfailed: {values}\n  {row['error']}\n  see {out}/runs/{row['run']}.failed.ipynb", err=True
        )
    click.echo(f"\n{len(rows) - len(failed) - missing} of {len(rows)} runs are done", nl=False)
    click.echo(f", {len(failed)} failed" if failed else "", nl=False)
    click.echo(f", {missing} are left for the same command" if missing else "")
    click.echo(f"Table: {out}/table.csv and table.parquet; page: {out}/index.html")
    return FAILED_STATUS if failed else STOPPED_STATUS if missing else 0


class _Bar(whole.Watcher):
    """A bar on a terminal, and a line for every run."""

    bar = None

    def planned(self, plan, workers):
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

    def ended(self, task, attempt, final):
        state = "ok" if attempt.error is None else "FAILED" if final else "failed, will be tried again"
        error = f": {attempt.error.splitlines()[0][:150]}" if attempt.error else ""
        line = f"{state:<6} {attempt.seconds:6.1f} s  {_values(task.values)}{error}"
        self.bar.write(line, file=sys.stdout)
        if attempt.error is None:
            self.seconds.append(attempt.seconds)
        if final:
            self.left -= 1
            self.bar.update()
        self._say_left()

    def waited(self, workers):
        self.workers = workers
        self.bar.refresh()

    def _say_left(self):
        if self.seconds:
            recent = self.seconds[-50:]
            left = self.left * sum(recent) / len(recent) / max(1, self.workers)
            self.bar.set_postfix_str(f"about {_time(left)} left", refresh=True)

    def close(self):
        if self.bar is not None:
            self.bar.close()


def _values(values: dict) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items()) or "default parameters"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _time(seconds: float) -> str:
    """A duration in words.

    >>> _time(40), _time(400), _time(40000)
    ('40 s', '7 min', '11.1 h')
    """
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{math.ceil(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
