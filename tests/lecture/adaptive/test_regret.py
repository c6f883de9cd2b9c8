"""Regret against plain loops and games with known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib.adaptive import regret
from tests.agree import agree

seeds = st.integers(0, 2**32 - 1)


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
    # An entry adds up at most |g|_1 of both signs.
    agree(regret.regret(points, g, radius), expected, rounding=1e-10 * np.abs(g).sum(), normwise=True)


def test_by_hand_four_less_the_root_of_two():
    g = -np.ones((5, 1))
    w = np.array([-1, 2**0.5 - 1, 1, 1, 1])[:, None]
    agree(regret.regret(w, g, 1.0)[-1], 4 - 2**0.5, relative=1e-14)


def test_ratio_of_bounds():
    inverse_squares = 1 / np.arange(1, 101) ** 2
    p = inverse_squares / inverse_squares.sum()
    agree(regret.bound_ratio(p), 0.40568702, rounding=5e-9)
    inverse = 1 / np.arange(1, 101)
    agree(regret.bound_ratio(inverse / inverse.sum()), 0.81619928, rounding=5e-9)
    rounds = 20_000  # the bounds of a game in which feature i comes up p_i T times
    counts = np.round(rounds * p).astype(int)
    g = np.eye(100)[np.repeat(np.arange(100), counts)]
    bounds = np.sqrt((g**2).sum(axis=0)).sum() / (100**0.5 * np.sqrt((g**2).sum()))
    p = counts / counts.sum()  # rounded to whole numbers
    agree(bounds, regret.bound_ratio(p), relative=1e-12)


GOOD = np.ones((3, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: regret.regret(GOOD, GOOD, -1.0), "radius = -1.0"),
        (lambda: regret.regret(GOOD, GOOD, np.inf), "radius = inf"),
        (lambda: regret.regret(np.ones((4, 2)), GOOD, 1.0), "points"),
        (lambda: regret.regret(np.nan * GOOD, GOOD, 1.0), "points"),
        (lambda: regret.bound_ratio([0.5, 0.6]), "probabilities"),
        (lambda: regret.bound_ratio([-0.5, 1.5]), "probabilities"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
