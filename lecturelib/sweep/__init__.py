"""Sweeps: a notebook run over a grid of parameters, resumably, on this machine or on a cluster.

A notebook says with `record` what it wants in the table; `run` makes the table. The command `lecture sweep`
does the same with a progress bar.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lecturelib.sweep.recording import record

if TYPE_CHECKING:
    import pyarrow

    from lecturelib.notebooks import Notebook

__all__ = ["record", "run"]


def run(
    notebook: "Notebook | Path | str",
    grid: Mapping,
    out: Path | str,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    timeout: float = 3600.0,
    budget: str | None = None,
    figure: int = 1,
) -> "pyarrow.Table":
    """Run a notebook once for each combination of values in a grid; runs that are done are not repeated.

    Each run is papermill's, in a worker process that lives long, with a kernel of its own; compiled JAX
    programs are shared. It is named by a hash of the notebook's code and of its parameters, and done when its
    result has been renamed into place in `out`. One that fails, takes too long or is killed is tried once
    more; then its notebook is kept with the error, and the others go on. The next call tries it again.

    In a script, call this below `if __name__ == "__main__":`, for the workers import the script.

    Args:
        notebook: of the lecture, by number or name; or the path of any notebook with a parameters cell.
        grid: parameter -> its values, each of the parameter's type. Empty is one run with the defaults.
        out: folder for runs/, table.csv, table.parquet and index.html; made if missing.
        workers: processes to start here, each with one thread; None for one a core.
        scheduler: address of a dask scheduler whose workers are to be used instead, such as `tcp://host:8786`.
        timeout: seconds that a run may take.
        budget: "20runs", "30min": what may still be started. What has started may finish.
        figure: which figure of the notebook the page shows, counted from 1.

    Returns:
        One row a run, in the grid's order: run, status ("ok", "failed", or "missing" if the budget did not
        reach it), seconds, claims_held, the grid's parameters, what was recorded, what each claim measured
        (rounded as its line prints it), error.

    Raises:
        ValueError: an argument that is not as said; nothing has been started or written then.
        folder.InUse: another sweep is at work in this folder.
        loop.Stopped: the disk is full or the scheduler lost; what is done is kept.

    >>> run("04", {"sed": [1]}, "out")
    Traceback (most recent call last):
        ...
    ValueError: 04_mini_batching has no parameter 'sed'. The parameters of 04_mini_batching:
    ...
    """
    # A notebook that only records needs neither dask nor papermill.
    from lecturelib.sweep import grid as sweep_grid
    from lecturelib.sweep import whole
    from lecturelib.sweep.folder import Folder
    from lecturelib.sweep.loop import Budget

    found = sweep_grid.find(notebook)
    checked = sweep_grid.check(grid, found.parameters(), found.name)
    if not timeout > 0:
        raise ValueError(f"timeout={timeout}: give seconds above 0")
    return whole.run(
        found,
        checked,
        Folder(out),
        workers=workers,
        scheduler=scheduler,
        timeout=timeout,
        budget=Budget.parse(budget),
        figure=figure,
    )
