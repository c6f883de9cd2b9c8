"""What training itself says: the best rate of a batch size by pilot runs, and a plan corrected by them.

Where theory is a rule of thumb (logistic loss), the recommended batch and an eighth of it are trained at
rates a factor of two apart. Steps and rates of the whole table are multiplied by what was measured over what
was predicted, between the two batch sizes by interpolation in log b, beyond them as at the nearer one; then
the batch is chosen anew. The runs that check the plan draw other batches.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lecturelib.advice.comparison import steps_to
from lecturelib.advice.planning import Plan, Reached, Row, choose, worthwhile
from lecturelib.advice.preparation import Data
from lecturelib.advice.trial import affordable, mean_loss, train
from lecturelib.least_squares.schemes import Scheme

RUNS = 8
ROWS = 20_000  # of the data, drawn at random, that a pilot run trains on and is judged by
STREAM = 2**20  # added to the seed, for batches other than those of the runs that check
SHARE = 2  # a pilot run takes at most one over so many of the time for the runs that check
LONGER = 3  # a pilot run is so many times as long as predicted; where no rate arrives, as many times again
STEEPEST = 20  # powers of two to which a rate is raised or lowered
TINY = 1e-300  # for the logarithm of an excess loss that rounding has made negative
LOOKS = 40  # at the loss, in equal ratios of steps


def some_rows(data: Data, least: float, weights: np.ndarray) -> tuple[Data, float]:
    """At most ROWS of the rows, and the least loss on them: that on all rows, less what `weights` lose there.

    Args:
        data: all rows.
        least: their least loss.
        weights: near the best, shape (d,).
    """
    if len(data.targets) <= ROWS:
        return data, least
    chosen = np.random.default_rng(0).choice(len(data.targets), ROWS, replace=False)
    some = replace(data, features=data.features[chosen], targets=data.targets[chosen])
    on_some, on_all = (
        float(mean_loss(each.features, each.targets, each.loss, weights[:, None])[0]) for each in (some, data)
    )
    return some, least + on_some - on_all


def best_rate(data: Data, least: float, goal: float, row: Reached, *, seed: int) -> Reached | None:
    """The fewest steps by training, over rates a factor of two apart; None if none arrives in good time.

    Args:
        data: to train on.
        least: loss above which excess is measured.
        goal: excess loss to reach, as a fraction of the first one.
        row: the batch size, the rate to begin with, and the steps expected.
        seed: of the batches.
    """
    longest = LONGER * row.steps
    while affordable(data, _constant(row, 1.0, longest)) >= SHARE * RUNS:
        found = _climb(lambda k, last: _steps(data, least, goal, row, 2.0**k, last, seed), longest)
        if found is not None:
            power, steps = found
            return replace(
                row, learning_rate=row.learning_rate * 2.0**power, steps=steps, work=steps * row.batch_size
            )
        longest *= LONGER
    return None


def _climb(measure: Callable[[int, int], tuple[float, float]], longest: int) -> tuple[int, int] | None:
    """The power of two with the fewest steps, first upwards from 0, then downwards, and these steps."""
    tried = {0: measure(0, longest)}
    for direction in (1, -1):
        for power in range(direction, STEEPEST * direction, direction):
            before = min(tried.values())
            enough = longest if before[0] == math.inf else min(longest, max(2, math.ceil(1.5 * before[0])))
            tried[power] = measure(power, enough)
            diverged = direction == -1 and before[1] == math.inf  # a lower rate may not
            if tried[power] >= before and not diverged:
                break
    best = min(tried, key=lambda power: tried[power])
    steps = tried[best][0]
    return None if steps == math.inf else (best, max(1, math.ceil(steps)))


def _steps(
    data: Data, least: float, goal: float, row: Reached, factor: float, longest: int, seed: int
) -> tuple[float, float]:
    """Steps to the goal at so many times the rate, math.inf if not within `longest`; and the last share."""
    marks = np.unique(np.append(0, np.round(np.geomspace(1, longest, LOOKS)))).astype(int)
    scheme = _constant(row, factor, longest)
    losses = train(data.features, data.targets, data.loss, scheme, marks, runs=RUNS, seed=seed + STREAM)
    mean = (losses - least).mean(axis=0) / (losses[:, 0].mean() - least)
    with np.errstate(invalid="ignore"):
        # a single look at few runs dips below the goal by chance, and of many looks one surely does
        calm = np.exp(np.convolve(np.log(np.maximum(mean, TINY)), np.ones(3) / 3, mode="valid"))
    return steps_to(marks, np.concatenate([mean[:1], calm, [calm[-1]]]), goal), float(mean[-1])


def _constant(row: Reached, factor: float, steps: int) -> Scheme:
    return Scheme(np.full(steps, factor * row.learning_rate), np.full(steps, row.batch_size))


def corrected(data: Data, least: float, found: Plan, *, seed: int) -> tuple[Plan, str]:
    """A plan whose steps and rates are multiplied by what pilot runs measure, and a sentence on it.

    Args:
        data: to train on.
        least: loss above which excess is measured.
        found: the plan, by a rule of thumb.
        seed: of the batches.
    """
    measured: dict[int, tuple[Reached, Reached]] = {}  # by batch size: predicted, measured
    plan = found
    for _ in range(3):  # the correction may move the recommendation, which has to be measured then
        if plan.best is None or plan.best.batch_size in measured:
            break
        for row in plan.checked:
            predicted = next(r for r in found.reached if r.batch_size == row.batch_size)
            guess = replace(predicted, learning_rate=row.learning_rate, steps=row.steps)
            pilot = best_rate(data, least, found.goal, guess, seed=seed)
            if pilot is not None:
                measured[row.batch_size] = predicted, pilot
        if not measured:
            out = tuple(Row(row.batch_size, row.max_learning_rate) for row in found.rows)
            nothing = replace(found, rows=out, cheapest=None, recommended=None, schedule=None)
            return nothing, "No pilot run reached the goal in the time there is."
        plan = _scaled(found, measured)
    sizes = ", ".join(map(str, sorted(measured)))
    ratios = ", ".join(f"{measured[b][1].steps / measured[b][0].steps:.2g}" for b in sorted(measured))
    return plan, f"Pilot runs at batch {sizes} took {ratios} times the steps of the rule, and correct it."


def _scaled(found: Plan, measured: dict[int, tuple[Reached, Reached]]) -> Plan:
    """The plan times what was measured over what was predicted, interpolated, and chosen anew."""
    places = np.log([float(size) for size in sorted(measured)])
    pairs = [measured[size] for size in sorted(measured)]
    longer = np.log([pilot.steps / predicted.steps for predicted, pilot in pairs])
    faster = np.log([pilot.learning_rate / predicted.learning_rate for predicted, pilot in pairs])

    def factors(size: float) -> tuple[float, float]:
        place = math.log(size)
        return math.exp(np.interp(place, places, longer)), math.exp(np.interp(place, places, faster))

    rows: list[Row] = []
    for row in found.rows:
        if isinstance(row, Reached):
            more, rate = factors(row.batch_size)
            steps = max(1, math.ceil(more * row.steps - 1e-9))
            row = replace(
                row, steps=steps, learning_rate=rate * row.learning_rate, work=steps * row.batch_size
            )
        rows.append(row)
    cheapest, recommended = choose(rows, found.price)
    schedule = found.schedule
    if schedule is not None:
        more, rate = factors(float(schedule.batch_sizes[-1]))
        at = (np.arange(max(1, round(more * schedule.steps))) / more).astype(int)
        at = np.minimum(at, schedule.steps - 1)
        schedule = Scheme(rate * schedule.learning_rates[at], schedule.batch_sizes[at])
    plan = replace(found, rows=tuple(rows), cheapest=cheapest, recommended=recommended, schedule=schedule)
    return replace(plan, schedule=worthwhile(schedule, plan.rows))
