"""Games as played by JAX against loops in NumPy, and paths down a fixed loss against their recursion."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import adaptive, descent, drift, online, regret

EPS = float(np.finfo(np.float32).eps)


def by_loop(method, gradients, radius, start, clip=True):
    """The same game in a Python loop, one update at a time."""
    w = jnp.broadcast_to(jnp.float32(start), gradients.shape[1:])
    state, points = method.init(w), [w]
    for g in gradients:
        step, state = method.update(jnp.asarray(g), state)
        w = jnp.clip(w + step, -radius, radius) if clip else w + step
        points.append(w)
    return np.array(points)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 1000), radius=st.sampled_from([0.5, 2.0]))
def test_a_game_is_its_loop(seed, radius):
    g = np.random.default_rng(seed).normal(size=(12, 3)).astype(np.float32)
    played = online.play(adaptive.adagrad, 0.7, g, radius=radius, start=0.1)
    looped = by_loop(adaptive.adagrad(0.7), g, radius, 0.1)
    np.testing.assert_allclose(played, looped, rtol=0, atol=40 * EPS * radius)
    assert played.shape == (13, 3)
    assert abs(played).max() <= radius
    free = by_loop(adaptive.adagrad(0.7), g, radius, 0.1, clip=False)
    assert abs(free).max() <= radius or abs(played - free).max() > 1e-3


def test_many_games_are_single_games():
    games = online.random_sparse_games(3, 20, 4, seed=5)
    together = online.play(adaptive.adam, 0.1, games, radius=1)
    for game, points in zip(games, together, strict=True):
        np.testing.assert_allclose(online.play(adaptive.adam, 0.1, game, radius=1), points, atol=20 * EPS)


def test_gradient_descent_plays_by_hand():
    points = online.play(optax.sgd, 0.5, [[1.0], [-4.0], [1.0]], radius=1, start=0.25)
    assert points[:, 0].tolist() == [0.25, -0.25, 1.0, 0.5]


def test_adam_drifts_as_calculated():
    gradients = np.tile([3.0, -1.0, -1.0], 200)[:, None]
    for b2, sign in ((0.1, 1), (0.9, -1)):
        method = functools.partial(adaptive.adam, b1=0.0, b2=b2, eps=0.0)
        ends = online.play(method, 1.0, gradients)[::3, 0].astype(float)
        expected = drift.adam_drift(3, 3, b2=b2)
        tolerance = EPS * (20 / (1 - b2) + 3 * abs(ends).max())
        assert (ends[-1] - ends[-51]) / 50 == pytest.approx(expected, abs=tolerance)
        assert np.sign(expected) == sign


def test_sparse_games_are_sparse_and_different():
    games = online.random_sparse_games(40, 400, 6, seed=1)
    present = (games != 0).mean(axis=(0, 1))
    p = 1 / np.arange(1, 7)
    standard_error = np.sqrt(0.25 / 16_000)  # of a share of so many tosses, at most
    np.testing.assert_allclose(present, p, atol=5 * standard_error)
    assert (games[0] != games[1]).any()
    assert (online.random_sparse_games(40, 400, 6, seed=1) == games).all()
    assert (online.random_sparse_games(40, 400, 6, seed=2) != games).any()


def test_coins_fall_as_they_lean():
    p, lean = [0.5, 0.3, 0.2], np.array([0.6, 0.0, -1.0])
    games = online.coin_games(p, lean, games=10, rounds=4000, seed=3)
    assert (np.abs(games).sum(axis=2) == 1).all()
    tosses = np.abs(games).mean(axis=(0, 1))
    standard_error = 1 / np.sqrt(40_000)  # of a mean of so many numbers within [-1, 1], at most
    np.testing.assert_allclose(tosses, p, atol=2.5 * standard_error)  # a share: half as much
    np.testing.assert_allclose(games.mean(axis=(0, 1)), -lean * p, atol=5 * standard_error)
    wrong = lean * p  # the sign of heads
    assert abs(games.mean(axis=(0, 1)) - wrong).max() > 0.3


def test_bad_games_are_refused():
    good = np.ones((3, 2))
    for gradients in (np.ones(3), np.ones((0, 2)), [[np.inf]]):
        with pytest.raises(ValueError, match="gradients"):
            online.play(optax.sgd, 0.1, gradients)
    with pytest.raises(ValueError, match="radius"):
        online.play(optax.sgd, 0.1, good, radius=0)
    with pytest.raises(ValueError, match="learning_rate"):
        online.play(optax.sgd, 0.0, good)
    for start in (2.0, [0.0, 0.0, 0.0]):
        with pytest.raises(ValueError, match="start"):
            online.play(optax.sgd, 0.1, good, radius=1, start=start)
    with pytest.raises(ValueError, match="probabilities"):
        online.coin_games([0.5, 0.2], 0.1, 1, 1, seed=0)
    with pytest.raises(ValueError, match="lean"):
        online.coin_games([0.5, 0.5], 1.5, 1, 1, seed=0)
    with pytest.raises(ValueError, match="rounds"):
        online.random_sparse_games(1, 0, 1, seed=0)


def quadratic(w):
    return w @ jnp.diag(jnp.array([1.0, 0.25])) @ w / 2


@pytest.mark.parametrize("method", [optax.sgd, adaptive.adagrad, adaptive.full_matrix_adagrad])
def test_descent_is_its_loop(method):
    path = descent.descend(method, 0.3, quadratic, [1.0, -2.0], steps=8)
    rule, w = method(0.3), jnp.array([1.0, -2.0])
    state = rule.init(w)
    for point in path:
        np.testing.assert_allclose(point, w, atol=np.sqrt(EPS) / 10)  # a rounded zero enters by its root
        step, state = rule.update(jax.grad(quadratic)(w), state)
        w = w + step


def test_descent_on_a_quadratic_is_known():
    path = descent.descend(optax.sgd, 0.5, quadratic, [1.0, 1.0], steps=5)
    np.testing.assert_allclose(path[:, 0], 0.5 ** np.arange(6), rtol=10 * EPS)
    np.testing.assert_allclose(path[:, 1], 0.875 ** np.arange(6), rtol=10 * EPS)


def test_bad_descents_are_refused():
    with pytest.raises(ValueError, match="start"):
        descent.descend(optax.sgd, 0.1, quadratic, [[1.0]], steps=1)
    with pytest.raises(ValueError, match="learning_rate"):
        descent.descend(optax.sgd, -1.0, quadratic, [1.0, 1.0], steps=1)
    with pytest.raises(ValueError, match="steps"):
        descent.descend(optax.sgd, 0.1, quadratic, [1.0, 1.0], steps=0)


def test_adagrad_keeps_its_guarantee_in_jax_too():
    games = online.random_sparse_games(10, 200, 5, seed=9)
    for game, points in zip(games, online.play(adaptive.adagrad, 2**0.5, games, radius=1), strict=True):
        assert regret.regret(points[:-1], game, 1.0)[-1] <= regret.adagrad_bound(game, 1.0).from_distances
