"""What a study of the transformer found: its runs, the best rates and steps among them, and the file of it.

`text_study` makes one; `stored` is the one that comes with the lecture.
"""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lecturelib import datasets
from lecturelib.networks.stored import opened, save
from lecturelib.networks.text_study_plan import TextPlan

FILE = "transformer.npz"
NOISE_FIELDS = ("step", "loss", "noise_scale", "low", "high")


@dataclass(frozen=True, eq=False)
class TextRun:
    """One run, as far as it was followed.

    Attributes:
        method: of the step.
        batch_size: windows a step.
        rate: eta.
        seed: of weights and windows.
        steps: at which the loss was measured, from 0, shape (points,).
        losses: held-out, in nats a character, shape (points,).
    """

    method: str
    batch_size: int
    rate: float
    seed: int
    steps: np.ndarray
    losses: np.ndarray

    def steps_to(self, goal: float) -> float:
        """Steps until the loss is first measured at the goal or below, infinite if it never was.

        Between two measurements the loss is taken to be a straight line in the logarithm of the step.

        >>> import numpy as np
        >>> from lecturelib.networks.text_record import TextRun
        >>> run = TextRun("SGD", 1, 0.1, 0, np.array([0, 100, 400]), np.array([4.5, 3.0, 2.0]))
        >>> run.steps_to(2.5), run.steps_to(1.9)
        (200.0, inf)
        """
        below = np.flatnonzero(self.losses <= goal)
        if not len(below):
            return math.inf
        i = below[0]
        if i < 2:  # a logarithm has no step 0
            return float(self.steps[i])
        share = (self.losses[i - 1] - goal) / (self.losses[i - 1] - self.losses[i])
        return float(self.steps[i - 1] * (self.steps[i] / self.steps[i - 1]) ** share)


@dataclass(frozen=True, eq=False)
class NoiseCurve:
    """The noise scale along a run.

    Attributes:
        method: of the run, at the best rate for the last goal.
        seed: of the run.
        step: at which it was measured, from 0, shape (points,).
        loss: held-out, in nats a character, there.
        noise_scale: tr(Sigma) / |G|^2 in windows.
        low: lower ends of its 95 % intervals.
        high: upper ends, infinite where the gradient is lost in noise.
    """

    method: str
    seed: int
    step: np.ndarray
    loss: np.ndarray
    noise_scale: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class TextStudy:
    """A finished study.

    Attributes:
        plan: what was run.
        provenance: versions, device, date, and seconds of training on one core.
        runs: all of them, those that tune and those that are judged.
        noise: the noise scale along the plan's runs of each method.
    """

    plan: TextPlan
    provenance: dict[str, Any]
    runs: tuple[TextRun, ...]
    noise: tuple[NoiseCurve, ...]

    def best_rate(self, method: str, batch_size: int, goal: float) -> float:
        """The rate with the fewest steps to the goal, the mean over the tuning seeds."""
        tried: dict[float, list[float]] = {}
        for run in self.runs:
            if (run.method, run.batch_size) == (method, batch_size) and run.seed in self.plan.tuning_seeds:
                tried.setdefault(run.rate, []).append(run.steps_to(goal))
        return min(sorted(tried), key=lambda rate: float(np.mean(tried[rate])))

    def steps(self, method: str, batch_size: int, goal: float, *, loss: float | None = None) -> np.ndarray:
        """Steps on the fresh seeds at the best rate for a goal, infinite where it was not reached, (seeds,).

        They are the steps to the goal, or to another loss that these runs pass on their way there.
        """
        at = method, batch_size, self.best_rate(method, batch_size, goal)
        found = {run.seed: run for run in self.runs if (run.method, run.batch_size, run.rate) == at}
        return np.array([found[seed].steps_to(loss or goal) for seed in self.plan.seeds])


def write(study: TextStudy, path: Path) -> None:
    """Store a study as compressed arrays; the file appears, or is replaced, when it is complete.

    The entry `about` is JSON: the plan, the provenance, and of each run and each noise curve what names it
    and how many points it has. The others hold their points, one run after the other: `steps`, `losses`, and
    `noise`, shape (5, points), of step, loss, noise scale, low and high. The same study gives the same bytes.

    Args:
        study: what to store.
        path: file to write, .npz.
    """
    runs, noise = study.runs, study.noise
    about = {
        "plan": dataclasses.asdict(study.plan),
        "provenance": study.provenance,
        "runs": [(run.method, run.batch_size, run.rate, run.seed, len(run.steps)) for run in runs],
        "noise": [(curve.method, curve.seed, len(curve.step)) for curve in noise],
    }
    points = [np.stack([getattr(curve, name) for name in NOISE_FIELDS]) for curve in noise]
    arrays = {
        "about": np.array(json.dumps(about)),
        "steps": np.concatenate([run.steps for run in runs]).astype(np.int32),
        "losses": np.concatenate([run.losses for run in runs]).astype(np.float32),
        "noise": np.concatenate([np.zeros((len(NOISE_FIELDS), 0)), *points], axis=1),
    }
    save(Path(path), arrays)


def read(path: Path) -> TextStudy:
    """Read a study that `write` has stored.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no study, or is damaged.
    """
    with opened(path, "lecturelib.networks.text_record.write") as (arrays, about):
        kinds = "".join(arrays[name].dtype.kind for name in ("steps", "losses", "noise"))
        if kinds != "iff":
            raise ValueError(f"kinds {kinds}")
        steps, losses = (_cut(arrays[name], about["runs"]) for name in ("steps", "losses"))
        noise = _cut(arrays["noise"], about["noise"])
        runs = tuple(
            TextRun(method, batch_size, rate, seed, *points)
            for (method, batch_size, rate, seed, _), *points in zip(about["runs"], steps, losses, strict=True)
        )
        curves = tuple(
            NoiseCurve(method, seed, *points)
            for (method, seed, _), points in zip(about["noise"], noise, strict=True)
        )
        return TextStudy(TextPlan(**about["plan"]), about["provenance"], runs, curves)


def _cut(points: np.ndarray, curves: list[list]) -> list[np.ndarray]:
    """The points of each curve, whose last entry says how many there are."""
    ends = np.cumsum([curve[-1] for curve in curves], dtype=int)
    if points.shape[-1] != (ends[-1] if len(ends) else 0):
        raise ValueError(f"points of shape {points.shape} for {len(curves)} curves")
    return np.split(points, ends[:-1], axis=-1) if len(ends) else []


def stored() -> TextStudy:
    """The study that comes with the lecture.

    Raises:
        ValueError: the file is damaged.

    Example:
        >>> from lecturelib.networks import text_record
        >>> study = text_record.stored()
        >>> len(study.plan.batch_sizes), list(study.plan.first_rates)
        (7, ['SGD', 'momentum', 'Adam'])
    """
    return read(datasets.DATA / FILE)
