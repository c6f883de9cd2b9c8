"""Coordinate descent and blocks: exact theory against enumeration, and the runs against the theory."""

import itertools
import math

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import collectives, coordinate, model_parallel

EQUI = coordinate.equicorrelated(20, 0.3)


def random_gram(dimension, seed):
    columns = np.random.default_rng(seed).normal(size=(2 * dimension, dimension))
    columns /= np.linalg.norm(columns, axis=0)
    return columns.T @ columns


def enumerate_risk(gram, start, parallel, replacement, steps=2):
    """Expected risk by trying every choice of coordinates in every round."""
    dimension = len(gram)
    if replacement:
        choices = list(itertools.product(range(dimension), repeat=parallel))
    else:
        choices = list(itertools.combinations(range(dimension), parallel))
    errors = [np.asarray(start, float)]
    risks = [0.5 * errors[0] @ gram @ errors[0]]
    for _ in range(steps):
        moves = [np.bincount(choice, minlength=dimension) for choice in choices]
        errors = [error - move * (gram @ error) for error in errors for move in moves]
        risks.append(np.mean([0.5 * error @ gram @ error for error in errors]))
    return np.array(risks)


@pytest.mark.parametrize(
    ("parallel", "replacement"), [(1, False), (2, False), (4, False), (2, True), (3, True)]
)
def test_expected_risk_is_the_enumerated_one(parallel, replacement):
    gram, start = random_gram(4, 0), [1.0, -2.0, 0.5, 1.0]
    exact = coordinate.parallel_risk(gram, start, parallel, 2, replacement=replacement)
    np.testing.assert_allclose(exact, enumerate_risk(gram, start, parallel, replacement), rtol=1e-12)


@given(st.integers(2, 8), st.integers(0, 99), st.data())
def test_the_first_step_is_the_published_formula(dimension, seed, data):
    gram, parallel = random_gram(dimension, seed), data.draw(st.integers(1, dimension))
    start = np.random.default_rng(seed).normal(size=dimension)
    g = gram @ start
    excess = (parallel - 1) / (dimension - 1) * (g @ gram @ g / (g @ g) - 1)
    expected = 0.5 * start @ g - parallel / (2 * dimension) * (g @ g) * (1 - excess)
    assert coordinate.parallel_risk(gram, start, parallel, 1)[1] == pytest.approx(expected, rel=1e-9)


def operator_radius(gram, parallel, replacement):
    """Spectral radius of Phi -> E (1 - DG) Phi (1 - GD), built column by column."""
    dimension = len(gram)
    own, both = coordinate._weights(dimension, parallel, replacement)
    columns = []
    for unit in np.eye(dimension**2):
        second = unit.reshape(dimension, dimension)
        half, moved = gram @ second, gram @ second @ gram
        noise = own * np.diag(np.diag(moved)) + both * moved
        columns.append((second - parallel / dimension * (half + second @ gram - noise)).ravel())
    return np.max(np.abs(np.linalg.eigvals(np.array(columns))))


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize(
    "gram", [coordinate.equicorrelated(6, 0.7), random_gram(6, 3)], ids=["equi", "random"]
)
def test_the_cliff_is_where_the_second_moment_stops_shrinking(gram, replacement):
    cliff = coordinate.most_parallel(gram, replacement=replacement)
    if math.isfinite(cliff):
        assert operator_radius(gram, cliff * (1 - 1e-6), replacement) < 1
        assert operator_radius(gram, cliff * (1 + 1e-6), replacement) > 1
    else:
        assert operator_radius(gram, len(gram), replacement) < 1


@pytest.mark.parametrize(
    ("correlation", "distinct", "repeated", "bound"),
    [(0.3, 5.68557337, 5.40695110, 2.985), (0.9, 2.16600184, 2.15992370, 1.105)],
)
def test_the_cliffs_of_the_lectures_table(correlation, distinct, repeated, bound):
    gram = coordinate.equicorrelated(20, correlation)
    assert coordinate.most_parallel(gram) == pytest.approx(distinct, abs=5e-9)
    assert coordinate.most_parallel(gram, replacement=True) == pytest.approx(repeated, abs=5e-9)
    assert coordinate.shotgun_bound(gram) == pytest.approx(bound, abs=5e-4)


def test_uncorrelated_features_have_no_cliff_unless_coordinates_repeat():
    assert coordinate.most_parallel(np.eye(5)) == math.inf
    # With repetition: 1 - 2 P/d + P/d (1 + (P - 1)/d) = 1 at P = d + 1.
    assert coordinate.most_parallel(np.eye(5), replacement=True) == pytest.approx(6, rel=1e-9)


@pytest.mark.parametrize(("parallel", "replacement"), [(1, False), (5, False), (3, True)])
def test_runs_agree_with_the_exact_expectation(parallel, replacement):
    start, steps, runs = np.linspace(-1, 1, 20) + 0.3, 12, 4000
    options = {"parallel": parallel, "replacement": replacement}
    runs_of = model_parallel.coordinate_descent(
        EQUI, start, steps, runs=runs, key=jax.random.key(5), **options
    )
    risks = np.asarray(runs_of, dtype=np.float64)
    exact = coordinate.parallel_risk(EQUI, start, parallel, steps, replacement=replacement)
    error = risks.std(axis=0, ddof=1) / math.sqrt(runs) + 1e-6 * exact
    assert (abs(risks.mean(axis=0) - exact) < 4.5 * error).all()
    other = coordinate.parallel_risk(EQUI, start, parallel + 1, steps, replacement=replacement)
    assert (abs(risks.mean(axis=0) - other) > 4.5 * error)[1:].any()  # one more coordinate would be seen


def test_one_round_of_all_coordinates_one_by_one_is_gauss_seidel():
    start = np.linspace(-1, 1, 20)
    risks = model_parallel.coordinate_descent(EQUI, start, 20, order="cyclic")
    error = start.copy()
    for i in range(20):
        error[i] -= EQUI[i] @ error
    assert float(risks[0, -1]) == pytest.approx(0.5 * error @ EQUI @ error, rel=1e-5)
    norms = model_parallel.block_sweeps(EQUI, start, 20, 1, method="gauss-seidel")
    assert float(norms[1]) == pytest.approx(np.linalg.norm(error), rel=1e-5)


def test_runs_differ_and_more_of_them_change_nothing_before():
    few, more = (
        model_parallel.coordinate_descent(EQUI, np.ones(20), 5, runs=r, key=jax.random.key(0)) for r in (3, 6)
    )
    np.testing.assert_allclose(few, more[:3], rtol=1e-6)
    assert len(np.unique(np.asarray(more)[:, -1])) > 1


@pytest.mark.parametrize(
    ("method", "devices"), [("jacobi", 1), ("jacobi", 2), ("jacobi", 4), ("gauss-seidel", 1)]
)
def test_sweeps_are_those_of_the_matrix_iteration(method, devices):
    start, sweeps = np.linspace(-1, 1, 20) + 0.5, 30
    norms = model_parallel.block_sweeps(EQUI, start, 4, sweeps, method=method, devices=devices)
    block = np.arange(20) // 5
    kept = block[:, None] == block if method == "jacobi" else block[:, None] >= block
    matrix = np.eye(20) - np.linalg.solve(np.where(kept, EQUI, 0), EQUI)
    exact = np.array([np.linalg.norm(np.linalg.matrix_power(matrix, t) @ start) for t in range(sweeps + 1)])
    large = exact > 1e-6 * exact[0]  # below, each sweep's rounding is as large as what is left
    np.testing.assert_allclose(norms[large], exact[large], rtol=1e-3)
    if method == "jacobi":
        rate = coordinate.block_rate(EQUI, 4)
        assert exact[-1] / exact[-2] == pytest.approx(rate, rel=1e-9)


def test_block_rates_of_the_lectures_table():
    chain = 2 * np.eye(12) - np.eye(12, k=1) - np.eye(12, k=-1)
    cosine = math.cos(math.pi / 13)
    assert coordinate.block_rate(chain, 12) == pytest.approx(cosine, rel=1e-12)
    assert coordinate.block_rate(chain, 12, method="gauss-seidel") == pytest.approx(cosine**2, rel=1e-6)


@settings(max_examples=30)
@given(st.integers(0, 99))
def test_gauss_seidel_always_converges_and_two_jacobi_blocks_do_too(seed):
    gram = random_gram(8, seed)
    assert coordinate.block_rate(gram, 8, method="gauss-seidel") < 1
    assert coordinate.block_rate(gram, 2) < 1


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_the_gradient_by_columns_is_the_gradient(devices):
    random = np.random.default_rng(0)
    features, targets, weights = random.normal(size=(6, 8)), random.normal(size=6), random.normal(size=8)
    gradient, line = model_parallel.gradient_by_columns(devices), collectives.mesh(devices, "model")
    placed = (
        collectives.place(np.float32(features), line, None, "model"),
        collectives.place(np.float32(targets), line),
        collectives.place(np.float32(weights), line, "model"),
    )
    exact = features.T @ (features @ weights - targets) / 6
    np.testing.assert_allclose(gradient(*placed), exact, atol=60 * np.finfo(np.float32).eps * 4)
    found = collectives.sent(gradient, *placed)
    assert [one.numbers for one in found] == ([] if devices == 1 else [6])  # a number an example


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: coordinate.equicorrelated(3, 1.0), "correlation = 1.0"),
        (lambda: coordinate.most_parallel(np.eye(61)), "dimension 61"),
        (lambda: coordinate.most_parallel(2 * np.eye(3)), "diagonal other than 1"),
        (lambda: coordinate.most_parallel(np.ones((2, 2))), "eigenvalue of 0"),
        (lambda: coordinate.most_parallel(np.array([[1.0, 0.5], [0.2, 1.0]])), "not symmetric"),
        (lambda: coordinate.parallel_risk(np.eye(3), np.ones(2), 1, 1), r"start_error has shape \(2,\)"),
        (lambda: coordinate.parallel_risk(np.eye(3), np.ones(3), 4, 1), "parallel = 4"),
        (lambda: coordinate.block_rate(np.eye(4), 3), "blocks = 3"),
        (lambda: coordinate.block_rate(np.eye(4), 2, method="sor"), "method = 'sor'"),
        (lambda: model_parallel.coordinate_descent(np.eye(3), np.ones(3), 1), "key = None"),
        (lambda: model_parallel.coordinate_descent(np.eye(3), np.ones(2), 1, order="cyclic"), "start_error"),
        (lambda: model_parallel.coordinate_descent(np.eye(3), np.ones(3), 1, order="up"), "order = 'up'"),
        (lambda: model_parallel.coordinate_descent(EQUI, np.ones(20), 1, parallel=21), "parallel = 21"),
        (lambda: model_parallel.block_sweeps(EQUI, np.ones(20), 3, 1), "blocks = 3"),
        (lambda: model_parallel.block_sweeps(EQUI, np.ones(20), 4, 1, devices=3), "devices = 3"),
        (lambda: model_parallel.block_sweeps(EQUI, np.ones(20), 4, 1, method="x"), "method = 'x'"),
        (lambda: model_parallel.block_sweeps(np.ones(3), np.ones(3), 1, 1), "gram has shape"),
        (lambda: model_parallel.gradient_by_columns(99), "devices = 99"),
    ],
)
def test_bad_arguments_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
