"""Exact theory of mini-batch SGD on least squares: stability, critical batch size, risk over time, depth.

Convention: L(w) = 1/2 E (y - x'w)^2, the gradient is the mean over the batch, risk means excess risk L(w) -
L(w*). Under L = E (y - x'w)^2, without the 1/2, every learning rate here halves and every risk doubles.

This is the front door. The ideas live in `lecturelib/theory/`: problems and their one-step recursion in
`problems.py` and `finite_sample.py`, the stability limit in `stability.py` and `krylov.py`, the search for
the best rate in `depth.py`, the literature's other critical batch sizes in `critical_batch.py`. Nothing here
is simulated.
"""

from dataclasses import dataclass

import numpy as np

from lecturelib.checks import check_count, check_nonnegative
from lecturelib.theory.critical_batch import CriticalBatchSizes, critical_batch_sizes
from lecturelib.theory.depth import Depth, depth
from lecturelib.theory.finite_sample import FiniteSample, finite_sample
from lecturelib.theory.krylov import steady_second
from lecturelib.theory.problems import (
    DiagonalProblem,
    Gaussian,
    OneHot,
    State,
    check_batch_size,
    gaussian,
    one_hot,
)
from lecturelib.theory.stability import critical_batch_size, max_learning_rate

__all__ = [
    "CriticalBatchSizes",
    "Depth",
    "FiniteSample",
    "Gaussian",
    "NoiseFreeCurve",
    "OneHot",
    "RiskCurve",
    "State",
    "critical_batch_size",
    "critical_batch_sizes",
    "depth",
    "finite_sample",
    "gaussian",
    "max_learning_rate",
    "noise_free_curve",
    "one_hot",
    "risk_curve",
    "steady_risk",
]


@dataclass(frozen=True, eq=False)
class RiskCurve:
    """Expected excess risk after 0 .. steps steps, split as on the slide; every array has shape (steps + 1,).

    bias: L(E w_t) - L(w*), which depends on the batch size only through the rate. variance: E L(w_t) - L(E
    w_t).
    """

    bias: np.ndarray
    variance: np.ndarray

    @property
    def risk(self):
        """Their sum, the expected excess risk, shape (steps + 1,)."""
        return self.bias + self.variance


@dataclass(frozen=True, eq=False)
class NoiseFreeCurve:
    """Expected excess risk after 0 .. steps steps, split as Jain et al. do; arrays of shape (steps + 1,).

    noise_free: risk of the same run on targets without noise; it depends on the batch size, for it contains
    the noise of the features. noise_only: risk of the run started at w*. interaction: what is left of the
    risk, zero when the noise is independent of the features and the cross term of a data set otherwise.
    """

    noise_free: np.ndarray
    noise_only: np.ndarray
    interaction: np.ndarray


def risk_curve(problem, start_error, learning_rate, batch_size, steps):
    """The expected excess risk of SGD at a constant rate, step by step, as bias and variance.

        bias_t = 1/2 m_t' H m_t,  m_t = (1 - eta H)^t m_0;      variance_t = 1/2 tr(H C_t), C_(t+1) = (1 -
        eta H) C_t (1 - eta H) + eta^2 c_b (E[gg'] - H Phi_t H),  Phi_t = C_t + m_t m_t',  C_0 = 0

    problem: from `gaussian`, `one_hot` or `finite_sample` (cross term included). start_error: w_0 - w*,
    shape (d,). learning_rate: >= 0, above max_learning_rate too: then the curve grows. batch_size: whole
    number >= 1 or math.inf. steps: whole number >= 0. Returns RiskCurve. ValueError: anything else.

    >>> problem = gaussian([1.0, 0.5], noise_variance=0.1)
    >>> curve = risk_curve(problem, [1.0, 1.0], 0.5, batch_size=8, steps=2)
    >>> print(curve.bias.round(4), curve.variance.round(4))
    [0.75   0.2656 0.1104] [0.     0.0488 0.0353]

    Source: the lecture's decomposition; the recursion is Isserlis' theorem, or the data's own fourth moment.
    """
    learning_rate = check_nonnegative("learning_rate", learning_rate)
    check_batch_size(problem, batch_size)
    steps = check_count("steps", steps, at_least=0)
    mean, second = problem.start(start_error)
    covariance = np.zeros_like(second)
    scale = learning_rate**2 * problem.noise_factor(batch_size)
    shrink = 1.0 - learning_rate * problem.eigenvalues
    bias, variance = np.empty(steps + 1), np.zeros(steps + 1)
    if isinstance(problem, DiagonalProblem):
        _fill_diagonal(problem, mean, shrink, scale, bias, variance)
        return RiskCurve(bias, variance)
    for step in range(steps + 1):
        bias[step] = problem.bias(State(mean, covariance))
        variance[step] = problem.risk(State(mean, covariance))
        if scale > 0.0 and step < steps:
            noise = problem.gradient_noise(State(mean, covariance + problem.outer(mean)))
            covariance = problem.contract(covariance, learning_rate) + scale * noise
        mean = shrink * mean
    return RiskCurve(bias, variance)


def _fill_diagonal(problem, mean, shrink, scale, bias, variance):
    """The loop of `risk_curve` for Gaussian and one-hot features, all that stays the same taken out of it."""
    eigenvalues, coupling, noise = problem.eigenvalues, problem.coupling, problem.noise_variance
    own = scale * (problem.own - eigenvalues**2)
    squared, force = shrink**2, scale * eigenvalues
    decay, square, covariance = squared + own, mean**2, np.zeros_like(mean)
    for step in range(len(bias)):
        of_mean, of_noise = eigenvalues @ square, eigenvalues @ covariance
        bias[step], variance[step] = 0.5 * of_mean, 0.5 * of_noise
        covariance = decay * covariance + own * square + (coupling * (of_mean + of_noise) + noise) * force
        square = squared * square


def noise_free_curve(problem, start_error, learning_rate, batch_size, steps):
    """The expected excess risk of SGD, step by step, split by source: the start, the label noise, both.

        risk_t = [risk with all residuals zero] + [risk started at w*] + interaction

    This "bias" of the literature is not the slide's: it depends on the batch size. Arguments and errors as
    for `risk_curve`. Returns NoiseFreeCurve.

    >>> problem = gaussian([1.0, 0.5], noise_variance=0.1)
    >>> curve = noise_free_curve(problem, [1.0, 1.0], 0.5, batch_size=8, steps=2)
    >>> print(curve.noise_free.round(4), curve.noise_only.round(4))
    [0.75   0.3125 0.143 ] [0.     0.002  0.0027]

    Source: Jain et al., "Parallelizing stochastic gradient descent for least squares regression" (JMLR 2018).
    """
    whole = risk_curve(problem, start_error, learning_rate, batch_size, steps)
    noise_free = risk_curve(problem.without_noise(), start_error, learning_rate, batch_size, steps).risk
    at_rest = risk_curve(problem, np.zeros(problem.dimension), learning_rate, batch_size, steps).risk
    return NoiseFreeCurve(noise_free, at_rest, whole.risk - noise_free - at_rest)


def steady_risk(problem, learning_rate, batch_size):
    """The expected excess risk that SGD at a constant rate settles at.

        Gaussian: 1/2 s^2 Q / (1 - Q),  Q = sum_i eta l_i / (2 b - (b + 1) eta l_i)      (s^2: noise variance)
        one-hot:  1/2 s^2 Q,  Q = sum_i eta / (2 b - eta (1 + (b - 1) p_i))

    problem, batch_size as for `max_learning_rate`. learning_rate: above 0 and below max_learning_rate.
    Returns a float; for a data set it solves a linear system by conjugate gradients, to about 1e-12
    relative well inside the stable range. ValueError: a rate at or above the maximum, where no steady state
    exists, or other bad arguments.

    >>> print(round(steady_risk(gaussian([1.0] * 50, noise_variance=1.0), 0.01, 1), 8))
    0.16891892
    """
    learning_rate = check_nonnegative("learning_rate", learning_rate)
    maximum = max_learning_rate(problem, check_batch_size(problem, batch_size))
    if not 0.0 < learning_rate < maximum:
        raise ValueError(
            f"learning_rate = {learning_rate} has no steady state at batch_size = {batch_size};"
            f" pass one above 0 and below max_learning_rate = {maximum:.8g}"
        )
    factor = problem.noise_factor(batch_size)
    if factor == 0.0:
        return 0.0
    if not isinstance(problem, DiagonalProblem):
        second = steady_second(problem, learning_rate, factor)
        return 0.5 * float(problem.eigenvalues @ np.diagonal(second))
    eigenvalues = problem.eigenvalues[problem.eigenvalues > 0]
    own = factor * problem.own[problem.eigenvalues > 0] / eigenvalues + (1.0 - factor) * eigenvalues
    spread = float(np.sum(learning_rate * factor * eigenvalues / (2.0 - learning_rate * own)))
    return 0.5 * problem.noise_variance * spread / (1.0 - problem.coupling * spread)
