"""How long SGD on reduced moments takes: the fewest steps at a constant rate, and a schedule that doubles.

All from the recursion of `reduction.py`; nothing is simulated. Last iterates, from w_0 = 0.
"""

import math

import numpy as np

from lecturelib.schemes import Scheme
from lecturelib.theory.depth import Depth
from lecturelib.theory.lifted import LiftedRisk
from lecturelib.theory.problems import State

MOST_STEPS = 10**6  # a run that takes longer is called out of reach
SHORTEST_STAGE = 4  # steps
SHARES = (0.7, 0.5, 0.35, 0.25, 0.12)
EARLY = (1.0, 0.5, 0.25, 0.125, 0.0625)
GRID, REFINEMENTS = 0.7, 7  # of the search for a rate: ratio of neighbours, then golden sections
STABLE_SHARE = 0.95  # the largest rate tried, as a share of the largest stable one


class MomentsRisk(LiftedRisk):
    """The risk of SGD on reduced moments over time: P, m and the number one are a vector, a step a matrix."""

    most_steps = MOST_STEPS

    def __init__(self, problem, batch_size, goal):
        self.problem, self.factor, self.goal = problem, problem.noise_factor(batch_size), goal
        mean, second = problem.start(problem.start_error)
        self.start = np.concatenate([second, mean, [1.0]])
        self.reads = np.zeros_like(self.start)
        self.reads[: problem.dimension] = 0.5 * problem.eigenvalues

    def matrix(self, rate):
        """One step at this rate."""
        problem, scale = self.problem, rate**2 * self.factor
        size, left, right = len(problem.multiplicity), problem.left, problem.right
        step = np.zeros((len(self.start),) * 2)
        step[:size, :size] = scale * problem.fourth / problem.multiplicity
        step[np.diag_indices(size)] += (1.0 - rate * left) * (1.0 - rate * right) - scale * left * right
        step[:size, size:-1] = scale * problem.cross
        step[:size, -1] = scale * problem.residual_noise
        step[size:-1, size:-1] = np.diag(1.0 - rate * problem.eigenvalues)
        step[-1, -1] = 1.0
        return step

    def steady(self, rate):
        """The risk that a stable rate settles at."""
        size, step = len(self.problem.multiplicity), self.matrix(rate)
        second = np.linalg.solve(np.eye(size) - step[:size, :size], step[:size, -1])
        return float(self.reads[:size] @ second)

    def state(self, rate, steps):
        """The state after `steps` steps at this rate."""
        vector, leap, size = self.start, self.matrix(rate), len(self.problem.multiplicity)
        while steps:
            vector = leap @ vector if steps & 1 else vector
            steps >>= 1
            leap = leap @ leap if steps else leap
        return State(vector[size:-1], vector[:size])


def depth(problem, goal, batch_size, stable_rate=None, guess=None) -> Depth | None:
    """The fewest steps to an excess risk of `goal` at a constant stable rate, and that rate; None: none does.

    problem: `Moments`. goal: a number below the risk at the start, > 0. batch_size: a number >= 1 or
    math.inf. stable_rate: the largest stable rate, where it is known better than by the reduced problem.
    guess: a rate to search from. The best of a grid of rates, refined by golden section: reached for
    certain, minimal by search.

    >>> from lecturelib.advice.reduction import moments
    >>> problem = moments(np.eye(64), np.ones(64))
    >>> depth(problem, 0.01 * problem.risk(problem.start(problem.start_error)), 16).steps
    21
    """
    risks = MomentsRisk(problem, batch_size, goal)
    top = STABLE_SHARE * (stable_rate or problem.max_learning_rate(batch_size))
    tried = {}

    def steps(rate):
        if rate not in tried:
            last = min(2 * min(tried.values(), default=math.inf), MOST_STEPS)
            hit = risks.first_hit(rate, int(last)) if risks.steady(rate) < goal else None
            tried[rate] = math.inf if hit is None else hit
        return tried[rate]

    def best():
        return min(tried, key=lambda rate: (tried[rate], rate))

    first = min(guess or top, top)
    rate = first
    while rate * MOST_STEPS * np.max(problem.eigenvalues) > 0.5:
        if steps(rate) > 1.2 * tried[best()] and tried[best()] < math.inf:
            break
        rate *= GRID
    rate = first / GRID
    while rate < top / GRID and steps(min(rate, top)) <= 1.2 * tried[best()]:
        rate /= GRID
    if tried[best()] == math.inf:
        return None
    low, high = math.log(GRID * best()), math.log(min(best() / GRID, top))
    golden = 0.5 * (math.sqrt(5.0) - 1.0)
    for _ in range(REFINEMENTS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if steps(math.exp(left)) <= steps(math.exp(right)):
            high = right
        else:
            low = left
    return Depth(int(tried[best()]), float(best()))


def doubling(problem, goal, most_work, most_steps, first_sizes) -> Scheme | None:
    """Of the runs to `goal` that keep the rate and double the batch, that of least work times depth.

        b_t = b_0 2^k,   k rising by one when the risk has come down to  r_0 / 2^k

    searched over b_0, r_0 (EARLY, of the first risk) and the rate (SHARES, of the largest stable one at
    b_0); None if none gets there with `most_work` examples in `most_steps` steps. A stage lasts
    SHORTEST_STAGE steps or more. problem, goal: as for `depth`. first_sizes: whole numbers, candidates for
    b_0.

    >>> from lecturelib.advice.reduction import moments
    >>> problem = moments(np.eye(2)[[0, 0, 1, 1]], np.array([2.0, 0.0, 2.0, 0.0]))  # labels with noise
    >>> scheme = doubling(problem, 0.05, 200, 50, first_sizes=[1, 2])
    >>> scheme.steps < 15, scheme.samples <= 200
    (True, True)
    """
    best = None
    for size in first_sizes:
        for share in SHARES:
            rate = share * problem.max_learning_rate(size)
            for early in EARLY:
                dearest = best.steps * best.samples if best else math.inf
                sizes = _doubled(problem, goal, rate, size, early, most_work, most_steps, dearest)
                if sizes is not None:
                    best = Scheme(np.full(len(sizes), rate), sizes)
    return best


def _doubled(problem, goal, rate, size, early, most_work, most_steps, dearest):
    """The batch sizes of such a run, shape (steps,), or None if it costs more than allowed."""
    state = problem.start(problem.start_error)
    risk = problem.risk(state)
    next_double = early * risk
    sizes, work, since = [], 0, 0
    while risk > goal:
        if risk <= next_double and since >= SHORTEST_STAGE:
            size, next_double, since = 2 * size, 0.5 * next_double, 0
        work += size
        if work > most_work or len(sizes) == most_steps or work * (len(sizes) + 1) >= dearest:
            return None
        state = problem.step(state, rate, size)
        risk = problem.risk(state)
        sizes.append(size)
        since += 1
    return np.array(sizes)
