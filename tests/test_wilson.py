"""Wilson et al.'s least squares: the construction row by row, and both ends against linear algebra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import adaptive, descent, wilson

counts = st.tuples(st.integers(1, 8), st.integers(1, 8)).map(lambda c: (c[0] + c[1], c[1]))


@settings(max_examples=30, deadline=None)
@given(counts=counts)
def test_the_construction_is_the_papers(counts):
    data = wilson.construct(*counts, new=3)
    X, y = data.features, data.labels
    assert X.shape == (sum(counts), 3 + counts[0] + 5 * counts[1] + 3 + 15)
    assert ((y == 1).sum(), (y == -1).sum()) == counts
    np.testing.assert_array_equal(X @ np.sign(X.T @ y), 4 * y)
    both = np.vstack([X, data.new_features])
    labels = np.concatenate([y, data.new_labels])
    np.testing.assert_array_equal(both[:, :3], np.column_stack([labels, 0 * labels + 1, 0 * labels + 1]))
    np.testing.assert_array_equal((both[:, 3:] != 0).sum(axis=1), np.where(labels == 1, 1, 5))
    assert ((both[:, 3:] != 0).sum(axis=0) == 1).all()  # every further feature belongs to one example


@settings(max_examples=30, deadline=None)
@given(counts=counts)
def test_least_norm_scores_are_those_of_the_pseudo_inverse(counts):
    data = wilson.construct(*counts, new=1)
    w = np.linalg.pinv(data.features) @ data.labels
    scores = wilson.gradient_descent_scores(*counts)
    np.testing.assert_allclose(data.new_features @ w, [scores.positive, scores.negative], atol=1e-12)
    assert scores.positive > 0 > scores.negative
    n, m = counts
    closed = (4 * m + 5, -(4 * n + 1)) / np.array(15 * n + 3 * m + 8 * n * m + 5.0)
    assert scores.positive == pytest.approx(3 * n * closed[0] + m * closed[1], rel=1e-10)


@settings(max_examples=30, deadline=None)
@given(counts=counts)
def test_adaptive_scores_are_those_of_the_sign_solution(counts):
    data = wilson.construct(*counts, new=1)
    w = np.sign(data.features.T @ data.labels) / 4
    np.testing.assert_array_equal(data.features @ w, data.labels)
    scores = wilson.adaptive_scores(*counts)
    assert (data.new_features @ w).tolist() == [scores.positive, scores.negative] == [0.75, 0.25]


def test_numbers_of_six_and_four():
    scores = wilson.gradient_descent_scores(6, 4)
    assert (scores.positive, scores.negative) == pytest.approx((0.92976589, -0.58193980), abs=5e-9)


def test_adagrad_goes_to_the_sign_solution_and_not_with_a_floor_under_its_division():
    data = wilson.construct(3, 2, new=1)
    X, y = data.features.astype(np.float32), data.labels.astype(np.float32)

    def loss(w):
        return ((X @ w - y) ** 2).mean() / 2

    start = np.zeros(X.shape[1])
    w = descent.descend(adaptive.adagrad, 0.1, loss, start, steps=2000)[-1]
    np.testing.assert_allclose(data.new_features @ w, [0.75, 0.25], atol=1e-4)
    w = descent.descend(lambda r: adaptive.rmsprop(r, eps=10.0), 3.0, loss, start, steps=2000)[-1]
    scores = data.new_features @ w
    assert scores[0] > 0.5 > -0.2 > scores[1]  # eps far above the gradients: gradient descent


def test_bad_counts_are_refused():
    for positives, negatives in ((4, 4), (3, 0), (2.5, 1), (-1, -2)):
        with pytest.raises(ValueError, match=r"positives|negatives"):
            wilson.construct(positives, negatives, new=1)
        with pytest.raises(ValueError, match=r"positives|negatives"):
            wilson.gradient_descent_scores(positives, negatives)
    with pytest.raises(ValueError, match="new"):
        wilson.construct(2, 1, new=0)
