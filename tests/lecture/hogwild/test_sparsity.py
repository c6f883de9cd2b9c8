"""The sparsity numbers against rows counted by hand, and against random rows of which all is known."""

import numpy as np
import pytest
from scipy import sparse

from lecturelib.hogwild import sparsity as module
from tests.agree import agree

BY_HAND = [
    [1, 1, 0, 0, 0],
    [0, 1, 1, 0, 0],
    [0, 0, 1, 1, 0],
    [0, 0, 0, 0, 1],
    [0, 1, 0, 0, 1],
]  # 0 meets 1, 4; 1 also 2, 4; 3 meets 4


def test_five_rows_that_can_be_counted_by_hand():
    omega, delta, rho, meeting = module.sparsity(sparse.csr_array(np.array(BY_HAND)))
    assert omega == 2
    agree([delta, rho, meeting], [3 / 5, 4 / 5, 5 / 10], rounding=1e-15)


def random_rows(k=5, d=1000, many=1000):
    generator = np.random.default_rng(0)
    columns = np.sort([generator.choice(d, k, replace=False) for _ in range(many)]).ravel()
    return sparse.csr_array((np.ones(k * many), columns, np.arange(0, k * many + 1, k)), shape=(many, d))


def off(found, k=5, d=1000, many=1000):
    """Distance from the probability that two random rows of k of d columns meet, in standard errors."""
    known = 1 - np.prod(1 - k / (d - np.arange(k)))
    return abs(found.meeting - known) / np.sqrt(2 * known / many**2)  # the pairs of two rows are independent


def test_random_rows_meet_as_often_as_they_should():
    assert off(module.sparsity(random_rows())) < 4


def test_rows_that_are_dense_and_rows_that_never_meet():
    assert module.sparsity(sparse.csr_array(np.ones((6, 3)))) == (3, 1, 1, 1)
    assert module.sparsity(sparse.eye_array(5, format="csr")) == (1, 0.2, 0.2, 0)


def test_a_row_that_is_not_counted_among_those_it_meets_is_noticed(monkeypatch):
    """A wrong program: the product of the rows has an empty diagonal."""
    right = sparse.csr_array.__gt__

    def without_itself(product, other):
        found = right(product, other).tolil()
        found.setdiag(False)
        return found.tocsr()

    rows = sparse.csr_array(np.array(BY_HAND))
    monkeypatch.setattr(sparse.csr_array, "__gt__", without_itself)
    assert module.sparsity(rows).rho == 3 / 5


@pytest.mark.parametrize(("rows", "options"), [(1, {}), (4, {"sample": 1})])
def test_fewer_than_two_rows_are_refused(rows, options):
    with pytest.raises(ValueError, match=r"rows; pass two or more|sample = 1 is refused"):
        module.sparsity(sparse.csr_array(np.ones((rows, 2))), **options)
