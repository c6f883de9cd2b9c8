"""Risk over time: sums of powers against looking at every step, the one-matrix form against the recursion."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import least_squares as ls
from lecturelib.least_squares.recursion import BLOCK, PowerSum
from tests.agree import agree

RNG = np.random.default_rng(7)
PROBLEM = ls.finite_sample(RNG.standard_normal((12, 3)) ** 3, RNG.standard_normal(12))
START = np.array([3.0, -2.0, 1.0])


def over_time(batch_size, goal=0.0):
    return PROBLEM.risks_over_time(PROBLEM.start(START), batch_size, goal)


@pytest.mark.parametrize("batch_size", [1, 4, np.inf])
def test_risks_are_those_of_the_recursion(batch_size):
    rate = 0.3 * ls.max_learning_rate(PROBLEM, batch_size)
    curve = ls.risk_curve(PROBLEM, START, rate, batch_size, 200).risk
    lifted = over_time(batch_size)
    # two hundred steps in two orders of operations: some 1,000 units of rounding
    agree([lifted.risk(rate, step) for step in (0, 1, 77, 200)], curve[[0, 1, 77, 200]], relative=1e-12)
    assert lifted.first_hit(rate, 200) is None
    for step in (1, 2, 5, 30, 121):
        goal = curve[step] * (1 + 1e-11)
        expected = int(np.argmax(curve[1:] <= goal)) + 1
        assert over_time(batch_size, goal).first_hit(rate, 200) == expected
        assert over_time(batch_size, goal).first_hit(rate, expected - 1) is None
    agree(lifted.steady(rate), ls.steady_risk(PROBLEM, rate, batch_size), relative=1e-10)


def test_a_lifted_step_without_the_cross_term_is_seen():
    rate = 0.3 * ls.max_learning_rate(PROBLEM, 1)
    lifted = over_time(1)
    right = lifted.risk(rate, 5)
    wrong = replace(lifted, cross=0.0 * lifted.cross)
    assert abs(wrong.risk(rate, 5) / right - 1.0) > 1e-6  # a million times what the tests above allow


terms = st.lists(st.tuples(st.floats(-0.9, 1.0), st.floats(-3.0, 3.0)), min_size=1, max_size=5)


def by_looking(total, goal, last):
    steps = np.arange(1, last + 1)
    values = total.level + (total.powers[:, None] ** steps * total.weights[:, None]).sum(0)
    hits = np.flatnonzero(values <= goal)
    return (int(steps[hits[0]]) if hits.size else None), values


@given(terms, st.floats(-3.0, 3.0), st.floats(-2.0, 2.0), st.sampled_from([1, 5, 1024, 1025, 6000]))
@settings(max_examples=150, deadline=None)
def test_first_hit_is_found_by_looking_at_every_step(pairs, level, goal, last):
    powers, weights = np.array(pairs).T
    total = PowerSum(level, powers, weights)
    expected, values = by_looking(total, goal, last)
    distance = np.abs(values - goal)
    if np.any(distance < 1e-9):
        return  # a tie, which rounding decides
    assert total.first_hit(goal, last) == expected


def test_a_dip_between_two_ends_is_not_missed():
    """It falls below the goal near step 5,000 for a while and ends far above: bisection would miss it."""
    total = PowerSum(1.0, np.array([0.999, 0.9995]), np.array([2.0, -1.5]))
    expected, values = by_looking(total, 0.8, 30000)
    assert expected > BLOCK**2
    assert values[-1] > 0.99
    assert total.first_hit(0.8, 30000) == expected
    assert total.first_hit(0.8, 10**9) == expected
    assert total.first_hit(0.0, 10**9) is None
    agree(total.at(expected), values[expected - 1], relative=1e-12)


def test_overflow_is_no_hit_and_no_warning():
    total = PowerSum(0.0, np.array([1e6, 0.5, 1e5]), np.array([1.0, -3.0, -1.0]))
    assert total.first_hit(1.0, 10**6) is None
    assert PowerSum(0.0, np.array([1e6, 0.5]), np.array([0.0, 1.0])).first_hit(0.1, 10**6) == 4


def test_minus():
    total = PowerSum(2.0, np.array([0.5]), np.array([1.0]))
    other = PowerSum(1.0, np.array([0.25]), np.array([3.0]))
    agree(total.minus(0.1, other).at(2), total.at(2) - 0.1 * other.at(2), relative=1e-15)
