"""Schemes for choosing the batch size and the learning rate over time, and the exact risk each one ends with.

The question of the lecture's last part: which scheme reaches the least risk from n examples in the fewest
steps? Averaging (`tail_averaged_risk`, `local_sgd_risk`) lives in `averaging.py`, reached from here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_array, check_count, check_nonnegative, check_positive
from lecturelib.least_squares.averaging import (
    check_schedule,
    isotropic,
    local_sgd_max_learning_rate,
    local_sgd_risk,
    tail_averaged_risk,
)
from lecturelib.least_squares.outer_momentum import outer_momentum_risk
from lecturelib.least_squares.problems import Problem, inf_beyond
from lecturelib.least_squares.risk import minimax_floor
from lecturelib.least_squares.stability import max_learning_rate

__all__ = [
    "Scheme",
    "doubling",
    "isotropic",
    "local_sgd_max_learning_rate",
    "local_sgd_risk",
    "minimax_floor",
    "optimal_scheme",
    "outer_momentum_risk",
    "proportional_scheme",
    "scheduled_risk",
    "staged",
    "tail_averaged_risk",
]


@dataclass(frozen=True, eq=False)
class Scheme:
    """A learning rate and a batch size for every step, both of shape (steps,)."""

    learning_rates: np.ndarray
    batch_sizes: np.ndarray

    @property
    def steps(self) -> int:
        """Depth: the number of steps."""
        return len(self.learning_rates)

    @property
    def samples(self) -> float:
        """Work: the number of examples all steps use (whole batches give a whole number)."""
        return float(np.sum(self.batch_sizes))


def scheduled_risk(
    problem: Problem, start_error: ArrayLike, learning_rates: ArrayLike, batch_sizes: ArrayLike
) -> np.ndarray:
    """Expected excess risk after every step of SGD whose rate and batch size change from step to step.

    ::

        Phi_(t+1) = T_(b_t) Phi_t + eta_t^2 c_(b_t) (noise),      risk_t = 1/2 tr H Phi_t

    Args:
        problem: from `least_squares`.
        start_error: w_0 - w*, shape (d,).
        learning_rates: shape (steps,), none negative.
        batch_sizes: shape (steps,), whole numbers >= 1 or math.inf.

    Returns:
        Excess risks, shape (steps + 1,); inf past the range of float64.

    Raises:
        ValueError: an argument out of range, or of another shape.

    >>> from lecturelib import least_squares as ls, schemes
    >>> schemes.scheduled_risk(ls.gaussian([1.0, 0.5], 1.0), [1.0, 1.0], [0.2, 0.1], [1, 8]).round(6)
    array([0.75   , 0.6075 , 0.51448])
    """
    rates = check_array("learning_rates", learning_rates, 1)
    schedule = check_schedule(problem, rates, np.atleast_1d(batch_sizes), len(rates))
    state = problem.start(start_error)
    risks = [problem.risk(state)]
    with np.errstate(over="ignore", invalid="ignore"):
        for rate, size in zip(*schedule, strict=True):
            state = problem.step(state, rate, size)
            risks.append(problem.risk(state))
    return inf_beyond(np.array(risks))


def staged(
    problem: Problem,
    batch_sizes: ArrayLike,
    steps_per_stage: ArrayLike,
    *,
    learning_rate: float | None = None,
) -> Scheme:
    """A scheme that raises the batch size in stages and keeps the rate, instead of lowering the rate.

    Args:
        problem: from `least_squares`.
        batch_sizes: one a stage, whole numbers >= 1.
        steps_per_stage: a whole number, or one a stage.
        learning_rate: of all stages; by default half of `max_learning_rate` at the first batch size.

    Raises:
        ValueError: an argument out of range; numbers of stages that differ.

    >>> from lecturelib import least_squares as ls, schemes
    >>> scheme = schemes.staged(ls.gaussian([1.0] * 50), [1, 64], [3, 2])
    >>> print(scheme.batch_sizes, scheme.learning_rates.round(6))
    [ 1  1  1 64 64] [0.019231 0.019231 0.019231 0.019231 0.019231]

    Source: Smith et al., "Don't decay the learning rate, increase the batch size" (2018).
    """
    sizes = [check_count("batch_sizes", size) for size in np.atleast_1d(batch_sizes)]
    lengths = [check_count("steps_per_stage", steps) for steps in np.atleast_1d(steps_per_stage)]
    if not sizes or len(lengths) not in (1, len(sizes)):
        raise ValueError(
            f"steps_per_stage has {len(lengths)} entries for {len(sizes)} stages;"
            " pass one number, or one a stage"
        )
    if learning_rate is None:
        learning_rate = 0.5 * max_learning_rate(problem, sizes[0])
    learning_rate = check_nonnegative("learning_rate", learning_rate)
    every_size = np.repeat(sizes, np.broadcast_to(lengths, len(sizes)))
    return Scheme(np.full(len(every_size), learning_rate), every_size)


def doubling(
    problem: Problem,
    first_batch_size: int,
    stages: int,
    steps_per_stage: int,
    *,
    learning_rate: float | None = None,
) -> Scheme:
    """The lecture's doubling trick: `staged` with batch sizes b, 2 b, 4 b, ..., 2^(stages - 1) b.

    b is `first_batch_size`; it, `stages` and `steps_per_stage` are whole numbers, 1 or more. Other arguments,
    and errors, are those of `staged`.

    >>> from lecturelib import least_squares as ls, schemes
    >>> print(schemes.doubling(ls.gaussian([1.0]), 1, stages=3, steps_per_stage=2).batch_sizes)
    [1 1 2 2 4 4]
    """
    first = check_count("first_batch_size", first_batch_size)
    sizes = [first * 2**stage for stage in range(check_count("stages", stages))]
    return staged(problem, sizes, steps_per_stage, learning_rate=learning_rate)


def optimal_scheme(problem: Problem, start_error: ArrayLike, batch_sizes: ArrayLike) -> Scheme:
    """The best learning rate at every step for given batch sizes, on an isotropic problem: greedy is optimal.

    ::

        eta = P / (l P (1 + r / b) + s^2 d / b),     P  ->  P (1 - eta l),     P = E |Delta|^2
        l = 1:   U = 1 / P grows by b U / (r + d s^2 U),    r = d + 1 for Gaussian, d - 1 for one-hot features

    Args:
        problem: gaussian or one_hot with equal eigenvalues l.
        start_error: w_0 - w*, shape (d,), not all zero.
        batch_sizes: shape (steps,), numbers >= 1.

    Returns:
        A scheme whose `scheduled_risk` is the least there is.

    Raises:
        ValueError: another problem; an argument out of range, or of another shape.

    >>> from lecturelib import least_squares as ls, schemes
    >>> problem = ls.gaussian([1.0] * 50, noise_variance=1.0)
    >>> best = schemes.optimal_scheme(problem, [1.0] * 50, [64] * 512)
    >>> risks = schemes.scheduled_risk(problem, [1.0] * 50, best.learning_rates, best.batch_sizes)
    >>> print(round(risks[-1] / schemes.minimax_floor(problem, best.samples), 7))
    1.0201495
    """
    sizes = check_array("batch_sizes", batch_sizes, 1, at_least=1.0)
    return _optimal(problem, start_error, len(sizes), lambda step, _: float(sizes[step]))


def proportional_scheme(
    problem: Problem, start_error: ArrayLike, steps: int, *, theta: float = 1.0, whole: bool = True
) -> Scheme:
    """The optimal scheme whose batch is always theta times the noise scale of the moment.

    ::

        b = theta (r + s^2 d / (l P)),     P  ->  P / (1 + theta)     at every step, at the best learning rate

    So the floor is reached in O(log n) steps, and theta costs theta / log(1 + theta) in the bias alone;
    theta = 1 is "doubling". `whole` rounds batch sizes up; False keeps the formula exact. Other arguments,
    and errors, are those of `optimal_scheme`.

    >>> from lecturelib import least_squares as ls, schemes
    >>> problem = ls.gaussian([1.0] * 50, noise_variance=1.0)
    >>> [int(b) for b in schemes.proportional_scheme(problem, [1.0] * 50, steps=6).batch_sizes]
    [52, 53, 55, 59, 67, 83]

    Source: McCandlish et al., "An empirical model of large-batch training" (2018), for the noise scale.
    """
    steps, theta = check_count("steps", steps), check_positive("theta", theta)

    def batch_size(_: int, noise_scale: float) -> float:
        size = theta * noise_scale
        if whole:
            size = float(math.ceil(size * (1.0 - 1e-12)))  # 179 + rounding error is 179, not 180
        return max(1.0, size)

    return _optimal(problem, start_error, steps, batch_size)


def _optimal(
    problem: Problem, start_error: ArrayLike, steps: int, batch_size: Callable[[int, float], float]
) -> Scheme:
    """Best rates for the batch sizes that batch_size(step, noise scale) returns."""
    eigenvalue, feedback = isotropic(problem)
    squared_error = float(np.sum(problem.start(start_error).second))
    if squared_error == 0.0:
        raise ValueError("start_error is all zero; pass a start away from the optimum")
    at_optimum = problem.start(np.zeros(problem.dimension))
    noise = float(np.sum(problem.gradient_moment(at_optimum))) / eigenvalue  # s^2 d
    rates, sizes = [], []
    for step in range(steps):
        noise_scale = feedback + noise / (eigenvalue * squared_error)
        size = batch_size(step, noise_scale)
        rates.append(1.0 / (eigenvalue * (1.0 + noise_scale / size)))
        sizes.append(size)
        squared_error *= 1.0 - rates[-1] * eigenvalue
    return Scheme(np.array(rates), np.array(sizes))
