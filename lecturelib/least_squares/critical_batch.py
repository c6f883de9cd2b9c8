"""The many critical batch sizes of the literature, named so that nobody confuses them.

They answer different questions. The first four ask where the stable learning rate stops growing with the
batch, and depend on the features alone; the last two ask where the noise of the gradient stops mattering,
and depend on where the run stands. All are numbers of examples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from lecturelib.least_squares.problems import Problem
from lecturelib.least_squares.stability import critical_batch_size


@dataclass(frozen=True)
class CriticalBatchSizes:
    """Candidates for "the" critical batch size of one problem at one error; floats, in examples.

    Attributes:
        trace_ratio: ``E|x|^2`` / lambda_max, the slide's.
        rate_ratio: eta_max(inf) / eta_max(1), the one used here.
        half_saturation: where eta_max reaches half its limit, at least 1.
        jain: 1 + R^2 / lambda_max, R^2 the least number with ``E[|x|^2 xx'] <= R^2 H``.
        noise_scale: tr Cov(g) / ``|G|^2``, McCandlish's simple noise scale.
        curvature_noise_scale: tr(H Cov(g)) / G'HG, where one step's best progress halves.
    """

    trace_ratio: float
    rate_ratio: float
    half_saturation: float
    jain: float
    noise_scale: float
    curvature_noise_scale: float


def critical_batch_sizes(problem: Problem, error: ArrayLike) -> CriticalBatchSizes:
    """Every definition of the critical batch size.

    Args:
        problem: from `gaussian`, `one_hot` or `finite_sample`.
        error: w - w*, shape (d,), for those definitions that need it.

    Raises:
        ValueError: an error of wrong shape, or whose gradient H error is zero.

    >>> from lecturelib import least_squares as ls
    >>> sizes = ls.critical_batch_sizes(ls.gaussian([1.0] * 50), [1.0] * 50)
    >>> round(sizes.trace_ratio), round(sizes.rate_ratio), round(sizes.half_saturation), round(sizes.jain)
    (50, 52, 51, 53)

    Source: Jain et al. (JMLR 2018), Section 3; McCandlish et al., "An empirical model of large-batch
    training" (2018), equations 2.8 and 2.9.
    """
    state = problem.start(error)
    gradient = problem.eigenvalues * state.mean
    size = float(gradient @ gradient)
    if size == 0.0:
        raise ValueError(
            "error has gradient zero, so its noise scale is infinite; pass an error off the minimum"
        )
    covariance = problem.gradient_moment(state) - gradient**2
    largest = float(np.max(problem.eigenvalues))
    return CriticalBatchSizes(
        trace_ratio=float(np.sum(problem.eigenvalues)) / largest,
        rate_ratio=critical_batch_size(problem),
        half_saturation=half_saturation(problem),
        jain=1.0 + problem.norm_constant() / largest,
        noise_scale=float(np.sum(covariance)) / size,
        curvature_noise_scale=float(problem.eigenvalues @ covariance / (problem.eigenvalues @ gradient**2)),
    )


def half_saturation(problem: Problem) -> float:
    """The real batch size, at least 1, at which eta_max(b) = 1/2 eta_max(inf).

    Isotropic Gaussian: d + 1; one-hot: 1 / max p - 1. Found as the c_b = 1/b where the top of the pencil
    doubles; in c_b that top is convex and increasing.

    >>> from lecturelib import least_squares as ls
    >>> from lecturelib.least_squares.critical_batch import half_saturation
    >>> print(round(half_saturation(ls.one_hot([0.25] * 4)), 10))
    3.0
    """
    limit = float(np.max(problem.eigenvalues))  # twice 1 / eta_max(inf)

    def above(factor: float) -> float:
        return float(problem.pencil_tops(np.array([factor]))[0]) - limit

    return 1.0 / float(brentq(above, 0.0, 1.0, xtol=1e-15, rtol=1e-12)) if above(1.0) > 0.0 else 1.0


def ma_batch_size(problem: Problem) -> float:
    """Ma, Bassily and Belkin's ``m* = beta / (lambda_1 - lambda_n) + 1``; beta bounds ``|x|^2``.

    Exactly where the best rate of a one-hot problem leaves its linear regime.

    Args:
        problem: from `one_hot` or `finite_sample`: features with a bound.

    Returns:
        m*, in examples; math.inf if all eigenvalues are equal.

    Raises:
        ValueError: features without a known bound, such as Gaussian ones.

    >>> from lecturelib import least_squares as ls
    >>> from lecturelib.least_squares.critical_batch import ma_batch_size
    >>> print(ma_batch_size(ls.one_hot([0.75, 0.25])))
    3.0

    Source: Ma, Bassily, Belkin, "The power of interpolation" (ICML 2018), Theorem 4.
    """
    bound = problem.largest_norm()
    spread = float(np.max(problem.eigenvalues) - np.min(problem.eigenvalues))
    return bound / spread + 1.0 if spread > 0.0 else float("inf")
