"""The one-step recursion of Gaussian and one-hot problems, against atoms and Kronecker products."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from lecturelib.checks import check_array
from lecturelib.least_squares import gaussian, one_hot
from tests.agree import agree
from tests.lecture.least_squares import dense_sgd
from tests.lecture.least_squares.sgd_cases import DENSE, EIGENVALUES, START, exact

ROUNDING = 1e-13  # twelve steps of a few dozen operations each: some 100 units of rounding, 2e-16 each


def run(problem, rate, batch_size, steps):
    return exact(problem, rate, batch_size, steps, START)[0]


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize(("problem", "atoms"), DENSE.values(), ids=DENSE)
def test_step_is_the_dense_step(problem, atoms, batch_size):
    _, risk = dense_sgd.risks(*atoms, 0.3, START, 0.2, 1.0 / batch_size, 12)
    agree(run(problem, 0.2, batch_size, 12), risk, relative=ROUNDING)


def test_the_factor_two_of_the_gaussian_fourth_moment_matters():
    problem = gaussian(EIGENVALUES, 0.3)
    mutant = replace(problem, own=problem.eigenvalues**2)  # H Phi H once, as if coordinates did not scatter
    _, risk = dense_sgd.risks(*dense_sgd.gaussian_atoms(EIGENVALUES), 0.3, START, 0.2, 1.0, 12)
    assert abs(run(mutant, 0.2, 1, 12)[-1] / risk[-1] - 1.0) > 0.01


def test_the_covariance_of_one_gaussian_gradient_is_isserlis_formula():
    """Notebook 04's H D D' H + (D'H D + noise) H, against a sum over atoms; without its first term, not."""
    points, weights = dense_sgd.gaussian_atoms(EIGENVALUES)
    noise = np.sqrt(0.3) * np.array([[1.0], [-1.0]])  # two equally likely values: variance 0.3
    gradients = (points * (points @ START - noise)[..., None]).reshape(-1, 3)
    covariance = np.cov(gradients.T, aweights=np.tile(weights, 2), bias=True)
    H, full = np.diag(EIGENVALUES), EIGENVALUES * START
    wrong = (START @ full + 0.3) * H
    agree(covariance, np.outer(full, full) + wrong, relative=ROUNDING)
    assert np.max(np.abs(covariance - wrong)) > 0.1
    problem = gaussian(EIGENVALUES, 0.3)
    diagonal = problem.gradient_moment(problem.start(START)) - full**2
    agree(diagonal, np.diag(covariance), relative=ROUNDING)


def signs_atoms(scales=(1.0,), weights=(1.0,)):
    """Coordinates +-sqrt(eigenvalue): kurtosis one, and a common scale drawn from `scales`."""
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T * np.sqrt(EIGENVALUES)
    points = np.concatenate([np.sqrt(s) * signs for s in scales])
    return points, np.repeat(np.array(weights) / 8.0, 8)


def test_kurtosis_and_elliptical_tails():
    signs = gaussian(EIGENVALUES, 0.3, kurtosis=1.0)
    _, risk = dense_sgd.risks(*signs_atoms(), 0.3, START, 0.2, 0.5, 12)
    agree(run(signs, 0.2, 2, 12), risk, relative=ROUNDING)
    # s is 0.5 or 3 with E s = 1, so E s^2 = 0.8 * 0.25 + 0.2 * 9 = 2
    tails = gaussian(EIGENVALUES, 0.3, kurtosis=1.0, elliptical=2.0)
    atoms = signs_atoms((0.5, 3.0), (0.8, 0.2))
    _, risk = dense_sgd.risks(*atoms, 0.3, START, 0.2, 0.5, 12)
    agree(run(tails, 0.2, 2, 12), risk, relative=ROUNDING)


def test_contract_is_what_two_machines_share():
    problem = gaussian(EIGENVALUES)
    shared = problem.contract(problem.start(START).second, 0.2)
    mean = problem.step(problem.start(START), 0.2, 1).mean
    agree(shared, mean**2, relative=1e-15)
    agree(shared, problem.step(problem.start(START), 0.2, np.inf).second, relative=1e-15)


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
        (lambda: gaussian([1.0, -0.5]), "eigenvalues has the entry -0.5; pass none below 0"),
        (lambda: gaussian([0.0, 0.0]), "one positive"),
        (lambda: gaussian([1.0, np.nan]), "eigenvalues has the value nan at"),
        (lambda: gaussian([[1.0]]), "eigenvalues has shape"),
        (lambda: gaussian("spectrum"), "eigenvalues = 'spectrum'"),
        (lambda: gaussian([1.0], -1.0), "noise_variance = -1.0"),
        (lambda: gaussian([1.0], np.inf), "noise_variance = inf"),
        (lambda: gaussian([1.0], None), "noise_variance = None"),
        (lambda: gaussian([1.0], kurtosis=0.5), "kurtosis = 0.5"),
        (lambda: gaussian([1.0], elliptical=0.9), "elliptical = 0.9"),
        (lambda: one_hot([0.5, 0.4]), r"probabilities = \[0.5, 0.4\] is refused; pass probabilities"),
        (lambda: one_hot([1.5, -0.5]), r"probabilities = \[1.5, -0.5\] is refused"),
        (lambda: one_hot([0.5, 0.5], True), "noise_variance = True"),
        (lambda: gaussian([1.0]).start([1.0, 2.0]), "start_error has shape"),
        (lambda: gaussian([1.0]).start([np.inf]), "start_error has the value inf"),
        (lambda: check_array("features", [[1.0], [2.0, 3.0]], 2), "features = "),
    ],
)
def test_bad_input_is_named(make, says):
    with pytest.raises(ValueError, match=says):
        make()
