"""Exponential averages of squared gradients along a run, their errors, and the noise scale they give.

Pairs x = (u, u + v) come one a step, each unbiased for (``|G|^2``, ``E |g|^2``) at that step's weights. What
separates them from it has no memory of earlier steps, so the error of the averages follows from the spread of
the pairs about them, and Fieller's test gives an interval for ``B = v / u``, as in `noise_interval`.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import stdtrit

from lecturelib.networks.noise_interval import GradientNoise, noise_of_share, not_refused


class TrackerState(NamedTuple):
    """What a `Tracker` knows: a pytree of a few numbers, to carry through jit, scan and checkpoints.

    Attributes:
        means: weighted means of u and of u + v, shape (rows, 2): the whole gradient, then each layer.
        spread: weighted sums of the products of their deviations (uu, uw, ww), shape (rows, 3).
        weight: sum of the weights, 1 for the latest step and `decay` times less for each earlier one.
        squared_weight: sum of the squared weights.
        seen: steps so far.
        skipped: of those, left out for gradients that were not finite.
    """

    means: jax.Array
    spread: jax.Array
    weight: jax.Array
    squared_weight: jax.Array
    seen: jax.Array
    skipped: jax.Array

    @classmethod
    def empty(cls, rows: int) -> "TrackerState":
        """Nothing seen yet."""
        shapes = ((rows, 2), float), ((rows, 3), float), ((), float), ((), float), ((), int), ((), int)
        return cls(*(jnp.zeros(shape, kind) for shape, kind in shapes))  # six buffers: they may be donated

    def after(self, seen: jax.Array, decay: float) -> "TrackerState":
        """The state after a step with these pairs, shape (rows, 2); if not all finite it is only counted."""
        usable = jnp.all(jnp.isfinite(seen))
        # The weighted form of Welford's update: no difference of large sums, so float32 suffices.
        weight = decay * self.weight + 1.0
        away = seen - self.means
        products = jnp.stack([away[:, 0] ** 2, away[:, 0] * away[:, 1], away[:, 1] ** 2], axis=1)
        counted = self._replace(
            means=self.means + away / weight,
            spread=decay * self.spread + (1.0 - 1.0 / weight) * products,
            weight=weight,
            squared_weight=decay**2 * self.squared_weight + 1.0,
        )
        kept = jax.tree.map(lambda new, old: jnp.where(usable, new, old), counted, self)
        return kept._replace(seen=self.seen + 1, skipped=self.skipped + ~usable)

    def noise(self, confidence: float) -> list[GradientNoise]:
        """The noise scale of each row, with an interval for the ratio of the averages."""
        weight, squared = float(self.weight), float(self.squared_weight)
        freedom = weight**2 / squared - 1.0  # effective steps, less one
        per_step = weight - squared / weight  # divides the spread into an unbiased covariance of one step
        found = []
        for means, spread in zip(np.asarray(self.means), np.asarray(self.spread), strict=True):
            norm, total = map(float, means)
            interval = 0.0, math.inf
            if freedom >= 1.0:
                of_norm, both, of_total = map(float, spread / per_step * squared / weight**2)
                quantile = float(stdtrit(freedom, 0.5 + 0.5 * confidence))
                lowest, highest = not_refused(norm, total, (of_norm, -2.0 * both, of_total), quantile)
                interval = noise_of_share(highest), noise_of_share(lowest)
            share = min(max(norm / total, 0.0), 1.0) if total > 0.0 else 0.0
            found.append(GradientNoise(norm, total - norm, noise_of_share(share), interval))
        return found
