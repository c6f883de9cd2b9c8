"""Problems to simulate, their exact risks, and what it means that a simulation agrees."""

import numpy as np

from lecturelib import least_squares as problems
from lecturelib.least_squares.finite_sample import finite_sample
from tests.lecture.least_squares import dense_sgd

RUNS, STEPS = 4000, 12
_random = np.random.default_rng(7)
FEATURES = _random.standard_normal((12, 3)) * np.array([1.0, 0.7, 0.4])
# Residuals that grow with the first feature: they depend on the features, so the cross term counts.
TARGETS = FEATURES @ np.ones(3) + FEATURES[:, 0] ** 2 * np.sign(FEATURES[:, 0])

PROBLEMS = {
    "gaussian": (problems.gaussian([1.0, 0.5, 0.25], 0.5), 0.2),
    "kurtosis": (problems.gaussian([1.0, 0.5, 0.25], 0.5, kurtosis=2.0), 0.2),
    "elliptical": (problems.gaussian([1.0, 0.5, 0.25], 0.5, elliptical=1.5), 0.1),
    "one_hot": (problems.one_hot([0.5, 0.3, 0.2], 0.3), 0.8),
    "finite_sample": (finite_sample(FEATURES, TARGETS), 0.3),
    "without_replacement": (finite_sample(FEATURES, TARGETS, replacement=False), 0.3),
}

EIGENVALUES, CHANCES = np.array([1.0, 0.5, 0.2]), np.array([0.6, 0.3, 0.1])
START = np.array([1.0, -2.0, 0.5])
DENSE = {  # a problem, and its features as weighted points
    "gaussian": (problems.gaussian(EIGENVALUES, 0.3), dense_sgd.gaussian_atoms(EIGENVALUES)),
    "one_hot": (problems.one_hot(CHANCES, 0.3), dense_sgd.one_hot_atoms(CHANCES)),
}


def exact(problem, rate, batch_size, steps=STEPS, start=(1.0, 1.0, 1.0)):
    """Risk and bias of every step, from the exact recursion in float64."""
    state = problem.start(start)
    states = [state, *(state := problem.step(state, rate, batch_size) for _ in range(steps))]
    return np.array([problem.risk(s) for s in states]), np.array(
        [0.5 * problem.eigenvalues @ s.mean**2 for s in states]
    )


def errors_away(found, expected):
    """The largest distance from the truth in standard errors, past the start, which has none."""
    return np.max(np.abs(found.mean - expected)[..., 1:] / found.standard_error[..., 1:])


def agrees(found, expected):
    """Within 4 standard errors everywhere, a standard error being small enough to mean something."""
    assert np.all(found.standard_error[..., 1:] < 0.1 * np.max(expected))
    return errors_away(found, expected) < 4.0
