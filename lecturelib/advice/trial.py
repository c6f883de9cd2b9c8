"""Training runs beside their predictions: the recommended batch, an eighth of it, the doubling schedule."""

import math
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from lecturelib.advice import training
from lecturelib.schemes import Scheme, scheduled_risk

AGREES = 1.25  # ratio of measured and predicted depth that still confirms: less than half a row of the table
MOST_NUMBERS, MOST_UPDATES = 2e9, 60_000  # of a training run: numbers read, steps of all runs together
BEYOND = 2.5  # a run goes on to so many times the predicted depth


@dataclass(frozen=True, eq=False)
class Trial:
    """A real training run beside its prediction.

    label: what was run. batch_size, learning_rate: at its first step. predicted_steps, measured_steps: to
    the goal (math.inf: not within BEYOND times as many). checkpoints, mean, error: excess loss as a
    fraction of the first one, and its standard error over runs; shape (k,). predicted: the same by theory,
    None without one.
    """

    label: str
    batch_size: int
    learning_rate: float
    predicted_steps: int
    measured_steps: float
    checkpoints: np.ndarray = field(repr=False)
    mean: np.ndarray = field(repr=False)
    error: np.ndarray = field(repr=False)
    predicted: np.ndarray | None = field(repr=False)

    @property
    def ratio(self):
        """Measured over predicted depth."""
        return self.measured_steps / self.predicted_steps

    @property
    def agrees(self):
        """Whether the run confirms its prediction."""
        return 1.0 / AGREES <= self.ratio <= AGREES


def trials(data, problem, found, least, runs, seed):
    """Training runs of the recommended batch, of one an eighth as large, and of the schedule."""
    if found.recommended is None:
        return (), []
    row = found.rows[found.recommended]
    smaller = [r for r in found.rows if r.steps is not None and 8 * r.batch_size == row.batch_size]
    wanted = [(f"batch {r.batch_size}", _constant(r)) for r in [row, *smaller]]
    if found.schedule is not None:
        wanted.append(("doubling", found.schedule))
    made, skipped = [], []
    per_row = (
        data.features.nnz / len(data.targets) if sparse.issparse(data.features) else data.features.shape[1]
    )
    for label, scheme in wanted:
        longer = _prolonged(scheme)
        most = min(MOST_NUMBERS / (longer.samples * per_row), MOST_UPDATES / longer.steps, runs)
        if most < 2:
            skipped.append(f"The training run of {label} was left out: it would take too long here.")
            continue
        made.append(_trial(data, problem, found, label, scheme, longer, least, int(most), seed))
    return tuple(made), skipped


def _trial(data, problem, found, label, scheme, longer, least, runs, seed):
    marks = np.unique(
        np.round(scheme.steps * np.array([0, 0.1, 0.25, 0.5, 0.7, 0.85, 1, 1.2, 1.5, 1.9, BEYOND]))
    )
    marks = marks[marks <= longer.steps].astype(int)
    trained = training.train(
        data.features, data.targets, data.loss, longer.learning_rates, longer.batch_sizes, marks,
        runs=runs, seed=seed,
    )  # fmt: skip
    first = trained.losses[:, 0].mean() - least
    excess = (trained.losses - least) / first
    with np.errstate(invalid="ignore"):
        mean, error = excess.mean(axis=0), excess.std(axis=0, ddof=1) / math.sqrt(runs)
    return Trial(
        label=label,
        batch_size=int(scheme.batch_sizes[0]),
        learning_rate=float(scheme.learning_rates[0]),
        predicted_steps=scheme.steps,
        measured_steps=steps_to(marks, mean, found.goal),
        checkpoints=marks,
        mean=mean,
        error=error,
        predicted=_predicted(problem, found, longer)[marks],
    )


def _predicted(problem, found, scheme):
    risks = scheduled_risk(problem, problem.start_error, scheme.learning_rates, scheme.batch_sizes)
    return risks / found.start_risk


def _constant(row):
    return Scheme(np.full(row.steps, row.learning_rate), np.full(row.steps, row.batch_size))


def _prolonged(scheme):
    """The scheme, its last step repeated until it is BEYOND times as long."""
    more = math.ceil((BEYOND - 1.0) * scheme.steps)
    return Scheme(
        np.append(scheme.learning_rates, np.full(more, scheme.learning_rates[-1])),
        np.append(scheme.batch_sizes, np.full(more, scheme.batch_sizes[-1])),
    )


def model_trials(loss, params, data, found, rows, runs, seed):
    """Training runs of a JAX model for some rows of its plan; the loss is measured on a sample."""
    import jax

    from lecturelib.advice import model

    data, made = jax.tree.map(jax.numpy.asarray, data), []
    judge = model.sample(data, seed)
    for row in rows:
        every = max(1, row.steps // 20)
        steps = math.ceil(BEYOND * row.steps)
        runs_of_row = [
            model.train(loss, params, data, judge, row.learning_rate, row.batch_size, steps, 0.0, every, key)[
                1:
            ]
            for key in jax.random.split(jax.random.key(seed + 1), runs)
        ]
        points = min(len(marks) for marks, _ in runs_of_row)  # a run that diverges stops early
        marks = runs_of_row[0][0][:points]
        losses = np.array([losses[:points] / losses[0] for _, losses in runs_of_row])
        mean = losses.mean(axis=0)
        made.append(
            Trial(
                label=f"batch {row.batch_size}",
                batch_size=row.batch_size,
                learning_rate=row.learning_rate,
                predicted_steps=row.steps,
                measured_steps=steps_to(marks, mean, found.goal),
                checkpoints=marks,
                mean=mean,
                error=losses.std(axis=0, ddof=1) / math.sqrt(runs),
                predicted=None,
            )
        )
    return tuple(made)


def steps_to(checkpoints, excess, goal):
    """Where the excess first comes down to the goal, interpolated on a logarithmic scale; inf: nowhere.

    >>> round(steps_to(np.array([0, 10, 20]), np.array([1.0, 0.4, 0.1]), 0.2), 6)
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
