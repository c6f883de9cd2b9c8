"""The gradient noise scale ``B = tr(Sigma) / |G|^2`` from a sample, and an interval that covers it.

For one example's gradient g, with mean G and covariance Sigma, ``E |g|^2 = |G|^2 + tr(Sigma)``. So with ::

    phi = |G|^2 / E |g|^2   in [0, 1],        B = 1 / phi - 1

The sample is cut into K equal chunks with mean gradients c_k. Both parts have unbiased estimates: ``E |g|^2``
is the mean of the squares, and ``|G|^2`` is the mean U of c_k'c_l over pairs of different chunks, which noise
does not inflate as it does ``|mean gradient|^2``.

The interval holds each phi that a test does not refuse (Fieller's method: a test of ``U - phi E|g|^2 = 0``,
not a division by a poorly known number). Where the gradient drowns in noise phi = 0 is not refused, and the
interval for B ends at infinity. Only the Gram matrix of the chunks is needed.

Both rest on a few examples where the tails of ``|g|^2`` are heavy. Then no interval from so few covers, and
`heavy_tails` says so.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

ADDITIVE_SHARE = 0.75  # of the gradient-dependent variance, see `_variance`
# Tails are heavy where one example makes more than this share of the squares' scatter (more still where there
# are fewer than FEW), or where the top hundredth has a lower tail index: 2 or less has no variance.
DOMINANT, FEW, LIGHTEST = 0.1, 4096, 2.0
RESOLVED = 4.0  # squared signal-to-noise ratio of U above which Sigma along G is measured, not assumed


@dataclass(frozen=True)
class GradientNoise:
    """The gradient and its noise at some parameters.

    Attributes:
        squared_norm: ``|G|^2``, unbiased, so it may be negative; unit (gradient)^2.
        variance: tr(Sigma) of one example, unbiased; unit (gradient)^2.
        noise_scale: B >= 0 in examples, infinite where ``|G|^2`` is not positive.
        interval: for B, (low, high); high is infinite where ``|G|`` = 0 is not refused.
    """

    squared_norm: float
    variance: float
    noise_scale: float
    interval: tuple[float, float]


def gradient_noise(gram: ArrayLike, squares: ArrayLike, confidence: float = 0.95) -> GradientNoise:
    """Noise scale of K chunks of examples, and an interval that holds the true one in `confidence` of trials.

    ::

        |G|^2 = mean over k != l of c_k'c_l,    tr(Sigma) = mean |g|^2 - |G|^2,    B = tr(Sigma) / |G|^2

    Args:
        gram: c_k'c_l for the mean gradients c_k of the chunks, shape (K, K), K >= 8.
        squares: mean over each chunk of ``|g|^2``, shape (K,), not all zero; unit (gradient)^2.
        confidence: of the interval, in (0, 1).

    Returns:
        The estimates and the interval.

    Example:
        >>> import numpy as np
        >>> from lecturelib.networks.noise_interval import gradient_noise
        >>> means = np.array([[1.0, 0.5], [1.0, -0.5]] * 4)  # G = (1, 0) and noise across it
        >>> noise = gradient_noise(means @ means.T, np.full(8, 1.25))
        >>> round(noise.squared_norm, 3), round(noise.variance, 3), round(noise.noise_scale, 3)
        (0.964, 0.286, 0.296)

    Source: S. McCandlish, J. Kaplan, D. Amodei, An empirical model of large-batch training, 2018, appendix
    A.1, equation A.2 (there for two batch sizes); E. Fieller, Some problems in interval estimation, 1954.
    """
    gram, squares = np.asarray(gram, dtype=np.float64), np.asarray(squares, dtype=np.float64)
    chunks = len(squares)
    pairs = gram - np.diag(np.diag(gram))
    norm, total = pairs.sum() / (chunks * (chunks - 1)), squares.mean()
    quantile = stdtrit(chunks - 1, 0.5 + 0.5 * confidence)
    lowest, highest = not_refused(norm, total, _variance(pairs, gram, squares), quantile)
    share = min(max(norm / total, 0.0), 1.0)
    interval = noise_of_share(highest), noise_of_share(lowest)
    return GradientNoise(float(norm), float(total - norm), noise_of_share(share), interval)


def tail_index(values: np.ndarray, count: int) -> float:
    """Hill's estimate of a in P(value > x) ~ x^-a, from the `count` largest of positive values."""
    largest = np.sort(values)[::-1][: count + 1]
    return 1.0 / max(float(np.log(largest[:-1] / largest[-1]).mean()), 1e-12)


def heavy_tails(squares: ArrayLike) -> str:
    """Why no interval for B can be trusted, a sentence; "" where the tails of ``|g|^2`` are light enough.

    The interval covered the true B, or this warned, in 91 % of trials or more: regressions whose labels have
    normal noise or Student's, a classification with outliers, gradients with a Pareto scale; 512 to 8,192
    examples. Features of Student's with five degrees of freedom are a borderline case, 88 %.

    Args:
        squares: ``|g|^2`` of each example, shape (n,).

    Example:
        >>> import numpy as np
        >>> from lecturelib.networks.noise_interval import heavy_tails
        >>> random = np.random.default_rng(0)
        >>> heavy_tails(random.chisquare(20, 4096)), heavy_tails(random.pareto(1.5, 4096))[:11]
        ('', 'HEAVY TAILS')

    Source: B. Hill, A simple general approach to inference about the tail of a distribution, 1975.
    """
    squares = np.asarray(squares, dtype=np.float64)
    scatter, positive = (squares - squares.mean()) ** 2, squares[squares > 0.0]
    share = float(scatter.max() / scatter.sum()) if scatter.any() else 0.0
    count = max(len(squares) // 100, 10)
    index = tail_index(positive, count) if len(positive) >= 20 * count else math.inf
    if share > DOMINANT * max(1.0, math.sqrt(FEW / len(squares))):
        reason = f"one example of {len(squares):,} makes {share:.0%} of the scatter of squared gradients"
    elif index < LIGHTEST:
        reason = f"squared gradients have a tail of index {index:.1f}, and below 2 there is no variance"
    else:
        return ""
    return (
        f"HEAVY TAILS: {reason}; the noise scale tends to come out too small, its interval too narrow."
        " Take more examples, or clip."
    )


def noise_of_share(share: float) -> float:
    """B of phi."""
    return float(1.0 / share - 1.0) if share > 0.0 else math.inf


def _variance(pairs: np.ndarray, gram: np.ndarray, squares: np.ndarray) -> tuple[float, float, float]:
    """The variance of ``U - phi mean|g|^2`` if phi is true: coefficients of 1, phi and phi^2.

    Var U = 4 G'Omega G / K + 2 tr(Omega^2) / (K (K - 1)) for chunk means of covariance Omega. The first
    part depends on the gradient: it is ``4 r |G|^2 / K``, with r the variance along G. A phi above the
    estimate means a larger gradient, so a larger variance; taken at the estimate alone, an unluckily small
    U would come with an unluckily small error, and the interval would miss too often. So three quarters of
    this part grow with phi, as for noise that does not depend on the weights, and one quarter stays; this
    share covered best in trials with and without noise in the labels. Where U is not resolved, r cannot be
    measured, and tends to its average over the noise, tr(Omega^2) / tr(Omega).
    """
    chunks, rows, total = len(squares), pairs.sum(axis=1), pairs.sum()
    norm, mean_square = total / (chunks * (chunks - 1)), squares.mean()
    squared, chains = np.sum(pairs**2), np.sum(rows**2)
    # Averages over distinct indices, so products of independent chunks: of c_i'c_j c_j'c_k, of
    # c_i'c_j c_k'c_l, and of |g_i|^2 c_j'c_k.
    three = (chains - squared) / (chunks * (chunks - 1) * (chunks - 2))
    four = total**2 - 4 * chains + 2 * squared
    four /= chunks * (chunks - 1) * (chunks - 2) * (chunks - 3)
    mixed = (squares.sum() * total - 2 * squares @ rows) / (chunks * (chunks - 1) * (chunks - 2))

    centred = gram - gram.mean(axis=0)[None, :]
    centred = centred - centred.mean(axis=1)[:, None]
    spread = max(np.trace(centred), 0.0) / (chunks - 1)
    # Unbiased for normal chunk means (Bai and Saranadasa 1996), and never negative.
    squared_spread = np.sum(centred**2) / (chunks - 1) ** 2 - spread**2 / (chunks - 1)
    squared_spread *= (chunks - 1) ** 2 / ((chunks - 2) * (chunks + 1))
    pure_noise = 2.0 * max(squared_spread, 0.0) / (chunks * (chunks - 1))

    signal, doubt = max(norm, 0.0), RESOLVED * pure_noise
    along = max(three - four, 0.0) * signal + (doubt * squared_spread / spread if spread > 0.0 else 0.0)
    along = along / (signal**2 + doubt) if along > 0.0 else 0.0
    per_norm = 4.0 * along / chunks
    return (
        pure_noise + (1.0 - ADDITIVE_SHARE) * per_norm * signal,
        ADDITIVE_SHARE * per_norm * mean_square - 2.0 * (mean_square * norm - mixed),
        squares.var(ddof=1) / chunks,
    )


def not_refused(
    norm: float, total: float, variance: tuple[float, float, float], quantile: float
) -> tuple[float, float]:
    """The phi in [0, 1] with ``(U - phi mean|g|^2)^2 <= quantile^2 variance(phi)``: lowest and highest."""
    constant, slope, curvature = (quantile**2 * coefficient for coefficient in variance)
    leading = total**2 - curvature
    if leading <= 0.0:  # not even E |g|^2 is known to be positive: the sample says nothing
        return 0.0, 1.0

    def roots(norm: float) -> tuple[float, float]:
        half = norm * total + 0.5 * slope
        root = math.sqrt(max(half**2 - leading * (norm**2 - constant), 0.0))
        return (half - root) / leading, (half + root) / leading

    # A negative U claims no more than zero would: the interval never becomes empty.
    lowest, highest = roots(norm)[0], roots(max(norm, 0.0))[1]
    return min(max(lowest, 0.0), 1.0), min(max(highest, 0.0), 1.0)
