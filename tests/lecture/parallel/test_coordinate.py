"""Coordinate descent and blocks: exact theory against enumeration, and the lecture's table."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lecturelib.parallel import coordinate
from tests.agree import agree

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
    agree(exact, enumerate_risk(gram, start, parallel, replacement), relative=1e-12)


@given(st.integers(2, 8), st.integers(0, 99), st.data())
def test_the_first_step_is_the_published_formula(dimension, seed, data):
    gram, parallel = random_gram(dimension, seed), data.draw(st.integers(1, dimension))
    start = np.random.default_rng(seed).normal(size=dimension)
    g = gram @ start
    excess = (parallel - 1) / (dimension - 1) * (g @ gram @ g / (g @ g) - 1)
    expected = 0.5 * start @ g - parallel / (2 * dimension) * (g @ g) * (1 - excess)
    agree(coordinate.parallel_risk(gram, start, parallel, 1)[1], expected, relative=1e-9)


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
    agree(coordinate.most_parallel(gram), distinct, rounding=5e-9)
    agree(coordinate.most_parallel(gram, replacement=True), repeated, rounding=5e-9)
    agree(coordinate.shotgun_bound(gram), bound, rounding=5e-4)


def test_uncorrelated_features_have_no_cliff_unless_coordinates_repeat():
    assert coordinate.most_parallel(np.eye(5)) == math.inf
    # With repetition: 1 - 2 P/d + P/d (1 + (P - 1)/d) = 1 at P = d + 1.
    agree(coordinate.most_parallel(np.eye(5), replacement=True), 6, relative=1e-9)


def test_block_rates_of_the_lectures_table():
    chain = 2 * np.eye(12) - np.eye(12, k=1) - np.eye(12, k=-1)
    cosine = math.cos(math.pi / 13)
    agree(coordinate.block_rate(chain, 12), cosine, relative=1e-12)
    agree(coordinate.block_rate(chain, 12, method="gauss-seidel"), cosine**2, relative=1e-6)


@settings(max_examples=30)
@given(st.integers(0, 99))
def test_gauss_seidel_always_converges_and_two_jacobi_blocks_do_too(seed):
    gram = random_gram(8, seed)
    assert coordinate.block_rate(gram, 8, method="gauss-seidel") < 1
    assert coordinate.block_rate(gram, 2) < 1


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(2, 5), st.floats(0.01, 0.95))
def test_equal_correlations_let_jacobi_converge_up_to_the_lectures_bound(size, blocks, correlation):
    dimension = size * blocks
    bound = correlation * (dimension - 2 * size + 1)
    assume(abs(bound - 1) > 1e-6)
    rate = coordinate.block_rate(coordinate.equicorrelated(dimension, correlation), blocks)
    assert (rate < 1) == (bound < 1)


def test_that_bound_needs_its_two():
    """Mutant: every other block counted once, d - s + 1 in place of d - 2 s + 1."""
    assert coordinate.block_rate(coordinate.equicorrelated(4, 0.4), 2) < 1 < 0.4 * (4 - 2 + 1)


def test_one_sweep_of_gauss_seidel_over_two_blocks_is_two_of_jacobi():
    serial, jacobi = coordinate.block_rate(EQUI, 2, method="gauss-seidel"), coordinate.block_rate(EQUI, 2)
    agree(serial, jacobi**2, relative=1e-6)
    assert serial < 0.95 * jacobi  # one of Jacobi would not do


def test_rounds_fall_nearly_linearly_up_to_shotguns_bound_and_then_no_more():
    start = np.random.default_rng(0).normal(size=20)
    curves = [coordinate.parallel_risk(EQUI, start, p, 400) for p in range(1, 6)]
    rounds = np.array([np.argmax(curve <= 1e-3 * curve[0]) for curve in curves])
    speed_up = rounds[0] / rounds
    safe = int(coordinate.shotgun_bound(EQUI))
    assert (speed_up[:safe] >= 0.9 * np.arange(1, safe + 1)).all()
    agree(speed_up[1:], [1.99, 2.89, 3.61, 3.18], rounding=0.006)
    wrong = len(EQUI) / np.linalg.eigvalsh(EQUI)[0]  # the smallest eigenvalue for the largest
    assert not (speed_up[: int(wrong)] >= 0.9 * np.arange(1, len(speed_up) + 1)).all()


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
    ],
)
def test_bad_arguments_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
