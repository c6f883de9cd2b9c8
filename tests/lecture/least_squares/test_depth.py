"""Depth: the reference tables, brute force over rates and steps, and the two bounds the proof rests on."""

import functools
import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import least_squares as ls
from lecturelib.least_squares.depth import MOST_STEPS, Depth, improved
from tests.agree import agree
from tests.marks import first_quick

SIZES = [*(2**k for k in range(11)), math.inf]
MAKERS = {
    "iso50": lambda noise: ls.gaussian(np.ones(50), noise),
    "pow1": lambda noise: ls.gaussian(1.0 / np.arange(1, 101), noise),
    "one_hot": lambda noise: ls.one_hot([1 / 64] * 64, noise),
}
TABLES = {
    ("iso50", 0.0): [238, 120, 61, 32, 17, 10, 6, 4, 3, 2, 2, 1],
    ("pow1", 0.0): [798, 413, 222, 131, 89, 71, 62, 57, 54, 53, 52, 51],
    ("one_hot", 0.0): [293, 148, 75, 39, 21, 12, 7, 5, 3, 3, 2, 1],
    ("iso50", 1.0): [383, 192, 97, 49, 25, 14, 8, 5, 3, 2, 2],
    ("pow1", 1.0): [10620, 5323, 2674, 1350, 688, 358, 196, 118, 84, 68, 61],
    ("one_hot", 1.0): [12415, 6208, 3104, 1552, 776, 388, 195, 98, 49, 25, 13],
}


@pytest.mark.parametrize("size", [1, 2, 3, 8, 30])
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_a_goal_that_is_met_exactly_is_met(steps, size):
    """Best factor of the risk: 2 / (b + 2) of a Gaussian feature, (d - 1) / (d + b - 1) of d equal words."""
    features = {ls.gaussian([1.0]): 2 / (size + 2), ls.one_hot([1 / 5] * 5): 4 / (size + 4)}
    for problem, factor in features.items():
        assert ls.depth(problem, np.ones(problem.dimension), factor**steps, size).steps == steps
        assert ls.depth(problem, np.ones(problem.dimension), 0.999 * factor**steps, size).steps == steps + 1


def test_risks_past_float64_on_the_way_are_no_warning():
    """Thousands of steps at rates past the largest; notebook 07 with a steeper power law."""
    chances = np.arange(1, 65) ** -1.5
    problem, start = ls.one_hot(chances / chances.sum()), np.ones(64)
    found = ls.depth(problem, start, 1e-3, 4)
    rates = np.linspace(0.9, 1.1, 41) * found.learning_rate
    curves = [ls.risk_curve(problem, start, rate, 4, found.steps).risk for rate in rates]
    least = np.min(curves, axis=0) / curves[0][0]
    assert least[-1] <= 1e-3 < least[-2]


@pytest.mark.long  # starts processes
def test_a_job_in_another_process_returns_to_the_bit_what_it_returns_here():
    """Notebook 02: jobs with different parameters communicate nothing."""
    job, batches = functools.partial(ls.depth, MAKERS["iso50"](0.0), np.ones(50), 0.01), [1, 8, 64]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(job, batches))
    assert found == [job(b) for b in batches]
    assert found[::-1] != [job(b) for b in batches]  # mutant: in the order of arrival


@first_quick(("name", "noise"), TABLES)
def test_reference_tables(name, noise):
    problem = MAKERS[name](noise)
    start, expected = np.ones(problem.dimension), TABLES[name, noise]
    found = [ls.depth(problem, start, 1e-2, size) for size in SIZES[: len(expected)]]
    assert [answer.steps for answer in found] == expected
    for size, answer in zip(SIZES, found, strict=False):
        if answer.steps <= 2000:
            risk = ls.risk_curve(problem, start, answer.learning_rate, size, answer.steps).risk
            assert np.all(risk[:-1] > 1e-2 * risk[0])
            assert risk[-1] <= 1e-2 * risk[0] * (1 + 1e-10)


@pytest.mark.long
def test_equal_gaussian_features_lose_one_factor_a_step():
    """Without label noise the best rate leaves (d + 1) / (b + d + 1) of the risk, at every step."""
    problem, sizes = ls.gaussian(np.ones(50)), 2 ** np.arange(11)
    found = [ls.depth(problem, np.ones(50), 1e-10, int(size)).steps for size in sizes]
    assert found == np.ceil(np.log(1e-10) / np.log(51 / (51 + sizes))).tolist()
    assert found != np.ceil(np.log(1e-10) / np.log(50 / (50 + sizes))).tolist()  # d for d + 1


@pytest.mark.long
def test_a_hundred_thousand_steps():
    problem = MAKERS["pow1"](1.0)
    found = [ls.depth(problem, np.ones(100), 1e-3, size).steps for size in (1, 64, 1024)]
    assert found == [158516, 2519, 214]


@st.composite
def small_problems(draw):
    """A problem of few coordinates with a start, a target and a batch size, over many scales."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    eigenvalues = 10.0 ** rng.uniform(-1.5, 0.0, draw(st.integers(1, 4)))
    noise = draw(st.sampled_from([0.0, 0.1, 1.0]))
    kind = draw(st.sampled_from(["gaussian", "signs", "one_hot"]))
    if kind == "one_hot":
        problem = ls.one_hot(eigenvalues / np.sum(eigenvalues), noise)
    else:
        problem = ls.gaussian(eigenvalues, noise, kurtosis=3.0 if kind == "gaussian" else 1.0)
    start = 10.0 ** rng.uniform(-0.5, 1.0, len(eigenvalues))
    return problem, start, 10.0 ** rng.uniform(-1.5, -0.2), draw(st.sampled_from([1, 3, 50, math.inf]))


def best_of_many_rates(problem, start, target, batch_size, steps):
    """Fewest steps at any of 400 rates, by running them all side by side with the plain recursion."""
    slowest = 0.1 * (1 - target) / (2 * steps * np.max(problem.eigenvalues))
    rates = np.geomspace(slowest, 2.2 / np.min(problem.eigenvalues), 400)
    factor, eigenvalues = problem.noise_factor(batch_size), problem.eigenvalues
    second = np.tile(start**2, (400, 1))
    goal = target * 0.5 * eigenvalues @ start**2
    for step in range(1, steps + 1):
        feedback = problem.coupling * (second @ eigenvalues) + problem.noise_variance
        noise = (problem.own - eigenvalues**2) * second + np.outer(feedback, eigenvalues)
        second = (1 - np.outer(rates, eigenvalues)) ** 2 * second + factor * rates[:, None] ** 2 * noise
        if np.any(0.5 * second @ eigenvalues <= goal):
            return step
    return None


@given(small_problems())
@settings(max_examples=40, deadline=None)
def test_no_rate_of_many_is_faster(case):
    problem, start, target, batch_size = case
    answer = ls.depth(problem, start, target, batch_size)
    if answer.steps > 3000:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        brute = best_of_many_rates(problem, start, target, batch_size, answer.steps)
    assert brute is None or brute == answer.steps
    risk = ls.risk_curve(problem, start, answer.learning_rate, batch_size, answer.steps).risk
    assert risk[-1] <= target * risk[0] * (1 + 1e-9)


def test_a_search_near_half_the_stable_rate_is_not_enough():
    problem = ls.one_hot(np.array([0.856, 0.135, 0.009]), 0.052)
    start, target = np.array([0.18, 31.5, 23.0]), 0.463
    state = problem.start(start)
    risks = problem.risks_over_time(state, 4, target * problem.risk(state))
    local = improved(risks, 0.5 * ls.max_learning_rate(problem, 4), None, risks.largest_rate)
    assert (local.steps, ls.depth(problem, start, target, 4).steps) == (3, 2)


@given(
    small_problems(), st.floats(-3.0, 0.5), st.floats(0.001, 1.0), st.floats(0.0, 1.0), st.floats(0.02, 0.4)
)
@settings(max_examples=100, deadline=None)
def test_the_bounds_bound(case, place, width, where, reach):
    problem, start, target, batch_size = case
    state = problem.start(start)
    risks = problem.risks_over_time(state, batch_size, target * problem.risk(state))
    low = 10.0**place * ls.max_learning_rate(problem, batch_size)
    high = low * (1.0 + width)
    rate = low + where * (high - low)
    bound, hit = risks.earliest_hit(low, high, 2000, reach), risks.first_hit(rate, 2000)
    if hit is not None and abs(risks.risk(rate, hit) / risks.goal - 1.0) > 1e-9:
        assert bound is not None
        assert bound <= hit
    above = risks.above(rate, reach * rate)
    for angle in (0.0, 1.0, 2.5, math.pi):
        complex_rate = rate * (1.0 + reach * np.exp(1j * angle))
        second = state.second.astype(complex)
        factor, eigenvalues = problem.noise_factor(batch_size), problem.eigenvalues
        for step in range(1, 8):
            feedback = problem.coupling * (eigenvalues @ second) + problem.noise_variance
            noise = (problem.own - eigenvalues**2) * second + feedback * eigenvalues
            second = (1 - complex_rate * eigenvalues) ** 2 * second + factor * complex_rate**2 * noise
            size, limit = abs(0.5 * eigenvalues @ second), above.at(step)
            # the sum of powers cancels terms of its own size: a thousand units of rounding of the largest
            terms = abs(above.level) + np.sum(np.abs(above.weights) * np.abs(above.powers) ** step)
            assert size <= limit + 1e-13 * terms


def test_start_errors_in_slow_directions_may_use_an_unstable_rate():
    problem = ls.gaussian([1.0, 0.1])
    answer = ls.depth(problem, [0.0, 1.0], 1e-2, math.inf)
    assert answer.steps == 1
    assert answer.learning_rate > ls.max_learning_rate(problem, math.inf)


def test_dead_directions_and_far_targets():
    alive = ls.depth(ls.gaussian([1.0, 0.5], 1.0), [1.0, 2.0], 0.05, 2)
    assert ls.depth(ls.gaussian([1.0, 0.0, 0.5], 1.0), [1.0, 9.0, 2.0], 0.05, 2).steps == alive.steps
    far = ls.depth(ls.gaussian([1.0], 1.0), [1.0], 1e-6, 1)
    # bias exp(-2 eta t) and noise eta / 2 against 1/2 at 1e-6: some log(1e6) / (4 eta), eta below 1e-6
    assert 3e6 < far.steps < 1.2e7
    with pytest.raises(ValueError, match=f"target is not reached in {MOST_STEPS} steps"):
        ls.depth(ls.gaussian([1.0, 1e-12]), [1.0, 1e7], 1e-2, 1)


def test_a_data_set():
    rows = np.eye(3)[[0, 0, 0, 1, 1, 2]]
    data, theory = ls.finite_sample(rows, np.zeros(6)), ls.one_hot([1 / 2, 1 / 3, 1 / 6])
    start = np.array([1.0, 2.0, -1.0])
    for batch_size in (1, 4, math.inf):
        ours, proven = (ls.depth(p, start, 0.03, batch_size) for p in (data, theory))
        assert ours.steps == proven.steps
    noisy = ls.finite_sample(rows, np.array([0.5, -0.5, 0.0, 0.5, -0.5, 0.0]))
    answer = ls.depth(noisy, start, 0.03, 2)
    risk = ls.risk_curve(noisy, start, answer.learning_rate, 2, answer.steps).risk
    assert risk[-1] <= 0.03 * risk[0] < risk[-2]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"target": 0.0}, "target = 0.0"),
        ({"target": 1.0}, "target = 1.0"),
        ({"target": 1e-13}, "target = 1e-13"),
        ({"target": math.nan}, "target = nan"),
        ({"target": "1%"}, "target = '1%'"),
        ({"batch_size": 2.5}, "batch_size = 2.5"),
        ({"start_error": [1.0]}, "start_error has shape"),
        ({"start_error": [0.0, 0.0]}, "start_error has no risk"),
    ],
)
def test_bad_input_is_named(changes, says):
    arguments = {"start_error": [1.0, 1.0], "target": 0.1, "batch_size": 1, **changes}
    with pytest.raises(ValueError, match=says):
        ls.depth(ls.gaussian([1.0, 0.5]), **arguments)


def test_depth_is_a_record():
    found = ls.depth(ls.gaussian([2.0]), [1.0], 0.5, math.inf)
    assert found == Depth(1, found.learning_rate)
    agree(found.learning_rate, 0.5, relative=1e-6)


def test_a_data_set_of_high_rank_is_refused():
    problem = ls.finite_sample(np.eye(61), np.zeros(61))
    with pytest.raises(ValueError, match="rank 61, more than 60"):
        ls.depth(problem, np.ones(61), 0.1, 1)
