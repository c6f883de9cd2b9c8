"""Depth against batch size: how well it scales, and where it bends.

    depth(b) = S + E / b = S (1 + B / b),    B = E / S

S is the fewest steps, reached by infinite batches; E is the fewest images, reached by the smallest. At the
critical batch size B both are doubled: beyond it work grows faster than depth falls.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scaling:
    """A fit for each seed; arrays of shape (seeds,).

    steps: S, the fewest steps. images: E, the fewest images.
    """

    steps: np.ndarray
    images: np.ndarray

    @property
    def critical_batch_size(self) -> np.ndarray:
        """B = E / S, where scaling bends, in images, shape (seeds,)."""
        return self.images / self.steps

    def depth(self, batch_size):
        """Steps that the mean fit predicts; of the shape of batch_size."""
        return self.steps.mean() + self.images.mean() / np.asarray(batch_size)


def fit(batch_sizes, depth) -> Scaling:
    """Fit depth = S + E / b to each seed, by least squares on relative errors.

    Args:
        batch_sizes: shape (sizes,), two or more.
        depth: steps to a target, finite and positive, shape (sizes, seeds).

    Raises:
        ValueError: on any argument that is not as said; a target that was not reached has infinite depth.

    >>> found = fit([1, 10, 100], [[110.0], [20.0], [11.0]])
    >>> float(found.steps[0].round(6)), float(found.critical_batch_size[0].round(6))
    (10.0, 10.0)

    Source: S. McCandlish, J. Kaplan, D. Amodei, An empirical model of large-batch training, 2018.
    """
    sizes, depth = _checked(batch_sizes, depth)
    terms = np.stack([np.ones(len(sizes)), 1 / sizes], axis=1)
    each = [np.linalg.lstsq(terms / of_seed[:, None], np.ones(len(sizes)))[0] for of_seed in depth.T]
    return Scaling(*np.array(each).T)


def saving(batch_sizes, depth, one: int, other: int) -> np.ndarray:
    """Exponent p of depth ~ b^-p between two batch sizes: 1 is perfect, 0 saves nothing; shape (seeds,).

    Raises:
        ValueError: as `fit`; or if one of the two is not among the batch sizes.

    >>> saving([1, 4, 16], [[64.0], [16.0], [8.0]], 4, 16).tolist()
    [0.5]
    """
    sizes, depth = _checked(batch_sizes, depth)
    if one == other or not {one, other} <= set(sizes.tolist()):
        raise ValueError(f"batch sizes {one} and {other}: choose two different ones of {sizes.tolist()}")
    (first,), (second,) = depth[sizes == one], depth[sizes == other]
    return np.log(first / second) / np.log(other / one)


def _checked(batch_sizes, depth):
    sizes, depth = np.asarray(batch_sizes, dtype=float), np.asarray(depth, dtype=float)
    if sizes.ndim != 1 or len(set(sizes.tolist())) < max(2, len(sizes)) or not (sizes >= 1).all():
        raise ValueError(f"batch_sizes is {sizes.tolist()}: give two or more, all different, 1 or larger")
    if depth.ndim != 2 or len(depth) != len(sizes) or depth.size == 0:
        raise ValueError(f"depth has shape {depth.shape}: give ({len(sizes)}, seeds), a row a batch size")
    if not (np.isfinite(depth) & (depth > 0)).all():
        raise ValueError("depth is not finite and positive everywhere: use a target that every run reached")
    return sizes, depth
