"""The logistic loss and its stand-in: equal gradients at both ends, and a fit that others agree with."""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import OptimizeResult, minimize
from scipy.special import expit

from lecturelib.advice import logistic
from lecturelib.advice.logistic import as_least_squares, fit
from tests.agree import agree

RNG = np.random.default_rng(2)
X = np.column_stack([RNG.standard_normal((80, 3)), np.ones(80)])
Y = (X @ [1.0, -2.0, 0.5, 0.3] + RNG.logistic(size=80) > 0).astype(float)


def ridge_loss(w):
    ridge = logistic.RIDGE * np.sum(X**2) / len(X)
    return np.mean(np.logaddexp(0.0, X @ w) - Y * (X @ w)) + 0.5 * ridge * w @ w


def test_the_fit_is_the_least_loss_of_another_method():
    other = minimize(
        ridge_loss,
        np.zeros(4),
        method="Nelder-Mead",
        options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 9000},
    )
    agree(fit(X, Y), other.x, rounding=1e-6)  # xatol, and a loss that is flat to its own rounding
    agree(fit(sparse.csr_array(X), Y), fit(X, Y), relative=1e-10)


def test_the_gradient_is_zero_at_the_fit_also_for_badly_scaled_columns():
    for scales in (1.0, [1.0, 1e2, 1e-2, 1.0]):
        x = X * scales
        ridge = logistic.RIDGE * np.sum(x**2) / len(x)
        w = fit(x, Y)
        left, first = x.T @ (expit(x @ w) - Y) / len(x) + ridge * w, x.T @ (0.5 - Y) / len(x)
        assert np.linalg.norm(left) < 1e-8 * np.linalg.norm(first)


def test_separable_classes_have_finite_weights():
    w = fit(np.array([[1.0], [2.0], [-1.0]]), np.array([1.0, 1.0, 0.0]))
    assert 1.0 < w[0] < 1000.0


def test_the_least_loss_is_zero_where_a_plane_separates_the_classes_and_has_no_ridge_elsewhere():
    x = np.column_stack([RNG.standard_normal((60, 3)), np.ones(60)])
    apart = (x @ [1.0, -2.0, 0.5, 0.1] > 0).astype(float)
    assert logistic.least_loss(x, apart, fit(x, apart)) == 0.0
    bare = minimize(
        lambda w: np.mean(np.logaddexp(0.0, X @ w) - Y * (X @ w)), fit(X, Y), method="BFGS", tol=1e-9
    )
    agree(logistic.least_loss(X, Y, fit(X, Y)), bare.fun, relative=1e-6)  # BFGS' gradient
    assert np.mean(np.logaddexp(0.0, X @ fit(X, Y)) - Y * (X @ fit(X, Y))) > bare.fun


def test_a_fit_that_stops_early_is_refused(monkeypatch):
    monkeypatch.setattr(logistic, "minimize", lambda *_, **__: OptimizeResult(x=np.ones(4)))
    with pytest.raises(RuntimeError, match="did not converge"):
        fit(X, Y)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_every_gradient_is_right_at_both_ends_and_not_in_between(kind):
    w = fit(X, Y)
    z, t = as_least_squares(kind(X), Y, w)
    z = z.toarray() if sparse.issparse(z) else z

    def differ(at):
        return np.abs((expit(X @ at) - Y)[:, None] * X - (z @ at - t)[:, None] * z).max()

    assert differ(np.zeros(4)) < 1e-12
    assert differ(w) < 1e-12
    assert differ(0.5 * w) > 1e-3
