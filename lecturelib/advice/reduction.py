"""A data set of any size as a least-squares problem, reduced to the moments that its risk depends on most.

The exact second moment Phi of the error (`finite_sample.py`) has d^2 entries and costs n d^2 a step. Here the
first directions of H are followed one by one and the others in groups of nearly equal eigenvalue, and of Phi
only its diagonal and the pairs among the strongest directions. For the coordinates z = V'x of a row, let ::

    q_g = sum over i in g of z_i^2  (a group, or one direction),    q_ij = sqrt(2) z_i z_j  (a pair)
    P_g = sum over i in g of Phi_ii,                                P_ij = sqrt(2) Phi_ij

Then, with l, r the two eigenvalues of an entry and m the number of directions in it (1 for a pair), ::

    P -> (1 - eta l)(1 - eta r) P + eta^2 c_b (E[q q'] (P / m) - l r P + E[e^2 q] - 2 E[e q z'] mean)

This is exact up to PAIRS directions, and up to ONE_BY_ONE of Gaussian features. Elsewhere it drops what the
weaker directions tell each other: a restriction to fewer matrices, so that the stable rate is never below
the true one.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from lecturelib.advice.directions import find, squares
from lecturelib.advice.preparation import Features
from lecturelib.advice.progress import say
from lecturelib.checks import check_array
from lecturelib.least_squares.problems import Problem, State
from lecturelib.least_squares.recursion import MatrixRisk

PAIRS = 16  # directions that are followed in pairs too
NUMBERS_AT_ONCE = 4_000_000  # numbers in a block of rows


@dataclass(frozen=True, eq=False)
class Moments(Problem):
    """Made by `moments`: a problem with g directions or groups and p pairs.

    Attributes:
        eigenvalues: of directions and groups, shape (g,).
        pairs: positions of two directions, shape (p, 2).
        multiplicity: directions in each entry of the second moment, shape (g + p,).
        fourth: E[q q'], shape (g + p, g + p).
        cross: -2 E[e q z'], shape (g + p, g).
        residual_noise: E[e^2 q], shape (g + p,).
        start_error: 0 - w* in these coordinates, for a group the root of P, shape (g,).
        solution: w*, shape (d,).
        spectrum: the eigenvalues known one by one, falling.
        trace: of H.
        whole: whether `spectrum` has all eigenvalues that are not zero.
    """

    eigenvalues: np.ndarray
    pairs: np.ndarray = field(repr=False)
    multiplicity: np.ndarray = field(repr=False)
    fourth: np.ndarray = field(repr=False)
    cross: np.ndarray = field(repr=False)
    residual_noise: np.ndarray = field(repr=False)
    start_error: np.ndarray = field(repr=False)
    solution: np.ndarray = field(repr=False)
    spectrum: np.ndarray = field(repr=False)
    trace: float
    whole: bool

    @property
    def left(self) -> np.ndarray:
        """The first eigenvalue of every entry of the second moment, shape (g + p,)."""
        return np.append(self.eigenvalues, self.eigenvalues[self.pairs[:, 0]])

    @property
    def right(self) -> np.ndarray:
        """The second eigenvalue of every entry, shape (g + p,)."""
        return np.append(self.eigenvalues, self.eigenvalues[self.pairs[:, 1]])

    def without_noise(self) -> "Moments":
        """The same features with targets that fit exactly."""
        return replace(self, cross=0.0 * self.cross, residual_noise=0.0 * self.residual_noise)

    def start(self, start_error: ArrayLike) -> State:
        """The state at an error of shape (g,), such as `start_error`."""
        error = check_array("start_error", start_error, 1, self.dimension)
        return State(error, self.outer(error))

    def gradient_moment(self, state: State) -> np.ndarray:
        """Diagonal of E[gg'], g the gradient of one example; of a group the trace, shape (g,)."""
        moment = self.gradient_noise(state) + self.left * self.right * state.second
        return moment[: self.dimension]

    def gradient_noise(self, state: State) -> np.ndarray:
        """The gradient's covariance given the iterate, shape (g + p,), cross term included."""
        fed_back = self.fourth @ (state.second / self.multiplicity) - self.left * self.right * state.second
        return fed_back + self.residual_noise + self.cross @ state.mean

    def outer(self, mean: np.ndarray) -> np.ndarray:
        """What of mean mean' a second moment holds, shape (g + p,)."""
        products = math.sqrt(2.0) * mean[self.pairs[:, 0]] * mean[self.pairs[:, 1]]
        return np.append(mean**2, products)

    def diagonal(self, second: np.ndarray) -> np.ndarray:
        """The entries of directions and groups, shape (g,)."""
        return second[: self.dimension]

    def matrix_risk(self, start: State, batch_size: float, goal: float) -> MatrixRisk:
        """The risk at any rate and step, by powers of one matrix."""
        return MatrixRisk(
            mean=start.mean,
            second=start.second,
            eigenvalues=self.eigenvalues,
            left=self.left,
            right=self.right,
            fourth=self.fourth / self.multiplicity,
            cross=self.cross,
            noise=self.residual_noise,
            reads=np.append(0.5 * self.eigenvalues, np.zeros(len(self.pairs))),
            factor=self.noise_factor(batch_size),
            goal=goal,
        )

    def steady_risk(self, learning_rate: float, factor: float) -> float:
        """The risk that a stable rate settles at."""
        at_rest = self.start(np.zeros(self.dimension))
        return self.matrix_risk(at_rest, 1.0 / factor, 0.0).steady(learning_rate)

    def noise_scale(self, state: State) -> float:
        """tr(H Cov g) / G'HG with the expected square of the gradient G, in examples: one step's critical b.

        >>> import numpy as np
        >>> from lecturelib.advice.reduction import moments
        >>> problem = moments(np.eye(4), np.ones(4))
        >>> round(problem.noise_scale(problem.start(problem.start_error)), 10)
        3.0
        """
        signal = self.eigenvalues**3 @ state.second[: self.dimension]
        noise = self.eigenvalues @ self.gradient_noise(state)[: self.dimension]
        return float(noise / signal) if signal > 0.0 else math.inf

    def pencil_tops(self, factors: np.ndarray) -> np.ndarray:
        """1 / eta for the largest rate at which the entries followed do not grow; the true one is not larger.

        ::

            1 / eta = lambda_max( D (c_b E[q q'] + (1 - c_b) m l r) D ),   D = ((l + r) m)^(-1/2)

        Args:
            factors: c_b, shape (k,).
        """
        drift = self.left * self.right
        return np.array([self.pencil_top(factor, drift) for factor in factors])

    def pencil_top(self, factor: float, drift: np.ndarray) -> float:
        """The top of c_b (M - H . H) + drift against L, drift of shape (g + p,)."""
        both = self.left + self.right
        scale = 1.0 / np.sqrt(both * self.multiplicity)
        pencil = factor * np.outer(scale, scale) * self.fourth
        pencil[np.diag_indices_from(pencil)] += (drift - factor * self.left * self.right) / both
        return float(np.linalg.eigvalsh(pencil)[-1])

    def max_learning_rate(self, batch_size: float) -> float:
        """The largest stable rate by `pencil_tops`; batch_size: a number >= 1, or math.inf.

        >>> import numpy as np
        >>> from lecturelib.advice.reduction import moments
        >>> round(moments(np.eye(4), np.ones(4)).max_learning_rate(4), 6)
        4.571429
        """
        return float(1.0 / self.pencil_tops(np.array([self.noise_factor(batch_size)]))[0])


def moments(
    features: Features, targets: np.ndarray, solution: np.ndarray | None = None, most_paired: int = PAIRS
) -> Moments:
    """The reduced least-squares problem of a data set whose rows are drawn with replacement, from w_0 = 0.

    If n and d both exceed `directions.LARGEST_GRAM`, w* and the directions come from `directions.KRYLOV`
    steps of Lanczos' method from X'y, and w* is where as many steps of conjugate gradients end.

    Args:
        features: shape (n, d), an array or a CSR array, finite, not all zero; where its rank is below d, w*
            is the shortest solution.
        targets: shape (n,), finite.
        solution: w*, shape (d,), where it is known.
        most_paired: directions that are followed in pairs too, the strongest.

    Raises:
        ValueError: features that are all zero.

    Example:
        >>> import numpy as np
        >>> from lecturelib.advice.reduction import moments
        >>> problem = moments(np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([2.0, 1.0]))
        >>> problem.eigenvalues.tolist(), problem.solution.round(6).tolist()
        ([2.0, 0.5], [1.0, 1.0])
    """
    rows, columns = features.shape
    slope = features.T @ targets / rows
    trace = float(squares(features).mean())
    if trace <= 0.0:
        raise ValueError("the features are all zero; pass data with at least one feature that varies")
    spectrum, directions, groups, whole = find(features, slope)
    if solution is None:
        solution = directions @ ((directions.T @ slope) / spectrum)
    error = -(directions.T @ solution)
    single = [group[0] for group in groups if len(group) == 1]  # these come first
    eigenvalues = np.array([spectrum[group].mean() for group in groups])
    multiplicity = np.array([float(len(group)) for group in groups])
    squared = np.array([spectrum[group] @ error[group] ** 2 for group in groups]) / eigenvalues
    rest = 0.0 if whole else trace - float(spectrum.sum())
    with_rest = rest > 1e-9 * trace  # the directions that Lanczos' method has not found: one group
    if with_rest:
        left = max(min(rows, columns) - len(spectrum), 1)
        eigenvalues, multiplicity = np.append(eigenvalues, rest / left), np.append(multiplicity, left)
        missed = float(np.mean((features @ solution) ** 2)) - spectrum @ error**2
        squared = np.append(squared, max(missed, 0.0) / eigenvalues[-1])
    pairs = np.array(np.triu_indices(min(most_paired, len(single)), 1)).T
    fourth, cross, noise = _means(features, targets, solution, directions, groups, pairs, with_rest)
    signed = np.sqrt(squared)
    signed[: len(single)] *= np.where(error[single] < 0.0, -1.0, 1.0)
    return Moments(
        eigenvalues=eigenvalues,
        pairs=pairs,
        multiplicity=np.append(multiplicity, np.ones(len(pairs))),
        fourth=fourth,
        cross=cross,
        residual_noise=noise,
        start_error=signed,
        solution=solution,
        spectrum=spectrum,
        trace=trace,
        whole=whole,
    )


def _means(
    features: Features, targets: np.ndarray, solution: np.ndarray, directions: np.ndarray,
    groups: list[list[int]], pairs: np.ndarray, with_rest: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """E[q q'], -2 E[e q z'] and E[e^2 q], in one pass over blocks of rows; z of a group counts as zero."""
    rows, size = features.shape[0], len(groups) + with_rest
    directions = directions[:, np.concatenate(groups).astype(int)]
    starts = np.cumsum([0, *[len(group) for group in groups[:-1]]])
    single = sum(len(group) == 1 for group in groups)
    fourth, noise = np.zeros((size + len(pairs),) * 2), np.zeros(size + len(pairs))
    cross = np.zeros((size + len(pairs), size))
    for block in _blocks(features, len(directions.T) + len(fourth)):
        say("moments of the rows", block.start, rows)
        residuals = targets[block] - features[block] @ solution
        z = features[block] @ directions
        entries = [np.add.reduceat(z**2, starts, axis=1)]
        if with_rest:
            entries.append(np.maximum(squares(features[block]) - entries[0].sum(axis=1), 0.0)[:, None])
        entries.append(math.sqrt(2.0) * z[:, pairs[:, 0]] * z[:, pairs[:, 1]])
        q = np.concatenate(entries, axis=1)
        weighted = residuals[:, None] * q
        fourth += q.T @ q
        cross[:, :single] += -2.0 * weighted.T @ z[:, :single]
        noise += weighted.T @ residuals
    return fourth / rows, cross / rows, noise / rows


def _blocks(features: Features, columns: int) -> Iterator[slice]:
    """Slices of rows: a block of features and of so many columns holds at most NUMBERS_AT_ONCE."""
    columns += 0 if sparse.issparse(features) else features.shape[1]
    at_once = max(1, NUMBERS_AT_ONCE // columns)
    return (slice(begin, begin + at_once) for begin in range(0, features.shape[0], at_once))
