"""A plan by pilot runs alone, where there is no theory: Adam, and models with momentum.

From a batch size to begin with, training goes down and up a ladder of batch sizes a factor of STEP apart, at
each over rates a factor of two apart, while work falls on the way down and until it is dear on the way up.
Steps and rate of the batch sizes between are interpolated, both in logarithms; beyond the ladder nothing is
said. What is recommended, and an eighth of it, is always one that was trained.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lecturelib.advice.pilot import NO_TIME, Pilots, fairly, nothing
from lecturelib.advice.planning import Plan, Reached, choose

SAID = "No theory here: steps and rates are those of training runs, tuned by factors of two."
STEP = 8
SLOWER = 3  # times as many steps are expected of a batch STEP times as small
PAYS = 0.9  # the ladder goes on down while work falls to this share
ROUNDS = 3  # of training what is recommended, which may move the recommendation
RULES = {"square-root": 0.5, "linear": 1.0}  # exponents of the batch size


def plan(pilots: Pilots, first: Reached, found: Plan, sizes: Sequence[int]) -> tuple[Plan, list[str]]:
    """What each batch size costs by pilot runs, which to take, and how its rate grows with the batch size.

    Args:
        pilots: what to train.
        first: the batch size to begin with, one of `sizes`; a rate to search from, and the steps expected.
        found: a plan of plain SGD for the same, which says all that is no matter of the optimizer.
        sizes: of the table, powers of two, rising.

    Returns:
        The plan, and sentences.
    """
    begun = fairly(pilots, first)
    if begun is None:
        return replace(nothing(found), noise_scale_goal=None), [NO_TIME]
    trained = {begun.batch_size: begun}
    low = begun
    while low.batch_size >= STEP:
        guess = _guess(low, low.batch_size // STEP, SLOWER * low.steps)
        below = fairly(pilots, guess)
        if below is None:
            break
        trained[below.batch_size] = below
        if below.work > PAYS * low.work:
            break
        low = below
    high = begun
    while high.batch_size < sizes[-1] and high.work <= found.price * min(r.work for r in trained.values()):
        above = fairly(pilots, _guess(high, min(STEP * high.batch_size, sizes[-1]), high.steps))
        if above is None:
            break
        high = trained[above.batch_size] = above
    made = _table(trained, found, sizes)
    for _ in range(ROUNDS):
        untrained = [row for row in made.checked if row.batch_size not in trained]
        again = [better for row in untrained if (better := fairly(pilots, row)) is not None]
        if not again:
            break
        trained |= {row.batch_size: row for row in again}
        made = _table(trained, found, sizes)
    listed = ", ".join(map(str, sorted(trained)))
    said = f"Pilot runs tuned the rate at batch {listed}; rows between are interpolated, others not tried."
    return made, [said, *growth(trained)]


def growth(trained: dict[int, Reached]) -> list[str]:
    """How the best rate grows with the batch size, a sentence; rates were tried a factor of two apart.

    >>> from lecturelib.advice import ladder
    >>> from lecturelib.advice.planning import Reached
    >>> rows = {b: Reached(b, 1.0, 9, rate, 9 * b) for b, rate in ((1, 0.1), (64, 0.8))}
    >>> print(*ladder.growth(rows))
    From batch 1 to 64 the best rate grows as b^0.50 (+- 0.17): square-root rule fits, linear does not.
    """
    low, high = trained[min(trained)], trained[max(trained)]
    if low is high:
        return []
    octaves = math.log2(high.batch_size / low.batch_size)
    exponent, error = math.log2(high.learning_rate / low.learning_rate) / octaves, 1.0 / octaves
    fits = [abs(exponent - power) <= error + 1e-9 for power in RULES.values()]
    square_root, linear = ("fits" if each else "does not" for each in fits)
    if square_root == linear:
        rules = "square-root and linear rule both " + ("fit" if fits[0] else "do not")
    else:
        rules = f"square-root rule {square_root}, linear {linear}"
    sizes = f"From batch {low.batch_size} to {high.batch_size}"
    return [f"{sizes} the best rate grows as b^{exponent:.2f} (+- {error:.2f}): {rules}."]


def _guess(row: Reached, size: int, steps: int) -> Reached:
    """What to begin with at another batch size: the rate by the square-root rule."""
    rate = row.learning_rate * math.sqrt(size / row.batch_size)
    return Reached(size, row.max_learning_rate, steps, rate, steps * size)


def _table(trained: dict[int, Reached], found: Plan, sizes: Sequence[int]) -> Plan:
    """The plan that interpolates between the rows trained."""
    known = sorted(trained)
    places = np.log2(known)
    steps, rates = (
        np.log([getattr(trained[size], name) for size in known]) for name in ("steps", "learning_rate")
    )
    rows: list[Reached] = []
    for size in sizes:
        if size in trained:
            rows.append(trained[size])
        elif known[0] < size < known[-1]:
            place = math.log2(size)
            count = math.ceil(math.exp(np.interp(place, places, steps)))
            rate = math.exp(np.interp(place, places, rates))
            rows.append(Reached(size, math.inf, count, rate, count * size))
    cheapest, recommended = choose(rows, found.price)
    return replace(
        found, rows=tuple(rows), cheapest=cheapest, recommended=recommended, schedule=None,
        noise_scale_goal=None,
    )  # fmt: skip
