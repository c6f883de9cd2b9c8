"""The shared space of a data set: dense agreement in moderate dimension, ties, and steady states."""

import numpy as np
import pytest
import scipy.linalg

from lecturelib import least_squares as ls
from lecturelib.least_squares.krylov import SharedSpace
from tests.agree import agree
from tests.lecture.least_squares import dense_sgd


def decaying(rows, columns, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, columns)) ** 3 / np.arange(1, columns + 1), rng.standard_normal(rows)


def test_agrees_with_the_dense_pencil_in_moderate_dimension():
    features, targets = decaying(150, 10, seed=2)
    problem = ls.finite_sample(features, targets)
    sizes = np.array([1, 4, 64, 10**6])
    dense = [dense_sgd.max_rate(features, np.full(150, 1 / 150), 1 / size) for size in sizes]
    agree(ls.max_learning_rate(problem, sizes), dense, relative=1e-11)


def test_the_order_of_questions_does_not_change_the_answers():
    features, targets = decaying(100, 8, seed=3)
    together = ls.max_learning_rate(ls.finite_sample(features, targets), [1, 5, 50])
    problem = ls.finite_sample(features, targets)
    backwards = [ls.max_learning_rate(problem, size) for size in (50, 5, 1)][::-1]
    agree(together, backwards, relative=1e-10)  # what is promised of a rate


def test_far_fewer_products_than_dimensions():
    features, targets = decaying(400, 30, seed=4)
    problem = ls.finite_sample(features, targets)
    space = SharedSpace(problem.eigenvalues, problem.fourth_moment)
    nothing = np.zeros(30 * 30)
    while space.top(1.0, nothing)[2] > 1e-12 * space.top(1.0, nothing)[0]:
        assert space.grow(space.top(1.0, nothing)[1])
    assert len(space.basis) < 40  # of 465 dimensions
    agree(space.top(1.0, nothing)[0], problem.pencil_tops(np.array([1.0]))[0], relative=1e-11)


def test_ties_and_exhausted_spaces():
    for rows in (np.eye(4), np.eye(1), np.vstack([np.eye(3), -np.eye(3)])):
        d = rows.shape[1]
        problem = ls.finite_sample(rows, np.arange(float(len(rows))))
        sizes = np.array([1, 3, 9])
        agree(ls.max_learning_rate(problem, sizes), 2 * sizes / (1 + (sizes - 1) / d), relative=1e-13)


@pytest.mark.long
def test_steady_state_solves_the_dense_system():
    features, targets = decaying(60, 4, seed=5)
    problem = ls.finite_sample(features, targets)
    weights = np.full(60, 1 / 60)
    mean = dense_sgd.hessian(features, weights)
    residuals = targets - features @ np.linalg.lstsq(features, targets, rcond=None)[0]
    for batch_size in (1, 6):
        rate = 0.6 * ls.max_learning_rate(problem, batch_size)
        shrink = np.eye(4) - rate * mean
        step = np.kron(shrink, shrink) + rate**2 / batch_size * dense_sgd.excess(features, weights)
        force = rate**2 / batch_size * (features.T * residuals**2) @ features / 60
        second = scipy.linalg.solve(np.eye(16) - step, force.ravel())
        dense = 0.5 * mean.ravel() @ second
        agree(ls.steady_risk(problem, rate, batch_size), dense, relative=1e-10)
        steps = {1: 15_000, 6: 3000}[batch_size]  # at least 15 times as many as it takes to forget by 1/e
        curve = ls.risk_curve(problem, np.ones(4), rate, batch_size, steps)
        agree(curve.risk[-1], dense, relative=1e-6)


def test_the_top_with_another_drift_is_that_of_the_dense_pencil():
    rng = np.random.default_rng(8)
    problem = ls.finite_sample(rng.standard_normal((30, 4)) ** 3, np.zeros(30))
    sides = problem.left + problem.right
    for factor in (0.02, 0.3, 1.0):
        drift = rng.uniform(-1.0, 1.0, (4, 4)) * problem.left * problem.right
        drift = drift + drift.T
        rows, columns = np.triu_indices(4)
        dense = np.empty((10, 10))
        for place, (i, j) in enumerate(zip(rows, columns, strict=True)):
            unit = np.zeros((4, 4))
            unit[i, j] = unit[j, i] = 1.0 if i == j else np.sqrt(0.5)
            image = (
                factor * (problem.fourth_moment(unit) - problem.left * problem.right * unit) + drift * unit
            )
            dense[place] = image[rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2.0))
        scale = 1.0 / np.sqrt(sides[rows, columns])
        expected = np.linalg.eigvalsh(scale[:, None] * dense * scale)[-1]
        agree(problem.pencil_top(factor, drift), expected, relative=1e-10)
