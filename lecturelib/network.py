"""The lecture's neural network: pixels -> hidden -> 10, rectified, with the cross-entropy loss.

z = W2' relu(W1' x + c1) + c2 with pixels x in [0, 1]. The loss is the mean (not the sum) of the cross-entropy
over the batch, in nats. Images are uint8 up to the first product: stored so, they are four times smaller.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

CLASSES = 10


class Params(NamedTuple):
    """Weights of the network: shapes (pixels, hidden), (hidden,), (hidden, 10), (10,)."""

    hidden_weights: jax.Array
    hidden_bias: jax.Array
    output_weights: jax.Array
    output_bias: jax.Array


def initial_params(pixels: int, hidden: int, *, seed: int) -> Params:
    """Weights uniform in +-1/sqrt(inputs of the layer), biases zero, float32.

    The outputs start near zero, so the loss starts near that of guessing, ln 10.

    >>> [leaf.shape for leaf in initial_params(784, 300, seed=0)]
    [(784, 300), (300,), (300, 10), (10,)]
    """
    random = np.random.default_rng([seed, 0])
    weights = [
        random.uniform(-1, 1, (inputs, outputs)) / np.sqrt(inputs)
        for inputs, outputs in ((pixels, hidden), (hidden, CLASSES))
    ]
    params = Params(weights[0], np.zeros(hidden), weights[1], np.zeros(CLASSES))
    return jax.tree.map(np.float32, params)


_product = functools.partial(jnp.matmul, precision="highest")  # else a GPU multiplies in TF32


def _pixels(images):
    return images.astype(jnp.float32) / 255


def _outputs(sums, hidden_bias, output_weights, output_bias):
    """Network outputs z for the hidden units' sums x'W1."""
    return _product(jax.nn.relu(sums + hidden_bias[None, :]), output_weights) + output_bias[None, :]


def _cross_entropy(outputs, labels):
    # A sum over a one-hot row, not an indexed read: its gradient is elementwise and needs no scatter.
    at_label = jnp.sum(jax.nn.one_hot(labels, CLASSES) * outputs, axis=1)
    return jnp.mean(jax.nn.logsumexp(outputs, axis=1) - at_label)


def logits(params: Params, images: jax.Array) -> jax.Array:
    """Network outputs z, shape (batch, 10), for uint8 images of shape (batch, pixels)."""
    weights, *others = params
    return _outputs(_product(_pixels(images), weights), *others)


def loss_and_error(params: Params, batch: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Mean cross-entropy -ln softmax(z)[label] in nats, and fraction misclassified, of (images, labels).

    >>> params = initial_params(4, 3, seed=0)._replace(output_weights=np.zeros((3, 10), "f"))
    >>> batch = np.ones((2, 4), np.uint8), np.array([0, 7])
    >>> [round(float(x), 4) for x in loss_and_error(params, batch)]  # guessing costs ln 10
    [2.3026, 0.5]
    """
    images, labels = batch
    outputs = logits(params, images)
    return _cross_entropy(outputs, labels), jnp.mean(jnp.argmax(outputs, axis=1) != labels)


def loss(params: Params, batch: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Mean cross-entropy in nats of batch = (images, labels): the L of every figure of this network."""
    return loss_and_error(params, batch)[0]


def sgd_step(params: Params, batch: tuple[jax.Array, jax.Array], learning_rate) -> tuple[Params, jax.Array]:
    """One update w - eta * grad L(w) on one batch, and the batch's loss before it."""
    value, gradient = jax.value_and_grad(loss)(params, batch)
    return jax.tree.map(lambda w, g: w - learning_rate * g, params, gradient), value


def sgd_steps(
    params: Params, batches: tuple[jax.Array, jax.Array], learning_rates: jax.Array
) -> tuple[Params, jax.Array]:
    """As many updates as there are rates, as `sgd_step` makes them one by one, in two large products.

    The hidden units see the pixels through products only, and an update of their weights is itself a product,
    d W1 = x'D. So what the batch x_k of update k meets is known before the weights are:

        x_k W1_k = x_k W1_0 + sum_(j<k) (x_k x_j') D_j,    D_j = -eta_j * gradient by the sums x_j W1_j,

    and the weights, far larger than all the rest, are read once and written once for all updates.

    Args:
        params: the weights.
        batches: images, uint8 (steps, b, pixels), and labels (steps, b).
        learning_rates: shape (steps,); 0 leaves the weights as they are.

    Returns:
        The weights, and the loss of each batch before its update, shape (steps,).

    >>> random = np.random.default_rng(0)
    >>> batches = random.integers(256, size=(3, 2, 4), dtype=np.uint8), np.array([[0, 1], [2, 3], [4, 5]])
    >>> params, losses = sgd_steps(initial_params(4, 5, seed=0), batches, np.full(3, 0.1, "f"))
    >>> again = initial_params(4, 5, seed=0)
    >>> for batch in zip(*batches):
    ...     again, last = sgd_step(again, batch, 0.1)
    >>> bool(np.allclose(params.hidden_weights, again.hidden_weights)), bool(np.isclose(losses[2], last))
    (True, True)
    """
    images, labels = batches
    steps, size = labels.shape
    weights, *others = params
    pixels = _pixels(images).reshape(steps * size, -1)
    sums = _product(pixels, weights).reshape(steps, size, -1)
    meets = _product(pixels, pixels.T).reshape(steps, size, steps * size)

    def update(state, step):
        others, moved = state
        k, rate, sums, meets, labels = step
        value, (slopes, gradient) = jax.value_and_grad(
            lambda sums, others: _cross_entropy(_outputs(sums, *others), labels), argnums=(0, 1)
        )(sums + _product(meets, moved), others)
        down = functools.partial(jax.tree.map, lambda g: jnp.where(rate > 0, -rate * g, 0))
        moved = jax.lax.dynamic_update_slice_in_dim(moved, down(slopes), k * size, axis=0)
        return (jax.tree.map(jnp.add, others, down(gradient)), moved), value

    start = others, jnp.zeros_like(sums).reshape(steps * size, -1)
    each = jnp.arange(steps), learning_rates, sums, meets, labels
    (others, moved), values = jax.lax.scan(update, start, each)
    return Params(weights + _product(pixels.T, moved), *others), values
