"""Does the prediction come true? Mini-batch training on the reader's own data, written plainly.

`train` knows no theory: weights start at zero, batches are drawn with replacement, the gradient is the mean
over the batch, and the loss is measured on all examples. `trials` sets it beside the prediction for the
recommended batch, an eighth of it, and the schedule that doubles.

A run is a test of its prediction, see `comparison.differs`. Runs that neither confirm nor refute are made
again, MORE times as many. A page has three runs, each looked at twice at most, and refuses right predictions
at most 1 time in 100.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.special import expit

from lecturelib.advice.comparison import Trial, beside
from lecturelib.advice.optimizer import SGD, Optimizer
from lecturelib.advice.planning import Plan
from lecturelib.advice.preparation import Data, Features
from lecturelib.advice.progress import say
from lecturelib.advice.reduction import Moments
from lecturelib.least_squares.risk import risk_curve
from lecturelib.least_squares.schemes import Scheme, scheduled_risk

MORE = 4  # times as many runs where the first do not decide
MOST_NUMBERS, MOST_UPDATES = 2e9, 60_000  # of a training run: numbers read, steps of all runs together
BEYOND = 2.5  # a run goes on to so many times the predicted depth
LOOKS = (0, 0.1, 0.25, 0.5, 0.7, 0.85, 1, 1.2, 1.5, 1.9, BEYOND)  # at the loss, in predicted depths
ROWS_AT_ONCE = 16384
NOW_AND_THEN = 64  # steps from one word on progress to the next

Loss = Callable[[np.ndarray, np.ndarray], np.ndarray]
LOSSES: dict[str, tuple[Loss, Loss]] = {  # of an output u = x'w and a target y, and the derivative in u
    "squared": (lambda u, y: 0.5 * (y - u) ** 2, lambda u, y: u - y),
    "logistic": (lambda u, y: np.logaddexp(0.0, u) - y * u, lambda u, y: expit(u) - y),  # y 0 or 1; in nats
}


def train(
    features: Features, targets: np.ndarray, loss: str, scheme: Scheme, checkpoints: ArrayLike, *,
    runs: int, seed: int, optimizer: Optimizer = SGD,
) -> np.ndarray:  # fmt: skip
    """Training from w = 0 with the rate and batch size of a scheme at every step, several times.

    ::

        g = 1/b sum over the batch of x slope(x'w, y),     of SGD  w <- w - eta g

    Args:
        features: shape (n, d), an array or a CSR array.
        targets: shape (n,).
        loss: "squared" or "logistic".
        scheme: learning rate and batch size of every step.
        checkpoints: numbers of steps, rising, at which the loss is measured; shape (k,).
        runs: how many, independent of each other.
        seed: run r draws its batches from the seed (seed, r).
        optimizer: what makes a step of g; the same batches are drawn for each.

    Returns:
        Losses on all examples, shape (runs, k); inf once a run has diverged.

    Example:
        >>> import numpy as np
        >>> from lecturelib import schemes
        >>> from lecturelib.advice import trial
        >>> scheme = schemes.Scheme(np.full(50, 1.0), np.full(50, 1))
        >>> trial.train(np.eye(2), np.ones(2), "squared", scheme, [0, 50], runs=2, seed=0).tolist()
        [[0.5, 0.0], [0.5, 0.0]]
    """
    _, slope = LOSSES[loss]
    rows, columns = features.shape
    features = sparse.csr_array(features) if sparse.issparse(features) else features
    checkpoints = np.asarray(checkpoints)
    losses = np.empty((runs, len(checkpoints)))
    steps = list(zip(scheme.learning_rates, scheme.batch_sizes, strict=True))[: checkpoints[-1]]
    for run in range(runs):
        random = np.random.default_rng([seed, run])
        weights, kept, change = np.zeros(columns), [], optimizer.begin()
        with np.errstate(over="ignore", invalid="ignore"):
            for number, (rate, size) in enumerate(steps):
                if number % NOW_AND_THEN == 0:
                    say(f"training at batch {int(size)}", run + number / len(steps), runs)
                if number in checkpoints:
                    kept.append(weights)
                drawn = random.integers(rows, size=int(size))
                batch = features[drawn]
                gradient = batch.T @ slope(batch @ weights, targets[drawn]) / size
                weights = weights + change(gradient, rate)
            kept.append(weights)
            losses[run] = mean_loss(features, targets, loss, np.array(kept).T)
    return np.where(np.isfinite(losses), losses, np.inf)


def mean_loss(features: Features, targets: np.ndarray, loss: str, weights: np.ndarray) -> np.ndarray:
    """Loss on all examples for each column of weights (d, k), shape (k,)."""
    total = np.zeros(weights.shape[1])
    value, _ = LOSSES[loss]
    for begin in range(0, features.shape[0], ROWS_AT_ONCE):
        block = slice(begin, begin + ROWS_AT_ONCE)
        total += value(features[block] @ weights, targets[block, None]).sum(axis=0)
    return total / features.shape[0]


Trials = tuple[tuple[Trial, ...], list[str]]


def trials(
    data: Data, problem: Moments, found: Plan, *, runs: int, seed: int, least: float | None = None
) -> Trials:
    """Training runs of the recommended batch, of one an eighth as large, and of the schedule.

    Args:
        data: to train on.
        problem: moments of the data, or of what stands for them.
        found: the plan to be checked.
        runs: of each kind, at first; fewer where they would take too long.
        seed: of the batches.
        least: loss above which excess is measured, where the plan is no theory of the data.

    Returns:
        The trials, and a sentence for each that was left out because it would take too long.
    """
    wanted = [(f"batch {row.batch_size}", row.scheme()) for row in found.checked]
    if wanted and found.schedule is not None:
        wanted.append(("doubling", found.schedule))
    exact = least is None
    least = least_loss(data, problem) if least is None else least
    made, skipped = [], []
    for label, scheme in wanted:
        longer = _prolonged(scheme)
        most = affordable(data, longer)
        if most < 2:
            skipped.append(f"The training run of {label} was left out: it would take too long here.")
            continue
        marks = np.unique(np.round(scheme.steps * np.array(LOOKS)))
        marks = marks[marks <= longer.steps].astype(int)
        predicted = None
        if exact:
            predicted = (_risks(problem, longer, found.optimizer.momentum) / found.start_risk)[marks]
        for count in sorted({min(most, runs), min(most, MORE * runs)}):
            losses = train(
                data.features, data.targets, data.loss, longer, marks,
                runs=count, seed=seed, optimizer=found.optimizer,
            )  # fmt: skip
            done = beside(label, scheme, found.goal, marks, losses - least, predicted)
            if done.agrees or done.refuted:
                break
        made.append(done)
    return tuple(made), skipped


def _risks(problem: Moments, scheme: Scheme, momentum: float) -> np.ndarray:
    """The risk after every step of a scheme; with momentum, one of a constant batch and rate."""
    rates, sizes = scheme.learning_rates, scheme.batch_sizes
    if not momentum:
        return scheduled_risk(problem, problem.start_error, rates, sizes)
    curve = risk_curve(problem, problem.start_error, rates[0], sizes[0], scheme.steps, momentum=momentum)
    return curve.risk


def least_loss(data: Data, problem: Moments) -> float:
    """The loss at the best weights."""
    return float(mean_loss(data.features, data.targets, data.loss, problem.solution[:, None])[0])


def affordable(data: Data, scheme: Scheme) -> int:
    """How many runs of a scheme are made at most, by what they read and how many steps they take."""
    read = scheme.samples * data.features.size / len(data.targets)  # of a sparse array what is stored
    return int(min(MOST_NUMBERS / read, MOST_UPDATES / scheme.steps))


def _prolonged(scheme: Scheme) -> Scheme:
    """The scheme, its last step repeated until it is BEYOND times as long."""
    more = math.ceil((BEYOND - 1.0) * scheme.steps)
    return Scheme(
        np.append(scheme.learning_rates, np.full(more, scheme.learning_rates[-1])),
        np.append(scheme.batch_sizes, np.full(more, scheme.batch_sizes[-1])),
    )
