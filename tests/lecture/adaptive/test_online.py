"""Games as played by JAX against loops in NumPy, and paths down a fixed loss against their recursion."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import adaptive
from lecturelib.adaptive import drift, online, regret
from tests.agree import FLOAT32, agree
from tests.lecture.least_squares.float64 import float64
from tests.marks import first_quick

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
    agree(played, looped, rounding=40 * EPS * radius, normwise=True)
    assert played.shape == (13, 3)
    assert abs(played).max() <= radius
    free = by_loop(adaptive.adagrad(0.7), g, radius, 0.1, clip=False)
    assert abs(free).max() <= radius or abs(played - free).max() > 1e-3


def test_many_games_are_single_games():
    games = online.coin_games([0.4, 0.3, 0.2, 0.1], 0.5, games=3, rounds=20, seed=5)
    together = online.play(adaptive.adam, 0.1, games, radius=1)
    for game, points in zip(games, together, strict=True):
        agree(online.play(adaptive.adam, 0.1, game, radius=1), points, rounding=20 * EPS, normwise=True)


def test_gradient_descent_plays_by_hand():
    points = online.play(optax.sgd, 0.5, [[1.0], [-4.0], [1.0]], radius=1, start=0.25)
    assert points[:, 0].tolist() == [0.25, -0.25, 1.0, 0.5]


def test_adagrads_regret_by_hand_and_not_without_clipping():
    """A first step of length sqrt(2), then one of length 1, past the best point +1 and clipped there."""
    g = -np.ones((10, 1))
    points = online.play(adaptive.adagrad, 2**0.5, g, radius=1, start=-1.0)
    agree(regret.regret(points[:-1], g, 1.0)[-1], 4 - 2**0.5, rounding=4 * EPS)
    free = online.play(adaptive.adagrad, 2**0.5, g, start=-1.0)
    assert regret.regret(free[:-1], g, 1.0)[-1] < 0


def drifted(method, large, period, b1, b2, **options):
    """Way a period at rate 1 once the averages are periodic, over 50 periods, and its rounding."""
    method = functools.partial(method, b1=b1, b2=b2, eps=0.0, **options)
    before = int(np.ceil(20 / (1 - b2) / period))
    gradients = np.tile([large] + [-1.0] * (period - 1), before + 50)[:, None]
    ends = online.play(method, 1.0, gradients)[::period, 0].astype(float)
    averages = 2 / (1 - b2) * drift.length_of_way(large, period, b1=b1, b2=b2)
    return (ends[-1] - ends[-51]) / 50, EPS * (averages + period * abs(ends).max())


SWITCH = drift.switch(3, 3)


@first_quick(
    ("game", "sign"),
    [
        ((3.0, 3, 0.0, 0.1), 1),
        ((3.0, 3, 0.0, 0.99 * SWITCH), 1),
        ((3.0, 3, 0.0, 1.01 * SWITCH), -1),
        ((3.0, 3, 0.0, 0.9), -1),
        ((101.0, 101, 0.9, 0.99), 1),
        ((101.0, 101, 0.9, 0.999), 1),
    ],
)
def test_adam_drifts_as_calculated(game, sign):
    large, period, b1, b2 = game
    measured, error = drifted(adaptive.adam, *game)
    agree(measured, drift.adam_drift(large, period, b1=b1, b2=b2), rounding=error)
    assert np.sign(measured) == sign
    near = drift.adam_drift(large, period, b1=b1, b2=b2 + (1 - b2) / 10)  # a memory that is a tenth longer
    assert abs(measured - near) > 3 * error


def test_amsgrad_drifts_as_calculated_and_the_other_way_than_adam():
    measured, error = drifted(adaptive.amsgrad, 101.0, 101, 0.9, 0.99, bias_correction=False)
    agree(measured, drift.amsgrad_drift(101, 101, b1=0.9, b2=0.99), rounding=error)
    forgetful, _ = drifted(adaptive.adam, 101.0, 101, 0.9, 0.99, bias_correction=False)
    assert measured < -10 * error < 0 < forgetful


def test_adams_steps_on_a_constant_gradient_with_and_without_bias_correction():
    t = np.arange(1, 3001)

    def steps(**options):
        method = functools.partial(adaptive.adam, eps=0.0, **options)
        return -np.diff(online.play(method, 1.0, np.full((len(t), 1), 0.3))[:, 0])

    # A step is a difference of two rounded positions; 1 - b2^t loses its leading digits.
    agree(steps(), np.ones(len(t)), rounding=EPS * t + 2 * EPS / (1 - 0.999**t))
    expected, measured = (1 - 0.9**t) / np.sqrt(1 - 0.999**t), steps(bias_correction=False)
    rounding = EPS * measured.cumsum() + 3 * EPS / (1 - 0.999) * expected
    agree(measured, expected, rounding=rounding)
    no_root = (1 - 0.9**t) / (1 - 0.999**t)
    assert (abs(measured - no_root) > 10 * rounding)[:100].all()


def test_coins_fall_as_they_lean():
    p, lean = [0.5, 0.3, 0.2], np.array([0.6, 0.0, -1.0])
    games = online.coin_games(p, lean, games=10, rounds=4000, seed=3)
    assert (np.abs(games).sum(axis=2) == 1).all()
    tosses = np.abs(games).mean(axis=(0, 1))
    standard_error = 1 / np.sqrt(40_000)  # of a mean of so many numbers within [-1, 1], at most
    agree(tosses, p, standard_error=standard_error / 2, factor=5)  # a share: half as much
    agree(games.mean(axis=(0, 1)), -lean * p, standard_error=standard_error, factor=5)
    wrong = lean * p  # the sign of heads
    assert abs(games.mean(axis=(0, 1)) - wrong).max() > 0.3


def quadratic(w):
    return w @ jnp.diag(jnp.array([1.0, 0.25])) @ w / 2


@first_quick("method", [optax.sgd, adaptive.adagrad, adaptive.full_matrix_adagrad])
def test_descent_is_its_loop(method):
    path = online.descend(method, 0.3, quadratic, [1.0, -2.0], steps=8)
    rule, w = method(0.3), jnp.array([1.0, -2.0])
    state = rule.init(w)
    for point in path:
        agree(point, w, rounding=np.sqrt(EPS) / 10, normwise=True)
        step, state = rule.update(jax.grad(quadratic)(w), state)
        w = w + step


def test_descent_on_a_quadratic_is_known():
    path = online.descend(optax.sgd, 0.5, quadratic, [1.0, 1.0], steps=5)
    agree(path, np.array([0.5, 0.875]) ** np.arange(6)[:, None], relative=10 * EPS)


def test_adagrad_keeps_its_guarantee_and_its_mirror_image_does_not():
    """At most D^2 / (2 eta) sqrt(G_T) + eta / 2 sum_t g_t^2 / sqrt(G_t) in each coordinate, D = 2."""
    random, eta = np.random.default_rng(9), 2**0.5
    games = random.normal(random.normal(size=5), size=(10, 200, 5)) * 10 ** random.uniform(-1, 1, 5)
    games *= random.random(games.shape) < 1 / np.arange(1, 6)
    for game, points in zip(games, online.play(adaptive.adagrad, eta, games, radius=1), strict=True):
        root = np.sqrt(np.cumsum(game**2, axis=0))
        steps = (game**2 / np.where(root > 0, root, 1)).sum()
        bound = 2 / eta * root[-1].sum() + eta / 2 * steps
        assert regret.regret(points[:-1], game, 1.0)[-1] <= bound
        uphill = regret.regret(-points[:-1], game, 1.0)[-1]
        assert uphill > bound


GOOD = np.ones((3, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: online.play(optax.sgd, 0.1, np.ones(3)), "gradients"),
        (lambda: online.play(optax.sgd, 0.1, np.ones((0, 2))), "gradients"),
        (lambda: online.play(optax.sgd, 0.1, [[np.inf]]), "gradients"),
        (lambda: online.play(optax.sgd, 0.1, GOOD, radius=0), "radius = 0"),
        (lambda: online.play(optax.sgd, 0.0, GOOD), "learning_rate = 0.0"),
        (lambda: online.play(optax.sgd, 0.1, GOOD, radius=1, start=2.0), "start = 2.0"),
        (lambda: online.play(optax.sgd, 0.1, GOOD, radius=1, start=[0.0, 0.0, 0.0]), "start"),
        (lambda: online.descend(optax.sgd, 0.1, quadratic, [[1.0]], steps=1), "start"),
        (lambda: online.descend(optax.sgd, 0.1, quadratic, [np.nan, 1.0], steps=1), "start"),
        (lambda: online.descend(optax.sgd, -1.0, quadratic, [1.0, 1.0], steps=1), "learning_rate = -1.0"),
        (lambda: online.descend(optax.sgd, 0.1, quadratic, [1.0, 1.0], steps=0), "steps = 0"),
        (lambda: online.coin_games([0.5, 0.2], 0.1, 1, 1, seed=0), "probabilities"),
        (lambda: online.coin_games([0.5, 0.5], 1.5, 1, 1, seed=0), "lean = 1.5"),
        (lambda: online.coin_games([1.0], 0.5, 1, 0, seed=0), "rounds = 0"),
        (lambda: online.coin_games([1.0], 0.5, 1, 1, seed=-1), "seed = -1"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@first_quick("method", ["adagrad", "adam", "amsgrad"])
def test_games_are_played_in_float32_where_jax_is_set_to_float64(method):
    rounds, rate, memory = 3, 0.1, 1 / (1 - 0.999)
    gradients = -np.ones((rounds, 2), np.float32)

    def play():
        return online.play(getattr(adaptive, method), rate, gradients, radius=1, start=-1.0)

    with float64(True):
        points = play()
    assert points.dtype == np.float32
    # A round's step, of size rate, has eight roundings or fewer; Adam divides by the root of 1 - b2^t, in
    # which the rounding of b2^t is up to 1 / (1 - b2) times as large a share, and the root halves it.
    share = 8 * FLOAT32 + (0 if method == "adagrad" else FLOAT32 * memory / 2)
    agree(points, play(), rounding=rounds * (rate * share + FLOAT32))
