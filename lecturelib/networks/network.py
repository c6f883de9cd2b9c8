"""The lecture's neural network: pixels -> hidden -> 10, rectified, with the cross-entropy loss.

z = W2' relu(W1' x + c1) + c2 with pixels x in [0, 1]. The loss is the mean (not the sum) of the cross-entropy
over the batch, in nats. Images are uint8 up to the first product: stored so, they are four times smaller.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

CLASSES = 10

Batch = tuple[jax.Array, jax.Array]  # images, uint8 (batch, pixels), and labels 0...9, (batch,)


class Params(NamedTuple):
    """Weights of the network: shapes (pixels, hidden), (hidden,), (hidden, 10), (10,)."""

    hidden_weights: jax.Array
    hidden_bias: jax.Array
    output_weights: jax.Array
    output_bias: jax.Array


def initial_params(pixels: int, hidden: int, *, seed: int) -> Params:
    """Weights uniform in +-1/sqrt(inputs of the layer), biases zero, float32.

    The outputs start near zero, so the loss starts near that of guessing, ln 10.

    >>> from lecturelib.networks.network import initial_params
    >>> [leaf.shape for leaf in initial_params(784, 300, seed=0)]
    [(784, 300), (300,), (300, 10), (10,)]
    """
    random = np.random.default_rng([seed, 0])
    weights = [
        random.uniform(-1, 1, (inputs, outputs)) / np.sqrt(inputs)
        for inputs, outputs in ((pixels, hidden), (hidden, CLASSES))
    ]
    leaves = weights[0], np.zeros(hidden), weights[1], np.zeros(CLASSES)
    return Params(*jax.tree.map(np.float32, leaves))


matmul = functools.partial(jnp.matmul, precision="highest")  # else a GPU multiplies in TF32


def grey_values(images: jax.Array) -> jax.Array:
    """Pixels x in [0, 1], float32, of the shape of the images, uint8."""
    return images.astype(jnp.float32) / 255


def from_sums(
    sums: jax.Array, hidden_bias: jax.Array, output_weights: jax.Array, output_bias: jax.Array
) -> jax.Array:
    """Network outputs z, (batch, 10), for the hidden units' sums x'W1, (batch, hidden)."""
    return matmul(jax.nn.relu(sums + hidden_bias[None, :]), output_weights) + output_bias[None, :]


def cross_entropy(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean of -ln softmax(z)[label] over the batch, in nats."""
    # A sum over a one-hot row, not an indexed read: its gradient is elementwise and needs no scatter.
    at_label = jnp.sum(jax.nn.one_hot(labels, outputs.shape[1], dtype=outputs.dtype) * outputs, axis=1)
    return jnp.mean(jax.nn.logsumexp(outputs, axis=1) - at_label)


def loss_and_error(params: Params, batch: Batch) -> tuple[jax.Array, jax.Array]:
    """Mean cross-entropy -ln softmax(z)[label] in nats, and fraction misclassified, of (images, labels).

    >>> import numpy as np
    >>> from lecturelib.networks.network import initial_params, loss_and_error
    >>> params = initial_params(4, 3, seed=0)._replace(output_weights=np.zeros((3, 10), "f"))
    >>> batch = np.ones((2, 4), np.uint8), np.array([0, 7])
    >>> [round(float(x), 4) for x in loss_and_error(params, batch)]  # guessing costs ln 10
    [2.3026, 0.5]
    """
    images, labels = batch
    weights, *others = params
    outputs = from_sums(matmul(grey_values(images), weights), *others)
    return cross_entropy(outputs, labels), jnp.mean(jnp.argmax(outputs, axis=1) != labels, dtype=jnp.float32)


def loss(params: Params, batch: Batch) -> jax.Array:
    """Mean cross-entropy in nats of batch = (images, labels): the L of every figure of this network."""
    return loss_and_error(params, batch)[0]


def sgd_step(params: Params, batch: Batch, learning_rate: ArrayLike) -> tuple[Params, jax.Array]:
    """One update w - eta * grad L(w) on one batch, and the batch's loss before it."""
    value, gradient = jax.value_and_grad(loss)(params, batch)
    return jax.tree.map(lambda w, g: w - learning_rate * g, params, gradient), value
