"""Least-squares SGD as it really runs: random batches, float32, many runs and rates in one compiled scan.

The loss is L(w) = 1/2 E (y - x'w)^2, its gradient is the mean over the batch, the error is Delta = w - w*:

    Delta <- Delta - eta 1/b sum_i x_i (x_i'Delta - e_i),    e = y - x'w*,    excess risk 1/2 Delta'H Delta

Following the error instead of the weights only moves the origin, and saves float32 the digits of w*. Nothing
here knows the theory: `sampling.py` reads a problem by its fields, and the excess risk is computed from the
weights, not estimated on a test set. A run past the largest stable learning rate ends in inf or nan, as it
should.
"""

import itertools
import math
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from lecturelib.checks import check_count
from lecturelib.trajectory import simulate


@dataclass(frozen=True)
class Estimate:
    """A mean over runs and its standard error, both of the shape of what was averaged."""

    mean: np.ndarray
    standard_error: np.ndarray


@dataclass(frozen=True)
class Split:
    """Excess risk = bias + variance, each an `Estimate` of shape (steps + 1,) or (rates, steps + 1)."""

    risk: Estimate
    bias: Estimate
    variance: Estimate


def estimate(risks, axis=-2):
    """Mean over runs, and its standard error: the deviation between runs (n - 1) / sqrt(runs).

    risks: an array with the runs on `axis`, such as `sgd` returns. ValueError: fewer than two runs.

    >>> estimate(np.array([[1.0, 2.0], [3.0, 2.0]]))
    Estimate(mean=array([2., 2.]), standard_error=array([1., 0.]))
    """
    risks = np.asarray(risks, dtype=np.float64)
    runs = risks.shape[axis]
    if runs < 2:
        raise ValueError(f"risks has {runs} run on axis {axis}; a standard error needs 2 or more")
    return Estimate(risks.mean(axis), risks.std(axis, ddof=1) / math.sqrt(runs))


def sgd(problem, start_error, learning_rate, batch_size, steps, runs, *, key):
    """Excess risk of mini-batch SGD after 0, 1, ..., steps updates, for independent runs.

        w <- w - learning_rate * (mean gradient of batch_size fresh examples)

    problem: from `least_squares`, or anything with its fields. start_error: w_0 - w*, shape (d,).
    learning_rate: a number, or an array (rates,) of them that share every batch. batch_size, steps, runs:
    whole numbers, 1 or more. key: from `jax.random.key`. Returns excess risks, shape (runs, steps + 1), or
    (rates, runs, steps + 1) for an array of rates. ValueError: anything else.

    >>> import jax
    >>> from lecturelib import least_squares as ls
    >>> risks = sgd(ls.gaussian([1.0, 0.5]), [1.0, 1.0], 0.1, 4, steps=10, runs=3, key=jax.random.key(0))
    >>> risks.shape, float(risks[0, 0])
    ((3, 11), 0.75)
    """
    rates = _constant(learning_rate, steps)
    risks = simulate(problem, start_error, rates, batch_size, runs, key).risks
    return _arrange(risks, learning_rate)


def split(problem, start_error, learning_rate, batch_size, steps, runs, *, key):
    """Split the excess risk of `sgd` into bias and variance, neither skewed by the finite number of runs.

        bias = 1/2 m'Hm,  m = E Delta,  estimated by the average of 1/2 Delta_r'H Delta_s over pairs of runs
        r != s (the risk of the mean run would be too large by variance / runs);       variance = risk - bias

    Arguments and errors as for `sgd`, with runs 3 or more. Returns a `Split`. The standard error of an
    average over pairs is 2 sd / sqrt(runs), sd the deviation over r of the average over s; where the bias is
    negligible it is too large rather than too small.

    >>> import jax
    >>> from lecturelib import least_squares as ls
    >>> found = split(ls.gaussian([1.0]), [1.0], 0.1, 4, steps=5, runs=100, key=jax.random.key(0))
    >>> bool(abs(found.bias.mean[5] - 0.5 * 0.9**10) < 4 * found.bias.standard_error[5])
    True

    Source: Hoeffding (1948), A class of statistics with asymptotically normal distribution, section 5.
    """
    check_count("runs", runs, at_least=3)
    rates = _constant(learning_rate, steps)
    found = simulate(problem, start_error, rates, batch_size, runs, key, with_mean=True)
    risks = np.asarray(_arrange(found.risks, learning_rate), dtype=np.float64)
    products = np.asarray(_arrange(found.products, learning_rate), dtype=np.float64)
    with_others = (runs * products - risks) / (runs - 1)  # 1/2 Delta_r'H (mean of the other runs)
    apart = 0.5 * (risks + risks.mean(-2, keepdims=True)) - with_others

    def pair_average(values):
        single = estimate(values)
        return Estimate(single.mean, 2.0 * single.standard_error)

    return Split(estimate(risks), pair_average(with_others), pair_average(apart))


def scheduled(problem, start_error, learning_rates, batch_sizes, runs, *, key):
    """Excess risk of SGD whose learning rate and batch size change from step to step.

    learning_rates, batch_sizes: one entry a step, shape (steps,). Other arguments and errors as for `sgd`.
    Returns excess risks, shape (runs, steps + 1). Compiles once for each batch size and length of its stage.

    >>> import jax
    >>> from lecturelib import least_squares as ls
    >>> scheduled(ls.gaussian([1.0]), [1.0], [0.1, 0.1, 0.2], [1, 1, 8], runs=5, key=jax.random.key(0)).shape
    (5, 4)
    """
    rates, sizes = _check_rates("learning_rates", learning_rates), np.asarray(batch_sizes)
    if rates.ndim != 1 or sizes.shape != rates.shape:
        raise ValueError(
            f"batch_sizes has shape {sizes.shape}, learning_rates {rates.shape}; pass one entry a step"
        )
    for size in np.unique(sizes):
        check_count("batch_sizes", size)
    edges = [0, *(np.flatnonzero(np.diff(sizes)) + 1).tolist(), len(sizes)]
    risks, errors = [], None
    for begin, end in itertools.pairwise(edges):
        stage = simulate(
            problem, start_error, rates[begin:end, None], sizes[begin], runs, key, errors=errors, begin=begin
        )
        errors = stage.errors
        risks.append(stage.risks if begin == 0 else stage.risks[1:])
    return _arrange(jnp.concatenate(risks), 0.0)


def tail_average(problem, start_error, learning_rate, batch_size, steps, tail, runs, *, key):
    """Excess risk of the mean of the last `tail` iterates of `sgd`, w_{steps - tail + 1}, ..., w_steps.

    tail: a whole number from 1 (the last iterate) to steps. Other arguments and errors as for `sgd`.
    Returns excess risks, shape (runs,), or (rates, runs) for an array of rates.

    >>> import jax
    >>> from lecturelib import least_squares as ls
    >>> tail_average(ls.gaussian([1.0]), [1.0], 0.1, 4, steps=8, tail=4, runs=5, key=jax.random.key(0)).shape
    (5,)
    """
    rates = _constant(learning_rate, steps)
    if check_count("tail", tail) > len(rates):
        raise ValueError(f"tail = {tail} is more than steps = {steps}; average at most all iterates")
    weights = np.where(np.arange(1, len(rates) + 1) > len(rates) - tail, 1.0 / tail, 0.0)
    averaged = simulate(problem, start_error, rates, batch_size, runs, key, weights=weights).averaged
    return _arrange(averaged[None], learning_rate)[..., 0]


def local_sgd(problem, start_error, learning_rate, batch_size, machines, sync_every, steps, runs, *, key):
    """Excess risk of the mean of machines that run SGD apart and average weights every `sync_every` steps.

    batch_size: of each machine. machines, sync_every: whole numbers, 1 or more; sync_every = steps averages
    once, at the end. Other arguments and errors as for `sgd`. Returns the risk of the mean weights after 0,
    1, ..., steps steps, shape (runs, steps + 1), or (rates, runs, steps + 1) for an array of rates.

    >>> import jax
    >>> from lecturelib import least_squares as ls
    >>> local_sgd(ls.gaussian([1.0]), [1.0], 0.1, 4, machines=2, sync_every=3, steps=8, runs=5,
    ...           key=jax.random.key(0)).shape
    (5, 9)
    """
    rates, together = _constant(learning_rate, steps), check_count("sync_every", sync_every)
    machines = check_count("machines", machines)
    found = simulate(
        problem, start_error, rates, batch_size, runs, key, machines=machines, sync_every=together
    )
    return _arrange(found.risks, learning_rate)


def _arrange(curves, learning_rate):
    """From (steps, runs, rates) to (rates, runs, steps), or (runs, steps) for one rate."""
    curves = jnp.moveaxis(curves, 0, -1).swapaxes(0, 1)
    return curves[0] if np.ndim(learning_rate) == 0 else curves


def _constant(learning_rate, steps):
    rates = _check_rates("learning_rate", learning_rate)
    if rates.ndim > 1:
        raise ValueError(f"learning_rate has shape {rates.shape}; pass a number or a one-dimensional array")
    return np.broadcast_to(np.atleast_1d(rates), (check_count("steps", steps), rates.size))


def _check_rates(name, value):
    rates = np.asarray(value, dtype=np.float64)
    if rates.size == 0 or not np.all(np.isfinite(rates)) or np.any(rates < 0.0):
        raise ValueError(f"{name} = {value!r} is refused; pass finite numbers, none of them negative")
    return rates
