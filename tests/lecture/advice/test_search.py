"""Depth against a proven optimum, states against the recursion, and schedules that keep what they promise."""

import math

import numpy as np
import pytest

from lecturelib import least_squares as ls
from lecturelib import schemes
from lecturelib.advice import search
from lecturelib.advice.reduction import moments
from lecturelib.advice.search import depth, doubling
from tests.agree import agree
from tests.lecture.advice.advice_cases import gaussian_moments

EIGENVALUES = 1.0 / np.arange(1, 13)
NOISY = gaussian_moments(EIGENVALUES, 1.0, np.ones(12))
FIRST = NOISY.risk(NOISY.start(NOISY.start_error))


@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize("batch_size", [1, 8, 64, 1000])
def test_depth_is_the_proven_optimum_up_to_two_per_cent(noise, batch_size):
    problem = gaussian_moments(EIGENVALUES, noise, np.ones(12))
    truth = ls.depth(ls.gaussian(EIGENVALUES, noise), np.ones(12), 0.02, batch_size)
    found = depth(problem, 0.02 * FIRST, batch_size)
    assert truth.steps <= found.steps <= 1.02 * truth.steps + 1
    guessed = depth(problem, 0.02 * FIRST, batch_size, guess=0.1 * found.learning_rate)
    assert guessed.steps <= 1.03 * truth.steps + 1


def test_the_rate_found_needs_so_many_steps():
    found = depth(NOISY, 0.02 * FIRST, 16)
    rates, sizes = np.full(found.steps, found.learning_rate), np.full(found.steps, 16)
    risks = schemes.scheduled_risk(NOISY, NOISY.start_error, rates, sizes)
    assert risks[-1] <= 0.02 * FIRST < risks[-2]
    over_time = NOISY.risks_over_time(NOISY.start(NOISY.start_error), 16, 1.0)
    agree(over_time.risk(found.learning_rate, found.steps), risks[-1], relative=1e-10)


def test_a_known_stable_rate_is_respected():
    found = depth(NOISY, 0.1 * FIRST, math.inf, stable_rate=0.01)
    assert found.learning_rate <= 0.01


def test_a_goal_out_of_reach_is_none(monkeypatch):
    monkeypatch.setattr(search, "MOST_STEPS", 50)
    assert depth(NOISY, 1e-3 * FIRST, 1) is None


def test_doubling_reaches_the_goal_at_its_price_and_beats_a_constant_batch():
    goal = 0.01 * FIRST
    constant = depth(NOISY, goal, 128)
    scheme = doubling(NOISY, goal, 128 * constant.steps, 2 * constant.steps, [2**k for k in range(8)])
    risks = schemes.scheduled_risk(NOISY, NOISY.start_error, scheme.learning_rates, scheme.batch_sizes)
    assert risks[-1] <= goal < risks[-2]
    assert scheme.samples <= 128 * constant.steps
    assert scheme.samples * scheme.steps < 0.7 * 128 * constant.steps**2
    growth = np.diff(scheme.batch_sizes)
    assert np.all((growth == 0) | (growth == scheme.batch_sizes[:-1]))
    assert np.all(np.diff(np.flatnonzero(growth)) >= search.SHORTEST_STAGE)


def test_doubling_that_costs_or_lasts_too_much_is_none():
    assert doubling(NOISY, 0.01 * FIRST, 10, 1000, [1, 2]) is None
    assert doubling(NOISY, 0.01 * FIRST, 10**6, 10, [1, 2]) is None


def test_the_lifted_step_is_the_recursion_for_data():
    rng = np.random.default_rng(3)
    problem = moments(rng.standard_normal((50, 4)) ** 3, rng.standard_normal(50))
    risks = problem.risks_over_time(problem.start(problem.start_error), 3, 1.0)
    state, rate = problem.start(problem.start_error), 0.3 * problem.max_learning_rate(3)
    for step in range(1, 6):
        state = problem.step(state, rate, 3)
        agree(risks.risk(rate, step), problem.risk(state), relative=1e-12)
    agree(risks.steady(rate), risks.risk(rate, 10**5), relative=1e-6)
