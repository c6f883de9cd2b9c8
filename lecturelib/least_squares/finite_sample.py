"""A data set as a least-squares problem: exact fourth moments, fixed residuals, rows drawn at random.

Rows are examples, H = X'X / n, w* is the least-squares solution and e = y - Xw* its residual, which is
orthogonal to the features but not independent of them. So the second moment of the error feels the mean
too: with the gradient g = x (x'Delta - e) of one row, ::

    E[gg'] = 1/n sum_i x_i x_i' (x_i' Phi x_i - 2 e_i x_i'm + e_i^2)

and the middle term, the cross term, is what textbooks drop. Everything here lives in the eigenbasis of H.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_array
from lecturelib.least_squares.krylov import SharedSpace, steady_second
from lecturelib.least_squares.problems import Problem, State
from lecturelib.least_squares.recursion import MatrixRisk

ROWS_AT_ONCE = 4096  # a block of this many rows times a few hundred features stays in the cache
COLUMNS_AT_ONCE = 256  # a triangle of matrices is cut into blocks of so many columns
LARGEST_RANK = 60  # of a depth: the second moment then has 1,830 entries, and B^2 takes about a second


def _blocks(length: int, size: int) -> list[slice]:
    return [slice(begin, min(begin + size, length)) for begin in range(0, length, size)]


def _quadratic(rows: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The forms x'Phi x of the rows x for a symmetric Phi, shape (n,), from its upper triangle of blocks."""
    total = np.zeros(len(rows))
    for right in _blocks(len(second), COLUMNS_AT_ONCE):
        product = rows[:, right] @ second[right, right]
        if right.start:
            product += 2.0 * rows[:, : right.start] @ second[: right.start, right]
        total += np.einsum("ij,ij->i", product, rows[:, right])
    return total


@dataclass(frozen=True, eq=False)
class FiniteSample(Problem):
    """Made by `finite_sample`; second moments have shape (r, r), r the rank of the features.

    Attributes:
        features, targets: the data, shapes (n, d) and (n,).
        replacement: whether the rows of a batch are drawn with replacement.
        solution, residuals: w*, shape (d,), and y - Xw*, shape (n,).
        eigenvalues, eigenvectors: of H, those that are not zero, shapes (r,) and (d, r).
    """

    features: np.ndarray = field(repr=False)
    targets: np.ndarray = field(repr=False)
    replacement: bool
    solution: np.ndarray = field(repr=False)
    residuals: np.ndarray = field(repr=False)
    eigenvalues: np.ndarray = field(repr=False)
    eigenvectors: np.ndarray = field(repr=False)

    @property
    def dimension(self) -> int:
        """Number of features d."""
        return self.features.shape[1]

    @property
    def largest_batch_size(self) -> float:
        """Largest batch that can be drawn: math.inf with replacement, else the number of rows."""
        return math.inf if self.replacement else len(self.features)

    @property
    def left(self) -> np.ndarray:
        """The first eigenvalue of every entry of a second moment, shape (r, 1)."""
        return self.eigenvalues[:, None]

    @cached_property
    def rotated(self) -> np.ndarray:
        """The rows in the eigenbasis of H, shape (n, r)."""
        return self.features @ self.eigenvectors

    def noise_factor(self, batch_size: float) -> float:
        """c_b, by which averaging divides the covariance: 1/b, without replacement (n - b) / (b (n - 1))."""
        if self.replacement or math.isinf(batch_size):
            return 1.0 / batch_size
        rows = len(self.features)
        return (rows - batch_size) / (batch_size * max(rows - 1, 1))

    def without_noise(self) -> Self:
        """The same features with targets that fit exactly: all residuals zero."""
        return replace(self, targets=self.features @ self.solution, residuals=np.zeros_like(self.residuals))

    def start(self, start_error: ArrayLike) -> State:
        """The state at w_0 = w* + start_error; start_error has shape (d,), in the basis of the features."""
        mean = self.eigenvectors.T @ check_array("start_error", start_error, 1, self.dimension)
        return State(mean, np.outer(mean, mean))

    def weighted_gram(self, weigh: Callable[[np.ndarray, slice], np.ndarray]) -> np.ndarray:
        """1/n sum_i q_i x_i x_i', shape (r, r), where q = weigh(rows, slice) for each block of rows."""
        total = np.zeros((len(self.eigenvalues),) * 2)
        columns = _blocks(len(total), COLUMNS_AT_ONCE)
        for block in _blocks(len(self.rotated), ROWS_AT_ONCE):
            rows = self.rotated[block]
            weighted = weigh(rows, block)[:, None] * rows
            for left in columns:  # the upper triangle is enough: a third less to do for three blocks
                total[left, left.start :] += rows[:, left].T @ weighted[:, left.start :]
        return (np.triu(total) + np.triu(total, 1).T) / len(self.rotated)

    def fourth_moment(self, second: np.ndarray) -> np.ndarray:
        """M . Phi = E[xx' Phi xx'], shape (r, r), at the cost of two products of shapes (n, r) and (r, r)."""
        return self.weighted_gram(lambda rows, _: _quadratic(rows, second))

    def full_gradient_moment(self, state: State) -> np.ndarray:
        """E[gg'] for the gradient g of one example, shape (r, r), cross term included."""

        def squared_slope(rows: np.ndarray, block: slice) -> np.ndarray:
            residuals = self.residuals[block]
            return _quadratic(rows, state.second) - 2.0 * residuals * (rows @ state.mean) + residuals**2

        return self.weighted_gram(squared_slope)

    def gradient_moment(self, state: State) -> np.ndarray:
        """Diagonal of E[gg'] for the gradient g of one example, shape (r,), cross term included."""
        return np.diagonal(self.full_gradient_moment(state))

    def gradient_noise(self, state: State) -> np.ndarray:
        """The gradient's covariance given the iterate, E[gg'] - H Phi H, shape (r, r), cross term too."""
        return self.full_gradient_moment(state) - self.left * self.right * state.second

    def outer(self, mean: np.ndarray) -> np.ndarray:
        """Mean mean', shape (r, r)."""
        return np.outer(mean, mean)

    def diagonal(self, second: np.ndarray) -> np.ndarray:
        """The diagonal of a second moment in the eigenbasis, shape (r,)."""
        return np.diagonal(second)

    def pencil_tops(self, factors: np.ndarray) -> np.ndarray:
        """1 / eta_max for each c_b in `factors`, shape (k,), to about 1e-11, by `krylov.py`."""
        tops = np.full(len(factors), 0.5 * np.max(self.eigenvalues))
        if np.any(factors > 0.0):
            tops[factors > 0.0] = _space(self).pencil_tops(factors[factors > 0.0])
        return tops

    def pencil_top(self, factor: float, drift: np.ndarray) -> float:
        """The top of c_b (M - H . H) + drift against L, drift of shape (r, r), to about 1e-11."""
        return _space(self).pencil_top(factor, drift - factor * self.left * self.right)

    def steady_risk(self, learning_rate: float, factor: float) -> float:
        """The risk that a stable rate settles at, by conjugate gradients."""
        noise = self.full_gradient_moment(self.start(np.zeros(self.dimension)))
        second = steady_second(self.eigenvalues, self.fourth_moment, noise, learning_rate, factor)
        return 0.5 * float(self.eigenvalues @ np.diagonal(second))

    def matrix_risk(self, start: State, batch_size: float, goal: float) -> MatrixRisk:
        """The risk by powers of one matrix; ValueError: a rank above LARGEST_RANK.

        Of Phi the upper triangle, off it times sqrt(2): then x'Phi x and tr(H Phi) are inner products.
        """
        if (rank := len(self.eigenvalues)) > LARGEST_RANK:
            raise ValueError(
                f"problem is a data set of rank {rank}, more than {LARGEST_RANK}: its depth is not computed;"
                " project its features on fewer directions, or use a gaussian problem with its eigenvalues"
            )
        first, second = np.triu_indices(rank)
        weight = np.where(first == second, 1.0, math.sqrt(2.0))
        fourth = np.zeros((len(first),) * 2)
        cross, noise = np.zeros((len(first), rank)), np.zeros(len(first))
        rows = len(self.rotated)
        for block in _blocks(rows, ROWS_AT_ONCE):
            x, residuals = self.rotated[block], self.residuals[block]
            z = x[:, first] * x[:, second] * weight
            fourth += z.T @ z / rows
            cross += -2.0 * z.T @ (residuals[:, None] * x) / rows
            noise += z.T @ residuals**2 / rows
        return MatrixRisk(
            mean=start.mean,
            second=start.second[first, second] * weight,
            eigenvalues=self.eigenvalues,
            left=self.eigenvalues[first],
            right=self.eigenvalues[second],
            fourth=fourth,
            cross=cross,
            noise=noise,
            reads=0.5 * np.diag(self.eigenvalues)[first, second],
            factor=self.noise_factor(batch_size),
            goal=goal,
        )

    def norm_constant(self) -> float:
        """R^2, the least number with ``E[|x|^2 xx'] <= R^2 H``: the top eigenvalue of that pencil."""
        scale = 1.0 / np.sqrt(self.eigenvalues)
        return float(np.linalg.eigvalsh(scale[:, None] * self.fourth_moment(np.eye(len(scale))) * scale)[-1])

    def largest_norm(self) -> float:
        """The largest ``|x|^2`` of a row."""
        return float(np.max(np.sum(self.features**2, axis=1)))


@lru_cache(maxsize=2)  # a curve, then the critical batch of the same data
def _space(problem: FiniteSample) -> SharedSpace:
    return SharedSpace(problem.eigenvalues, problem.fourth_moment)


def finite_sample(
    features: ArrayLike, targets: ArrayLike, *, replacement: bool = True, on_range: bool = False
) -> FiniteSample:
    """Least squares on a data set whose rows are drawn at random, b at a time, anew at every step.

    ::

        H = X'X / n,   M . Phi = 1/n sum_i x_i x_i' (x_i' Phi x_i),   c_b = 1/b  or  (n - b) / (b (n - 1))

    Args:
        features: shape (n, d).
        targets: shape (n,).
        replacement: draw the b rows with replacement, or b distinct rows anew at every step (not in epochs).
        on_range: accept features of rank below d; errors outside the range of H never change, nor cost.

    Raises:
        ValueError: shapes that do not match, missing or infinite values, all features zero, rank below d.

    >>> from lecturelib import least_squares as ls
    >>> problem = ls.finite_sample([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [1.0, 2.0, 4.0])
    >>> [round(float(value), 4) for value in problem.eigenvalues]
    [0.3333, 1.0]
    """
    features, targets = check_array("features", features, 2), check_array("targets", targets, 1)
    rows, dimension = features.shape
    if len(targets) != rows:
        raise ValueError(f"targets has {len(targets)} entries for {rows} rows of features; pass one a row")
    eigenvalues, eigenvectors = np.linalg.eigh(features.T @ features / rows)
    if eigenvalues[-1] <= 0.0:
        raise ValueError("features are all zero; pass data with at least one nonzero feature")
    kept = eigenvalues > dimension * np.finfo(float).eps * eigenvalues[-1]
    if not (np.all(kept) or on_range):
        raise ValueError(
            f"features has rank {np.sum(kept)}, below its {dimension} columns, so w* is not unique;"
            " drop dependent columns, add rows, or pass on_range=True to work on the range of H"
        )
    eigenvalues, eigenvectors = eigenvalues[kept], eigenvectors[:, kept]
    solution, residuals = np.zeros(dimension), targets
    for _ in range(2):  # the second pass repairs the rounding that the normal equations amplify
        solution += eigenvectors @ ((eigenvectors.T @ (features.T @ residuals / rows)) / eigenvalues)
        residuals = targets - features @ solution
    return FiniteSample(features, targets, bool(replacement), solution, residuals, eigenvalues, eigenvectors)
