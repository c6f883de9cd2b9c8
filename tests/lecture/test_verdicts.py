"""A verdict leaves words and number, says whose sentence it is, and needs a bound that can be missed."""

import math

import pytest

from lecturelib import records, verdicts


def left(*arguments, **bounds):
    with records.collected() as outputs:
        found = verdicts.judge(*arguments, **bounds)
    return found, outputs


def test_it_is_read_as_it_was_left():
    first, one = left("Euler 1737", "e <is> irrational", "terms", 30, "HOLDS", least=30)
    second, two = left("the same", "so is e^2", "terms", 1 / 3, "FAILS IF e is 3", most=0.5)
    read = verdicts.read({"cells": [{"outputs": one}, {"outputs": two}]})
    assert read[0] == first
    assert (read[1].source, read[1].number, read[1].least) == ("Euler 1737", second.number, -math.inf)
    assert one[0]["data"]["text/plain"] == "HOLDS\n   Euler 1737: e <is> irrational.\n   terms: 30"
    assert "e &lt;is&gt; irrational" in one[0]["data"]["text/html"]


@pytest.mark.parametrize(("number", "beyond"), [(1.0, -1.0), (2.0, 0.0), (2.5, 0.5), (-1.0, 1.0)])
def test_a_number_outside_of_its_bounds_lies_beyond(number, beyond):
    found, _ = left("Euler 1737", "so", "it", number, "HOLDS IF so", least=0.0, most=2.0)
    assert found.beyond == beyond


@pytest.mark.parametrize(
    ("verdict", "bounds", "says"),
    [("TRUE", {"least": 0}, "begin with HOLDS, HOLDS IF"), ("HOLDS", {}, "needs a bound, least= or most=")],
)
def test_a_verdict_without_bound_or_of_other_words_is_refused(verdict, bounds, says):
    with pytest.raises(ValueError, match=says):
        verdicts.judge("Euler 1737", "so", "it", 1.0, verdict, **bounds)
