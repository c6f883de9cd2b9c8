"""The logistic loss as a least-squares problem that has the same gradients at both ends of the run.

With labels y in {0, 1}, s(u) = 1 / (1 + exp(-u)) and the best weights w*, example i gets the weight ::

    h_i = (s(x_i'w*) - 1/2) / x_i'w*      (the slope of s between w = 0 and w*, at most 1/4)

Then the gradient of example i at w = 0 and at w* is exactly that of 1/2 (t_i - z_i'w)^2 with ::

    z_i = sqrt(h_i) x_i,     t_i = z_i'w* + (y_i - s(x_i'w*)) / sqrt(h_i)

In between it is a chord for a curve, and w* is that of a ridge: steps and rates from it are corrected by
pilot runs (`pilot.py`), and excess loss is measured above the least loss without the ridge.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit

from lecturelib.advice.directions import squares
from lecturelib.advice.preparation import Features

RIDGE = 1e-4  # of the mean of |x|^2: keeps w* finite where the classes can be told apart without error
TINY_RIDGES = (1e-6, 1e-8)  # tried for the least loss without one
LARGE = 1e6  # numbers in the features, of a sparse array those that are stored


def fit(
    features: Features, labels: np.ndarray, ridge: float = RIDGE, start: np.ndarray | None = None
) -> np.ndarray:
    """The weights of least logistic loss, with a small ridge, by Newton's method.

    ::

        1/n sum_i (log(1 + exp(x_i'w)) - y_i x_i'w) + 1/2 ridge mean |x|^2 |w|^2

    Args:
        features: shape (n, d), an array or a CSR array.
        labels: shape (n,), each 0 or 1.
        ridge: as a share of the mean of ``|x|^2``, above 0.
        start: weights to start from, shape (d,); zero if None.

    Returns:
        w*, shape (d,).

    Raises:
        RuntimeError: the method, a trust region with conjugate gradients, does not converge.

    Example:
        >>> import numpy as np
        >>> from lecturelib.advice import logistic
        >>> logistic.fit(np.ones((3, 1)), np.array([1.0, 1.0, 0.0])).round(3).tolist()  # log(2)
        [0.693]
    """
    rows, columns = features.shape
    ridge *= float(np.mean(squares(features)))

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        margins = features @ w
        slope = features.T @ (expit(margins) - labels) / rows + ridge * w
        return float(np.mean(np.logaddexp(0.0, margins) - labels * margins) + 0.5 * ridge * w @ w), slope

    def product(w: np.ndarray, direction: np.ndarray) -> np.ndarray:
        share = expit(features @ w)
        return features.T @ (share * (1.0 - share) / rows * (features @ direction)) + ridge * direction

    first = np.linalg.norm(loss(np.zeros(columns))[1])
    options = {"gtol": 1e-8 * first, "maxiter": 500}
    start = np.zeros(columns) if start is None else start
    found = minimize(loss, start, jac=True, hessp=product, method="trust-ncg", options=options).x
    if not np.linalg.norm(loss(found)[1]) <= 1e-4 * first:
        raise RuntimeError("the logistic fit did not converge; standardize the columns")
    return found


def tiny_ridges(features: Features) -> tuple[float, ...]:
    """The ridges tried for the least loss without one: the last takes minutes on LARGE features and more."""
    return TINY_RIDGES if features.size <= LARGE else TINY_RIDGES[:1]


def least_loss(features: Features, labels: np.ndarray, weights: np.ndarray) -> float:
    """The least logistic loss, without a ridge.

    Where a plane separates the classes it is 0, which no weights attain; else the loss at the weights of the
    smallest of `tiny_ridges`, which is above it.

    Args:
        features: shape (n, d), an array or a CSR array.
        labels: shape (n,), each 0 or 1.
        weights: from `fit`, shape (d,).

    Example:
        >>> import numpy as np
        >>> from lecturelib.advice import logistic
        >>> features, labels = np.array([[1.0], [2.0], [-1.0]]), np.array([1.0, 1.0, 0.0])
        >>> logistic.least_loss(features, labels, logistic.fit(features, labels))
        0.0
    """
    least = math.inf
    for ridge in (None, *tiny_ridges(features)):
        if ridge is not None:
            weights = fit(features, labels, ridge, weights)
        margins = features @ weights
        if np.all(margins * (2.0 * labels - 1.0) > 0.0):
            return 0.0  # these weights, made longer, have a loss as small as one likes
        least = min(least, float(np.mean(np.logaddexp(0.0, margins) - labels * margins)))
    return least


def as_least_squares(
    features: Features, labels: ArrayLike, weights: ArrayLike
) -> tuple[Features, np.ndarray]:
    """Features z (n, d) and targets t (n,) of the least-squares problem at the top of this module.

    Args:
        features: shape (n, d), an array or a CSR array.
        labels: shape (n,), each 0 or 1.
        weights: w*, shape (d,).

    Example:
        >>> import numpy as np
        >>> from lecturelib.advice import logistic
        >>> features, labels = np.array([[1.0], [1.0], [-1.0]]), np.array([1.0, 0.0, 0.0])
        >>> z, t = logistic.as_least_squares(features, labels, np.array([2.0]))
        >>> bool(np.allclose(z[:, 0] * -t, features[:, 0] * (0.5 - labels)))  # gradients at w = 0
        True
    """
    margins = features @ np.asarray(weights)
    small = np.abs(margins) < 1e-6
    root = np.sqrt(np.where(small, 0.25, (expit(margins) - 0.5) / np.where(small, 1.0, margins)))
    if sparse.issparse(features):
        scaled = sparse.csr_array(sparse.diags_array(root) @ features)
    else:
        scaled = root[:, None] * features
    return scaled, root * margins + (np.asarray(labels) - expit(margins)) / root
