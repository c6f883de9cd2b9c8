"""Risk curves, steady states and the literature's split, against dense operators and reference numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import least_squares as ls
from tests.agree import agree
from tests.lecture.least_squares import dense_sgd
from tests.lecture.least_squares.sgd_cases import DENSE, EIGENVALUES, START
from tests.lecture.least_squares.test_stability import data_sets
from tests.marks import first_quick

GAUSS3, ISO50 = DENSE["gaussian"][0], ls.gaussian(np.ones(50), 1.0)
ROUNDING = 1e-12  # forty steps of a few dozen operations: some 1,000 units of rounding, 2e-16 each


@pytest.mark.parametrize("batch_size", [1, 5, math.inf])
def test_risk_curve_is_the_dense_curve(batch_size):
    for problem, atoms in DENSE.values():
        bias, risk = dense_sgd.risks(*atoms, 0.3, START, 0.2, 1.0 / batch_size, 40)
        curve = ls.risk_curve(problem, START, 0.2, batch_size, 40)
        agree(curve.bias, bias, relative=ROUNDING)
        agree(curve.risk, risk, relative=ROUNDING)
        assert curve.bias.shape == curve.variance.shape == (41,)
        assert np.all(curve.variance >= 0.0)
        assert np.all(curve.variance == 0.0) == math.isinf(batch_size)


def test_the_half_in_the_loss_and_the_mean_over_the_batch_matter():
    bias, risk = dense_sgd.risks(*dense_sgd.gaussian_atoms(EIGENVALUES), 0.3, START, 0.2, 1 / 5, 40)
    without_half = ls.risk_curve(GAUSS3, START, 0.4, 5, 40).risk  # gradient of E (y - x'w)^2: twice the step
    summed = ls.risk_curve(GAUSS3, START, 1.0, 5, 40).risk  # sum over the batch: five times the step
    for wrong in (without_half, 2.0 * risk, summed, bias):
        assert np.max(np.abs(wrong / risk - 1.0)) > 0.1


def test_at_one_rate_the_best_batch_depends_on_the_work():
    """Notebook 04's table: equal gradients, not equal steps. The bias waits for steps, the variance for b."""
    problem, start = ls.gaussian(1 / np.arange(1, 21), 0.25), np.ones(20)
    curves = {b: ls.risk_curve(problem, start, 0.1, b, 2048 // b) for b in (1, 8, 64)}
    early = [curves[b].risk[256 // b] for b in curves]
    late = [curves[b].risk[2048 // b] for b in curves]
    agree(early, [0.04774, 0.44832, 1.30316], rounding=6e-6)
    agree(late, [0.02904, 0.01588, 0.43608], rounding=6e-6)
    assert np.all(np.diff([curves[b].bias[256 // b] for b in curves]) > 0.4)
    assert len({curves[b].bias[32] for b in curves}) == 1  # wrong: after equally many steps


def test_steady_variance_reference_numbers():
    table = {0.001: (0.01283367, 0.00125382), 0.01: (0.16891892, 0.01289325), 0.02: (0.52083333, 0.02662407)}
    for rate, row in {**table, 0.03: (1.70454545, 0.04127683)}.items():
        ours = [ls.steady_risk(ISO50, rate, size) for size in (1, 10)]
        agree(ours, row, rounding=1e-8)  # a unit of the last digit printed
    ours = [ls.steady_risk(ISO50, 0.002, 1), ls.steady_risk(ISO50, 0.02, 10)]
    agree(ours, [0.0263713, 0.0266241], rounding=6e-8)
    halves = [ls.steady_risk(ISO50, 0.5 * ls.max_learning_rate(ISO50, b), b) for b in (1, 8, 64)]
    agree(halves, [0.48076923, 0.42372881, 0.21739130], rounding=6e-9)


@pytest.mark.parametrize(
    ("rate", "of_ten", "of_fifty"),
    [
        (0.001, 10.2356263, 51.2829),
        (0.01, 13.1013514, 66.8851),
        (0.02, 19.5625, 102.0625),
        (0.03, 41.2954545, 220.3864),
    ],
)
def test_variance_is_not_exactly_b_times_lower(rate, of_ten, of_fifty):
    one, ten, fifty = (ls.steady_risk(ISO50, rate, size) for size in (1, 10, 50))
    agree([one / ten, one / fifty], [of_ten, of_fifty], relative=1e-6)
    assert one / ten > 10.2


def test_early_variance_ratios():
    steps = [1, 2, 10, 50, 100, 200, 400]
    one, ten = (ls.risk_curve(ISO50, np.ones(50), 0.02, size, 400).variance[steps] for size in (1, 10))
    references = [10, 10.0954, 10.9056, 16.4840, 27.7239, 33.2239, 19.9542]
    agree(one / ten, references, relative=1e-5)


@pytest.mark.parametrize(
    "problem", [GAUSS3, ls.one_hot([0.6, 0.3, 0.1], 0.3), ls.gaussian(EIGENVALUES, 0.3, kurtosis=1.0)]
)
def test_steady_risk_is_where_the_curve_settles(problem):
    for batch_size in (1, 6):
        rate = 0.5 * ls.max_learning_rate(problem, batch_size)
        curve = ls.risk_curve(problem, START, rate, batch_size, 2000)
        agree(curve.risk[-1], ls.steady_risk(problem, rate, batch_size), relative=1e-11)
    assert ls.steady_risk(problem, 0.1, math.inf) == 0.0


def test_steady_risk_without_the_factor_two_is_seen():
    mutant = replace(ISO50, own=ISO50.eigenvalues**2)
    assert abs(ls.steady_risk(mutant, 0.03, 1) / 1.70454545 - 1.0) > 0.01


def test_two_different_biases():
    parts = ls.noise_free_curve(GAUSS3, START, 0.2, 1, 20)
    whole = ls.risk_curve(GAUSS3, START, 0.2, 1, 20)
    agree(parts.interaction, 0.0, rounding=1e-14)
    agree(parts.noise_free + parts.noise_only, whole.risk, relative=1e-13)
    assert parts.noise_free[20] > 1.1 * whole.bias[20]  # Jain's bias contains the noise of the features
    best = [b / (b + 51) for b in (1, 10, 51, 500)]
    for batch_size, rate in zip((1, 10, 51, 500), best, strict=True):
        curve = ls.risk_curve(ls.gaussian(np.ones(50)), np.ones(50), rate, batch_size, 40)
        factor = 51 / (batch_size + 51)
        agree(curve.risk[1:20] / curve.risk[:19], factor, relative=1e-12)
        agree(curve.bias[1:20] / curve.bias[:19], factor**2, relative=1e-12)
    first = [
        int(np.argmax(curve.variance > curve.bias))
        for b, rate in zip((1, 10, 51, 500), best, strict=True)
        for curve in [ls.risk_curve(ls.gaussian(np.ones(50)), np.ones(50), rate, b, 60)]
    ]
    # at b = 51 both halve: after one step they are equal, a tie that rounding decides
    assert first in ([36, 4, 1, 1], [36, 4, 2, 1])


def test_a_huge_batch_is_gradient_descent():
    """b times the variance only falls as b grows: what a thousand examples have bounds that of a billion."""
    problem = ls.gaussian(1.0 / np.arange(1, 101), 1.0)
    rate, start = 0.9 * ls.max_learning_rate(problem, math.inf), np.ones(100)
    descent = 0.5 * problem.eigenvalues @ (1 - rate * problem.eigenvalues[:, None]) ** (2 * np.arange(51))
    huge, large = (ls.risk_curve(problem, start, rate, size, 50) for size in (10**9, 1000))
    agree(huge.risk, descent, relative=1e-6 * large.variance / descent + 1e-10)
    assert np.max(np.abs(large.risk / descent - 1)) > 1e-3  # a thousand examples are not all


def test_linear_scaling_rule():
    """k steps at (rate, b) against one at (k rate, k b): equal to first order in the rate."""
    schemes = [(0.01, 1, 4), (0.04, 4, 1), (0.01, 8, 8), (0.08, 64, 1)]
    problem = ls.gaussian(np.ones(50))
    ours = [ls.risk_curve(problem, np.ones(50), *scheme).risk[-1] / 25 for scheme in schemes]
    agree(ours, [0.94210132, 0.942, 0.85589847, 0.8515], rounding=6e-9)


@given(data_sets(), st.sampled_from([(1, 2), (1, 7), (3, 4), (5, 1000)]), st.floats(0.05, 0.9))
@settings(max_examples=40, deadline=None)
def test_b_times_the_covariance_falls_with_b(data, sizes, fraction):
    features, targets = data
    problem = ls.finite_sample(features, targets)
    rate = fraction * ls.max_learning_rate(problem, sizes[0])
    start = np.ones(features.shape[1])
    states = [problem.start(start)] * 2
    for _ in range(10):
        states = [problem.step(state, rate, size) for state, size in zip(states, sizes, strict=True)]
        first, second = (
            size * (state.second - problem.outer(state.mean))
            for state, size in zip(states, sizes, strict=True)
        )
        # subtracting m m' from Phi leaves some ten steps of rounding, times the larger batch
        rounding = 1e-14 * sizes[1] * np.linalg.norm(states[1].second) + 1e-14 * np.linalg.norm(first)
        assert np.linalg.eigvalsh(first - second)[0] >= -rounding


def test_many_eigenvalues_are_comfortable():
    problem = ls.gaussian(1.0 / np.arange(1, 1001), 1.0)
    rates = ls.max_learning_rate(problem, 2 ** np.arange(13))
    assert np.all(np.diff(rates) > 0)
    curve = ls.risk_curve(problem, np.ones(1000), 0.5 * rates[3], 8, 500)
    assert curve.risk[-1] < 0.2 * curve.risk[0]


DATA = ls.finite_sample(np.random.default_rng(8).standard_normal((9, 3)) ** 3, np.arange(9.0))
DIVERGING = {"gaussian": GAUSS3, "one_hot": ls.one_hot([0.6, 0.3, 0.1], 0.3), "data": DATA}


@first_quick("batch_size", [1, 8, math.inf], quick=2)
@first_quick("times", [1.5, 40.0, 1e6, 1e200], quick=2)
@first_quick("kind", DIVERGING, quick=2)
def test_a_diverging_curve_ends_in_inf_and_never_in_nan(kind, times, batch_size):
    problem = DIVERGING[kind]
    rate = times * ls.max_learning_rate(problem, batch_size)
    curve = ls.risk_curve(problem, START, rate, batch_size, 3000)
    for part in (curve.bias, curve.variance, curve.risk):
        assert not np.any(np.isnan(part))
        first = np.argmax(np.isinf(part)) if np.any(np.isinf(part)) else len(part)
        assert np.all(np.isinf(part[first:]))
    assert curve.risk[-1] == math.inf
    assert np.all(np.isfinite(curve.risk[:1]))
    assert math.isinf(batch_size) == np.all(curve.variance == 0.0)
    within = np.flatnonzero(np.isfinite(curve.risk))[-1]  # what is finite is the recursion, step by step
    state = problem.start(START)
    for _ in range(min(within, 200)):
        state = problem.step(state, rate, batch_size)
    agree(curve.risk[min(within, 200)], problem.risk(state), relative=1e-9)
    parts = ls.noise_free_curve(problem, START, rate, batch_size, 300)
    assert not np.any(np.isnan(parts.noise_free) | np.isnan(parts.noise_only))


def test_a_bias_that_falls_while_the_variance_grows():
    curve = ls.risk_curve(ISO50, np.ones(50), 0.5, 1, 4000)
    assert curve.variance[-1] == math.inf
    assert curve.bias[-1] < 1e-300


@pytest.mark.parametrize("rate", [0.0, -0.1, math.nan, math.inf, 2 / 52, 1.0, "0.1", None])
def test_no_steady_state_at_a_bad_rate(rate):
    with pytest.raises(ValueError, match="learning_rate = "):
        ls.steady_risk(ISO50, rate, 1)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"start_error": [1.0]}, "start_error has shape"),
        ({"start_error": [1.0, np.nan, 0.0]}, "start_error has the value nan"),
        ({"learning_rate": -0.1}, "learning_rate = -0.1"),
        ({"learning_rate": [0.1, 0.2]}, "learning_rate = "),
        ({"batch_size": 0}, "batch_size = 0"),
        ({"batch_size": 1.5}, "batch_size = 1.5"),
        ({"steps": -1}, "steps = -1"),
        ({"steps": 2.5}, "steps = 2.5"),
        ({"steps": math.inf}, "steps = inf"),
        ({"steps": None}, "steps = None"),
    ],
)
@pytest.mark.parametrize("function", [ls.risk_curve, ls.noise_free_curve])
def test_bad_input_is_named(function, changes, says):
    arguments = {"start_error": START, "learning_rate": 0.1, "batch_size": 1, "steps": 3, **changes}
    with pytest.raises(ValueError, match=says):
        function(GAUSS3, **arguments)


def test_steps_without_chance_have_no_variance_however_far_they_diverge():
    certain = [
        (ls.one_hot([1.0]), 3),
        (ls.gaussian([1.0, 0.5]), math.inf),
        (ls.finite_sample([[1.0]], [0.0]), 3),
    ]
    for problem, size in certain:
        curve = ls.risk_curve(problem, np.ones(problem.dimension), 50.0, size, 2000)
        assert np.isinf(curve.bias[-1])
        assert not curve.variance.any()
    chance = ls.risk_curve(ls.gaussian([1.0]), [1.0], 50.0, 3, 2000)
    assert np.isinf(chance.bias[-1])
    assert np.isinf(chance.variance[-1])
