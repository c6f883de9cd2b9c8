"""Small cases for exact schemes: every sequence of batches of a three-row data set, enumerated."""

import itertools

import numpy as np

from lecturelib.least_squares import gaussian
from lecturelib.least_squares.finite_sample import finite_sample

ISO = gaussian([1.0] * 50, noise_variance=1.0)
POWER = gaussian(1.0 / np.arange(1, 101), noise_variance=1.0)
SAMPLES = 32768

FEATURES = np.array([[1.0, 0.3], [-0.6, 1.1], [0.4, -0.9]])
DATA = finite_sample(FEATURES, [1.0, -0.5, 2.0])  # fixed residuals: the cross term counts
RESIDUALS = DATA.targets - FEATURES @ np.linalg.lstsq(FEATURES, DATA.targets, rcond=None)[0]
START = np.array([1.0, -2.0])

# Enumeration and recursion each do some hundreds of float64 operations on numbers of order one.
EXACT = 1e-12  # relative


def paths(rates, sizes):
    """The errors Delta_1, ..., Delta_T of every equally likely sequence of batches, (sequences, T, 2)."""
    found = [[START]]
    for rate, size in zip(rates, sizes, strict=True):
        longer = []
        for path, batch in itertools.product(found, itertools.product(range(3), repeat=size)):
            rows = FEATURES[list(batch)]
            slope = rows.T @ (rows @ path[-1] - RESIDUALS[list(batch)]) / size
            longer.append([*path, path[-1] - rate * slope])
        found = longer
    return np.array(found)[:, 1:]


def risk(errors):
    """Mean excess risk of errors, shape (..., 2)."""
    hessian = FEATURES.T @ FEATURES / 3
    return float(np.mean(0.5 * np.einsum("...i,ij,...j->...", errors, hessian, errors)))
