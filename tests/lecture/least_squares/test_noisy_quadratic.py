"""The noisy quadratic: sign descent against every path and many runs, the race against `ls.risk_curve`."""

import itertools
import math

import numpy as np
import pytest
from scipy.special import ndtr

from lecturelib import least_squares as ls
from lecturelib.least_squares.noisy_quadratic import STARTS, Arrival, race, sign_errors, winner
from tests.agree import FLOAT64, agree
from tests.marks import first_quick

ROUNDING = 1e-12  # sums of 2^8 paths, or products of 500 steps, of numbers of order one


def every_path(start, rate, noise, steps):
    """E Delta^2 after so many steps, path by path."""
    total = 0.0
    for path in itertools.product((-1, 1), repeat=steps):
        place, chance = start, 1.0
        for move in path:
            chance *= ndtr(-move * place / noise)
            place += move * rate
        total += chance * place**2
    return total


@pytest.mark.parametrize(("start", "rate", "noise"), [(1.0, 0.3, 0.5), (0.157, 0.8, 2.0), (-1.5, 0.4, 0.9)])
def test_sign_descent_is_the_sum_over_every_path(start, rate, noise):
    ours = sign_errors([start], [rate], noise, 8).ravel()
    right = [every_path(start, rate, noise, steps) for steps in range(9)]
    agree(ours, right, relative=ROUNDING)
    for wrong in ((start, rate, noise**2), (start, 2 * rate, noise)):
        assert abs(every_path(*wrong, 8) / right[-1] - 1.0) > 0.01


def test_without_noise_a_sign_is_a_sign():
    errors = sign_errors([1.0, -0.3], [0.25, 1.0], 0.0, 4)
    assert errors.shape == (5, 2, 2)
    agree(errors[:, 0, 0], [1.0, 0.75**2, 0.5**2, 0.25**2, 0.0], rounding=FLOAT64)
    agree(errors[:, 1, 1], [0.3**2, 0.7**2, 0.3**2, 0.7**2, 0.3**2], relative=ROUNDING)


def directions(octaves):
    """Curvature and start of one direction for each start in each octave, and how many it stands for."""
    for k in range(octaves + 1):
        for start in STARTS:
            yield 2.0**-k, start, 2.0**k


def share(found, octaves, b, noise, steps):
    """The risk over the first of SGD and heavy ball, by `ls.risk_curve`: in one direction x is always 1."""
    risk, first = np.zeros(steps + 1), 0.0
    for curvature, start, count in directions(octaves):
        alone = ls.one_hot([1.0], noise / curvature)  # E (gradient / curvature - Delta)^2 b
        rate = curvature * found.learning_rate
        curve = ls.risk_curve(alone, [start], rate, b, steps, momentum=found.momentum).risk
        risk += count * curvature * curve
        first += count * curvature * curve[0]
    return risk / first


@first_quick(
    ("octaves", "b", "noise", "target"), [(0, 4, 1.0, 0.05), (3, 64, 4.0, 0.02), (6, 256, 1.0, 0.02)]
)
def test_sgd_and_heavy_ball_reach_the_target_first_where_the_library_says(octaves, b, noise, target):
    found = race(octaves, b, noise, target)
    for name in ("SGD", "heavy ball"):
        one = found[name]
        risks = share(one, octaves, b, noise, one.steps)
        agree(one.risk, risks[-1], relative=1e-9)
        assert risks[-1] <= target < risks[:-1].min()
        assert abs(share(one, octaves, 2 * b, noise, one.steps)[-1] / one.risk - 1.0) > 0.01
        for rate in one.learning_rate * 2.0 ** np.array([-0.25, 0.25]):  # the neighbours are no faster
            near = share(Arrival(0, rate, one.momentum), octaves, b, noise, one.steps - 1)
            assert near.min() > target
    assert found["SGD"].momentum == 0.0


def sign_runs(octaves, rate, b, noise, steps, runs, random):
    """The risk over the first of runs of sign descent: mean and standard error, Gaussian labels drawn."""
    total, first = np.zeros(runs), 0.0
    for curvature, start, count in directions(octaves):
        error = np.full(runs, start)
        for _ in range(steps):
            label = np.sqrt(curvature * noise / b) * random.standard_normal(runs)
            error -= rate * np.sign(curvature * error + label)
        total += count * curvature * error**2
        first += count * curvature * start**2
    return np.mean(total / first), np.std(total / first, ddof=1) / math.sqrt(runs)


def test_sign_descent_runs_as_the_race_says():
    found = race(4, 64, 4.0, 0.05)["sign descent"]
    mean, error = sign_runs(4, found.learning_rate, 64, 4.0, found.steps, 4000, np.random.default_rng(3))
    assert error < 0.05 * found.risk
    agree(mean, found.risk, standard_error=error)
    mean, error = sign_runs(4, found.learning_rate, 16, 4.0, found.steps, 4000, np.random.default_rng(3))
    with pytest.raises(AssertionError):  # another batch
        agree(mean, found.risk, standard_error=error)


def test_only_noise_over_batch_counts():
    assert race(5, 16, 1.0, 0.02) == race(5, 64, 4.0, 0.02) != race(5, 64, 1.0, 0.02)


def test_more_steps_change_nothing_but_what_was_out_of_reach():
    short, long = race(6, 16, 1.0, 0.02, most_steps=200), race(6, 16, 1.0, 0.02, most_steps=500)
    assert short["SGD"].steps == math.inf
    assert 200 < long["SGD"].steps <= 500
    assert short["sign descent"].steps == math.inf or short["sign descent"] == long["sign descent"]
    with_one = race(6, 256, 1.0, 0.02, momenta=[0.9])["heavy ball"]
    assert with_one.momentum == 0.9
    assert with_one.steps > race(6, 256, 1.0, 0.02)["heavy ball"].steps


def test_the_winner_is_the_first_that_is_near_enough():
    def of(*steps):
        return winner(dict(zip(("SGD", "heavy ball", "sign descent"), map(Arrival, steps), strict=True)), 0.1)

    assert of(11, 10, 10) == "SGD"
    assert of(12, 11, 10) == "heavy ball"
    assert of(12, 12, 10) == "sign descent"
    assert of(math.inf, math.inf, math.inf) is None


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"octaves": 17}, "octaves = 17"),
        ({"octaves": 1.5}, "octaves = 1.5"),
        ({"batch_size": 0}, "batch_size = 0"),
        ({"noise_variance": 0.0}, "noise_variance = 0.0"),
        ({"target": 1.0}, "target = 1.0"),
        ({"momenta": []}, r"momenta = \[\]"),
        ({"momenta": [0.5, 1.0]}, "momenta = 1.0"),
        ({"most_steps": 0}, "most_steps = 0"),
    ],
)
def test_what_the_race_refuses(wrong, word):
    with pytest.raises(ValueError, match=word):
        race(**{"octaves": 2, "batch_size": 4, "noise_variance": 1.0, "target": 0.1} | wrong)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"learning_rate": [0.1, 0.0]}, "learning_rate = .*0.0"),
        ({"start_error": [math.nan]}, "start_error has the value nan"),
        ({"noise": -1.0}, "noise = -1.0"),
        ({"steps": -1}, "steps = -1"),
    ],
)
def test_what_sign_descent_refuses(wrong, word):
    with pytest.raises(ValueError, match=word):
        sign_errors(**{"start_error": [1.0], "learning_rate": [0.1], "noise": 1.0, "steps": 3} | wrong)


def test_the_starts_are_those_of_a_standard_normal():
    medians = np.abs(np.random.default_rng(0).standard_normal(400_000))
    quarters = np.quantile(medians, [0.125, 0.375, 0.625, 0.875])
    agree(STARTS, quarters, standard_error=0.003)
