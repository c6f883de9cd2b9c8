"""SGD, heavy ball and sign descent on one problem on which all three are exact: the noisy quadratic.

Directions i have curvature l_i and never meet, every batch sees the exact curvature, and labels are noisy::

    g_i = l_i Delta_i + sqrt(l_i s^2 / b) xi_i,     xi standard normal,     risk = 1/2 sum_i l_i E Delta_i^2

For SGD and heavy ball the moments of `momentum.py` close, without features that vary from batch to batch.
Sign descent moves Delta_i by the rate up or down, so it walks on a lattice, and its law there is summed up.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from lecturelib.checks import check_array, check_between, check_count, check_nonnegative, check_positive
from lecturelib.least_squares.depth import ROUNDING, Decomposed
from lecturelib.least_squares.majorant import Plane

STARTS = (0.157, 0.489, 0.887, 1.534)  # medians of the four quarters of |standard normal|
MOMENTA = (0.5, 0.7, 0.8, 0.9, 0.95)
AN_OCTAVE = 4  # rates that are tried from one to its double
MOST_OCTAVES = 16
_SHARES, _SIGNS = 8 * AN_OCTAVE, 7 * AN_OCTAVE + 1


@dataclass(frozen=True)
class Arrival:
    """How a method first reaches the target.

    Attributes:
        steps: the fewest, math.inf where none of the rates gets there.
        learning_rate, momentum: the first pair that needs no more, rates from the largest down; nan if none.
        risk: then, as a share of the first risk.
    """

    steps: float = math.inf
    learning_rate: float = math.nan
    momentum: float = math.nan
    risk: float = math.nan


def sign_errors(start_error: ArrayLike, learning_rate: ArrayLike, noise: float, steps: int) -> np.ndarray:
    """E Delta^2 of sign descent in one direction, after every step, exactly.

    ::

        Delta  ->  Delta - eta sign(Delta + noise xi),     up with probability Phi(-Delta / noise)

    Args:
        start_error: w_0 - w*, shape (m,): m runs, each with a lattice of its own.
        learning_rate: eta > 0, shape (k,), in units of the error.
        noise: deviation of the gradient over the curvature, sqrt(s^2 / (l b)) with label noise; 0 or more.
        steps: whole number >= 0.

    Returns:
        Shape (steps + 1, k, m).

    Raises:
        ValueError: an argument out of range, or of another shape.

    >>> from lecturelib.least_squares.noisy_quadratic import sign_errors
    >>> sign_errors([1.0], [0.5], 0.0, 3).ravel()
    array([1.  , 0.25, 0.  , 0.25])

    Source: Malladi et al., "On the SDEs and scaling rules for adaptive gradient algorithms" (2022), follow
    sign descent by a diffusion; the lattice is exact at any rate.
    """
    rates = check_array("learning_rate", np.atleast_1d(learning_rate), 1)[:, None, None]
    check_positive("learning_rate", np.min(rates))
    start = check_array("start_error", np.atleast_1d(start_error), 1)[:, None]
    noise, steps = check_nonnegative("noise", noise), check_count("steps", steps, at_least=0)
    place = start + rates * np.arange(-steps - 1, steps + 2)
    up = ndtr(-place / noise) if noise else 0.5 * (1.0 - np.sign(place))
    law = np.zeros_like(place)
    law[..., steps + 1] = 1.0
    square = place**2
    errors = [np.sum(law * square, axis=-1)]
    for _ in range(steps):
        rising = law * up
        falling = law - rising
        law[..., 0] = law[..., -1] = 0.0
        law[..., 1:-1] = rising[..., :-2] + falling[..., 2:]
        errors.append(np.sum(law * square, axis=-1))
    return np.array(errors)


def race(
    octaves: int,
    batch_size: float,
    noise_variance: float,
    target: float,
    *,
    momenta: Sequence[float] = MOMENTA,
    most_steps: int = 500,
) -> dict[str, Arrival]:
    """The fewest steps to a target of SGD, heavy ball and sign descent, each at its best constant rate.

    The spectrum is the power law 1/i, in octaves: 4 * 2^k directions of curvature 2^-k, k = 0 .. octaves, so
    that each octave holds the same share of the first risk. Errors start as if they were standard normal: a
    quarter of each octave at each of STARTS. Rates are tried in steps of 2^(1/4): for SGD and heavy ball
    from below the largest stable one, 2 (1 + beta), to its 256th part, for sign descent from 1 to 1/128.

    Args:
        octaves: whole number, 0 to 16; the condition number is 2^octaves.
        batch_size: b > 0, in examples.
        noise_variance: s^2 > 0, of the labels.
        target: share of the first risk, above 0 and below 1.
        momenta: of heavy ball, each above 0 and below 1; the best of them counts.
        most_steps: where the search ends.

    Returns:
        {"SGD": ..., "heavy ball": ..., "sign descent": ...}.

    Raises:
        ValueError: an argument out of range.

    >>> from lecturelib.least_squares.noisy_quadratic import race
    >>> {name: reached.steps for name, reached in race(6, 1024, 1.0, 0.02, most_steps=60).items()}
    {'SGD': 41, 'heavy ball': 12, 'sign descent': 9}

    Source: G. Zhang et al., "Which algorithmic choices matter at which batch sizes? Insights from a noisy
    quadratic model" (2019), compare SGD, momentum and preconditioners so; sign descent is added here.
    """
    octaves = check_count("octaves", octaves, at_least=0, at_most=MOST_OCTAVES)
    most_steps = check_count("most_steps", most_steps)
    target = check_between("target", target, 0.0, 1.0, ends="()")
    b, variance = check_positive("batch_size", batch_size), check_positive("noise_variance", noise_variance)
    spreads = [variance * 2.0**k / b for k in range(octaves + 1)]  # of a gradient, over the curvature squared
    first, goal = float(np.mean(np.square(STARTS))), target * (1.0 + ROUNDING)

    def best(risks: np.ndarray, rates: np.ndarray, momentum: float) -> Arrival:
        hits = np.argmax(risks <= goal, axis=0)  # 0: never
        if not hits.any():
            return Arrival()
        fewest = np.min(hits[hits > 0])
        rate = int(np.argmax(hits == fewest))
        return Arrival(int(fewest), float(rates[rate]), momentum, float(risks[fewest, rate]))

    def linear(beta: float) -> Arrival:
        bias, spread, rates = _linear(beta, most_steps)
        risks = np.zeros((most_steps + 1, _SHARES))
        for k, noise in enumerate(spreads):
            slower = slice(k * AN_OCTAVE, k * AN_OCTAVE + _SHARES)  # eta l = 2^-k eta
            risks += bias[:, slower] + noise / first * spread[:, slower]
        return best(risks / (octaves + 1), rates[:_SHARES], beta)

    signs = np.mean([_signs(noise, most_steps) for noise in spreads], axis=0) / first
    betas = [check_between("momenta", beta, 0.0, 1.0, ends="()") for beta in momenta]
    if not betas:
        raise ValueError(f"momenta = {momenta!r} is refused; pass at least one, 0.9 say")
    return {
        "SGD": linear(0.0),
        "heavy ball": min((linear(beta) for beta in betas), key=lambda one: one.steps),
        "sign descent": best(signs, _halving(0, _SIGNS), 0.0),
    }


def winner(reached: dict[str, Arrival], lead: float = 0.05) -> str | None:
    """The first method that needs at most 1 + lead times the fewest steps; None where none gets there.

    A lead below that is no reason to prefer the later one, which has more to tune.

    >>> from lecturelib.least_squares.noisy_quadratic import race, winner
    >>> winner(race(0, 4, 1.0, 0.1, most_steps=30)), winner(race(6, 1024, 1.0, 0.02, most_steps=60))
    ('heavy ball', 'sign descent')
    """
    fewest = min(one.steps for one in reached.values())
    if fewest == math.inf:
        return None
    return next(name for name, one in reached.items() if one.steps <= (1.0 + lead) * fewest)


def _halving(first: int, count: int) -> np.ndarray:
    """2^(-n/4) from n = first on."""
    return 2.0 ** (-np.arange(first, first + count) / AN_OCTAVE)


@functools.lru_cache(maxsize=256)
def _linear(beta: float, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """E Delta^2 at curvature 1 from an error of one, and from none under noise of one; the rates."""
    rates = 2.0 * (1.0 + beta) * _halving(1, _SHARES + MOST_OCTAVES * AN_OCTAVE)
    one, curves = np.ones(1), []
    for start, noise in ((1.0, 0.0), (0.0, 1.0)):
        moments = Decomposed(one, start * one, square=one, coupling=0.0, noise=noise, goal=0.0)
        curves.append(2.0 * Plane(moments, nesterov=False).risks(rates, np.full(len(rates), beta), steps))
    return curves[0], curves[1], rates


@functools.lru_cache(maxsize=256)
def _signs(variance: float, steps: int) -> np.ndarray:
    """E Delta^2 of sign descent, mean over the starts, shape (steps + 1, rates)."""
    return np.mean(sign_errors(STARTS, _halving(0, _SIGNS), math.sqrt(variance), steps), axis=-1)
