"""Training: by hand for a step, against the exact theory in the mean, the same for sparse rows."""

import math

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit

from lecturelib import least_squares as ls
from lecturelib.advice.training import mean_loss, train

RNG = np.random.default_rng(7)
X, Y = RNG.standard_normal((40, 3)), RNG.standard_normal(40)


def one_step(loss, slope, targets):
    trained = train(X, targets, loss, [0.3], [5], [0, 1], runs=2, seed=9)
    for run in range(2):
        drawn = np.random.default_rng([9, run]).integers(40, size=5)
        w = -0.3 * X[drawn].T @ (slope(np.zeros(5)) - targets[drawn]) / 5
        assert trained.losses[run, 1] == pytest.approx(mean_loss(X, targets, loss, w[:, None])[0])
    return trained


def test_one_step_by_hand():
    trained = one_step("squared", lambda u: u, Y)
    assert trained.losses[0, 0] == pytest.approx(0.5 * np.mean(Y**2))
    trained = one_step("logistic", expit, (Y > 0).astype(float))
    assert trained.losses[0, 0] == pytest.approx(np.log(2.0))


def test_the_mean_of_many_runs_is_the_exact_risk():
    problem = ls.finite_sample(X, Y)
    rate = 0.3 * ls.max_learning_rate(problem, 4)
    exact = ls.risk_curve(problem, -problem.solution, rate, 4, 30).risk
    marks, runs = np.array([0, 3, 10, 30]), 400
    trained = train(X, Y, "squared", [rate] * 30, [4] * 30, marks, runs=runs, seed=1)
    excess = trained.losses - 0.5 * np.mean(problem.residuals**2)
    error = excess.std(axis=0, ddof=1) / math.sqrt(runs)
    assert np.all(np.abs(excess.mean(axis=0) - exact[marks])[1:] < 4.0 * error[1:])
    assert np.any(np.abs(excess.mean(axis=0) / 2.0 - exact[marks])[1:] > 4.0 * error[1:])  # no half: told


def test_sparse_rows_and_blocks_of_rows_give_the_same(monkeypatch):
    arguments = ("squared", [0.1] * 6, [2, 2, 2, 4, 4, 4], [0, 2, 6])
    dense = train(X, Y, *arguments, runs=2, seed=3)
    np.testing.assert_allclose(
        train(sparse.csr_array(X), Y, *arguments, runs=2, seed=3).losses, dense.losses, rtol=1e-12
    )
    monkeypatch.setattr("lecturelib.advice.training.ROWS_AT_ONCE", 7)
    np.testing.assert_allclose(train(X, Y, *arguments, runs=2, seed=3).losses, dense.losses, rtol=1e-12)
    assert not np.array_equal(train(X, Y, *arguments, runs=2, seed=4).losses, dense.losses)


def test_a_rate_that_is_too_large_ends_in_infinity():
    trained = train(X, Y, "squared", [1e9] * 60, [1] * 60, [0, 60], runs=2, seed=0)
    assert np.all(np.isinf(trained.losses[:, 1]))
