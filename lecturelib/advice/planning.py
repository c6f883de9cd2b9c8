"""The plan for a least-squares problem: what each batch size costs, which to take, when to double it.

Work is the number of examples processed, depth the number of steps, both to the same excess risk at the best
constant rate of that batch size. Work hardly depends on the batch size at first and then rises, depth falls
and then stays. So there is no best batch size without a price, and the rule has one:

    recommended = the largest batch size whose work is at most `price` times the least work

At price 2 this is where McCandlish's law, steps = S (1 + B / b), puts the critical batch size B: there work
and steps are both twice their least. Without noise in the labels it lies near the critical batch size of
the lecture, with noise near the noise scale at the goal; the search needs to know neither.
"""

import math
from dataclasses import dataclass

from lecturelib import least_squares
from lecturelib.advice.path import MomentsRisk, depth, doubling
from lecturelib.schemes import Scheme

LARGEST_BATCH = 2**14
LONGEST_SEARCHED = 2000  # steps of the recommended run up to which a schedule is searched, step by step
EXACT_RANK, EXACT_NUMBERS = 40, 2e8  # rank, and rows times rank squared, up to which rates are exact


@dataclass(frozen=True)
class Row:
    """What one batch size costs; steps, learning_rate and work are None if the goal is out of its reach."""

    batch_size: int
    max_learning_rate: float
    steps: int | None
    learning_rate: float | None
    work: int | None


@dataclass(frozen=True, eq=False)
class Plan:
    """Made by `plan`. goal: fraction of the first excess risk; start_risk: that risk, in units of the loss.

    critical_batch_size: ratio of the largest stable rates of full gradients and of single examples.
    noise_scale_start, noise_scale_goal: see `Moments.noise_scale`, at w = 0 and when the recommended run
    arrives. rows: one a batch size, rising. recommended, cheapest: positions in rows, None if no batch size
    reaches the goal. schedule: doubling batches, None if constant ones do as well at the recommended work.
    rates_exact: whether the largest stable rates are exact or those of reduced moments.
    """

    goal: float
    price: float
    start_risk: float
    critical_batch_size: float
    noise_scale_start: float
    noise_scale_goal: float | None
    rows: tuple[Row, ...]
    cheapest: int | None
    recommended: int | None
    schedule: Scheme | None
    rates_exact: bool


def plan(problem, *, goal=0.05, price=2.0, rows, exact=None) -> Plan:
    """Predict depth and work for batch sizes 1, 2, 4, ... and recommend one of them.

    problem: `Moments`. goal: excess risk to reach, as a fraction of the first one, in (0, 1). price: most
    work, as a multiple of the least, 1 or more. rows: number of examples; a batch is no larger. exact: the
    same problem as a `finite_sample`, where it is small enough for exact rates. ValueError: anything else,
    or a start that is the solution already.

    >>> import numpy as np
    >>> from lecturelib.advice.reduction import moments
    >>> found = plan(moments(np.eye(64), np.ones(64)), goal=0.01, rows=64)
    >>> found.rows[found.recommended].batch_size, round(found.critical_batch_size)
    (64, 64)
    """
    check_plan(goal, price)
    start = problem.start(problem.start_error)
    first = problem.risk(start)
    if not first > 0.0:
        raise ValueError("the weights zero are the best already: the features say nothing about the target")
    sizes = batch_sizes(rows)
    if exact is None:
        rates = [problem.max_learning_rate(b) for b in [*sizes, math.inf]]
    else:
        rates = least_squares.max_learning_rate(exact, [*sizes, math.inf]).tolist()
    table, found = [], None
    for size, rate in zip(
        sizes, rates, strict=False
    ):  # the best rate for twice the batch is near twice the rate
        found = depth(problem, goal * first, size, rate, found and 2.0 * found.learning_rate)
        steps = (
            (None, None, None) if found is None else (found.steps, found.learning_rate, found.steps * size)
        )
        table.append(Row(size, rate, *steps))
    cheapest, recommended = choose(table, price)
    schedule, at_goal = None, None
    if recommended is not None:
        row = table[recommended]
        at_goal = problem.noise_scale(
            MomentsRisk(problem, row.batch_size, goal * first).state(row.learning_rate, row.steps)
        )
        firsts = [b for b in sizes if row.batch_size / 64 <= b <= row.batch_size]
        if row.steps <= LONGEST_SEARCHED:
            schedule = doubling(problem, goal * first, row.work, 2 * row.steps, firsts)
        if schedule is not None and schedule.batch_sizes[0] == schedule.batch_sizes[-1]:
            schedule = None
    return Plan(
        goal=goal,
        price=price,
        start_risk=first,
        critical_batch_size=rates[-1] / rates[0],
        noise_scale_start=problem.noise_scale(start),
        noise_scale_goal=at_goal,
        rows=tuple(table),
        cheapest=cheapest,
        recommended=recommended,
        schedule=schedule,
        rates_exact=exact is not None,
    )


def check_plan(goal, price):
    """Raise ValueError unless goal is in (0, 1) and price is 1 or more."""
    if not 0.0 < goal < 1.0:
        raise ValueError(f"goal = {goal!r} is refused; pass a fraction of the first excess loss, in (0, 1)")
    if not (math.isfinite(price) and price >= 1.0):
        raise ValueError(
            f"price = {price!r} is refused; pass 1 or more: work as a multiple of the least work"
        )


def batch_sizes(rows):
    """The batch sizes of a table, 1, 2, 4, ...: none larger than the number of rows or LARGEST_BATCH.

    >>> batch_sizes(20)
    [1, 2, 4, 8, 16]
    """
    return [2**k for k in range(int(math.log2(min(rows, LARGEST_BATCH))) + 1)]


def choose(rows, price):
    """Positions of the row of least work, and of the largest batch at `price` times that work at most.

    >>> rows = [Row(1, 1.0, 100, 0.5, 100), Row(2, 2.0, 52, 1.0, 104), Row(4, 3.0, 51, 1.0, 204)]
    >>> choose(rows, 2.0)
    (0, 1)
    """
    reached = [i for i, row in enumerate(rows) if row.work is not None]
    if not reached:
        return None, None
    least = min(rows[i].work for i in reached)
    cheapest = next(i for i in reached if rows[i].work == least)
    return cheapest, max(i for i in reached if rows[i].work <= price * least)
