"""The drift of Adam and AMSGrad in closed form against plain recursions in float64, and known numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib.adaptive import drift
from tests.agree import agree

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
    agree(drift.adam_drift(large, period, b1=b1, b2=b2), expected, rounding=5e-9)


def test_reference_numbers_of_switch_and_amsgrad():
    agree(drift.switch(3, 3), 0.47231314, rounding=5e-9)
    agree(drift.switch(101, 101, b1=0.9), 0.99951589, rounding=5e-9)
    agree(drift.switch(101, 101), 0.99960277, rounding=5e-9)
    agree(drift.amsgrad_drift(101, 101, b1=0.9, b2=0.99), -0.07881890, rounding=5e-9)


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
    ends = recursion(large, period, b1, b2), recursion(large, period, b1, b2, keep_largest=True)
    agree(drift.adam_drift(large, period, **options), ends[0], rounding=tolerance)
    agree(drift.amsgrad_drift(large, period, **options), ends[1], rounding=tolerance)


@pytest.mark.parametrize("wrong", ["no square", "v from before"])
def test_a_wrong_recursion_does_not(wrong):
    off = recursion(3, 3, 0.0, 0.9, wrong=wrong) - drift.adam_drift(3, 3, b2=0.9)
    assert abs(off) > 0.05


def test_bias_correction_makes_amsgrad_slower_still():
    """Then the largest v^ is the first, C^2, and the drift -(C - P + 1) / C."""
    slower = recursion(101, 101, 0.9, 0.99, keep_largest=True, correct=True)
    agree(slower, -1 / 101, relative=1e-6)
    assert 0 > slower > drift.amsgrad_drift(101, 101, b1=0.9, b2=0.99)


@settings(max_examples=25, deadline=None)
@given(period=st.integers(3, 30), beyond=st.floats(0.1, 1.5))
def test_below_the_switch_the_wrong_way_and_above_it_the_right_way(period, beyond):
    large = period - 1 + beyond
    place = drift.switch(large, period)
    assert drift.adam_drift(large, period, b2=place - 1e-6) > 0
    assert drift.adam_drift(large, period, b2=place + 1e-6) < 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: drift.adam_drift(1.9, 3, b2=0.5), "large = 1.9"),
        (lambda: drift.adam_drift(np.inf, 3, b2=0.5), "large = inf"),
        (lambda: drift.adam_drift(3, 1, b2=0.5), "period = 1"),
        (lambda: drift.adam_drift(3, 2.5, b2=0.5), "period = 2.5"),
        (lambda: drift.amsgrad_drift(3, 3, b2=1.0), "b2 = 1.0"),
        (lambda: drift.amsgrad_drift(3, 3, b2=-0.1), "b2 = -0.1"),
        (lambda: drift.length_of_way(3, 3, b1=1.0, b2=0.5), "b1 = 1.0"),
        (lambda: drift.switch(3, 3, b1=0.5), "no switch"),  # the right way with any memory
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
