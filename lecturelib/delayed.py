"""Asynchronous SGD, simulated: gradients that arrive late, updates that get lost; the same on every machine.

    Delta_(t+1) = Delta_t - eta g(Delta_(t-k)),    g(Delta) = 1/b sum_i x_i (x_i'Delta - e_i)

Delta = w - w* is the error, k the delay: how many updates were made between the reading of the weights and
the writing of the update. Real threads have delays and losses that depend on the machine and its load; here
both are given, so that they can be held against theory. Before the first step the weights stood still.

Two ways to lose an update, coordinate by coordinate, each with a given probability:

    dropped       the write never happens
    overwritten   the writer had loaded the coordinate before the update just before, which it wipes out:
                  Delta_(t+1) = Delta_(t-1) - eta g. It writes only the coordinates of its own gradient that
                  are not zero, so sparse updates seldom meet

Source: F. Niu, B. Recht, C. Re, S. Wright, Hogwild!: a lock-free approach to parallelizing stochastic
gradient descent, NeurIPS 24 (2011): the update of a thread uses weights at most tau updates old.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from lecturelib import draws
from lecturelib.checks import check_count
from lecturelib.draws import check_key
from lecturelib.sampling import checked_sampler, sampler_of
from lecturelib.trajectory import step_keys

WAYS = ("dropped", "overwritten")
PLACES = 32  # in the ring of past errors, or a multiple: delays with the same ring share a compiled program


def sgd(
    problem,
    start_error,
    learning_rate,
    batch_size,
    steps,
    runs,
    *,
    delay,
    lost=0.0,
    way="dropped",
    key,
):
    """Excess risk of SGD with delayed gradients after 0, 1, ..., steps updates, for independent runs.

    problem, start_error, batch_size, steps, runs, key: as for `simulate.sgd`, whose law delay=0 has.
    learning_rate: a number >= 0. delay: steps, a whole number >= 0; or probabilities of the delays 0, 1,
    ..., from which each step draws its own. lost: probability in [0, 1] that a coordinate's update gets lost.
    way: "dropped" or "overwritten". Returns excess risks, shape (runs, steps + 1); a run past the largest
    stable rate ends in inf or nan. ValueError: anything else.

    >>> from lecturelib import least_squares as ls
    >>> risks = sgd(ls.gaussian([1.0, 0.5]), [1.0, 1.0], 0.1, 4, steps=10, runs=3, delay=2,
    ...             key=jax.random.key(0))
    >>> risks.shape, float(risks[0, 0])
    ((3, 11), 0.75)
    """
    batch_size, steps, runs = (
        check_count(name, value)
        for name, value in (("batch_size", batch_size), ("steps", steps), ("runs", runs))
    )
    sampler = checked_sampler(problem, batch_size)
    check_key(key)
    start, rate = _check_start(sampler, start_error), _check_rate(learning_rate)
    chances = _check_delay(delay)
    if way not in WAYS:
        raise ValueError(f"way = {way!r} is unknown; pass one of {', '.join(map(repr, WAYS))}")
    if not (np.ndim(lost) == 0 and 0.0 <= lost <= 1.0):
        raise ValueError(f"lost = {lost!r} is refused; pass a probability, 0 to 1")
    return _run(
        sampler,
        start,
        rate,
        jnp.asarray(np.append(np.cumsum(chances)[:-1], 1.0), dtype=float),
        jnp.asarray(lost, dtype=float),
        key,
        batch_size=batch_size,
        steps=steps,
        runs=runs,
        way=way if lost > 0 else None,
    )


def gradient_descent(problem, start_error, learning_rate, steps, *, delay):
    """Excess risk of gradient descent with delayed gradients, without any noise, shape (steps + 1,).

        Delta_(t+1) = Delta_t - eta H Delta_(t-delay)

    Arguments and errors as for `sgd`; delay is one whole number. Stable for eta * max eigenvalue <
    2 sin(pi / (2 (2 delay + 1))), as `least_squares.max_learning_rate(problem, math.inf, delay)` knows.

    >>> from lecturelib import least_squares as ls
    >>> [round(float(risk), 5) for risk in gradient_descent(ls.gaussian([1.0]), [1.0], 0.5, 3, delay=1)]
    [0.5, 0.125, 0.0, 0.03125]
    """
    steps, delay = check_count("steps", steps), check_count("delay", delay, at_least=0)
    sampler = sampler_of(problem)
    start, rate = _check_start(sampler, start_error), _check_rate(learning_rate)
    return _descend(sampler, start, rate, delay, steps=steps, window=_places(delay))


@functools.partial(jax.jit, static_argnames=("batch_size", "steps", "runs", "way"))
def _run(sampler, start, rate, cumulative, lost, key, *, batch_size, steps, runs, way):
    """The scan. The last `window` errors of every run stand in a ring, those of step t at t % window."""
    window, workers = len(cumulative), jnp.arange(runs)
    ring = jnp.broadcast_to(start[None, None, :], (window, runs, len(start)))

    def risks(errors):
        columns = errors[:, :, None]
        return jax.vmap(sampler.inner)(columns, columns)[:, 0]

    def step(ring, number):
        key_batch, key_delay, key_lost = jax.random.split(step_keys(key, number[None])[0], 3)
        age = jnp.searchsorted(cumulative, _uniform(key_delay, workers, ()), side="right")
        newest = ring[number % window]
        stale = ring[(number - age) % window, workers]
        batch = sampler.draw(key_batch, workers, batch_size)
        gradient = jax.vmap(sampler.gradient)(batch, stale[:, :, None])[..., 0]
        base = newest
        if way is not None:
            gone = _uniform(key_lost, workers, (len(start),)) < lost
            if way == "dropped":
                gradient = jnp.where(gone, 0.0, gradient)
            else:
                base = jnp.where(gone & (gradient != 0.0), ring[(number - 1) % window], newest)
        errors = base - rate * gradient
        return ring.at[(number + 1) % window].set(errors), risks(errors)

    curve = jax.lax.scan(step, ring, jnp.arange(steps))[1]
    return jnp.concatenate([risks(ring[0])[None], curve]).T


def _uniform(key, workers, shape):
    return draws.uniform(key, workers, shape or (1,), jnp.result_type(float)).reshape(len(workers), *shape)


@functools.partial(jax.jit, static_argnames=("steps", "window"))
def _descend(sampler, start, rate, delay, *, steps, window):
    def risk(errors):
        return sampler.inner(errors[:, None], errors[:, None])[0]

    def step(ring, number):
        # The gradient of 1/2 Delta'H Delta is H Delta.
        gradient = jax.grad(risk)(ring[(number - delay) % window])
        errors = ring[number % window] - rate * gradient
        return ring.at[(number + 1) % window].set(errors), risk(errors)

    ring = jnp.broadcast_to(start[None, :], (window, len(start)))
    return jnp.append(risk(start), jax.lax.scan(step, ring, jnp.arange(steps))[1])


def _check_start(sampler, start_error):
    start = np.asarray(start_error, dtype=np.float64)
    if start.shape != (sampler.dimension,) or not np.all(np.isfinite(start)):
        raise ValueError(
            f"start_error = {start_error!r} is refused;"
            f" pass w_0 - w*, finite, of shape ({sampler.dimension},)"
        )
    return jnp.asarray(start, dtype=float)


def _check_rate(learning_rate):
    if np.ndim(learning_rate) != 0 or not (math.isfinite(learning_rate) and learning_rate >= 0):
        raise ValueError(f"learning_rate = {learning_rate!r} is refused; pass a finite number, 0 or more")
    return jnp.asarray(learning_rate, dtype=float)


def _check_delay(delay):
    """The probabilities of the delays 0, 1, ..., filled up with zeros to a multiple of PLACES."""
    if np.ndim(delay) == 0:
        longest = check_count("delay", delay, at_least=0)
        return np.eye(1, _places(longest), longest)[0]
    chances = np.asarray(delay, dtype=np.float64)
    if chances.ndim != 1 or not np.all(chances >= 0.0) or not abs(chances.sum() - 1.0) < 1e-9:
        raise ValueError(
            f"delay = {delay!r} is refused; pass a whole number, 0 or more, or the probabilities of 0, 1, ..."
        )
    return np.pad(chances, (0, _places(len(chances) - 1) - len(chances)))


def _places(delay):
    return PLACES * (delay // PLACES + 1)
