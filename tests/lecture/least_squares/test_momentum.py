"""Momentum: dense lifted operators, every batch of a data set, plain simulation, and momentum 0."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import least_squares as ls
from lecturelib.least_squares import momentum
from lecturelib.least_squares.momentum import Momentum
from tests.agree import agree
from tests.lecture.least_squares import dense_sgd
from tests.lecture.least_squares.sgd_cases import CHANCES, DENSE, EIGENVALUES, FEATURES, START, TARGETS
from tests.marks import first_quick

RNG = np.random.default_rng(3)
ROWS, ANSWERS = RNG.standard_normal((6, 3)) * EIGENVALUES, RNG.standard_normal(6)
EXACT = 1e-10  # relative: some 1,000 steps of rounding, and eigenvalues of a matrix that is not symmetric
CASES = DENSE | {"data": (ls.finite_sample(ROWS, ANSWERS), (ROWS, np.full(6, 1 / 6)))}
KINDS = [(0.3, False), (0.9, False), (0.3, True), (0.9, True)]
either = pytest.mark.parametrize("nesterov", [False, True])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("beta", "nesterov"), KINDS)
def test_the_edge_is_where_the_lifted_operator_has_radius_one(name, beta, nesterov):
    problem, atoms = CASES[name]
    for batch_size in (1, 4, 40, math.inf):
        rate = ls.max_learning_rate(problem, batch_size, momentum=beta, nesterov=nesterov)

        def radius(rate, factor=1.0 / batch_size):
            return dense_sgd.momentum_radius(*atoms, rate, factor, beta, nesterov)

        agree(radius(rate), 1.0, rounding=EXACT if batch_size < math.inf else 1e-7)  # there a double root
        assert radius(0.99 * rate) < 1.0 < radius(1.01 * rate)
        assert all(radius(share * rate) < 1.0 for share in (0.02, 0.2, 0.5, 0.8))  # one edge, not several


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 20]), st.floats(0.01, 0.97), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_edge_of_random_data_sets(seed, batch_size, beta, nesterov):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((5, 2)) * 10.0 ** rng.uniform(-1, 1, (5, 1))
    rate = ls.max_learning_rate(
        ls.finite_sample(rows, np.ones(5)), batch_size, momentum=beta, nesterov=nesterov
    )
    radius = dense_sgd.momentum_radius(rows, np.full(5, 0.2), rate, 1.0 / batch_size, beta, nesterov)
    agree(radius, 1.0, rounding=1e-8)


def test_closed_forms():
    """Heavy ball on a Gaussian: sum_i q (1 + beta) / (2 b (1 - beta^2) - q (b (1 - beta) + 1 + beta)) = 1."""
    problem, beta, b = ls.gaussian(1 / np.arange(1, 101)), 0.9, 16
    pull = ls.max_learning_rate(problem, b, momentum=beta) * problem.eigenvalues
    terms = pull * (1 + beta) / (2 * b * (1 - beta**2) - pull * (b * (1 - beta) + 1 + beta))
    agree(np.sum(terms), 1.0, rounding=1e-12)
    for beta in (0.2, 0.9):
        agree(ls.max_learning_rate(problem, math.inf, momentum=beta), 2 * (1 + beta), relative=1e-14)
        ahead = ls.max_learning_rate(problem, math.inf, momentum=beta, nesterov=True)
        agree(ahead, 2 * (1 + beta) / (1 + 2 * beta), relative=1e-14)


def test_typical_wrong_edges_are_not_ours():
    problem, atoms = CASES["gaussian"]
    for batch_size in (1, 40):
        ours = ls.max_learning_rate(problem, batch_size, momentum=0.9)
        plain = ls.max_learning_rate(problem, batch_size)
        for wrong in (
            plain,  # the velocity averaged, beta v - (1 - beta) eta g, as if it changed nothing
            0.1 * plain,  # the rate eta / (1 - beta) in place of momentum: right only for small batches
            ls.max_learning_rate(problem, batch_size, momentum=0.9, nesterov=True),
        ):
            radius = dense_sgd.momentum_radius(*atoms, wrong, 1.0 / batch_size, 0.9, False)
            assert abs(radius - 1.0) > 1e3 * EXACT
            assert abs(wrong / ours - 1.0) > 0.01


def test_momentum_moves_the_limit_of_large_batches_and_not_that_of_small_ones():
    """In units of eta / (1 - beta): the noise is the same, the drift (1 - beta) / (1 + beta) as strong."""
    problem, small = ls.gaussian(np.ones(2000)), 1
    for beta in (0.5, 0.9):
        effective = ls.max_learning_rate(problem, [small, math.inf], momentum=beta) / (1 - beta)
        plain = ls.max_learning_rate(problem, [small, math.inf])
        agree(effective[0] / plain[0], 1.0, rounding=2e-3)  # 1 / (d + 2), the drift's share at b = 1
        agree(effective[1] / plain[1], (1 + beta) / (1 - beta), relative=1e-12)


@either
@pytest.mark.parametrize("batch_size", [1, 5, math.inf])
def test_risk_curve_is_the_dense_curve(batch_size, nesterov):
    for name, beta in (("gaussian", 0.8), ("one_hot", 0.4)):
        problem, atoms = CASES[name]
        rate = 0.6 * ls.max_learning_rate(problem, batch_size, momentum=beta, nesterov=nesterov)
        right = dense_sgd.risks(*atoms, 0.3, START, rate, 1.0 / batch_size, 40, beta, nesterov)
        curve = ls.risk_curve(problem, START, rate, batch_size, 40, momentum=beta, nesterov=nesterov)
        agree(curve.bias, right[0], relative=EXACT)
        agree(curve.risk, right[1], relative=EXACT)
        elsewhere = ls.risk_curve(problem, START, rate, batch_size, 40, momentum=beta, nesterov=not nesterov)
        averaged = ls.risk_curve(problem, START, (1 - beta) * rate, batch_size, 40, momentum=beta)
        for wrong in (elsewhere, averaged):  # the gradient at the other point; the velocity averaged
            assert np.max(np.abs(wrong.risk / right[1] - 1.0)) > 0.05


@either
@pytest.mark.parametrize("replacement", [True, False])
def test_every_batch_of_a_data_set(replacement, nesterov):
    rows, answers = ROWS[:4], ANSWERS[:4]
    problem = ls.finite_sample(rows, answers, replacement=replacement)
    how = {"momentum": 0.7, "nesterov": nesterov}
    bias, risk = dense_sgd.every_batch(rows, answers, START, 0.4, 2, 3, replacement, **how)
    curve = ls.risk_curve(problem, START, 0.4, 2, 3, **how)
    agree(curve.bias, bias, relative=1e-12)
    agree(curve.risk, risk, relative=1e-12)
    no_cross_term = ls.risk_curve(problem.without_noise(), START, 0.4, 2, 3, **how).risk
    rest = ls.risk_curve(problem, np.zeros(3), 0.4, 2, 3, **how).risk
    assert np.max(np.abs((no_cross_term + rest) / risk - 1.0)) > 1e-4


def simulated(name, batch_size, rate, beta, nesterov, steps, runs=20_000):
    """Mean excess risk and its standard error, of plain runs side by side."""
    rng, scale = np.random.default_rng(5), np.sqrt(EIGENVALUES)
    hessian = {
        "gaussian": np.diag(EIGENVALUES),
        "one_hot": np.diag(CHANCES),
        "data": FEATURES.T @ FEATURES / 12,
    }
    residuals = TARGETS - FEATURES @ np.linalg.lstsq(FEATURES, TARGETS, rcond=None)[0]
    error, velocity = np.tile(START, (runs, 1)), np.zeros((runs, 3))
    for _ in range(steps):
        noise = rng.normal(0.0, math.sqrt(0.3), (runs, batch_size))
        if name == "gaussian":
            x = rng.standard_normal((runs, batch_size, 3)) * scale
        elif name == "one_hot":
            x = np.eye(3)[rng.choice(3, (runs, batch_size), p=CHANCES)]
        else:
            chosen = rng.integers(0, 12, (runs, batch_size))
            x, noise = FEATURES[chosen], residuals[chosen]
        point = error + beta * velocity if nesterov else error
        slope = np.einsum("rbi,rb->ri", x, np.einsum("rbi,ri->rb", x, point) - noise) / batch_size
        velocity = beta * velocity - rate * slope
        error = error + velocity
    risks = 0.5 * np.einsum("ri,ij,rj->r", error, hessian[name], error)
    return np.mean(risks), np.std(risks, ddof=1) / math.sqrt(runs)


@either
@pytest.mark.parametrize(("name", "rate"), [("gaussian", 0.15), ("one_hot", 0.5), ("data", 0.2)])
def test_simulation(name, rate, nesterov):
    problem = ls.finite_sample(FEATURES, TARGETS) if name == "data" else CASES[name][0]
    measured, error = simulated(name, 3, rate, 0.7, nesterov, steps=15)
    right, wrong = (
        ls.risk_curve(problem, START, rate, 3, 15, momentum=0.7, nesterov=n).risk[-1]
        for n in (nesterov, not nesterov)
    )
    agree(measured, right, standard_error=error)
    assert abs(measured - wrong) > 5.0 * error  # the gradient taken at the other point
    assert error < 0.03 * right


@pytest.mark.parametrize("name", CASES)
def test_momentum_zero_is_plain_sgd(name):
    problem, zero = CASES[name][0], Momentum(0.0, 0.0)
    for b in (1, 8, math.inf):
        plain = ls.max_learning_rate(problem, b)
        assert ls.max_learning_rate(problem, b, momentum=0.0, nesterov=True) == plain
        agree(momentum.largest_rate(problem, problem.noise_factor(b), zero), plain, relative=1e-10)
        curve = ls.risk_curve(problem, START, 0.5 * plain, b, 30)
        same = ls.risk_curve(problem, START, 0.5 * plain, b, 30, momentum=0.0, nesterov=True)
        assert np.array_equal(curve.risk, same.risk)
        assert np.array_equal(curve.bias, same.bias)
        lifted = momentum.split_risks(problem, problem.start(START), 0.5 * plain, b, 30, zero)
        agree(lifted[0], curve.bias, relative=1e-12)
        agree(lifted[0] + lifted[1], curve.risk, relative=1e-12)
        assert ls.depth(problem, START, 0.4, b, momentum=0.0) == ls.depth(problem, START, 0.4, b)


@either
@first_quick("name", CASES)
def test_powers_of_one_matrix_are_the_recursion(name, nesterov):
    problem, how = CASES[name][0], Momentum(0.7, 0.7 * nesterov)
    rate = 0.5 * ls.max_learning_rate(problem, 2, momentum=0.7, nesterov=nesterov)
    curve = ls.risk_curve(problem, START, rate, 2, 60, momentum=0.7, nesterov=nesterov).risk
    lifted = momentum.over_time(problem, problem.start(START), 2, 0.0, how)
    agree([lifted.risk(rate, step) for step in (0, 1, 7, 60)], curve[[0, 1, 7, 60]], relative=1e-11)
    late = ls.risk_curve(problem, START, rate, 2, 4000, momentum=0.7, nesterov=nesterov).risk[-1]
    agree(lifted.steady(rate), late, relative=1e-8)
    step, entries = lifted.matrix(rate), len(lifted.left)
    step[entries : len(lifted.second) - entries] = 0.0  # mutant: the moment of error and velocity dropped
    vector = np.concatenate([lifted.second, lifted.mean, [1.0]])
    wrong = np.linalg.matrix_power(step, 7) @ vector
    assert abs(lifted.reads @ wrong[: len(lifted.reads)] / curve[7] - 1.0) > 0.01


@either
@pytest.mark.parametrize("name", CASES)
def test_depth_is_reached_and_no_rate_of_many_is_faster(name, nesterov):
    problem, how = CASES[name][0].without_noise(), {"momentum": 0.6, "nesterov": nesterov}
    found = ls.depth(problem, START, 0.05, 4, **how)
    risk = ls.risk_curve(problem, START, found.learning_rate, 4, found.steps, **how).risk
    assert risk[-1] <= 0.05 * risk[0] * (1 + 1e-10)
    assert np.all(risk[:-1] > 0.05 * risk[0])
    for rate in np.geomspace(0.02, 1.0, 60) * ls.max_learning_rate(problem, 4, **how):
        others = ls.risk_curve(problem, START, rate, 4, found.steps - 1, **how).risk
        assert np.all(others > 0.05 * risk[0])


def test_a_run_that_diverges_is_inf_and_not_nan():
    for problem, _ in CASES.values():
        curve = ls.risk_curve(problem, START, 50.0, 2, 400, momentum=0.9)
        assert curve.risk[-1] == math.inf
        assert not np.isnan(curve.bias).any()
        full = ls.risk_curve(problem, START, 50.0, math.inf, 400, momentum=0.9)
        assert np.all(full.variance == 0.0)


@pytest.mark.parametrize("value", [1.0, -0.1, math.nan, "0.9", True])
def test_momentum_is_from_0_to_below_1(value):
    problem = ls.gaussian([1.0])
    for call in (
        lambda **how: ls.max_learning_rate(problem, 1, **how),
        lambda **how: ls.risk_curve(problem, [1.0], 0.1, 1, 1, **how),
        lambda **how: ls.depth(problem, [1.0], 0.1, 1, **how),
    ):
        with pytest.raises(ValueError, match=f"momentum = {value!r} is refused; pass one number in"):
            call(momentum=value)
        with pytest.raises(ValueError, match=r"nesterov = 0.9 is refused"):
            call(momentum=0.9, nesterov=0.9)


def test_what_has_no_momentum_is_refused():
    with pytest.raises(ValueError, match=r"delay = 2 with momentum = 0.5"):
        ls.max_learning_rate(ls.gaussian([1.0]), 1, 2, momentum=0.5)
    data = ls.finite_sample(np.diag(np.arange(1.0, 41.0)), np.zeros(40))
    with pytest.raises(ValueError, match="40 directions: with momentum one step is a matrix of 3361 rows"):
        ls.depth(data, np.ones(40), 0.1, 1, momentum=0.5)
