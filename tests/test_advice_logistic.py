"""The logistic loss and its stand-in: equal gradients at both ends, and a fit that others agree with."""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit

from lecturelib.advice import logistic
from lecturelib.advice.logistic import as_least_squares, fit, log_loss

RNG = np.random.default_rng(2)
X = np.column_stack([RNG.standard_normal((80, 3)), np.ones(80)])
Y = (X @ [1.0, -2.0, 0.5, 0.3] + RNG.logistic(size=80) > 0).astype(float)


def ridge_loss(w):
    ridge = logistic.RIDGE * np.sum(X**2) / len(X)
    return log_loss(X @ w, Y) + 0.5 * ridge * w @ w


def test_the_fit_is_the_least_loss_of_another_method():
    other = minimize(
        ridge_loss,
        np.zeros(4),
        method="Nelder-Mead",
        options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 9000},
    )
    np.testing.assert_allclose(fit(X, Y), other.x, atol=1e-4)
    np.testing.assert_allclose(fit(sparse.csr_array(X), Y), fit(X, Y), atol=1e-4)


def test_separable_classes_have_finite_weights():
    w = fit(np.array([[1.0], [2.0], [-1.0]]), np.array([1.0, 1.0, 0.0]))
    assert 1.0 < w[0] < 1000.0


def test_a_fit_that_stops_early_is_refused(monkeypatch):
    monkeypatch.setattr(logistic, "_newton", lambda features, *rest: np.ones(4))
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


def test_log_loss_of_several_weights():
    margins = np.array([[0.0, 1.0], [0.0, -1.0]])
    found = log_loss(margins, np.array([1.0, 0.0]))
    np.testing.assert_allclose(found, [np.log(2.0), np.log1p(np.exp(-1.0))])
