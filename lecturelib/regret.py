"""Regret in online linear games on a box, and what AdaGrad and gradient descent guarantee about it.

A game has T rounds. In round t the player names a point w_t of the box [-r, r]^d, is shown g_t, and loses
g_t'w_t. Regret compares the sum of the losses with that of the best fixed point of the box:

    R_T = sum_t g_t'w_t - min_u sum_t g_t'u = sum_t g_t'w_t + r sum_i |sum_t g_{t,i}|

Any convex game is at most as hard: f_t(w_t) - f_t(u) <= g_t'(w_t - u) for a gradient g_t of f_t at w_t. This
is bookkeeping and theory, NumPy in float64; `online.py` plays the games.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Bound:
    """The two steps of AdaGrad's proof: regret <= from_distances <= bound, in the unit of the loss.

    from_distances: the regret that the telescoping distances to the best point leave; it depends on all
    gradients. bound: after the lemma sum_t g_t^2 / sqrt(G_t) <= 2 sqrt(G_T); it depends on G_T alone.
    """

    from_distances: float
    bound: float


def regret(points, gradients, radius: float) -> np.ndarray:
    """Regret after every round, against the best fixed point of [-radius, radius]^d for the rounds so far.

    Args:
        points: w_t, shape (rounds, d). gradients: g_t, same shape. radius: r > 0.

    Returns:
        R_1, ..., R_T, shape (rounds,), in the unit of the loss.

    Raises:
        ValueError: shapes that differ, numbers that are not finite, or a radius that is not positive.

    >>> regret([[0.0], [-1.0]], [[1.0], [1.0]], radius=1).tolist()  # lost 0 - 1, and -2 was to be had
    [1.0, 1.0]
    """
    gradients, radius = _check_game(gradients, radius)
    points = np.asarray(points, dtype=float)
    if points.shape != gradients.shape or not np.isfinite(points).all():
        raise ValueError(f"points has shape {points.shape}: pass finite points of shape {gradients.shape}")
    lost = np.cumsum((points * gradients).sum(axis=1))
    return lost + radius * np.abs(np.cumsum(gradients, axis=0)).sum(axis=1)


def adagrad_bound(gradients, radius: float, learning_rate: float | None = None) -> Bound:
    """What diagonal AdaGrad guarantees on [-r, r]^d, whatever the gradients, with D = 2r the box's width:

        R_T <= sum_i [ D^2 / (2 eta) sqrt(G_{T,i}) + eta / 2 sum_t g_{t,i}^2 / sqrt(G_{t,i}) ]
            <= (D^2 / (2 eta) + eta) sum_i sqrt(G_{T,i}),    G_{t,i} = g_{1,i}^2 + ... + g_{t,i}^2

    Args:
        gradients: shape (rounds, d). radius: r > 0.
        learning_rate: eta > 0; by default the best, D / sqrt(2), and the bound is sqrt(2) D sum sqrt(G).

    Raises:
        ValueError: arguments that are not as said.

    >>> round(float(adagrad_bound([[3.0, 0.0], [4.0, 1.0]], radius=0.5).bound / 2**0.5), 12)  # 5 + 1
    6.0

    Source: J. Duchi, E. Hazan, Y. Singer, JMLR 12 (2011), Theorem 5 and Corollary 6, with delta = 0.
    """
    gradients, radius = _check_game(gradients, radius)
    eta, width = _check_rate(learning_rate, np.sqrt(2) * radius), 2 * radius
    total = np.cumsum(gradients**2, axis=0)
    root = np.sqrt(total)
    steps = (gradients**2 / np.where(root > 0, root, 1)).sum()
    ends = root[-1].sum()
    return Bound(width**2 / (2 * eta) * ends + eta / 2 * steps, (width**2 / (2 * eta) + eta) * ends)


def gradient_descent_bound(gradients, radius: float) -> float:
    """What gradient descent guarantees at its best single rate: sqrt(2) D_2 sqrt(sum_t |g_t|^2).

    D_2 = 2 r sqrt(d) is the diagonal of the box. The rate in round t is D_2 / sqrt(2 (|g_1|^2 + ... +
    |g_t|^2)), the same for every coordinate.

    Args:
        gradients: shape (rounds, d). radius: r > 0.

    Raises:
        ValueError: arguments that are not as said.

    >>> round(gradient_descent_bound([[3.0, 0.0], [4.0, 0.0]], radius=0.5), 12)  # sqrt(2) sqrt(2) 5
    10.0
    """
    gradients, radius = _check_game(gradients, radius)
    return float(2 * radius * np.sqrt(2 * gradients.shape[1]) * np.sqrt((gradients**2).sum()))


def bound_ratio(probabilities) -> float:
    """AdaGrad's bound over gradient descent's where g_t = +-e_i with probability p_i, as T grows:

        sum_i sqrt(p_i) / sqrt(d), from 1/sqrt(d) (one feature is all there is) to 1 (all equally frequent)

    Args:
        probabilities: p_i >= 0, shape (d,), of sum 1.

    Raises:
        ValueError: no such probabilities.

    >>> bound_ratio([0.25] * 4), bound_ratio([1, 0, 0, 0])
    (1.0, 0.5)
    """
    p = np.asarray(probabilities, dtype=float)
    if p.ndim != 1 or not (p >= 0).all() or not np.isclose(p.sum(), 1, rtol=0, atol=1e-9):
        raise ValueError(f"probabilities = {probabilities!r}: pass a list of numbers >= 0 of sum 1")
    return float(np.sqrt(p).sum() / np.sqrt(len(p)))


def _check_game(gradients, radius):
    gradients = np.asarray(gradients, dtype=float)
    if gradients.ndim != 2 or gradients.size == 0 or not np.isfinite(gradients).all():
        raise ValueError(f"gradients has shape {gradients.shape}: pass finite numbers, (rounds, d)")
    return gradients, _check_rate(radius, 1.0, name="radius")


def _check_rate(value, default, name="learning_rate"):
    value = default if value is None else value
    if not np.isscalar(value) or isinstance(value, str | bool) or not 0 < value < np.inf:
        raise ValueError(f"{name} = {value!r} is refused; pass a finite number above 0")
    return float(value)
