"""Least-squares SGD as it really runs: random batches, float32, many runs and rates in one compiled scan.

The loss is L(w) = 1/2 E (y - x'w)^2, its gradient is the mean over the batch, the error is Delta = w - w*::

    Delta  <-  Delta - eta 1/b sum_i x_i (x_i'Delta - e_i),    e = y - x'w*,    excess risk 1/2 Delta'H Delta

Read `plain.py` first: that loop is what this equals, run by run. Following the error instead of the weights
only moves the origin, and saves float32 the digits of w*. Nothing here knows the theory: `sampling.py` reads
a problem by its fields, and the excess risk is computed from the weights, not estimated on a test set. A run
past the largest stable learning rate ends in inf or nan, as it should.
"""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_array, check_count
from lecturelib.least_squares.estimates import Estimate, Split, estimate
from lecturelib.least_squares.scan import Experiment
from lecturelib.least_squares.scan import simulate as scan


def sgd(
    problem: Any,
    start_error: ArrayLike,
    learning_rate: ArrayLike,
    batch_size: int,
    steps: int,
    runs: int,
    *,
    key: jax.Array,
) -> jax.Array:
    """Excess risk of mini-batch SGD after 0, 1, ..., steps updates, for independent runs.

    ::

        w  <-  w - learning_rate * (mean gradient of batch_size fresh examples)

    Args:
        problem: from `least_squares`, or anything with its fields.
        start_error: w_0 - w*, shape (d,).
        learning_rate: a number, or an array (rates,) of them that share every batch.
        batch_size: whole number >= 1.
        steps: whole number >= 1.
        runs: whole number >= 1.
        key: from `jax.random.key`.

    Returns:
        Excess risks, shape (runs, steps + 1), or (rates, runs, steps + 1) for an array of rates.

    Raises:
        ValueError: an argument out of range, or of another shape.

    >>> import jax
    >>> from lecturelib import least_squares as ls, simulate
    >>> problem, key = ls.gaussian([1.0, 0.5]), jax.random.key(0)
    >>> risks = simulate.sgd(problem, [1.0, 1.0], 0.1, 4, steps=10, runs=3, key=key)
    >>> risks.shape, float(risks[0, 0])
    ((3, 11), 0.75)
    """
    rates = _constant(learning_rate, steps)
    risks = scan(Experiment(problem, start_error, batch_size, runs, key), rates).risks
    return _arrange(risks, learning_rate)


def split(
    problem: Any,
    start_error: ArrayLike,
    learning_rate: ArrayLike,
    batch_size: int,
    steps: int,
    runs: int,
    *,
    key: jax.Array,
) -> Split:
    """Split the excess risk of `sgd` into bias and variance, neither skewed by the finite number of runs.

    ::

        bias = 1/2 m'Hm,     m = E Delta,     variance = risk - bias

    The bias is estimated by the average of 1/2 Delta_r'H Delta_s over pairs of runs r != s: the risk of the
    mean run would be too large by variance / runs. The standard error of an average over pairs is
    2 sd / sqrt(runs), sd the deviation over r of the average over s; where the bias is negligible it is too
    large rather than too small.

    Arguments and errors are those of `sgd`, with runs 3 or more.

    >>> import jax
    >>> from lecturelib import least_squares as ls, simulate
    >>> found = simulate.split(ls.gaussian([1.0]), [1.0], 0.1, 4, steps=5, runs=100, key=jax.random.key(0))
    >>> bool(abs(found.bias.mean[5] - 0.5 * 0.9**10) < 4 * found.bias.standard_error[5])
    True

    Source: Hoeffding (1948), A class of statistics with asymptotically normal distribution, section 5.
    """
    check_count("runs", runs, at_least=3)
    rates = _constant(learning_rate, steps)
    found = scan(Experiment(problem, start_error, batch_size, runs, key, with_mean=True), rates)
    risks = np.asarray(_arrange(found.risks, learning_rate), dtype=np.float64)
    assert found.products is not None  # with_mean asks for them
    products = np.asarray(_arrange(found.products, learning_rate), dtype=np.float64)
    with_others = (runs * products - risks) / (runs - 1)  # 1/2 Delta_r'H (mean of the other runs)
    apart = 0.5 * (risks + risks.mean(-2, keepdims=True)) - with_others

    def pair_average(values: np.ndarray) -> Estimate:
        single = estimate(values)
        return Estimate(single.mean, 2.0 * single.standard_error)

    return Split(estimate(risks), pair_average(with_others), pair_average(apart))


def scheduled(
    problem: Any,
    start_error: ArrayLike,
    learning_rates: ArrayLike,
    batch_sizes: ArrayLike,
    runs: int,
    *,
    key: jax.Array,
) -> jax.Array:
    """Excess risk of SGD whose learning rate and batch size change from step to step.

    `learning_rates` and `batch_sizes` have one entry a step, shape (steps,); each length of a stage of equal
    batches is compiled. Other arguments and errors are those of `sgd`.

    Returns:
        Excess risks, shape (runs, steps + 1).

    >>> import jax
    >>> from lecturelib import least_squares as ls, simulate
    >>> rates, sizes = [0.1, 0.1, 0.2], [1, 1, 8]
    >>> simulate.scheduled(ls.gaussian([1.0]), [1.0], rates, sizes, runs=5, key=jax.random.key(0)).shape
    (5, 4)
    """
    rates, sizes = check_array("learning_rates", learning_rates, 1, at_least=0.0), np.asarray(batch_sizes)
    if sizes.shape != rates.shape:
        raise ValueError(
            f"batch_sizes has shape {sizes.shape}, learning_rates {rates.shape}; pass one entry a step"
        )
    for size in np.unique(sizes):
        check_count("batch_sizes", size)
    edges = [0, *(np.flatnonzero(np.diff(sizes)) + 1).tolist(), len(sizes)]
    risks: list[jax.Array] = []
    errors: jax.Array | None = None
    for begin, end in itertools.pairwise(edges):
        experiment = Experiment(problem, start_error, int(sizes[begin]), runs, key)
        stage = scan(experiment, rates[begin:end, None], errors=errors, begin=begin)
        errors = stage.errors
        risks.append(stage.risks if begin == 0 else stage.risks[1:])
    return _arrange(jnp.concatenate(risks), 0.0)


def tail_average(
    problem: Any,
    start_error: ArrayLike,
    learning_rate: ArrayLike,
    batch_size: int,
    steps: int,
    tail: int,
    runs: int,
    *,
    key: jax.Array,
) -> jax.Array:
    """Excess risk of the mean of the last `tail` iterates of `sgd`, ``w_(steps - tail + 1), ..., w_steps``.

    `tail` is a whole number from 1, the last iterate, to steps. Other arguments, and errors: see `sgd`.

    Returns:
        Excess risks, shape (runs,), or (rates, runs) for an array of rates.

    >>> import jax
    >>> from lecturelib import least_squares as ls, simulate
    >>> problem, key = ls.gaussian([1.0]), jax.random.key(0)
    >>> simulate.tail_average(problem, [1.0], 0.1, 4, steps=8, tail=4, runs=5, key=key).shape
    (5,)
    """
    rates = _constant(learning_rate, steps)
    if check_count("tail", tail) > len(rates):
        raise ValueError(f"tail = {tail} is more than steps = {steps}; average at most all iterates")
    weights = np.where(np.arange(1, len(rates) + 1) > len(rates) - tail, 1.0 / tail, 0.0)
    averaged = scan(Experiment(problem, start_error, batch_size, runs, key), rates, weights=weights).averaged
    assert averaged is not None  # weights ask for it
    return _arrange(averaged[None], learning_rate)[..., 0]


def local_sgd(
    problem: Any,
    start_error: ArrayLike,
    learning_rate: ArrayLike,
    batch_size: int,
    machines: int,
    sync_every: int,
    steps: int,
    runs: int,
    *,
    key: jax.Array,
) -> jax.Array:
    """Excess risk of the mean of machines that run SGD apart and average weights every `sync_every` steps.

    `batch_size` is that of each machine; `machines` and `sync_every` are whole numbers, 1 or more, and
    sync_every = steps averages once, at the end. Other arguments and errors are those of `sgd`.

    Returns:
        The risk of the mean weights after 0, 1, ..., steps steps, shape (runs, steps + 1), or
        (rates, runs, steps + 1) for an array of rates.

    >>> import jax
    >>> from lecturelib import least_squares as ls, simulate
    >>> problem, key = ls.gaussian([1.0]), jax.random.key(0)
    >>> simulate.local_sgd(problem, [1.0], 0.1, 4, 2, sync_every=3, steps=8, runs=5, key=key).shape
    (5, 9)
    """
    rates = _constant(learning_rate, steps)
    machines, sync_every = check_count("machines", machines), check_count("sync_every", sync_every)
    experiment = Experiment(problem, start_error, batch_size, runs, key, machines, sync_every)
    return _arrange(scan(experiment, rates).risks, learning_rate)


def _arrange(curves: jax.Array, learning_rate: ArrayLike) -> jax.Array:
    """From (steps, runs, rates) to (rates, runs, steps), or (runs, steps) for one rate."""
    curves = jnp.moveaxis(curves, 0, -1).swapaxes(0, 1)
    return curves[0] if np.ndim(learning_rate) == 0 else curves


def _constant(learning_rate: ArrayLike, steps: int) -> np.ndarray:
    """The same rates at every step, shape (steps, rates), from a number or a one-dimensional array."""
    rates = check_array("learning_rate", learning_rate, min(np.ndim(learning_rate), 1), at_least=0.0)
    return np.broadcast_to(np.atleast_1d(rates), (check_count("steps", steps), rates.size))
