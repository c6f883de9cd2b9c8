"""A fair comparison of optimization methods: each at its own best learning rate, chosen on other seeds.

A method is judged in two rounds. The first trains it with every rate of a grid on a few seeds, and the best
rate must lie inside the grid. The second trains it at that rate on fresh seeds. A seed fixes the initial
weights and an endless stream of examples, drawn uniformly with replacement: every method and every rate see
the same examples in the same order, so that methods can be compared seed by seed.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lecturelib.checks import check_count
from lecturelib.grid import BestRate
from lecturelib.mlp import draw_batches
from lecturelib.spread import spread


@dataclass(frozen=True, eq=False)
class Problem:
    """What is trained: a loss, where to start, and data.

    Attributes:
        loss_and_error: from (params, batch) to the mean loss over the batch and the fraction misclassified;
            a module's function, say, not a new one each time, or it is compiled again.
        start: from a seed to the initial params, a tree of float arrays.
        train, test: trees of arrays with one row an example; test is measured in full.
    """

    loss_and_error: Callable
    start: Callable[[int], Any]
    train: Any
    test: Any


@dataclass(frozen=True, eq=False)
class Runs:
    """What came of training: arrays of shape (rates, seeds).

    Attributes:
        learning_rates: shape (rates,). seeds: shape (seeds,).
        stream_loss: mean over the run of the loss of every batch just before it was learned from.
        late_loss: the same over the last fifth of the run. test_loss: at the end. test_error: at the end.
    """

    learning_rates: np.ndarray
    seeds: np.ndarray
    stream_loss: np.ndarray
    late_loss: np.ndarray
    test_loss: np.ndarray
    test_error: np.ndarray

    def best(self, measure: str) -> BestRate:
        """The rate whose `measure` is lowest in the mean over the seeds; a loss that overflowed never is.

        Raises:
            ValueError: no rate came through, or no such measure.
        """
        if measure not in ("stream_loss", "late_loss", "test_loss", "test_error"):
            raise ValueError(f"measure is {measure!r}: use stream_loss, late_loss, test_loss or test_error")
        score = getattr(self, measure).mean(axis=1)
        if not np.isfinite(score).any():
            raise ValueError(
                f"learning_rates is {self.learning_rates.tolist()}: none came through; use smaller ones"
            )
        index = int(np.nanargmin(score))
        return BestRate(index, float(self.learning_rates[index]), index in (0, len(score) - 1))


def train(
    problem: Problem,
    method: Callable,
    learning_rates: Sequence[float],
    seeds: Sequence[int],
    *,
    steps: int,
    batch_size: int,
) -> Runs:
    """Train with every learning rate and every seed.

    Args:
        problem: what.
        method: from a learning rate to an `optax.GradientTransformation`, as `adaptive.adam` or `optax.sgd`.
        learning_rates: increasing, positive. seeds: different integers, 0 or more.
        steps: updates of a run. batch_size: examples an update; the gradient is the mean over them.

    Raises:
        ValueError: arguments that are not as said, before anything is compiled.

    >>> def loss_and_error(w, batch):
    ...     return jnp.mean((batch - w) ** 2) / 2, jnp.float32(0)
    >>> numbers = np.linspace(0, 2, 100, dtype=np.float32)
    >>> problem = Problem(loss_and_error, start=lambda seed: np.float32(5), train=numbers, test=numbers)
    >>> runs = train(problem, optax.sgd, [0.001, 0.1], [0, 1, 2], steps=100, batch_size=10)
    >>> runs.test_loss.shape, runs.best("test_loss").learning_rate
    ((2, 3), 0.1)
    """
    rates = np.array(learning_rates, dtype=float)
    increasing = rates.ndim == 1 and rates.size > 0 and (np.diff(rates) > 0).all()
    if not increasing or not (rates > 0).all() or not np.isfinite(rates).all():
        raise ValueError(f"learning_rates is {learning_rates!r}: pass finite positive rates, increasing")
    seeds = [check_count("a seed", seed, at_least=0) for seed in seeds]
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds is {seeds}: pass at least one, all different")
    steps, batch_size = check_count("steps", steps), check_count("batch_size", batch_size)
    rows = {len(leaf) for leaf in jax.tree.leaves(problem.train)}
    if len(rows) != 1:
        raise ValueError(f"problem.train has arrays of {sorted(rows)} rows: pass arrays of as many rows")
    (rows,) = rows
    streams = [(problem.start(seed), draw_batches(rows, steps, batch_size, seed=seed)) for seed in seeds]
    runs = [(*stream, np.float32(rate)) for rate in rates for stream in streams]
    program = _program(method, problem.loss_and_error)
    results = spread(program, (problem.train, problem.test), runs)
    measured = np.array(results, dtype=float).reshape(len(rates), len(seeds), 4)
    return Runs(rates, np.array(seeds), *np.moveaxis(measured, -1, 0))


@functools.cache
def _program(method, loss_and_error):
    """One training, from start to the four numbers of Runs; kept, so that a second round compiles nothing."""

    def train_one(train, test, start, batches, learning_rate):
        optimizer = method(learning_rate)

        def step(carry, chosen):
            params, state = carry
            batch = jax.tree.map(lambda leaf: leaf[chosen], train)
            loss, gradient = jax.value_and_grad(lambda params: loss_and_error(params, batch)[0])(params)
            change, state = optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, change), state), loss

        (params, _), losses = jax.lax.scan(step, (start, optimizer.init(start)), batches)
        late = losses[-max(1, len(losses) // 5) :]
        return jnp.stack([losses.mean(), late.mean(), *loss_and_error(params, test)])

    return train_one
