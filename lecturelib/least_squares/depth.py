"""Depth: the fewest steps in which mini-batch SGD reaches a target at the best constant learning rate.

For Gaussian and one-hot features the answer is proven, by branch and bound over the learning rate. The
diagonal of the second moment follows p -> A p + f with a symmetric A, and A and f have no negative entry.
Two bounds follow, for every step at once and for all rates of an interval [low, high]:

- With every entry replaced by its minimum over the interval the risk can only fall. (Good when the interval
  is wide.)
- With every entry replaced by its maximum modulus over a disc of complex rates, the risk F bounds the
  modulus of the true risk there, a polynomial in the rate. So its second derivative is at most 2 F / r^2 at
  distance r from the rim (Cauchy), and the risk is at least the lower of its two ends minus ::

      F (high - low)^2 / (4 r^2)                                              (Good when narrow.)

The step at which a lower bound first reaches the target is no later than that of any rate in the interval.
Intervals that cannot beat the best rate known are dropped, the others are halved, and the search ends when
none is left. No shape of the risk is assumed: it can have several minima in the rate, and fall and rise
again in time.
"""

import heapq
import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_between
from lecturelib.least_squares.momentum import check_momentum, over_time
from lecturelib.least_squares.problems import Problem, check_batch_size
from lecturelib.least_squares.recursion import Depth, PowerSum, improved, reached
from lecturelib.least_squares.stability import max_learning_rate

MOST_STEPS = 10**9  # beyond, rounding in the powers is no longer small against 1 / steps
ROUNDING = 1e-12  # a risk that equals the goal but for rounding has reached it


def depth(
    problem: Problem,
    start_error: ArrayLike,
    target: float,
    batch_size: float,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> Depth:
    """The fewest steps T for which some constant rate has E risk_T <= target * risk_0, and that rate.

    ::

        depth(b) = min { T : min over eta of risk_T(eta) <= target risk_0 }     (last iterate, excess risk)

    For Gaussian and one-hot features the number of steps is proven minimal up to rounding. For a data set,
    and with momentum, it is the best of a grid of rates below max_learning_rate, refined: reached for
    certain, minimal by search.

    Args:
        problem: from `gaussian`, `one_hot` or `finite_sample`, a data set of rank 60 at most.
        start_error: w_0 - w*, shape (d,).
        target: fraction of the starting risk, from 1e-12 to below 1.
        batch_size: whole number >= 1, or math.inf.
        momentum: beta, as for `max_learning_rate`.
        nesterov: likewise.

    Returns:
        The steps and the rate, which may exceed max_learning_rate when a few steps suffice.

    Raises:
        ValueError: bad arguments; a start without risk; a target out of reach; a data set of higher rank;
            with momentum, more than some 660 directions, or 30 of a data set.

    >>> from lecturelib import least_squares as ls
    >>> ls.depth(ls.gaussian([1.0] * 50), [1.0] * 50, 0.01, 64).steps
    6
    """
    check_batch_size(problem, batch_size)
    start = problem.start(start_error)
    target = check_between("target", target, 1e-12, 1.0, ends="[)")
    if problem.risk(start) == 0.0:
        raise ValueError(
            "start_error has no risk: it is zero wherever eigenvalues are positive; start elsewhere"
        )
    # risk_t >= bias_t >= (1 - 2 t eta lambda_max) risk_0: rates below this over t cannot reach the goal.
    slowest = (1.0 - target) / (2.0 * float(np.max(problem.eigenvalues)))
    goal = target * (1.0 + ROUNDING) * problem.risk(start)
    stable_rate = max_learning_rate(problem, batch_size, momentum=momentum, nesterov=nesterov)
    if velocity := check_momentum(momentum, nesterov):  # acts at most as a rate of eta / (1 - beta) does
        risks = over_time(problem, start, batch_size, goal, velocity)
        return risks.fewest_steps(stable_rate, slowest * (1.0 - velocity.beta))
    return problem.risks_over_time(start, batch_size, goal).fewest_steps(stable_rate, slowest)


@dataclass(frozen=True, eq=False)
class Decomposed:
    """The risk of p -> A p + f over time as sums of powers, and bounds over intervals of rates.

    ::

        A_ii = 1 - 2 eta l_i + eta^2 square_i,    A_ij = eta^2 coupling l_i l_j,    f = eta^2 noise l

    Attributes:
        eigenvalues: l, all positive, shape (d,).
        second: p at the start, shape (d,).
        square: shape (d,).
        coupling, noise: numbers, with the factor c_b of the batch in them.
        goal: the risk to be reached.
    """

    eigenvalues: np.ndarray
    second: np.ndarray
    square: np.ndarray
    coupling: float
    noise: float
    goal: float
    at_rates: dict[float, PowerSum] = field(default_factory=dict)

    @property
    def most_steps(self) -> int:
        """MOST_STEPS."""
        return MOST_STEPS

    @property
    def largest_rate(self) -> float:
        """Beyond 2 / eigenvalue of every coordinate that starts wrong, each step makes the mean worse."""
        return 2.0 / float(np.min(self.eigenvalues[self.second > 0]))

    def diagonal(self, rate: float | np.ndarray) -> np.ndarray:
        """Diagonal of A at a rate, or at one rate for each coordinate, shape (d,)."""
        return 1.0 - 2.0 * rate * self.eigenvalues + rate**2 * self.square

    def power_sum(self, diagonal: np.ndarray, rate: float) -> PowerSum:
        """Risk of p -> A p + f, where A has this diagonal and `rate` sets its other entries and f."""
        force = rate**2 * self.noise * self.eigenvalues
        if self.coupling:
            matrix = rate**2 * self.coupling * np.outer(self.eigenvalues, self.eigenvalues)
            np.fill_diagonal(matrix, diagonal)
            powers, vectors = np.linalg.eigh(matrix)
            risk, start, force = 0.5 * (self.eigenvalues @ vectors), self.second @ vectors, force @ vectors
        else:
            powers, risk, start = diagonal, 0.5 * self.eigenvalues, self.second
        powers = np.where(powers == 1.0, 1.0 - 1e-16, powers)
        rest = force / (1.0 - powers)
        return PowerSum(float(risk @ rest), powers, risk * (start - rest))

    def exact(self, rate: float) -> PowerSum:
        """Risk over time at one rate."""
        if rate not in self.at_rates:
            self.at_rates[rate] = self.power_sum(self.diagonal(rate), rate)
        return self.at_rates[rate]

    def first_hit(self, rate: float, last: int) -> int | None:
        """First step in 1 .. last at which the risk at this rate is at most the goal, or None."""
        return self.exact(rate).first_hit(self.goal, last)

    def risk(self, rate: float, step: int) -> float:
        """The risk after `step` steps at this rate."""
        return self.exact(rate).at(step)

    def above(self, middle: float, radius: float) -> PowerSum:
        """At least the modulus of the risk at every complex rate within `radius` of `middle`."""
        slope = np.abs(2.0 * middle * self.square - 2.0 * self.eigenvalues)
        diagonal = self.diagonal(middle) + radius * slope + radius**2 * self.square
        return self.power_sum(diagonal, middle + radius)

    def earliest_hit(self, low: float, high: float, last: int, reach: float) -> int | None:
        """A step no later than the first hit of any rate in [low, high], or None if that is after `last`."""
        lowest = np.maximum(self.diagonal(np.clip(self.eigenvalues / self.square, low, high)), 0.0)
        hit = self.power_sum(lowest, low).first_hit(self.goal, last)
        width, rim = high - low, reach * low
        if hit is None or width > rim:
            return hit
        above = self.above(0.5 * (low + high), rim + 0.5 * width)
        ends = [self.exact(end).minus(0.25 * (width / rim) ** 2, above) for end in (low, high)]
        hits = [found for end in ends if (found := end.first_hit(self.goal, last)) is not None]
        return max(hit, min(hits)) if hits else None

    def fewest_steps(self, stable_rate: float, slowest: float) -> Depth:
        """Branch and bound, most promising interval first; a local search makes the bounds bite early."""
        found, rate = None, 0.5 * stable_rate
        while rate * MOST_STEPS > slowest and (found is None or rate > 0.1 * found.learning_rate):
            found = improved(self, rate, found, self.largest_rate)
            rate *= 0.1
        best = reached(found, MOST_STEPS)
        reach = self._best_reach(best)
        heap = [(1, slowest / best.steps, self.largest_rate)]
        while heap:
            least_steps, low, high = heapq.heappop(heap)
            if least_steps >= best.steps or high <= low * (1.0 + 1e-12):
                continue
            middle = math.sqrt(low * high)
            best = reached(improved(self, middle, best, self.largest_rate), MOST_STEPS)
            for part in ((low, middle), (middle, high)):
                hit = self.earliest_hit(*part, best.steps - 1, reach)
                if hit is not None:
                    heapq.heappush(heap, (hit, *part))
        return best

    def _best_reach(self, best: Depth) -> float:
        """The distance to the rim, as a share of the rate, at which the second bound is tightest."""
        rate, steps = best.learning_rate, best.steps
        parts = (0.4, 0.2, 0.1, 0.05, 0.02)
        return min(parts, key=lambda part: self.above(rate, part * rate).at(steps) / part**2)
