"""The largest stable learning rate: reference numbers, dense pencils, lifted delays, and the sandwich."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import least_squares as ls
from lecturelib.least_squares.stability import top_of_diagonal_plus_rank_one
from tests.agree import agree
from tests.lecture.least_squares import dense_sgd

ISO50, POW1 = ls.gaussian(np.ones(50)), ls.gaussian(1.0 / np.arange(1, 101))
ONE_HOT = ls.one_hot([1 / 64] * 64)
SIZES = [1, 4, 16, 64, 256, 1024, math.inf]
PRINTED = 6e-8  # the references have eight significant digits, or seven: half a unit of the last


@pytest.mark.parametrize(
    ("problem", "rates"),
    [
        (ISO50, [0.038461538, 0.14545455, 0.47761194, 1.1130435, 1.6677524, 1.9051163, 2]),
        (POW1, [0.33692252, 1.0489151, 1.7410246, 1.9369132, 1.9843388, 1.9960915, 2]),
        (ONE_HOT, [2, 7.641791, 25.924051, 64.503937, 102.721, 120.58142, 128]),
    ],
)
def test_reference_rates(problem, rates):
    agree(ls.max_learning_rate(problem, SIZES), rates, relative=PRINTED)


def test_closed_forms():
    sizes = np.array([1, 3, 50, 10**6, 10**15])
    iso = ls.max_learning_rate(ls.gaussian([2.0] * 7), sizes)
    agree(iso, 2 * sizes / (2.0 * (sizes + 8.0)), relative=1e-14)
    tails = ls.max_learning_rate(ls.gaussian([1.0] * 50, kurtosis=5.0), sizes)
    agree(tails, 2 * sizes / (sizes + 53.0), relative=1e-14)
    tails = ls.max_learning_rate(ls.gaussian([1.0] * 50, elliptical=10.0), sizes)
    agree(tails, 2 * sizes / (sizes - 1.0 + 520.0), relative=1e-14)
    sparse = ls.max_learning_rate(ls.one_hot([0.7, 0.2, 0.1]), sizes)
    agree(sparse, 2 * sizes / (1.0 + (sizes - 1.0) * 0.7), relative=1e-14)
    rate = ls.max_learning_rate(POW1, 16)
    terms = rate * POW1.eigenvalues / (32 - 17 * rate * POW1.eigenvalues)
    agree(np.sum(terms), 1.0, rounding=1e-12)


def test_typical_wrong_values_are_not_ours():
    ours = ls.max_learning_rate(ISO50, 1)
    without_two = replace(ISO50, own=ISO50.eigenvalues**2)
    agree(ls.max_learning_rate(without_two, 1), 2 / 51, relative=1e-12)
    # no factor 2; the slide's 1 / E|x|^2 read with the 1/2; a loss without the 1/2
    for wrong in (2 / 51, 2 / 50, 1 / 52):
        assert abs(wrong / ours - 1.0) > 0.01


@pytest.mark.parametrize("batch_size", [1, 2, 9, math.inf])
def test_the_dense_pencil_agrees(batch_size):
    eigenvalues, probabilities = np.array([1.0, 0.4, 0.1]), np.array([0.6, 0.3, 0.1])
    rate = dense_sgd.max_rate(*dense_sgd.gaussian_atoms(eigenvalues), 1.0 / batch_size)
    agree(ls.max_learning_rate(ls.gaussian(eigenvalues), batch_size), rate, relative=1e-12)
    rate = dense_sgd.max_rate(*dense_sgd.one_hot_atoms(probabilities), 1.0 / batch_size)
    agree(ls.max_learning_rate(ls.one_hot(probabilities), batch_size), rate, relative=1e-12)


def test_dead_and_repeated_directions_change_nothing():
    with_dead, alive = ls.gaussian([0.0, 1.0, 0.5, 0.0]), ls.gaussian([0.5, 1.0])
    agree(ls.max_learning_rate(with_dead, SIZES), ls.max_learning_rate(alive, SIZES), relative=1e-15)
    assert ls.max_learning_rate(ls.one_hot([0.0, 1.0]), 1) == 2.0


@given(
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30),
    st.lists(st.floats(1e-6, 1.0), min_size=30, max_size=30),
    st.floats(-12.0, 3.0),
)
@settings(max_examples=100, deadline=None)
def test_secular_root_is_the_top_eigenvalue(diagonal, squares, exponent):
    diagonal, squares = np.array(diagonal), 10.0**exponent * np.array(squares[: len(diagonal)])
    vector = np.sqrt(squares)
    top = np.linalg.eigvalsh(np.diag(diagonal) + np.outer(vector, vector))[-1]
    ours = top_of_diagonal_plus_rank_one(diagonal[None], squares[None])[0]
    size = np.max(diagonal) + np.sum(squares)
    agree(ours, top, rounding=1e-14 * len(diagonal) * size)


@pytest.mark.parametrize(
    ("problem", "delays", "rates"),
    [
        (ls.one_hot([1.0]), [0, 1, 2, 4, 8, 16], [2, 1, 0.61803399, 0.34729636, 0.18453672, 0.09516383]),
        (
            ls.one_hot([1 / 16] * 16),
            [1, 2, 4, 8, 16],
            [1.79795897, 1.64318049, 1.41551996, 1.12653344, 0.81509664],
        ),
        (ONE_HOT, [1, 2, 4, 8, 16], [1.94112550, 1.88703187, 1.79061157, 1.63271402, 1.40335245]),
        (ISO50, [0, 1, 4, 16, 48], [0.03846154, 0.03708616, 0.03367650, 0.02544003, 0.01621703]),
    ],
)
def test_reference_delays(problem, delays, rates):
    ours = [ls.max_learning_rate(problem, 1, delay=delay) for delay in delays]
    agree(ours, rates, rounding=6e-9)


def test_more_reference_delays():
    ours = [ls.max_learning_rate(ISO50, 64, delay=delay) for delay in (0, 1, 4, 16)]
    agree(ours, [1.11304348, 0.66749453, 0.29534813, 0.09078163], rounding=6e-9)
    limits = [ls.max_learning_rate(ls.gaussian([0.5]), math.inf, delay=delay) for delay in (0, 1, 3, 32)]
    agree(limits, [4, 2, 2 * 0.44504187, 2 * 0.04832749], relative=PRINTED)
    by_hand = [(math.sqrt(1 + 8 * p) - 1) / (2 * p) for p in (1 / 16, 1 / 64)]
    ours = [ls.max_learning_rate(ls.one_hot([1 / d] * d), 1, delay=1) for d in (16, 64)]
    agree(ours, by_hand, relative=1e-14)


@pytest.mark.parametrize("delay", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 8])
def test_the_lifted_operator_reaches_radius_one(delay, batch_size):
    eigenvalues, probabilities = np.array([1.0, 0.3]), np.array([0.75, 0.25])
    for problem, atoms in (
        (ls.gaussian(eigenvalues), dense_sgd.gaussian_atoms(eigenvalues)),
        (ls.one_hot(probabilities), dense_sgd.one_hot_atoms(probabilities)),
    ):
        rate = ls.max_learning_rate(problem, batch_size, delay=delay)
        agree(dense_sgd.delayed_radius(*atoms, rate, 1 / batch_size, delay), 1.0, rounding=1e-10)
        assert dense_sgd.delayed_radius(*atoms, 0.99 * rate, 1 / batch_size, delay) < 1.0
        assert dense_sgd.delayed_radius(*atoms, 1.01 * rate, 1 / batch_size, delay) > 1.0


def test_batch_sizes_keep_their_shape():
    rates = ls.max_learning_rate(ISO50, np.array([[1, 2], [4, 8]]))
    assert rates.shape == (2, 2)
    assert isinstance(ls.max_learning_rate(ISO50, np.int64(2)), float)
    assert rates[0, 1] == ls.max_learning_rate(ISO50, 2)
    assert ls.max_learning_rate(ISO50, (1, 2), delay=1).shape == (2,)


def test_critical_batch_sizes():
    ours = [ls.critical_batch_size(problem) for problem in (ISO50, POW1, ONE_HOT)]
    agree(ours, [52, 5.9360828, 64], relative=PRINTED)
    agree(ls.critical_batch_size(ls.gaussian(np.ones(50), elliptical=10.0)), 520.0, relative=1e-12)


@st.composite
def data_sets(draw):
    """Random rows with tails as heavy as the cube of a Gaussian, or a Cauchy."""
    rows, columns = draw(st.integers(6, 40)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    features = rng.standard_normal((rows, columns)) ** draw(st.sampled_from([1, 3]))
    if draw(st.booleans()):
        features = features * np.minimum(np.abs(rng.standard_cauchy((rows, 1))), 100.0)
    return features, rng.standard_normal(rows)


def sandwich_holds(sizes, rates, slack=1e-9):
    """The lemma: eta_max increases, 1/eta_max is convex in 1/b, and it lies between harmonic and linear.

    slack: ten times the 1e-10 to which rates of a data set are promised.
    """
    first, last = rates[0], rates[-1]
    critical = last / first
    inverse, slopes = 1.0 / rates, np.diff(1.0 / rates) / np.diff(1.0 / sizes)
    return bool(
        np.all(np.diff(rates) >= -slack * last)
        and np.all(np.diff(slopes) <= slack * inverse[0] / np.min(-np.diff(1.0 / sizes)))
        and np.all(rates[:-1] >= (1 - slack) * sizes[:-1] * first / (1.0 + (sizes[:-1] - 1.0) / critical))
        and np.all(rates <= (1 + slack) * np.minimum(sizes * first, last))
    )


@given(data_sets())
@settings(max_examples=40, deadline=None)
def test_the_sandwich_on_heavy_tailed_data(data):
    features, targets = data
    problem = ls.finite_sample(features, targets)
    sizes = np.array([1, 2, 4, 8, 64, math.inf])
    rates = ls.max_learning_rate(problem, sizes)
    assert sandwich_holds(sizes, rates)
    linear = np.where(np.isinf(sizes), rates[-1], sizes * rates[0])  # "eta_max = b eta_1 throughout"
    assert rates[-1] / rates[0] > 64 or not sandwich_holds(sizes, linear)
    weights = np.full(len(features), 1 / len(features))
    dense = [dense_sgd.max_rate(features, weights, 1 / size) for size in sizes]
    # the dense pencil works in the basis of the data, where rounding is amplified by its condition number
    rounding = 1e-15 * np.linalg.cond(features) ** 2
    agree(rates, dense, relative=1e-10 + rounding)


@pytest.mark.parametrize(
    "problem",
    [
        ISO50,
        POW1,
        ONE_HOT,
        ls.gaussian(np.ones(50), elliptical=10.0),
        ls.gaussian(np.arange(1, 1001) ** -2.0, kurtosis=9.0),
    ],
)
def test_the_sandwich_at_every_batch_size(problem):
    sizes = np.array([*range(1, 201), math.inf])
    rates = ls.max_learning_rate(problem, sizes)
    assert sandwich_holds(sizes, rates, slack=1e-12)
    square_root = np.minimum(np.sqrt(sizes) * rates[0], rates[-1])  # another rule of thumb
    assert not sandwich_holds(sizes, square_root, slack=1e-12)


def test_the_fourth_moment_bounds_the_rate_of_single_examples():
    """eta_max(1) <= 2 E|x|^2 / E|x|^4 <= 2 / E|x|^2, equal where |x| = 1 always, in equal directions."""
    rows = np.random.default_rng(6).standard_normal((40, 3)) ** 3 * [1.0, 0.5, 0.1]
    squares = np.sum(rows**2, axis=1)
    exact = ls.max_learning_rate(ls.finite_sample(rows, np.zeros(40)), 1)
    fourth, second = 2 * squares.mean() / np.mean(squares**2), 2 / squares.mean()
    assert exact < fourth < second
    assert exact < 0.9 * second  # so the second moment alone is no value of it
    units = ls.finite_sample(np.vstack([np.eye(3), -np.eye(3)]), np.zeros(6))
    agree(ls.max_learning_rate(units, 1), 2.0, relative=1e-10)


def test_a_noise_free_simulation_does_not_find_the_threshold():
    problem = ls.gaussian([1.0])
    agree(ls.max_learning_rate(problem, 1), 2 / 3, relative=1e-14)
    growing = ls.risk_curve(problem, [1.0], 1.0, 1, 60).risk
    agree(growing[1:] / growing[:-1], 2.0, relative=1e-12)  # E (1 - x^2)^2 = 2
    features = np.random.default_rng(1).standard_normal((200, 60))
    runs = np.prod(1.0 - features**2, axis=1) ** 2
    assert np.median(runs) < 1e-6  # what a simulated threshold would call stable: its own runs all shrink
    sparse = ls.risk_curve(ls.one_hot([1 / 64] * 64), np.ones(64), 256.0, 256, 3).risk
    agree(sparse[1:] / sparse[:-1], 12.9375, relative=1e-10)


def test_slowed_diagonal_tops_default_to_one():
    ones = np.ones(100)
    assert np.array_equal(POW1.pencil_tops(np.array([0.5]), ones), POW1.pencil_tops(np.array([0.5])))


BAD = {
    "batch_size": [0, 0.5, 1.5, -3, math.nan, "8", True, None, [1, 2.5], [], -math.inf],
    "delay": [-1, 0.5, math.inf, "1", None],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in BAD for value in BAD[name]])
def test_bad_input_is_named(name, value):
    with pytest.raises(ValueError, match=name):
        ls.max_learning_rate(ISO50, **{"batch_size": 1, name: value})


def test_a_delay_is_refused_for_a_data_set():
    problem = ls.finite_sample([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [1.0, 2.0, 4.0])
    with pytest.raises(ValueError, match=r"delay = 2 is refused for a data set; pass 0"):
        ls.max_learning_rate(problem, 1, delay=2)
