"""Data parallelism: every device has all weights and part of the batch; one all-reduce a step adds gradients.

::

    w <- w - eta 1/K sum_k g_k,      g_k: the mean gradient over the b / K examples of device k

The batch size b is the global one. With equal shares the mean of the devices' means is the mean over the
batch, so the step is that of one device, up to the order in which floating-point numbers are added.
"""

import functools
import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import PartitionSpec

from lecturelib.checks import check_count, check_positive
from lecturelib.parallel import processes as workers
from lecturelib.parallel.collectives import mesh, place


@functools.lru_cache(maxsize=32)
def sgd_step(loss: Callable, devices: int) -> Callable[[Any, Any, Any], tuple[Any, jax.Array]]:
    """The compiled step (params, batch, learning_rate) -> (params, loss before it), on so many devices.

    Put its arguments in place with `collectives.place`: the batch split along "data", the rest copied.

    Args:
        loss: function (params, batch) -> mean over the batch; batch is a tree of arrays whose first axis
            counts examples.
        devices: as for `collectives.mesh`.

    Raises:
        ValueError: if there are not so many devices.

    >>> import jax.numpy as jnp, numpy as np
    >>> from lecturelib.parallel import data_parallel
    >>> def loss(w, batch):
    ...     return 0.5 * jnp.mean((batch[0] @ w - batch[1]) ** 2)
    >>> w, batch = np.zeros(2), (np.eye(2), np.array([1.0, 3.0]))
    >>> [part.tolist() for part in data_parallel.sgd_step(loss, 1)(w, batch, 0.5)]
    [[0.25, 0.75], 2.5]

    Source: Kakade's slide "Mini-batching (Data Parallelization)"; Chen et al., Revisiting distributed
    synchronous SGD (2016).
    """

    def step(params: Any, batch: Any, learning_rate: jax.Array) -> tuple[Any, jax.Array]:
        value, gradient = jax.value_and_grad(loss)(params, batch)
        total = jax.lax.psum((value, gradient), "data")
        value, gradient = jax.tree.map(lambda x: x / devices, total)
        return jax.tree.map(lambda w, g: w - learning_rate * g, params, gradient), value

    split, copied = PartitionSpec("data"), PartitionSpec()
    # check_vma=False: else JAX adds up the gradient of copied weights itself, and psum would do so twice.
    return jax.jit(
        jax.shard_map(
            step,
            mesh=mesh(devices),
            in_specs=(copied, split, copied),
            out_specs=copied,
            check_vma=False,
        )
    )


def train(
    loss: Callable,
    params: Any,
    batches: Any,
    learning_rate: float,
    *,
    devices: int,
    fail_at: int | None = None,
) -> Any:
    """Train on so many devices, one step for each batch.

    Args:
        loss: see `sgd_step`.
        params: tree of arrays, the start.
        batches: tree of arrays of shape (steps, batch_size, ...).
        learning_rate: positive number.
        devices: from 1 to the number there are; divides batch_size.
        fail_at: in a job of several processes, the step before which the last one dies without a word; None
            for a job that is left in peace.

    Returns:
        The weights after the last step, as NumPy arrays.

    Raises:
        ValueError: if an argument is outside its range, before anything is compiled.

    >>> import jax.numpy as jnp, numpy as np
    >>> from lecturelib.parallel import data_parallel
    >>> def loss(w, batch):
    ...     return 0.5 * jnp.mean((batch - w) ** 2)
    >>> float(data_parallel.train(loss, np.zeros(()), np.ones((2, 4)), 0.5, devices=1))
    0.75
    """
    steps = _check(batches, learning_rate, devices)
    line, step = mesh(devices), sgd_step(loss, devices)
    params, rate = place(params, line), place(np.float32(learning_rate), line)
    for t in range(steps):
        if t == fail_at and jax.process_index() == jax.process_count() - 1:
            os._exit(9)  # as if this machine had lost its power
        batch = place(jax.tree.map(lambda array: array[t], batches), line, "data")  # noqa: B023
        params, _ = step(params, batch, rate)
    return jax.tree.map(np.asarray, params)


def train_in_processes(
    loss: Callable,
    params: Any,
    batches: Any,
    learning_rate: float,
    *,
    processes: int,
    fail_at: int | None = None,
    **job: Any,
) -> list:
    """As `train`, in so many operating system processes that talk over the loopback network, a device each.

    On a cluster one would start the same program on each machine. Arguments are those of `train`, with a loss
    that the workers can import, a function of a module; `job` is the timeout and the port of `processes.run`.

    Returns:
        The final weights of each process.

    Raises:
        ValueError: if an argument is outside its range.
        processes.ProcessFailed: if one of them died, hung, or never came.
    """
    processes = check_count("processes", processes)
    _check(batches, learning_rate, processes)
    arguments = (loss, jax.tree.map(np.asarray, params), jax.tree.map(np.asarray, batches), learning_rate)
    options = {"devices": processes, "fail_at": fail_at}
    return workers.run(train, arguments, options, processes=processes, **job)


def _check(batches: Any, learning_rate: float, devices: int) -> int:
    """Raise ValueError unless the batches can be dealt out evenly; returns the number of steps."""
    devices = check_count("devices", devices)
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(batches)]
    sizes = {shape[:2] for shape in shapes}
    if len(sizes) != 1 or any(len(shape) < 2 for shape in shapes) or 0 in min(sizes):
        raise ValueError(
            f"batches has arrays of shapes {shapes}: the first two axes are steps and examples, in all"
        )
    ((steps, batch_size),) = sizes
    if batch_size % devices:
        raise ValueError(
            f"batch_size = {batch_size} is not divisible by {devices} devices: shares must be equal, or the"
            " mean of their means is not the mean; drop or add examples"
        )
    check_positive("learning_rate", learning_rate)
    return steps
