"""A small transformer that predicts the next character of a text: the lecture's non-convex case.

A window of n characters c_1 ... c_n becomes n vectors of `width` numbers, x_i = token[c_i] + place[i], and
each layer adds to them, with h = x / root mean square of x and j <= i (no vector sees a later character)::

    x_i <- x_i + sum_j softmax_j(q_i'k_j / sqrt(d)) v_j  out,    q, k, v = h queries, h keys, h values
    x_i <- x_i + relu(h_i up) down

The outputs h_i head guess c_(i+1). The loss is the mean (not the sum), over all characters of a batch of
windows, of -ln softmax(outputs)[next character], in nats. `train` is the whole training: a batch is the next
b windows of a stream that the seed fixes, its gradient is summed up a few windows at a time, and one of three
methods makes the step.
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lecturelib import adaptive
from lecturelib.checks import check_choice, check_count, check_positive
from lecturelib.networks.characters import Corpus, held_out_windows, windows_at
from lecturelib.networks.network import cross_entropy, matmul

HEADS = 4  # of the attention
AT_ONCE = 16  # windows: more leave a processor's cache
# The first step of each is the gradient's (SGD, momentum) or its sign (Adam): a rate multiplies it.
METHODS = {"SGD": optax.sgd(1.0), "momentum": optax.sgd(1.0, momentum=0.9), "Adam": adaptive.adam(1.0)}


class Layer(NamedTuple):
    """Weights of a layer: four times (width, width), (width, 4 width), (4 width, width)."""

    queries: jax.Array
    keys: jax.Array
    values: jax.Array
    out: jax.Array
    up: jax.Array
    down: jax.Array


class Params(NamedTuple):
    """Weights: shapes (characters, width), (context, width), layers, (width, characters)."""

    token: jax.Array
    place: jax.Array
    layers: tuple[Layer, ...]
    head: jax.Array


class Checkpoint(NamedTuple):
    """A run at some step: steps made, held-out loss in nats a character, and the weights."""

    step: int
    loss: float
    params: Params


def initial_params(
    characters: int, *, seed: int, context: int = 32, width: int = 64, layers: int = 2
) -> Params:
    """Normal weights of variance 1 / inputs (0.01 for token and place) and a head of zeros, float32.

    With the head zero the first guess is uniform, and the first loss ln(characters).

    Args:
        characters: of the alphabet.
        seed: integer >= 0.
        context: longest window.
        width: numbers a character, a multiple of 4.
        layers: how many.

    Raises:
        ValueError: a count that is not positive, or a width that four heads cannot share.

    Example:
        >>> import jax
        >>> from lecturelib.networks import transformer
        >>> sum(leaf.size for leaf in jax.tree.leaves(transformer.initial_params(93, seed=0)))
        112256
    """
    for name, value in (("characters", characters), ("context", context), ("layers", layers)):
        check_count(name, value)
    if check_count("width", width) % HEADS:
        raise ValueError(f"width = {width} is refused; pass a multiple of {HEADS}, the heads")
    random = np.random.default_rng([seed, 0])

    def normal(inputs: int, outputs: int, deviation: float | None = None) -> Any:
        scale = inputs**-0.5 if deviation is None else deviation
        return np.float32(scale * random.standard_normal((inputs, outputs)))

    token, place = normal(characters, width, 0.1), normal(context, width, 0.1)
    shapes = [(width, width)] * 4 + [(width, 4 * width), (4 * width, width)]
    stack = tuple(Layer(*itertools.starmap(normal, shapes)) for _ in range(layers))
    return Params(token, place, stack, jnp.zeros((width, characters)))


def outputs(params: Params, characters: jax.Array) -> jax.Array:
    """Scores of the next character, (windows, n, alphabet), at each place of windows (windows, n)."""
    length = characters.shape[1]
    seen = jnp.tril(jnp.ones((length, length), bool))  # the place of a row, the place it looks at
    x = params.token[characters] + params.place[None, :length]
    for layer in params.layers:
        h = _scaled(x)
        query, key, value = (_heads(matmul(h, w)) for w in (layer.queries, layer.keys, layer.values))
        match = matmul(query, key.swapaxes(2, 3)) / query.shape[3] ** 0.5
        attention = jax.nn.softmax(jnp.where(seen[None, None], match, -jnp.inf), axis=3)
        x = x + matmul(matmul(attention, value).swapaxes(1, 2).reshape(x.shape), layer.out)
        x = x + matmul(jax.nn.relu(matmul(_scaled(x), layer.up)), layer.down)
    return matmul(_scaled(x), params.head)


def _scaled(x: jax.Array) -> jax.Array:
    return x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=2, keepdims=True) + 1e-6)


def _heads(x: jax.Array) -> jax.Array:
    """(windows, n, width) as (windows, heads, n, width / heads)."""
    return x.reshape(*x.shape[:2], HEADS, -1).swapaxes(1, 2)


def loss(params: Params, windows: jax.Array) -> jax.Array:
    """Mean cross-entropy in nats a character, of windows of n + 1 characters, shape (windows, n + 1)."""
    scores = outputs(params, windows[:, :-1])
    return cross_entropy(scores.reshape(-1, scores.shape[2]), windows[:, 1:].reshape(-1))


_loss = jax.jit(loss)


@jax.jit
def _add_gradient(total: Params, params: Params, windows: jax.Array, share: float) -> Params:
    return jax.tree.map(lambda t, g: t + share * g, total, jax.grad(loss)(params, windows))


@functools.partial(jax.jit, static_argnames="method")
def _step(method: str, params: Params, state: Any, gradient: Params, rate: float) -> tuple[Params, Any]:
    update, state = METHODS[method].update(gradient, state, params)
    return jax.tree.map(lambda w, u: w + rate * u, params, update), state


def train(
    text: Corpus,
    method: str,
    rate: float,
    batch_size: int,
    *,
    seed: int,
    checkpoints: Sequence[int],
    context: int = 32,
    width: int = 64,
    layers: int = 2,
) -> Iterator[Checkpoint]:
    """Train, measured on the way; stop asking, and training stops.

    Args:
        text: as `characters.corpus` makes it; each part longer than `context`.
        method: "SGD", "momentum" (heavy ball, 0.9) or "Adam" (0.9, 0.999).
        rate: eta > 0, constant.
        batch_size: windows a step, each of `context` characters to guess.
        seed: integer >= 0, of the first weights and of the stream of windows.
        checkpoints: steps after which to measure, increasing; the last ends the run.
        context: as `initial_params` takes it.
        width: the same.
        layers: the same.

    Yields:
        The run before its first step and at each checkpoint. A loss that is not finite is the last.

    Raises:
        ValueError: an argument outside its range, at the first request.

    Example:
        >>> from lecturelib.networks import characters, transformer
        >>> text = characters.corpus(["a big cat", "a cat", "a big dog", "a dog"] * 40)
        >>> run = list(transformer.train(text, "Adam", 0.01, 8, seed=0, checkpoints=[30], width=8, layers=1))
        >>> [point.step for point in run], run[1].loss < 0.7 * run[0].loss
        ([0, 30], True)
    """
    check_choice("method", method, METHODS)
    check_positive("rate", rate)
    batch_size, points = check_count("batch_size", batch_size), [0, *checkpoints]
    if any(before >= after for before, after in itertools.pairwise(points)):
        raise ValueError(f"checkpoints = {checkpoints} is refused; pass steps from 1 on, increasing")
    shorter = min(len(text.train), len(text.held_out))
    if context >= shorter:
        raise ValueError(f"context = {context} is refused; pass one shorter than the text, {shorter}")
    params = initial_params(len(text.alphabet), seed=seed, context=context, width=width, layers=layers)
    zeros, state = jax.tree.map(jnp.zeros_like, params), METHODS[method].init(params)
    measured = held_out_windows(text, context)
    random = np.random.default_rng([seed, 1])
    yield Checkpoint(0, float(_loss(params, measured)), params)
    for before, after in itertools.pairwise(points):
        for _ in range(before, after):
            batch = windows_at(
                text.train, random.integers(len(text.train) - context, size=batch_size), context
            )
            gradient = zeros
            for i in range(0, batch_size, AT_ONCE):
                part = batch[i : i + AT_ONCE]
                gradient = _add_gradient(gradient, params, part, len(part) / batch_size)
            params, state = _step(method, params, state, gradient, rate)
        found = float(_loss(params, measured))
        yield Checkpoint(after, found, params)
        if not np.isfinite(found):
            return
