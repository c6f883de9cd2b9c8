"""Regret and AdaGrad's bound against plain loops, games with known answers, and wrong bounds that fail."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import regret

seeds = st.integers(0, 2**32 - 1)


def adagrad(gradients, radius, rate, wrong=None):
    """AdaGrad's points by a loop in float64, or with one mistake: a second implementation of the player."""
    w, total, points = np.zeros(gradients.shape[1]), np.zeros(gradients.shape[1]), []
    for g in gradients:
        points.append(w)
        total = total + g**2
        root = np.ones_like(total) if wrong == "no division" else np.sqrt(np.where(total > 0, total, 1))
        w = w - rate * g / root * (-1 if wrong == "uphill" else 1)
        w = w if wrong == "not clipped" else np.clip(w, -radius, radius)
    return np.array(points)


def random_game(seed, rounds=60, d=4):
    random = np.random.default_rng(seed)
    gradients = random.normal(size=(rounds, d)) + random.normal(size=d)
    return gradients * 10 ** random.uniform(-2, 2, d) * (random.random((rounds, d)) < random.random(d))


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_regret_is_the_loss_beyond_the_best_corner(seed):
    g, radius = random_game(seed), 0.7
    points = np.random.default_rng(seed).uniform(-radius, radius, g.shape)
    corners = radius * np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1)
    expected = [(points * g)[:t].sum() - (g[:t].sum(axis=0) @ corners).min() for t in range(1, len(g) + 1)]
    np.testing.assert_allclose(regret.regret(points, g, radius), expected, atol=1e-10 * np.abs(g).sum())


@settings(max_examples=60, deadline=None)
@given(seed=seeds, radius=st.floats(0.1, 10), factor=st.floats(0.25, 4))
def test_adagrads_regret_is_below_both_steps_of_its_bound(seed, radius, factor):
    g = random_game(seed)
    rate = factor * radius
    bound = regret.adagrad_bound(g, radius, rate)
    measured = regret.regret(adagrad(g, radius, rate), g, radius)[-1]
    assert measured <= bound.from_distances * (1 + 1e-12) <= bound.bound * (1 + 2e-12)


def test_the_bound_is_a_few_percent_above_its_first_step():
    bound = regret.adagrad_bound(np.ones((10_000, 1)), 1.0)
    steps = (np.arange(1, 10_001) ** -0.5).sum()  # a plain sum, where every gradient is 1
    assert bound.from_distances == pytest.approx(2**0.5 * 100 + 2**-0.5 * steps, rel=1e-12)
    assert bound.bound == pytest.approx(2 * 2**0.5 * 100, rel=1e-12)
    best = regret.adagrad_bound(np.ones((10, 1)), 1.0).bound
    assert all(regret.adagrad_bound(np.ones((10, 1)), 1.0, rate).bound > best for rate in (1.3, 1.5))


@pytest.mark.parametrize("wrong", ["uphill", "not clipped", "no division"])
def test_a_wrong_adagrad_breaks_the_bound(wrong):
    sign = -1.0 if wrong == "uphill" else 1.0
    g = np.repeat([sign, -sign], 3000)[:, None] * 30  # first one way, then the other
    bound = regret.adagrad_bound(g, 1.0).bound
    assert regret.regret(adagrad(g, 1.0, 2**0.5), g, 1.0)[-1] <= bound
    flips = np.where(np.arange(6000) % 2, 30.0, -30.0)[:, None] if wrong == "no division" else g
    bound = regret.adagrad_bound(flips, 1.0).bound
    assert regret.regret(adagrad(flips, 1.0, 2**0.5, wrong), flips, 1.0)[-1] > bound


def test_by_hand_four_less_the_root_of_two():
    g = -np.ones((5, 1))
    w = np.array([-1, 2**0.5 - 1, 1, 1, 1])[:, None]
    assert regret.regret(w, g, 1.0)[-1] == pytest.approx(4 - 2**0.5, rel=1e-14)


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_gradient_descents_bound_holds_and_is_never_the_smaller(seed):
    g, radius = random_game(seed), 1.5
    total, w, points = 0.0, np.zeros(4), []
    for row in g:
        points.append(w)
        total += row @ row
        rate = 2 * radius * 4**0.5 / np.sqrt(2 * max(total, 1e-300))
        w = np.clip(w - rate * row, -radius, radius)
    bound = regret.gradient_descent_bound(g, radius)
    assert regret.regret(points, g, radius)[-1] <= bound
    assert regret.adagrad_bound(g, radius).bound <= bound * (1 + 1e-12)


def test_ratio_of_bounds():
    inverse_squares = 1 / np.arange(1, 101) ** 2
    p = inverse_squares / inverse_squares.sum()
    assert regret.bound_ratio(p) == pytest.approx(0.40568702, abs=5e-9)
    inverse = 1 / np.arange(1, 101)
    assert regret.bound_ratio(inverse / inverse.sum()) == pytest.approx(0.81619928, abs=5e-9)
    rounds = 20_000  # the bounds of a game in which feature i comes up p_i T times
    counts = np.round(rounds * p).astype(int)
    g = np.eye(100)[np.repeat(np.arange(100), counts)]
    bounds = regret.adagrad_bound(g, 1.0).bound / regret.gradient_descent_bound(g, 1.0)
    assert bounds == pytest.approx(regret.bound_ratio(p), rel=0.03)  # counts are rounded to whole numbers


def test_bad_arguments_are_refused():
    good = np.ones((3, 2))
    for gradients in (np.ones(3), np.ones((0, 2)), [[np.nan]]):
        with pytest.raises(ValueError, match="gradients"):
            regret.adagrad_bound(gradients, 1.0)
    for radius in (0, -1.0, np.inf, "1"):
        with pytest.raises(ValueError, match="radius"):
            regret.gradient_descent_bound(good, radius)
    with pytest.raises(ValueError, match="learning_rate"):
        regret.adagrad_bound(good, 1.0, -0.1)
    with pytest.raises(ValueError, match="points"):
        regret.regret(np.ones((4, 2)), good, 1.0)
    with pytest.raises(ValueError, match="probabilities"):
        regret.bound_ratio([0.5, 0.6])
