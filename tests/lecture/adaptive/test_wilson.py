"""Wilson et al.'s least squares: the construction row by row, and both ends against linear algebra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import adaptive
from lecturelib.adaptive import online, wilson
from tests.agree import agree

counts = st.tuples(st.integers(1, 8), st.integers(1, 8)).map(lambda c: (c[0] + c[1], c[1]))


@settings(max_examples=30, deadline=None)
@given(counts=counts)
def test_the_construction_is_the_papers(counts):
    data = wilson.construct(*counts, new=3)
    X, y = data.features, data.labels
    assert X.shape == (sum(counts), 3 + counts[0] + 5 * counts[1] + 3 + 15)
    assert ((y == 1).sum(), (y == -1).sum()) == counts
    assert (X @ np.sign(X.T @ y) == 4 * y).all()
    both = np.vstack([X, data.new_features])
    labels = np.concatenate([y, data.new_labels])
    assert (both[:, 0] == labels).all()
    assert (both[:, 1:3] == 1).all()
    assert ((both[:, 3:] != 0).sum(axis=1) == np.where(labels == 1, 1, 5)).all()
    assert ((both[:, 3:] != 0).sum(axis=0) == 1).all()  # every further feature belongs to one example


@settings(max_examples=30, deadline=None)
@given(counts=counts)
def test_least_norm_scores_are_those_of_the_pseudo_inverse(counts):
    data = wilson.construct(*counts, new=1)
    w = np.linalg.pinv(data.features) @ data.labels
    scores = wilson.gradient_descent_scores(*counts)
    agree(data.new_features @ w, [scores.positive, scores.negative], rounding=1e-12)
    assert scores.positive > 0 > scores.negative
    n, m = counts
    closed = (4 * m + 5, -(4 * n + 1)) / np.array(15 * n + 3 * m + 8 * n * m + 5.0)
    agree(scores.positive, 3 * n * closed[0] + m * closed[1], relative=1e-10)


@settings(max_examples=30, deadline=None)
@given(counts=counts)
def test_adaptive_scores_are_those_of_the_sign_solution(counts):
    data = wilson.construct(*counts, new=1)
    w = np.sign(data.features.T @ data.labels) / 4
    assert (data.features @ w == data.labels).all()
    scores = wilson.adaptive_scores(*counts)
    assert (data.new_features @ w).tolist() == [scores.positive, scores.negative] == [0.75, 0.25]


def test_numbers_of_six_and_four():
    scores = wilson.gradient_descent_scores(6, 4)
    agree((scores.positive, scores.negative), (0.92976589, -0.58193980), rounding=5e-9)


def test_adagrad_goes_to_the_sign_solution_and_not_with_a_floor_under_its_division():
    data = wilson.construct(3, 2, new=1)
    X, y = data.features.astype(np.float32), data.labels.astype(np.float32)

    def loss(w):
        return ((X @ w - y) ** 2).mean() / 2

    start = np.zeros(X.shape[1])
    w = online.descend(adaptive.adagrad, 0.1, loss, start, steps=2000)[-1]
    agree(data.new_features @ w, [0.75, 0.25], rounding=1e-4)  # 2000 steps come that near
    w = online.descend(lambda r: adaptive.rmsprop(r, eps=10.0), 3.0, loss, start, steps=2000)[-1]
    scores = data.new_features @ w
    assert scores[0] > 0.5 > -0.2 > scores[1]  # eps far above the gradients: gradient descent


@pytest.mark.parametrize("counts", [(4, 4), (3, 0), (2.5, 1), (-1, -2)])
@pytest.mark.parametrize("function", [wilson.gradient_descent_scores, wilson.adaptive_scores])
def test_bad_counts_are_refused(function, counts):
    with pytest.raises(ValueError, match=r"positives|negatives"):
        function(*counts)
    with pytest.raises(ValueError, match=r"positives|negatives"):
        wilson.construct(*counts, new=1)


def test_new_examples_are_counted():
    with pytest.raises(ValueError, match="new = 0"):
        wilson.construct(2, 1, new=0)
