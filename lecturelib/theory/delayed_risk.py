"""Exact theory of asynchronous SGD on least squares: the expected risk when gradients are late or get lost.

    Delta_(t+1) = Delta_t - eta g(Delta_(t-k)),    k drawn anew each step,    each coordinate lost with
                                                   probability q

For Gaussian and one-hot features the second moments of the errors of the last steps, S_ij = E[Delta_(t-i)
Delta_(t-j)] for each coordinate, determine those of the next step. The largest stable rate is in
`stability.py`, from another derivation: a closed form.
"""

import numpy as np

from lecturelib.checks import check_array, check_count, check_nonnegative
from lecturelib.theory.problems import DiagonalProblem, State, check_batch_size


def delayed_risk(problem, start_error, learning_rate, batch_size, steps, *, delay, lost=0.0):
    """The expected excess risk of SGD with delayed and lost gradients after 0 .. steps steps.

        S'_(0,j+1) = S_0j - eta (1 - q) l S_kj                  (l: eigenvalue of the coordinate)
        S'_00 = S_00 - 2 eta (1 - q) l S_0k + eta^2 (1 - q) E[g^2 | S_kk],   averaged over the delay k

    problem: from `gaussian` or `one_hot`. start_error, learning_rate, batch_size, steps: as for `risk_curve`;
    the weights stood still before the first step. delay: whole number >= 0, or the probabilities of 0, 1,
    .... lost: q, probability that a coordinate's update is dropped, 0 to 1. Returns shape (steps + 1,).
    ValueError: anything else.

    >>> from lecturelib.theory.problems import (gaussian)
    >>> print(delayed_risk(gaussian([1.0]), [1.0], 0.5, np.inf, 3, delay=1))
    [0.5     0.125   0.      0.03125]
    """
    if not isinstance(problem, DiagonalProblem):
        raise ValueError(f"problem = {problem!r} is refused; pass one from gaussian or one_hot")
    rate = check_nonnegative("learning_rate", learning_rate)
    factor = problem.noise_factor(check_batch_size(problem, batch_size))
    steps, start = check_count("steps", steps, at_least=0), problem.start(start_error)
    chances, kept = _check_delay(delay), 1.0 - _check_chance("lost", lost)
    eigenvalues = problem.eigenvalues
    window = len(chances)
    moments = np.broadcast_to(start.second[:, None, None], (len(eigenvalues), window, window)).copy()
    risks = np.empty(steps + 1)
    for step in range(steps + 1):
        risks[step] = 0.5 * eigenvalues @ moments[:, 0, 0]
        drift, square = 0.0, 0.0
        for age in np.flatnonzero(chances):
            stale = State(start.mean, moments[:, age, age])
            drift = drift + chances[age] * moments[:, age, :]
            of_batch = eigenvalues**2 * stale.second + factor * problem.gradient_noise(stale)
            square = square + chances[age] * of_batch
        drift = rate * kept * eigenvalues[:, None] * drift
        newest = moments[:, 0, 0] - 2.0 * drift[:, 0] + rate**2 * kept * square
        row = moments[:, 0, :] - drift
        moments[:, 1:, 1:] = moments[:, :-1, :-1].copy()
        moments[:, 0, 1:] = moments[:, 1:, 0] = row[:, :-1]
        moments[:, 0, 0] = newest
    return risks


def _check_delay(delay):
    """The probabilities of the delays 0, 1, ..., shape (longest + 1,)."""
    if np.ndim(delay) == 0:
        longest = check_count("delay", delay, at_least=0)
        return np.eye(1, longest + 1, longest)[0]
    chances = check_array("delay", delay, 1)
    if np.min(chances) < 0.0 or abs(chances.sum() - 1.0) > 1e-9:
        raise ValueError(
            f"delay = {delay!r} is refused; pass a whole number, 0 or more, or the probabilities of 0, 1, ..."
        )
    return chances


def _check_chance(name, value):
    value = check_nonnegative(name, value)
    if value > 1.0:
        raise ValueError(f"{name} = {value!r} is refused; pass a probability, 0 to 1")
    return value
