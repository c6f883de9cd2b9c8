"""Advice for a table or sparse rows: the prediction, the runs that check it, and what they say instead."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from scipy import sparse

from lecturelib.advice import comparison, ladder, logistic, pilot, preparation, search, statement, trial
from lecturelib.advice.optimizer import SGD, Optimizer, chosen
from lecturelib.advice.planning import Plan, Reached, batch_sizes, plan
from lecturelib.advice.reduction import PAIRS, Moments, moments
from lecturelib.advice.result import Advice, Options
from lecturelib.least_squares.finite_sample import FiniteSample, finite_sample
from lecturelib.least_squares.recursion import Depth

EXACT_RANK, EXACT_NUMBERS = 40, 2e8  # rank, and rows times rank squared, up to which rates are exact
LOGISTIC_RULE = (
    "A rule of thumb: the logistic loss is replaced by a square loss with the same gradients at the first "
    f"weights and at the best with a ridge of {logistic.RIDGE:g} times the mean of |x|^2. The loss that is "
    "trained, and that the goal is about, has no ridge."
)
PAIRS_WITH_MOMENTUM = 8  # directions followed in pairs: a step of momentum has four numbers for each of SGD's
UNKNOWN_STEPS = 100  # that Adam is first given where no batch size of plain SGD arrives
SEPARABLE = "A plane separates the classes: the least loss is 0, and the weights grow as long as one trains."


def of_data(data: preparation.Data, options: Options) -> Advice:
    """Advice for data that `preparation` has made."""
    features, targets, heuristic, solution, least = data.features, data.targets, "", None, None
    optimizer = chosen(options.optimizer, options.momentum)
    if data.loss == "logistic":
        solution = logistic.fit(data.features, data.targets)
        features, targets = logistic.as_least_squares(data.features, data.targets, solution)
        least, heuristic = logistic.least_loss(data.features, data.targets, solution), LOGISTIC_RULE
    heavy, adam = optimizer.name == "momentum", optimizer.name == "adam"
    reduced = moments(features, targets, solution, PAIRS_WITH_MOMENTUM if heavy else PAIRS)
    exact = _exact(features, targets, reduced)
    found = _plan(reduced, options, len(data.targets), exact, SGD if adam else optimizer)
    optimizer = optimizer if adam else found.optimizer
    remarks, by_theory = [*data.remarks], least is None and not adam
    least = trial.least_loss(data, reduced) if least is None else least

    def pilots() -> pilot.OfData:
        some = pilot.some_rows(data, least, reduced.solution)
        return pilot.OfData(*some, options.goal, options.seed, optimizer)

    if adam:
        first, sizes = _first(found, features, targets), batch_sizes(len(data.targets))
        found, said = ladder.plan(pilots(), first, replace(found, optimizer=optimizer), sizes)
        heuristic, remarks = ladder.SAID, remarks + said
    elif not by_theory:
        found, corrects = pilot.corrected(pilots(), found)
        remarks.append(corrects)
    if data.loss == "logistic":
        ridge = logistic.tiny_ridges(data.features)[-1]
        fitted = f"Excess loss is that above {least:.4g}, the loss of a fit with a ridge of {ridge:g}."
        remarks.append(SEPARABLE if least == 0.0 else fitted)
    remarks += _remarks(reduced, found, features.shape[1], data.loss == "squared")
    known = None if by_theory else least
    made, skipped = trial.trials(data, reduced, found, runs=options.runs, seed=options.seed, least=known)
    if data.loss == "logistic":
        found = replace(found, start_risk=math.log(2.0) - least, rates_exact=False)
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
        measured=_measured(found, made, pilots),
        remarks=(*remarks, *skipped),
        heuristic=heuristic,
    )


def _plan(
    reduced: Moments, options: Options, rows: int, exact: FiniteSample | None, optimizer: Optimizer
) -> Plan:
    """The plan by theory, with a momentum that suits its batch size where none was asked for."""

    def planned(optimizer: Optimizer) -> Plan:
        goal, price = options.goal, options.price
        return plan(reduced, goal=goal, price=price, rows=rows, exact=exact, optimizer=optimizer)

    found = planned(optimizer)
    if optimizer.name != "momentum" or options.momentum is not None or found.best is None:
        return found
    known = Depth(found.best.steps, found.best.learning_rate)
    goal, size, usual = options.goal * found.start_risk, found.best.batch_size, optimizer.momentum
    better = search.momentum(reduced, goal, size, known, usual)
    return found if better == optimizer.momentum else planned(chosen("momentum", better))


def _first(found: Plan, features: preparation.Features, targets: np.ndarray) -> Reached:
    """Where pilot runs of Adam begin: at SGD's batch, and at a rate that covers its way in as many steps.

    The way is that of one step of steepest descent, as long as is best: the strong directions, not the weak.
    """
    row = found.best or found.rows[len(found.rows) // 2]
    steps = row.steps or UNKNOWN_STEPS
    slope = features.T @ targets / len(targets)
    way = slope * (slope @ slope) / np.mean((features @ slope) ** 2)
    return Reached(
        row.batch_size, math.inf, steps, float(np.max(np.abs(way))) / steps, steps * row.batch_size
    )


def _measured(
    found: Plan, made: tuple[comparison.Trial, ...], pilots: Callable[[], pilot.Pilots]
) -> Reached | None:
    """What training says of the recommended batch where it refutes the prediction: see `Advice.measured`."""
    row = found.best
    tried = None if row is None else comparison.of_batch(made, row.batch_size)
    if row is None or tried is None or not tried.refuted:
        return None
    if tried.measured_steps == math.inf:
        return pilot.best_rate(pilots(), row)
    steps = max(1, math.ceil(tried.measured_steps))
    return replace(row, steps=steps, work=steps * row.batch_size)


def _exact(features: preparation.Features, targets: np.ndarray, reduced: Moments) -> FiniteSample | None:
    """The same problem with its exact second moment, where that is affordable."""
    rank = len(reduced.spectrum)
    small = reduced.whole and rank <= EXACT_RANK and features.shape[0] * rank**2 <= EXACT_NUMBERS
    if not small or sparse.issparse(features):
        return None
    return finite_sample(features, targets, on_range=True)


def _remarks(reduced: Moments, found: Plan, columns: int, squared: bool) -> Iterator[str]:
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
    if found.best is not None and found.optimizer != SGD and squared:
        plain = search.depth(reduced, found.goal * found.start_risk, found.best.batch_size)
        if plain is not None:
            yield f"Plain SGD is predicted to take {plain.steps:,} steps at that batch, at its own best rate."
    if found.recommended == len(found.rows) - 1 and found.rows[-1].batch_size > 1:
        yield "The largest batch of the table is recommended: full gradients do about as well."
    if found.recommended is None:
        yield (
            "No batch size reaches the goal in the steps that are tried: eigenvalues that matter are too "
            "small. Raise the goal, or standardize the columns."
        )
