"""The sharpest direction of a loss: the top Hessian eigenvalue by Lanczos' method.

After k products with the Hessian H, the best estimate from the space of v, Hv, ..., H^(k-1) v is the top
eigenvalue t of H restricted to that space, at a unit vector y. It never exceeds the true one (up to the
rounding of the products), and some eigenvalue of H lies within |Hy - ty| of it.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TopEigenvalue:
    """An eigenvalue, the residual |Hy - ty| that bounds its error, and the products it took."""

    value: float
    residual: float
    products: int


def top_eigenvalue(product, start, tolerance=1e-2, max_products=100) -> TopEigenvalue:
    """The largest (not the largest absolute) eigenvalue of a symmetric matrix, from its products alone.

        beta_k v_(k+1) = H v_k - alpha_k v_k - beta_(k-1) v_(k-1),    residual = beta_k |last entry of y|

    Args:
        product: function of a vector of shape (p,) that returns H times it, shape (p,).
        start: a random vector, shape (p,), not zero; it has to meet the top eigenvector.
        tolerance: stop at residual <= tolerance * |eigenvalue|; the error is then mostly far smaller, about
            residual^2 / (distance to the next eigenvalue).
        max_products: stop here in any case, 1 or more; the residual says how good the value is.

    Returns:
        TopEigenvalue; value and residual in the unit of H.

    Example:
        >>> found = top_eigenvalue(lambda v: np.array([3.0, -5.0]) * v, np.ones(2), tolerance=1e-6)
        >>> round(found.value, 6), found.products
        (3.0, 2)

    Source: B. Parlett, The symmetric eigenvalue problem, 1980, chapter 13. scipy's eigsh is not used because
    it needs 20 products and three or more parameters, and fails on a matrix that is zero.
    """
    vector = np.asarray(start, dtype=np.float64)
    basis, diagonal, beside = [vector / np.linalg.norm(vector)], [], []
    largest = 0.0
    while True:
        image = np.asarray(product(basis[-1]), dtype=np.float64)
        largest = max(largest, np.linalg.norm(image))
        diagonal.append(basis[-1] @ image)
        for _ in range(2):  # once leaves rounding errors in the old directions, which bring copies of t
            for member in basis:
                image = image - (member @ image) * member
        length = np.linalg.norm(image)
        matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
        values, vectors = np.linalg.eigh(matrix)
        residual = length * abs(vectors[-1, -1])
        small = residual <= tolerance * abs(values[-1]) or length <= 1e-12 * largest
        if small or len(basis) >= min(max_products, len(vector)):
            return TopEigenvalue(float(values[-1]), float(residual), len(basis))
        beside.append(length)
        basis.append(image / length)
