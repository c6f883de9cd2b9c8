"""Online linear games on a box, played by any optax method, each step clipped back into [-r, r]^d.

The experiments beside the theory of `regret.py` and `drift.py`, which they never import. For a method that
scales each coordinate, clipping is the projection onto the box in the method's own metric.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from lecturelib.checks import check_count


def play(
    method: Callable, learning_rate: float, gradients, *, radius: float = np.inf, start=0.0
) -> np.ndarray:
    """The points that a method names, before each round and after the last.

        w_1 = start,    w_{t+1} = clip(w_t + step of the method on g_t, -radius, radius)

    Args:
        method: from a learning rate to an `optax.GradientTransformation`, as `adaptive.adam` or `optax.sgd`;
            pass the same object again, and it is not compiled again.
        learning_rate: eta > 0.
        gradients: g_t, finite, shape (rounds, d), or (games, rounds, d) for many games at once.
        radius: r > 0; infinity leaves the points where they are.
        start: w_1, a number or shape (d,), inside the box.

    Returns:
        float32, shape (rounds + 1, d), or (games, rounds + 1, d).

    Raises:
        ValueError: arguments that are not as said.

    >>> import optax
    >>> play(optax.sgd, 0.5, [[1.0], [1.0], [1.0]], radius=1)[:, 0].tolist()
    [0.0, -0.5, -1.0, -1.0]
    """
    gradients = np.asarray(gradients, dtype=np.float32)
    if gradients.ndim not in (2, 3) or gradients.size == 0 or not np.isfinite(gradients).all():
        raise ValueError(f"gradients has shape {gradients.shape}: pass finite numbers, (rounds, d)")
    for name, value in (("learning_rate", learning_rate), ("radius", radius)):
        if not value > 0:
            raise ValueError(f"{name} = {value!r} is refused; pass a number above 0")
    d = gradients.shape[-1]
    if np.shape(start) not in ((), (d,)) or not (np.abs(start) <= radius).all():
        raise ValueError(f"start = {start!r} is refused; pass a point of the box, of shape ({d},)")
    first = np.broadcast_to(np.float32(start), (d,))
    program = _play if gradients.ndim == 2 else _play_many
    return np.asarray(program(method, np.float32(learning_rate), gradients, np.float32(radius), first))


def random_sparse_games(games: int, rounds: int, dimension: int, *, seed: int) -> np.ndarray:
    """Gradients of games with features of unequal frequency, float32, shape (games, rounds, dimension).

    In every round feature i is present with probability 1/i. Its gradient is normal, with a mean and a scale
    of its own in every game: some features are nearly noise, others are steady.

    Raises:
        ValueError: sizes that are not whole numbers of at least 1, or a negative seed.

    >>> games = random_sparse_games(2, 1000, 4, seed=0)
    >>> games.shape, bool((np.abs((games != 0).mean(axis=(0, 1)) - [1, 1 / 2, 1 / 3, 1 / 4]) < 0.05).all())
    ((2, 1000, 4), True)
    """
    games, rounds = check_count("games", games), check_count("rounds", rounds)
    dimension, seed = check_count("dimension", dimension), check_count("seed", seed, at_least=0)
    random = np.random.default_rng(seed)
    shape = (games, rounds, dimension)
    scale, mean = (
        10 ** random.uniform(-1, 1, (games, 1, dimension)),
        random.normal(size=(games, 1, dimension)),
    )
    present = random.random(shape) < 1 / np.arange(1, dimension + 1)
    return (scale * (mean + random.normal(size=shape)) * present).astype(np.float32)


def coin_games(probabilities, lean, games: int, rounds: int, *, seed: int) -> np.ndarray:
    """Gradients of games of coins: -e_i or +e_i, float32, shape (games, rounds, d).

    In every round coin i is tossed with probability p_i. Heads, a gradient of -1, come up with probability
    (1 + lean_i) / 2: the best point of a box leans to the right wherever lean_i > 0.

    Args:
        probabilities: p_i, shape (d,), of sum 1. lean: from -1 to 1, a number or shape (d,).
        games, rounds: how many. seed: of the tosses, 0 or more.

    Raises:
        ValueError: arguments that are not as said.

    >>> games = coin_games([0.75, 0.25], 1.0, games=1, rounds=1000, seed=0)
    >>> games.shape, games.min(), games.max()
    ((1, 1000, 2), np.float32(-1.0), np.float32(0.0))
    """
    p = np.asarray(probabilities, dtype=float)
    if p.ndim != 1 or not (p >= 0).all() or not np.isclose(p.sum(), 1, rtol=0, atol=1e-9):
        raise ValueError(f"probabilities = {probabilities!r}: pass a list of numbers >= 0 of sum 1")
    if np.shape(lean) not in ((), p.shape) or not (np.abs(lean) <= 1).all():
        raise ValueError(f"lean = {lean!r} is refused; pass numbers from -1 to 1, of shape {p.shape}")
    games, rounds = check_count("games", games), check_count("rounds", rounds)
    random = np.random.default_rng(check_count("seed", seed, at_least=0))
    coin = random.choice(len(p), size=(games, rounds), p=p / p.sum())
    heads = random.random((games, rounds)) < (1 + np.broadcast_to(lean, p.shape)[coin]) / 2
    gradients = np.zeros((games, rounds, len(p)), np.float32)
    np.put_along_axis(gradients, coin[..., None], np.where(heads, -1, 1)[..., None].astype("f"), axis=2)
    return gradients


def _scan(method, learning_rate, gradients, radius, first):
    init, update = method(learning_rate)

    def round_(carry, gradient):
        point, state = carry
        step, state = update(gradient, state, point)
        point = jnp.clip(point + step, -radius, radius)
        return (point, state), point

    points = jax.lax.scan(round_, (first, init(first)), gradients)[1]
    return jnp.concatenate([first[None], points])


def _scan_many(method, learning_rate, gradients, radius, first):
    return jax.vmap(lambda game: _scan(method, learning_rate, game, radius, first))(gradients)


_play = jax.jit(_scan, static_argnums=0)
_play_many = jax.jit(_scan_many, static_argnums=0)
