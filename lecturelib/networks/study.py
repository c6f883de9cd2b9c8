"""Full studies of the network, run unattended, and the two that are stored with the lecture.

`make study` runs both and that of the transformer (`text_study`), or the one named: ``python -m
lecturelib.networks.study epoch``.

At each batch size a study has two parts. The `search` trains with every learning rate on the tuning seeds.
The `judged` runs use fresh seeds at the rates that the search found best, the fastest to the target loss and
the one with the lowest test error at the end, and at the plan's common rate, for an unfair comparison.

Each finished run is kept in build/study/parts, so a study that was stopped goes on where it was. The result
appears in build/study when it is complete; copied to lecturelib/data, it is the one that the lecture shows.
"""

import dataclasses
import hashlib
import itertools
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lecturelib import datasets
from lecturelib.checks import check_choice
from lecturelib.networks import characters, text_record, text_study, training
from lecturelib.networks.stored import opened, provenance, save
from lecturelib.networks.study_plan import PLANS, Plan
from lecturelib.networks.text_study_plan import PLAN as TEXT_PLAN
from lecturelib.networks.training_grid import MEASURES, GridRun

__all__ = ["PLANS", "Plan", "Study", "read", "run", "stored", "write"]

PARTS = ("search", "judged")
FIELDS = ("learning_rates", "seeds", "checkpoints", "curves", "diverged_at")  # of a stored run


@dataclass(frozen=True)
class Study:
    """A finished study.

    Attributes:
        plan: what was run.
        provenance: versions, device, date, and seconds of training on all cores together.
        search: the tuning runs of each batch size.
        judged: the runs on fresh seeds of each batch size.
    """

    plan: Plan
    provenance: dict[str, Any]
    search: dict[int, GridRun]
    judged: dict[int, GridRun]


def stored(name: str) -> Study:
    """A study that comes with the lecture.

    Args:
        name: "epoch" or "overfit".

    Raises:
        ValueError: another name; or the file is damaged.

    Example:
        >>> from lecturelib.networks import study
        >>> epoch = study.stored("epoch")
        >>> epoch.plan == study.PLANS["epoch"], len(epoch.plan.batch_sizes), len(epoch.plan.seeds)
        (True, 13, 10)
    """
    return read(datasets.DATA / f"mnist_{check_choice('name', name, PLANS)}.npz")


def run(data: datasets.Mnist, plan: Plan, parts: Path) -> Study:
    """Run a plan, or what is missing of it: finished runs are read from the folder `parts`.

    Args:
        data: images and labels, as `datasets.mnist()` gives them.
        plan: what to run; its batch sizes are at most its number of images.
        parts: folder for the finished runs, made if missing; other plans and versions may share it.

    Returns:
        The study; its provenance has the versions, the device, the date and the seconds of training.

    Raises:
        ValueError: as `training.train_grid` does; or if at some batch size no rate reached the target.
    """
    about = provenance()
    key = json.dumps([dataclasses.asdict(plan), about["versions"], FIELDS], sort_keys=True)
    folder = Path(parts) / hashlib.sha256(key.encode()).hexdigest()[:12]
    data, seconds = _evenly_spaced(data, plan.images), 0.0
    found: dict[str, dict[int, GridRun]] = {part: {} for part in PARTS}
    for batch_size, part in itertools.product(plan.batch_sizes, PARTS):
        file = folder / f"{part}_{batch_size}.npz"
        if not file.exists():
            rates: Sequence[float] = plan.learning_rates
            if part == "judged":
                rates = plan.judged_rates(found["search"][batch_size])
            start = time.perf_counter()
            trained = training.train_grid(
                data,
                rates,
                batch_size,
                plan.tuning_seeds if part == "search" else plan.seeds,
                steps=plan.steps(batch_size),
                hidden=plan.hidden,
                checkpoints=plan.checkpoints(batch_size),
                evaluation_size=plan.evaluation_size,
            )
            save(file, {"seconds": np.array(time.perf_counter() - start), **_arrays(trained)})
        with np.load(file, allow_pickle=False) as kept:
            seconds += float(kept["seconds"])
            found[part][batch_size] = _run(kept, batch_size)
    return Study(plan, about | {"seconds": round(seconds)}, **found)


def _evenly_spaced(data: datasets.Mnist, images: int) -> datasets.Mnist:
    chosen = np.linspace(0, len(data.train_labels) - 1, min(images, len(data.train_labels))).astype(int)
    return dataclasses.replace(
        data, train_images=data.train_images[chosen], train_labels=data.train_labels[chosen]
    )


def write(study: Study, path: Path) -> None:
    """Store a study as compressed arrays; the file appears, or is replaced, when it is complete.

    It has the entry `about`, JSON of the plan and the provenance, and for every run the entries
    `search_64_learning_rates` and so on, with all four measures in `search_64_curves`. The same study gives
    the same bytes.

    Args:
        study: what to store; of every batch size of its plan.
        path: file to write, .npz.
    """
    about = json.dumps({"plan": dataclasses.asdict(study.plan), "provenance": study.provenance})
    arrays = {"about": np.array(about)}
    for part, batch_size in itertools.product(PARTS, study.plan.batch_sizes):
        arrays |= _arrays(getattr(study, part)[batch_size], f"{part}_{batch_size}_")
    save(Path(path), arrays)


def _arrays(run: GridRun, prefix: str = "") -> dict[str, np.ndarray]:
    curves = np.stack([getattr(run, name) for name in MEASURES])
    each = (run.learning_rates, run.seeds, run.checkpoints, curves, run.diverged_at)
    return {prefix + name: array for name, array in zip(FIELDS, each, strict=True)}


def read(path: Path) -> Study:
    """Read a study that `write` has stored.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no study, or is damaged.
    """
    with opened(path, "lecturelib.networks.study.write") as (arrays, about):
        plan = Plan(**about["plan"])
        runs = {part: {b: _run(arrays, b, f"{part}_{b}_") for b in plan.batch_sizes} for part in PARTS}
        return Study(plan, about["provenance"], **runs)


def _run(arrays: Mapping[str, np.ndarray], batch_size: int, prefix: str = "") -> GridRun:
    each = [arrays[prefix + name] for name in FIELDS]
    rates, seeds, points, curves, diverged_at = each
    shape = (len(MEASURES), *rates.shape, *seeds.shape, *points.shape)
    kinds = "".join(array.dtype.kind for array in each)
    if curves.shape != shape or diverged_at.shape != shape[1:3] or kinds != "fiifi":
        raise ValueError(f"{prefix}curves of shape {curves.shape} and {shape}, kinds {kinds}")
    named = dict(zip(MEASURES, curves, strict=True))
    return GridRun(batch_size, int(points[-1]), rates, seeds, points, **named, diverged_at=diverged_at)


def main(names: Sequence[str], out: Path = Path("build/study")) -> None:
    """Run the named studies, all by default, and write their files into `out`."""
    every = (*PLANS, "text")
    for name in [check_choice("name", name, every) for name in names or every]:
        if name == "text":
            text, path = characters.corpus(datasets.wordnet_text()), out / text_record.FILE
            found = text_study.run(text, TEXT_PLAN, out / "parts")
            text_record.write(found, path)
            seconds = found.provenance["seconds"]
        else:
            study, path = run(datasets.mnist(), PLANS[name], out / "parts"), out / f"mnist_{name}.npz"
            write(study, path)
            seconds = study.provenance["seconds"]
        print(f"{path}: {seconds} seconds of training")


if __name__ == "__main__":
    main(sys.argv[1:])
