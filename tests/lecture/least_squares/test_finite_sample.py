"""A data set, against SGD run on every possible sequence of batches."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import eigh

from lecturelib import least_squares as ls
from lecturelib.least_squares.finite_sample import FiniteSample, finite_sample
from tests.agree import agree
from tests.lecture.least_squares import dense_sgd
from tests.marks import first_quick

RNG = np.random.default_rng(20)
FEATURES, TARGETS = RNG.standard_normal((6, 2)) ** 3, RNG.standard_normal(6)
START, RATE = np.array([1.0, -0.5]), 0.1


@first_quick("replacement", [True, False])
def test_agrees_with_every_batch(replacement):
    problem = finite_sample(FEATURES, TARGETS, replacement=replacement)
    bias, risk = dense_sgd.every_batch(FEATURES, TARGETS, START, RATE, 2, 3, replacement)
    curve = ls.risk_curve(problem, START, RATE, 2, 3)
    agree(curve.bias, bias, relative=1e-10)
    agree(curve.risk, risk, relative=1e-10)
    state = problem.start(START)
    for step in range(3):
        state = problem.step(state, RATE, 2)
        agree(problem.risk(state), risk[step + 1], relative=1e-10)
        agree(0.5 * problem.eigenvalues @ state.mean**2, bias[step + 1], relative=1e-10)


class NoCrossTerm(FiniteSample):
    """A data set whose residuals are taken for independent noise: the textbook recursion."""

    def full_gradient_moment(self, state):
        return super().full_gradient_moment(state._replace(mean=np.zeros_like(state.mean)))


@pytest.mark.long
def test_dropping_the_cross_term_is_seen():
    problem = finite_sample(FEATURES, TARGETS)
    mutant = NoCrossTerm(**{name: getattr(problem, name) for name in problem.__dataclass_fields__})
    _, risk = dense_sgd.every_batch(FEATURES, TARGETS, START, RATE, 2, 3)
    assert abs(ls.risk_curve(mutant, START, RATE, 2, 3).risk[-1] / risk[-1] - 1.0) > 1e-3
    # without residuals there is nothing to drop
    fits = problem.without_noise()
    easy = replace(mutant, targets=fits.targets, residuals=fits.residuals)
    agree(
        ls.risk_curve(easy, START, RATE, 2, 3).risk,
        ls.risk_curve(fits, START, RATE, 2, 3).risk,
        relative=1e-14,
    )


def test_one_over_b_is_wrong_without_replacement():
    mutant = finite_sample(FEATURES, TARGETS, replacement=True)
    _, risk = dense_sgd.every_batch(FEATURES, TARGETS, START, RATE, 2, 3, replacement=False)
    assert abs(ls.risk_curve(mutant, START, RATE, 2, 3).risk[-1] / risk[-1] - 1.0) > 1e-3


def test_the_whole_data_set_without_replacement_is_gradient_descent():
    problem = finite_sample(FEATURES, TARGETS, replacement=False)
    assert problem.noise_factor(6) == 0.0
    assert ls.max_learning_rate(problem, 6) == ls.max_learning_rate(problem, math.inf)
    assert np.all(ls.risk_curve(problem, START, RATE, 6, 3).variance == 0.0)
    assert finite_sample([[2.0]], [1.0], replacement=False).noise_factor(1) == 0.0
    with pytest.raises(ValueError, match=r"batch_size = 7 is more than the 6 examples"):
        ls.max_learning_rate(problem, 7)


def test_one_hot_rows_are_the_one_hot_problem():
    rows = np.eye(3)[[0, 0, 0, 1, 1, 2]]
    data, theory = finite_sample(rows, np.zeros(6)), ls.one_hot([1 / 2, 1 / 3, 1 / 6])
    start = np.array([1.0, 2.0, -1.0])
    for batch_size in (1, 4, 100):
        rate = ls.max_learning_rate(theory, batch_size)
        agree(ls.max_learning_rate(data, batch_size), rate, relative=1e-12)
        ours = ls.risk_curve(data, start, 0.4 * rate, batch_size, 20)
        theirs = ls.risk_curve(theory, start, 0.4 * rate, batch_size, 20)
        agree(ours.bias, theirs.bias, relative=1e-12)
        agree(ours.variance, theirs.variance, relative=1e-12)


@pytest.mark.long
def test_rank_deficient_features_are_refused_or_worked_on_their_range():
    twice = np.column_stack([FEATURES, FEATURES[:, 0]])
    with pytest.raises(ValueError, match=r"features has rank 2, below its 3 columns.*on_range=True"):
        finite_sample(twice, TARGETS)
    with pytest.raises(ValueError, match="rank 1"):
        finite_sample(np.ones((1, 2)), [1.0])
    problem = finite_sample(twice, TARGETS, on_range=True)
    assert problem.eigenvalues.shape == (2,)
    assert problem.dimension == 3
    start = np.array([1.0, -0.5, 2.0])
    _, risk = dense_sgd.every_batch(twice, TARGETS, start, 0.05, 2, 3)
    agree(ls.risk_curve(problem, start, 0.05, 2, 3).risk, risk, relative=1e-10)
    unfelt = start + 7.0 * np.array([1.0, 0.0, -1.0])
    agree(ls.risk_curve(problem, unfelt, 0.05, 2, 3).risk, risk, relative=1e-10)


def test_the_parts_of_jain_leave_the_cross_term_over():
    problem = finite_sample(FEATURES, TARGETS)
    parts = ls.noise_free_curve(problem, START, RATE, 2, 5)
    assert parts.interaction[0] == 0.0
    assert np.max(np.abs(parts.interaction)) > 1e-3


@pytest.mark.parametrize(
    ("features", "targets", "says"),
    [
        (FEATURES, TARGETS[:-1], "targets has 5 entries for 6 rows"),
        (FEATURES[:, 0], TARGETS, "features has shape"),
        (np.zeros((4, 2)), np.zeros(4), "features are all zero"),
        (np.where(FEATURES > 1, np.nan, FEATURES), TARGETS, "features has the value nan at"),
        (FEATURES, np.full(6, np.inf), "targets has the value inf at"),
        (np.zeros((0, 2)), [], "features has shape"),
    ],
)
def test_bad_input_is_named(features, targets, says):
    with pytest.raises(ValueError, match=says):
        finite_sample(features, targets)


def test_the_norm_constant_is_the_top_of_its_pencil():
    """R^2 of E[|x|^2 xx'] <= R^2 H, by another eigensolver, on the rows as they are."""
    problem = finite_sample(FEATURES, TARGETS)
    moment = (FEATURES * np.sum(FEATURES**2, axis=1)[:, None]).T @ FEATURES / len(FEATURES)
    agree(problem.norm_constant(), eigh(moment, FEATURES.T @ FEATURES / len(FEATURES))[0][-1], relative=1e-12)
