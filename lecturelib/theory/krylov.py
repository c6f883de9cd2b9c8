"""The stability pencil of a data set: its top eigenvalues, for all batch sizes, without a d^2 x d^2 matrix.

In the eigenbasis of H the map L Phi = H Phi + Phi H multiplies entry (i, j) by l_i + l_j, so the pencil is

    P_c = c S M S + (1 - c) K,    S = 1 / sqrt(l_i + l_j),  K = l_i l_j / (l_i + l_j)  (both entry by entry)

Only the fourth moment M is expensive (two products with the data), and it is the same for every batch size.
So one orthonormal space of symmetric matrices, with its image under S M S, serves all c: in it each P_c is
a small matrix, whose top eigenvalue is a lower bound. The batch size with the worst error contributes its
residual as the next direction; for one batch size this is Lanczos' method.
"""

from functools import lru_cache

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from lecturelib.theory.problems import State

TOLERANCE = 1e-11  # relative error of an eigenvalue at which the space stops growing


class SharedSpace:
    """An orthonormal space of symmetric matrices and its image under S M S: grows, never forgets.

    basis, images: shape (k, r^2), a matrix a row.
    """

    def __init__(self, problem):
        eigenvalues = problem.eigenvalues
        self.problem = problem
        self.rank = len(eigenvalues)
        self.scale = 1.0 / np.sqrt(eigenvalues[:, None] + eigenvalues)
        self.product = (np.outer(eigenvalues, eigenvalues) * self.scale**2).ravel()
        self.basis = self.images = np.empty((0, self.rank**2))
        self.gram = self.product_gram = np.empty((0, 0))
        # M is a positive map, so its top eigenmatrix is positive semidefinite, and meets L^(1/2) I.
        self.grow(np.diag(np.sqrt(2.0 * eigenvalues)).ravel())

    def grow(self, direction):
        """Add the part of `direction` outside the space; False if there is none to working precision."""
        before = np.linalg.norm(direction)
        for _ in range(2):
            direction = direction - (self.basis @ direction) @ self.basis
        after = np.linalg.norm(direction)
        if len(self.basis) == self.rank * (self.rank + 1) // 2 or after <= 1e-6 * before:
            return False
        matrix = (direction / after).reshape(self.rank, self.rank)
        matrix = 0.5 * (matrix + matrix.T)
        image = self.scale * self.problem.fourth_moment(self.scale * matrix)
        self.basis = np.vstack([self.basis, matrix.ravel()])
        self.images = np.vstack([self.images, image.ravel()])
        self.gram = _bordered(self.gram, self.basis @ image.ravel())
        self.product_gram = _bordered(self.product_gram, self.basis @ (self.product * matrix.ravel()))
        return True

    def tops(self, factors):
        """Top eigenvalues of P_c as known so far, their residuals, shape (k, r^2), and relative errors."""
        solved = [np.linalg.eigh(c * self.gram + (1.0 - c) * self.product_gram) for c in factors]
        values = np.array([value[-1] for value, _ in solved])
        weights = np.array([vector[:, -1] for _, vector in solved])
        vectors, parts = weights @ self.basis, factors[:, None]
        residuals = parts * (weights @ self.images) - values[:, None] * vectors
        residuals += (1.0 - parts) * self.product * vectors
        sizes = np.linalg.norm(residuals, axis=1) / values
        gaps = np.array([1.0 - value[-2] / value[-1] if len(value) > 1 else 0.0 for value, _ in solved])
        sharp = np.divide(sizes, gaps, out=np.ones_like(sizes), where=gaps > sizes)
        return values, residuals, sizes * np.minimum(sharp, 1.0)


def _bordered(matrix, column):
    """The symmetric matrix extended by one row and the same column."""
    larger = np.empty((len(column),) * 2)
    larger[:-1, :-1] = matrix
    larger[-1, :] = larger[:, -1] = column
    return larger


@lru_cache(maxsize=2)  # a curve, then the critical batch, then a steady risk of the same data: one space
def _space(problem):
    return SharedSpace(problem)


def pencil_tops(problem, factors):
    """1 / eta_max = lambda_max(P_c) of a data set for each c_b in `factors`, shape (k,), to about 1e-11."""
    tops = np.full(len(factors), 0.5 * np.max(problem.eigenvalues))
    left = np.flatnonzero(factors > 0.0)
    if not len(left):
        return tops
    space = _space(problem)
    while len(left):
        tops[left], residuals, errors = space.tops(factors[left])
        worst = np.argmax(errors)
        if errors[worst] > TOLERANCE and not space.grow(residuals[worst]):
            errors[worst] = 0.0  # the space already holds every direction that this eigenvalue can feel
        left = left[errors > TOLERANCE]
    return tops


def steady_second(problem, learning_rate, factor):
    """The second moment that SGD on a data set settles at, shape (r, r).

    Solves L Phi - eta M_c Phi = eta c Sigma, symmetric and positive below the largest stable rate, by
    conjugate gradients in the scaling of the pencil, to 1e-13 relative.
    """
    rank = len(problem.eigenvalues)
    eigenvalues = problem.eigenvalues
    scale = 1.0 / np.sqrt(eigenvalues[:, None] + eigenvalues)
    product = np.outer(eigenvalues, eigenvalues) * scale**2

    def apply(flat):
        matrix = flat.reshape(rank, rank)
        matrix = 0.5 * (matrix + matrix.T)
        fourth = scale * problem.fourth_moment(scale * matrix)
        return (matrix - learning_rate * (factor * fourth + (1.0 - factor) * product * matrix)).ravel()

    at_rest = State(np.zeros(rank), np.zeros((rank, rank)))
    forcing = learning_rate * factor * scale * problem.full_gradient_moment(at_rest)
    operator = LinearOperator((rank * rank, rank * rank), matvec=apply, dtype=float)
    flat, failed = cg(operator, forcing.ravel(), rtol=1e-13, atol=0.0, maxiter=10 * rank * rank + 100)
    if failed:
        raise ArithmeticError(
            f"the steady state at learning_rate = {learning_rate} is too ill-conditioned; lower the rate"
        )
    return scale * flat.reshape(rank, rank)
