"""Coordinate descent, exactly: how many coordinates may be updated at once, and how fast blocks converge.

The problem is ``f(w) = 1/2 |A w - y|^2`` with columns of length one, so G = A'A has a unit diagonal, and the
best w_i with all else fixed is w_i - g_i, g = G (w - w*). Everything here is theory in float64.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh
from scipy.optimize import brentq

from lecturelib.checks import check_array, check_between, check_choice, check_count


def equicorrelated(dimension: int, correlation: float) -> np.ndarray:
    """The Gram matrix G with ones on the diagonal and one correlation everywhere else, shape (d, d).

    Args:
        dimension: d, 1 or more.
        correlation: from 0 to below 1, so that G is positive definite.

    Raises:
        ValueError: if an argument is outside its range.

    >>> from lecturelib.parallel import coordinate
    >>> coordinate.equicorrelated(2, 0.5)
    array([[1. , 0.5],
           [0.5, 1. ]])
    """
    dimension = check_count("dimension", dimension)
    check_between("correlation", correlation, 0, 1, ends="[)")
    return (1.0 - correlation) * np.eye(dimension) + correlation


def largest_eigenvalue(gram: ArrayLike) -> float:
    """The number rho = lambda_max(G), from 1 (no two features correlated) to d (all the same feature).

    >>> from lecturelib.parallel import coordinate
    >>> round(coordinate.largest_eigenvalue(coordinate.equicorrelated(20, 0.3)), 12)
    6.7
    """
    return float(np.linalg.eigvalsh(check_gram(gram))[-1])


def parallel_risk(
    gram: ArrayLike, start_error: ArrayLike, parallel: int, steps: int, *, replacement: bool = False
) -> np.ndarray:
    """Expected f - f* after 0, 1, ..., steps rounds, in each of which P random coordinates are updated.

    ::

        Delta -> Delta - D G Delta,   D the random 0-1 diagonal of the coordinates chosen
        E Delta Delta' = Phi -> Phi - P/d (G Phi + Phi G) + P/d [(1 - k) diag(G Phi G) + k G Phi G]

    with k = (P - 1) / (d - 1). With replacement a coordinate chosen twice is moved twice, and the bracket
    is diag(G Phi G) + (P - 1) / d G Phi G.

    Args:
        gram: G, positive definite, unit diagonal, shape (d, d).
        start_error: w_0 - w*, shape (d,).
        parallel: P, from 1 to d, or more with replacement.
        steps: rounds.
        replacement: whether the coordinates of a round may repeat.

    Returns:
        Shape (steps + 1,), in the unit of the loss; inf or nan where it overflows.

    Raises:
        ValueError: if an argument has another shape, or is outside its range.

    >>> from lecturelib.parallel import coordinate
    >>> gram = coordinate.equicorrelated(20, 0.3)
    >>> coordinate.parallel_risk(gram, np.ones(20), 1, 2).round(4)
    array([67.    , 44.555 , 34.1069])

    Source: Bradley et al., Parallel coordinate descent (Shotgun, 2011), theorem 3.1 is the bound for the
    first step; the recursion for the whole second moment follows from E D M D.
    """
    gram = check_gram(gram)
    start = check_array("start_error", start_error, 1, length=len(gram))
    own, both = _weights(len(gram), parallel, replacement)
    steps, chosen = check_count("steps", steps, at_least=0), parallel / len(gram)
    second, risks = np.outer(start, start), []
    with np.errstate(over="ignore", invalid="ignore"):  # past the cliff: inf or nan
        for _ in range(steps + 1):
            risks.append(0.5 * float(np.sum(gram * second)))
            half = gram @ second
            moved = half @ gram
            moved = 0.5 * (moved + moved.T)  # else rounding grows an antisymmetric part of its own
            change = half + half.T - own * np.diag(np.diag(moved)) - both * moved
            second = second - chosen * change
    return np.array(risks)


def most_parallel(gram: ArrayLike, *, replacement: bool = False) -> float:
    """The number P of random parallel updates at which coordinate descent stops converging in mean square.

    ::

        P solves  lambda_max(L^(-1/2) [(1 - k) diag(G . G) + k G . G] L^(-1/2)) = 1,   L Phi = G Phi + Phi G

    as a real number: every whole P below it converges, every one above diverges. It is infinite if none does.

    Args:
        gram: as for `parallel_risk`, with d of 2 to 60: a matrix of d^2 by d^2 is diagonalised.
        replacement: as for `parallel_risk`.

    Raises:
        ValueError: if gram is no such matrix.

    >>> from lecturelib.parallel import coordinate
    >>> gram = coordinate.equicorrelated(20, 0.3)
    >>> round(coordinate.most_parallel(gram), 8), round(coordinate.most_parallel(gram, replacement=True), 8)
    (5.68557337, 5.4069511)
    """
    gram = check_gram(gram)
    dimension = len(gram)
    if not 2 <= dimension <= 60:
        raise ValueError(f"gram has dimension {dimension}; pass one of 2 to 60 coordinates")
    values, vectors = np.linalg.eigh(gram)
    scale = 1.0 / np.sqrt(values[:, None] + values[None, :])
    # In the eigenbasis of G, L multiplies by l_i + l_j, G . G by l_i l_j, and diag() sums over coordinates.
    weight = scale * np.sqrt(np.outer(values, values))
    columns = np.array([np.outer(row, row) * weight for row in vectors]).reshape(dimension, -1)
    diagonal, product = columns.T @ columns, weight.ravel() ** 2

    def excess(parallel: float) -> float:
        own, both = _weights(dimension, parallel, replacement)
        matrix = own * diagonal
        matrix[np.diag_indices_from(matrix)] += both * product
        top = len(matrix) - 1
        return eigh(matrix, eigvals_only=True, subset_by_index=[top, top])[0] - 1.0

    highest = 4.0 * dimension**2 if replacement else float(dimension)
    if excess(highest) <= 0:
        return np.inf
    return float(brentq(excess, 1.0, highest, xtol=1e-10, rtol=1e-13))


def shotgun_bound(gram: ArrayLike) -> float:
    """The number of parallel updates that is safe by Bradley et al. (2011), section 3: d / rho.

    >>> from lecturelib.parallel import coordinate
    >>> round(coordinate.shotgun_bound(coordinate.equicorrelated(20, 0.3)), 3)
    2.985
    """
    return len(check_gram(gram)) / largest_eigenvalue(gram)


def block_rate(gram: ArrayLike, blocks: int, *, method: str = "jacobi") -> float:
    """By how much the error shrinks a sweep in the long run when blocks of coordinates are solved exactly.

    ::

        spectral radius of 1 - M^(-1) G,   M: the blocks on the diagonal of G ("jacobi": all blocks at once),
                                              or these and what is left of them ("gauss-seidel": in turn)

    At 1 or more the sweeps do not converge.

    Args:
        gram: any positive definite matrix, shape (d, d).
        blocks: divides d.
        method: "jacobi" or "gauss-seidel".

    Raises:
        ValueError: if an argument is none of these.

    >>> from lecturelib.parallel import coordinate
    >>> gram = coordinate.equicorrelated(20, 0.3)
    >>> [round(coordinate.block_rate(gram, blocks), 8) for blocks in (2, 4, 20)]
    [0.81081081, 2.04545455, 5.7]
    >>> round(coordinate.block_rate(gram, 20, method="gauss-seidel"), 8)
    0.79380203

    Source: Golub and Van Loan, Matrix Computations, section 11.2.
    """
    gram = check_gram(gram, unit_diagonal=False)
    if len(gram) % check_count("blocks", blocks):
        raise ValueError(f"blocks = {blocks} does not divide the {len(gram)} coordinates; pass a divisor")
    check_choice("method", method, ("jacobi", "gauss-seidel"))
    block = np.arange(len(gram)) // (len(gram) // blocks)
    kept = block[:, None] == block if method == "jacobi" else block[:, None] >= block
    sweep = np.eye(len(gram)) - np.linalg.solve(np.where(kept, gram, 0.0), gram)
    return float(np.max(np.abs(np.linalg.eigvals(sweep))))


def check_gram(gram: ArrayLike, *, unit_diagonal: bool = True) -> np.ndarray:
    """Return gram as a float64 array, or raise ValueError unless it is symmetric positive definite."""
    gram = check_array("gram", gram, 2)
    if gram.shape[0] != gram.shape[1] or not np.allclose(gram, gram.T, rtol=0, atol=1e-12):
        raise ValueError(f"gram, of shape {gram.shape}, is not symmetric; pass A'A")
    if np.linalg.eigvalsh(gram)[0] <= 0:
        raise ValueError("gram has an eigenvalue of 0 or less; drop the features that repeat others")
    if unit_diagonal and not np.allclose(np.diag(gram), 1.0, rtol=0, atol=1e-9):
        raise ValueError("gram has a diagonal other than 1; divide each column of A by its length")
    return gram


def _weights(dimension: int, parallel: float, replacement: bool) -> tuple[float, float]:
    """What E D M D / (P / d) keeps of diag(M), and of M."""
    check_between("parallel", parallel, 1, np.inf if replacement else dimension)
    if replacement:
        return 1.0, (parallel - 1) / dimension
    together = (parallel - 1) / (dimension - 1) if dimension > 1 else 0.0
    return 1.0 - together, together
