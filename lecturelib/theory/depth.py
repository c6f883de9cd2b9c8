"""Depth: the fewest steps in which mini-batch SGD reaches a target at the best constant learning rate.

For Gaussian and one-hot features the answer is proven, by branch and bound over the learning rate. The
diagonal of the second moment follows p -> A p + f with a symmetric A, and A and f have no negative entry.
Two bounds follow, for every step at once and for all rates of an interval [low, high]:

- With every entry replaced by its minimum over the interval the risk can only fall. (Good when the interval
  is wide.)
- With every entry replaced by its maximum modulus over a disc of complex rates, the risk F bounds the
  modulus of the true risk there, a polynomial in the rate. So its second derivative is at most 2 F / r^2 at
  distance r from the rim (Cauchy), and the risk is at least the lower of its two ends minus F (high -
  low)^2 / (4 r^2). (Good when narrow.)

The step at which a lower bound first reaches the target is no later than that of any rate in the interval.
Intervals that cannot beat the best rate known are dropped, the others are halved, and the search ends when
none is left. No shape of the risk is assumed: it can have several minima in the rate, and fall and rise
again in time.
"""

import heapq
import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from lecturelib.checks import check_nonnegative
from lecturelib.theory.lifted import LARGEST_RANK, LiftedRisk
from lecturelib.theory.powersums import PowerSum
from lecturelib.theory.problems import DiagonalProblem, check_batch_size
from lecturelib.theory.stability import max_learning_rate

MOST_STEPS = 10**9  # beyond, rounding in the powers is no longer small against 1 / steps


@dataclass(frozen=True)
class Depth:
    """Fewest steps to the target, and a constant learning rate that gets there in so many."""

    steps: int
    learning_rate: float


def depth(problem, start_error, target, batch_size):
    """The fewest steps T for which some constant rate has E risk_T <= target * risk_0, and that rate.

        depth(b) = min { T : min over eta of risk_T(eta) <= target risk_0 }     (last iterate, excess risk)

    problem: from `gaussian`, `one_hot` or `finite_sample`. start_error: w_0 - w*, shape (d,). target:
    fraction of the starting risk, from 1e-12 to below 1. batch_size: whole number >= 1, or math.inf.
    Returns Depth(steps, learning_rate). When a few steps suffice the rate may exceed max_learning_rate. For
    Gaussian and one-hot features the number of steps is proven minimal up to rounding; for a data set it is
    the best of a grid of rates below max_learning_rate, refined: reached for certain, minimal by search, and
    its rank is at most 60. ValueError: bad arguments; a start without risk; a target out of reach.

    >>> from lecturelib.theory.problems import (gaussian)
    >>> depth(gaussian([1.0] * 50), [1.0] * 50, 0.01, 64).steps
    6
    """
    check_batch_size(problem, batch_size)
    start = problem.start(start_error)
    target = check_nonnegative("target", target)
    if not 1e-12 <= target < 1.0:
        raise ValueError(
            f"target = {target!r} is refused; pass a fraction of the first risk, 1e-12 or more, below 1"
        )
    if problem.risk(start) == 0.0:
        raise ValueError(
            "start_error has no risk: it is zero wherever eigenvalues are positive; start elsewhere"
        )
    goal = target * problem.risk(start)
    stable_rate = max_learning_rate(problem, batch_size)
    # risk_t >= bias_t >= (1 - 2 t eta lambda_max) risk_0: rates below this over t cannot reach the goal.
    slowest = (1.0 - target) / (2.0 * np.max(problem.eigenvalues))
    if isinstance(problem, DiagonalProblem):
        return _proven(_Decomposed(problem, start.second, batch_size, goal), stable_rate, slowest)
    rank = len(problem.eigenvalues)
    if rank > LARGEST_RANK:
        raise ValueError(
            f"problem is a data set of rank {rank}, more than {LARGEST_RANK}: its depth is not computed;"
            " project its features on fewer directions, or use a gaussian problem with its eigenvalues"
        )
    return _searched(LiftedRisk(problem, start, batch_size, goal), stable_rate, slowest)


def _reached(best, most_steps):
    if best is None:
        raise ValueError(f"target is not reached in {most_steps} steps; raise target, or batch_size")
    return best


def _searched(risks, stable_rate, slowest):
    """The best of a grid of stable rates, each refined; one that settles below the goal limits the rest."""
    settles = 0.95 * stable_rate
    while risks.steady(settles) > 0.9 * risks.goal and settles * risks.most_steps > slowest:
        settles *= 0.8
    best = _reached(_improved(risks, settles, None, stable_rate), risks.most_steps)
    rate = 0.95 * stable_rate
    while rate * best.steps > slowest:
        best = _improved(risks, rate, best, stable_rate)
        rate *= 0.8
    return best


class _Decomposed:
    """The risk of a Gaussian or one-hot problem over time as sums of powers, and bounds over intervals."""

    most_steps = MOST_STEPS

    def __init__(self, problem, second, batch_size, goal):
        feels = problem.eigenvalues > 0
        factor = problem.noise_factor(batch_size)
        self.goal = goal
        self.eigenvalues, self.second = problem.eigenvalues[feels], second[feels]
        self.coupling = factor * problem.coupling
        self.square = (1.0 - factor) * self.eigenvalues**2 + factor * problem.own[feels]
        self.square = (
            self.square + self.coupling * self.eigenvalues**2
        )  # A_ii = 1 - 2 eta l_i + eta^2 square_i
        self.noise = factor * problem.noise_variance
        # Beyond 2 / eigenvalue of every coordinate that starts wrong, each step makes the mean worse.
        self.largest_rate = 2.0 / np.min(self.eigenvalues[self.second > 0])
        self.at_rates = {}

    def diagonal(self, rate):
        """Diagonal of A at a rate, or at one rate for each coordinate, shape (d,)."""
        return 1.0 - 2.0 * rate * self.eigenvalues + rate**2 * self.square

    def power_sum(self, diagonal, rate):
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

    def exact(self, rate):
        """Risk over time at one rate."""
        if rate not in self.at_rates:
            self.at_rates[rate] = self.power_sum(self.diagonal(rate), rate)
        return self.at_rates[rate]

    def first_hit(self, rate, last):
        """First step in 1 .. last at which the risk at this rate is at most the goal, or None."""
        return self.exact(rate).first_hit(self.goal, last)

    def risk(self, rate, step):
        """The risk after `step` steps at this rate."""
        return self.exact(rate).at(step)

    def above(self, middle, radius):
        """At least the modulus of the risk at every complex rate within `radius` of `middle`."""
        slope = np.abs(2.0 * middle * self.square - 2.0 * self.eigenvalues)
        return self.power_sum(
            self.diagonal(middle) + radius * slope + radius**2 * self.square, middle + radius
        )

    def earliest_hit(self, low, high, last, reach):
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


def _proven(risks, stable_rate, slowest):
    """Branch and bound, most promising interval first; a local search makes the bounds bite early."""
    best, rate = None, 0.5 * stable_rate
    while rate * MOST_STEPS > slowest and (best is None or rate > 0.1 * best.learning_rate):
        best = _improved(risks, rate, best, risks.largest_rate)
        rate *= 0.1
    steps, rate = _reached(best, risks.most_steps).steps, best.learning_rate
    reach = min(
        (0.4, 0.2, 0.1, 0.05, 0.02), key=lambda part: risks.above(rate, part * rate).at(steps) / part**2
    )
    heap = [(1, slowest / best.steps, risks.largest_rate)]
    while heap:
        least_steps, low, high = heapq.heappop(heap)
        if least_steps >= best.steps or high <= low * (1.0 + 1e-12):
            continue
        middle = math.sqrt(low * high)
        best = _improved(risks, middle, best, risks.largest_rate)
        for part in ((low, middle), (middle, high)):
            hit = risks.earliest_hit(*part, best.steps - 1, reach)
            if hit is not None:
                heapq.heappush(heap, (hit, *part))
    return best


def _improved(risks, rate, best, largest_rate):
    """The better of `best` and what is found near `rate`, minimising the risk one step before the best."""
    while best is None or best.steps > 1:
        hit = risks.first_hit(rate, best.steps - 1 if best else risks.most_steps)
        if hit is None:
            break
        best, window = Depth(hit, rate), (rate / 1.5, min(rate * 1.5, largest_rate))
        found = minimize_scalar(risks.risk, args=(max(hit - 1, 1),), bounds=window, method="bounded")
        rate = float(found.x)
    return best
