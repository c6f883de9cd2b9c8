"""Branched training: the largest batch that, from one state on, costs no loss at equal examples.

From a state that batch size b and a learning rate led to, branches go on with k b and f(k) times the rate,
all over the same examples, so with k times fewer steps. f(k) = k suits SGD, sqrt(k) Adam. With L_k the
(smoothed) loss at a branch's end, what counts as critical here is k* b::

    k* = the largest k with L_k <= L_j + eps for every j < k

Nothing here knows what trains: a network, or the exact risk of `schemes.scheduled_risk`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_between, check_choice, check_count, check_nonnegative, check_positive

RULES: dict[str, Callable[[float], float]] = {
    "linear": float,
    "square root": math.sqrt,
    "constant": lambda k: 1.0,
}


@dataclass(frozen=True, eq=False)
class Branched:
    """What the branches ended with.

    Attributes:
        multiple: k*.
        batch_size: k* b, the critical batch size in this sense.
        learning_rate: that of its branch, f(k*) times the one given.
        multiples: every k tried, shape (branches,).
        losses: L_k, shape (branches,); inf for a branch that diverged.
        open_ended: whether the largest k tried still passed, so that k* is only a lower bound.
    """

    multiple: int
    batch_size: int
    learning_rate: float
    multiples: np.ndarray
    losses: np.ndarray
    open_ended: bool


def branched(
    train: Callable[[Any, int, float, int], ArrayLike],
    state: Any,
    batch_size: int,
    learning_rate: float,
    examples: int,
    *,
    multiples: Sequence[int] = (1, 2, 4, 8, 16),
    tolerance: float = 0.01,
    rule: str | Callable[[int], float] = "linear",
    smoothing: float = 0.5,
) -> Branched:
    """The critical batch size of a state of training, by branches that train on from it.

    ::

        L_k = loss after examples / (k b) steps with batch k b and rate f(k) eta
        smoothed over the steps:   l_1, then  l <- smoothing l + (1 - smoothing) l_t

    Args:
        train: function of (state, batch_size, learning_rate, examples) that trains a copy of the state and
            returns the loss at the end, or the losses of its steps, shape (steps,), which are smoothed. It
            has to leave `state` as it was, and to draw the same examples for each branch, or many.
        state: what it starts from; weights, optimizer state, anything.
        batch_size: b of the run that led here, 1 or more.
        learning_rate: eta of that run, above 0.
        examples: Delta that each branch trains on, a multiple of every k b.
        multiples: k of the branches, ascending whole numbers from 1.
        tolerance: eps >= 0 in the unit of the loss; take it above the noise of the losses.
        rule: f: "linear", "square root", "constant", or a function of k.
        smoothing: weight of the past in the smoothed loss, in [0, 1); unused where train returns a number.

    Returns:
        k* and its batch, with the losses of all branches.

    Raises:
        ValueError: an argument out of its range; examples that a batch does not divide; a first branch that
            diverges; losses of another shape.

    Example:
        >>> from lecturelib import least_squares as ls, noise_scale, schemes
        >>> problem = ls.gaussian([1.0] * 50, noise_variance=1.0)
        >>> def train(start_error, batch_size, learning_rate, examples):
        ...     steps = examples // batch_size
        ...     return schemes.scheduled_risk(
        ...         problem, start_error, [learning_rate] * steps, [batch_size] * steps
        ...     )[-1]
        >>> multiples = [1, 2, 4, 8, 16, 32, 64, 128]
        >>> found = noise_scale.branched(train, [1.0] * 50, 1, 0.004, 4096, multiples=multiples)
        >>> found.batch_size, found.open_ended
        (64, False)

    Source: W. Merrill, S. Arora, D. Groeneveld, H. Hajishirzi, Critical batch size revisited, 2025
    (arXiv:2505.23971), section 3.1; there eps = 0.01, smoothing 0.5 and the square-root rule, for Adam.
    """
    batch_size = check_count("batch_size", batch_size)
    learning_rate, examples = (
        check_positive("learning_rate", learning_rate),
        check_count("examples", examples),
    )
    tolerance = check_nonnegative("tolerance", tolerance)
    check_between("smoothing", smoothing, 0, 1, ends="[)")
    factor = rule if callable(rule) else RULES[check_choice("rule", rule, tuple(RULES))]
    tried = [check_count("multiples", k) for k in multiples]
    if not tried or tried[0] != 1 or tried != sorted(set(tried)):
        raise ValueError(f"multiples = {list(multiples)} must ascend from 1, the branch that changes nothing")
    if odd := [k for k in tried if examples % (k * batch_size)]:
        whole = math.lcm(*tried) * batch_size
        raise ValueError(
            f"examples = {examples} is no multiple of the batch {odd[0]} * {batch_size}; pass a multiple of "
            f"{whole}, as {-(-examples // whole) * whole}, or leave k = {odd[0]} out"
        )
    rates = [learning_rate * check_positive(f"rule({k})", factor(k)) for k in tried]
    losses = [
        _smoothed(train(state, k * batch_size, rate, examples), smoothing)
        for k, rate in zip(tried, rates, strict=True)
    ]
    if losses[0] == math.inf:
        raise ValueError(
            f"the branch with batch_size = {batch_size} and learning_rate = {learning_rate} diverges; "
            "pass what led to the state, or a smaller rate"
        )
    best = np.minimum.accumulate([math.inf, *losses[:-1]])
    last = max(at for at, loss in enumerate(losses) if loss <= best[at] + tolerance)
    return Branched(
        multiple=tried[last],
        batch_size=tried[last] * batch_size,
        learning_rate=rates[last],
        multiples=np.array(tried),
        losses=np.array(losses),
        open_ended=last + 1 == len(tried),
    )


def _smoothed(losses: ArrayLike, smoothing: float) -> float:
    """The loss that counts: a number, or the exponential average of the steps' at the end; inf for NaN."""
    found = np.asarray(losses, dtype=np.float64)
    if found.ndim > 1 or not found.size:
        raise ValueError(
            f"train returned losses of shape {found.shape}; return the loss at the end, or one for each step"
        )
    smooth = float(found.flat[0])
    for loss in found.flat[1:]:
        smooth = smoothing * smooth + (1.0 - smoothing) * float(loss)
    return math.inf if math.isnan(smooth) else smooth
