"""Run a full study of the network, unattended; and read the two that are stored with the lecture.

    python -m lecturelib.study epoch overfit

Each finished part is kept in build/study/parts, so a study that was stopped goes on where it was. The result
appears in build/study when it is complete; copied to lecturelib/data, it is the one that the lecture shows.
"""

import dataclasses
import hashlib
import io
import itertools
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from lecturelib import mlp
from lecturelib.grid import GridRun
from lecturelib.study.file import MEASURES, Study, read, replace_bytes, write
from lecturelib.study.plan import PLANS, Plan

__all__ = ["PLANS", "Plan", "Study", "read", "run", "stored", "write"]

KEPT = ("learning_rates", "seeds", "checkpoints", *MEASURES, "diverged_at")


def stored(name: str) -> Study:
    """A study that comes with the lecture: "epoch" or "overfit".

    Raises:
        ValueError: another name.

    >>> epoch = stored("epoch")
    >>> epoch.plan == PLANS["epoch"], len(epoch.plan.batch_sizes), len(epoch.plan.seeds)
    (True, 13, 10)
    """
    return read(Path(__file__).parents[1] / "data" / f"mnist_{known(name)}.csv.gz")


def run(data, plan: Plan, parts: Path) -> Study:
    """Run a plan, or what is missing of it: finished parts are read from the folder `parts`.

    Args:
        data: as `mlp.train_grid` takes it, a dataclass such as `datasets.mnist()`.
        plan: what to run; its batch sizes are at most its number of images.
        parts: folder for the finished parts, made if missing; other plans and versions may share it.

    Returns:
        Study; its provenance has the versions, the device, the date and the seconds of training.

    Raises:
        ValueError: as `mlp.train_grid` does; or if at some batch size no rate reached the target.
    """
    provenance = _provenance()
    key = json.dumps([dataclasses.asdict(plan), provenance["versions"]], sort_keys=True)
    folder = Path(parts) / hashlib.sha256(key.encode()).hexdigest()[:12]
    data, seconds, found = _subset(data, plan.images), 0.0, {"search": {}, "judged": {}}
    for batch_size, part in itertools.product(plan.batch_sizes, found):
        file = folder / f"{part}_{batch_size}.npz"
        if not file.exists():
            rates, seeds = plan.learning_rates, plan.tuning_seeds
            if part == "judged":
                rates, seeds = plan.judged_rates(found["search"][batch_size]), plan.seeds
            _train(file, data, plan, batch_size, rates, seeds)
        with np.load(file) as kept:
            seconds += float(kept["seconds"])
            fields = {name: kept[name] for name in KEPT}
        found[part][batch_size] = GridRun(batch_size, plan.steps(batch_size), **fields)
    return Study(plan, provenance | {"seconds": round(seconds)}, **found)


def _train(file, data, plan, batch_size, rates, seeds):
    start = time.perf_counter()
    trained = mlp.train_grid(
        data,
        rates,
        batch_size,
        seeds,
        steps=plan.steps(batch_size),
        hidden=plan.hidden,
        checkpoints=plan.checkpoints(batch_size),
        evaluation_size=plan.evaluation_size,
    )
    seconds = time.perf_counter() - start
    content = io.BytesIO()
    np.savez(content, seconds=seconds, **{name: getattr(trained, name) for name in KEPT})
    replace_bytes(file, content.getvalue())


def _subset(data, images):
    chosen = np.linspace(0, len(data.train_labels) - 1, min(images, len(data.train_labels))).astype(int)
    part = {"train_images": data.train_images[chosen], "train_labels": data.train_labels[chosen]}
    return dataclasses.replace(data, **part)


def _provenance() -> dict:
    import jax

    versions = {name: version(name) for name in ("lecturelib", "jax", "jaxlib", "numpy")}
    kind = f"{jax.device_count()} {jax.devices()[0].device_kind}"
    return {
        "versions": versions | {"python": platform.python_version()},
        "device": f"{kind}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "date": time.strftime("%Y-%m-%d"),
    }


def known(name: str) -> str:
    """The name of a study, if there is one; else ValueError."""
    if name not in PLANS:
        raise ValueError(f"name is {name!r}: choose one of {', '.join(PLANS)}")
    return name
