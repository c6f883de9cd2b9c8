"""Advice for a table or sparse rows: the prediction, the runs that check it, and what they say instead."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from scipy import sparse

from lecturelib.advice import comparison, logistic, pilot, preparation, statement, trial
from lecturelib.advice.planning import Plan, Reached, plan
from lecturelib.advice.reduction import Moments, moments
from lecturelib.advice.result import Advice, Options
from lecturelib.least_squares.finite_sample import FiniteSample, finite_sample

EXACT_RANK, EXACT_NUMBERS = 40, 2e8  # rank, and rows times rank squared, up to which rates are exact
LOGISTIC_RULE = (
    "A rule of thumb: the logistic loss is replaced by a square loss with the same gradients at the first "
    f"weights and at the best with a ridge of {logistic.RIDGE:g} times the mean of |x|^2. The loss that is "
    "trained, and that the goal is about, has no ridge."
)
SEPARABLE = "A plane separates the classes: the least loss is 0, and the weights grow as long as one trains."


def of_data(data: preparation.Data, options: Options) -> Advice:
    """Advice for data that `preparation` has made."""
    features, targets, heuristic, solution, least = data.features, data.targets, "", None, None
    if data.loss == "logistic":
        solution = logistic.fit(data.features, data.targets)
        features, targets = logistic.as_least_squares(data.features, data.targets, solution)
        least, heuristic = logistic.least_loss(data.features, data.targets, solution), LOGISTIC_RULE
    reduced = moments(features, targets, solution)
    exact = _exact(features, targets, reduced)
    found = plan(reduced, goal=options.goal, price=options.price, rows=len(data.targets), exact=exact)
    remarks = [*data.remarks]
    if least is not None:
        rows = pilot.some_rows(data, least, reduced.solution)
        found, said = pilot.corrected(*rows, found, seed=options.seed)
        ridge = logistic.tiny_ridges(data.features)[-1]
        fitted = f"Excess loss is that above {least:.4g}, the loss of a fit with a ridge of {ridge:g}."
        remarks += [said, SEPARABLE if least == 0.0 else fitted]
    remarks += _remarks(reduced, found, features.shape[1])
    made, skipped = trial.trials(data, reduced, found, runs=options.runs, seed=options.seed, least=least)
    if least is None:
        least = trial.least_loss(data, reduced)
    else:
        found = replace(found, start_risk=math.log(2.0) - least, rates_exact=False)

    def again(row: Reached) -> Reached | None:
        rows = pilot.some_rows(data, least, reduced.solution)
        return pilot.best_rate(*rows, found.goal, row, seed=options.seed)

    return Advice(
        name=data.name,
        kind=data.loss,
        problem=statement.of_data(data),
        rows=features.shape[0],
        columns=features.shape[1],
        rank=len(reduced.spectrum) if reduced.whole else None,
        spectrum=reduced.spectrum,
        trace=reduced.trace,
        plan=found,
        trials=made,
        measured=_measured(found, made, again),
        remarks=(*remarks, *skipped),
        heuristic=heuristic,
    )


def _measured(
    found: Plan, made: tuple[comparison.Trial, ...], again: Callable[[Reached], Reached | None]
) -> Reached | None:
    """What training says of the recommended batch where it refutes the prediction: see `Advice.measured`."""
    row = found.best
    tried = None if row is None else comparison.of_batch(made, row.batch_size)
    if row is None or tried is None or not tried.refuted:
        return None
    if tried.measured_steps == math.inf:
        return again(row)
    steps = max(1, math.ceil(tried.measured_steps))
    return replace(row, steps=steps, work=steps * row.batch_size)


def _exact(features: preparation.Features, targets: np.ndarray, reduced: Moments) -> FiniteSample | None:
    """The same problem with its exact second moment, where that is affordable."""
    rank = len(reduced.spectrum)
    small = reduced.whole and rank <= EXACT_RANK and features.shape[0] * rank**2 <= EXACT_NUMBERS
    if not small or sparse.issparse(features):
        return None
    return finite_sample(features, targets, on_range=True)


def _remarks(reduced: Moments, found: Plan, columns: int) -> Iterator[str]:
    if reduced.whole and len(reduced.spectrum) < columns:
        yield (
            f"The features have rank {len(reduced.spectrum)}, below their {columns} columns: many weights "
            "are best, and SGD from zero tends to the shortest of them."
        )
    if not reduced.whole:
        yield (
            f"Too large for all eigenvalues: {len(reduced.spectrum)} directions are followed, the rest as "
            "one group, and excess loss is measured against as many steps of conjugate gradients."
        )
    noise = reduced.residual_noise[: reduced.dimension]
    if not np.any(noise > 1e-12 * reduced.eigenvalues * found.start_risk):
        yield "The best weights fit every row: there is no label noise, so the critical batch size decides."
    if found.recommended == len(found.rows) - 1 and found.rows[-1].batch_size > 1:
        yield "The largest batch of the table is recommended: full gradients do about as well."
    if found.recommended is None:
        yield (
            "No batch size reaches the goal in the steps that are tried: eigenvalues that matter are too "
            "small. Raise the goal, or standardize the columns."
        )
