"""The largest stable learning rate of mini-batch SGD, for every problem, batch size and delay: an eigenvalue.

SGD is stable in mean square when E |w_t - w*|^2 stays bounded. Writing one step as Phi -> Phi - eta L Phi +
eta^2 M_b Phi with L Phi = H Phi + Phi H and M_b = c_b M + (1 - c_b) H . H, both self-adjoint and positive,
stability ends exactly at

    1 / eta_max(b) = lambda_max( L^(-1/2) M_b L^(-1/2) )

For Gaussian and one-hot features diagonal matrices suffice, and this is a diagonal matrix plus a matrix of
rank one: its top eigenvalue is the root of the secular equation, found for all batch sizes at once.
"""

import math

import numpy as np
from scipy.optimize import brentq

from lecturelib.checks import check_count
from lecturelib.theory.krylov import pencil_tops
from lecturelib.theory.problems import DiagonalProblem, check_batch_size


def max_learning_rate(problem, batch_size, delay=0):
    """The learning rate beyond which the second moment of the error grows without bound.

        Gaussian: sum_i eta l_i / (2 b - (b + 1) eta l_i) = 1     (isotropic: 2 b / (l (b + d + 1)))
        one-hot:  2 b / (1 + (b - 1) max p)                       b = inf: 2 / max l, gradient descent

    problem: from `gaussian`, `one_hot` or `finite_sample`. batch_size: whole number >= 1, math.inf, or an
    array of them. delay: age in steps of the gradient applied, w_(t+1) = w_t - eta g(w_(t-delay)); Gaussian
    and one-hot only. Returns a float, or an array of the shape of batch_size, in units of 1 / eigenvalue.
    Closed forms are good to about 1e-14 relative, a data set to 1e-10. ValueError: impossible batch size;
    delay negative, or with a data set.

    >>> from lecturelib.theory.problems import (gaussian)
    >>> print(max_learning_rate(gaussian([1.0] * 50), [1, 64, math.inf]).round(6))
    [0.038462 1.113043 2.      ]

    Source: Ma, Bassily, Belkin, "The power of interpolation" (2018), and Jain et al., "Parallelizing
    stochastic gradient descent" (2018), give bounds; the equations above are exact.
    """
    if not np.size(batch_size):
        raise ValueError("batch_size is empty; pass whole numbers, 1 or more, or math.inf")
    delay = check_count("delay", delay, at_least=0)
    scalar = np.ndim(batch_size) == 0
    sizes = [batch_size] if scalar else np.ravel(batch_size).tolist()
    factors = np.array([problem.noise_factor(check_batch_size(problem, size)) for size in sizes])
    if not isinstance(problem, DiagonalProblem):
        if delay:
            raise ValueError(
                f"delay = {delay} is refused for a data set; pass 0, or a gaussian or one_hot problem"
            )
        rates = 1.0 / pencil_tops(problem, factors)
    elif delay:
        rates = np.array([_delayed_rate(problem, factor, delay) for factor in factors])
    else:
        rates = 1.0 / diagonal_tops(problem, factors)
    return float(rates[0]) if scalar else rates.reshape(np.shape(batch_size))


def critical_batch_size(problem):
    """How many examples a batch can hold before the stable learning rate stops growing in proportion.

        b_c = eta_max(inf) / eta_max(1)      and      b eta_max(1) / (1 + (b-1)/b_c) <= eta_max(b)
                                                        <= min(b eta_max(1), eta_max(inf))

    problem: as for `max_learning_rate`. Returns a float, in examples. Isotropic Gaussian: d + 2; one-hot: 1
    / max p; the lower bound is an equality for both. With sampling without replacement the bounds hold with
    1 / c_b for b.

    >>> from lecturelib.theory.problems import (gaussian)
    >>> print(round(critical_batch_size(gaussian([1.0] * 50)), 10))
    52.0

    Source: the lemma of the lecture, made exact; other definitions are in `critical_batch.py`.
    """
    first, last = max_learning_rate(problem, [1, math.inf])
    return float(last / first)


def diagonal_tops(problem, factors, slowing=None):
    """1 / eta_max of a Gaussian or one-hot problem for each c_b in `factors`, shape (k,).

    slowing: shape (d,), divides row and column i of the pencil (the factor s of a delay); by default ones.
    """
    feels = problem.eigenvalues > 0
    eigenvalues = problem.eigenvalues[feels]
    slowing = np.ones_like(eigenvalues) if slowing is None else slowing[feels]
    factors = factors[:, None]
    own = factors * (problem.own[feels] / eigenvalues) + (1.0 - factors) * eigenvalues
    coupled = problem.coupling * factors * eigenvalues
    return top_of_diagonal_plus_rank_one(0.5 * own / slowing, 0.5 * coupled / slowing)


def top_of_diagonal_plus_rank_one(diagonal, squares):
    """Largest eigenvalue of diag(diagonal) + v v', squares = v^2, for each row of two (k, d) arrays.

    The squares of a row are all positive, or all zero.
    The eigenvalue exceeds the largest diagonal entry by the root u of sum_i v_i^2 / (u + gap_i) = 1. One
    over that sum is increasing and concave in u, so Newton's method started below the root climbs to it and
    never passes it; every term is positive, so the root keeps its relative accuracy however small it is.
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


def _slowing(q, delay):
    """s with which a delay replaces the 2 of the stability condition by 2 s, for q = eta * eigenvalue.

    s = cos(pi/4 + (2 delay - 1) theta/4) / cos(pi/4 - (2 delay + 1) theta/4),  q = 2 sin(theta / 2).
    """
    theta = 2.0 * np.arcsin(0.5 * q)
    return np.cos(math.pi / 4 + (2 * delay - 1) * theta / 4) / np.cos(
        math.pi / 4 - (2 * delay + 1) * theta / 4
    )


def _delayed_rate(problem, factor, delay):
    """eta_max with delayed gradients: the root of an increasing function, below the limit without noise."""
    limit = 2.0 * math.sin(math.pi / (2 * (2 * delay + 1))) / np.max(problem.eigenvalues)

    def excess(rate):
        slowing = _slowing(rate * problem.eigenvalues, delay)
        return rate * diagonal_tops(problem, np.array([factor]), slowing)[0] - 1.0

    if factor == 0.0 or excess(limit) <= 0.0:
        return limit
    return brentq(excess, 0.0, limit, xtol=1e-300, rtol=1e-15)
