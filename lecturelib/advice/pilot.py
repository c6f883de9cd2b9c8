"""What training itself says: the best rate of a batch size by pilot runs, and a plan corrected by them.

Where theory is a rule of thumb (logistic loss), the recommended batch and an eighth of it are trained at
rates a factor of two apart. Steps and rates of the whole table are multiplied by what was measured over what
was predicted, between the two batch sizes by interpolation in log b, beyond them as at the nearer one; then
the batch is chosen anew. Where there is no theory (Adam), `ladder.py` asks pilot runs alone. The runs that
check the plan draw other batches.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from lecturelib.advice.comparison import steps_to
from lecturelib.advice.optimizer import SGD, Optimizer
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
LOWER = 4  # rates, each half of the one before, that may be needed where the best was best by chance
NO_TIME = "No pilot run reached the goal in the time there is."
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


class Pilots(Protocol):
    """Whatever can be trained at a batch size and a rate."""

    def affordable(self, row: Reached, longest: int) -> bool:
        """Whether there is time for so many steps."""
        ...

    def anew(self) -> "Pilots":
        """More runs, of other batches: the best of noisy ones looks better than it is."""
        ...

    def steps(self, row: Reached, factor: float, longest: int) -> tuple[float, float]:
        """Steps to the goal at so many times the rate, math.inf if not in `longest`; and the last share."""
        ...


@dataclass(frozen=True, eq=False)
class OfData:
    """Pilot runs on rows of data.

    Attributes:
        data: to train on.
        least: loss above which excess is measured.
        goal: excess loss to reach, as a fraction of the first one.
        seed: of the batches.
        optimizer: to train with.
        runs: of which the mean is taken.
    """

    data: Data
    least: float
    goal: float
    seed: int
    optimizer: Optimizer = SGD
    runs: int = RUNS

    def anew(self) -> "OfData":
        """More runs, of other batches."""
        return replace(self, seed=self.seed + 2 * STREAM, runs=2 * RUNS)

    def affordable(self, row: Reached, longest: int) -> bool:
        """Whether that takes at most a part of the time for the runs that check."""
        return affordable(self.data, _constant(row, 1.0, longest)) >= SHARE * RUNS

    def steps(self, row: Reached, factor: float, longest: int) -> tuple[float, float]:
        """As `Pilots` says, by the mean over the runs."""
        marks = np.unique(np.append(0, np.round(np.geomspace(1, longest, LOOKS)))).astype(int)
        data, scheme = self.data, _constant(row, factor, longest)
        losses = train(
            data.features, data.targets, data.loss, scheme, marks,
            runs=self.runs, seed=self.seed + STREAM, optimizer=self.optimizer,
        )  # fmt: skip
        mean = (losses - self.least).mean(axis=0) / (losses[:, 0].mean() - self.least)
        with np.errstate(invalid="ignore"):
            # a single look at few runs dips below the goal by chance, and of many looks one surely does
            calm = np.exp(np.convolve(np.log(np.maximum(mean, TINY)), np.ones(3) / 3, mode="valid"))
        return steps_to(marks, np.concatenate([mean[:1], calm, [calm[-1]]]), self.goal), float(mean[-1])


def best_rate(pilots: Pilots, row: Reached) -> Reached | None:
    """The fewest steps by training, over rates a factor of two apart; None if none arrives in good time.

    Args:
        pilots: what to train.
        row: the batch size, the rate to begin with, and the steps expected.
    """
    longest = LONGER * row.steps
    while pilots.affordable(row, longest):
        found = _climb(lambda k, last: pilots.steps(row, 2.0**k, last), longest)
        if found is not None:
            power, steps = found
            return replace(
                row, learning_rate=row.learning_rate * 2.0**power, steps=steps, work=steps * row.batch_size
            )
        longest *= LONGER
    return None


def fairly(pilots: Pilots, row: Reached) -> Reached | None:
    """The best rate, and the steps that other runs need at it; a lower rate where these do not arrive."""
    found = best_rate(pilots, row)
    if found is None:
        return None
    for power in range(LOWER):
        needed, _ = pilots.anew().steps(found, 0.5**power, LONGER * found.steps)
        if needed < math.inf:
            steps, rate = max(1, math.ceil(needed)), 0.5**power * found.learning_rate
            return replace(found, learning_rate=rate, steps=steps, work=steps * found.batch_size)
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


def _constant(row: Reached, factor: float, steps: int) -> Scheme:
    return Scheme(np.full(steps, factor * row.learning_rate), np.full(steps, row.batch_size))


def corrected(pilots: Pilots, found: Plan) -> tuple[Plan, str]:
    """A plan whose steps and rates are multiplied by what pilot runs measure, and a sentence on it.

    Args:
        pilots: what to train.
        found: the plan, by a rule of thumb.
    """
    measured: dict[int, tuple[Reached, Reached]] = {}  # by batch size: predicted, measured
    plan = found
    for _ in range(3):  # the correction may move the recommendation, which has to be measured then
        if plan.best is None or plan.best.batch_size in measured:
            break
        for row in plan.checked:
            predicted = next(r for r in found.reached if r.batch_size == row.batch_size)
            guess = replace(predicted, learning_rate=row.learning_rate, steps=row.steps)
            pilot = best_rate(pilots, guess)
            if pilot is not None:
                measured[row.batch_size] = predicted, pilot
        if not measured:
            return nothing(found), NO_TIME
        plan = _scaled(found, measured)
    sizes = ", ".join(map(str, sorted(measured)))
    ratios = ", ".join(f"{measured[b][1].steps / measured[b][0].steps:.2g}" for b in sorted(measured))
    return plan, f"Pilot runs at batch {sizes} took {ratios} times the steps of the rule, and correct it."


def nothing(found: Plan) -> Plan:
    """The plan without any batch size that reaches the goal."""
    out = tuple(Row(row.batch_size, row.max_learning_rate) for row in found.rows)
    return replace(found, rows=out, cheapest=None, recommended=None, schedule=None)


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
