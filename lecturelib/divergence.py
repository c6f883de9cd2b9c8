"""The maximal learning rate of a training, found by bisection: the edge between training and divergence.

Divergence is what the caller says it is. For the network it is `GridRun.diverged`: within so many updates the
loss became infinite, or it ended no lower than it began. Such an edge depends on the number of updates and on
the seed, and it need not be sharp: a rate above it may train again. So each seed gets an edge of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Edge:
    """Rates on either side of the edge, one pair for each seed: shape (seeds,).

    stable: the largest rate tried that trained. unstable: the smallest rate tried above it that diverged.
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
    """Halve [low, high] on a logarithmic scale, for every seed on its own.

        unstable / stable = (high / low)^(1 / 2^rounds)

    Args:
        diverges: of (learning rate, seeds), whether training diverged, one truth value a seed. Seeds that
            need the same rate come in one call.
        seeds: what tells the runs apart.
        low: a rate that trains for every seed; high: one that diverges for every seed. Both are tried.
        rounds: halvings, 1 or more.

    Raises:
        ValueError: low, high or rounds out of range; low diverges or high trains for some seed.

    >>> edge = bisect(lambda rate, seeds: [rate > seed for seed in seeds], [3, 5], low=1, high=16, rounds=3)
    >>> edge.stable.round(2).tolist(), edge.unstable.round(2).tolist()
    ([2.83, 4.0], [4.0, 5.66])
    """
    if not (0 < low < high < np.inf) or rounds < 1:
        raise ValueError(f"low = {low}, high = {high}, rounds = {rounds}: need 0 < low < high, rounds >= 1")
    seeds = list(seeds)
    for rate, name, wanted, remedy in ((low, "low", False, "lower"), (high, "high", True, "higher")):
        wrong = [s for s, bad in zip(seeds, diverges(rate, seeds), strict=True) if bool(bad) != wanted]
        if wrong:
            does = "trains" if wanted else "diverges"
            raise ValueError(f"{name} = {rate} {does} for seeds {wrong}: use a {remedy} rate")
    # Positions on a lattice of 2^rounds steps, so that equal rates are exactly equal.
    good, bad = np.zeros(len(seeds), int), np.full(len(seeds), 2**rounds)

    def rate_at(position):
        return low * (high / low) ** (position / 2**rounds)

    for _ in range(rounds):
        middle = (good + bad) // 2
        for position in np.unique(middle):
            here = np.flatnonzero(middle == position)
            answer = np.asarray(diverges(float(rate_at(position)), [seeds[i] for i in here]), dtype=bool)
            bad[here[answer]], good[here[~answer]] = position, position
    return Edge(rate_at(good), rate_at(bad))
