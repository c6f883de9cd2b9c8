"""A plan by pilot runs alone, on a law that is known: what is recommended, how the rate grows."""

import math
import re
from dataclasses import dataclass

import pytest

from lecturelib.advice import ladder, pilot
from lecturelib.advice.optimizer import chosen
from lecturelib.advice.planning import Plan, Reached, batch_sizes
from tests.agree import agree


@dataclass(frozen=True)
class Law:
    """Pilot runs that follow steps = S (1 + B / b), more where the rate is off; rates grow as b^power."""

    power: float = 0.5
    fewest: float = 50.0
    bend: float = 100.0
    affords: float = 1e9
    luck: float = 1.0  # by which the runs that choose are better than those made anew

    def anew(self):
        return Law(self.power, self.fewest, self.bend, self.affords)

    def affordable(self, row, longest):
        return longest <= self.affords

    def steps(self, row, factor, longest):
        off = math.log2(factor * row.learning_rate / (0.01 * row.batch_size**self.power))
        steps = self.luck * self.fewest * (1.0 + self.bend / row.batch_size) * (1.0 + off**2)
        return (steps, 0.0) if steps <= longest else (math.inf, 0.05 * steps / longest)


NOTHING = Plan(0.05, 2.0, 1.0, 5.0, 3.0, 40.0, (), None, None, None, True, chosen("adam"))
FIRST = Reached(64, math.inf, 200, 3.0, 12800)


def test_the_law_is_found_and_the_price_kept():
    found, said = ladder.plan(Law(), FIRST, NOTHING, batch_sizes(4096))
    sizes = [row.batch_size for row in found.rows]
    assert sizes == [2**k for k in range(len(sizes))]  # from 1, for work falls down to there
    for row in found.rows:
        law = 50.0 * (1.0 + 100.0 / row.batch_size)
        assert law <= row.steps <= 1.4 * (1.0 + 0.25) * law  # interpolated; a rate half an octave off
        assert row.work == row.steps * row.batch_size
    assert found.best.batch_size in (64, 128)  # twice the least work: where b is B
    law = 50.0 * (1.0 + 100.0 / found.best.batch_size)
    assert found.best.steps <= 1.25 * law + 1  # it was trained, not interpolated
    assert (found.schedule, found.noise_scale_goal, found.start_risk) == (None, None, 1.0)
    assert "Pilot runs tuned the rate at batch 1, 8, 64" in said[0]


@pytest.mark.parametrize(
    ("power", "says"),
    [
        (0.5, "square-root rule fits, linear does not"),
        (1.0, "square-root rule does not, linear fits"),
        (0.0, "square-root and linear rule both do not"),
    ],
)
def test_how_the_rate_grows_is_measured(power, says):
    _, said = ladder.plan(Law(power), FIRST, NOTHING, batch_sizes(4096))
    assert said[1].endswith(says + ".")
    exponent, error = map(float, re.search(r"b\^(\S+) \(\+- (\S+)\)", said[1]).groups())
    assert exponent - error <= power <= exponent + error
    assert error <= 0.2  # each end is half an octave off at most


def test_the_ladder_ends_where_time_does():
    found, said = ladder.plan(Law(affords=3000.0), FIRST, NOTHING, batch_sizes(4096))
    assert found.rows[0].batch_size > 1
    assert found.best is not None
    none, said = ladder.plan(Law(affords=10.0), FIRST, NOTHING, batch_sizes(4096))
    assert none.best is None
    assert said == [pilot.NO_TIME]


def test_steps_are_not_those_that_the_rate_was_chosen_by():
    lucky = pilot.fairly(Law(luck=0.5), FIRST)
    agree(lucky.steps, pilot.fairly(Law(), FIRST).steps, rounding=1e-12)
    assert pilot.best_rate(Law(luck=0.5), FIRST).steps < 0.6 * lucky.steps


def test_a_rate_that_arrives_only_by_luck_is_lowered():
    class Lucky(Law):
        def anew(self):
            return Strict()

    class Strict(Law):
        def steps(self, row, factor, longest):
            return (100.0, 0.0) if factor < 0.3 else (math.inf, 1.0)

    chosen_by_luck, found = pilot.best_rate(Lucky(), FIRST), pilot.fairly(Lucky(), FIRST)
    agree(found.learning_rate, 0.25 * chosen_by_luck.learning_rate, relative=1e-12)
    assert found.steps == 100
