"""The compiled loop under `simulate.py`: every run, machine and learning rate of an experiment in one scan.

A worker is one machine of one run. Every worker draws its own batches; learning rates share them. The batch
of worker r at step t depends on the key, r and t alone: more runs or more steps change nothing before them,
and the runs can be divided among the cores.
"""

import functools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from lecturelib.checks import check_count
from lecturelib.draws import check_key
from lecturelib.sampling import checked_sampler
from lecturelib.spread import compiled, cores

# Small batches are drawn many steps at a time, large ones in parts: this many numbers stay in the cache.
NUMBERS_AT_ONCE = 2**15


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Trajectory:
    """What a scan leaves behind.

    risks, products: excess risk, and 1/2 Delta_r'H (mean of all runs), shape (steps + 1, runs, rates).
    errors: of every worker at the end, shape (workers, d, rates). averaged: risk of the weighted average,
    (runs, rates).
    """

    risks: jax.Array
    products: jax.Array | None
    errors: jax.Array
    averaged: jax.Array | None


def simulate(
    problem,
    start_error,
    rates,
    batch_size,
    runs,
    key,
    *,
    errors=None,
    begin=0,
    machines=1,
    weights=None,
    sync_every=None,
    with_mean=False,
):
    """Check the arguments, start every worker at start_error (or at `errors`), and run the scan.

    rates: shape (steps, rates). begin: steps taken before. weights: of each iterate in the average, (steps,).
    sync_every: steps between averagings of the machines. with_mean: whether to compute products.
    """
    batch_size, workers = check_count("batch_size", batch_size), check_count("runs", runs) * machines
    sampler = checked_sampler(problem, batch_size)
    check_key(key)
    if errors is None:
        start = np.asarray(start_error, dtype=np.float64)
        if start.shape != (sampler.dimension,) or not np.all(np.isfinite(start)):
            raise ValueError(
                f"start_error = {start_error!r} is refused;"
                f" pass w_0 - w*, finite, of shape ({sampler.dimension},)"
            )
        start = jnp.asarray(start, dtype=float)
        errors = jnp.broadcast_to(start[None, :, None], (workers, len(start), rates.shape[1]))
    steps = len(rates)
    parts = 1 if with_mean else _parts_of(runs)  # the mean is over all runs
    rows = rows_at_once(sampler, batch_size)
    at_once = max(1, NUMBERS_AT_ONCE // (workers // parts * rows * sampler.dimension))
    blocks = math.ceil(steps / at_once)
    padding = blocks * math.ceil(steps / blocks) - steps
    rates = jnp.asarray(np.pad(rates, ((0, padding), (0, 0))), dtype=float)
    if weights is not None:
        weights = jnp.asarray(np.pad(weights, (0, padding)), dtype=float)
    program = _program(
        batch_size=batch_size,
        rows=rows,
        runs=runs // parts,
        blocks=blocks,
        steps=steps,
        sync_every=sync_every,
        with_mean=with_mean,
    )
    shares = zip(jnp.split(jnp.arange(workers), parts), jnp.split(errors, parts), strict=True)
    calls = [(sampler, *share, rates, weights, jnp.int32(begin), key) for share in shares]
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


def _parts_of(runs):
    """How many equal parts the runs are divided into: at most one a core."""
    return max(parts for parts in range(1, cores() + 1) if runs % parts == 0)


@functools.lru_cache(maxsize=256)
def _program(**sizes):
    return functools.partial(_scan, **sizes)


def rows_at_once(sampler, batch_size):
    """How many rows of a batch to draw at a time: as many as fit the cache and divide it, or all of them."""
    most = max(16, NUMBERS_AT_ONCE // sampler.dimension)
    if batch_size <= most or not sampler.divisible:
        return batch_size
    best = max(rows for rows in range(1, most + 1) if batch_size % rows == 0)
    return best if 2 * best >= most else batch_size


def step_keys(key, numbers):
    """A key of its own for every step, shape (steps,); numbers: steps counted from 1."""
    return jax.vmap(jax.random.fold_in, (None, 0))(key, numbers)


def _scan(
    sampler,
    numbers,
    errors,
    rates,
    weights,
    begin,
    key,
    *,
    batch_size,
    rows,
    runs,
    blocks,
    steps,
    sync_every,
    with_mean,
):
    """Run the workers of these numbers: a scan over blocks draws many batches, a scan inside steps with each.

    The last block is filled up with steps of rate and weight zero, which change nothing and are cut off.
    """
    workers, dimension, columns = errors.shape
    machines = workers // runs

    def per_run(errors):
        return errors.reshape(runs, machines, dimension, columns)

    def risks(errors):
        mean = per_run(errors).mean(1)
        return jax.vmap(sampler.inner)(mean, mean)

    def products(errors):
        return jax.vmap(sampler.inner, (0, None))(errors, errors.mean(0)) if with_mean else None

    def gradient(batch, errors):
        if rows == batch_size:
            return jax.vmap(sampler.gradient)(batch, errors)

        def add_part(total, key):
            part = sampler.draw(key, numbers, rows)
            return total + jax.vmap(sampler.gradient)(part, errors), None

        parts = batch_size // rows
        keys = step_keys(batch, jnp.arange(parts))  # a large batch is drawn here, part by part, from its key
        return jax.lax.scan(add_part, jnp.zeros_like(errors), keys)[0] / parts

    def step(carry, inputs):
        errors, average = carry
        batch, rate, weight, number = inputs
        errors = errors - rate[None, None, :] * gradient(batch, errors)
        if sync_every is not None:
            mean = per_run(errors).mean(1, keepdims=True)
            mean = jnp.broadcast_to(mean, (runs, machines, dimension, columns)).reshape(errors.shape)
            errors = jnp.where(number % sync_every == 0, mean, errors)
        if weight is not None:
            average = average + weight * errors
        return (errors, average), (risks(errors), products(errors))

    def block(carry, inputs):
        batches = step_keys(key, inputs[-1])
        if rows == batch_size:
            batches = jax.vmap(lambda key: sampler.draw(key, numbers, batch_size))(batches)
        return jax.lax.scan(step, carry, (batches, *inputs))

    def in_blocks(values):
        return values.reshape(blocks, -1, *values.shape[1:])

    steps_taken = begin + 1 + jnp.arange(len(rates))
    inputs = jax.tree.map(in_blocks, (rates, weights, steps_taken))
    average = None if weights is None else jnp.zeros_like(errors)
    first = risks(errors), products(errors)
    (errors, average), curves = jax.lax.scan(block, (errors, average), inputs)

    def join(start, curve):
        return jnp.concatenate([start[None], curve.reshape(-1, *start.shape)[:steps]])

    all_risks, all_products = jax.tree.map(join, first, curves)
    return Trajectory(all_risks, all_products, errors, None if average is None else risks(average))
