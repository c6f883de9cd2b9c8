"""The best rate and momentum: the lecture's table, the bound on a box, and what is left out of the search."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import least_squares as ls
from lecturelib.least_squares.majorant import Plane
from tests.agree import agree
from tests.marks import first_quick

POWER = ls.gaussian(1.0 / np.arange(1, 101))
either = pytest.mark.parametrize("nesterov", [False, True])


def plane(problem, start, batch_size, target, nesterov):
    state = problem.start(start)
    return Plane(problem.risks_over_time(state, batch_size, target * problem.risk(state)), nesterov)


@first_quick(
    ("batch_size", "steps", "plain", "gain"),
    [(math.inf, 11, 51, 4.64), (256, 16, 54, 3.38), (16, 61, 89, 1.46), (1, 784, 798, 1.018)],
)
def test_momentum_buys_nothing_below_the_knee(batch_size, steps, plain, gain):
    """Eigenvalues 1/i, d = 100, no noise, to 1 % of the risk, heavy ball against plain SGD at its best."""
    found = ls.best_momentum(POWER, np.ones(100), 0.01, batch_size)
    assert (found.steps, found.plain.steps) == (steps, plain)
    agree(found.gain, gain, rounding=6e-3)
    how = {"momentum": found.momentum}
    risk = ls.risk_curve(POWER, np.ones(100), found.learning_rate, batch_size, steps, **how).risk
    assert np.flatnonzero(risk <= 0.01 * risk[0] * (1 + 1e-10)).tolist() == [steps]


@pytest.mark.long
@pytest.mark.parametrize(
    ("batch_size", "nesterov", "steps"), [(math.inf, False, 11), (256, False, 16), (math.inf, True, 16)]
)
def test_the_table_is_proven(batch_size, nesterov, steps):
    found = ls.best_momentum(POWER, np.ones(100), 0.01, batch_size, nesterov=nesterov, prove=True)
    assert found.proven
    assert found.steps == steps


@st.composite
def planes(draw):
    """A problem of few directions, with a start, noise or none, heavy ball or Nesterov, over many scales."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    eigenvalues = 10.0 ** rng.uniform(-1.5, 0.0, draw(st.integers(1, 3)))
    noise, kind = draw(st.sampled_from([0.0, 0.1])), draw(st.sampled_from(["gaussian", "signs", "one_hot"]))
    if kind == "one_hot":
        problem = ls.one_hot(eigenvalues / np.sum(eigenvalues), noise)
    else:
        problem = ls.gaussian(eigenvalues, noise, kurtosis=3.0 if kind == "gaussian" else 1.0)
    start, batch_size = (
        10.0 ** rng.uniform(-0.5, 0.5, len(eigenvalues)),
        draw(st.sampled_from([1, 8, math.inf])),
    )
    return plane(problem, start, batch_size, 0.1, draw(st.booleans())), rng


@given(planes(), st.floats(0.0, 0.98), st.floats(-2.0, 0.5), st.floats(-3.0, -0.5))
@settings(max_examples=60, deadline=None)
def test_the_majorant_bounds_every_complex_run_and_the_box_every_real_one(case, beta, place, width):
    ours, rng = case
    rate, wide, tall = 10.0**place, 10.0 ** (place + width), 0.3 * 10.0**width
    middle = np.array([rate]), np.array([beta])
    bound = ours.majorant(*middle, np.array([wide]), np.array([tall]), 12)[:, 0]
    turns = np.exp(2j * np.pi * rng.uniform(size=(2, 40)))
    complex_risks = np.abs(ours.risks(rate + wide * turns[0], beta + tall * turns[1], 12))
    assert np.all(complex_risks <= bound[:, None] * (1 + 1e-9))
    least = ours.majorant(*middle, np.zeros(1), np.zeros(1), 12)[:, 0]
    agree(least, ours.risks(*middle, 12)[:, 0], rounding=1e-9 * least.max(), normwise=True)
    _, below = ours.lower_bounds(np.array([[rate - wide, rate + wide, beta - tall, beta + tall]]), 12)
    inside = rng.uniform(-1, 1, (2, 60))
    risks = ours.risks(rate + wide * inside[0], beta + tall * inside[1], 12)[1:]
    assert np.all(risks >= below - 1e-9 * bound[1:, None])


def test_a_bound_from_the_corners_alone_is_no_bound():
    """The mutant without the majorant drops a box that holds the answer."""
    ours = plane(ls.gaussian([1.0, 0.1]), [1.0, 1.0], math.inf, 0.01, False)
    box = np.array([[1.5, 3.5, 0.7, 0.99]])
    corners, below = ours.lower_bounds(box, 2)
    best = ours.risks(np.array([2.5548]), np.array([0.9375]), 2)[1:]
    assert np.any(best[:, 0] <= ours.moments.goal)
    assert np.all(corners > ours.moments.goal)
    assert np.any(below <= ours.moments.goal)


@given(planes())
@settings(max_examples=25, deadline=None)
def test_no_pair_of_many_is_faster_than_the_proof_allows(case):
    ours, _ = case
    steps = 3
    found = ours.earlier(steps)
    rates, betas = np.geomspace(0.01, 200.0, 150), 1.0 - np.geomspace(1.0, 1e-3, 60)
    risks = ours.risks(np.repeat(rates, 60), np.tile(betas, 150), steps)[1:]
    if found is None:
        assert np.all(risks > ours.moments.goal)
    else:
        assert found.steps <= steps
        assert (
            ours.risks(np.array([found.rate]), np.array([found.beta]), found.steps)[-1, 0]
            <= ours.moments.goal
        )


@either
def test_the_proof_finds_what_the_search_missed(nesterov):
    """Two directions and full gradients: two steps of the right momentum, where the search sees more."""
    problem = ls.gaussian([1.0, 0.1])
    found = ls.best_momentum(problem, [1.0, 1.0], 0.01, math.inf, nesterov=nesterov, prove=True)
    assert found.proven
    how = {"momentum": found.momentum, "nesterov": nesterov}
    risk = ls.risk_curve(problem, [1.0, 1.0], found.learning_rate, math.inf, found.steps, **how).risk
    assert risk[-1] <= 0.01 * risk[0] * (1 + 1e-10)
    searched = ls.best_momentum(problem, [1.0, 1.0], 0.01, math.inf, nesterov=nesterov)
    assert found.steps <= searched.steps <= searched.plain.steps
    assert not searched.proven


def test_one_step_is_one_step():
    found = ls.best_momentum(ls.gaussian([2.0]), [1.0], 0.5, math.inf, prove=True)
    assert (found.steps, found.plain.steps, found.gain, found.proven) == (1, 1, 1.0, True)


def test_bad_input_is_named():
    problem = ls.gaussian([1.0, 0.5], 1.0)
    with pytest.raises(ValueError, match="without momentum, more than 20000; raise target"):
        ls.best_momentum(problem, [1.0, 1.0], 1e-5, 1)
    with pytest.raises(ValueError, match="nesterov = 2"):
        ls.best_momentum(problem, [1.0, 1.0], 0.1, 1, nesterov=2)
    with pytest.raises(ValueError, match="target = 0"):
        ls.best_momentum(problem, [1.0, 1.0], 0, 1)
