"""A training step that tracks the noise scale, against the same step without: how much longer it takes.

    python benchmarks/noise_tracker.py        # --brief: a third of the rounds; --json FILE keeps the figures

Both are compiled, with optax's Adam, on a network of two layers and a batch of MNIST that is on the device.
"""

import argparse
import functools
import statistics

import jax
import jax.numpy as jnp
import optax
from record import in_turn, record, save

from lecturelib import datasets, noise_scale
from lecturelib.networks import network

SIZES = ((256, 512), (256, 2048), (1024, 2048))  # hidden units, batch


def contenders(hidden, batch_size):
    """Name -> a call that trains one step from the state of the last one."""
    data = datasets.mnist()
    images = data.train_images.reshape(60000, -1)
    batch = jnp.asarray(images[:batch_size]), jnp.asarray(data.train_labels[:batch_size], jnp.int32)
    optimizer, tracker = optax.adam(1e-4), noise_scale.Tracker()

    def plain(params, seen):
        return *jax.value_and_grad(network.loss)(params, batch), seen

    def tracked(params, seen, chunks):
        return tracker.value_and_grad(network.loss, params, batch, seen, chunks=chunks)

    def stepping(gradient):
        @functools.partial(jax.jit, donate_argnums=0)
        def step(state):
            params, inner, seen, _ = state
            value, found, seen = gradient(params, seen)
            change, inner = optimizer.update(found, inner, params)
            return optax.apply_updates(params, change), inner, seen, value

        params = network.initial_params(images.shape[1], hidden, seed=0)
        held = [(params, optimizer.init(params), tracker.init(params), jnp.zeros(()))]

        def call():
            held[0] = jax.block_until_ready(step(held[0]))

        return call

    return {
        "without": stepping(plain),
        **{
            f"tracked, {chunks} chunks": stepping(functools.partial(tracked, chunks=chunks))
            for chunks in (2, 4, 8)
        },
    }


def main(rounds):
    for hidden, batch_size in SIZES:
        seconds = in_turn(contenders(hidden, batch_size), rounds, least_seconds=0.2)
        what = f"a step of Adam, 784-{hidden}-10 network, batch {batch_size:,}"
        record(what, seconds)
        plain = seconds.pop("without")
        for name, each in seconds.items():
            ratio = statistics.median(one / other for one, other in zip(each, plain, strict=True))
            print(f"{what}, {name}: {1e3 * statistics.median(each):.2f} ms, {ratio:.3f} times the plain step")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--brief", action="store_true", help="a third of the rounds")
    parser.add_argument("--json", metavar="FILE", help="keep the figures there")
    options = parser.parse_args()
    main(7 if options.brief else 21)
    save(options.json)
