"""Reduced moments: exact where they say so, bounds where they say so, the same by every way."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import sparse

from lecturelib import least_squares as ls
from lecturelib import schemes
from lecturelib.advice import directions, reduction
from lecturelib.advice.reduction import moments
from tests.agree import agree
from tests.lecture.advice.advice_cases import gaussian_moments, held
from tests.marks import first_quick

RNG = np.random.default_rng(11)
DATA = RNG.standard_normal((200, 6)) ** 3 / np.arange(1, 7), RNG.standard_normal(200)


def path(problem, start, rate=0.05, b=3, steps=60):
    return schemes.scheduled_risk(problem, start, np.full(steps, rate), np.full(steps, b))


def one_hot_rows(counts, seed=0):
    rows = np.eye(len(counts))[np.repeat(np.arange(len(counts)), counts)]
    return rows, np.random.default_rng(seed).standard_normal(len(rows))


@pytest.mark.parametrize("data", [one_hot_rows([5, 3, 2, 2]), (DATA[0][:, :1], DATA[1])])
def test_one_hot_rows_and_single_features_lose_nothing(data):
    exact, reduced = ls.finite_sample(*data), moments(*data)
    for b in (1, 7):
        rate = 0.3 * ls.max_learning_rate(exact, b)
        ours = path(reduced, reduced.start_error, rate, b)
        agree(ours, path(exact, -exact.solution, rate, b), relative=1e-9)
        agree(reduced.max_learning_rate(b), ls.max_learning_rate(exact, b), relative=1e-9)


def test_few_directions_lose_nothing():
    exact, reduced = ls.finite_sample(*DATA), moments(*DATA)
    for b in (1, 7):
        rate = 0.3 * ls.max_learning_rate(exact, b)
        ours = path(reduced, reduced.start_error, rate, b)
        agree(ours, path(exact, -exact.solution, rate, b), relative=1e-9)
        agree(reduced.max_learning_rate(b), ls.max_learning_rate(exact, b), relative=1e-9)


def test_gaussian_moments_are_the_gaussian_problem():
    eigenvalues, start = 1.0 / np.arange(1, 9), np.ones(8)
    reduced, exact = gaussian_moments(eigenvalues, 0.5, start), ls.gaussian(eigenvalues, 0.5)
    agree(path(reduced, start, 0.1), path(exact, start, 0.1), relative=1e-12)
    for b in (1, 5, 1000, math.inf):
        agree(reduced.max_learning_rate(b), ls.max_learning_rate(exact, b), relative=1e-12)
    sizes = ls.critical_batch_sizes(exact, start)
    agree(reduced.noise_scale(reduced.start(start)), sizes.curvature_noise_scale, relative=1e-12)


@first_quick("name", ["mnist-0", "wordnet", "heavy tails"])
def test_the_largest_rate_is_never_below_the_exact_one_nor_far_above(name, monkeypatch):
    features, targets = held(name)
    monkeypatch.setattr(reduction, "PAIRS", 4)
    exact, reduced = ls.finite_sample(features, targets), moments(features, targets)
    for b in (1, 8, 64):
        share = reduced.max_learning_rate(b) / ls.max_learning_rate(exact, b)
        assert 1.0 - 1e-9 <= share <= 1.25


def test_the_spectrum_of_a_known_law_is_recovered():
    rows, truth = 20_000, 1.0 / np.arange(1, 13)
    features = np.random.default_rng(1).standard_normal((rows, 12)) * np.sqrt(truth)
    found = moments(features, features @ np.ones(12))
    standard_error = math.sqrt(2.0 / rows)  # of an eigenvalue, relative
    agree(found.spectrum / truth, 1.0, standard_error=standard_error, factor=4.0)
    assert np.all(np.abs(found.spectrum[1:] / truth[:-1] - 1.0) > 4.0 * standard_error)  # off by one
    exact = ls.critical_batch_size(ls.gaussian(truth))
    parts = [moments(features[i::10], features[i::10] @ np.ones(12)) for i in range(10)]
    parts = [part.max_learning_rate(math.inf) / part.max_learning_rate(1) for part in parts]
    error = np.std(parts, ddof=1) / math.sqrt(10)
    agree(
        found.max_learning_rate(math.inf) / found.max_learning_rate(1),
        exact,
        standard_error=error,
        factor=4.0,
    )


def test_a_dropped_term_is_seen():
    exact, right = ls.finite_sample(*DATA), moments(*DATA)
    truth = path(exact, -exact.solution)
    for change in (
        {"cross": 0.0 * right.cross},
        {"residual_noise": 0.0 * right.residual_noise},
        {"fourth": np.diag(np.diag(right.fourth))},
    ):
        wrong = dataclasses.replace(right, **change)
        assert np.max(np.abs(path(wrong, right.start_error) / truth - 1.0)) > 1e-3


def same(left, right, tolerance=1e-8):
    start, other = left.start_error, right.start_error
    agree(path(left, start), path(right, other), relative=tolerance)
    agree(left.max_learning_rate(2), right.max_learning_rate(2), relative=tolerance)
    agree(left.trace, right.trace, relative=tolerance)


def test_blocks_sparse_rows_lanczos_and_the_small_side_give_the_same(monkeypatch):
    features, targets = DATA
    whole = moments(features, targets)
    same(moments(sparse.csr_array(features), targets), whole)
    monkeypatch.setattr(reduction, "NUMBERS_AT_ONCE", 50)
    same(moments(features, targets), whole)
    monkeypatch.setattr(directions, "LARGEST_GRAM", 0)
    krylov = moments(sparse.csr_array(features), targets)
    assert not krylov.whole
    same(krylov, whole, 1e-6)


def test_wide_data_use_the_small_side():
    features = RNG.standard_normal((5, 12))
    targets = RNG.standard_normal(5)
    found = moments(features, targets)
    exact = np.linalg.eigvalsh(features @ features.T / 5)[::-1]
    agree(found.spectrum, exact, relative=1e-10)
    agree(features @ found.solution, targets, relative=1e-8)
    agree(found.solution, np.linalg.pinv(features) @ targets, relative=1e-8)


def test_a_few_steps_of_lanczos_leave_the_rest_as_one_group(monkeypatch):
    rng = np.random.default_rng(4)
    features = rng.standard_normal((3000, 40)) * np.arange(1, 41) ** -0.5
    targets = features @ np.ones(40) + 0.1 * rng.standard_normal(3000)
    whole = moments(features, targets)
    monkeypatch.setattr(directions, "LARGEST_GRAM", 0)
    monkeypatch.setattr(directions, "KRYLOV", 12)
    few = moments(features, targets)
    assert (few.dimension, few.multiplicity[12]) == (13, 28)
    agree(few.eigenvalues @ few.multiplicity[:13], whole.trace, relative=1e-9)
    agree(few.max_learning_rate(1) / whole.max_learning_rate(1), 1, rounding=0.05)
    rate = 0.3 * whole.max_learning_rate(4)
    ours, truth = (path(each, each.start_error, rate, 4, 100) for each in (few, whole))
    agree(ours / truth, 1, rounding=0.05)


def test_groups_of_equal_eigenvalues_lose_nothing(monkeypatch):
    features, targets = one_hot_rows([4] * 12)
    alone = moments(features, targets)
    monkeypatch.setattr(directions, "ONE_BY_ONE", 2)
    grouped = moments(features, targets)
    assert (alone.dimension, grouped.dimension) == (12, 3)
    same(alone.without_noise(), grouped.without_noise(), 1e-9)


def test_a_given_solution_is_taken():
    features, targets = DATA
    best = np.linalg.lstsq(features, targets, rcond=None)[0]
    same(moments(features, targets, best), moments(features, targets))
    assert moments(features, targets, 2.0 * best).solution.tolist() == (2.0 * best).tolist()


def test_features_of_zeros_are_refused():
    with pytest.raises(ValueError, match="features are all zero"):
        moments(np.zeros((4, 2)), np.ones(4))
