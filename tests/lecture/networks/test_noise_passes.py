"""Lanczos' method against dense eigenvalues, scipy's eigsh, and matrices on which it ends early."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import eigsh

from lecturelib.networks.noise_passes import top_eigenvalue
from tests.agree import FLOAT64, agree


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_lanczos_finds_the_largest_eigenvalue_of_indefinite_matrices(size, seed):
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(size, size))
    matrix = matrix + matrix.T
    found = top_eigenvalue(lambda v: matrix @ v, random.normal(size=size), tolerance=1e-9)
    expected = np.linalg.eigvalsh(matrix)[-1]
    agree(found.value, expected, rounding=1e-08 * np.linalg.norm(matrix))
    if size > 2:
        agree(found.value, eigsh(matrix, k=1, which="LA")[0][0], rounding=1e-08 * np.linalg.norm(matrix))


def test_lanczos_bounds_its_error_when_stopped_early():
    values = np.linspace(0, 1, 200)
    for products in (2, 5, 10):
        found = top_eigenvalue(lambda v: values * v, np.ones(200), tolerance=1e-9, max_products=products)
        assert found.products == products
        distance = np.min(abs(values - found.value))
        assert distance <= found.residual
        assert found.value <= 1.0 + 1e-12


@pytest.mark.parametrize("matrix", [np.zeros((4, 4)), 3 * np.eye(5), np.array([[-2.0]])])
def test_lanczos_ends_when_there_is_nothing_more_to_find(matrix):
    found = top_eigenvalue(lambda v: matrix @ v, np.arange(1.0, len(matrix) + 1))
    agree(found.value, matrix[0, 0], relative=4 * FLOAT64)
    assert found.products == 1
