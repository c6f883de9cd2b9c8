"""One-hot features in closed form, notebook 07: each formula against an independent answer."""

import itertools
import math

import numpy as np
import pytest

from lecturelib import least_squares as ls
from lecturelib.least_squares.critical_batch import ma_batch_size
from tests.agree import agree

POWER = 1.0 / np.arange(1, 65)
POWER /= POWER.sum()
UNIFORM = np.full(64, 1 / 64)
SIZES = 2 ** np.arange(11)


def contraction(p, rate, b):
    """Factor of the mean square of a coordinate of probability p in one step."""
    return 1 - 2 * rate * p + rate**2 * (p / b + (1 - 1 / b) * p**2)


def own_best(p, b):
    """The rate at which the rarest coordinate contracts fastest."""
    return b / (1 + (b - 1) * p.min())


def best_rate(p, b):
    balanced = 2 * b / (1 + (b - 1) * (p.min() + p.max()))
    return np.where((b - 1) * (p.max() - p.min()) <= 1, own_best(p, b), balanced)


def slowest(p, rate, b):
    return contraction(p, np.asarray(rate)[..., None], np.asarray(b)[..., None]).max(axis=-1)


def test_the_multiplier_is_that_of_all_27_batches():
    p, size, rate = np.array([0.5, 0.3, 0.2]), 3, 1.7
    batches = np.array(list(itertools.product(range(3), repeat=size)))
    counts = (batches[:, :, None] == np.arange(3)).sum(axis=1)
    listed = p[batches].prod(axis=1) @ (1 - rate * counts / size) ** 2
    agree(contraction(p, rate, size), listed, relative=1e-12)
    state = ls.one_hot(p).step(ls.one_hot(p).start(np.ones(3)), rate, size)
    agree(state.second, listed, relative=1e-12)
    wrong = 1 - 2 * rate * p + rate**2 * (p / size + p**2)  # E n^2 taken as mean plus squared mean
    assert np.all(np.abs(wrong / listed - 1) > 0.05)


@pytest.mark.parametrize("p", [UNIFORM, POWER])
def test_no_rate_contracts_faster_than_the_best_one(p):
    largest = 2 * SIZES / (1 + (SIZES - 1) * p.max())
    rivals = slowest(p, np.outer(np.linspace(0.001, 1, 2000), largest), SIZES).min(axis=0)
    assert np.all(slowest(p, best_rate(p, SIZES), SIZES) <= rivals + 1e-12)
    if p is POWER:  # the rarest coordinate's own best rate, at every batch size
        assert np.any(slowest(p, own_best(p, SIZES), SIZES) > rivals + 1e-3)


def test_the_rarest_coordinate_sets_the_best_rate_up_to_the_batch_size_of_ma():
    sizes = np.arange(1, 256)
    rate = own_best(POWER, sizes)
    limits = slowest(POWER, rate, sizes) <= contraction(POWER.min(), rate, sizes) + 1e-12
    assert limits.sum() == math.floor(ma_batch_size(ls.one_hot(POWER)))
    assert limits.sum() != math.floor(ma_batch_size(ls.one_hot(POWER)) - 1)  # without the + 1 of m*


def test_the_depth_of_uniform_words_is_a_logarithm_rounded_up():
    problem, start = ls.one_hot(UNIFORM), np.ones(64)
    found = [ls.depth(problem, start, 0.01, int(size)).steps for size in SIZES]
    exact = np.log(0.01) / np.log(63 / (63 + SIZES))
    assert found == np.ceil(exact).tolist()
    assert found != np.round(exact).tolist()


def test_linear_scaling_at_the_dimension_is_worth_one_example():
    problem, start = ls.one_hot(UNIFORM), np.ones(64)

    def one_step(rate, size):
        risk = ls.risk_curve(problem, start, rate, size, 1).risk
        return risk[1] / risk[0]

    agree(one_step(64.0, 64), one_step(1.0, 1), relative=1e-14)
    agree(one_step(64 * 64 / 127, 64), 63 / 127, relative=1e-12)  # the best rate
    assert one_step(64.0, 64) > 1.9 * one_step(32.0, 64)


def test_rows_of_unit_length_have_the_largest_rate_two():
    random = np.random.default_rng(0)
    bags = (random.random((200, 12)) < 0.4).astype(float)
    bags = bags[bags.sum(axis=1) > 0]
    counts = bags.sum(axis=1, keepdims=True)
    texts = ls.finite_sample(bags / np.sqrt(counts), np.zeros(len(bags)))
    agree(ls.max_learning_rate(texts, 1), 2.0, relative=1e-9)
    agree(ls.critical_batch_size(texts), 1 / texts.eigenvalues.max(), relative=1e-9)
    wrong = ls.finite_sample(bags / counts, np.zeros(len(bags)))  # divided by the number of words
    assert ls.max_learning_rate(wrong, 1) > 2.5


@pytest.mark.parametrize("k", [1, 2, 3])
def test_texts_of_k_words_have_a_kth_of_the_critical_batch_size(k):
    dimension = 6
    chosen = [list(words) for words in itertools.combinations(range(dimension), k)]
    rows = np.zeros((len(chosen), dimension))
    for row, words in zip(rows, chosen, strict=True):
        row[words] = 1 / math.sqrt(k)
    texts = ls.finite_sample(rows, np.zeros(len(rows)))
    agree(ls.critical_batch_size(texts), dimension / k, relative=1e-9)
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=dimension)))
    signed = (rows[:, None] * signs).reshape(-1, dimension)  # every text with every choice of signs
    agree(ls.critical_batch_size(ls.finite_sample(signed, np.zeros(len(signed)))), dimension, relative=1e-9)
