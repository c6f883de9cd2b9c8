"""The stability pencil of a data set: its top eigenvalues, for all batch sizes, without a d^2 x d^2 matrix.

In the eigenbasis of H the map L Phi = H Phi + Phi H multiplies entry (i, j) by l_i + l_j, so the pencil is ::

    P_c = c S M S + (1 - c) K,    S = 1 / sqrt(l_i + l_j),    K = l_i l_j / (l_i + l_j)      (entry by entry)

Only the fourth moment M is expensive (two products with the data), and it is the same for every batch size.
So one orthonormal space of symmetric matrices, with its image under S M S, serves all c: in it each P_c is
a small matrix, whose top eigenvalue is a lower bound. Its residual is the next direction: for one batch size
this is Lanczos' method, and each further one starts from the space that those before it have left.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

FourthMoment = Callable[[np.ndarray], np.ndarray]  # M, from a symmetric (r, r) matrix to another

TOLERANCE = 1e-11  # relative error of an eigenvalue at which the space stops growing


class SharedSpace:
    """An orthonormal space of symmetric matrices and its image under S M S: grows, never forgets.

    basis, images: shape (k, r^2), a matrix a row.
    """

    def __init__(self, eigenvalues: np.ndarray, fourth_moment: FourthMoment) -> None:
        self.fourth_moment = fourth_moment
        self.rank = len(eigenvalues)
        self.scale = 1.0 / np.sqrt(eigenvalues[:, None] + eigenvalues)
        self.product = np.outer(eigenvalues, eigenvalues)
        self.basis = self.images = np.empty((0, self.rank**2))
        self.gram = np.empty((0, 0))
        # M is a positive map, so its top eigenmatrix is positive semidefinite, and meets L^(1/2) I.
        self.grow(np.diag(np.sqrt(2.0 * eigenvalues)).ravel())

    def grow(self, direction: np.ndarray) -> bool:
        """Add the part of `direction` outside the space; False if there is none to working precision."""
        before = np.linalg.norm(direction)
        for _ in range(2):
            direction = direction - (self.basis @ direction) @ self.basis
        after = np.linalg.norm(direction)
        if len(self.basis) == self.rank * (self.rank + 1) // 2 or after <= 1e-6 * before:
            return False
        matrix = (direction / after).reshape(self.rank, self.rank)
        matrix = 0.5 * (matrix + matrix.T)
        image = self.scale * self.fourth_moment(self.scale * matrix)
        self.basis = np.vstack([self.basis, matrix.ravel()])
        self.images = np.vstack([self.images, image.ravel()])
        column = self.basis @ image.ravel()
        self.gram = np.block([[self.gram, column[:-1, None]], [column]])
        return True

    def top(self, factor: float, shift: np.ndarray) -> tuple[float, np.ndarray, float]:
        """Top eigenvalue of c S M S + shift, shape (r^2,), known so far; its residual and its error."""
        values, vectors = np.linalg.eigh(factor * self.gram + (self.basis * shift) @ self.basis.T)
        value, weights = values[-1], vectors[:, -1]
        residual = factor * (weights @ self.images) + (shift - value) * (weights @ self.basis)
        size, gap = float(np.linalg.norm(residual)), value - values[-2] if len(values) > 1 else 0.0
        return float(value), residual, size * size / gap if gap > size else size

    def pencil_top(self, factor: float, drift: np.ndarray) -> float:
        """Top of c S M S + S drift S to about 1e-11; drift an entry by entry multiplier, shape (r, r)."""
        shift = (drift * self.scale**2).ravel()
        while True:
            value, residual, error = self.top(factor, shift)
            if error <= TOLERANCE * value or not self.grow(residual):
                return value  # or the space already holds every direction that it can feel

    def pencil_tops(self, factors: np.ndarray) -> np.ndarray:
        """1 / eta_max = lambda_max(P_c) for each c_b > 0 in `factors`, shape (k,), to about 1e-11."""
        return np.array([self.pencil_top(c, (1.0 - c) * self.product) for c in factors])


def steady_second(
    eigenvalues: np.ndarray,
    fourth_moment: FourthMoment,
    noise: np.ndarray,
    learning_rate: float,
    factor: float,
) -> np.ndarray:
    """The second moment that SGD on a data set settles at, shape (r, r).

    ::

        L Phi - eta M_c Phi = eta c noise

    Symmetric and positive below the largest stable rate, solved by conjugate gradients in the scaling of the
    pencil, to 1e-13 relative.

    Args:
        eigenvalues: of H, shape (r,).
        fourth_moment: M.
        noise: E[gg'] at w*, shape (r, r).
        learning_rate: eta, below eta_max.
        factor: c_b.

    Raises:
        ArithmeticError: the system is too ill-conditioned.
    """
    rank = len(eigenvalues)
    scale = 1.0 / np.sqrt(eigenvalues[:, None] + eigenvalues)
    product = np.outer(eigenvalues, eigenvalues) * scale**2

    def apply(flat: np.ndarray) -> np.ndarray:
        matrix = flat.reshape(rank, rank)
        matrix = 0.5 * (matrix + matrix.T)
        fourth = scale * fourth_moment(scale * matrix)
        return (matrix - learning_rate * (factor * fourth + (1.0 - factor) * product * matrix)).ravel()

    forcing = learning_rate * factor * scale * noise
    operator = LinearOperator((rank * rank, rank * rank), matvec=apply, dtype=float)
    flat, failed = cg(operator, forcing.ravel(), rtol=1e-13, atol=0.0, maxiter=10 * rank * rank + 100)
    if failed:
        raise ArithmeticError(
            f"the steady state at learning_rate = {learning_rate} is too ill-conditioned; lower the rate"
        )
    return scale * flat.reshape(rank, rank)
