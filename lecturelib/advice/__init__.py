"""Which batch size and which learning rate for your data: the prediction, and a training run that checks it.

    advise(path, target, loss, ...)      a table or a sparse file, squared or logistic loss
    advise(model="module:function")      your own JAX loss, parameters and data

This is the only file of the advice that brings theory (`planning.py` and below) and experiment
(`training.py`, `model.py`) together.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from lecturelib.advice import data as advice_data
from lecturelib.advice import logistic, training
from lecturelib.advice import trial as advice_trial
from lecturelib.advice.planning import (
    EXACT_NUMBERS,
    EXACT_RANK,
    Plan,
    Row,
    batch_sizes,
    check_plan,
    choose,
    plan,
)
from lecturelib.advice.reduction import Moments, moments
from lecturelib.least_squares import finite_sample
from lecturelib.schemes import Scheme

LOGISTIC_RULE = (
    "A rule of thumb: the logistic loss is replaced by a square loss with the same gradients at the first "
    "and at the best weights. Trust the training run more than the table."
)
MODEL_RULE = (
    "A rule of thumb: steps = S (1 + B / b), with the noise scale B taken between start and goal, and "
    "rates from the curvature. Trust the training run more than the table."
)


@dataclass(frozen=True, eq=False)
class Advice:
    """All that the page says. kind: "squared", "logistic" or "model".

    spectrum, trace, rank: of H, None for a model; rank None where not all eigenvalues are known. remarks:
    what is odd about the data, and training runs left out because they would take too long. heuristic: why
    the advice is a rule of thumb, "" where it is theory.
    """

    name: str
    kind: str
    rows: int
    columns: int
    rank: int | None
    spectrum: np.ndarray | None = field(repr=False)
    trace: float | None
    plan: Plan
    trials: tuple[advice_trial.Trial, ...]
    remarks: tuple[str, ...]
    heuristic: str

    @property
    def confirmed(self):
        """Whether every training run agrees with its prediction; None if there was none."""
        return all(trial.agrees for trial in self.trials) if self.trials else None


def advise(
    path="", target="", loss="squared", *, model="", goal=0.05, price=2.0, standardize=False, rows=0,
    runs=8, seed=0,
) -> Advice:  # fmt: skip
    """Advice for a file, for MNIST (no path), or for the reader's own JAX model.

    path, target, loss, standardize, rows: see `advice_data.load`. model: "module:function", instead of them;
    see `advice_model.load`. goal: excess loss to reach, as a fraction of the excess loss at the start (model:
    loss, as a fraction of the first loss). price: most work, as a multiple of the least work. runs: training
    runs of each kind. seed: of all random numbers. Returns Advice. ValueError, FileNotFoundError: bad input.

    >>> found = advise(rows=200, goal=0.3, runs=2)
    >>> found.name, found.plan.rows[found.plan.recommended].batch_size > 1
    ('MNIST pixels, is it a 0?', True)
    """
    if not (isinstance(runs, int) and runs >= 2):
        raise ValueError(f"runs = {runs!r} is refused; pass 2 or more, for a standard error")
    if model:
        if path or target:
            raise ValueError("give a path or a model, not both")
        from lecturelib.advice import model as advice_model  # here: the rest needs no JAX

        return from_model(*advice_model.load(model), name=model, goal=goal, price=price, runs=runs, seed=seed)
    data = advice_data.load(path, target, loss, standardize=standardize, rows=rows, seed=seed)
    return from_data(data, goal=goal, price=price, runs=runs, seed=seed)


def from_data(data, *, goal=0.05, price=2.0, runs=8, seed=0) -> Advice:
    """Advice for prepared `advice_data.Data`; arguments as for `advise`."""
    features, targets, heuristic, solution = data.features, data.targets, "", None
    if data.loss == "logistic":
        solution = logistic.fit(data.features, data.targets)
        features, targets = logistic.as_least_squares(data.features, data.targets, solution)
        heuristic = LOGISTIC_RULE
    problem = moments(features, targets, solution)
    exact = _exact(features, targets, problem)
    found = plan(problem, goal=goal, price=price, rows=len(data.targets), exact=exact)
    least = float(training.mean_loss(data.features, data.targets, data.loss, problem.solution[:, None])[0])
    remarks = [*data.remarks, *_remarks(problem, found, features.shape)]
    made, skipped = advice_trial.trials(data, problem, found, least, runs, seed)
    return Advice(
        name=data.name,
        kind=data.loss,
        rows=features.shape[0],
        columns=features.shape[1],
        rank=len(problem.spectrum) if problem.whole else None,
        spectrum=problem.spectrum,
        trace=problem.trace,
        plan=found,
        trials=made,
        remarks=(*remarks, *skipped),
        heuristic=heuristic,
    )


def _exact(features, targets, problem: Moments):
    """The same problem with its exact second moment, where that is affordable."""
    rank = len(problem.spectrum)
    small = problem.whole and rank <= EXACT_RANK and features.shape[0] * rank**2 <= EXACT_NUMBERS
    if not small or sparse.issparse(features):
        return None
    return finite_sample(features, targets, on_range=True)


def _remarks(problem, found, shape):
    if problem.whole and len(problem.spectrum) < shape[1]:
        yield (
            f"The features have rank {len(problem.spectrum)}, below their {shape[1]} columns: many weights "
            "are best, and SGD from zero tends to the shortest of them."
        )
    if not problem.whole:
        yield (
            f"Too large for all eigenvalues: {len(problem.spectrum)} directions are followed, the rest as "
            "one group, and excess loss is measured against as many steps of conjugate gradients."
        )
    noise = problem.residual_noise[: problem.dimension]
    if not np.any(noise > 1e-12 * problem.eigenvalues * found.start_risk):
        yield "The best weights fit every row: there is no label noise, so the critical batch size decides."
    if found.recommended == len(found.rows) - 1 and found.rows[-1].batch_size > 1:
        yield "The largest batch of the table is recommended: full gradients do about as well."
    if found.recommended is None:
        yield (
            "No batch size reaches the goal within a million steps: eigenvalues that matter are too small. "
            "Raise the goal, or standardize the columns."
        )


def from_model(loss, params, data, *, name="model", goal=0.5, price=2.0, runs=3, seed=0) -> Advice:
    """Advice for a JAX loss, by the rules at the top of `model.py`; arguments as for `advise`.

    loss, params, data: as `advice_model.load` returns them.
    """
    from lecturelib.advice import model as advice_model  # here: the rest needs no JAX

    check_plan(goal, price)
    pilot, remarks = advice_model.pilot(loss, params, data, goal=goal, seed=seed), []
    reached = pilot.last_loss / pilot.first_loss
    if reached > goal:
        said = f"{pilot.steps:.0f} pilot steps did not reach {goal:g} of the first loss"
        remarks.append(f"{said}: the advice is for {reached:.2g}.")
        goal = reached
    if not pilot.later.resolved:
        remarks.append("At the goal the gradient is lost in noise: its noise scale is a lower bound.")
    total = advice_model.examples(data)
    table = [
        Row(b, largest, steps, rate, steps * b)
        for b in batch_sizes(total)
        for largest, rate, steps in [advice_model.rule(pilot, b)]
    ]
    cheapest, recommended = choose(table, price)
    chosen = table[recommended]
    rates, sizes = advice_model.doubling(pilot, chosen.steps, total)
    found = Plan(
        goal=goal,
        price=price,
        start_risk=pilot.first_loss,
        critical_batch_size=pilot.now.critical_batch_size,
        noise_scale_start=pilot.now.noise_scale,
        noise_scale_goal=advice_model.known_scale(pilot.later),
        rows=tuple(table),
        cheapest=cheapest,
        recommended=recommended,
        schedule=None if sizes[0] == sizes[-1] else Scheme(rates, sizes),
        rates_exact=False,
    )
    smaller = [row for row in table if 8 * row.batch_size == chosen.batch_size]
    made = advice_trial.model_trials(loss, params, data, found, [chosen, *smaller], runs, seed)
    return Advice(
        name=name,
        kind="model",
        rows=total,
        columns=advice_model.parameters(params),
        rank=None,
        spectrum=None,
        trace=None,
        plan=found,
        trials=made,
        remarks=tuple(remarks),
        heuristic=MODEL_RULE,
    )
