"""A training run beside its prediction: how many steps it took, and whether that refutes the prediction."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import stdtrit

from lecturelib.least_squares.schemes import Scheme

AGREES = 1.25  # ratio of measured and predicted depth that still confirms: less than half a row of the table
SIZE, TESTS = 0.01, 6  # chance that a page, with so many looks at runs, refuses a prediction that is right
LARGEST = 1e6  # share of the first excess loss that a run that has diverged counts with


@dataclass(frozen=True, eq=False)
class Trial:
    """A real training run beside its prediction.

    Attributes:
        label: what was run.
        batch_size, learning_rate: at its first step.
        predicted_steps, measured_steps: to the goal (math.inf: not within BEYOND times as many).
        differs: whether chance does not explain how the runs differ from the prediction.
        samples: examples processed in the measured steps, math.inf as they are.
        runs: how many there were.
        checkpoints: steps at which the loss was measured, shape (k,).
        mean, error: excess loss as a fraction of the first one, and its standard error over runs; (k,).
        predicted: the same by theory, None without one.
    """

    label: str
    batch_size: int
    learning_rate: float
    predicted_steps: int
    measured_steps: float
    differs: bool
    samples: float
    runs: int
    checkpoints: np.ndarray = field(repr=False)
    mean: np.ndarray = field(repr=False)
    error: np.ndarray = field(repr=False)
    predicted: np.ndarray | None = field(repr=False)

    @property
    def ratio(self) -> float:
        """Measured over predicted depth."""
        return self.measured_steps / self.predicted_steps

    @property
    def agrees(self) -> bool:
        """Whether the run confirms its prediction: the depths differ by a factor of AGREES, or by a step."""
        low, high = _near(self.predicted_steps)
        return low <= self.measured_steps <= high

    @property
    def refuted(self) -> bool:
        """Whether the depths differ by more than that, and by more than chance explains."""
        return self.differs and not self.agrees


def of_batch(trials: Sequence[Trial], batch_size: int) -> Trial | None:
    """The training run of a constant batch, None if there was none."""
    return next((each for each in trials if each.label == f"batch {batch_size}"), None)


def _near(steps: int) -> tuple[float, float]:
    """The least and the greatest depth that still agree with one: a factor of AGREES or a whole step apart.

    A depth measured between N - 2 and N - 1 is N - 1 whole steps.
    """
    return max(min(steps / AGREES, steps - 2), 0), max(AGREES * steps, steps + 1)


def beside(
    label: str, scheme: Scheme, goal: float, checkpoints: np.ndarray, losses: np.ndarray,
    predicted: np.ndarray | None = None,
) -> Trial:  # fmt: skip
    """A trial of a scheme, from its losses, shape (runs, k), less the least loss where that is known."""
    runs = len(losses)
    with np.errstate(invalid="ignore"):
        shares = losses / losses[:, 0].mean()
        mean, error = shares.mean(axis=0), shares.std(axis=0, ddof=1) / math.sqrt(runs)
    measured = steps_to(checkpoints, mean, goal)
    sizes = np.append(0.0, np.cumsum(scheme.batch_sizes))
    beyond = max(measured - scheme.steps, 0.0) * float(scheme.batch_sizes[-1])
    return Trial(
        label=label,
        batch_size=int(scheme.batch_sizes[0]),
        learning_rate=float(scheme.learning_rates[0]),
        predicted_steps=scheme.steps,
        measured_steps=measured,
        differs=differs(checkpoints, shares, scheme.steps, goal),
        samples=float(np.interp(measured, np.arange(len(sizes)), sizes)) + beyond,
        runs=runs,
        checkpoints=checkpoints,
        mean=mean,
        error=error,
        predicted=predicted,
    )


def differs(checkpoints: np.ndarray, shares: np.ndarray, steps: int, goal: float) -> bool:
    """Whether runs refute a predicted depth N by more than `_near` allows.

    ::

        above the goal after 1.25 N steps:   mean log share - t (its standard error) > log goal,   or
        below the goal after N / 1.25:       mean share + t (its standard error) < goal

    The first is on the logarithm, whose mean is below that of the share (Jensen): a few runs that go astray
    refute nothing. t is Student's quantile with a tail of SIZE / TESTS. A right prediction fails one at most.

    Args:
        checkpoints: steps, shape (k,).
        shares: excess loss over the first one, shape (runs, k).
        steps: N.
        goal: as a share.
    """
    runs = len(shares)
    logs = np.log(np.clip(np.nan_to_num(shares, nan=np.inf), 1e-300, LARGEST))
    early, late = (np.array([np.interp(at, checkpoints, run) for run in logs]) for at in _near(steps))
    limit = stdtrit(runs - 1, 1.0 - SIZE / TESTS) / math.sqrt(runs)
    slow = late.mean() - limit * late.std(ddof=1) > math.log(goal)
    fast = np.exp(early).mean() + limit * np.exp(early).std(ddof=1) < goal
    return bool(slow or fast)


def steps_to(checkpoints: np.ndarray, excess: np.ndarray, goal: float) -> float:
    """Where the excess first comes down to the goal, interpolated on a logarithmic scale; inf: nowhere.

    >>> import numpy as np
    >>> from lecturelib.advice import comparison
    >>> round(comparison.steps_to(np.array([0, 10, 20]), np.array([1.0, 0.4, 0.1]), 0.2), 6)
    15.0
    """
    below = np.flatnonzero(excess <= goal)
    if not len(below):
        return math.inf
    after = below[0]
    if after == 0 or excess[after] <= 0.0:
        return float(checkpoints[after])
    part = math.log(excess[after - 1] / goal) / math.log(excess[after - 1] / excess[after])
    return float(checkpoints[after - 1] + part * (checkpoints[after] - checkpoints[after - 1]))
