"""The lecture's neural network on MNIST (`lecturelib.networks.network`) and its training grid.

An update is the slide's, ::

    w <- w - eta * 1/b * sum_i grad l_i(w),

with a fresh batch of b images drawn uniformly with replacement from the training set, so that the batch
gradient is unbiased and its variance falls exactly as 1/b. Nothing is shuffled and there are no epochs. The
batch size b is the global one, and the gradient is the mean (not the sum) over the batch.

A seed fixes the initial weights and one endless stream of images; a batch of b is the next b of the stream.
Every learning rate, and every batch size, therefore sees the same images in the same order.

`plain_sgd` is that, in eight lines; `train_grid` does the same for a whole grid at once, and much faster. It
has two engines: JAX's program (`training_engine`), and for processors one that skips zeros (`skip_zeros`).
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_count
from lecturelib.datasets import Mnist
from lecturelib.networks import skip_zeros, training_engine
from lecturelib.networks.grid_checks import (
    EVALUATED,
    check_checkpoints,
    check_engine,
    check_evaluation,
    check_rates,
    check_seeds,
    flat,
    sample,
)
from lecturelib.networks.inked import compressed, compressed_training_set, share_inked
from lecturelib.networks.network import (
    CLASSES,
    Params,
    initial_params,
    loss,
    loss_and_error,
    sgd_step,
)
from lecturelib.networks.training_grid import MEASURES, GridRun
from lecturelib.spread import call_on_cores, draw_batches, spread

__all__ = [
    "CLASSES",
    "GridRun",
    "Params",
    "draw_batches",
    "initial_params",
    "loss",
    "loss_and_error",
    "plain_sgd",
    "sgd_step",
    "train_grid",
]

# The same object in every call, so that `spread` compiles it once.
_PROGRAMS = {keep: functools.partial(training_engine.train, keep) for keep in (False, True)}


def plain_sgd(
    data: Mnist, learning_rate: float, batch_size: int, *, seed: int, steps: int, hidden: int = 300
) -> tuple[Params, np.ndarray]:
    """One run of `train_grid` as one would write it by hand: what the engine equals, up to float32 rounding.

    Args:
        data: training images and labels, as `train_grid` takes them.
        learning_rate: eta > 0.
        batch_size: images an update.
        seed: integer >= 0, of the initial weights and the stream of images.
        steps: updates.
        hidden: units of the hidden layer.

    Returns:
        The weights after the last update, and the loss of each batch before its update in nats, (steps,).

    Example:
        >>> from lecturelib import datasets, mlp
        >>> params, losses = mlp.plain_sgd(datasets.mnist(), 0.1, 8, seed=0, steps=200, hidden=20)
        >>> bool(losses[-50:].mean() < 0.5 * losses[:10].mean())
        True
    """
    images, labels = flat(data, "train")
    loss_and_gradient = jax.jit(jax.value_and_grad(loss))
    params, losses = initial_params(images.shape[1], hidden, seed=seed), []
    for chosen in draw_batches(len(labels), steps, batch_size, seed=seed):
        value, gradient = loss_and_gradient(params, (images[chosen], labels[chosen]))
        params = jax.tree.map(lambda w, g: w - learning_rate * g, params, gradient)
        losses.append(value)
    return params, np.array(losses)


def train_grid(
    data: Mnist,
    learning_rates: ArrayLike,
    batch_size: int,
    seeds: Sequence[int],
    *,
    steps: int,
    hidden: int = 300,
    checkpoints: int | Sequence[int] = 8,
    evaluation_size: int | tuple[int, int] | None = None,
    keep_params: bool = False,
    engine: str = "auto",
    over: str = "auto",
    progress: bool = True,
) -> GridRun:
    """Train the network with every learning rate and every seed at one batch size.

    Each run is that of `plain_sgd`, measured on the way.

    Args:
        data: training and test set, as `datasets.mnist()` is; images may have shape (n, pixels) too.
        learning_rates: increasing, positive, shape (rates,).
        batch_size: images an update, at most the size of the training set.
        seeds: different integers >= 0, each fixing the initial weights and the stream of images.
        steps: updates a run (the depth). Batches take 4 bytes * seeds * steps * batch_size of memory.
        hidden: units of the hidden layer.
        checkpoints: when to measure: updates made, increasing, from 1 to `steps`; or how many, evenly
            spaced. The start and the end are always measured.
        evaluation_size: images on which loss and error are measured, evenly spaced in each set: so many of
            both, or (of the training set, of the test set); by default 1,000, or all of a smaller set. They
            are the same at every batch size, so measuring costs the same and curves can be compared.
        keep_params: keep the weights at every checkpoint, about 1 MB each at the default size.
        engine: "jax", "skip-zeros", or "auto": "skip-zeros" on a processor, if few enough pixels have ink.
            The results agree up to float32 rounding, which training amplifies.
        over: "cores", "devices" or "auto", see `spread.spread`; "devices" takes JAX's engine.
        progress: show a progress bar on long grids (on stderr, in a terminal only).

    Returns:
        The curves of all runs; `engine`, `inked` and `evaluation_sizes` say how they were computed.

    Raises:
        ValueError: data, a rate, a count, a seed, a checkpoint, or an evaluation size that a set does not
            have is refused, before anything is compiled.

    Example:
        >>> from lecturelib import datasets, mlp
        >>> data, rates, seeds = datasets.mnist(), [0.01, 0.1], [0, 1, 2]
        >>> run = mlp.train_grid(data, rates, 8, seeds, steps=20, hidden=5, checkpoints=4)
        >>> run.train_loss.shape, run.checkpoints.tolist(), run.work.tolist()
        ((2, 3, 5), [0, 5, 10, 15, 20], [0, 40, 80, 120, 160])
    """
    train, test = flat(data, "train"), flat(data, "test")
    if train[0].shape[1] != test[0].shape[1]:
        raise ValueError(
            f"training images have {train[0].shape[1]} pixels and test images {test[0].shape[1]}:"
            " give images of one size"
        )
    rates, seeds = check_rates(learning_rates), check_seeds(seeds)
    batch_size = check_count("batch_size", batch_size, at_most=len(train[1]))
    steps, hidden = check_count("steps", steps), check_count("hidden", hidden)
    points = check_checkpoints(checkpoints, steps)
    sizes = check_evaluation(evaluation_size, len(train[1]), len(test[1]))
    inked = share_inked(sample(*train, min(EVALUATED, len(train[1])))[0])
    engine = check_engine(engine, over, inked, train[0].shape[1])

    stretches = np.stack([np.append(0, points[:-1]), points], axis=1).astype(np.int32)
    evaluation = tuple(sample(*part, size) for part, size in zip((train, test), sizes, strict=True))
    # Start and batches travel with the run, so that the program is the same for any number of seeds.
    streams = [
        (
            initial_params(train[0].shape[1], hidden, seed=seed),
            draw_batches(len(train[1]), steps, batch_size, seed=seed),
        )
        for seed in seeds
    ]
    runs = [(*stream, np.float32(rate)) for rate in rates for stream in streams]
    title = f"batch size {batch_size}" if progress else None
    if engine == "jax":
        shared: tuple = (train, evaluation, stretches)
        results = spread(_PROGRAMS[bool(keep_params)], shared, runs, over=over, title=title)
    else:
        rows = compressed_training_set(data, *train)
        shared = (bool(keep_params), rows, [compressed(*part) for part in evaluation], stretches)
        results = call_on_cores(functools.partial(skip_zeros.train, *shared), runs, title=title)
    grid = (len(rates), len(seeds))
    measured, diverged_at, params = jax.tree.map(lambda *x: np.stack(x).reshape(grid + x[0].shape), *results)
    curves = dict(zip(MEASURES, np.moveaxis(measured, -1, 0), strict=True))
    tried = rates, np.array(seeds), points
    shown: dict[str, Any] = curves | {"engine": engine, "inked": inked, "evaluation_sizes": sizes}
    return GridRun(batch_size, steps, *tried, diverged_at=diverged_at, params=params, **shown)
