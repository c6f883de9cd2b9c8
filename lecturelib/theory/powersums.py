"""Sums of powers, level + sum_k weight_k power_k^t: what an exact risk is as a function of the step t."""

from typing import NamedTuple

import numpy as np

BLOCK = 32  # a span of up to BLOCK^2 steps is evaluated step by step, as one matrix product


class PowerSum(NamedTuple):
    """level + sum_k weights_k powers_k^t; powers and weights have shape (k,)."""

    level: float
    powers: np.ndarray
    weights: np.ndarray

    def at(self, step):
        """The value at one step, a float."""
        return float(self.level + self.weights @ self.powers ** float(step))

    def minus(self, scale, other):
        """self - scale * other, a PowerSum."""
        powers = np.concatenate([self.powers, other.powers])
        weights = np.concatenate([self.weights, -scale * other.weights])
        return PowerSum(self.level - scale * other.level, powers, weights)

    def first_hit(self, goal, last):
        """First step in 1 .. last at which the value is at most goal, or None; no step is skipped unproven.

        A term with a power >= 0 is monotone in t, so over a long span each is at least the lower of its two
        ends; a span whose sum of those exceeds the goal is passed over, another is halved until it can be
        evaluated whole. A sum that overflows has no hit there.
        """
        used = self.weights != 0.0
        powers, weights = self.powers[used], self.weights[used]
        spans, early = [], 1
        while early <= last:  # spans that double, the earliest on top of the stack
            spans.insert(0, (early, min(2 * early + BLOCK**2 - 2, last)))
            early = spans[0][1] + 1
        with np.errstate(over="ignore", invalid="ignore"):
            near = powers[:, None] ** np.arange(BLOCK)
            far = (near[:, -1] * powers)[:, None] ** np.arange(BLOCK)
            while spans:
                early, late = spans.pop()
                first = weights * powers ** float(early)
                if late - early < BLOCK**2:
                    values = self.level + (far.T @ (first[:, None] * near)).ravel()
                    hits = np.flatnonzero(values[: late - early + 1] <= goal)
                    if hits.size:
                        return early + int(hits[0])
                    continue
                lowest = np.minimum(first, weights * powers ** float(late))
                lowest = np.where(powers < 0.0, -np.abs(first), lowest)
                if not self.level + np.sum(lowest) > goal:
                    middle = (early + late) // 2
                    spans += [(middle + 1, late), (early, middle)]
        return None
