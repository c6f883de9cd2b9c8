"""The one-matrix form of a small data set, against the recursion step by step."""

import numpy as np
import pytest

from lecturelib import least_squares as ls
from lecturelib.theory.lifted import LiftedRisk

RNG = np.random.default_rng(7)
PROBLEM = ls.finite_sample(RNG.standard_normal((12, 3)) ** 3, RNG.standard_normal(12))
START = np.array([3.0, -2.0, 1.0])


@pytest.mark.parametrize("batch_size", [1, 4, np.inf])
def test_risks_are_those_of_the_recursion(batch_size):
    rate = 0.3 * ls.max_learning_rate(PROBLEM, batch_size)
    curve = ls.risk_curve(PROBLEM, START, rate, batch_size, 200).risk
    lifted = LiftedRisk(PROBLEM, PROBLEM.start(START), batch_size, goal=0.0)
    # two hundred steps in two orders of operations: some 1,000 units of rounding
    np.testing.assert_allclose(
        [lifted.risk(rate, step) for step in (0, 1, 77, 200)], curve[[0, 1, 77, 200]], rtol=1e-12
    )
    assert lifted.first_hit(rate, 200) is None
    for step in (1, 2, 5, 30, 121):
        goal = curve[step] * (1 + 1e-11)
        expected = int(np.argmax(curve[1:] <= goal)) + 1
        assert LiftedRisk(PROBLEM, PROBLEM.start(START), batch_size, goal).first_hit(rate, 200) == expected
        assert (
            LiftedRisk(PROBLEM, PROBLEM.start(START), batch_size, goal).first_hit(rate, expected - 1) is None
        )
    np.testing.assert_allclose(
        lifted.steady(rate), ls.steady_risk(PROBLEM, rate, batch_size), rtol=1e-10, atol=1e-30
    )


def test_a_lifted_step_without_the_cross_term_is_seen():
    rate = 0.3 * ls.max_learning_rate(PROBLEM, 1)
    lifted = LiftedRisk(PROBLEM, PROBLEM.start(START), 1, goal=0.0)
    right = lifted.risk(rate, 5)
    lifted.cross = 0.0 * lifted.cross
    assert abs(lifted.risk(rate, 5) / right - 1.0) > 1e-6  # a million times what the tests above allow
