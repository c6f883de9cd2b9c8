"""The learning rate and the momentum that together reach a target in the fewest steps."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lecturelib.least_squares.depth import ROUNDING, Decomposed, Depth, depth
from lecturelib.least_squares.majorant import Pair, Plane
from lecturelib.least_squares.momentum import check_momentum
from lecturelib.least_squares.problems import Problem, check_diagonal
from lecturelib.least_squares.stability import max_learning_rate

GRID, ZOOMS, MOST_STEPS = 24, 6, 20_000


@dataclass(frozen=True)
class BestMomentum:
    """Fewest steps to a target over all constant rates and momenta, and what they are without momentum.

    Attributes:
        steps, learning_rate, momentum: the best pair that was found.
        plain: depth without momentum.
        proven: whether it is proven that no pair needs fewer steps.
    """

    steps: int
    learning_rate: float
    momentum: float
    plain: Depth
    proven: bool

    @property
    def gain(self) -> float:
        """Steps without momentum over steps with it."""
        return self.plain.steps / self.steps


def best_momentum(
    problem: Problem,
    start_error: ArrayLike,
    target: float,
    batch_size: float,
    *,
    nesterov: bool = False,
    prove: bool = False,
) -> BestMomentum:
    """The constant rate and momentum with E risk_T <= target * risk_0 for the smallest T.

    Args:
        problem: from `gaussian` or `one_hot`.
        start_error: w_0 - w*, shape (d,); the velocity starts at 0.
        target: fraction of the starting risk, as for `depth`.
        batch_size: whole number >= 1, or math.inf.
        nesterov: as for `max_learning_rate`.
        prove: go on until it is proven, up to rounding, that no pair needs fewer steps. That takes a minute
            for 100 directions and 20 steps, and grows at least as the square of the steps.

    Raises:
        ValueError: bad arguments; a data set; more than 20,000 steps without momentum.

    >>> from lecturelib import least_squares as ls
    >>> found = ls.best_momentum(ls.gaussian([1.0, 0.1]), [1.0, 1.0], 0.01, float("inf"), prove=True)
    >>> found.steps, found.plain.steps, found.proven
    (2, 7, True)
    """
    check_diagonal(problem)
    check_momentum(0.0, nesterov)
    plain = depth(problem, start_error, target, batch_size)
    if plain.steps > MOST_STEPS:
        raise ValueError(
            f"target = {target} needs {plain.steps} steps without momentum, more than {MOST_STEPS};"
            " raise target, or batch_size"
        )
    start = problem.start(start_error)
    moments = problem.risks_over_time(start, batch_size, target * problem.risk(start) * (1.0 + ROUNDING))
    assert isinstance(moments, Decomposed)  # as of every diagonal problem
    plane = Plane(moments, bool(nesterov))
    betas = 1.0 - np.geomspace(1.0, 0.005, GRID)
    stable = [max_learning_rate(problem, batch_size, momentum=b, nesterov=nesterov) for b in betas]
    best = _search(plane, np.array(stable), betas, Pair(plain.steps, plain.learning_rate, 0.0))
    while prove and (better := plane.earlier(best.steps - 1)):
        best = better
    return BestMomentum(*best, plain=plain, proven=prove)


def _search(plane: Plane, stable: np.ndarray, betas: np.ndarray, best: Pair) -> Pair:
    """The pair that crosses the target first, on a grid below the stable rates, then on ever finer ones."""
    tilt = np.geomspace(0.02, 1.0, GRID)
    rates, betas = (stable[:, None] * tilt).ravel(), np.repeat(betas, GRID)
    wide, high = math.log(200.0), math.log(50.0)  # of the grid, in 1 - beta and in the rate
    crossing = math.inf
    for _ in range(ZOOMS):
        risks, pairs = plane.risks(rates, betas, best.steps), np.arange(len(rates))
        hits = 1 + np.argmax(risks[1:] <= plane.moments.goal, axis=0)
        reached = risks[hits, pairs] <= plane.moments.goal
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # a risk may be 0, or inf
            fall = np.log(risks[hits - 1, pairs] / risks[hits, pairs])
            left = np.log(plane.moments.goal / risks[hits, pairs])
            share = np.where(np.isfinite(fall), left / fall, 0.0)  # as if log risk were linear within a step
        crossings = np.where(reached, hits - share, np.inf)
        if np.min(crossings) < crossing:
            chosen = int(np.argmin(crossings))
            crossing = crossings[chosen]
            best = Pair(int(hits[chosen]), float(rates[chosen]), float(betas[chosen]))
        wide, high = wide / 5.0, high / 5.0
        spread = np.linspace(-0.5, 0.5, GRID)
        rest = np.minimum((1.0 - best.beta) * np.exp(wide * spread), 1.0)
        betas, rates = np.repeat(1.0 - rest, GRID), np.tile(best.rate * np.exp(high * spread), GRID)
    return best
