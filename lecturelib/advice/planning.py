"""The plan for a least-squares problem: what each batch size costs, which to take, when to double it.

Work is the number of examples processed, depth the number of steps, both to the same excess risk at the best
constant rate of that batch size. Work hardly depends on the batch size at first and then rises, depth falls
and then stays. So there is no best batch size without a price, and the rule has one::

    recommended = the largest batch size whose work is at most `price` times the least work

At price 2 this is where McCandlish's law, steps = S (1 + B / b), puts the critical batch size B: there work
and steps are both twice their least. Without noise in the labels it lies near the critical batch size of
the lecture, with noise near the noise scale at the goal; the search needs to know neither.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from lecturelib.advice.optimizer import SGD, Optimizer
from lecturelib.advice.progress import say
from lecturelib.advice.reduction import Moments
from lecturelib.advice.search import depth, doubling, risks_over_time
from lecturelib.checks import check_between, check_nonnegative
from lecturelib.least_squares.finite_sample import FiniteSample
from lecturelib.least_squares.problems import State
from lecturelib.least_squares.schemes import Scheme
from lecturelib.least_squares.stability import max_learning_rate

LARGEST_BATCH = 2**14
LONGEST_SEARCHED = 2000  # steps of the recommended run up to which a schedule is searched, step by step


@dataclass(frozen=True)
class Row:
    """What one batch size costs; steps, learning_rate, work are None where the goal is out of reach."""

    batch_size: int
    max_learning_rate: float
    steps: int | None = None
    learning_rate: float | None = None
    work: int | None = None


@dataclass(frozen=True)
class Reached(Row):
    """A row whose batch size reaches the goal, at its best constant rate."""

    steps: int
    learning_rate: float
    work: int

    def scheme(self) -> Scheme:
        """Rate and batch size of every step."""
        return Scheme(np.full(self.steps, self.learning_rate), np.full(self.steps, self.batch_size))


@dataclass(frozen=True, eq=False)
class Plan:
    """Depth and work of every batch size, and what is recommended; made by `plan`.

    Attributes:
        goal: fraction of the first excess risk.
        price: most work, as a multiple of the least.
        start_risk: the first excess risk, in units of the loss.
        critical_batch_size: ratio of the largest stable rates of full gradients and of single examples.
        noise_scale_start, noise_scale_goal: see `Moments.noise_scale`, at w = 0 and when the recommended run
            arrives.
        rows: one a batch size, rising.
        cheapest, recommended: positions in rows, None if no batch size reaches the goal.
        schedule: doubling batches, None if constant ones do as well.
        rates_exact: whether the largest stable rates are exact or those of reduced moments.
        optimizer: that all of this is for; of Adam the critical batch size is that of plain SGD.
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
    optimizer: Optimizer = SGD

    @property
    def reached(self) -> list[Reached]:
        """The rows whose batch size reaches the goal."""
        return [row for row in self.rows if isinstance(row, Reached)]

    @property
    def best(self) -> Reached | None:
        """The recommended row, None if no batch size reaches the goal."""
        return None if self.recommended is None else cast(Reached, self.rows[self.recommended])

    @property
    def checked(self) -> list[Reached]:
        """The recommended row, and that of an eighth of its batch size: training runs check them."""
        best = self.best
        return [best, *(r for r in self.reached if 8 * r.batch_size == best.batch_size)] if best else []


def plan(
    problem: Moments, *, goal: float = 0.05, price: float = 2.0, rows: int,
    exact: FiniteSample | None = None, optimizer: Optimizer = SGD,
) -> Plan:  # fmt: skip
    """Predict depth and work for batch sizes 1, 2, 4, ... and recommend one of them.

    Args:
        problem: from `moments`.
        goal: excess risk to reach, as a fraction of the first one, in (0, 1).
        price: most work, as a multiple of the least, 1 or more.
        rows: number of examples; a batch is no larger.
        exact: the same problem as a `finite_sample`, where it is small enough for exact rates.
        optimizer: plain SGD, or momentum.

    Raises:
        ValueError: goal or price out of range, or a start that is the solution already.

    Example:
        >>> import numpy as np
        >>> from lecturelib.advice import planning, reduction
        >>> found = planning.plan(reduction.moments(np.eye(64), np.ones(64)), goal=0.01, rows=64)
        >>> found.rows[found.recommended].batch_size, round(found.critical_batch_size)
        (64, 64)
    """
    check_plan(goal, price)
    start = problem.start(problem.start_error)
    first = problem.risk(start)
    if not first > 0.0:
        raise ValueError("the weights zero are the best already: the features say nothing about the target")
    sizes = batch_sizes(rows)
    momentum, best_known = optimizer.momentum, problem if exact is None else exact
    rates = max_learning_rate(best_known, [*sizes, math.inf], momentum=momentum).tolist()
    table: list[Row] = []
    guess = None
    for size, rate in zip(sizes, rates[:-1], strict=True):
        say("steps of each batch size", len(table), len(sizes))
        least = depth(problem, goal * first, size, rate, guess, momentum)
        if least is None:
            table.append(Row(size, rate))
            guess = None
        else:
            table.append(Reached(size, rate, least.steps, least.learning_rate, least.steps * size))
            guess = 2.0 * least.learning_rate  # the best rate for twice the batch is near twice the rate
    cheapest, recommended = choose(table, price)
    found = Plan(
        goal=goal,
        price=price,
        start_risk=first,
        critical_batch_size=rates[-1] / rates[0],
        noise_scale_start=problem.noise_scale(start),
        noise_scale_goal=None,
        rows=tuple(table),
        cheapest=cheapest,
        recommended=recommended,
        schedule=None,
        rates_exact=exact is not None,
        optimizer=optimizer,
    )
    if found.best is None:
        return found
    at_goal, schedule = _recommended(problem, found.best, goal * first, sizes, momentum)
    return replace(found, noise_scale_goal=at_goal, schedule=worthwhile(schedule, table))


def _recommended(
    problem: Moments, row: Reached, goal: float, sizes: Sequence[int], momentum: float
) -> tuple[float, Scheme | None]:
    """The noise scale when the run of a row arrives, and a schedule that doubles and costs no more."""
    size = row.batch_size
    risks = risks_over_time(problem, size, goal, momentum)
    mean, second = risks.after(row.learning_rate, row.steps)
    entries = len(problem.multiplicity)  # with momentum those of the velocity come after
    at_goal = problem.noise_scale(State(mean[: problem.dimension], second[:entries]))
    if row.steps > LONGEST_SEARCHED or momentum:
        return at_goal, None
    firsts = [b for b in sizes if size / 64 <= b <= size]
    return at_goal, doubling(problem, goal, row.work, 2 * row.steps, firsts)


def worthwhile(schedule: Scheme | None, rows: Sequence[Row]) -> Scheme | None:
    """The schedule; None if it does not double, or if some constant batch needs no more steps and work.

    >>> import numpy as np
    >>> from lecturelib.advice.planning import Reached, Scheme, worthwhile
    >>> schedule = Scheme(np.full(4, 0.1), np.array([1, 1, 2, 2]))
    >>> worthwhile(schedule, [Reached(2, 1.0, 4, 0.1, 8)]) is schedule
    True
    >>> worthwhile(schedule, [Reached(1, 1.0, 4, 0.1, 4)])
    """
    if schedule is None or schedule.batch_sizes[0] == schedule.batch_sizes[-1]:
        return None
    constant = [row for row in rows if isinstance(row, Reached)]
    dominated = any(row.steps <= schedule.steps and row.work <= schedule.samples for row in constant)
    return None if dominated else schedule


def check_plan(goal: float, price: float) -> None:
    """Raise ValueError unless goal is in (0, 1) and price is 1 or more."""
    check_between("goal", goal, 0.0, 1.0, ends="()")
    check_nonnegative("price", price, at_least=1.0)


def batch_sizes(rows: int) -> list[int]:
    """The batch sizes of a table, 1, 2, 4, ...: none larger than the number of rows or LARGEST_BATCH.

    >>> from lecturelib.advice import planning
    >>> planning.batch_sizes(20)
    [1, 2, 4, 8, 16]
    """
    return [2**k for k in range(int(math.log2(min(rows, LARGEST_BATCH))) + 1)]


def choose(rows: Sequence[Row], price: float) -> tuple[int, int] | tuple[None, None]:
    """Positions of the row of least work, and of the largest batch at `price` times that work at most.

    >>> from lecturelib.advice.planning import Reached, choose
    >>> rows = [Reached(1, 1.0, 100, 0.5, 100), Reached(2, 2.0, 52, 1.0, 104), Reached(4, 3.0, 51, 1.0, 204)]
    >>> choose(rows, 2.0)
    (0, 1)
    """
    work = {i: row.work for i, row in enumerate(rows) if row.work is not None}
    if not work:
        return None, None
    least = min(work.values())
    return min(i for i in work if work[i] == least), max(i for i in work if work[i] <= price * least)
