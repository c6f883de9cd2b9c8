"""What came out of a training grid: learning rates x seeds at one batch size, and how to read it.

Work and depth are the lecture's: depth is the number of serial updates, work is depth times the batch size.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_choice
from lecturelib.spread import BestRate

MEASURES = ("train_loss", "train_error", "test_loss", "test_error")


@dataclass(frozen=True)
class GridRun:
    """All runs of one batch size; axes are (learning rate, seed, checkpoint).

    A run whose loss stops being finite keeps its last finite values from there on, and `diverged_at` says
    since when, so no entry is NaN. A run can also fail with finite numbers (every hidden unit dead, say):
    `diverged` counts it too.

    Attributes:
        batch_size: images an update, the global batch.
        steps: updates a run.
        learning_rates: increasing, shape (rates,).
        seeds: shape (seeds,); a seed fixes the initial weights and the stream of images.
        checkpoints: number of updates made at each measurement, from 0 to `steps`, shape (points,).
        train_loss: mean cross-entropy in nats on fixed training images, shape (rates, seeds, points).
        train_error: fraction of them misclassified, same shape.
        test_loss: mean cross-entropy in nats on fixed test images, same shape.
        test_error: fraction of them misclassified, same shape.
        diverged_at: updates made when a loss was first seen to be infinite or NaN, shape (rates, seeds); -1
            where that never happened.
        params: weights at every checkpoint, arrays of shape (rates, seeds, points, ...), or None if not kept.
        engine: what computed it, "jax" or "skip-zeros".
        inked: share of pixels that are not 0, in 1,000 training images; the engine is chosen by it.
        evaluation_sizes: images measured on, of the training set and of the test set.
    """

    batch_size: int
    steps: int
    learning_rates: np.ndarray
    seeds: np.ndarray
    checkpoints: np.ndarray
    train_loss: np.ndarray
    train_error: np.ndarray
    test_loss: np.ndarray
    test_error: np.ndarray
    diverged_at: np.ndarray
    params: Any = None
    engine: str = "jax"
    inked: float = 1.0
    evaluation_sizes: tuple[int, int] | None = None

    @property
    def work(self) -> np.ndarray:
        """Images processed up to each checkpoint: depth times batch size, shape (points,)."""
        return self.checkpoints * self.batch_size

    @property
    def diverged(self) -> np.ndarray:
        """Runs that blew up, or ended with a training loss no lower than they began with; (rates, seeds)."""
        return (self.diverged_at >= 0) | (self.train_loss[..., -1] >= self.train_loss[..., 0])

    @property
    def max_learning_rate(self) -> float:
        """Largest rate such that neither it nor any smaller rate diverged for any seed.

        This is the slide's crude grid search. It is 0.0 if the smallest rate diverged already, and the last
        rate if none did: the true maximum then lies outside the grid.
        """
        first_bad = int(np.append(self.diverged.any(axis=1), True).argmax())
        return float(self.learning_rates[first_bad - 1]) if first_bad else 0.0

    def at_rate(self, learning_rate: float) -> "GridRun":
        """The runs with one learning rate; the axis of the rates stays, with length 1. Weights are left out.

        Args:
            learning_rate: one of the grid's.

        Raises:
            ValueError: if the rate is not in the grid.
        """
        (index,) = np.nonzero(self.learning_rates == learning_rate)
        if len(index) != 1:
            raise ValueError(
                f"learning_rate is {learning_rate}: choose one of {self.learning_rates.tolist()}"
            )
        names = ("train_loss", "train_error", "test_loss", "test_error", "diverged_at")
        chosen = {name: getattr(self, name)[index] for name in names}
        return replace(self, learning_rates=self.learning_rates[index], params=None, **chosen)

    def steps_to(self, target: float, measure: str = "train_loss") -> np.ndarray:
        """Depth: updates until `measure` first falls to `target`, shape (rates, seeds); see `steps_to`.

        Args:
            target: loss in nats or error as a fraction, whichever `measure` is.
            measure: "train_loss", "train_error", "test_loss" or "test_error"; else ValueError.
        """
        return steps_to(self.checkpoints, self._curve(measure), target)

    def when(self, train_loss: float, measure: str) -> np.ndarray:
        """What is measured when the training loss first falls to a value: runs compared when equally far.

        Args:
            train_loss: in nats.
            measure: "test_error", or another of the four.

        Returns:
            Shape (rates, seeds), on the line between two checkpoints; NaN where it never falls so far.
        """
        curves, steps = self._curve(measure), self.steps_to(train_loss)
        there = [np.interp(at, self.checkpoints, curves[run]) for run, at in np.ndenumerate(steps)]
        return np.where(np.isfinite(steps), np.reshape(there, steps.shape), np.nan)

    def best(self, target: float | None = None, measure: str = "train_loss") -> BestRate:
        """The rate with the fewest updates to `target`, or without a target with the lowest final `measure`.

        Both are averaged over the seeds. A rate at which any seed diverged does not count, nor, with a
        target, one at which any seed missed it.

        Args:
            target: loss in nats or error as a fraction, whichever `measure` is; or None.
            measure: "train_loss", "train_error", "test_loss" or "test_error".

        Raises:
            ValueError: if every rate is out, or `measure` is unknown.
        """
        score = self._curve(measure)[..., -1] if target is None else self.steps_to(target, measure)
        score = np.where(self.diverged.any(axis=1), np.inf, score.mean(axis=1))
        if not np.isfinite(score).any():
            goal = "through" if target is None else f"to {measure} <= {target}"
            raise ValueError(
                f"learning_rates is {self.learning_rates.tolist()}, and none got every seed {goal} in"
                f" {self.steps} steps at batch size {self.batch_size}: use smaller rates or more steps"
            )
        index = int(score.argmin())
        return BestRate(index, float(self.learning_rates[index]), index in (0, len(self.learning_rates) - 1))

    def _curve(self, measure: str) -> np.ndarray:
        return getattr(self, check_choice("measure", measure, MEASURES))


def steps_to(
    checkpoints: ArrayLike, curves: ArrayLike, target: float, *, logarithmic: bool = False
) -> np.ndarray:
    """Updates until a curve first falls to a target.

    Between the checkpoint before and the one at which the target was first met, the curve is taken to be a
    straight line, in itself or in its logarithm.

    Args:
        checkpoints: updates made at each measurement, increasing, shape (points,).
        curves: what was measured, shape (..., points).
        target: in the unit of the curves; above 0 if `logarithmic`.
        logarithmic: interpolate the logarithm; a curve that falls to 0 or below meets the target just there.

    Returns:
        Updates, shape (...); infinite for a curve that never meets the target.

    Example:
        >>> from lecturelib.networks.training_grid import steps_to
        >>> points, curves = [0, 10, 20], [[1.0, 0.4, 0.1], [1.0, 0.4, 0.3]]
        >>> steps_to(points, curves, 0.2).round(3).tolist()
        [16.667, inf]
        >>> steps_to(points, curves, 0.2, logarithmic=True).round(3).tolist()
        [15.0, inf]
    """
    checkpoints, curves = np.asarray(checkpoints), np.asarray(curves)
    met = curves <= target
    here = met.argmax(axis=-1)
    before = np.maximum(here - 1, 0)
    value, value_before = (np.take_along_axis(curves, i[..., None], axis=-1)[..., 0] for i in (here, before))
    between = (here > 0) & ((value > 0) | (not logarithmic))
    high, low = np.where(between, value_before, 2.0), np.where(between, value, 1.0)
    part = np.log(high / target) / np.log(high / low) if logarithmic else (high - target) / (high - low)
    steps = checkpoints[before] + part * (checkpoints[here] - checkpoints[before])
    return np.where(met.any(axis=-1), np.where(between, steps, checkpoints[here]), np.inf)
