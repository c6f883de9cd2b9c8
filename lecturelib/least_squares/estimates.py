"""A mean over runs and how well it is known: what simulated risks are compared by."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Estimate:
    """A mean over runs and its standard error, both of the shape of what was averaged."""

    mean: np.ndarray
    standard_error: np.ndarray


@dataclass(frozen=True)
class Split:
    """Excess risk = bias + variance, each an `Estimate` of shape (steps + 1,) or (rates, steps + 1)."""

    risk: Estimate
    bias: Estimate
    variance: Estimate


def estimate(risks: ArrayLike, axis: int = -2) -> Estimate:
    """Mean over runs, and its standard error: the deviation between runs (n - 1) / sqrt(runs).

    risks: an array with the runs on `axis`, such as `sgd` returns. ValueError: fewer than two runs.

    >>> from lecturelib import simulate
    >>> simulate.estimate([[1.0, 2.0], [3.0, 2.0]])
    Estimate(mean=array([2., 2.]), standard_error=array([1., 0.]))
    """
    risks = np.asarray(risks, dtype=np.float64)
    runs = risks.shape[axis]
    if runs < 2:
        raise ValueError(f"risks has {runs} run on axis {axis}; a standard error needs 2 or more")
    return Estimate(risks.mean(axis), risks.std(axis, ddof=1) / math.sqrt(runs))
