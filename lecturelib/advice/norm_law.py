"""The gradient noise scale from logged gradient norms at two batch sizes, of any framework.

In expectation ``|g_b|^2 = |G|^2 + tr(S) / b``, so two batch sizes b < B give, step by step, without bias::

    s = (|g_b|^2 - |g_B|^2) / (1/b - 1/B)   of  tr(S),      q = (B |g_B|^2 - b |g_b|^2) / (B - b)   of  |G|^2

The noise scale is mean s / mean q, never the mean of ratios. Its interval holds each value k that Fieller's
test of ``mean s - k mean q = 0`` does not refuse, on means of up to BLOCKS runs of steps, so that slow change
counts as scatter. Where q is not away from zero the interval ends at infinity, as it must.

Norms that were clipped, or that do not fall with the batch, cannot be trusted either, and it is said.

With heavy tails no interval from so few steps covers: where one step makes most of the scatter, or the tail
of the squares is too long for a variance, it is said that the number cannot be trusted.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from lecturelib.checks import check_between
from lecturelib.claims import number
from lecturelib.networks.noise_interval import tail_index

LEAST = 8  # steps
BLOCKS = 40
TAIL = 20  # the tail index is that of one value in so many, and of four at least
# Squares of Gaussian gradients have a tail index of 4 to 15 (2.6 and more from four values), Student's with
# three degrees of freedom 1.3 to 3; below these they count as heavy, from ten values or more and from fewer:
LIGHT, LIGHT_FEW = 3.5, 2.5
CLIPPED = 0.1  # share of the norms that are equal to the largest from which on they count as clipped
SHARE = 0.6  # of all scatter, that of one step above which tails count as heavy


@dataclass(frozen=True, eq=False)
class NormLaw:
    """What logged norms say of the gradient's noise.

    Attributes:
        name: of the file.
        noise_scale: tr(S) / |G|^2 in examples, infinite where |G|^2 is not positive.
        interval: for it, (low, high); high is infinite where |G|^2 is not away from zero.
        squared_norm, variance: |G|^2 and tr(S) of one example, unbiased; unit (gradient)^2.
        batch_sizes: b and B.
        trusted: whether nothing speaks against the interval.
        steps: how many there were at b.
        remarks: sentences.
        small, big: squared norms at b and B, shapes (n,) and (m,).
    """

    name: str
    noise_scale: float
    interval: tuple[float, float]
    squared_norm: float
    variance: float
    batch_sizes: tuple[float, float]
    trusted: bool
    steps: int
    remarks: tuple[str, ...]
    small: np.ndarray = field(repr=False)
    big: np.ndarray = field(repr=False)


def fit(
    small: ArrayLike, big: ArrayLike, small_batch: float, big_batch: float, *,
    paired: bool = True, confidence: float = 0.95, name: str = "norms",
) -> NormLaw:  # fmt: skip
    """The noise scale and its interval, see above.

    Args:
        small: squared gradient norms at the small batch size, shape (n,), in the order of the steps; unit
            (gradient)^2.
        big: at the big one, shape (m,).
        small_batch: b.
        big_batch: B.
        paired: whether entries are of the same steps (n = m), and so may depend on each other: a whole
            batch is made of its micro-batches. If not, norms that share examples make the interval too wide.
        confidence: of the interval, in (0, 1).
        name: of the log.

    Raises:
        ValueError: fewer than LEAST steps, batch sizes out of order, or squares that are not positive.

    Example:
        >>> import numpy as np
        >>> from lecturelib.advice import norm_law
        >>> scatter = 0.1 * np.sin(np.arange(40.0))
        >>> law = norm_law.fit(1 + 20 / 4 + scatter, 1 + 20 / 64 + 0.2 * scatter, 4, 64)
        >>> round(law.noise_scale, 1), [round(end, 1) for end in law.interval]
        (20.0, [20.0, 20.0])

    Source: S. McCandlish, J. Kaplan, D. Amodei, An empirical model of large-batch training, 2018, appendix
    A.1; E. Fieller, Some problems in interval estimation, 1954.
    """
    check_between("confidence", confidence, 0.0, 1.0, ends="()")
    both = np.asarray(small, dtype=float), np.asarray(big, dtype=float)
    if not 0.0 < small_batch < big_batch < math.inf:
        raise ValueError(
            f"{name}: batch sizes {small_batch:g} and {big_batch:g}; give a smaller and a larger"
        )
    for squares in both:
        if len(squares) < LEAST:
            raise ValueError(
                f"{name}: norms of {len(squares)} steps; give {LEAST} or more at either batch size"
            )
        if not (np.isfinite(squares).all() and (squares > 0.0).all()):
            raise ValueError(f"{name}: a norm is zero, negative or not finite; leave its step out")
    if paired and len(both[0]) != len(both[1]):
        raise ValueError(f"{name}: {len(both[0])} and {len(both[1])} norms cannot be of the same steps")
    blocks = [_blocks(squares) for squares in both]
    fewest = min(len(block) for block in blocks)
    if paired:
        covariance = np.cov(np.stack(blocks)) / fewest
    else:
        covariance = np.diag([block.var(ddof=1) / len(block) for block in blocks])
    share = small_batch * big_batch / (big_batch - small_batch)
    turn = np.array([[share, -share], [-small_batch, big_batch]]) / np.array(
        [[1.0], [big_batch - small_batch]]
    )
    variance, norm = turn @ [block.mean() for block in blocks]
    quantile = stdtrit(fewest - 1, 0.5 + 0.5 * confidence)
    interval = _fieller(variance, norm, turn @ covariance @ turn.T * quantile**2)
    scale = max(variance, 0.0) / norm if norm > 0.0 else math.inf
    remarks = [*_clipped(both, interval), *_heavy(both)]
    trusted = not remarks
    if interval[1] == math.inf:
        remarks.append("|G|^2 is not away from zero: the log bounds the noise scale from below only. "
                       "Log more steps, or a larger big batch.")  # fmt: skip
    return NormLaw(
        name=name,
        noise_scale=float(scale),
        interval=interval,
        squared_norm=float(norm),
        variance=float(variance),
        batch_sizes=(float(small_batch), float(big_batch)),
        trusted=trusted,
        steps=len(both[0]),
        remarks=tuple(remarks),
        small=both[0],
        big=both[1],
    )


def _blocks(squares: np.ndarray) -> np.ndarray:
    """Means of up to BLOCKS runs of steps, each as long as the others; the rest at the front goes."""
    if len(squares) < 2 * BLOCKS:
        return squares
    length = len(squares) // BLOCKS
    return squares[len(squares) - BLOCKS * length :].reshape(BLOCKS, length).mean(axis=1)


def _fieller(variance: float, norm: float, allowed: np.ndarray) -> tuple[float, float]:
    """The k >= 0 with ``(s - k q)^2 <= allowed_ss - 2 k allowed_sq + k^2 allowed_qq``: least and greatest."""
    leading, half = norm**2 - allowed[1, 1], variance * norm - allowed[0, 1]
    last = variance**2 - allowed[0, 0]
    root = half**2 - leading * last
    if leading <= 0.0 or norm <= 0.0:  # q = 0 is not refused: k as large as you like is not either
        low = (half - math.sqrt(root)) / leading if leading < 0.0 < root and last > 0.0 else 0.0
        return float(max(low, 0.0)), math.inf
    root = math.sqrt(max(root, 0.0))
    return float(max((half - root) / leading, 0.0)), float(max((half + root) / leading, 0.0))


def _clipped(both: tuple[np.ndarray, np.ndarray], interval: tuple[float, float]) -> list[str]:
    """Why these are not the norms of gradients, a sentence; empty where they may be."""
    for squares in both:
        equal = int((squares == squares.max()).sum())
        if equal >= max(3, CLIPPED * len(squares)):
            largest = number(math.sqrt(squares.max()))
            return [f"CLIPPED: {equal} of {len(squares)} norms are equal, {largest}, and none is larger. "
                    "Log the norms before clipping."]  # fmt: skip
    return ["tr(S) IS NOT POSITIVE: norms do not fall with the batch. Are the columns swapped, or "
            "the norms clipped? Log them before clipping."] if interval[1] == 0.0 else []  # fmt: skip


def _heavy(both: tuple[np.ndarray, np.ndarray]) -> list[str]:
    """Why no interval from these squares can be trusted, a sentence; empty where tails are light."""
    for squares in both:
        scatter = (squares - squares.mean()) ** 2
        share = float(scatter.max() / scatter.sum()) if scatter.any() else 0.0
        count = max(len(squares) // TAIL, 4)
        index = tail_index(squares, count)
        if share > SHARE or index < (LIGHT if count >= 10 else LIGHT_FEW):
            return [
                f"HEAVY TAILS: one step makes {share:.0%} of the squared norms' scatter, and their tail has "
                f"index {number(index)} (two or less: no variance). The interval is too narrow by an unknown "
                "factor, and the noise scale tends to come out too small."
            ]
    return []
