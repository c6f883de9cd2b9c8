"""A data set as a least-squares problem: exact fourth moments, fixed residuals, rows drawn at random.

Rows are examples, H = X'X / n, w* is the least-squares solution and e = y - Xw* its residual, which is
orthogonal to the features but not independent of them. So the second moment of the error feels the mean
too: with the gradient g = x (x'Delta - e) of one row,

    E[gg'] = 1/n sum_i x_i x_i' (x_i' Phi x_i - 2 e_i x_i'm + e_i^2)

and the middle term, the cross term, is what textbooks drop. Everything here lives in the eigenbasis of H.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from lecturelib.checks import check_array
from lecturelib.theory.problems import State, check_start_error

ROWS_AT_ONCE = 4096  # a block of this many rows times a few hundred features stays in the cache
COLUMNS_AT_ONCE = 256  # a triangle of matrices is cut into blocks of so many columns


def _blocks(length, size):
    return [slice(begin, min(begin + size, length)) for begin in range(0, length, size)]


def _quadratic(rows, second):
    """x'Phi x for each row x and a symmetric Phi, shape (n,), from its upper triangle."""
    doubled = 2.0 * np.triu(second, 1) + np.diag(np.diagonal(second))
    total = np.zeros(len(rows))
    for right in _blocks(len(second), COLUMNS_AT_ONCE):
        total += np.einsum("ij,ij->i", rows[:, : right.stop] @ doubled[: right.stop, right], rows[:, right])
    return total


@dataclass(frozen=True, eq=False)
class FiniteSample:
    """Made by `finite_sample`: the members of the problems of `problems.py`, with second moments (r, r)."""

    features: np.ndarray = field(repr=False)
    targets: np.ndarray = field(repr=False)
    replacement: bool
    solution: np.ndarray = field(repr=False)
    residuals: np.ndarray = field(repr=False)
    eigenvalues: np.ndarray = field(repr=False)
    eigenvectors: np.ndarray = field(repr=False)

    @property
    def dimension(self):
        """Number of features d; `eigenvalues` has r <= d entries, those that are not zero."""
        return self.features.shape[1]

    @property
    def largest_batch_size(self):
        """Largest batch that can be drawn: math.inf with replacement, else the number of rows."""
        return math.inf if self.replacement else len(self.features)

    @cached_property
    def rotated(self):
        """The rows in the eigenbasis of H, shape (n, r)."""
        return self.features @ self.eigenvectors

    def noise_factor(self, batch_size):
        """c_b, by which averaging divides the covariance: 1/b, without replacement (n - b) / (b (n - 1))."""
        if math.isinf(batch_size):
            return 0.0
        rows = len(self.features)
        if self.replacement:
            return 1.0 / batch_size
        return (rows - batch_size) / (batch_size * max(rows - 1, 1))

    def without_noise(self):
        """The same features with targets that fit exactly: all residuals zero."""
        targets = self.features @ self.solution
        zero = np.zeros_like(self.residuals)
        rest = (self.solution, zero, self.eigenvalues, self.eigenvectors)
        return FiniteSample(self.features, targets, self.replacement, *rest)

    def start(self, start_error):
        """The state at w_0 = w* + start_error; start_error has shape (d,), in the basis of the features."""
        mean = self.eigenvectors.T @ check_start_error(self, start_error)
        return State(mean, np.outer(mean, mean))

    def weighted_gram(self, weigh):
        """1/n sum_i q_i x_i x_i', shape (r, r), where q = weigh(rows, slice) for each block of rows."""
        total = np.zeros((len(self.eigenvalues),) * 2)
        columns = _blocks(len(total), COLUMNS_AT_ONCE)
        for block in _blocks(len(self.rotated), ROWS_AT_ONCE):
            rows = self.rotated[block]
            weighted = weigh(rows, block)[:, None] * rows
            for left in columns:  # the upper triangle is enough: a third less to do for three blocks
                total[left, left.start :] += rows[:, left].T @ weighted[:, left.start :]
        return (np.triu(total) + np.triu(total, 1).T) / len(self.rotated)

    def fourth_moment(self, second):
        """M . Phi = E[xx' Phi xx'], shape (r, r), at the cost of two products of shapes (n, r) and (r, r)."""
        return self.weighted_gram(lambda rows, _: _quadratic(rows, second))

    def full_gradient_moment(self, state):
        """E[gg'] for the gradient g of one example, shape (r, r), cross term included."""
        mean, second = state

        def squared_slope(rows, block):
            residuals = self.residuals[block]
            return _quadratic(rows, second) - 2.0 * residuals * (rows @ mean) + residuals**2

        return self.weighted_gram(squared_slope)

    def gradient_moment(self, state):
        """Diagonal of E[gg'] for the gradient g of one example, shape (r,), cross term included."""
        return np.diagonal(self.full_gradient_moment(state))

    def gradient_noise(self, state):
        """The gradient's covariance given the iterate, E[gg'] - H Phi H, shape (r, r), cross term too."""
        drift = np.outer(self.eigenvalues, self.eigenvalues) * state.second
        return self.full_gradient_moment(state) - drift

    def step(self, state, learning_rate, batch_size):
        """The state after one step, cross term included; arguments are not checked."""
        mean = (1.0 - learning_rate * self.eigenvalues) * state.mean
        second = self.contract(state.second, learning_rate)
        scale = learning_rate**2 * self.noise_factor(batch_size)
        return State(mean, second + scale * self.gradient_noise(state) if scale > 0.0 else second)

    def outer(self, mean):
        """mean mean', shape (r, r)."""
        return np.outer(mean, mean)

    def contract(self, second, learning_rate):
        """(1 - eta H) second (1 - eta H), for `second` of shape (r, r)."""
        shrink = 1.0 - learning_rate * self.eigenvalues
        return np.outer(shrink, shrink) * second

    def diagonal(self, second):
        """The diagonal of a second moment in the eigenbasis, shape (r,)."""
        return np.diagonal(second)

    def risk(self, state):
        """Excess risk 1/2 tr(H Phi) of a state, a float."""
        return 0.5 * float(self.eigenvalues @ np.diagonal(state.second))

    def bias(self, state):
        """Excess risk 1/2 m'Hm of the mean iterate, a float: the slide's bias."""
        return 0.5 * float(self.eigenvalues @ state.mean**2)


def finite_sample(features, targets, *, replacement=True, on_range=False):
    """Least squares on a data set whose rows are drawn at random, b at a time, anew at every step.

        H = X'X / n,   M . Phi = 1/n sum_i x_i x_i' (x_i' Phi x_i),   c_b = 1/b  or  (n - b) / (b (n - 1))

    features: shape (n, d). targets: shape (n,). replacement: draw the b rows with replacement (the
    default), or a fresh subset of b distinct rows at every step (not epochs: batches of one epoch depend on
    each other). on_range: accept features of rank below d and work on the range of H; errors outside it
    never change and cost nothing. ValueError: shapes that do not match, missing or infinite values, all
    features zero, rank below d.

    >>> problem = finite_sample([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [1.0, 2.0, 4.0])
    >>> [round(float(value), 4) for value in problem.eigenvalues]
    [0.3333, 1.0]
    """
    features = check_array("features", features, 2)
    targets = check_array("targets", targets, 1)
    rows, dimension = features.shape
    if len(targets) != rows:
        raise ValueError(
            f"targets has {len(targets)} entries, features has {rows} rows; pass one target a row"
        )
    eigenvalues, eigenvectors = np.linalg.eigh(features.T @ features / rows)
    if eigenvalues[-1] <= 0.0:
        raise ValueError("features are all zero; pass data with at least one nonzero feature")
    kept = eigenvalues > dimension * np.finfo(float).eps * eigenvalues[-1]
    rank = int(np.sum(kept))
    if rank < dimension and not on_range:
        raise ValueError(
            f"features has rank {rank}, below its {dimension} columns, so w* is not unique;"
            " drop dependent columns, add rows, or pass on_range=True to work on the range of H"
        )
    eigenvalues, eigenvectors = eigenvalues[kept], eigenvectors[:, kept]
    solution = np.zeros(dimension)
    for _ in range(2):  # the second pass repairs the rounding that the normal equations amplify
        slope = features.T @ (targets - features @ solution) / rows
        solution += eigenvectors @ ((eigenvectors.T @ slope) / eigenvalues)
    residuals = targets - features @ solution
    return FiniteSample(features, targets, bool(replacement), solution, residuals, eigenvalues, eigenvectors)
