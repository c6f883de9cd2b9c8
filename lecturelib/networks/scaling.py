"""What a training grid says about batch sizes: how depth scales, and where training turns into divergence.

::

    depth(b) = S + E / b = S (1 + B / b),    B = E / S

S is the fewest steps, reached by infinite batches; E is the fewest images, reached by the smallest. At the
critical batch size B both are doubled: beyond it work grows faster than depth falls.

The maximal learning rate is found by bisection. Divergence is what the caller says it is; for the network it
is `GridRun.diverged`: within so many updates the loss became infinite, or it ended no lower than it began.
Such an edge depends on the number of updates and on the seed, and it need not be sharp: a rate above it may
train again. So each seed gets an edge of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_count, check_positive


@dataclass(frozen=True)
class Scaling:
    """A fit for each seed.

    Attributes:
        steps: S, the fewest steps, shape (seeds,).
        images: E, the fewest images, shape (seeds,).
    """

    steps: np.ndarray
    images: np.ndarray

    @property
    def critical_batch_size(self) -> np.ndarray:
        """B = E / S, where scaling bends, in images, shape (seeds,)."""
        return self.images / self.steps

    def depth(self, batch_size: ArrayLike) -> np.ndarray:
        """Steps that the mean fit predicts; of the shape of batch_size."""
        return self.steps.mean() + self.images.mean() / np.asarray(batch_size)


def fit(batch_sizes: ArrayLike, depth: ArrayLike) -> Scaling:
    """Fit depth = S + E / b to each seed, by least squares on relative errors.

    Args:
        batch_sizes: two or more, 1 or larger, shape (sizes,).
        depth: steps to a target, finite and positive, shape (sizes, seeds).

    Returns:
        The two parts of each seed's fit.

    Raises:
        ValueError: batch sizes or depths of other shapes or values; a target not reached has infinite depth.

    Example:
        >>> from lecturelib.networks import scaling
        >>> found = scaling.fit([1, 10, 100], [[110.0], [20.0], [11.0]])
        >>> float(found.steps[0].round(6)), float(found.critical_batch_size[0].round(6))
        (10.0, 10.0)

    Source: S. McCandlish, J. Kaplan, D. Amodei, An empirical model of large-batch training, 2018:
    (S(b) / S - 1) (E(b) / E - 1) = 1 for the steps S(b) and images E(b) = b S(b) at b is the same curve.
    """
    sizes, depth = _checked(batch_sizes, depth)
    terms = np.stack([np.ones(len(sizes)), 1 / sizes], axis=1)
    each = [np.linalg.lstsq(terms / of_seed[:, None], np.ones(len(sizes)))[0] for of_seed in depth.T]
    return Scaling(*np.array(each).T)


def saving(batch_sizes: ArrayLike, depth: ArrayLike, one: int, other: int) -> np.ndarray:
    """Exponent p of depth ~ b^-p between two batch sizes: 1 is perfect, 0 saves nothing.

    Args:
        batch_sizes: as `fit` takes them.
        depth: as `fit` takes it.
        one: a batch size.
        other: another one.

    Returns:
        Exponents, shape (seeds,).

    Raises:
        ValueError: as `fit`; or if one of the two is not among the batch sizes.

    Example:
        >>> from lecturelib.networks import scaling
        >>> scaling.saving([1, 4, 16], [[64.0], [16.0], [8.0]], 4, 16).tolist()
        [0.5]
    """
    sizes, depth = _checked(batch_sizes, depth)
    if one == other or not {one, other} <= set(sizes.tolist()):
        raise ValueError(f"batch sizes {one} and {other}: choose two different ones of {sizes.tolist()}")
    (first,), (second,) = depth[sizes == one], depth[sizes == other]
    return np.log(first / second) / np.log(other / one)


def _checked(batch_sizes: ArrayLike, depth: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    sizes, depth = np.asarray(batch_sizes, dtype=float), np.asarray(depth, dtype=float)
    if sizes.ndim != 1 or len(set(sizes.tolist())) < max(2, len(sizes)) or not (sizes >= 1).all():
        raise ValueError(f"batch_sizes is {sizes.tolist()}: give two or more, all different, 1 or larger")
    if depth.ndim != 2 or len(depth) != len(sizes) or depth.size == 0:
        raise ValueError(f"depth has shape {depth.shape}: give ({len(sizes)}, seeds), a row a batch size")
    if not (np.isfinite(depth) & (depth > 0)).all():
        raise ValueError("depth is not finite and positive everywhere: use a target that every run reached")
    return sizes, depth


@dataclass(frozen=True)
class Edge:
    """Learning rates on either side of the edge of divergence, one pair for each seed.

    Attributes:
        stable: the largest rate tried that trained, shape (seeds,).
        unstable: the smallest rate tried above it that diverged, shape (seeds,).
    """

    stable: np.ndarray
    unstable: np.ndarray

    @property
    def learning_rate(self) -> np.ndarray:
        """The edge of each seed, halfway on a logarithmic scale, shape (seeds,)."""
        return np.sqrt(self.stable * self.unstable)


def bisect(
    diverges: Callable[[float, list[int]], Sequence[bool]],
    seeds: Sequence[int],
    *,
    low: float,
    high: float,
    rounds: int,
) -> Edge:
    """The edge of divergence: halve [low, high] on a logarithmic scale, for every seed on its own.

    ::

        unstable / stable = (high / low)^(1 / 2^rounds)

    Args:
        diverges: of (learning rate, seeds), whether training diverged, one truth value a seed. Seeds that
            need the same rate come in one call.
        seeds: what tells the runs apart.
        low: a rate that trains for every seed; it is tried.
        high: a rate that diverges for every seed; it is tried.
        rounds: halvings, 1 or more.

    Returns:
        The rates next to each seed's edge.

    Raises:
        ValueError: low, high or rounds out of range; low diverges or high trains for some seed.

    Example:
        >>> from lecturelib.networks import scaling
        >>> def diverges(rate, seeds):
        ...     return [rate > seed for seed in seeds]
        >>> edge = scaling.bisect(diverges, [3, 5], low=1, high=16, rounds=3)
        >>> edge.stable.round(2).tolist(), edge.unstable.round(2).tolist()
        ([2.83, 4.0], [4.0, 5.66])
    """
    check_count("rounds", rounds)
    if not check_positive("low", low) < check_positive("high", high):
        raise ValueError(f"low = {low} is not below high = {high}; give two rates around the edge")
    seeds = list(seeds)
    for rate, name, wanted, remedy in ((low, "low", False, "lower"), (high, "high", True, "higher")):
        wrong = [s for s, bad in zip(seeds, diverges(rate, seeds), strict=True) if bool(bad) != wanted]
        if wrong:
            does = "trains" if wanted else "diverges"
            raise ValueError(f"{name} = {rate} {does} for seeds {wrong}: use a {remedy} rate")
    # Positions on a lattice of 2^rounds steps, so that equal rates are exactly equal.
    good, bad = np.zeros(len(seeds), int), np.full(len(seeds), 2**rounds)

    def rate_at(position: np.ndarray) -> np.ndarray:
        return low * (high / low) ** (position / 2**rounds)

    for _ in range(rounds):
        middle = (good + bad) // 2
        for position in np.unique(middle):
            here = np.flatnonzero(middle == position)
            answer = np.asarray(diverges(float(rate_at(position)), [seeds[i] for i in here]), dtype=bool)
            bad[here[answer]], good[here[~answer]] = position, position
    return Edge(rate_at(good), rate_at(bad))
