"""Schemes for choosing the batch size and the learning rate over time, and the exact risk each one ends with.

The question of the lecture's last part: which scheme reaches the least risk from n examples in the fewest
steps? Averaging (`tail_averaged_risk`, `local_sgd_risk`) lives in `theory/averaging.py`, reached from here.
"""

import math
from dataclasses import dataclass

import numpy as np

from lecturelib.checks import check_array, check_count, check_nonnegative
from lecturelib.theory.averaging import (
    check_schedule,
    isotropic,
    local_sgd_max_learning_rate,
    local_sgd_risk,
    tail_averaged_risk,
)
from lecturelib.theory.stability import max_learning_rate

__all__ = [
    "Scheme",
    "average_of_fits_risk",
    "doubling",
    "isotropic",
    "local_sgd_max_learning_rate",
    "local_sgd_risk",
    "minimax_floor",
    "optimal_scheme",
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
    def steps(self):
        """Depth: the number of steps."""
        return len(self.learning_rates)

    @property
    def samples(self):
        """Work: the number of examples all steps use, a float (whole batches give a whole number)."""
        return float(np.sum(self.batch_sizes))


def scheduled_risk(problem, start_error, learning_rates, batch_sizes):
    """Expected excess risk after every step of SGD whose learning rate and batch size change from step to
    step.

        Phi_(t+1) = T_(b_t) Phi_t + eta_t^2 / b_t (noise),      risk_t = 1/2 tr H Phi_t

    problem: from `least_squares`. start_error: w_0 - w*, shape (d,). learning_rates: shape (steps,), none
    negative. batch_sizes: shape (steps,), whole numbers >= 1 or math.inf. Returns excess risks, shape (steps
    + 1,); past the largest stable rate they may grow to inf or nan. ValueError: anything else.

    >>> from lecturelib.theory.problems import (gaussian)
    >>> scheduled_risk(gaussian([1.0, 0.5], 1.0), [1.0, 1.0], [0.2, 0.1], [1, 8]).round(6)
    array([0.75   , 0.6075 , 0.51448])
    """
    rates = check_array("learning_rates", learning_rates, 1)
    rates, sizes = check_schedule(problem, rates, np.atleast_1d(batch_sizes), len(rates))
    state = problem.start(start_error)
    risks = [problem.risk(state)]
    with np.errstate(over="ignore", invalid="ignore"):
        for rate, size in zip(rates, sizes, strict=True):
            state = problem.step(state, rate, size)
            risks.append(problem.risk(state))
    return np.array(risks)


def staged(problem, batch_sizes, steps_per_stage, *, learning_rate=None):
    """A scheme that raises the batch size in stages and keeps the learning rate, instead of lowering the
    rate.

    batch_sizes: one a stage, whole numbers >= 1. steps_per_stage: a whole number, or one a stage.
    learning_rate: of all stages; by default half of `max_learning_rate` at the first batch size. Returns a
    `Scheme`. ValueError: anything else.

    >>> from lecturelib.theory.problems import (gaussian)
    >>> scheme = staged(gaussian([1.0] * 50), [1, 64], [3, 2])
    >>> print(scheme.batch_sizes, scheme.learning_rates.round(6))
    [ 1  1  1 64 64] [0.019231 0.019231 0.019231 0.019231 0.019231]

    Source: Smith et al., "Don't decay the learning rate, increase the batch size" (2018).
    """
    sizes = [check_count("batch_sizes", size, at_least=1) for size in np.atleast_1d(batch_sizes)]
    lengths = [check_count("steps_per_stage", steps, at_least=1) for steps in np.atleast_1d(steps_per_stage)]
    if not sizes or len(lengths) not in (1, len(sizes)):
        raise ValueError(
            f"steps_per_stage has {len(lengths)} entries for {len(sizes)} stages;"
            " pass one number, or one a stage"
        )
    if learning_rate is None:
        learning_rate = 0.5 * max_learning_rate(problem, sizes[0])
    learning_rate = check_nonnegative("learning_rate", learning_rate)
    batch_sizes = np.repeat(sizes, np.broadcast_to(lengths, len(sizes)))
    return Scheme(np.full(len(batch_sizes), learning_rate), batch_sizes)


def doubling(problem, first_batch_size, stages, steps_per_stage, *, learning_rate=None):
    """The lecture's doubling trick: `staged` with batch sizes b, 2 b, 4 b, ..., 2^(stages - 1) b.

    first_batch_size (b), stages, steps_per_stage: whole numbers, 1 or more. learning_rate: as for `staged`.
    Returns a `Scheme`. ValueError: anything else.

    >>> from lecturelib.theory.problems import (gaussian)
    >>> print(doubling(gaussian([1.0]), 1, stages=3, steps_per_stage=2).batch_sizes)
    [1 1 2 2 4 4]
    """
    first = check_count("first_batch_size", first_batch_size, at_least=1)
    sizes = [first * 2**stage for stage in range(check_count("stages", stages, at_least=1))]
    return staged(problem, sizes, steps_per_stage, learning_rate=learning_rate)


def minimax_floor(problem, samples):
    """The least excess risk any method can promise from n examples, to leading order in 1 / n.

        1/2 s^2 d / n;     for a data set, whose noise is not independent of x:   1/2 tr(H^-1 E[e^2 xx']) / n

    problem: from `least_squares`. samples: n, a number > 0. Returns a float. ValueError: anything else.

    >>> from lecturelib.theory.problems import (gaussian)
    >>> minimax_floor(gaussian([1.0] * 50, noise_variance=1.0), 32768)
    0.000762939453125

    Source: Van der Vaart, Asymptotic Statistics (1998), section 8.7; Mourtada (2022) for the exact Gaussian
    case.
    """
    samples = check_nonnegative("samples", samples)
    if samples == 0.0:
        raise ValueError("samples = 0 is refused; pass the number of examples, above 0")
    noise = problem.gradient_moment(problem.start(np.zeros(problem.dimension)))
    used = problem.eigenvalues > 0.0
    return 0.5 * float(np.sum(noise[used] / problem.eigenvalues[used])) / samples


def average_of_fits_risk(problem, samples, machines=1):
    """Expected excess risk of the mean of K least-squares fits, each to its own n / K of n Gaussian examples.

        1/2 s^2 d / (n - K (d + 1)),     so that one fit to all examples costs n / (n - d - 1) times the floor

    problem: plain `gaussian`, all eigenvalues positive. samples (n), machines (K): whole numbers, n > K (d +
    1). Returns a float. ValueError: anything else.

    >>> from lecturelib.theory.problems import (gaussian)
    >>> problem = gaussian([1.0] * 50, noise_variance=1.0)
    >>> print(round(average_of_fits_risk(problem, 32768, 512) / minimax_floor(problem, 32768), 7))
    4.9230769

    Source: the mean of an inverse Wishart matrix; Mardia, Kent, Bibby, Multivariate Analysis (1979), section
    3.8.
    """
    samples = check_count("samples", samples, at_least=1)
    machines = check_count("machines", machines, at_least=1)
    plain = getattr(problem, "kurtosis", None) == 3.0 and problem.elliptical == 1.0
    if not plain or np.min(problem.eigenvalues) <= 0.0:
        raise ValueError(f"problem = {problem!r} is refused; pass a plain gaussian with positive eigenvalues")
    lost = machines * (problem.dimension + 1)
    if samples <= lost:
        raise ValueError(f"samples = {samples} is too few for {machines} fits; pass more than {lost}")
    return 0.5 * problem.noise_variance * problem.dimension / (samples - lost)


def optimal_scheme(problem, start_error, batch_sizes):
    """The best learning rate at every step for given batch sizes, on an isotropic problem: greedy is optimal.

        eta = P / (l P (1 + r / b) + s^2 d / b),     P -> P (1 - eta l),     P = E |Delta|^2
        l = 1:   U = 1 / P grows by b U / (r + d s^2 U),    r = d + 1 for Gaussian, d - 1 for one-hot features

    problem: gaussian or one_hot with equal eigenvalues l. start_error: shape (d,), not all zero. batch_sizes:
    shape (steps,), numbers >= 1. Returns a `Scheme`, whose `scheduled_risk` is the least there is.
    ValueError: else.

    >>> from lecturelib.theory.problems import (gaussian)
    >>> problem = gaussian([1.0] * 50, noise_variance=1.0)
    >>> scheme = optimal_scheme(problem, [1.0] * 50, [64] * 512)
    >>> risks = scheduled_risk(problem, [1.0] * 50, scheme.learning_rates, scheme.batch_sizes)
    >>> print(round(risks[-1] / minimax_floor(problem, scheme.samples), 7))
    1.0201495
    """
    sizes = check_array("batch_sizes", batch_sizes, 1)
    if np.min(sizes) < 1.0:
        raise ValueError(f"batch_sizes has the entry {np.min(sizes):g}; pass numbers of 1 or more")
    return _optimal(problem, start_error, len(sizes), lambda step, _: sizes[step])


def proportional_scheme(problem, start_error, steps, *, theta=1.0, whole=True):
    """The optimal scheme whose batch is always theta times the noise scale of the moment (theta = 1:
    "doubling").

        b = theta (r + s^2 d / (l P)),     P -> P / (1 + theta)     at every step, at the best learning rate

    so the floor is reached in O(log n) steps, and theta costs theta / log(1 + theta) in the bias alone.

    problem, start_error: as for `optimal_scheme`. steps: whole number >= 1. theta: number > 0. whole: round
    batch sizes up; False keeps the formula exact. Returns a `Scheme`. ValueError: anything else.

    >>> from lecturelib.theory.problems import (gaussian)
    >>> problem = gaussian([1.0] * 50, noise_variance=1.0)
    >>> [int(size) for size in proportional_scheme(problem, [1.0] * 50, steps=6).batch_sizes]
    [52, 53, 55, 59, 67, 83]

    Source: McCandlish et al., "An empirical model of large-batch training" (2018), for the noise scale.
    """
    steps = check_count("steps", steps, at_least=1)
    if check_nonnegative("theta", theta) == 0.0:
        raise ValueError("theta = 0 is refused; pass a number above 0, such as 1")

    def batch_size(_, noise_scale):
        size = theta * noise_scale
        if whole:
            size = float(math.ceil(size * (1.0 - 1e-12)))  # 179 + rounding error is 179, not 180
        return max(1.0, size)

    return _optimal(problem, start_error, steps, batch_size)


def _optimal(problem, start_error, steps, batch_size):
    """Best rates for the batch sizes that batch_size(step, noise scale) returns."""
    eigenvalue, feedback = isotropic(problem)
    squared_error = float(np.sum(problem.start(start_error).second))
    if squared_error == 0.0:
        raise ValueError("start_error is all zero; pass a start away from the optimum")
    noise = problem.noise_variance * problem.dimension
    rates, sizes = [], []
    for step in range(steps):
        noise_scale = feedback + noise / (eigenvalue * squared_error)
        size = batch_size(step, noise_scale)
        rates.append(1.0 / (eigenvalue * (1.0 + noise_scale / size)))
        sizes.append(size)
        squared_error *= 1.0 - rates[-1] * eigenvalue
    return Scheme(np.array(rates), np.array(sizes))
