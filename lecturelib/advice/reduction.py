"""A data set of any size as a least-squares problem, reduced to the moments that its risk depends on most.

The exact second moment Phi of the error (`finite_sample.py`) has d^2 entries and costs n d^2 a step. Here the
first directions of H are followed one by one and the others in groups of nearly equal eigenvalue, and of Phi
only its diagonal and the pairs among the strongest directions. For the coordinates z = V'x of a row, let

    q_g = sum over i in g of z_i^2  (a group, or one direction),    q_ij = sqrt(2) z_i z_j  (a pair)
    P_g = sum over i in g of Phi_ii,                                P_ij = sqrt(2) Phi_ij

Then, with l, r the two eigenvalues of an entry and m the number of directions in it (1 for a pair),

    P -> (1 - eta l)(1 - eta r) P + eta^2 c_b (E[q q'] (P / m) - l r P + E[e^2 q] - 2 E[e q z'] mean)

This is exact up to PAIRS directions, and up to ONE_BY_ONE of Gaussian features. Elsewhere it drops what the
weaker directions tell each other: a restriction to fewer matrices, so that the stable rate is never below
the true one.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from lecturelib.advice import directions as advice_directions
from lecturelib.advice.directions import all_directions, grouped, lanczos, squares
from lecturelib.theory.problems import State, check_start_error

PAIRS = 16  # directions that are followed in pairs too
NUMBERS_AT_ONCE = 4_000_000  # numbers in a block of rows


@dataclass(frozen=True, eq=False)
class Moments:
    """Made by `moments`; the members of a problem, with g directions or groups and p pairs.

    eigenvalues: of directions and groups, shape (g,). pairs: positions of two directions, (p, 2).
    multiplicity: (g + p,). fourth: E[q q'], (g + p, g + p). cross: -2 E[e q z'], (g + p, g).
    residual_noise: E[e^2 q], (g + p,). start_error: 0 - w* in these coordinates, for a group the root of P,
    (g,). solution: w*, (d,). spectrum: the eigenvalues known one by one, falling; trace: of H; whole:
    whether they are all.
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

    largest_batch_size = math.inf

    @property
    def dimension(self):
        """Number of coordinates g."""
        return len(self.eigenvalues)

    @property
    def left(self):
        """The first eigenvalue of every entry of the second moment, shape (g + p,)."""
        return np.append(self.eigenvalues, self.eigenvalues[self.pairs[:, 0]])

    @property
    def right(self):
        """The second eigenvalue of every entry, shape (g + p,)."""
        return np.append(self.eigenvalues, self.eigenvalues[self.pairs[:, 1]])

    def noise_factor(self, batch_size):
        """c_b = 1 / b, by which averaging over a batch divides the covariance of the gradient."""
        return 1.0 / batch_size

    def without_noise(self):
        """The same features with targets that fit exactly."""
        return replace(self, cross=0.0 * self.cross, residual_noise=0.0 * self.residual_noise)

    def start(self, start_error):
        """The state at an error of shape (g,), such as `start_error`."""
        error = check_start_error(self, start_error)
        products = math.sqrt(2.0) * error[self.pairs[:, 0]] * error[self.pairs[:, 1]]
        return State(error, np.append(error**2, products))

    def gradient_noise(self, state):
        """The gradient's covariance given the iterate, shape (g + p,), cross term included."""
        fed_back = self.fourth @ (state.second / self.multiplicity) - self.left * self.right * state.second
        return fed_back + self.residual_noise + self.cross @ state.mean

    def step(self, state, learning_rate, batch_size):
        """The state after one step; arguments are not checked."""
        shrink = (1.0 - learning_rate * self.left) * (1.0 - learning_rate * self.right)
        scale = learning_rate**2 * self.noise_factor(batch_size)
        mean = (1.0 - learning_rate * self.eigenvalues) * state.mean
        return State(mean, shrink * state.second + scale * self.gradient_noise(state))

    def risk(self, state):
        """Excess risk 1/2 tr(H Phi) of a state, a float."""
        return 0.5 * float(self.eigenvalues @ state.second[: self.dimension])

    def noise_scale(self, state):
        """tr(H Cov g) / G'HG with the expected square of the gradient G, in examples: one step's critical b.

        >>> problem = moments(np.eye(4), np.ones(4))
        >>> round(problem.noise_scale(problem.start(problem.start_error)), 10)
        3.0
        """
        signal = self.eigenvalues**3 @ state.second[: self.dimension]
        noise = self.eigenvalues @ self.gradient_noise(state)[: self.dimension]
        return float(noise / signal) if signal > 0.0 else math.inf

    def max_learning_rate(self, batch_size):
        """The largest rate at which the entries followed do not grow; the true one is never larger.

            1 / eta = lambda_max( D (c_b E[q q'] + (1 - c_b) m l r) D ),   D = ((l + r) m)^(-1/2)

        batch_size: a number >= 1, or math.inf. Returns a float.

        >>> round(moments(np.eye(4), np.ones(4)).max_learning_rate(4), 6)
        4.571429
        """
        left, right, factor = self.left, self.right, self.noise_factor(batch_size)
        scale = 1.0 / np.sqrt((left + right) * self.multiplicity)
        pencil = factor * np.outer(scale, scale) * self.fourth
        pencil[np.diag_indices_from(pencil)] += (1.0 - factor) * left * right / (left + right)
        return 1.0 / float(np.linalg.eigvalsh(pencil)[-1])


def moments(features, targets, solution=None) -> Moments:
    """The reduced least-squares problem of a data set whose rows are drawn with replacement, from w_0 = 0.

    features: shape (n, d), an array or a scipy CSR array, not all zero; rank below d is allowed: w* is then
    the shortest solution. targets: shape (n,). All finite. solution: w*, shape (d,), where it is known. If
    n and d both exceed LARGEST_GRAM, w* and the directions come from KRYLOV steps of Lanczos' method from
    X'y, and w* is where as many steps of conjugate gradients end.

    >>> problem = moments(np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([2.0, 1.0]))
    >>> problem.eigenvalues.tolist(), problem.solution.round(6).tolist()
    ([2.0, 0.5], [1.0, 1.0])
    """
    rows, columns = features.shape
    slope = features.T @ targets / rows
    trace = float(squares(features).mean())
    if trace <= 0.0:
        raise ValueError("the features are all zero; pass data with at least one feature that varies")
    if min(rows, columns) <= advice_directions.LARGEST_GRAM:
        spectrum, directions = all_directions(features)
        whole = True
    else:
        spectrum, directions = lanczos(features, slope)
        whole = False
    if solution is None:
        solution = directions @ ((directions.T @ slope) / spectrum)
    error = -(directions.T @ solution)
    groups = grouped(spectrum) if whole else [[i] for i in range(len(spectrum))]
    single = [group[0] for group in groups if len(group) == 1]  # these come first
    eigenvalues = np.array([spectrum[group].mean() for group in groups])
    multiplicity = np.array([float(len(group)) for group in groups])
    squared = np.array([spectrum[group] @ error[group] ** 2 for group in groups]) / eigenvalues
    rest = trace - float(spectrum.sum())
    if not whole and rest > 1e-9 * trace:  # the directions that Lanczos' method has not found: one group
        left = max(min(rows, columns) - len(spectrum), 1)
        eigenvalues, multiplicity = np.append(eigenvalues, rest / left), np.append(multiplicity, left)
        missed = float(np.mean((features @ solution) ** 2)) - spectrum @ error**2
        squared = np.append(squared, max(missed, 0.0) / eigenvalues[-1])
    else:
        rest = 0.0
    pairs = np.array(np.triu_indices(min(PAIRS, len(single)), 1)).T
    fourth, cross, noise = _means(features, targets, solution, directions, groups, pairs, rest > 0.0)
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


def _means(features, targets, solution, directions, groups, pairs, with_rest):
    """E[q q'], -2 E[e q z'] and E[e^2 q], in one pass over blocks of rows; z of a group counts as zero."""
    rows, size = features.shape[0], len(groups) + with_rest
    directions = directions[:, np.concatenate(groups).astype(int)]
    starts = np.cumsum([0, *[len(group) for group in groups[:-1]]])
    single = sum(len(group) == 1 for group in groups)
    fourth, noise = np.zeros((size + len(pairs),) * 2), np.zeros(size + len(pairs))
    cross = np.zeros((size + len(pairs), size))
    for block in _blocks(features, len(directions.T) + len(fourth)):
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


def _blocks(features, columns):
    """Slices of rows: a block of features and of so many columns holds at most NUMBERS_AT_ONCE."""
    columns += 0 if sparse.issparse(features) else features.shape[1]
    at_once = max(1, NUMBERS_AT_ONCE // columns)
    return [slice(begin, begin + at_once) for begin in range(0, features.shape[0], at_once)]
