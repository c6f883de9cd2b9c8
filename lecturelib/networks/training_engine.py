"""One run of the network's training, compiled by JAX: the engine of `training.train_grid` that one reads.

It equals the loop of `training.plain_sgd`, and is faster for two reasons. The whole run is one program, in
which loss and error are measured on the way. And the updates of small batches are multiplied several at a
time (`sgd_steps`), so that the weights, far larger than all the rest, are read and written once for all.
"""

import functools

import jax
import jax.numpy as jnp

from lecturelib.networks.network import (
    Batch,
    Params,
    cross_entropy,
    from_sums,
    grey_values,
    loss_and_error,
    matmul,
    sgd_step,
)

ROWS_TOGETHER = 64  # images of small batches that are multiplied at once

State = tuple[Params, jax.Array]  # weights; the update whose loss was the first not to be finite, or -1


def train(
    keep_params: bool,
    data: Batch,
    evaluation: tuple[Batch, Batch],
    stretches: jax.Array,
    start: Params,
    batches: jax.Array,
    learning_rate: jax.Array,
) -> tuple[jax.Array, jax.Array, Params | None]:
    """A scan over the stretches of updates between checkpoints, each followed by a measurement.

    Args:
        keep_params: return the weights at every checkpoint too.
        data: training images and labels.
        evaluation: images and labels to measure on, of the training set and of the test set.
        stretches: first update and end of each, int32 (points, 2); the first is empty: it measures the start.
        start: initial weights.
        batches: indices of the images of every update, int32 (steps, b).
        learning_rate: eta, float32.

    Returns:
        What was measured, (points, 4), in the order of `training_grid.MEASURES`; `diverged_at`; the weights.
    """

    def stretch(state: tuple, ends: jax.Array) -> tuple[tuple, tuple]:
        before, diverged_at, last = state
        params, diverged_at = _updates(data, batches, learning_rate, ends, (before, diverged_at))
        measured = jnp.stack([value for part in evaluation for value in loss_and_error(params, part)])
        finite = jnp.isfinite(measured).all()
        diverged_at = jnp.where((diverged_at < 0) & ~finite, ends[1], diverged_at)
        # Once a run has diverged, it is put back to its last finite checkpoint and stays there.
        params = jax.tree.map(lambda new, old: jnp.where(diverged_at < 0, new, old), params, before)
        measured = jnp.where(diverged_at < 0, measured, last)
        return (params, diverged_at, measured), (measured, params if keep_params else None)

    state = (start, jnp.int32(-1), jnp.zeros(2 * len(evaluation), jnp.float32))
    (_, diverged_at, _), (measured, params) = jax.lax.scan(stretch, state, stretches)
    return measured, diverged_at, params


def _updates(
    data: Batch, batches: jax.Array, learning_rate: jax.Array, ends: jax.Array, state: State
) -> State:
    """The updates from number ends[0] up to ends[1], those of small batches several at a time."""
    images, labels = data
    together = max(1, ROWS_TOGETHER // batches.shape[1])

    def some(i: jax.Array, state: State) -> State:
        params, diverged_at = state
        steps = ends[0] + i * together + jnp.arange(together, dtype=jnp.int32)
        inside = steps < ends[1]
        chosen = batches[jnp.minimum(steps, ends[1] - 1)]
        if together == 1:
            params, values = sgd_step(params, (images[chosen[0]], labels[chosen[0]]), learning_rate)
        else:
            rates = jnp.where(inside, learning_rate, 0)
            params, values = sgd_steps(params, (images[chosen], labels[chosen]), rates)
        failed = inside & ~jnp.isfinite(values)
        first = jnp.where(failed.any(), steps[jnp.argmax(failed)], -1)
        return params, jnp.where(diverged_at < 0, first, diverged_at)

    return jax.lax.fori_loop(0, -(-(ends[1] - ends[0]) // together), some, state)


def sgd_steps(params: Params, batches: Batch, learning_rates: jax.Array) -> tuple[Params, jax.Array]:
    """As many updates as there are rates, as `sgd_step` makes them one by one, in two large products.

    The hidden units see the pixels through products only, and an update of their weights is itself a product,
    d W1 = x'D. So what the batch x_k of update k gives is known before the weights are::

        x_k W1_k = x_k W1_0 + sum_(j<k) (x_k x_j') D_j,    D_j = -eta_j * gradient by the sums x_j W1_j

    Args:
        params: the weights.
        batches: images, uint8 (steps, b, pixels), and labels (steps, b).
        learning_rates: shape (steps,); 0 leaves the weights as they are.

    Returns:
        The weights, and the loss of each batch before its update, shape (steps,).
    """
    images, labels = batches
    steps, size = labels.shape
    weights, *others = params
    pixels = grey_values(images).reshape(steps * size, -1)
    sums = matmul(pixels, weights).reshape(steps, size, -1)
    overlaps = matmul(pixels, pixels.T).reshape(steps, size, steps * size)  # x_k x_j'

    def update(state: tuple, step: tuple) -> tuple[tuple, jax.Array]:
        others, changes = state
        k, rate, sums, overlaps, labels = step
        value, (slopes, gradient) = jax.value_and_grad(
            lambda sums, others: cross_entropy(from_sums(sums, *others), labels), argnums=(0, 1)
        )(sums + matmul(overlaps, changes), others)
        down = functools.partial(jax.tree.map, lambda g: jnp.where(rate > 0, -rate * g, 0))
        changes = jax.lax.dynamic_update_slice_in_dim(changes, down(slopes), k * size, axis=0)
        return (jax.tree.map(jnp.add, others, down(gradient)), changes), value

    start = others, jnp.zeros_like(sums).reshape(steps * size, -1)
    each = jnp.arange(steps), learning_rates, sums, overlaps, labels
    (others, changes), values = jax.lax.scan(update, start, each)
    return Params(weights + matmul(pixels.T, changes), *others), values
