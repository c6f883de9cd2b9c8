"""A data set of any size as a least-squares problem, reduced to the moments that its risk depends on most.

The exact second moment of the error (`finite_sample.py`) has d^2 entries and costs n d^2 a step. Here the
first directions of H are followed one by one and the others in groups of nearly equal eigenvalue, and of the
second moment only its diagonal: for the coordinates z = V'x of a row,

    s_g = sum over i in g of z_i^2,     P_g = sum over i in g of Phi_ii,     m_g = number of directions in g
    P_g -> (1 - eta l_g)^2 P_g + eta^2 c_b (sum_h E[s_g s_h] P_h / m_h - l_g^2 P_g + E[e^2 s_g]
                                            - 2 sum_j E[e s_g z_j] m_j)

This is exact for Gaussian and for one-hot features. For other data it drops what the directions tell each
other through E[z_i^2 z_j z_k], j != k: a restriction to diagonal matrices, so that the stable rate it gives
is never below the true one.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from lecturelib.problems import State, check_start_error

ONE_BY_ONE = 48  # directions followed one by one
GROUPS = 12  # of the other directions
LARGEST_GRAM = 1500  # rows or columns up to which all eigenvalues are computed; beyond, Lanczos' method
KRYLOV = 96  # its steps
NUMBERS_AT_ONCE = 4_000_000  # numbers in a block of rows


@dataclass(frozen=True, eq=False)
class Moments:
    """Made by `moments`; has the members of a problem of `problems.py`, one coordinate a direction or group.

    eigenvalues, multiplicity: shape (g,). fourth: E[s_g s_h], shape (g, g). cross: -2 E[e s_g z_j], (g, g).
    residual_noise: E[e^2 s_g], (g,). start_error: 0 - w* in these coordinates (root of P), (g,). solution:
    w*, shape (d,). spectrum: the eigenvalues known one by one, falling; trace: of H; whole: whether they
    are all.
    """

    eigenvalues: np.ndarray
    multiplicity: np.ndarray
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

    def noise_factor(self, batch_size):
        """c_b = 1 / b, by which averaging over a batch divides the covariance of the gradient."""
        return 1.0 / batch_size

    def without_noise(self):
        """The same features with targets that fit exactly."""
        return replace(self, cross=0.0 * self.cross, residual_noise=0.0 * self.residual_noise)

    def start(self, start_error):
        """The state at an error of shape (g,), such as `start_error`."""
        start_error = check_start_error(self, start_error)
        return State(start_error, start_error**2)

    def gradient_moment(self, state):
        """Diagonal of E[gg'] for the gradient g of one row, shape (g,), cross term included."""
        fed_back = self.fourth @ (state.second / self.multiplicity)
        return fed_back + self.residual_noise + self.cross @ state.mean

    def gradient_noise(self, state):
        """Diagonal of the gradient's covariance given the iterate, shape (g,)."""
        return self.gradient_moment(state) - self.eigenvalues**2 * state.second

    def step(self, state, learning_rate, batch_size):
        """The state after one step; arguments are not checked."""
        shrink = 1.0 - learning_rate * self.eigenvalues
        scale = learning_rate**2 * self.noise_factor(batch_size)
        return State(shrink * state.mean, shrink**2 * state.second + scale * self.gradient_noise(state))

    def risk(self, state):
        """Excess risk 1/2 tr(H Phi) of a state, a float."""
        return 0.5 * float(self.eigenvalues @ state.second)

    def noise_scale(self, state):
        """tr(H Cov g) / G'HG with the expected square of the gradient G, in examples: one step's critical b.

        >>> problem = moments(np.eye(4), np.ones(4))
        >>> round(problem.noise_scale(problem.start(problem.start_error)), 10)
        3.0
        """
        signal = self.eigenvalues**3 @ state.second
        return float(self.eigenvalues @ self.gradient_noise(state) / signal) if signal > 0.0 else math.inf

    def max_learning_rate(self, batch_size):
        """The largest rate at which diagonal second moments do not grow; the true one is never larger.

            1 / eta = lambda_max( D (c_b Q + (1 - c_b) L^2) D ),   Q_gh = E[s_g s_h] / sqrt(m_g m_h),
            L = diag(l),   D = (2 L)^(-1/2)

        batch_size: a number >= 1, or math.inf. Returns a float.

        >>> round(moments(np.eye(4), np.ones(4)).max_learning_rate(4), 6)
        4.571429
        """
        factor, scale = (
            self.noise_factor(batch_size),
            1.0 / np.sqrt(2.0 * self.eigenvalues * self.multiplicity),
        )
        pencil = factor * np.outer(scale, scale) * self.fourth
        pencil[np.diag_indices_from(pencil)] += (1.0 - factor) * 0.5 * self.eigenvalues
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
    trace = float(_squares(features).mean())
    if trace <= 0.0:
        raise ValueError("the features are all zero; pass data with at least one feature that varies")
    if min(rows, columns) <= LARGEST_GRAM:
        spectrum, directions = _all_directions(features)
        whole = True
    else:
        spectrum, directions = _lanczos(features, slope)
        whole = False
    if solution is None:
        solution = directions @ ((directions.T @ slope) / spectrum)
    error = -(directions.T @ solution)
    groups = _groups(spectrum) if whole else [[i] for i in range(len(spectrum))]
    single = [group[0] for group in groups if len(group) == 1]
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
    fourth, cross, noise = _means(features, targets, solution, directions, groups, single, rest > 0.0)
    signed = np.sqrt(squared)
    signed[: len(single)] *= np.where(error[single] < 0.0, -1.0, 1.0)
    return Moments(
        eigenvalues=eigenvalues,
        multiplicity=multiplicity,
        fourth=fourth,
        cross=cross,
        residual_noise=noise,
        start_error=signed,
        solution=solution,
        spectrum=spectrum,
        trace=trace,
        whole=whole,
    )


def _means(features, targets, solution, directions, groups, single, with_rest):
    """E[s_g s_h], -2 E[e s_g z_j] and E[e^2 s_g], in one pass over blocks of rows."""
    rows, size = features.shape[0], len(groups) + with_rest
    order = np.concatenate(groups).astype(int)
    starts = np.cumsum([0, *[len(group) for group in groups[:-1]]])
    directions = directions[:, order]
    fourth, cross, noise = np.zeros((size, size)), np.zeros((size, size)), np.zeros(size)
    at_once = max(
        1, NUMBERS_AT_ONCE // (directions.shape[1] + features.shape[1] * (not sparse.issparse(features)))
    )
    for begin in range(0, rows, at_once):
        block = features[begin : begin + at_once]
        residuals = targets[begin : begin + at_once] - block @ solution
        z = block @ directions
        squares = np.add.reduceat(z**2, starts, axis=1)
        if with_rest:
            outside = np.maximum(_squares(block) - squares.sum(axis=1), 0.0)
            squares = np.column_stack([squares, outside])
        fourth += squares.T @ squares
        weighted = residuals[:, None] * squares
        cross[:, : len(single)] += -2.0 * weighted.T @ z[:, : len(single)]
        noise += weighted.T @ residuals
    return fourth / rows, cross / rows, noise / rows


def _squares(features):
    """|x|^2 of every row, shape (n,)."""
    if sparse.issparse(features):
        return np.asarray(features.multiply(features).sum(axis=1)).ravel()
    return np.einsum("ij,ij->i", features, features)


def _all_directions(features):
    """Eigenvalues of X'X / n above rounding, falling, and their eigenvectors as columns, (d, r)."""
    rows, columns = features.shape
    tall = columns <= rows
    gram = features.T @ features if tall else features @ features.T
    gram = (gram.toarray() if sparse.issparse(gram) else gram) / rows
    values, vectors = np.linalg.eigh(gram)
    kept = np.flatnonzero(values > max(rows, columns) * np.finfo(float).eps * values[-1])[::-1]
    values, vectors = values[kept], vectors[:, kept]
    return values, vectors if tall else features.T @ vectors / np.sqrt(rows * values)


def _lanczos(features, start):
    """Ritz values and vectors of X'X / n from the Krylov space of `start`, kept orthogonal throughout."""
    rows, most = features.shape[0], min(KRYLOV, *features.shape)
    vector = start if np.any(start) else np.asarray(features.sum(axis=0)).ravel()
    basis, images = np.empty((2, most, len(vector)))
    used = 0
    while True:
        basis[used] = vector / np.linalg.norm(vector)
        images[used] = features.T @ (features @ basis[used]) / rows
        used += 1
        vector = images[used - 1]
        for _ in range(2):
            vector = vector - (basis[:used] @ vector) @ basis[:used]
        if used == most or np.linalg.norm(vector) <= 1e-10 * np.linalg.norm(images[0]):
            break
    matrix = basis[:used] @ images[:used].T
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    kept = np.flatnonzero(values > 1e-12 * values[-1])[::-1]
    return values[kept], basis[:used].T @ vectors[:, kept]


def _groups(spectrum):
    """Positions of the directions, one by one and then in groups of similar eigenvalue, falling."""
    groups = [[i] for i in range(min(ONE_BY_ONE, len(spectrum)))]
    tail = np.log(spectrum[len(groups) :])
    if len(tail):
        place = np.minimum((tail[0] - tail) / max(np.ptp(tail), 1e-12) * GROUPS, GROUPS - 1).astype(int)
        groups += [(len(groups) + np.flatnonzero(place == g)).tolist() for g in np.unique(place)]
    return groups
