"""SGD on least squares as a student would write it: NumPy, one run, a loop. `simulate` equals it, faster.

The loss is L(w) = 1/2 E (y - x'w)^2, its gradient is the mean over the batch, the error is Delta = w - w*.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Batch = tuple[np.ndarray, np.ndarray]  # features x, shape (b, d), and noise e = y - x'w*, shape (b,)


def sgd(
    batches: Iterable[Batch], start_error: ArrayLike, learning_rate: float, hessian: np.ndarray
) -> np.ndarray:
    """Excess risk after 0, 1, ... updates of one run of mini-batch SGD, one batch an update.

    ::

        Delta  <-  Delta - eta/b sum_i x_i (x_i'Delta - e_i),        risk = 1/2 Delta'H Delta

    Args:
        batches: features, shape (b, d), and noise, shape (b,), for every update, such as `examples` draws.
        start_error: w_0 - w*, shape (d,).
        learning_rate: eta.
        hessian: H = E xx', shape (d, d).

    Returns:
        Excess risks, shape (updates + 1,).

    >>> from lecturelib import least_squares as ls
    >>> from lecturelib.least_squares import plain
    >>> batches = plain.examples(ls.gaussian([1.0, 0.5]), batch_size=4, steps=20, seed=0)
    >>> risks = plain.sgd(batches, [1.0, 1.0], 0.1, np.diag([1.0, 0.5]))
    >>> risks.shape, float(risks[0]), bool(risks[20] < 0.2)
    ((21,), 0.75, True)
    """
    error = np.asarray(start_error, dtype=float)
    risks = [0.5 * error @ hessian @ error]
    for features, noise in batches:
        residuals = features @ error - noise  # x'w - y, of every example
        gradient = features.T @ residuals / len(noise)
        error = error - learning_rate * gradient
        risks.append(0.5 * error @ hessian @ error)
    return np.array(risks)


def examples(problem: Any, batch_size: int, steps: int, *, seed: int) -> Iterator[Batch]:
    """Draw `steps` batches of examples from a problem of `least_squares`.

    Args:
        problem: has `features`, `residuals` and `replacement`; or `noise_variance` and `probabilities`, or
            `eigenvalues` of normal features.
        batch_size: whole number >= 1.
        steps: whole number >= 0.
        seed: of NumPy's generator.
    """
    random = np.random.default_rng(seed)
    for _ in range(steps):
        if hasattr(problem, "features"):
            rows = random.choice(len(problem.features), batch_size, replace=problem.replacement)
            yield problem.features[rows], problem.residuals[rows]
            continue
        dimension = len(problem.eigenvalues)
        if hasattr(problem, "probabilities"):
            features = np.eye(dimension)[random.choice(dimension, batch_size, p=problem.probabilities)]
        else:
            features = random.standard_normal((batch_size, dimension)) * np.sqrt(problem.eigenvalues)
        yield features, random.normal(0.0, math.sqrt(problem.noise_variance), batch_size)
