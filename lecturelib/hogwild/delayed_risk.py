"""Exact theory of asynchronous SGD on least squares: the expected risk when gradients are late or get lost.

::

    Delta_(t+1) = Delta_t - eta g(Delta_(t-k)),    k drawn anew each step,    each coordinate lost with
                                                   probability q

For Gaussian and one-hot features the second moments of the errors of the last steps determine those of the
next step, for each coordinate::

    S_ij = E[Delta_(t-i) Delta_(t-j)]

The largest stable rate is in `least_squares/stability.py`, from another derivation: a closed form.
"""

import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_between, check_count, check_distribution, check_nonnegative
from lecturelib.least_squares.problems import (
    Problem,
    State,
    check_batch_size,
    check_diagonal,
    inf_beyond,
)


def delayed_risk(
    problem: Problem,
    start_error: ArrayLike,
    learning_rate: float,
    batch_size: float,
    steps: int,
    *,
    delay: ArrayLike,
    lost: float = 0.0,
) -> np.ndarray:
    """The expected excess risk of SGD with delayed and lost gradients after 0 .. steps steps.

    ::

        S'_(0,j+1) = S_0j - eta (1 - q) l S_kj                  (l: eigenvalue of the coordinate)
        S'_00 = S_00 - 2 eta (1 - q) l S_0k + eta^2 (1 - q) E[g^2 | S_kk],   averaged over the delay k

    Args:
        problem: from `gaussian` or `one_hot`.
        start_error: as for `risk_curve`; the weights stood still before the first step.
        learning_rate: as for `risk_curve`.
        batch_size: as for `risk_curve`.
        steps: as for `risk_curve`.
        delay: whole number >= 0, or the probabilities of 0, 1, ....
        lost: q, probability that a coordinate's update is dropped, 0 to 1.

    Returns:
        Excess risks, shape (steps + 1,); inf past the range of float64.

    Raises:
        ValueError: a data set; an argument out of range, or of another shape.

    >>> from lecturelib import least_squares as ls
    >>> from lecturelib.hogwild.delayed_risk import delayed_risk
    >>> print(delayed_risk(ls.gaussian([1.0]), [1.0], 0.5, float("inf"), 3, delay=1))
    [0.5     0.125   0.      0.03125]
    """
    check_diagonal(problem)
    rate = check_nonnegative("learning_rate", learning_rate)
    factor = problem.noise_factor(check_batch_size(problem, batch_size))
    steps, start = check_count("steps", steps, at_least=0), problem.start(start_error)
    kept = 1.0 - check_between("lost", lost, 0.0, 1.0)
    if np.ndim(delay) == 0:
        longest = check_count("delay", delay, at_least=0)
        chances = np.eye(1, longest + 1, longest)[0]
    else:
        chances = check_distribution("delay", delay)
    eigenvalues = problem.eigenvalues
    window = len(chances)
    moments = np.broadcast_to(start.second[:, None, None], (len(eigenvalues), window, window)).copy()
    risks = np.empty(steps + 1)
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps + 1):
            risks[step] = 0.5 * eigenvalues @ moments[:, 0, 0]
            drift, square = np.zeros((len(eigenvalues), window)), np.zeros(len(eigenvalues))
            for age in np.flatnonzero(chances):
                stale = State(start.mean, moments[:, age, age])
                drift += chances[age] * moments[:, age, :]
                of_batch = eigenvalues**2 * stale.second + factor * problem.gradient_noise(stale)
                square += chances[age] * of_batch
            drift = rate * kept * eigenvalues[:, None] * drift
            newest = moments[:, 0, 0] - 2.0 * drift[:, 0] + rate * rate * kept * square
            row = moments[:, 0, :] - drift
            moments[:, 1:, 1:] = moments[:, :-1, :-1].copy()
            moments[:, 0, 1:] = moments[:, 1:, 0] = row[:, :-1]
            moments[:, 0, 0] = newest
    return inf_beyond(risks)
