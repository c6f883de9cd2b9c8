"""The order of Hogwild's rows: each visited once an epoch, by one thread, nearly all orders alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from scipy import sparse, stats

from lecturelib import hogwild
from lecturelib.hogwild import rows as hogwild_rows
from tests.lecture.hogwild.test_hogwild import SHARED, random_problem
from tests.marks import first_quick


def visits(rows, scheme, threads, epochs=2, **options):
    """How often each row was visited: below the hinge every visit adds the same to the row's own weight."""
    rate = 2.0**-20
    run = hogwild.train(
        sparse.eye_array(rows, format="csr"),
        np.ones(rows),
        loss="hinge",
        learning_rate=rate,
        epochs=epochs,
        scheme=scheme,
        threads=threads,
        **options,
    )
    return run.weights / rate


@pytest.mark.long
@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 700),
    threads=st.integers(1, 5),
    scheme=st.sampled_from(SHARED),
    seed=st.integers(0, 99),
)
def test_every_row_is_visited_once_an_epoch(rows, threads, scheme, seed):
    assert (visits(rows, scheme, threads, seed=seed) == 2).all()


@pytest.mark.long
def test_rows_are_visited_in_an_order_that_depends_on_seed_and_epoch_alone():
    features, labels = random_problem()
    options = {"learning_rate": 0.1, "seed": 3, "scheme": "round-robin"}

    def weights(**changes):
        return hogwild.train(features, labels, **(options | {"epochs": 2} | changes)).weights.tolist()

    assert weights() == weights()
    assert weights() != weights(seed=4)
    assert weights() != weights(shuffle=False)


@njit
def tabulate(rows, keys, order):
    for position in range(np.uint64(rows)):
        order[position] = hogwild_rows.permute(position, np.uint64(rows), keys)


@first_quick("rows", [2, 3, 8, 37, 128])
def test_orders_are_permutations_and_nearly_uniform(rows):
    draws = 4000
    generator = np.random.default_rng(0)
    empty = hogwild_rows.Rows(None, None, None, np.zeros(rows), None)
    orders = np.empty((draws, rows), np.int64)
    for order in orders:
        tabulate(rows, hogwild_rows.draw_order(empty, generator).keys, order)
    assert (np.sort(orders, axis=1) == np.arange(rows)).all()
    # At the level 1e-6 the test sees a bias of about a tenth in a cell: which row stands where, and the
    # distance between the first two.
    table = np.stack([np.bincount(column, minlength=rows) for column in orders.T])
    square = ((table - draws / rows) ** 2).sum() / (draws / rows)
    assert stats.chi2.sf(square, (rows - 1) ** 2) > 1e-6
    distance = np.bincount((orders[:, 1] - orders[:, 0]) % rows, minlength=rows)[1:]
    square = ((distance - distance.mean()) ** 2).sum() / distance.mean()
    assert rows == 2 or stats.chi2.sf(square, rows - 2) > 1e-6
