"""Problems to simulate, their exact risks, and what it means that a simulation agrees."""

import numpy as np

from lecturelib.theory import finite_sample, problems

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
    "finite_sample": (finite_sample.finite_sample(FEATURES, TARGETS), 0.3),
    "without_replacement": (finite_sample.finite_sample(FEATURES, TARGETS, replacement=False), 0.3),
}


def exact(problem, rate, batch_size, steps=STEPS):
    """Risk and bias of every step, from the exact recursion in float64."""
    state = problem.start(np.ones(3))
    states = [state, *(state := problem.step(state, rate, batch_size) for _ in range(steps))]
    return np.array([problem.risk(s) for s in states]), np.array([problem.bias(s) for s in states])


def errors_away(found, expected):
    """The largest distance from the truth in standard errors, past the start, which has none."""
    return np.max(np.abs(found.mean - expected)[..., 1:] / found.standard_error[..., 1:])


def agrees(found, expected):
    """Within 4 standard errors everywhere, a standard error being small enough to mean something."""
    assert np.all(found.standard_error[..., 1:] < 0.1 * np.max(expected))
    return errors_away(found, expected) < 4.0
