"""The eigenvalues and eigenvectors of a data set: all of them, or those that matter."""

import numpy as np

from lecturelib.advice.preparation import Features

ONE_BY_ONE = 48  # directions followed one by one
GROUPS = 12  # of the other directions
LARGEST_GRAM = 1500  # rows or columns up to which all eigenvalues are computed; beyond, Lanczos' method
KRYLOV = 96  # its steps


def find(features: Features, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[list[int]], bool]:
    """The directions of a data set: all where n or d is at most LARGEST_GRAM, else by Lanczos' method.

    Args:
        features: X, shape (n, d).
        slope: where Lanczos' method starts, X'y / n, shape (d,).

    Returns:
        Eigenvalues of X'X / n, falling, shape (r,); the eigenvectors in the columns, shape (d, r); groups of
        positions that are followed together, those of one direction first; and whether these are all whose
        eigenvalue is not zero (else they are Ritz values and vectors).

    Example:
        >>> import numpy as np
        >>> from lecturelib.advice import directions
        >>> directions.find(np.diag([2.0, 1.0]), np.ones(2))[0].tolist()
        [2.0, 0.5]
    """
    if min(features.shape) <= LARGEST_GRAM:
        spectrum, vectors = _all_directions(features)
        return spectrum, vectors, _grouped(spectrum), True
    spectrum, vectors = _lanczos(features, slope)
    return spectrum, vectors, [[i] for i in range(len(spectrum))], False


def squares(features: Features) -> np.ndarray:
    """``|x|^2`` of every row, shape (n,)."""
    if isinstance(features, np.ndarray):
        return np.einsum("ij,ij->i", features, features)
    return np.asarray(features.multiply(features).sum(axis=1)).ravel()


def _all_directions(features: Features) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of X'X / n above rounding, falling, and their eigenvectors as columns, (d, r)."""
    rows, columns = features.shape
    tall = columns <= rows
    gram = features.T @ features if tall else features @ features.T
    gram = (gram if isinstance(gram, np.ndarray) else gram.toarray()) / rows
    values, vectors = np.linalg.eigh(gram)
    kept = np.flatnonzero(values > max(rows, columns) * np.finfo(float).eps * values[-1])[::-1]
    values, vectors = values[kept], vectors[:, kept]
    return values, vectors if tall else features.T @ vectors / np.sqrt(rows * values)


def _lanczos(features: Features, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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


def _grouped(spectrum: np.ndarray) -> list[list[int]]:
    """Positions of the directions, one by one and then in groups of similar eigenvalue, falling."""
    groups = [[i] for i in range(min(ONE_BY_ONE, len(spectrum)))]
    tail = np.log(spectrum[len(groups) :])
    if len(tail):
        place = np.minimum((tail[0] - tail) / max(np.ptp(tail), 1e-12) * GROUPS, GROUPS - 1).astype(int)
        groups += [(len(groups) + np.flatnonzero(place == g)).tolist() for g in np.unique(place)]
    return groups
