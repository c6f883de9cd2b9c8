"""The compiled loop under `simulate.py`: every run, machine and learning rate of an experiment in one scan.

A worker is one machine of one run. Every worker draws its own batches; learning rates share them. The batch
of worker r at step t depends on the key, r and t alone: more runs or more steps change nothing before them,
and the runs can be divided among the cores. A run of one machine equals `plain.sgd` on the same batches.
"""

import functools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_count
from lecturelib.least_squares.draws import check_key
from lecturelib.least_squares.sampling import Sampler, check_start, checked_sampler
from lecturelib.spread import compiled, cores

# Small batches are drawn many steps at a time, large ones in parts: this many numbers stay in the cache.
NUMBERS_AT_ONCE = 2**15


@dataclass(frozen=True)
class Experiment:
    """What is simulated.

    Attributes:
        problem: from `least_squares`, or anything with its fields.
        start_error: w_0 - w*, shape (d,).
        batch_size: of each machine.
        runs: independent repetitions.
        key: from `jax.random.key`.
        machines: workers of a run, each with batches of its own; a run's risk is that of their mean.
        sync_every: steps between averagings of the machines; None for never.
        with_mean: whether to compute products with the mean of all runs.
    """

    problem: Any
    start_error: ArrayLike
    batch_size: int
    runs: int
    key: jax.Array
    machines: int = 1
    sync_every: int | None = None
    with_mean: bool = False


@dataclass(frozen=True)
class Layout:
    """The sizes for which a scan is compiled: rows drawn at a time, runs and blocks of steps of one part."""

    batch_size: int
    rows: int
    runs: int
    blocks: int
    steps: int
    sync_every: int | None
    with_mean: bool


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Trajectory:
    """What a scan leaves behind.

    Attributes:
        risks: excess risk, shape (steps + 1, runs, rates).
        products: 1/2 Delta_r'H (mean of all runs), of the same shape, or None.
        errors: of every worker at the end, shape (workers, d, rates).
        averaged: risk of the weighted average, shape (runs, rates), or None.
    """

    risks: jax.Array
    products: jax.Array | None
    errors: jax.Array
    averaged: jax.Array | None


def simulate(
    experiment: Experiment,
    rates: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    errors: jax.Array | None = None,
    begin: int = 0,
) -> Trajectory:
    """Check the experiment, start every worker at its start_error (or at `errors`), and run the scan.

    Args:
        experiment: what to simulate.
        rates: learning rates, shape (steps, rates).
        weights: of each iterate in the average, shape (steps,).
        errors: of every worker at the start, as a trajectory leaves them.
        begin: steps taken before.

    Raises:
        ValueError: an experiment with an argument out of range.
    """
    batch_size, runs = check_count("batch_size", experiment.batch_size), check_count("runs", experiment.runs)
    workers = runs * experiment.machines
    sampler = checked_sampler(experiment.problem, batch_size)
    check_key(experiment.key)
    if errors is None:
        start = check_start(sampler, experiment.start_error)
        errors = jnp.broadcast_to(start[None, :, None], (workers, len(start), rates.shape[1]))
    steps = len(rates)
    parts = 1 if experiment.with_mean else _parts_of(runs)  # the mean is over all runs
    rows = rows_at_once(sampler, batch_size)
    at_once = max(1, NUMBERS_AT_ONCE // (workers // parts * rows * sampler.dimension))
    blocks = math.ceil(steps / at_once)
    padding = blocks * math.ceil(steps / blocks) - steps
    padded = jnp.asarray(np.pad(rates, ((0, padding), (0, 0))), dtype=float)
    padded_weights = None if weights is None else jnp.asarray(np.pad(weights, (0, padding)), dtype=float)
    layout = Layout(
        batch_size, rows, runs // parts, blocks, steps, experiment.sync_every, experiment.with_mean
    )
    program = _program(layout)
    shares = zip(jnp.split(jnp.arange(workers), parts), jnp.split(errors, parts), strict=True)
    rest = (padded, padded_weights, jnp.int32(begin), experiment.key)
    calls = [(sampler, *share, *rest) for share in shares]
    executable = compiled(program, *calls[0])
    with ThreadPoolExecutor(parts) as threads:
        found = list(threads.map(lambda call: jax.block_until_ready(executable(*call)), calls))
    if parts == 1:
        return found[0]
    # Runs are the second axis of the curves, and the first of the rest.
    risks = jnp.concatenate([part.risks for part in found], axis=1)
    errors, averaged = jax.tree.map(
        lambda *leaves: jnp.concatenate(leaves), *[(part.errors, part.averaged) for part in found]
    )
    return Trajectory(risks, None, errors, averaged)


def _parts_of(runs: int) -> int:
    """How many equal parts the runs are divided into: at most one a core."""
    return max(parts for parts in range(1, cores() + 1) if runs % parts == 0)


@functools.lru_cache(maxsize=256)
def _program(layout: Layout) -> Callable:
    return functools.partial(_scan, layout)


def rows_at_once(sampler: Sampler, batch_size: int) -> int:
    """How many rows of a batch to draw at a time: as many as fit the cache and divide it, or all of them."""
    most = max(16, NUMBERS_AT_ONCE // sampler.dimension)
    if batch_size <= most or not sampler.divisible:
        return batch_size
    best = max(rows for rows in range(1, most + 1) if batch_size % rows == 0)
    return best if 2 * best >= most else batch_size


def step_keys(key: jax.Array, numbers: jax.Array) -> jax.Array:
    """A key of its own for every step, shape (steps,); numbers: steps counted from 1."""
    return jax.vmap(jax.random.fold_in, (None, 0))(key, numbers)


def _gradient(
    layout: Layout, sampler: Sampler, numbers: jax.Array, batch: Any, errors: jax.Array
) -> jax.Array:
    """Every worker's gradient; batch: what was drawn, or the key of a batch to draw here, part by part."""
    if layout.rows == layout.batch_size:
        return jax.vmap(sampler.gradient)(batch, errors)

    def add_part(total: jax.Array, key: jax.Array) -> tuple[jax.Array, None]:
        part = sampler.draw(key, numbers, layout.rows)
        return total + jax.vmap(sampler.gradient)(part, errors), None

    parts = layout.batch_size // layout.rows
    keys = step_keys(batch, jnp.arange(parts))
    return jax.lax.scan(add_part, jnp.zeros_like(errors), keys)[0] / parts


def _scan(
    layout: Layout,
    sampler: Sampler,
    numbers: jax.Array,
    errors: jax.Array,
    rates: jax.Array,
    weights: jax.Array | None,
    begin: jax.Array,
    key: jax.Array,
) -> Trajectory:
    """Run the workers of these numbers: a scan over blocks draws many batches, a scan inside steps with each.

    The last block is filled up with steps of rate and weight zero, which change nothing and are cut off.
    """
    sync_every, by_run = layout.sync_every, (layout.runs, -1, *errors.shape[1:])

    def risks(errors: jax.Array) -> jax.Array:
        mean = errors.reshape(by_run).mean(1)
        return jax.vmap(sampler.inner)(mean, mean)

    def curves(errors: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        if not layout.with_mean:
            return risks(errors), None
        return risks(errors), jax.vmap(sampler.inner, (0, None))(errors, errors.mean(0))

    def step(carry: tuple, inputs: tuple) -> tuple:
        errors, average = carry
        batch, rate, weight, number = inputs
        errors = errors - rate[None, None, :] * _gradient(layout, sampler, numbers, batch, errors)
        if sync_every is not None:
            workers = errors.reshape(by_run)
            mean = jnp.broadcast_to(workers.mean(1, keepdims=True), workers.shape).reshape(errors.shape)
            errors = jnp.where(number % sync_every == 0, mean, errors)
        if weight is not None:
            average = average + weight * errors
        return (errors, average), curves(errors)

    def block(carry: tuple, inputs: tuple) -> tuple:
        batches: Any = step_keys(key, inputs[-1])
        if layout.rows == layout.batch_size:
            batches = jax.vmap(lambda key: sampler.draw(key, numbers, layout.batch_size))(batches)
        return jax.lax.scan(step, carry, (batches, *inputs))

    def join(start: jax.Array, curve: jax.Array) -> jax.Array:
        return jnp.concatenate([start[None], curve.reshape(-1, *start.shape)[: layout.steps]])

    steps_taken = begin + 1 + jnp.arange(len(rates))
    inputs = jax.tree.map(
        lambda values: values.reshape(layout.blocks, -1, *values.shape[1:]), (rates, weights, steps_taken)
    )
    average = None if weights is None else jnp.zeros_like(errors)
    first = curves(errors)
    later: tuple
    (errors, average), later = jax.lax.scan(block, (errors, average), inputs)
    all_risks, all_products = jax.tree.map(join, first, later)
    return Trajectory(all_risks, all_products, errors, None if average is None else risks(average))
