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


def logits(params: Params, images: jax.Array) -> jax.Array:
    """Network outputs z, shape (batch, 10), for uint8 images of shape (batch, pixels)."""
    product = functools.partial(jnp.matmul, precision="highest")  # else a GPU multiplies in TF32
    hidden = product(images.astype(jnp.float32) / 255, params.hidden_weights) + params.hidden_bias[None, :]
    return product(jax.nn.relu(hidden), params.output_weights) + params.output_bias[None, :]


def loss_and_error(params: Params, batch: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Mean cross-entropy -ln softmax(z)[label] in nats, and fraction misclassified, of (images, labels).

    >>> params = initial_params(4, 3, seed=0)._replace(output_weights=np.zeros((3, 10), "f"))
    >>> batch = np.ones((2, 4), np.uint8), np.array([0, 7])
    >>> [round(float(x), 4) for x in loss_and_error(params, batch)]  # guessing costs ln 10
    [2.3026, 0.5]
    """
    images, labels = batch
    outputs = logits(params, images)
    # A sum over a one-hot row, not an indexed read: its gradient is elementwise and needs no scatter.
    at_label = jnp.sum(jax.nn.one_hot(labels, CLASSES) * outputs, axis=1)
    cross_entropy = jnp.mean(jax.nn.logsumexp(outputs, axis=1) - at_label)
    return cross_entropy, jnp.mean(jnp.argmax(outputs, axis=1) != labels)


def loss(params: Params, batch: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Mean cross-entropy in nats of batch = (images, labels): the L of every figure of this network."""
    return loss_and_error(params, batch)[0]


def sgd_step(params: Params, batch: tuple[jax.Array, jax.Array], learning_rate) -> tuple[Params, jax.Array]:
    """One update w - eta * grad L(w) on one batch, and the batch's loss before it."""
    value, gradient = jax.value_and_grad(loss)(params, batch)
    return jax.tree.map(lambda w, g: w - learning_rate * g, params, gradient), value
