"""The many critical batch sizes of the literature, named so that nobody confuses them.

They answer different questions. The first four ask where the stable learning rate stops growing with the
batch, and depend on the features alone; the last two ask where the noise of the gradient stops mattering,
and depend on where the run stands. All are numbers of examples.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from lecturelib.theory.krylov import pencil_tops
from lecturelib.theory.problems import DiagonalProblem, check_batch_size
from lecturelib.theory.stability import critical_batch_size, diagonal_tops


@dataclass(frozen=True)
class CriticalBatchSizes:
    """Candidates for "the" critical batch size of one problem at one error; floats, in examples.

    trace_ratio: E|x|^2 / lambda_max, the slide's. rate_ratio: eta_max(inf) / eta_max(1), the one used here.
    half_saturation: where eta_max reaches half its limit, at least 1. jain: 1 + R^2 / lambda_max.
    noise_scale: tr Cov(g) / |G|^2, McCandlish's simple noise scale. curvature_noise_scale: tr(H Cov(g)) /
    G'HG, where one step's best progress halves.
    """

    trace_ratio: float
    rate_ratio: float
    half_saturation: float
    jain: float
    noise_scale: float
    curvature_noise_scale: float


def critical_batch_sizes(problem, error):
    """Every definition of the critical batch size; `error` is w - w*, shape (d,), for those that need it.

    ValueError: an error of wrong shape, or whose gradient H error is zero.

    >>> from lecturelib.theory.problems import (gaussian)
    >>> sizes = critical_batch_sizes(gaussian([1.0] * 50), [1.0] * 50)
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
        jain=1.0 + jain_constant(problem) / largest,
        noise_scale=float(np.sum(covariance)) / size,
        curvature_noise_scale=float(problem.eigenvalues @ covariance / (problem.eigenvalues @ gradient**2)),
    )


def half_saturation(problem):
    """The real batch size, at least 1, at which eta_max(b) = 1/2 eta_max(inf).

    Isotropic Gaussian: d + 1; one-hot: 1 / max p - 1. Found as the c_b = 1/b where the top of the pencil
    doubles; in c_b that top is convex and increasing.

    >>> from lecturelib.theory.problems import (one_hot)
    >>> print(round(half_saturation(one_hot([0.25] * 4)), 10))
    3.0
    """
    tops = diagonal_tops if isinstance(problem, DiagonalProblem) else pencil_tops
    limit = float(np.max(problem.eigenvalues))  # twice 1 / eta_max(inf)

    def above(factor):
        return tops(problem, np.array([factor]))[0] - limit

    return 1.0 / brentq(above, 0.0, 1.0, xtol=1e-15, rtol=1e-12) if above(1.0) > 0.0 else 1.0


def jain_constant(problem):
    """R^2, the least number with E[|x|^2 xx'] <= R^2 H: Gaussian tr H + 2 lambda_max, one-hot 1.

    >>> from lecturelib.theory.problems import (gaussian)
    >>> print(jain_constant(gaussian([1.0, 0.5])))
    3.5

    Source: Jain et al. (JMLR 2018), Section 3.
    """
    if isinstance(problem, DiagonalProblem):
        used = problem.eigenvalues > 0
        own = problem.own[used] / problem.eigenvalues[used]
        return float(np.max(own) + problem.coupling * np.sum(problem.eigenvalues))
    scale = 1.0 / np.sqrt(problem.eigenvalues)
    moment = problem.fourth_moment(np.eye(len(scale)))
    return float(np.linalg.eigvalsh(scale[:, None] * moment * scale)[-1])


def jain_learning_rate_bound(problem, batch_size):
    """A lower bound on max_learning_rate, 2 b / (R^2 + (b - 1) lambda_max): not the maximum itself.

    It is exact for one-hot and isotropic Gaussian features only. batch_size: a number >= 1 with replacement.

    >>> from lecturelib.theory.problems import (gaussian)
    >>> print(round(jain_learning_rate_bound(gaussian([1.0, 0.5]), 4), 6))
    1.230769

    Source: Jain et al. (JMLR 2018), equation for gamma_b,max.
    """
    factor = problem.noise_factor(check_batch_size(problem, batch_size))
    return 2.0 / (factor * jain_constant(problem) + (1.0 - factor) * float(np.max(problem.eigenvalues)))


def ma_batch_size(problem):
    """Ma, Bassily and Belkin's m* = beta / (lambda_1 - lambda_n) + 1, where beta bounds |x|^2.

    Exactly where the best rate of a one-hot problem leaves its linear regime. Returns a float, math.inf if
    all eigenvalues are equal. ValueError: features without a bound, such as Gaussian ones.

    >>> from lecturelib.theory.problems import (one_hot)
    >>> print(ma_batch_size(one_hot([0.75, 0.25])))
    3.0

    Source: Ma, Bassily, Belkin, "The power of interpolation" (ICML 2018), Theorem 4.
    """
    if hasattr(problem, "features"):
        bound = float(np.max(np.sum(problem.features**2, axis=1)))
    elif hasattr(problem, "probabilities"):
        bound = 1.0
    else:
        raise ValueError(
            "problem has features without a bound on |x|^2; pass a one_hot or finite_sample problem"
        )
    spread = float(np.max(problem.eigenvalues) - np.min(problem.eigenvalues))
    return bound / spread + 1.0 if spread > 0.0 else float("inf")
