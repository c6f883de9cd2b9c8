"""Asynchronous SGD, simulated: gradients that arrive late, updates that get lost; the same on every machine.

::

    Delta_(t+1) = Delta_t - eta g(Delta_(t-k)),    g(Delta) = 1/b sum_i x_i (x_i'Delta - e_i)

Delta = w - w* is the error, k the delay: how many updates were made between the reading of the weights and
the writing of the update. Real threads have delays and losses that depend on the machine and its load; here
both are given, so that they can be held against theory. Before the first step the weights stood still.

Two ways to lose an update, coordinate by coordinate, each with a given probability::

    dropped       the write never happens
    overwritten   the writer had loaded the coordinate before the update just before, which it wipes out:
                  Delta_(t+1) = Delta_(t-1) - eta g. It writes only the coordinates of its own gradient that
                  are not zero, so sparse updates seldom meet

`one_run` is the plain loop. `sgd` is the same for many runs at once, compiled, and keeps no more of the past
than the longest delay needs: the last errors of every run stand in a ring.

Source: F. Niu, B. Recht, C. Ré, S. Wright, Hogwild!: a lock-free approach to parallelizing stochastic
gradient descent, NeurIPS 24 (2011): the update of a thread uses weights at most tau updates old.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lecturelib import checks
from lecturelib.least_squares import draws
from lecturelib.least_squares.draws import check_key
from lecturelib.least_squares.sampling import checked_sampler, sampler_of
from lecturelib.least_squares.scan import step_keys

WAYS = ("dropped", "overwritten")
PLACES = 32  # in the ring of past errors, or a multiple: delays with the same ring share a compiled program


def one_run(
    problem: Any,
    start_error: ArrayLike,
    learning_rate: float,
    batch_size: int,
    steps: int,
    *,
    delay: ArrayLike,
    lost: float = 0.0,
    way: str = "dropped",
    key: jax.Array,
    run: int = 0,
) -> np.ndarray:
    """The loop that `sgd` equals, run by run, as one would write it: slow, and it keeps the whole path.

    Its arguments and errors are those of `sgd`; `run` counts from 0, and says which row of the result of
    `sgd` this is.

    Returns:
        Excess risk after 0, 1, ..., steps updates, shape (steps + 1,).

    Example:
        >>> import jax
        >>> from lecturelib import least_squares as ls
        >>> from lecturelib.hogwild import delayed
        >>> risks = delayed.one_run(ls.one_hot([1.0]), [1.0], 0.5, 1, 3, delay=1, key=jax.random.key(0))
        >>> risks.tolist()
        [0.5, 0.125, 0.0, 0.03125]
    """
    sampler, ages, worker = checked_sampler(problem, batch_size), _ages(delay), jnp.array([run])
    path = [_start(sampler, start_error)]

    @jax.jit
    def draw(step: int) -> Any:  # its batch, and the random numbers that decide its delay and its losses
        key_batch, key_delay, key_lost = jax.random.split(jax.random.fold_in(key, step), 3)
        drawn = sampler.draw(key_batch, worker, batch_size), _uniform(key_delay, worker, ())
        return jax.tree.map(lambda of: of[0], (*drawn, _uniform(key_lost, worker, path[0].shape)))

    for step in range(steps):
        batch, chance, chances = draw(step)
        age = int(jnp.searchsorted(ages, chance, side="right"))
        stale = path[max(step - age, 0)]
        gradient = sampler.gradient(batch, stale[:, None])[:, 0]
        gone = (chances < lost) & (gradient != 0.0)
        if way == "dropped":
            path.append(jnp.where(gone, path[step], path[step] - learning_rate * gradient))
        else:
            path.append(jnp.where(gone, path[max(step - 1, 0)], path[step]) - learning_rate * gradient)
    return np.array([sampler.inner(errors[:, None], errors[:, None])[0] for errors in path])


def sgd(
    problem: Any,
    start_error: ArrayLike,
    learning_rate: float,
    batch_size: int,
    steps: int,
    runs: int,
    *,
    delay: ArrayLike,
    lost: float = 0.0,
    way: str = "dropped",
    key: jax.Array,
) -> jax.Array:
    """Excess risk of SGD with delayed gradients after 0, 1, ..., steps updates, for independent runs.

    Args:
        problem: as for `simulate.sgd`, whose law delay=0 has.
        start_error: w_0 - w*, shape (d,).
        learning_rate: a number >= 0.
        batch_size: examples in the mean of a gradient, 1 or more.
        steps: updates, 1 or more.
        runs: how many, 1 or more.
        delay: in steps, a whole number >= 0; or the probabilities of the delays 0, 1, ..., from which each
            step draws its own.
        lost: probability in [0, 1] that a coordinate's update gets lost.
        way: "dropped" or "overwritten", see the head of this module.
        key: from `jax.random.key`.

    Returns:
        Excess risks, shape (runs, steps + 1). A run past the largest stable rate ends in inf or nan.

    Raises:
        ValueError: an argument is none of these, or the batch is larger than the data without replacement.

    Example:
        >>> import jax
        >>> from lecturelib import least_squares as ls
        >>> from lecturelib.hogwild import delayed
        >>> risks = delayed.sgd(ls.gaussian([1.0, 0.5]), [1.0, 1.0], 0.1, 4, steps=10, runs=3, delay=2,
        ...                     key=jax.random.key(0))
        >>> risks.shape, float(risks[0, 0])
        ((3, 11), 0.75)
    """
    sizes = {"batch_size": batch_size, "steps": steps, "runs": runs}
    sizes = {name: checks.check_count(name, size) for name, size in sizes.items()}
    sampler = checked_sampler(problem, sizes["batch_size"])
    check_key(key)
    checks.check_choice("way", way, WAYS)
    start, ages = _start(sampler, start_error), _ages(delay)
    rate = _number(checks.check_nonnegative("learning_rate", learning_rate))
    chance = _number(checks.check_between("lost", lost, 0.0, 1.0))
    return _run(sampler, start, rate, ages, chance, key, **sizes, way=way if lost > 0 else None)


def gradient_descent(
    problem: Any, start_error: ArrayLike, learning_rate: float, steps: int, *, delay: int
) -> jax.Array:
    """Excess risk of gradient descent with delayed gradients, without any noise.

    ::

        Delta_(t+1) = Delta_t - eta H Delta_(t-delay)

    Stable for eta * max eigenvalue < 2 sin(pi / (2 (2 delay + 1))), as
    `least_squares.max_learning_rate(problem, math.inf, delay)` knows.

    Its arguments and errors are those of `sgd`, but that the delay is one whole number.

    Returns:
        Excess risk after 0, 1, ..., steps updates, shape (steps + 1,).

    Example:
        >>> from lecturelib import least_squares as ls
        >>> from lecturelib.hogwild import delayed
        >>> risks = delayed.gradient_descent(ls.gaussian([1.0]), [1.0], 0.5, 3, delay=1)
        >>> [round(float(risk), 5) for risk in risks]
        [0.5, 0.125, 0.0, 0.03125]
    """
    steps, delay = checks.check_count("steps", steps), checks.check_count("delay", delay, at_least=0)
    sampler = sampler_of(problem)
    rate = _number(checks.check_nonnegative("learning_rate", learning_rate))
    return _descend(sampler, _start(sampler, start_error), rate, delay, steps=steps, window=_places(delay))


@functools.partial(jax.jit, static_argnames=("batch_size", "steps", "runs", "way"))
def _run(
    sampler: Any,
    start: jax.Array,
    rate: jax.Array,
    ages: jax.Array,
    lost: jax.Array,
    key: jax.Array,
    *,
    batch_size: int,
    steps: int,
    runs: int,
    way: str | None,
) -> jax.Array:
    """The scan. The last `window` errors of every run stand in a ring, those of step t at t % window."""
    window, workers = len(ages), jnp.arange(runs)
    ring = jnp.broadcast_to(start[None, None, :], (window, runs, len(start)))

    def risks(errors: jax.Array) -> jax.Array:
        columns = errors[:, :, None]
        return jax.vmap(sampler.inner)(columns, columns)[:, 0]

    def step(ring: jax.Array, number: jax.Array) -> tuple[jax.Array, jax.Array]:
        key_batch, key_delay, key_lost = jax.random.split(step_keys(key, number[None])[0], 3)
        age = jnp.searchsorted(ages, _uniform(key_delay, workers, ()), side="right")
        base = ring[number % window]
        stale = ring[(number - age) % window, workers]
        batch = sampler.draw(key_batch, workers, batch_size)
        gradient = jax.vmap(sampler.gradient)(batch, stale[:, :, None])[..., 0]
        if way is not None:
            gone = _uniform(key_lost, workers, (len(start),)) < lost
            if way == "dropped":
                gradient = jnp.where(gone, 0.0, gradient)
            else:
                base = jnp.where(gone & (gradient != 0.0), ring[(number - 1) % window], base)
        errors = base - rate * gradient
        return ring.at[(number + 1) % window].set(errors), risks(errors)

    curve = jax.lax.scan(step, ring, jnp.arange(steps))[1]
    return jnp.concatenate([risks(ring[0])[None], curve]).T


@functools.partial(jax.jit, static_argnames=("steps", "window"))
def _descend(
    sampler: Any, start: jax.Array, rate: jax.Array, delay: int, *, steps: int, window: int
) -> jax.Array:
    def risk(errors: jax.Array) -> jax.Array:
        return sampler.inner(errors[:, None], errors[:, None])[0]

    def step(ring: jax.Array, number: jax.Array) -> tuple[jax.Array, jax.Array]:
        # The gradient of 1/2 Delta'H Delta is H Delta.
        gradient = jax.grad(risk)(ring[(number - delay) % window])
        errors = ring[number % window] - rate * gradient
        return ring.at[(number + 1) % window].set(errors), risk(errors)

    ring = jnp.broadcast_to(start[None, :], (window, len(start)))
    return jnp.append(risk(start), jax.lax.scan(step, ring, jnp.arange(steps))[1])


def _uniform(key: jax.Array, workers: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    numbers = draws.uniform(key, workers, shape or (1,), jnp.result_type(float))
    return numbers.reshape(len(workers), *shape)


def _start(sampler: Any, start_error: ArrayLike) -> jax.Array:
    return _number(checks.check_array("start_error", start_error, 1, sampler.dimension))


def _ages(delay: ArrayLike) -> jax.Array:
    """Probabilities that a delay is at most 0, 1, ...; filled up with ones to a multiple of PLACES."""
    if np.ndim(delay) == 0:
        chances = np.bincount([checks.check_count("delay", delay, at_least=0)])
    else:
        chances = checks.check_distribution("delay", delay)
    missing = _places(len(chances) - 1) - (len(chances) - 1)
    return _number(np.pad(np.cumsum(chances)[:-1], (0, missing), constant_values=1))


def _number(value: ArrayLike) -> jax.Array:
    return jnp.asarray(value, dtype=float)


def _places(delay: int) -> int:
    return PLACES * (delay // PLACES + 1)
