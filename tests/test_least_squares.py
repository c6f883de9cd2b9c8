"""Risk curves, steady states and the literature's split, against dense operators and reference numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import least_squares as ls
from tests import dense_sgd
from tests.test_stability import data_sets

EIGENVALUES, START = np.array([1.0, 0.5, 0.2]), np.array([1.0, -2.0, 0.5])
GAUSS3, ISO50 = ls.gaussian(EIGENVALUES, 0.3), ls.gaussian(np.ones(50), 1.0)
ROUNDING = 1e-12  # forty steps of a few dozen operations: some 1,000 units of rounding, 2e-16 each


def test_the_front_door_has_every_name():
    assert all(hasattr(ls, name) for name in ls.__all__)


@pytest.mark.parametrize("batch_size", [1, 5, math.inf])
def test_risk_curve_is_the_dense_curve(batch_size):
    for problem, atoms in (
        (GAUSS3, dense_sgd.gaussian_atoms(EIGENVALUES)),
        (ls.one_hot([0.6, 0.3, 0.1], 0.3), dense_sgd.one_hot_atoms([0.6, 0.3, 0.1])),
    ):
        bias, risk = dense_sgd.risks(*atoms, 0.3, START, 0.2, 1.0 / batch_size, 40)
        curve = ls.risk_curve(problem, START, 0.2, batch_size, 40)
        np.testing.assert_allclose(curve.bias, bias, rtol=ROUNDING)
        np.testing.assert_allclose(curve.risk, risk, rtol=ROUNDING)
        assert curve.bias.shape == curve.variance.shape == (41,)
        assert np.all(curve.variance >= 0.0)
        assert np.all(curve.variance == 0.0) == math.isinf(batch_size)


def test_the_half_in_the_loss_and_the_mean_over_the_batch_matter():
    bias, risk = dense_sgd.risks(*dense_sgd.gaussian_atoms(EIGENVALUES), 0.3, START, 0.2, 1 / 5, 40)
    without_half = ls.risk_curve(GAUSS3, START, 0.4, 5, 40).risk  # gradient of E (y - x'w)^2: twice the step
    summed = ls.risk_curve(GAUSS3, START, 1.0, 5, 40).risk  # sum over the batch: five times the step
    for wrong in (without_half, 2.0 * risk, summed, bias):
        assert np.max(np.abs(wrong / risk - 1.0)) > 0.1


def test_steady_variance_reference_numbers():
    table = {0.001: (0.01283367, 0.00125382), 0.01: (0.16891892, 0.01289325), 0.02: (0.52083333, 0.02662407)}
    for rate, row in {**table, 0.03: (1.70454545, 0.04127683)}.items():
        ours = [ls.steady_risk(ISO50, rate, size) for size in (1, 10)]
        np.testing.assert_allclose(ours, row, atol=6e-9)
    ours = [ls.steady_risk(ISO50, 0.002, 1), ls.steady_risk(ISO50, 0.02, 10)]
    np.testing.assert_allclose(ours, [0.0263713, 0.0266241], atol=6e-8)
    halves = [ls.steady_risk(ISO50, 0.5 * ls.max_learning_rate(ISO50, b), b) for b in (1, 8, 64)]
    np.testing.assert_allclose(halves, [0.48076923, 0.42372881, 0.21739130], atol=6e-9)


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
    np.testing.assert_allclose([one / ten, one / fifty], [of_ten, of_fifty], rtol=1e-6)
    assert one / ten > 10.2


def test_early_variance_ratios():
    steps = [1, 2, 10, 50, 100, 200, 400]
    one, ten = (ls.risk_curve(ISO50, np.ones(50), 0.02, size, 400).variance[steps] for size in (1, 10))
    references = [10, 10.0954, 10.9056, 16.4840, 27.7239, 33.2239, 19.9542]
    np.testing.assert_allclose(one / ten, references, rtol=1e-5)


@pytest.mark.parametrize(
    "problem", [GAUSS3, ls.one_hot([0.6, 0.3, 0.1], 0.3), ls.gaussian(EIGENVALUES, 0.3, kurtosis=1.0)]
)
def test_steady_risk_is_where_the_curve_settles(problem):
    for batch_size in (1, 6):
        rate = 0.5 * ls.max_learning_rate(problem, batch_size)
        curve = ls.risk_curve(problem, START, rate, batch_size, 2000)
        np.testing.assert_allclose(curve.risk[-1], ls.steady_risk(problem, rate, batch_size), rtol=1e-11)
    assert ls.steady_risk(problem, 0.1, math.inf) == 0.0


def test_steady_risk_without_the_factor_two_is_seen():
    mutant = replace(ISO50, own=ISO50.eigenvalues**2)
    assert abs(ls.steady_risk(mutant, 0.03, 1) / 1.70454545 - 1.0) > 0.01


def test_two_different_biases():
    parts = ls.noise_free_curve(GAUSS3, START, 0.2, 1, 20)
    whole = ls.risk_curve(GAUSS3, START, 0.2, 1, 20)
    np.testing.assert_allclose(parts.interaction, 0.0, atol=1e-14)
    np.testing.assert_allclose(parts.noise_free + parts.noise_only, whole.risk, rtol=1e-13)
    assert parts.noise_free[20] > 1.1 * whole.bias[20]  # Jain's bias contains the noise of the features
    best = [b / (b + 51) for b in (1, 10, 51, 500)]
    for batch_size, rate in zip((1, 10, 51, 500), best, strict=True):
        curve = ls.risk_curve(ls.gaussian(np.ones(50)), np.ones(50), rate, batch_size, 40)
        factor = 51 / (batch_size + 51)
        np.testing.assert_allclose(curve.risk[1:20] / curve.risk[:19], factor, rtol=1e-12)
        np.testing.assert_allclose(curve.bias[1:20] / curve.bias[:19], factor**2, rtol=1e-12)
    first = [
        int(np.argmax(curve.variance > curve.bias))
        for b, rate in zip((1, 10, 51, 500), best, strict=True)
        for curve in [ls.risk_curve(ls.gaussian(np.ones(50)), np.ones(50), rate, b, 60)]
    ]
    # at b = 51 both halve: after one step they are equal, a tie that rounding decides
    assert first[0] == 36
    assert first[1] == 4
    assert first[2] in (1, 2)
    assert first[3] == 1


def test_linear_scaling_rule():
    """k steps at (rate, b) against one at (k rate, k b): equal to first order in the rate."""
    schemes = [(0.01, 1, 4), (0.04, 4, 1), (0.01, 8, 8), (0.08, 64, 1)]
    problem = ls.gaussian(np.ones(50))
    ours = [ls.risk_curve(problem, np.ones(50), *scheme).risk[-1] / 25 for scheme in schemes]
    np.testing.assert_allclose(ours, [0.94210132, 0.942, 0.85589847, 0.8515], atol=6e-9)


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


def test_the_theory_does_not_import_jax():
    import subprocess
    import sys

    code = "import sys; import lecturelib.least_squares; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
