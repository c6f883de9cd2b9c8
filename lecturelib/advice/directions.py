"""The eigenvalues and eigenvectors of a data set: all of them, or those that matter."""

import numpy as np
from scipy import sparse

ONE_BY_ONE = 48  # directions followed one by one
GROUPS = 12  # of the other directions
LARGEST_GRAM = 1500  # rows or columns up to which all eigenvalues are computed; beyond, Lanczos' method
KRYLOV = 96  # its steps


def squares(features):
    """|x|^2 of every row, shape (n,)."""
    if sparse.issparse(features):
        return np.asarray(features.multiply(features).sum(axis=1)).ravel()
    return np.einsum("ij,ij->i", features, features)


def all_directions(features):
    """Eigenvalues of X'X / n above rounding, falling, and their eigenvectors as columns, (d, r)."""
    rows, columns = features.shape
    tall = columns <= rows
    gram = features.T @ features if tall else features @ features.T
    gram = (gram.toarray() if sparse.issparse(gram) else gram) / rows
    values, vectors = np.linalg.eigh(gram)
    kept = np.flatnonzero(values > max(rows, columns) * np.finfo(float).eps * values[-1])[::-1]
    values, vectors = values[kept], vectors[:, kept]
    return values, vectors if tall else features.T @ vectors / np.sqrt(rows * values)


def lanczos(features, start):
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


def grouped(spectrum):
    """Positions of the directions, one by one and then in groups of similar eigenvalue, falling."""
    groups = [[i] for i in range(min(ONE_BY_ONE, len(spectrum)))]
    tail = np.log(spectrum[len(groups) :])
    if len(tail):
        place = np.minimum((tail[0] - tail) / max(np.ptp(tail), 1e-12) * GROUPS, GROUPS - 1).astype(int)
        groups += [(len(groups) + np.flatnonzero(place == g)).tolist() for g in np.unique(place)]
    return groups
