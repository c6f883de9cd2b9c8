"""Regret in online linear games on a box, and what AdaGrad guarantees about it.

A game has T rounds. In round t the player names a point w_t of the box [-r, r]^d, is shown g_t, and loses
g_t'w_t. Regret compares the sum of the losses with that of the best fixed point of the box::

    R_T = sum_t g_t'w_t - min_u sum_t g_t'u = sum_t g_t'w_t + r sum_i |sum_t g_{t,i}|

Any convex game is at most as hard: f_t(w_t) - f_t(u) <= g_t'(w_t - u) for a gradient g_t of f_t at w_t. This
is bookkeeping and theory, NumPy in float64; `online.py` plays the games.
"""

import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_array, check_distribution, check_positive


def regret(points: ArrayLike, gradients: ArrayLike, radius: float) -> np.ndarray:
    """Regret after every round, against the best fixed point of [-radius, radius]^d for the rounds so far.

    Args:
        points: w_t, shape (rounds, d).
        gradients: g_t, same shape.
        radius: r > 0.

    Returns:
        R_1, ..., R_T, shape (rounds,), in the unit of the loss.

    Raises:
        ValueError: if the shapes differ, a number is not finite, or radius is not positive.

    >>> from lecturelib.adaptive.regret import regret
    >>> regret([[0.0], [-1.0]], [[1.0], [1.0]], radius=1).tolist()  # lost 0 - 1, and -2 was to be had
    [1.0, 1.0]
    """
    gradients, points = check_array("gradients", gradients, 2), check_array("points", points, 2)
    if points.shape != gradients.shape:
        raise ValueError(f"points has shape {points.shape}; pass that of gradients, {gradients.shape}")
    lost = np.cumsum((points * gradients).sum(axis=1))
    best = check_positive("radius", radius) * np.abs(np.cumsum(gradients, axis=0)).sum(axis=1)
    return lost + best


def bound_ratio(probabilities: ArrayLike) -> float:
    """AdaGrad's bound over gradient descent's where g_t = +-e_i with probability p_i, as T grows.

    ::

        sum_i sqrt(p_i) / sqrt(d), from 1/sqrt(d) (one feature is all there is) to 1 (all equally frequent)

    On a box of width D, AdaGrad guarantees a regret of ``sqrt(2) D sum_i sqrt(sum_t g_{t,i}^2)``, gradient
    descent one of ``sqrt(2) D sqrt(d) sqrt(sum_t |g_t|^2)``, each with its best rate.

    Args:
        probabilities: p_i >= 0, shape (d,), of sum 1.

    Raises:
        ValueError: if they are no probabilities.

    >>> from lecturelib.adaptive import regret
    >>> regret.bound_ratio([0.25] * 4), regret.bound_ratio([1, 0, 0, 0])
    (1.0, 0.5)

    Source: J. Duchi, E. Hazan, Y. Singer, JMLR 12 (2011), Theorem 5 and Corollary 6, with delta = 0.
    """
    p = check_distribution("probabilities", probabilities)
    return float(np.sqrt(p).sum() / np.sqrt(len(p)))
