"""The risk of mini-batch SGD over time, as bias and variance; where it settles; the least there can be."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_count, check_nonnegative, check_positive
from lecturelib.least_squares.momentum import check_momentum, split_risks
from lecturelib.least_squares.problems import Problem, State, check_batch_size, inf_beyond
from lecturelib.least_squares.stability import max_learning_rate


@dataclass(frozen=True, eq=False)
class RiskCurve:
    """Expected excess risk after 0 .. steps steps, split as on the slide; every array has shape (steps + 1,).

    Attributes:
        bias: L(E w_t) - L(w*), which depends on the batch size only through the rate.
        variance: E L(w_t) - L(E w_t).
    """

    bias: np.ndarray
    variance: np.ndarray

    @property
    def risk(self) -> np.ndarray:
        """Their sum, the expected excess risk, shape (steps + 1,)."""
        return self.bias + self.variance


@dataclass(frozen=True, eq=False)
class NoiseFreeCurve:
    """Expected excess risk after 0 .. steps steps, split as Jain et al. do; arrays of shape (steps + 1,).

    Attributes:
        noise_free: risk of the same run on targets without noise; it depends on the batch size, for it
            contains the noise of the features.
        noise_only: risk of the run started at w*.
        interaction: what is left of the risk, zero when the noise is independent of the features and the
            cross term of a data set otherwise; nan where the risk is past float64.
    """

    noise_free: np.ndarray
    noise_only: np.ndarray
    interaction: np.ndarray


def risk_curve(
    problem: Problem,
    start_error: ArrayLike,
    learning_rate: float,
    batch_size: float,
    steps: int,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> RiskCurve:
    """The expected excess risk of SGD at a constant rate, step by step, as bias and variance.

    ::

        bias_t     = 1/2 m_t' H m_t,       m_(t+1) = (1 - eta H) m_t
        variance_t = 1/2 tr(H C_t),        C_0 = 0,    Phi_t = C_t + m_t m_t'
        C_(t+1)    = (1 - eta H) C_t (1 - eta H) + eta^2 c_b (E[gg'] - H Phi_t H)

    Args:
        problem: from `gaussian`, `one_hot` or `finite_sample` (cross term included).
        start_error: w_0 - w*, shape (d,).
        learning_rate: >= 0, in units of 1 / eigenvalue. Above max_learning_rate the curve grows, and past the
            range of float64 it is inf, never NaN.
        batch_size: whole number >= 1 or math.inf.
        steps: whole number >= 0.
        momentum: beta, as for `max_learning_rate`; the velocity starts at 0.
        nesterov: likewise; the risk is that of w, while PyTorch and optax keep w + beta v as their weights.

    Raises:
        ValueError: a start error of another shape or not finite; another argument out of range.

    >>> from lecturelib import least_squares as ls
    >>> problem = ls.gaussian([1.0, 0.5], noise_variance=0.1)
    >>> curve = ls.risk_curve(problem, [1.0, 1.0], 0.5, batch_size=8, steps=2)
    >>> print(curve.bias.round(4), curve.variance.round(4))
    [0.75   0.2656 0.1104] [0.     0.0488 0.0353]
    >>> ls.risk_curve(problem, [1.0, 1.0], 0.5, batch_size=8, steps=2, momentum=0.5).bias.round(4)
    array([0.75  , 0.2656, 0.0479])

    Source: the lecture's decomposition; the recursion is Isserlis' theorem, or the data's own fourth moment.
    """
    learning_rate = check_nonnegative("learning_rate", learning_rate)
    check_batch_size(problem, batch_size)
    steps = check_count("steps", steps, at_least=0)
    start, velocity = problem.start(start_error), check_momentum(momentum, nesterov)
    with np.errstate(over="ignore", invalid="ignore"):
        if velocity:
            bias, variance = split_risks(problem, start, learning_rate, batch_size, steps, velocity)
        else:
            bias, variance = _split_risks(problem, start, learning_rate, batch_size, steps)
    if steps and variance[1] == 0.0 and not variance[np.isfinite(variance)].any():
        variance[:] = 0.0  # steps without chance: what became NaN was 0 times a bias beyond float64
    return RiskCurve(inf_beyond(bias), inf_beyond(variance))


def _split_risks(
    problem: Problem, start: State, learning_rate: float, batch_size: float, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Bias and variance after 0 .. steps steps of plain SGD."""
    mean, covariance = start.mean, np.zeros_like(start.second)
    scale = learning_rate * learning_rate * problem.noise_factor(batch_size)
    bias, variance = np.empty(steps + 1), np.empty(steps + 1)
    shrink = 1.0 - learning_rate * problem.eigenvalues
    advance = problem.covariance_step(learning_rate, scale)
    for step in range(steps + 1):
        squared = problem.outer(mean)
        bias[step] = problem.risk(State(mean, squared))
        variance[step] = problem.risk(State(mean, covariance))
        if scale > 0.0 and step < steps:
            covariance = advance(State(mean, covariance + squared), covariance)
        mean = shrink * mean
    return bias, variance


def noise_free_curve(
    problem: Problem, start_error: ArrayLike, learning_rate: float, batch_size: float, steps: int
) -> NoiseFreeCurve:
    """The expected excess risk of SGD, step by step, split by source: the start, the label noise, both.

    ::

        risk_t = [risk with all residuals zero] + [risk started at w*] + interaction

    This "bias" of the literature is not the slide's: it depends on the batch size. Arguments and errors are
    those of `risk_curve`.

    >>> from lecturelib import least_squares as ls
    >>> problem = ls.gaussian([1.0, 0.5], noise_variance=0.1)
    >>> curve = ls.noise_free_curve(problem, [1.0, 1.0], 0.5, batch_size=8, steps=2)
    >>> print(curve.noise_free.round(4), curve.noise_only.round(4))
    [0.75   0.3125 0.143 ] [0.     0.002  0.0027]

    Source: Jain et al., "Parallelizing stochastic gradient descent for least squares regression" (JMLR 2018).
    """
    whole = risk_curve(problem, start_error, learning_rate, batch_size, steps)
    noise_free = risk_curve(problem.without_noise(), start_error, learning_rate, batch_size, steps).risk
    at_rest = risk_curve(problem, np.zeros(problem.dimension), learning_rate, batch_size, steps).risk
    with np.errstate(invalid="ignore"):
        interaction = whole.risk - noise_free - at_rest
    return NoiseFreeCurve(noise_free, at_rest, np.where(np.isfinite(whole.risk), interaction, np.nan))


def steady_risk(problem: Problem, learning_rate: float, batch_size: float) -> float:
    """The expected excess risk that SGD at a constant rate settles at.

    ::

        Gaussian: 1/2 s^2 Q / (1 - Q),  Q = sum_i eta l_i / (2 b - (b + 1) eta l_i)      (s^2: noise variance)
        one-hot:  1/2 s^2 Q,  Q = sum_i eta / (2 b - eta (1 + (b - 1) p_i))

    Args:
        problem: as for `max_learning_rate`. For a data set a linear system is solved by conjugate gradients,
            to about 1e-12 relative well inside the stable range.
        learning_rate: above 0 and below max_learning_rate.
        batch_size: whole number >= 1 or math.inf.

    Raises:
        ValueError: a rate at or above the maximum, where no steady state exists; other bad arguments.
        ArithmeticError: a data set whose steady state is too ill-conditioned.

    >>> from lecturelib import least_squares as ls
    >>> print(round(ls.steady_risk(ls.gaussian([1.0] * 50, noise_variance=1.0), 0.01, 1), 8))
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
    return problem.steady_risk(learning_rate, factor) if factor > 0.0 else 0.0


def minimax_floor(problem: Problem, samples: float) -> float:
    """The least excess risk any method can promise from n examples, to leading order in 1 / n.

    ::

        1/2 s^2 d / n;     for a data set, whose noise is not independent of x:   1/2 tr(H^-1 E[e^2 xx']) / n

    Args:
        problem: from `least_squares`.
        samples: n, above 0.

    Raises:
        ValueError: samples that are not above 0.

    >>> from lecturelib import least_squares as ls, schemes
    >>> schemes.minimax_floor(ls.gaussian([1.0] * 50, noise_variance=1.0), 32768)
    0.000762939453125

    Source: Van der Vaart, Asymptotic Statistics (1998), section 8.7; Mourtada (2022) for the exact Gaussian
    case.
    """
    samples = check_positive("samples", samples)
    noise = problem.gradient_moment(problem.start(np.zeros(problem.dimension)))
    used = problem.eigenvalues > 0.0
    return 0.5 * float(np.sum(noise[used] / problem.eigenvalues[used])) / samples
