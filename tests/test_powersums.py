"""Sums of powers: the first hit, against looking at every step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib.theory.powersums import BLOCK, PowerSum

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
    if np.any(np.abs(values - goal) < 1e-9):
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
    assert total.at(expected) == pytest.approx(values[expected - 1], rel=1e-12)


def test_overflow_is_no_hit_and_no_warning():
    total = PowerSum(0.0, np.array([1e6, 0.5, 1e5]), np.array([1.0, -3.0, -1.0]))
    assert total.first_hit(1.0, 10**6) is None
    assert PowerSum(0.0, np.array([1e6, 0.5]), np.array([0.0, 1.0])).first_hit(0.1, 10**6) == 4


def test_minus():
    total = PowerSum(2.0, np.array([0.5]), np.array([1.0]))
    other = PowerSum(1.0, np.array([0.25]), np.array([3.0]))
    assert total.minus(0.1, other).at(2) == pytest.approx(total.at(2) - 0.1 * other.at(2), rel=1e-15)
