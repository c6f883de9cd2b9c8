"""How long SGD, plain or with momentum, takes on reduced moments; and a schedule of plain SGD that doubles.

All from the recursion of `reduction.py`; nothing is simulated. Last iterates, from w_0 = 0.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from lecturelib.advice.optimizer import MOMENTA
from lecturelib.advice.reduction import Moments
from lecturelib.least_squares.momentum import check_momentum, over_time
from lecturelib.least_squares.recursion import Depth, MatrixRisk
from lecturelib.least_squares.schemes import Scheme
from lecturelib.least_squares.stability import max_learning_rate

MOST_STEPS = 10**6  # a run that takes longer is called out of reach
SHORTEST_STAGE = 4  # steps
SHARES = (0.7, 0.5, 0.35, 0.25, 0.12)
EARLY = (1.0, 0.5, 0.25, 0.125, 0.0625)
WORTH = 0.9  # share of the steps that another momentum has to leave
GRID, REFINEMENTS = 0.7, 7  # of the search for a rate: ratio of neighbours, then golden sections
STABLE_SHARE = 0.95  # the largest rate tried, as a share of the largest stable one


def depth(
    problem: Moments, goal: float, batch_size: float,
    stable_rate: float | None = None, guess: float | None = None, momentum: float = 0.0,
) -> Depth | None:  # fmt: skip
    """The fewest steps to a risk at a constant stable rate, and that rate; None if no rate gets there.

    The best of a grid of rates, refined by golden section: reached for certain, minimal by search.

    Args:
        problem: from `moments`.
        goal: excess risk to reach, above 0, below that at the start.
        batch_size: a number >= 1, or math.inf.
        stable_rate: the largest stable rate, where it is known better than by the reduced problem.
        guess: a rate to search from.
        momentum: beta of the heavy ball, 0 for plain SGD.

    Example:
        >>> import numpy as np
        >>> from lecturelib.advice import reduction, search
        >>> problem = reduction.moments(np.eye(64), np.ones(64))
        >>> search.depth(problem, 0.01 * problem.risk(problem.start(problem.start_error)), 16).steps
        21
    """
    risks = risks_over_time(problem, batch_size, goal, momentum)
    top = STABLE_SHARE * (stable_rate or max_learning_rate(problem, batch_size, momentum=momentum))
    tried: dict[float, float] = {}

    def steps(rate: float) -> float:
        if rate not in tried:
            last = min(2 * min(tried.values(), default=math.inf), MOST_STEPS)
            hit = risks.first_hit(rate, int(last)) if risks.steady(rate) < goal else None
            tried[rate] = math.inf if hit is None else hit
        return tried[rate]

    def best() -> float:
        return min(tried, key=lambda rate: (tried[rate], rate))

    first = min(guess or top, top)
    rate = first
    while rate / (1.0 - momentum) * MOST_STEPS * np.max(problem.eigenvalues) > 0.5:
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


def risks_over_time(problem: Moments, batch_size: float, goal: float, momentum: float) -> MatrixRisk:
    """The risk from w_0 = 0 at any rate and step, with this momentum."""
    start, velocity = problem.start(problem.start_error), check_momentum(momentum, nesterov=False)
    if velocity is None:
        return problem.matrix_risk(start, batch_size, goal)
    return over_time(problem, start, batch_size, goal, velocity)


def momentum(problem: Moments, goal: float, batch_size: float, known: Depth, usual: float) -> float:
    """The momentum of MOMENTA that needs the fewest steps; the usual one unless that saves a tenth of them.

    Args:
        problem: from `moments`.
        goal: excess risk to reach, above 0, below that at the start.
        batch_size: a number >= 1, or math.inf.
        known: steps and rate with the usual momentum.
        usual: that momentum.

    Example:
        >>> import numpy as np
        >>> from lecturelib.advice import reduction, search
        >>> problem = reduction.moments(np.diag([1.0, 2.0, 9.0]), np.ones(3))
        >>> goal = 0.01 * problem.risk(problem.start(problem.start_error))
        >>> usual = search.depth(problem, goal, np.inf, momentum=0.9)
        >>> search.momentum(problem, goal, np.inf, usual, 0.9)
        0.8
    """
    tried = {usual: known.steps}
    for beta in MOMENTA:
        if beta != usual:
            found = depth(problem, goal, batch_size, guess=known.learning_rate, momentum=beta)
            tried[beta] = MOST_STEPS if found is None else found.steps
    best = min(tried, key=lambda beta: (tried[beta], beta))
    return best if tried[best] <= WORTH * known.steps else usual


def doubling(
    problem: Moments, goal: float, most_work: float, most_steps: int, first_sizes: Sequence[int]
) -> Scheme | None:
    """Of the runs to `goal` that keep the rate and double the batch, that of least work times depth.

    ::

        b_t = b_0 2^k,   k rising by one when the risk has come down to  r_0 / 2^k

    searched over b_0, r_0 (EARLY, of the first risk) and the rate (SHARES, of the largest stable one at
    b_0). A stage lasts SHORTEST_STAGE steps or more. None if no run is as short and as cheap as asked.

    Args:
        problem: from `moments`.
        goal: excess risk to reach, above 0, below that at the start.
        most_work: examples that a run may take.
        most_steps: steps that it may take.
        first_sizes: candidates for b_0.

    Example:
        >>> import numpy as np
        >>> from lecturelib.advice import reduction, search
        >>> features, labels = np.eye(2)[[0, 0, 1, 1]], np.array([2.0, 0.0, 2.0, 0.0])  # with noise
        >>> problem = reduction.moments(features, labels)
        >>> scheme = search.doubling(problem, 0.05, 200, 50, first_sizes=[1, 2])
        >>> scheme.steps < 15, scheme.samples <= 200
        (True, True)
    """
    largest = {first: problem.max_learning_rate(first) for first in first_sizes}

    def sizes_of(rate: float, size: int, early: float, dearest: float) -> np.ndarray | None:
        """The batch sizes of such a run, shape (steps,), or None if it costs more than allowed."""
        state = problem.start(problem.start_error)
        risk = problem.risk(state)
        next_double = early * risk
        sizes: list[int] = []
        work, since = 0, 0
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

    best = None
    for first, share, early in itertools.product(first_sizes, SHARES, EARLY):
        rate = share * largest[first]
        sizes = sizes_of(rate, first, early, best.steps * best.samples if best else math.inf)
        if sizes is not None:
            best = Scheme(np.full(len(sizes), rate), sizes)
    return best
