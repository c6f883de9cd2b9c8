"""The largest stable learning rate of mini-batch SGD, for every problem, batch size and delay: an eigenvalue.

SGD is stable in mean square when ``E |w_t - w*|^2`` stays bounded. One step of the second moment is ::

    Phi  ->  Phi - eta L Phi + eta^2 M_b Phi,     L Phi = H Phi + Phi H,     M_b = c_b M + (1 - c_b) H . H

with M Phi = E[xx' Phi xx']. L and M_b are self-adjoint and positive, and stability ends exactly at ::

    1 / eta_max(b) = lambda_max( L^(-1/2) M_b L^(-1/2) )

For Gaussian and one-hot features diagonal matrices suffice, and this is a diagonal matrix plus a matrix of
rank one: its top eigenvalue is the root of the secular equation, found for all batch sizes at once.
"""

import math
from collections.abc import Sequence
from typing import overload

import numpy as np

from lecturelib.checks import check_count
from lecturelib.least_squares.momentum import check_momentum, largest_rate
from lecturelib.least_squares.problems import Problem, check_batch_size


@overload
def max_learning_rate(
    problem: Problem, batch_size: float, delay: int = 0, *, momentum: float = 0.0, nesterov: bool = False
) -> float: ...
@overload
def max_learning_rate(
    problem: Problem,
    batch_size: Sequence[float] | np.ndarray,
    delay: int = 0,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> np.ndarray: ...
def max_learning_rate(
    problem: Problem,
    batch_size: float | Sequence[float] | np.ndarray,
    delay: int = 0,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> float | np.ndarray:
    """The learning rate beyond which the second moment of the error grows without bound.

    ::

        Gaussian: sum_i eta l_i / (2 b - (b + 1) eta l_i) = 1     (isotropic: 2 b / (l (b + d + 1)))
        one-hot:  2 b / (1 + (b - 1) max p)                       b = inf: 2 / max l, gradient descent
        momentum, b = inf:  2 (1 + beta) / max l,  Nesterov 2 (1 + beta) / ((1 + 2 beta) max l)

    Args:
        problem: from `gaussian`, `one_hot` or `finite_sample`.
        batch_size: whole number >= 1, math.inf, or an array of them.
        delay: age of the gradient applied in steps, ``w_(t+1) = w_t - eta g(w_(t-delay))``; no data sets.
        momentum: beta, the share of the velocity kept at a step, 0 to below 1: ``v' = beta v - eta g(w)``,
            ``w' = w + v'`` (heavy ball).
        nesterov: take the gradient at w + beta v instead.

    Returns:
        A float, or an array of the shape of batch_size, in units of 1 / eigenvalue. Closed forms are good to
        about 1e-14 relative, a data set to 1e-10.

    Raises:
        ValueError: an impossible batch size; a delay that is negative, with a data set, or with momentum; a
            momentum out of range.

    >>> from lecturelib import least_squares as ls
    >>> print(ls.max_learning_rate(ls.gaussian([1.0] * 50), [1, 64, float("inf")]).round(6))
    [0.038462 1.113043 2.      ]
    >>> print(ls.max_learning_rate(ls.gaussian([1.0] * 50), [1, 64, float("inf")], momentum=0.9).round(6))
    [0.003918 0.235431 3.8     ]

    Source: Ma, Bassily, Belkin, "The power of interpolation" (2018), and Jain et al., "Parallelizing
    stochastic gradient descent" (2018), give bounds; the equations above are exact. Momentum: `momentum.py`.
    """
    if not np.size(batch_size):
        raise ValueError("batch_size is empty; pass whole numbers, 1 or more, or math.inf")
    delay = check_count("delay", delay, at_least=0)
    scalar = np.ndim(batch_size) == 0
    sizes = [batch_size] if scalar else np.ravel(np.asarray(batch_size)).tolist()
    factors = np.array([problem.noise_factor(check_batch_size(problem, size)) for size in sizes])
    if velocity := check_momentum(momentum, nesterov):
        if delay:
            raise ValueError(f"delay = {delay} with momentum = {momentum} is refused; pass one of them as 0")
        rates = np.array([largest_rate(problem, factor, velocity) for factor in factors])
    elif delay:
        rates = np.array([problem.delayed_rate(factor, delay) for factor in factors])
    else:
        rates = 1.0 / problem.pencil_tops(factors)
    return float(rates[0]) if scalar else rates.reshape(np.shape(batch_size))


def critical_batch_size(problem: Problem) -> float:
    """How many examples a batch can hold before the stable learning rate stops growing in proportion.

    ::

        b_c = eta_max(inf) / eta_max(1)
        b eta_max(1) / (1 + (b-1) / b_c)  <=  eta_max(b)  <=  min(b eta_max(1), eta_max(inf))

    The lower bound is an equality for isotropic Gaussian (b_c = d + 2) and for one-hot features (1 / max p).
    With sampling without replacement the bounds hold with 1 / c_b for b.

    Args:
        problem: as for `max_learning_rate`.

    Returns:
        b_c, in examples.

    >>> from lecturelib import least_squares as ls
    >>> print(round(ls.critical_batch_size(ls.gaussian([1.0] * 50)), 10))
    52.0

    Source: the lemma of the lecture, made exact; other definitions are in `critical_batch.py`.
    """
    first, last = max_learning_rate(problem, [1, math.inf])
    return float(last / first)


def top_of_diagonal_plus_rank_one(diagonal: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Largest eigenvalue of diag(diagonal) + v v', squares = v^2, for each row of two (k, d) arrays.

    The squares of a row are all positive, or all zero. The eigenvalue exceeds the largest diagonal entry by
    the root u of ::

        sum_i v_i^2 / (u + gap_i) = 1

    One over that sum is increasing and concave in u, so Newton's method started below the root climbs to it
    and never passes it; every term is positive, so the root keeps its relative accuracy however small it is.
    """
    top = np.max(diagonal, axis=1)
    gaps = top[:, None] - diagonal
    mass = np.sum(squares, axis=1)
    root = np.maximum(np.max(np.where(gaps == 0.0, squares, 0.0), axis=1), mass - np.max(gaps, axis=1))
    climbing = mass > 0.0
    while np.any(climbing):
        distance = root[climbing, None] + gaps[climbing]
        ratio = squares[climbing] / distance
        total = np.sum(ratio, axis=1)
        new = root[climbing] + total * (total - 1.0) / np.sum(ratio / distance, axis=1)
        moved = new > root[climbing] * (1.0 + 4e-16)
        root[climbing] = np.maximum(new, root[climbing])
        climbing[climbing] = moved
    return top + root


def delay_slowing(q: np.ndarray, delay: int) -> np.ndarray:
    """The factor s by which a delay turns the 2 of the stability condition into 2 s; q = eta * eigenvalue.

    s = cos(pi/4 + (2 delay - 1) theta/4) / cos(pi/4 - (2 delay + 1) theta/4),     q = 2 sin(theta / 2)
    """
    theta = 2.0 * np.arcsin(0.5 * q)
    above = np.cos(math.pi / 4 + (2 * delay - 1) * theta / 4)
    return above / np.cos(math.pi / 4 - (2 * delay + 1) * theta / 4)
