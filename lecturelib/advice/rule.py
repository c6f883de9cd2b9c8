"""The rule of thumb for a model, from a pilot run of it.

The law of McCandlish et al. for the steps and examples to a given loss, with B between the noise scale now
and the noise scale at the goal (their geometric mean)::

    steps(b) = S (1 + B / b),   work(b) = E (1 + b / B),   E = B S

S comes from the pilot run. A batch of (price - 1) B costs `price` times the least work. Rates are half of the
largest stable rate that the curvature predicts (`NoiseScale.max_learning_rate`), at the start or at the goal,
whichever is smaller.
"""

import math

import numpy as np

from lecturelib.advice.model import Pilot, power_of_two
from lecturelib.advice.planning import Plan, Reached, batch_sizes, choose, worthwhile
from lecturelib.least_squares.schemes import Scheme
from lecturelib.networks.noise_scale import NoiseScale

SAID = (
    "A rule of thumb: steps = S (1 + B / b), with the noise scale B taken between start and goal, and "
    "rates from the curvature. Trust the training run more than the table."
)


def plan(pilot: Pilot, total: int, goal: float, price: float) -> Plan:
    """What each batch size costs by the rule, and which to take.

    Args:
        pilot: a pilot run of the model.
        total: number of examples; a batch is no larger.
        goal: loss to reach, as a fraction of the first loss.
        price: most work, as a multiple of the least.
    """
    table = []
    for batch_size in batch_sizes(total):
        largest, rate, steps = row(pilot, batch_size)
        table.append(Reached(batch_size, largest, steps, rate, steps * batch_size))
    cheapest, recommended = choose(table, price)
    assert recommended is not None  # by the rule every batch size gets there
    rates, sizes = doubling(pilot, table[recommended].steps, total)
    return Plan(
        goal=goal,
        price=price,
        start_risk=pilot.first_loss,
        critical_batch_size=pilot.now.critical_batch_size,
        noise_scale_start=pilot.now.noise_scale,
        noise_scale_goal=known_scale(pilot.later),
        rows=tuple(table),
        cheapest=cheapest,
        recommended=recommended,
        schedule=worthwhile(Scheme(rates, sizes), table),
        rates_exact=False,
    )


def known_scale(estimate: NoiseScale) -> float:
    """A noise scale, or the low end of its interval where the gradient is lost in noise."""
    return estimate.noise_scale if math.isfinite(estimate.noise_scale) else estimate.interval[0]


def row(pilot: Pilot, batch_size: int) -> tuple[float, float, int]:
    """Largest rate, rate and steps for a batch size, by the rules at the top of this file."""
    largest = [float(pilot.now.max_learning_rate(batch_size))]
    if pilot.later.trace > 0.0 and pilot.later.sharpness > 0.0:
        largest.append(float(pilot.later.max_learning_rate(batch_size)))
    tempered = pilot.learning_rate / (0.5 * float(pilot.now.max_learning_rate(pilot.batch_size)))
    scale = math.sqrt(max(known_scale(pilot.now), 1e-9) * max(known_scale(pilot.later), 1e-9))
    fewest = pilot.steps / (1.0 + scale / pilot.batch_size)
    return min(largest), 0.5 * tempered * min(largest), math.ceil(fewest * (1.0 + scale / batch_size))


def doubling(pilot: Pilot, steps: int, total: int) -> tuple[np.ndarray, np.ndarray]:
    """Rates and batch sizes, shape (steps,): from the noise scale at the start to that at the goal."""
    first, last = (power_of_two(known_scale(each), total) for each in (pilot.now, pilot.later))
    doublings = max(round(math.log2(last / first)), 0)
    sizes = first * 2 ** (np.arange(steps) * (doublings + 1) // steps)
    return np.full(steps, row(pilot, first)[1]), sizes
