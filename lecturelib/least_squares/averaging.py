"""Averaging, exactly: the mean of the last iterates, and the mean of machines that run SGD apart (local SGD).

Both rest on one fact: given the present, the next error has mean (1 - eta H) Delta. So the products of errors
that share no batch shrink by 1 - eta H alone, and only the moments of one chain feel the noise.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from lecturelib.checks import check_array, check_count, check_nonnegative
from lecturelib.least_squares.problems import Problem, State, check_batch_size, check_diagonal, inf_beyond
from lecturelib.least_squares.stability import max_learning_rate


def tail_averaged_risk(
    problem: Problem,
    start_error: ArrayLike,
    learning_rate: ArrayLike,
    batch_size: ArrayLike,
    steps: int,
    tail: int,
) -> float:
    """Expected excess risk of the mean of the last `tail` iterates, ``w_(steps - tail + 1), ..., w_steps``.

    ::

        S = the sum of the tail so far
        c = E S Delta',     c  ->  (1 - eta H) c + Phi
        q = E S S',         q  ->  q + 2 (1 - eta H) c + Phi              (diagonals)

    Args:
        problem: from `least_squares`.
        start_error: w_0 - w*, shape (d,).
        learning_rate: a number, or an array with one entry a step, shape (steps,), none negative.
        batch_size: likewise, whole numbers >= 1 or math.inf.
        steps: whole number >= 1; one pass over them.
        tail: whole number from 1 (the last iterate) to steps.

    Returns:
        The excess risk; inf past the range of float64.

    Raises:
        ValueError: an argument out of range, or of another shape.

    >>> from lecturelib import least_squares as ls, schemes
    >>> problem = ls.gaussian([1.0, 0.5], noise_variance=1.0)
    >>> print(round(schemes.tail_averaged_risk(problem, [1.0, 1.0], 0.1, 4, steps=100, tail=50), 6))
    0.003942

    Source: Polyak and Juditsky (1992); the recursion follows from the sentence at the top of this file.
    """
    state, steps = problem.start(start_error), check_count("steps", steps)
    if check_count("tail", tail) > steps:
        raise ValueError(f"tail = {tail} is more than steps = {steps}; average at most all iterates")
    rates, sizes = check_schedule(problem, learning_rate, batch_size, steps)
    sum_with_last = np.zeros_like(problem.eigenvalues)
    squared_sum = np.zeros_like(problem.eigenvalues)
    with np.errstate(over="ignore", invalid="ignore"):  # past the largest stable rate
        for step, (rate, size) in enumerate(zip(rates, sizes, strict=True), start=1):
            state = problem.step(state, rate, size)
            if step > steps - tail:
                diagonal = problem.diagonal(state.second)
                past = (1.0 - rate * problem.eigenvalues) * sum_with_last
                sum_with_last = past + diagonal
                squared_sum = squared_sum + 2.0 * past + diagonal
        return float(inf_beyond(0.5 * (problem.eigenvalues @ squared_sum) / tail**2))


def local_sgd_risk(
    problem: Problem,
    start_error: ArrayLike,
    learning_rate: ArrayLike,
    batch_size: ArrayLike,
    machines: int,
    sync_every: int,
    steps: int,
) -> float:
    """Expected excess risk of the mean of K machines that average their weights every `sync_every` steps.

    ::

        one machine:   Phi  ->  T_b Phi + noise
        two:           X = E Delta_1 Delta_2'  ->  (1 - eta H) X (1 - eta H)
        averaging:     Phi, X  ->  (Phi + (K - 1) X) / K
        risk of the mean:      1/2 tr H (Phi + (K - 1) X) / K

    Args:
        problem: from `least_squares`.
        start_error: w_0 - w*, shape (d,).
        learning_rate: a number, or an array with one entry a step, shape (steps,), none negative.
        batch_size: of each machine; likewise, whole numbers >= 1 or math.inf.
        machines: K, whole number >= 1.
        sync_every: whole number >= 1; steps or more averages once, at the end (one-shot), and steps after the
            last full round are averaged at the end too.
        steps: whole number >= 1.

    Returns:
        The excess risk; inf past the range of float64.

    Raises:
        ValueError: an argument out of range, or of another shape.

    >>> from lecturelib import least_squares as ls, schemes
    >>> problem = ls.gaussian([1.0] * 50, noise_variance=1.0)
    >>> risk = schemes.local_sgd_risk(problem, [1.0] * 50, 0.03, 1, machines=8, sync_every=20, steps=400)
    >>> print(round(risk, 8))
    0.07704221

    Source: Stich, "Local SGD converges fast and communicates little" (2019), algorithm 1; exact for least
    squares.
    """
    state = problem.start(start_error)
    machines, sync_every = check_count("machines", machines), check_count("sync_every", sync_every)
    steps = check_count("steps", steps)
    rates, sizes = check_schedule(problem, learning_rate, batch_size, steps)
    shared = state.second

    def together(second: np.ndarray) -> np.ndarray:
        return (second + (machines - 1) * shared) / machines

    with np.errstate(over="ignore", invalid="ignore"):
        for step, (rate, size) in enumerate(zip(rates, sizes, strict=True), start=1):
            state = problem.step(state, rate, size)
            shared = problem.contract(shared, rate)
            if step % sync_every == 0:
                shared = together(state.second)
                state = State(state.mean, shared)
        return float(inf_beyond(problem.risk(State(state.mean, together(state.second)))))


def local_sgd_max_learning_rate(problem: Problem, batch_size: int, machines: int, sync_every: int) -> float:
    """Largest rate at which local SGD is stable in mean square, for an isotropic problem, H = l.

    ::

        1/K g^tau + (1 - 1/K) (1 - eta l)^(2 tau) = 1,      g = 1 - 2 eta l + (eta l)^2 (1 + r / b)

    with r = `isotropic(problem)[1]`. tau = 1 gives the rate of one machine with batch K b, tau -> infinity
    that of batch b: only synchronising raises the rate.

    Args:
        problem: gaussian or one_hot with equal eigenvalues.
        batch_size: b, whole number >= 1.
        machines: K, whole number >= 1.
        sync_every: tau, whole number >= 1.

    Raises:
        ValueError: another problem; a number out of range.

    >>> from lecturelib import least_squares as ls, schemes
    >>> problem = ls.gaussian([1.0] * 50)
    >>> [round(schemes.local_sgd_max_learning_rate(problem, 1, 8, tau), 8) for tau in (1, 20, 1000)]
    [0.27118644, 0.06843192, 0.0394756]
    """
    eigenvalue, feedback = isotropic(problem)
    machines, sync_every = check_count("machines", machines), check_count("sync_every", sync_every)
    lowest = max_learning_rate(problem, batch_size)
    highest = max_learning_rate(problem, machines * batch_size)

    def log_multiplier(rate: float) -> float:  # in logarithms, because g^tau overflows
        shrink = 1.0 - rate * eigenvalue
        own = shrink**2 + (rate * eigenvalue) ** 2 * feedback / batch_size
        apart = math.log(1.0 - 1.0 / machines) + 2 * sync_every * math.log(max(abs(shrink), 1e-300))
        return float(np.logaddexp(sync_every * math.log(own) - math.log(machines), apart))

    if machines == 1 or sync_every == 1:
        return highest
    return float(brentq(log_multiplier, lowest, highest, xtol=1e-15, rtol=1e-14))


def isotropic(problem: Problem) -> tuple[float, float]:
    """(l, r) of an isotropic problem: H = l, E[xx' xx'] = l^2 (1 + r).

    Gaussian features have r = d + 1, one-hot features d - 1. Here ``P = E |Delta|^2`` needs no other moment::

        P  ->  P (1 - 2 eta l + (eta l)^2 (1 + r / b)) + eta^2 s^2 d l / b

    Args:
        problem: from `gaussian` or `one_hot`, all eigenvalues equal.

    Raises:
        ValueError: another problem.

    >>> from lecturelib import least_squares as ls, schemes
    >>> schemes.isotropic(ls.gaussian([2.0] * 50))
    (2.0, 51.0)
    """
    check_diagonal(problem)
    eigenvalue = float(problem.eigenvalues[0])
    if np.ptp(problem.eigenvalues) > 1e-12 * eigenvalue:
        raise ValueError(
            f"problem has eigenvalues from {problem.eigenvalues.min():g} to {problem.eigenvalues.max():g};"
            " pass one with all eigenvalues equal"
        )
    fourth = problem.norm_constant() / eigenvalue  # E[|x|^2 xx'] = R^2 H, an equality here
    return eigenvalue, fourth - 1.0


def check_schedule(
    problem: Problem, learning_rates: ArrayLike, batch_sizes: ArrayLike, steps: int
) -> tuple[list[float], list[float]]:
    """Rates and batch sizes as lists, one entry a step, from numbers or arrays, or ValueError."""
    if np.ndim(learning_rates) == 0:
        rates = np.full(steps, check_nonnegative("learning_rate", learning_rates))
    else:
        rates = check_array("learning_rates", learning_rates, 1, at_least=0.0)
    if np.ndim(batch_sizes) == 0:
        sizes = np.full(steps, check_batch_size(problem, batch_sizes), dtype=np.float64)
    else:
        sizes = np.asarray(batch_sizes, dtype=np.float64)
    for name, values in (("learning_rates", rates), ("batch_sizes", sizes)):
        if values.shape != (steps,):
            raise ValueError(f"{name} has shape {values.shape}; pass one entry a step, shape ({steps},)")
    for size in np.unique(sizes):
        check_batch_size(problem, float(size))
    return rates.tolist(), sizes.tolist()
