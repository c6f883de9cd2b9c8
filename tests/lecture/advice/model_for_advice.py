"""A model as a reader hands it over: `--model tests.lecture.advice.model_for_advice:digits`."""

import jax
import jax.numpy as jnp

from lecturelib import datasets


def digits():
    """A network with one hidden layer on 4,000 digits of MNIST: its loss, parameters and data."""
    mnist = datasets.mnist()
    data = mnist.train_images[:4000].reshape(4000, -1), mnist.train_labels[:4000]
    first, second = jax.random.split(jax.random.key(0))
    params = {
        "hidden": jax.random.normal(first, (784, 32)) / 28.0,
        "output": jax.random.normal(second, (32, 10)) / 32.0**0.5,
    }

    def loss(params, batch):
        images, labels = batch
        hidden = jax.nn.relu(images / 255.0 @ params["hidden"])
        scores = jax.nn.log_softmax(hidden @ params["output"])
        return -jnp.mean(jnp.take_along_axis(scores, labels[:, None].astype(int), axis=1))

    return loss, params, data
