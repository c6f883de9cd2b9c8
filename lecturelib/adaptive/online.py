"""Any optax method at work: in online games on a box and, if the gradients answer, down a fixed loss.

The experiments beside the theory of `regret.py`, `drift.py` and `wilson.py`, which they never import.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lecturelib.adaptive.optimizers import Method
from lecturelib.checks import check_array, check_count, check_distribution, check_positive


def play(
    method: Method,
    learning_rate: float,
    gradients: ArrayLike,
    *,
    radius: float = np.inf,
    start: ArrayLike = 0,
) -> np.ndarray:
    """The points that a method names in a linear game, before each round and after the last.

    ::

        w_1 = start,    w_{t+1} = clip(w_t + step of the method on g_t, -radius, radius)

    For a method that scales each coordinate, clipping is the projection onto the box in its own metric.

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
        ValueError: if an argument has another shape, or is outside its range.

    >>> import optax
    >>> from lecturelib.adaptive import online
    >>> online.play(optax.sgd, 0.5, [[1.0], [1.0], [1.0]], radius=1)[:, 0].tolist()
    [0.0, -0.5, -1.0, -1.0]
    """
    gradients = check_array("gradients", gradients, 3 if np.ndim(gradients) == 3 else 2).astype(np.float32)
    if radius != np.inf:
        check_positive("radius", radius)
    d = gradients.shape[-1]
    if np.shape(start) not in ((), (d,)) or not (np.abs(start) <= radius).all():
        raise ValueError(f"start = {start!r} is refused; pass a point of the box, of shape ({d},)")
    first = np.broadcast_to(np.asarray(start, np.float32), (d,))
    rate = np.float32(check_positive("learning_rate", learning_rate))
    return np.asarray(_play(method, rate, gradients, np.float32(radius), first))


def descend(method: Method, learning_rate: float, loss: Callable, start: ArrayLike, steps: int) -> np.ndarray:
    """The points w_0 = start, w_1, ..., each a step of the method on the exact gradient of loss at the last.

    Args:
        method: as for `play`.
        learning_rate: eta > 0.
        loss: from w, shape (d,), to a number; pass the same object again, and it is not compiled again.
        start: w_0, shape (d,), finite.
        steps: how many.

    Returns:
        float32, shape (steps + 1, d).

    Raises:
        ValueError: if an argument has another shape, or is outside its range.

    >>> import optax
    >>> from lecturelib.adaptive import online
    >>> online.descend(optax.sgd, 0.5, lambda w: w @ w / 2, [8.0], steps=3)[:, 0].tolist()
    [8.0, 4.0, 2.0, 1.0]
    """
    first = check_array("start", start, 1).astype(np.float32)
    rate = np.float32(check_positive("learning_rate", learning_rate))
    return np.asarray(_descend(method, loss, check_count("steps", steps), rate, first))


def coin_games(
    probabilities: ArrayLike, lean: ArrayLike, games: int, rounds: int, *, seed: int
) -> np.ndarray:
    """Gradients of games of coins: -e_i or +e_i.

    In every round coin i is tossed with probability p_i. Heads, a gradient of -1, come up with probability
    (1 + lean_i) / 2: the best point of a box leans to the right wherever lean_i > 0.

    Args:
        probabilities: p_i, shape (d,), of sum 1.
        lean: from -1 to 1, a number or shape (d,).
        games: how many.
        rounds: of each game.
        seed: of the tosses, 0 or more.

    Returns:
        float32, shape (games, rounds, d).

    Raises:
        ValueError: if an argument has another shape, or is outside its range.

    >>> from lecturelib.adaptive import online
    >>> games = online.coin_games([0.75, 0.25], 1.0, games=1, rounds=1000, seed=0)
    >>> games.shape, games.min(), games.max()
    ((1, 1000, 2), np.float32(-1.0), np.float32(0.0))
    """
    p = check_distribution("probabilities", probabilities)
    if np.shape(lean) not in ((), p.shape) or not (np.abs(lean) <= 1).all():
        raise ValueError(f"lean = {lean!r} is refused; pass numbers from -1 to 1, of shape {p.shape}")
    games, rounds = check_count("games", games), check_count("rounds", rounds)
    random = np.random.default_rng(check_count("seed", seed, at_least=0))
    coin = random.choice(len(p), size=(games, rounds), p=p / p.sum())
    heads = random.random((games, rounds)) < (1 + np.broadcast_to(lean, p.shape)[coin]) / 2
    gradients = np.zeros((games, rounds, len(p)), np.float32)
    np.put_along_axis(gradients, coin[..., None], np.where(heads, -1, 1)[..., None].astype("f"), axis=2)
    return gradients


@functools.partial(jax.jit, static_argnums=0)
def _play(
    method: Method, rate: jax.Array, gradients: jax.Array, radius: jax.Array, first: jax.Array
) -> jax.Array:
    def game(gradients: jax.Array) -> jax.Array:
        return _rounds(method, rate, lambda point, given: given, radius, first, gradients)

    return game(gradients) if gradients.ndim == 2 else jax.vmap(game)(gradients)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _descend(method: Method, loss: Callable, steps: int, rate: jax.Array, first: jax.Array) -> jax.Array:
    return _rounds(method, rate, lambda point, _: jax.grad(loss)(point), jnp.inf, first, None, steps)


def _rounds(
    method: Method,
    rate: jax.Array,
    answer: Callable,
    radius: jax.Array | float,
    first: jax.Array,
    given: jax.Array | None,
    rounds: int | None = None,
) -> jax.Array:
    """All points; the gradient of a round is answer(point, what is given in this round)."""
    init, update = method(rate)

    def play_round(carry: tuple, given: jax.Array | None) -> tuple[tuple, jax.Array]:
        point, state = carry
        step, state = update(answer(point, given), state, point)
        # Of the types that they had: a method's powers are float64 where JAX_ENABLE_X64 is set.
        carry = jax.tree.map(
            lambda new, old: new.astype(old.dtype),
            (jnp.clip(point + step, -radius, radius), state),
            carry,
        )
        return carry, carry[0]

    points = jax.lax.scan(play_round, (first, init(first)), given, length=rounds)[1]
    return jnp.concatenate([first[None], points])
