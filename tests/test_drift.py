"""The drift of Adam and AMSGrad in closed form against plain recursions in float64, and known numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import drift

REFERENCE = [  # large, period, b1, b2, Adam's drift
    (3, 3, 0.0, 0.1, 0.68094960),
    (3, 3, 0.0, 0.9, -0.44310722),
    (101, 101, 0.9, 0.99, 1.90085475),
    (101, 101, 0.9, 0.999, 0.10502190),
]


def recursion(large, period, b1, b2, keep_largest=False, correct=False, wrong=None):
    """Way of a period after the averages, followed step by step from zero, have become periodic."""
    m = v = top = way = 0.0
    periods = int(np.ceil(35 / (1 - max(b1, b2)) / period)) + 1
    for t in range(periods * period):
        g = large if t % period == 0 else -1.0
        m = b1 * m + (1 - b1) * g
        old = v
        v = b2 * v + (1 - b2) * (abs(g) if wrong == "no square" else g * g)
        v_hat = v / (1 - b2 ** (t + 1)) if correct else v
        top = max(top, v_hat)
        below = top if keep_largest else (old if wrong == "v from before" else v)
        if t >= (periods - 1) * period:
            way -= m / np.sqrt(below)
    return way


@pytest.mark.parametrize(("large", "period", "b1", "b2", "expected"), REFERENCE)
def test_reference_numbers(large, period, b1, b2, expected):
    assert drift.adam_drift(large, period, b1=b1, b2=b2) == pytest.approx(expected, abs=5e-9)


def test_reference_numbers_of_switch_and_amsgrad():
    assert drift.switch(3, 3) == pytest.approx(0.47231314, abs=5e-9)
    assert drift.switch(101, 101, b1=0.9) == pytest.approx(0.99951589, abs=5e-9)
    assert drift.switch(101, 101) == pytest.approx(0.99960277, abs=5e-9)
    assert drift.amsgrad_drift(101, 101, b1=0.9, b2=0.99) == pytest.approx(-0.07881890, abs=5e-9)


@settings(max_examples=25, deadline=None)
@given(
    period=st.integers(2, 12),
    beyond=st.floats(0.1, 10),
    b1=st.floats(0, 0.9),
    b2=st.floats(0.05, 0.97),
)
def test_the_recursion_ends_at_the_closed_form(period, beyond, b1, b2):
    large = period - 1 + beyond
    options = {"b1": b1, "b2": b2}
    tolerance = 1e-9 * drift.length_of_way(large, period, **options)  # e^-35, and rounding
    assert drift.adam_drift(large, period, **options) == pytest.approx(
        recursion(large, period, b1, b2), abs=tolerance
    )
    assert drift.amsgrad_drift(large, period, **options) == pytest.approx(
        recursion(large, period, b1, b2, keep_largest=True), abs=tolerance
    )


@pytest.mark.parametrize("wrong", ["no square", "v from before"])
def test_a_wrong_recursion_does_not(wrong):
    off = recursion(3, 3, 0.0, 0.9, wrong=wrong) - drift.adam_drift(3, 3, b2=0.9)
    assert abs(off) > 0.05


def test_bias_correction_makes_amsgrad_slower_still():
    """Then the largest v^ is the first, C^2, and the drift -(C - P + 1) / C."""
    slower = recursion(101, 101, 0.9, 0.99, keep_largest=True, correct=True)
    assert slower == pytest.approx(-1 / 101, rel=1e-6)
    assert 0 > slower > drift.amsgrad_drift(101, 101, b1=0.9, b2=0.99)


@settings(max_examples=25, deadline=None)
@given(period=st.integers(3, 30), beyond=st.floats(0.1, 1.5))
def test_below_the_switch_the_wrong_way_and_above_it_the_right_way(period, beyond):
    large = period - 1 + beyond
    place = drift.switch(large, period)
    assert drift.adam_drift(large, period, b2=place - 1e-6) > 0
    assert drift.adam_drift(large, period, b2=place + 1e-6) < 0


@settings(max_examples=25, deadline=None)
@given(b1=st.floats(0, 0.95), b2=st.floats(0, 0.9999))
def test_uncorrected_steps_are_those_of_the_recursion(b1, b2):
    m = v = 0.0
    for t in range(1, 30):
        m, v = b1 * m + (1 - b1) * 0.3, b2 * v + (1 - b2) * 0.09
        assert drift.uncorrected_step(t, b1=b1, b2=b2) == pytest.approx(m / np.sqrt(v), rel=1e-9)


def test_adams_longest_uncorrected_step():
    steps = drift.uncorrected_step(np.arange(1, 10_000))
    assert steps[0] == pytest.approx(10**0.5, rel=1e-12)
    assert steps.argmax() + 1 == 12
    assert steps.max() == pytest.approx(6.56852025, abs=5e-9)


def test_bad_arguments_are_refused():
    for large, period in ((1.9, 3), (3, 1), (np.inf, 3), (3, 2.5)):
        with pytest.raises(ValueError, match="period"):
            drift.adam_drift(large, period, b2=0.5)
    for b2 in (1.0, -0.1):
        with pytest.raises(ValueError, match="b2"):
            drift.amsgrad_drift(3, 3, b2=b2)
    with pytest.raises(ValueError, match="no switch"):
        drift.switch(3, 3, b1=0.5)  # the right way with any memory
    with pytest.raises(ValueError, match="from 1"):
        drift.uncorrected_step(0)
