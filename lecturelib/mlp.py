"""The lecture's neural network on MNIST (`lecturelib.network`) and its training grid.

An update is the slide's,

    w <- w - eta * 1/b * sum_i grad l_i(w),

with a fresh batch of b images drawn uniformly with replacement from the training set, so that the batch
gradient is unbiased and its variance falls exactly as 1/b. Nothing is shuffled and there are no epochs. The
batch size b is the global one, and the gradient is the mean (not the sum) over the batch.

A seed fixes the initial weights and one endless stream of images; a batch of b is the next b of the stream.
Every learning rate, and every batch size, therefore sees the same images in the same order.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lecturelib.checks import check_count
from lecturelib.grid import GridRun
from lecturelib.network import CLASSES, Params, initial_params, loss, loss_and_error, sgd_step, sgd_steps
from lecturelib.spread import spread

__all__ = [
    "CLASSES",
    "GridRun",
    "Params",
    "draw_batches",
    "initial_params",
    "loss",
    "loss_and_error",
    "sgd_step",
    "sgd_steps",
    "train_grid",
]

ROWS_TOGETHER = 64  # images of small batches that are multiplied at once, see `network.sgd_steps`


def draw_batches(images: int, steps: int, batch_size: int, *, seed: int) -> np.ndarray:
    """Indices of the training images of every update, int32, shape (steps, batch_size).

    >>> bool((draw_batches(100, 6, 1, seed=3).ravel() == draw_batches(100, 2, 3, seed=3).ravel()).all())
    True
    """
    return np.random.default_rng([seed, 1]).integers(images, size=(steps, batch_size), dtype=np.int32)


def _train(keep_params, train, evaluation, stretches, start, batches, learning_rate):
    """One whole training: a scan over the stretches between checkpoints, in each of them a loop of updates.

    stretches: int32 (points, 2), first update and end of each; the first is empty and measures the start.
    """
    images, labels = train
    together = max(1, ROWS_TOGETHER // batches.shape[1])

    def update(i, ends, state):
        """The updates number i * together and on, up to the end of the stretch."""
        params, diverged_at = state
        steps = ends[0] + i * together + jnp.arange(together)
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

    def stretch(state, ends):
        before, diverged_at, last = state
        count = -(-(ends[1] - ends[0]) // together)
        params, diverged_at = jax.lax.fori_loop(
            0, count, lambda i, state: update(i, ends, state), (before, diverged_at)
        )
        # Both sets in one product: half as much to compile.
        measured = jnp.stack(jax.vmap(loss_and_error, (None, 0))(params, evaluation), axis=1).ravel()
        finite = jnp.isfinite(measured).all()
        diverged_at = jnp.where((diverged_at < 0) & ~finite, ends[1], diverged_at)
        # Once a run has diverged, it is put back to its last finite checkpoint and stays there.
        params = jax.tree.map(lambda new, old: jnp.where(diverged_at < 0, new, old), params, before)
        measured = jnp.where(diverged_at < 0, measured, last)
        return (params, diverged_at, measured), (measured, params if keep_params else None)

    state = (start, jnp.int32(-1), jnp.zeros(2 * len(evaluation[1])))
    (_, diverged_at, _), (measured, params) = jax.lax.scan(stretch, state, stretches)
    return measured, diverged_at, params


_PROGRAMS = {keep: functools.partial(_train, keep) for keep in (False, True)}


def train_grid(
    data,
    learning_rates: Sequence[float],
    batch_size: int,
    seeds: Sequence[int],
    *,
    steps: int,
    hidden: int = 300,
    checkpoints: int | Sequence[int] = 8,
    evaluation_size: int = 1000,
    keep_params: bool = False,
    over: str = "auto",
    progress: bool = True,
) -> GridRun:
    """Train the network with every learning rate and every seed at one batch size, in one compiled program.

    Args:
        data: has train_images, train_labels, test_images, test_labels as `datasets.mnist()` does: images
            uint8 of shape (n, height, width) or (n, pixels), labels integers 0...9 of shape (n,).
        learning_rates: increasing, positive.
        batch_size: images an update, at most the size of the training set.
        seeds: different integers >= 0, each fixing the initial weights and the stream of images.
        steps: updates a run (the depth). Batches take 4 bytes * seeds * steps * batch_size of memory.
        hidden: units of the hidden layer.
        checkpoints: when to measure: updates made, increasing, from 1 to `steps`; or how many, evenly
            spaced. The start and the end are always measured.
        evaluation_size: images of the training set, and as many of the test set, evenly spaced, on which
            loss and error are measured; as many as the smaller set has, if that is fewer. They are the same
            at every batch size, so measuring costs the same and curves can be compared point by point.
        keep_params: keep the weights at every checkpoint, about 1 MB each at the default size.
        over: "cores", "devices" or "auto", see `spread.spread`. The results agree up to float32 rounding,
            which training amplifies.
        progress: show a progress bar on long grids (on stderr, in a terminal only).

    Raises:
        ValueError: on any argument that is not as said, before anything is compiled.

    >>> from types import SimpleNamespace
    >>> random = np.random.default_rng(0)
    >>> images, labels = random.integers(256, size=(50, 4, 4), dtype=np.uint8), np.arange(50) % 10
    >>> data = {f"{part}_images": images for part in ("train", "test")}
    >>> data = SimpleNamespace(**data, train_labels=labels, test_labels=labels)
    >>> run = train_grid(data, [0.01, 0.1], 8, seeds=[0, 1, 2], steps=20, hidden=5, checkpoints=4)
    >>> run.train_loss.shape, run.checkpoints.tolist(), run.work.tolist()
    ((2, 3, 5), [0, 5, 10, 15, 20], [0, 40, 80, 120, 160])
    """
    train, test = _check_data(data)
    rates, seeds = _check_grid(learning_rates, seeds)
    batch_size, steps = check_count("batch_size", batch_size), check_count("steps", steps)
    hidden, evaluation_size = check_count("hidden", hidden), check_count("evaluation_size", evaluation_size)
    if batch_size > len(train[1]):
        raise ValueError(
            f"batch_size is {batch_size}, but there are {len(train[1])} training images: use at most that"
        )
    points = _check_checkpoints(checkpoints, steps)

    size = min(evaluation_size, len(train[1]), len(test[1]))

    def sample(images, labels):
        chosen = np.linspace(0, len(labels) - 1, size).astype(int)
        return images[chosen], labels[chosen]

    stretches = np.stack([np.append(0, points[:-1]), points], axis=1).astype(np.int32)
    evaluation = jax.tree.map(lambda *parts: np.stack(parts), sample(*train), sample(*test))
    shared = (train, evaluation, stretches)
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
    results = spread(_PROGRAMS[bool(keep_params)], shared, runs, over=over, title=title)
    grid = (len(rates), len(seeds))
    measured, diverged_at, params = jax.tree.map(lambda *x: np.stack(x).reshape(grid + x[0].shape), *results)
    curves = np.moveaxis(measured, -1, 0)
    return GridRun(batch_size, steps, rates, np.array(seeds), points, *curves, diverged_at, params)


def _flat(data, part: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = (np.asarray(getattr(data, f"{part}_{kind}", None)) for kind in ("images", "labels"))
    if images.dtype != np.uint8 or images.ndim not in (2, 3) or images.size == 0:
        raise ValueError(
            f"{part}_images is {images.dtype} of shape {images.shape}: give uint8 of shape"
            " (n, height, width) or (n, pixels), not empty"
        )
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise ValueError(
            f"{part}_labels is {labels.dtype} of shape {labels.shape}: give integers of shape"
            f" {images.shape[:1]}"
        )
    outside = labels[(labels < 0) | (labels >= CLASSES)]
    if outside.size:
        raise ValueError(f"{part}_labels has the label {outside[0]}: labels are 0...{CLASSES - 1}")
    return images.reshape(len(images), -1), labels.astype(np.uint8)


def _check_data(data):
    train, test = _flat(data, "train"), _flat(data, "test")
    if train[0].shape[1] != test[0].shape[1]:
        raise ValueError(
            f"training images have {train[0].shape[1]} pixels and test images {test[0].shape[1]}:"
            " give images of one size"
        )
    return train, test


def _check_grid(learning_rates, seeds) -> tuple[np.ndarray, list[int]]:
    rates = np.array(learning_rates, dtype=float)
    if rates.ndim != 1 or rates.size == 0:
        raise ValueError(f"learning_rates has shape {rates.shape}: give a list of at least one rate")
    float32 = np.finfo(np.float32)  # a rate that is 0 or infinite in float32 is no rate
    if not ((rates >= float32.tiny) & (rates <= float32.max)).all() or (np.diff(rates) <= 0).any():
        raise ValueError(
            f"learning_rates is {rates.tolist()}: give finite positive rates, in increasing order"
        )
    seeds = [check_count("a seed", seed, at_least=0) for seed in np.ravel(seeds).tolist()]
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds is {seeds}: give at least one, all different")
    return rates, seeds


def _check_checkpoints(checkpoints, steps: int) -> np.ndarray:
    """Updates made at each measurement, beginning with 0 and ending with `steps`."""
    if np.ndim(checkpoints) == 0:
        count = min(check_count("checkpoints", checkpoints), steps)
        return np.linspace(0, steps, count + 1).round().astype(int)
    points = [check_count("a checkpoint", point) for point in np.ravel(checkpoints).tolist()]
    if not points or (np.diff(points) <= 0).any() or points[-1] > steps:
        raise ValueError(
            f"checkpoints is {points}: give increasing numbers of updates from 1 to steps = {steps}"
        )
    return np.array([0, *points, *([steps] if points[-1] < steps else [])])
