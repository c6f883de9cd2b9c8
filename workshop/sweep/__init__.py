"""Sweeps: a notebook run over a grid of parameters, resumably, on this machine or on a cluster.

A notebook says with `record` what it wants in the table; `run` makes the table. The command `lecture sweep`
does the same with a progress bar.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lecturelib.records import record

if TYPE_CHECKING:
    import pyarrow

    from workshop.notebooks import Notebook

__all__ = ["record", "run"]


def run(
    notebook: "Notebook | Path | str",
    grid: Mapping[str, Iterable],
    out: Path | str,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    timeout: float = 3600.0,
    budget: str | None = None,
    figure: int = 1,
    anew: bool = False,
    search: str | None = None,
    against: "Path | str | None" = None,
) -> "pyarrow.Table":
    """Run a notebook once for each combination of values in a grid; runs that are done are not repeated.

    Each run is papermill's, in a worker process that lives long, with a kernel of its own; compiled JAX
    programs are shared. It is named by a hash of the notebook's code and of its parameters, and done when its
    result has been renamed into place in `out`. One that takes too long or is killed is tried once more; one
    that fails by an exception in a cell would fail again. Then its notebook is kept with the error, and what
    it recorded and checked until then is in the table; the others go on. The next call tries it again.

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
        anew: run once more what is done, but was made with other versions of packages, of lecturelib, or of
            modules beside the notebook than those on this machine. Without it the page names the mixture.
        search: a name that is recorded: run only what a search by successive halving needs to find its least
            mean over the seeds, about 30 % of the grid; "max:NAME" for the greatest. See `search.Search`.
        against: folder of another sweep; the page says how runs with the same parameters differ from its.

    Returns:
        One row a run, in the grid's order: run, status ("ok", "failed", "missing" if the budget did not
        reach it, or "skipped" by a search), seconds, claims_held, claims_failed (their ids), the grid's
        parameters, what was recorded, what each claim measured and whether it holds, error. A parameter
        called as a column of these gets " (parameter)" after its name, a record " (recorded)". A claim that
        fails stops its run only if the environment has LECTURE_STRICT=1. Of one that compares several
        numbers, the column is one of them, in every run the same, and has its position in its name; there is
        none where runs compare other numbers.

    Raises:
        ValueError: no such notebook, or what `parameters.check`, the notebook's ranges or `options.Options`
            refuse; then nothing has been started or written.
        folder.InUse: another sweep is at work in this folder.
        loop.Stopped: the disk is full or the scheduler lost; what is done is kept.

    >>> from lecturelib import sweep
    >>> sweep.run("04", {"sed": [1]}, "out")
    Traceback (most recent call last):
        ...
    ValueError: 04_mini_batching has no parameter 'sed'. The parameters of 04_mini_batching:
    ...
    """
    # A notebook that only records needs neither dask nor papermill.
    from workshop import notebooks
    from workshop.sweep import execute
    from workshop.sweep import parameters as sweep_grid
    from workshop.sweep.folder import Folder
    from workshop.sweep.options import Options

    options = Options(workers, scheduler, timeout, budget, figure, anew, search, against)
    (found,) = notebooks.select([notebook])
    found = found.kept()  # names, code and parameters are of one moment, whatever an editor saves meanwhile
    checked = sweep_grid.check(grid, found.parameters(), found.name)
    execute.check(found, checked, options)
    return execute.run(found, checked, Folder(out), options).table
