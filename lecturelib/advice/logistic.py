"""The logistic loss as a least-squares problem that has the same gradients at both ends of the run.

With labels y in {0, 1}, s(u) = 1 / (1 + exp(-u)) and the best weights w*, example i gets the weight

    h_i = (s(x_i'w*) - 1/2) / x_i'w*      (the slope of s between w = 0 and w*, at most 1/4)

Then the gradient of example i at w = 0 and at w* is exactly that of 1/2 (t_i - z_i'w)^2 with

    z_i = sqrt(h_i) x_i,     t_i = z_i'w* + (y_i - s(x_i'w*)) / sqrt(h_i)

In between it is a chord for a curve: advice from it is a rule of thumb, which a training run has to confirm.
"""

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit

DENSE = 1500
ROWS_AT_ONCE = 4096
RIDGE = 1e-4  # of the mean of |x|^2: keeps w* finite where the classes can be told apart without error


def log_loss(margins, labels):
    """Mean of log(1 + exp(u)) - y u over the examples, in nats; margins (n,) or (n, k), labels (n,)."""
    labels = labels.reshape(-1, *[1] * (margins.ndim - 1))
    return np.mean(np.logaddexp(0.0, margins) - labels * margins, axis=0)


def fit(features, labels):
    """The weights of least logistic loss, with a ridge of RIDGE mean |x|^2; shape (d,).

    Newton's method, with the matrix of second derivatives up to DENSE columns and conjugate gradients beyond.
    RuntimeError: it does not converge.

    >>> features, labels = np.array([[1.0], [1.0], [1.0]]), np.array([1.0, 1.0, 0.0])
    >>> fit(features, labels).round(3).tolist()  # log(2)
    [0.693]
    """
    rows, columns = features.shape
    squares = features.multiply(features).sum() if sparse.issparse(features) else np.vdot(features, features)
    ridge = RIDGE * float(squares) / rows

    def value(w):
        margins = features @ w
        slope = features.T @ (expit(margins) - labels) / rows + ridge * w
        return float(log_loss(margins, labels) + 0.5 * ridge * w @ w), slope

    def curvature(w):
        share = expit(features @ w)
        return share * (1.0 - share) / rows

    def product(w, direction):
        return features.T @ (curvature(w) * (features @ direction)) + ridge * direction

    w = np.zeros(columns)
    least = 1e-6 * np.linalg.norm(value(w)[1])
    if sparse.issparse(features) or columns > DENSE:
        options = {"gtol": least, "maxiter": 500}
        w = minimize(value, w, jac=True, hessp=product, method="trust-ncg", options=options).x
    else:
        w = _newton(features, value, curvature, ridge, least)
    if not np.linalg.norm(value(w)[1]) <= 100.0 * least:
        raise RuntimeError("the logistic fit did not converge; standardize the columns")
    return w


def _newton(features, value, curvature, ridge, least):
    """Newton's method with halved steps until the loss falls."""
    w = np.zeros(features.shape[1])
    loss, slope = value(w)
    for _ in range(100):
        if np.linalg.norm(slope) <= least:
            break
        second = np.zeros((len(w),) * 2)
        weights = np.sqrt(curvature(w))
        for begin in range(0, len(features), ROWS_AT_ONCE):
            block = weights[begin : begin + ROWS_AT_ONCE, None] * features[begin : begin + ROWS_AT_ONCE]
            second += block.T @ block
        second[np.diag_indices_from(second)] += ridge
        step = np.linalg.solve(second, slope)
        size = 1.0
        while size > 1e-6 and not value(w - size * step)[0] < loss:
            size *= 0.5
        w = w - size * step
        loss, slope = value(w)
    return w


def as_least_squares(features, labels, weights):
    """Features z (n, d) and targets t (n,) of the least-squares problem above; weights: w*, shape (d,).

    >>> features, labels = np.array([[1.0], [1.0], [-1.0]]), np.array([1.0, 0.0, 0.0])
    >>> z, t = as_least_squares(features, labels, np.array([2.0]))
    >>> bool(np.allclose(z[:, 0] * -t, features[:, 0] * (0.5 - labels)))  # gradients at w = 0
    True
    """
    margins = features @ weights
    small = np.abs(margins) < 1e-6
    slope = np.where(small, 0.25, (expit(margins) - 0.5) / np.where(small, 1.0, margins))
    root = np.sqrt(slope)
    scaled = (
        sparse.csr_array(sparse.diags_array(root) @ features)
        if sparse.issparse(features)
        else root[:, None] * features
    )
    return scaled, root * margins + (labels - expit(margins)) / root
