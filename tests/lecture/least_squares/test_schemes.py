"""Exact schemes against enumeration of every batch, closed forms, and printed reference numbers."""

import itertools
import math

import numpy as np
import pytest

from lecturelib import schemes
from lecturelib.least_squares import averaging, gaussian, one_hot
from lecturelib.least_squares.stability import max_learning_rate
from tests.agree import agree
from tests.lecture.least_squares.enumeration import (
    DATA,
    EXACT,
    FEATURES,
    ISO,
    POWER,
    SAMPLES,
    START,
    paths,
    risk,
)
from tests.marks import first_quick


def test_scheduled_risk_enumerated():
    rates, sizes = [0.5, 0.3, 0.7], [1, 3, 2]
    errors = paths(rates, sizes)
    expected = [DATA.risk(DATA.start(START)), *(risk(errors[:, t]) for t in range(3))]
    agree(schemes.scheduled_risk(DATA, START, rates, sizes), expected, relative=EXACT)
    for wrong in ((rates[::-1], sizes), (rates, sizes[::-1]), (rates, [1, 1, 1])):
        assert abs(schemes.scheduled_risk(DATA, START, *wrong)[-1] / expected[-1] - 1) > 1e-3


@first_quick(
    ("batch_size", "last", "averaged", "best"),
    [
        (1, 630.1538462, 3.9490873, 1.0164528),
        (8, 555.3898305, 3.7163624, 1.0168834),
        (64, 284.9391304, 2.8745053, 1.0201495),
        (256, 106.7361564, 2.3197964, 1.0302658),
        (1024, 30.4818605, 2.0824325, 1.0671710),
    ],
)
def test_schemes_reference_numbers(batch_size, last, averaged, best):
    """maths.md section 6: iso50, sigma^2 = 1, n = 32768, risks over the floor."""
    steps, start, floor = SAMPLES // batch_size, np.ones(50), schemes.minimax_floor(ISO, SAMPLES)
    assert floor == 7.62939453125e-4
    rate = 0.5 * max_learning_rate(ISO, batch_size)
    found = schemes.scheduled_risk(ISO, start, [rate] * steps, [batch_size] * steps)[-1] / floor
    agree(found, last, rounding=0.5e-7)
    found = schemes.tail_averaged_risk(ISO, start, rate, batch_size, steps, steps // 2) / floor
    agree(found, averaged, rounding=0.5e-7)
    scheme = schemes.optimal_scheme(ISO, start, [batch_size] * steps)
    found = schemes.scheduled_risk(ISO, start, scheme.learning_rates, scheme.batch_sizes)[-1] / floor
    agree(found, best, rounding=0.5e-7)
    assert (scheme.steps, scheme.samples) == (steps, SAMPLES)


@first_quick(
    ("problem", "batch_size", "c", "expected"),
    [
        (ISO, 1, 1, 1.0910320),
        (ISO, 32, 1, 1.1300039),
        (ISO, 1, 2, 1.3375),
        (POWER, 1, 1, 2.983),
        (POWER, 1, 2, 5.586),
    ],
)
def test_rates_that_fall_like_one_over_t(problem, batch_size, c, expected):
    steps = SAMPLES // batch_size
    falling = c / (problem.eigenvalues.min() * np.arange(1, steps + 1))
    rates = np.minimum(0.5 * max_learning_rate(problem, batch_size), falling)
    found = schemes.scheduled_risk(problem, np.ones(problem.dimension), rates, [batch_size] * steps)[-1]
    agree(found / schemes.minimax_floor(problem, SAMPLES), expected, relative=1e-4)


def over_floor(problem, scheme, tail=1):
    arguments = (problem, np.ones(problem.dimension), scheme.learning_rates, scheme.batch_sizes)
    floor = schemes.minimax_floor(problem, scheme.samples)
    return schemes.tail_averaged_risk(*arguments, scheme.steps, tail) / floor


def test_doubling_reference_numbers():
    """maths.md section 6: the rate stays at half the maximum of the first batch; only the batch grows."""
    scheme = schemes.doubling(ISO, 1, stages=9, steps_per_stage=64)
    assert (scheme.steps, scheme.samples) == (576, 32704)
    assert round(over_floor(ISO, scheme), 7) == 1.3685491
    assert round(over_floor(ISO, scheme, tail=32), 7) == 1.2578536
    hasty = schemes.doubling(POWER, 32, stages=6, steps_per_stage=16)
    assert round(over_floor(POWER, hasty), 1) == 22.9
    patient = schemes.staged(POWER, [8, 16, 32, 64, 128], [512, 128, 128, 128, 128])
    assert (patient.steps, patient.samples) == (1024, 34816)
    assert round(over_floor(POWER, patient, tail=128), 4) == 1.6918
    rescaled = np.repeat(0.5 * max_learning_rate(ISO, 2 ** np.arange(9)), 64)  # mutant: rate grows with batch
    assert over_floor(ISO, schemes.Scheme(rescaled, scheme.batch_sizes)) > 50


def test_batch_in_proportion_to_the_noise_scale():
    """n = theta (d + 1) T + d s^2 (1/P_T - 1/P_0); maths.md section 6: 15 steps, n = 33532, P = 50 / 2^15."""
    scheme = schemes.proportional_scheme(ISO, np.ones(50), 15, whole=False)
    assert (scheme.steps, round(scheme.samples, 6)) == (15, 33532)
    state = ISO.start(np.ones(50))
    for rate, batch_size in zip(scheme.learning_rates, scheme.batch_sizes, strict=True):
        state = ISO.step(state, rate, batch_size)
    agree(np.sum(state.second), 0.00152587890625, relative=EXACT)
    assert round(ISO.risk(state) / schemes.minimax_floor(ISO, scheme.samples), 7) == 1.0233154
    for theta in (0.5, 3.0):
        scheme = schemes.proportional_scheme(ISO, np.ones(50), 8, theta=theta, whole=False)
        grown = (1.0 + theta) ** 8 / 50
        agree(scheme.samples, theta * 51 * 8 + 50 * (grown - 1 / 50), relative=EXACT)


def test_whole_batches():
    """B_t = 51 + 2^t: rounding up adds nothing. A table that takes 179 + 1e-14 for 180 goes on from there."""
    scheme = schemes.proportional_scheme(ISO, np.ones(50), 14)
    assert np.array_equal(scheme.batch_sizes, [51 + 2**step for step in range(14)])
    rounded_up = [52, 53, 55, 59, 67, 83, 115, 180, 308, 565, 1079, 2107, 4163, 8275]
    scheme = schemes.optimal_scheme(ISO, np.ones(50), rounded_up)
    found = schemes.scheduled_risk(ISO, np.ones(50), scheme.learning_rates, scheme.batch_sizes)[-1]
    assert scheme.samples == 17161
    agree(found, 0.0015199782, rounding=0.5e-10)


@pytest.mark.parametrize("problem", [ISO, gaussian([0.3] * 4, 0.7), one_hot([0.2] * 5, 0.4)])
def test_greedy_rates_are_the_best_rates(problem):
    """U grows by b U / (r + d s^2 U / l); moving any one rate either way makes the end worse."""
    start, sizes = np.ones(problem.dimension), [1, 3, 2, 8, 8]
    scheme = schemes.optimal_scheme(problem, start, sizes)
    best = schemes.scheduled_risk(problem, start, scheme.learning_rates, sizes)[-1]
    eigenvalue, feedback = schemes.isotropic(problem)
    grown = 1.0 / problem.dimension
    for size in sizes:
        noise = problem.dimension * problem.noise_variance / eigenvalue
        grown += size * grown / (feedback + noise * grown)
    agree(best, 0.5 * eigenvalue / grown, relative=EXACT)
    for step, factor in itertools.product(range(5), (0.9, 1.1)):
        moved = scheme.learning_rates * np.where(np.arange(5) == step, factor, 1.0)
        assert schemes.scheduled_risk(problem, start, moved, sizes)[-1] > best


def test_the_floor_of_a_data_set_has_its_own_noise():
    residuals = DATA.targets - FEATURES @ DATA.solution
    noise = FEATURES.T @ (residuals[:, None] ** 2 * FEATURES) / 3
    expected = 0.5 * np.trace(np.linalg.solve(FEATURES.T @ FEATURES / 3, noise)) / 10
    agree(schemes.minimax_floor(DATA, 10), expected, relative=EXACT)
    assert schemes.minimax_floor(one_hot([0.5, 0.5, 0.0], 2.0), 4) == 0.5 * 2.0 * 2 / 4


def test_past_the_largest_rate_the_risk_grows_without_a_warning():
    assert not schemes.scheduled_risk(ISO, np.ones(50), [1.0] * 400, [1] * 400)[-1] < math.inf
    assert not schemes.tail_averaged_risk(ISO, np.ones(50), 1.0, 1, 400, 9) < math.inf
    assert not schemes.local_sgd_risk(ISO, np.ones(50), 1.0, 1, 2, 400, 400) < math.inf


CALLS = {
    "scheduled": (schemes.scheduled_risk, {"learning_rates": [0.1, 0.1], "batch_sizes": [1, 2]}),
    "tail": (schemes.tail_averaged_risk, {"learning_rate": 0.1, "batch_size": 2, "steps": 4, "tail": 2}),
    "local": (
        schemes.local_sgd_risk,
        {"learning_rate": 0.1, "batch_size": 2, "machines": 2, "sync_every": 2, "steps": 4},
    ),
    "optimal": (schemes.optimal_scheme, {"batch_sizes": [1, 2]}),
    "proportional": (schemes.proportional_scheme, {"steps": 4}),
    "floor": (lambda start_error, **how: schemes.minimax_floor(**how), {}),
    "staged": (
        lambda start_error, **how: schemes.staged(**how),
        {"batch_sizes": [1, 2, 4], "steps_per_stage": 3},
    ),
}


@pytest.mark.parametrize(
    ("call", "name", "value", "says"),
    [
        ("scheduled", "learning_rates", [0.1, -0.1], "learning_rates has the entry -0.1; pass none below 0"),
        ("scheduled", "learning_rates", [0.1, math.nan], "learning_rates has the value nan"),
        ("scheduled", "batch_sizes", [1, 2, 3], "batch_sizes has shape (3,)"),
        ("scheduled", "batch_sizes", [1, 1.5], "batch_size = 1.5"),
        ("scheduled", "batch_sizes", [1, 0], "batch_size = 0.0 is refused"),
        ("scheduled", "start_error", [1.0], "start_error has shape (1,)"),
        ("tail", "tail", 5, "tail = 5 is more than steps = 4"),
        ("tail", "tail", 0, "tail = 0 is refused"),
        ("tail", "steps", 0, "steps = 0 is refused"),
        ("tail", "learning_rate", -1.0, "learning_rate = -1.0 is refused"),
        ("tail", "batch_size", 0, "batch_size = 0 is refused"),
        ("local", "machines", 0, "machines = 0 is refused"),
        ("local", "sync_every", 0.5, "sync_every = 0.5 is refused"),
        ("local", "steps", 1.5, "steps = 1.5 is refused"),
        ("optimal", "problem", POWER, "pass one with all eigenvalues equal"),
        ("optimal", "problem", DATA, "pass a gaussian or one_hot problem"),
        ("optimal", "batch_sizes", [1, 0.5], "batch_sizes has the entry 0.5"),
        ("optimal", "start_error", np.zeros(50), "start_error is all zero"),
        ("proportional", "theta", 0.0, "theta = 0.0 is refused"),
        ("proportional", "theta", -1.0, "theta = -1.0 is refused"),
        ("floor", "samples", 0, "samples = 0 is refused; pass"),
        ("staged", "batch_sizes", [1, 0], "is refused; pass a whole number, 1 or more"),
        ("staged", "steps_per_stage", [3, 3], "steps_per_stage has 2 entries for 3 stages; pass"),
    ],
)
def test_bad_arguments_are_named_with_their_value_and_a_remedy(call, name, value, says):
    function, arguments = CALLS[call]
    with pytest.raises(ValueError, match=r"pass|round|remove|average") as raised:
        function(**{"problem": ISO, "start_error": np.ones(50), **arguments, name: value})
    assert says in str(raised.value)


def test_averaging_is_reexported():
    assert schemes.tail_averaged_risk is averaging.tail_averaged_risk
    assert schemes.local_sgd_risk is averaging.local_sgd_risk
