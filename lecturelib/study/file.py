"""A finished study as a small file: a table that any program reads, and where it came from.

The file is compressed text: a line of JSON after '# ' (the plan and the provenance), the names of the
columns, then one row for each measurement of each run. `pandas.read_csv(path, comment="#")` reads it too.
"""

import csv
import dataclasses
import gzip
import io
import itertools
import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lecturelib.grid import GridRun
from lecturelib.study.plan import Plan

MEASURES = ("train_loss", "train_error", "test_loss", "test_error")
COLUMNS = ("part", "batch_size", "learning_rate", "seed", "step", *MEASURES, "diverged_at")


@dataclass(frozen=True)
class Study:
    """A finished study: its plan, where it came from, and the two parts of each batch size as GridRuns.

    provenance: versions, device, date, and seconds of training on all cores together.
    """

    plan: Plan
    provenance: dict
    search: dict[int, GridRun]
    judged: dict[int, GridRun]


def write(study: Study, path: Path) -> None:
    """Store a study; the file appears, or is replaced, when it is complete.

    Losses are kept to five digits, in nats; errors are fractions; diverged_at is -1 where the loss stayed
    finite. The same study gives the same bytes.
    """
    text = io.StringIO()
    head = {"plan": dataclasses.asdict(study.plan), "provenance": study.provenance}
    text.write(f"# {json.dumps(head)}\n")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for part in ("search", "judged"):
        for run in getattr(study, part).values():
            table.writerows(_rows(part, run))
    replace_bytes(path, gzip.compress(text.getvalue().encode(), mtime=0))


def _rows(part, run):
    for index in np.ndindex(run.train_loss.shape):
        rate, seed, point = index
        where = (part, run.batch_size, float(run.learning_rates[rate]), run.seeds[seed])
        measured = [f"{getattr(run, name)[index]:.5g}" for name in MEASURES]
        yield (*where, run.checkpoints[point], *measured, run.diverged_at[rate, seed])


def read(path: Path) -> Study:
    """Read a study that `write` has stored.

    Raises:
        FileNotFoundError: there is no such file. ValueError: it holds no study.
    """
    content = Path(path).read_bytes()
    try:
        return _parse(gzip.decompress(content).decode().splitlines())
    except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, ArithmeticError) as error:
        remedy = "make one with `lecturelib.study.file.write`"
        raise ValueError(f"path is {str(path)!r}, which holds no study ({error}): {remedy}") from error


def _parse(lines: list[str]) -> Study:
    if len(lines) < 3 or not lines[0].startswith("# {") or tuple(lines[1].split(",")) != COLUMNS:
        raise ValueError("its first lines are not those of one")
    head = json.loads(lines[0][2:])
    found = {"search": {}, "judged": {}}
    for (part, batch_size), rows in itertools.groupby(csv.reader(lines[2:]), key=lambda row: row[:2]):
        found[part][int(batch_size)] = _grid_run(int(batch_size), rows)
    return Study(Plan(**head["plan"]), head["provenance"], **found)


def _grid_run(batch_size, rows) -> GridRun:
    rates, seeds, steps, *curves, diverged_at = np.array([row[2:] for row in rows], dtype=float).T
    rates, seeds, steps = (np.unique(column) for column in (rates, seeds, steps))
    shape = len(rates), len(seeds), len(steps)  # the rows are in this order
    curves = [curve.reshape(shape) for curve in curves]
    diverged_at = diverged_at.reshape(shape)[..., 0].astype(int)
    seeds, steps = seeds.astype(int), steps.astype(int)
    return GridRun(batch_size, int(steps[-1]), rates, seeds, steps, *curves, diverged_at)


def replace_bytes(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it, so that it is never seen half written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
