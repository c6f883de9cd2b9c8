"""What a full study of the network runs, and the two plans whose studies are stored with the lecture."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from lecturelib.networks.training_grid import GridRun


@dataclass(frozen=True)
class Plan:
    """What a study runs.

    Attributes:
        batch_sizes: images a step, increasing.
        learning_rates: grid for every batch size, increasing.
        tuning_seeds: of the runs that choose the rates.
        seeds: of the runs that are judged; none of them tunes.
        samples: images a run processes, unless that makes fewer than `updates` steps.
        updates: least number of steps of a run.
        target: training loss to reach, in nats.
        images: training images in use, evenly spaced in the data set.
        hidden: units of the hidden layer.
        points: measurements of a run, spaced evenly in the logarithm of the step.
        evaluation_size: images that are measured, as `training.train_grid` takes it.
        common_rate: one of the learning rates, judged at every batch size besides; or None.

    Raises:
        ValueError: a seed that tunes and is judged too; a common rate that is not in the grid.

    Example:
        >>> from lecturelib.networks.study_plan import Plan
        >>> plan = Plan((1, 64), (0.1, 0.2), (0,), (1, 2), samples=640, updates=20, target=0.5, points=4)
        >>> plan.steps(1), plan.steps(64), plan.checkpoints(1)
        (640, 20, [6, 28, 134, 640])
    """

    batch_sizes: tuple[int, ...]
    learning_rates: tuple[float, ...]
    tuning_seeds: tuple[int, ...]
    seeds: tuple[int, ...]
    samples: int
    updates: int
    target: float
    images: int = 60_000
    hidden: int = 300
    points: int = 20
    evaluation_size: int | tuple[int, int] = 1000
    common_rate: float | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # lists, as JSON has them, become tuples
            value = getattr(self, field.name)
            object.__setattr__(self, field.name, tuple(value) if isinstance(value, list) else value)
        both = set(self.tuning_seeds) & set(self.seeds)
        if both:
            raise ValueError(f"seeds has {sorted(both)}, which tune the rate too: judge on fresh seeds")
        if self.common_rate not in (None, *self.learning_rates):
            raise ValueError(
                f"common_rate is {self.common_rate}: choose one of {self.learning_rates}, or None"
            )

    def steps(self, batch_size: int) -> int:
        """Updates of a run: the depth."""
        return max(self.samples // batch_size, self.updates)

    def checkpoints(self, batch_size: int) -> list[int]:
        """When a run is measured: updates made, from a hundredth of the run to its end."""
        steps = self.steps(batch_size)
        return np.unique(np.geomspace(max(1, steps // 100), steps, self.points).astype(int)).tolist()

    def judged_rates(self, search: GridRun) -> list[float]:
        """The rates, increasing, that deserve fresh seeds after a search.

        Raises:
            ValueError: no rate reached the target.
        """
        chosen = {search.best(self.target).learning_rate, search.best(measure="test_error").learning_rate}
        if self.common_rate is not None:
            chosen.add(self.common_rate)
        return sorted(chosen)


PLANS = {
    "epoch": Plan(
        batch_sizes=tuple(2**k for k in range(13)),
        learning_rates=tuple(0.003125 * 2.0**k for k in range(10)),
        tuning_seeds=(0, 1),
        seeds=tuple(range(2, 12)),
        samples=60_000,
        updates=64,
        target=0.35,
    ),
    "overfit": Plan(
        batch_sizes=(4, 16, 64, 256, 1000),
        learning_rates=tuple(round(0.0625 * 2.0 ** (k / 2), 4) for k in range(10)),
        tuning_seeds=(0, 1),
        seeds=tuple(range(2, 12)),
        samples=60_000,
        updates=400,
        target=0.02,
        images=1000,
        hidden=100,
        evaluation_size=(1000, 4000),
        common_rate=0.1768,
    ),
}
