"""Coordinate descent, exactly: how many coordinates may be updated at once, and how fast blocks converge.

The problem is f(w) = 1/2 |A w - y|^2 with columns of length one, so G = A'A has a unit diagonal, and the
best w_i with all else fixed is w_i - g_i, g = G (w - w*). Everything here is theory in float64;
`model_parallel.py` runs the same methods and knows nothing of this file.
"""

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import brentq

from lecturelib.checks import check_array, check_count


def equicorrelated(dimension: int, correlation: float) -> np.ndarray:
    """The Gram matrix G with ones on the diagonal and one correlation everywhere else, shape (d, d).

    correlation: from 0 to below 1, so that G is positive definite. ValueError: otherwise.

    >>> equicorrelated(2, 0.5)
    array([[1. , 0.5],
           [0.5, 1. ]])
    """
    dimension = check_count("dimension", dimension, at_least=1)
    if not 0 <= correlation < 1:
        raise ValueError(f"correlation = {correlation!r} is refused; pass a number from 0 to below 1")
    return (1.0 - correlation) * np.eye(dimension) + correlation


def largest_eigenvalue(gram) -> float:
    """rho = lambda_max(G), from 1 (no two features correlated) to d (all the same feature).

    >>> round(largest_eigenvalue(equicorrelated(20, 0.3)), 12)
    6.7
    """
    return float(np.linalg.eigvalsh(check_gram(gram))[-1])


def parallel_risk(gram, start_error, parallel: int, steps: int, *, replacement: bool = False) -> np.ndarray:
    """Expected f - f* after 0, 1, ..., steps rounds, in each of which P random coordinates are updated.

        Delta -> Delta - D G Delta,   D the random 0-1 diagonal of the coordinates chosen
        E Delta Delta' = Phi -> Phi - P/d (G Phi + Phi G) + P/d [(1 - k) diag(G Phi G) + k G Phi G]

    with k = (P - 1) / (d - 1). With replacement a coordinate chosen twice is moved twice, and the bracket
    is diag(G Phi G) + (P - 1) / d G Phi G. gram (G): positive definite, unit diagonal, shape (d, d).
    start_error: w_0 - w*, shape (d,). parallel (P): from 1 to d, or more with replacement. Returns shape
    (steps + 1,), inf or nan where it overflows. ValueError: anything else.

    >>> gram = equicorrelated(20, 0.3)
    >>> parallel_risk(gram, np.ones(20), 1, 2).round(4)
    array([67.    , 44.555 , 34.1069])

    Source: Bradley et al., Parallel coordinate descent (Shotgun, 2011), theorem 3.1 is the bound for the
    first step; the recursion for the whole second moment follows from E D M D.
    """
    gram = check_gram(gram)
    start = check_array("start_error", start_error, 1)
    if start.shape != gram.shape[:1]:
        raise ValueError(
            f"start_error has shape {start.shape}, gram {gram.shape}: pass one entry a coordinate"
        )
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


def most_parallel(gram, *, replacement: bool = False) -> float:
    """The number P of random parallel updates at which coordinate descent stops converging in mean square.

        P solves  lambda_max(L^(-1/2) [(1 - k) diag(G . G) + k G . G] L^(-1/2)) = 1,   L Phi = G Phi + Phi G

    as a real number: every whole P below it converges, every one above diverges. gram: see `parallel_risk`,
    with d of 2 to 60 (a matrix of d^2 by d^2 is diagonalised). replacement: see `parallel_risk`. Returns a
    float, infinite if no P diverges. ValueError: other arguments.

    >>> gram = equicorrelated(20, 0.3)
    >>> round(most_parallel(gram), 8), round(most_parallel(gram, replacement=True), 8)
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

    def excess(parallel):
        own, both = _weights(dimension, parallel, replacement)
        matrix = own * diagonal
        matrix[np.diag_indices_from(matrix)] += both * product
        top = len(matrix) - 1
        return eigh(matrix, eigvals_only=True, subset_by_index=[top, top])[0] - 1.0

    highest = 4.0 * dimension**2 if replacement else float(dimension)
    if excess(highest) <= 0:
        return np.inf
    return float(brentq(excess, 1.0, highest, xtol=1e-10, rtol=1e-13))


def shotgun_bound(gram) -> float:
    """d / rho, the number of parallel updates that is safe by Bradley et al. (2011), section 3.

    >>> round(shotgun_bound(equicorrelated(20, 0.3)), 3)
    2.985
    """
    return len(check_gram(gram)) / largest_eigenvalue(gram)


def block_rate(gram, blocks: int, *, method: str = "jacobi") -> float:
    """By how much the error shrinks a sweep in the long run when blocks of coordinates are solved exactly.

        spectral radius of 1 - M^(-1) G,   M: the blocks on the diagonal of G ("jacobi": all blocks at once),
                                              or these and what is left of them ("gauss-seidel": in turn)

    gram: see `parallel_risk`; any positive definite matrix will do. blocks: divides d. Returns a float; 1 or
    more means that the sweeps do not converge. ValueError: other arguments.

    >>> gram = equicorrelated(20, 0.3)
    >>> [round(block_rate(gram, blocks), 8) for blocks in (2, 4, 20)]
    [0.81081081, 2.04545455, 5.7]
    >>> round(block_rate(gram, 20, method="gauss-seidel"), 8)
    0.79380203

    Source: Golub and Van Loan, Matrix Computations, section 11.2.
    """
    gram = check_gram(gram, unit_diagonal=False)
    if len(gram) % check_count("blocks", blocks, at_least=1):
        raise ValueError(f"blocks = {blocks} does not divide the {len(gram)} coordinates; pass a divisor")
    if method not in ("jacobi", "gauss-seidel"):
        raise ValueError(f"method = {method!r} is not known; pass jacobi or gauss-seidel")
    block = np.arange(len(gram)) // (len(gram) // blocks)
    kept = block[:, None] == block if method == "jacobi" else block[:, None] >= block
    sweep = np.eye(len(gram)) - np.linalg.solve(np.where(kept, gram, 0.0), gram)
    return float(np.max(np.abs(np.linalg.eigvals(sweep))))


def check_gram(gram, *, unit_diagonal: bool = True) -> np.ndarray:
    """Return gram as a float64 array, or raise ValueError unless it is symmetric positive definite."""
    gram = check_array("gram", gram, 2)
    if gram.shape[0] != gram.shape[1] or not np.allclose(gram, gram.T, rtol=0, atol=1e-12):
        raise ValueError(f"gram, of shape {gram.shape}, is not symmetric; pass A'A")
    if np.linalg.eigvalsh(gram)[0] <= 0:
        raise ValueError("gram has an eigenvalue of 0 or less; drop the features that repeat others")
    if unit_diagonal and not np.allclose(np.diag(gram), 1.0, rtol=0, atol=1e-9):
        raise ValueError("gram has a diagonal other than 1; divide each column of A by its length")
    return gram


def _weights(dimension, parallel, replacement):
    """What E D M D / (P / d) keeps of diag(M), and of M."""
    most = np.inf if replacement else dimension
    if isinstance(parallel, bool) or not 1 <= parallel <= most:
        raise ValueError(f"parallel = {parallel!r} is refused; pass 1 to {most:g} coordinates")
    if replacement:
        return 1.0, (parallel - 1) / dimension
    together = (parallel - 1) / (dimension - 1) if dimension > 1 else 0.0
    return 1.0 - together, together
