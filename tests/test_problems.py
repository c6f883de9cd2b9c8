"""The one-step recursion of Gaussian and one-hot problems, against atoms and Kronecker products."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from lecturelib.theory.problems import check_array, gaussian, one_hot
from tests import dense_sgd

EIGENVALUES, PROBABILITIES = np.array([1.0, 0.5, 0.2]), np.array([0.6, 0.3, 0.1])
START = np.array([1.0, -2.0, 0.5])
ROUNDING = 1e-13  # twelve steps of a few dozen operations each: some 100 units of rounding, 2e-16 each


def run(problem, rate, batch_size, steps):
    state = problem.start(START)
    risks = [problem.risk(state)]
    for _ in range(steps):
        state = problem.step(state, rate, batch_size)
        risks.append(problem.risk(state))
    return np.array(risks)


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize(
    ("problem", "atoms"),
    [
        (gaussian(EIGENVALUES, 0.3), dense_sgd.gaussian_atoms(EIGENVALUES)),
        (one_hot(PROBABILITIES, 0.3), dense_sgd.one_hot_atoms(PROBABILITIES)),
    ],
)
def test_step_is_the_dense_step(problem, atoms, batch_size):
    _, risk = dense_sgd.risks(*atoms, 0.3, START, 0.2, 1.0 / batch_size, 12)
    np.testing.assert_allclose(run(problem, 0.2, batch_size, 12), risk, rtol=ROUNDING)


def test_the_factor_two_of_the_gaussian_fourth_moment_matters():
    problem = gaussian(EIGENVALUES, 0.3)
    mutant = replace(problem, own=problem.eigenvalues**2)  # H Phi H once, as if coordinates did not scatter
    _, risk = dense_sgd.risks(*dense_sgd.gaussian_atoms(EIGENVALUES), 0.3, START, 0.2, 1.0, 12)
    assert abs(run(mutant, 0.2, 1, 12)[-1] / risk[-1] - 1.0) > 0.01


def signs_atoms(scales=(1.0,), weights=(1.0,)):
    """Coordinates +-sqrt(eigenvalue): kurtosis one, and a common scale drawn from `scales`."""
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T * np.sqrt(EIGENVALUES)
    points = np.concatenate([np.sqrt(s) * signs for s in scales])
    return points, np.repeat(np.array(weights) / 8.0, 8)


def test_kurtosis_and_elliptical_tails():
    signs = gaussian(EIGENVALUES, 0.3, kurtosis=1.0)
    _, risk = dense_sgd.risks(*signs_atoms(), 0.3, START, 0.2, 0.5, 12)
    np.testing.assert_allclose(run(signs, 0.2, 2, 12), risk, rtol=ROUNDING)
    # s is 0.5 or 3 with E s = 1, so E s^2 = 0.8 * 0.25 + 0.2 * 9 = 2
    tails = gaussian(EIGENVALUES, 0.3, kurtosis=1.0, elliptical=2.0)
    atoms = signs_atoms((0.5, 3.0), (0.8, 0.2))
    _, risk = dense_sgd.risks(*atoms, 0.3, START, 0.2, 0.5, 12)
    np.testing.assert_allclose(run(tails, 0.2, 2, 12), risk, rtol=ROUNDING)


def test_contract_is_what_two_machines_share():
    problem = gaussian(EIGENVALUES)
    shared = problem.contract(problem.start(START).second, 0.2)
    mean = problem.step(problem.start(START), 0.2, 1).mean
    np.testing.assert_allclose(shared, mean**2, rtol=1e-15)
    np.testing.assert_allclose(shared, problem.step(problem.start(START), 0.2, np.inf).second, rtol=1e-15)


def test_problems_are_immutable():
    problem = gaussian([1.0, 0.5])
    with pytest.raises(FrozenInstanceError):
        problem.noise_variance = 1.0
    with pytest.raises(ValueError, match="read-only"):
        problem.eigenvalues[0] = 2.0


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: gaussian([]), "eigenvalues has shape"),
        (lambda: gaussian([1.0, -0.5]), "eigenvalues has minimum -0.5"),
        (lambda: gaussian([0.0, 0.0]), "one positive"),
        (lambda: gaussian([1.0, np.nan]), "eigenvalues has the value nan at"),
        (lambda: gaussian([[1.0]]), "eigenvalues has shape"),
        (lambda: gaussian("spectrum"), "eigenvalues = 'spectrum'"),
        (lambda: gaussian([1.0], -1.0), "noise_variance = -1.0"),
        (lambda: gaussian([1.0], np.inf), "noise_variance = inf"),
        (lambda: gaussian([1.0], None), "noise_variance = None"),
        (lambda: gaussian([1.0], kurtosis=0.5), "kurtosis = 0.5"),
        (lambda: gaussian([1.0], elliptical=0.9), "elliptical = 0.9"),
        (lambda: one_hot([0.5, 0.4]), "probabilities sums to 0.9; divide"),
        (lambda: one_hot([1.5, -0.5]), "probabilities has the entry -0.5"),
        (lambda: one_hot([0.5, 0.5], True), "noise_variance = True"),
        (lambda: gaussian([1.0]).start([1.0, 2.0]), "start_error has shape"),
        (lambda: gaussian([1.0]).start([np.inf]), "start_error has the value inf"),
        (lambda: check_array("features", [[1.0], [2.0, 3.0]], 2), "features = "),
    ],
)
def test_bad_input_is_named(make, says):
    with pytest.raises(ValueError, match=says):
        make()
