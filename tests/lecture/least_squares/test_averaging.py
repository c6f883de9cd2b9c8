"""Averages of iterates and of machines: enumeration, closed forms, reference numbers, and mutants."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import schemes
from lecturelib.least_squares import gaussian, one_hot
from lecturelib.least_squares.stability import max_learning_rate
from tests.agree import agree
from tests.lecture.least_squares.enumeration import (
    DATA,
    EXACT,
    FEATURES,
    ISO,
    POWER,
    RESIDUALS,
    SAMPLES,
    START,
    paths,
    risk,
)
from tests.marks import first_quick


def ends_of_rounds(rate, machines, sync_every, steps):
    """The risk of local SGD with batch size one, every machine's every example enumerated."""
    found = [np.tile(START, (machines, 1))]
    for step in range(1, steps + 1):
        longer = []
        for errors, rows in itertools.product(found, itertools.product(range(3), repeat=machines)):
            x, e = FEATURES[list(rows)], RESIDUALS[list(rows)]
            new = errors - rate * x * (np.sum(x * errors, axis=1) - e)[:, None]
            longer.append(np.tile(new.mean(0), (machines, 1)) if step % sync_every == 0 else new)
        found = longer
    return risk(np.array(found).mean(1))


def shifted(errors, tail):
    """Mutant: the tail one iterate too early."""
    return errors[:, -tail - 1 : -1].mean(1)


def with_one_more(errors, tail):
    """Mutant: one iterate too many."""
    return errors[:, -tail - 1 :].mean(1)


def divided_by_steps(errors, tail):
    """Mutant: the sum of the tail over all steps."""
    return errors[:, -tail:].sum(1) / errors.shape[1]


@pytest.mark.parametrize("tail", [1, 2, 3])
def test_tail_average_enumerated(tail):
    rates, sizes = [0.5, 0.3, 0.7, 0.4], [1, 2, 1, 2]
    errors = paths(rates, sizes)
    found = schemes.tail_averaged_risk(DATA, START, rates, sizes, 4, tail)
    agree(found, risk(errors[:, -tail:].mean(1)), relative=EXACT)
    for mutant in (shifted, with_one_more, divided_by_steps):
        assert abs(risk(mutant(errors, tail)) / found - 1) > 1e-3


def tail_by_powers(problem, start_error, rate, batch_size, steps, tail):
    """The same average: 1/N^2 sum_t p_t [1 + 2 sum_{k <= T - t} (1 - eta l)^k], t in the tail."""
    state, total, shrink = problem.start(start_error), 0.0, 1.0 - rate * problem.eigenvalues
    for step in range(1, steps + 1):
        state = problem.step(state, rate, batch_size)
        if step > steps - tail:
            after = sum((shrink**k for k in range(1, steps - step + 1)), np.zeros_like(shrink))
            total = total + problem.diagonal(state.second) * (1.0 + 2.0 * after)
    return 0.5 * float(problem.eigenvalues @ total) / tail**2


@settings(max_examples=25, deadline=None)
@given(
    steps=st.integers(1, 30),
    share=st.floats(0.0, 1.0),
    fraction=st.floats(0.01, 0.95),
    batch_size=st.integers(1, 40),
    problem=st.sampled_from([gaussian([1.0, 0.3, 0.01], 0.4), one_hot([0.7, 0.2, 0.1], 0.1), DATA]),
)
def test_tail_average_two_ways(steps, share, fraction, batch_size, problem):
    tail = 1 + int(share * (steps - 1))
    rate = fraction * max_learning_rate(problem, batch_size)
    arguments = (problem, np.ones(problem.dimension), rate, batch_size, steps, tail)
    agree(schemes.tail_averaged_risk(*arguments), tail_by_powers(*arguments), relative=1e-11)


def test_the_tail_of_one_is_the_last_iterate():
    found = schemes.tail_averaged_risk(ISO, np.ones(50), 0.02, 2, 30, 1)
    agree(found, schemes.scheduled_risk(ISO, np.ones(50), [0.02] * 30, [2] * 30)[-1], relative=EXACT)


@pytest.mark.parametrize(("sync_every", "steps"), [(1, 3), (2, 3), (2, 2), (3, 3), (9, 3)])
def test_local_sgd_enumerated(sync_every, steps):
    found = schemes.local_sgd_risk(DATA, START, 0.5, 1, 2, sync_every, steps)
    agree(found, ends_of_rounds(0.5, 2, sync_every, steps), relative=EXACT)


@pytest.mark.parametrize("problem", [ISO, POWER, one_hot([0.25] * 4, 0.3), DATA])
def test_averaging_after_every_step_is_a_batch_k_times_as_large(problem):
    start, rate = np.ones(problem.dimension), 0.3 * max_learning_rate(problem, 3)
    found = schemes.local_sgd_risk(problem, start, rate, 3, 8, 1, 20)
    agree(found, schemes.scheduled_risk(problem, start, [rate] * 20, [24] * 20)[-1], relative=EXACT)


@pytest.mark.parametrize("problem", [ISO, POWER, DATA])
def test_averaging_once_divides_the_variance_by_k_and_leaves_the_bias(problem):
    start, rate, steps, machines = np.ones(problem.dimension), 0.4 * max_learning_rate(problem, 2), 15, 5
    state = problem.start(start)
    for _ in range(steps):
        state = problem.step(state, rate, 2)
    bias = problem.risk(state._replace(second=problem.outer(state.mean)))
    whole = problem.risk(state)
    found = schemes.local_sgd_risk(problem, start, rate, 2, machines, steps, steps)
    agree(found, bias + (whole - bias) / machines, relative=EXACT)
    for mutant in (whole / machines, bias / machines + (whole - bias), bias + (whole - bias) / machines**2):
        assert abs(mutant / found - 1) > 1e-3


def test_the_rounds_of_local_sgd_have_their_own_largest_rate():
    """maths.md section 7, iso50, K = 8; and the round matrix itself has spectral radius one there."""
    table = {1: 0.27118644, 2: 0.17000412, 5: 0.11155330, 20: 0.06843192, 100: 0.04704966, 1000: 0.03947560}
    for sync_every, expected in table.items():
        rate = schemes.local_sgd_max_learning_rate(ISO, 1, 8, sync_every)
        agree(rate, expected, rounding=5e-09)
    for problem in (ISO, one_hot([0.2] * 5), gaussian([0.5] * 4, kurtosis=5.0)):
        rate = schemes.local_sgd_max_learning_rate(problem, 2, 4, 7)
        quiet = problem.without_noise()
        start = np.ones(problem.dimension)
        before, after = (schemes.local_sgd_risk(quiet, start, rate, 2, 4, 7, 7 * r) for r in (9, 10))
        agree(after, before, relative=1e-11)
    assert schemes.local_sgd_max_learning_rate(ISO, 4, 1, 9) == max_learning_rate(ISO, 4)


@pytest.mark.parametrize(
    ("rate", "expected", "single"),
    [
        (0.03, (0.05270556, 0.05759780, 0.07704221, 0.16238055, 0.22738470), 1.81907763),
        (0.01, (0.02666492, 0.02683987, 0.02747712, 0.03030143, 0.03613731), 0.23270954),
    ],
)
def test_local_sgd_reference_numbers(rate, expected, single):
    """maths.md section 7: iso50, sigma^2 = 1, K = 8, b = 1, T = 400."""
    found = [schemes.local_sgd_risk(ISO, np.ones(50), rate, 1, 8, tau, 400) for tau in (1, 5, 20, 100, 400)]
    agree(found, expected, rounding=1e-8)
    assert found == sorted(found)
    alone = schemes.local_sgd_risk(ISO, np.ones(50), rate, 1, 1, 400, 400)
    agree(alone, single, rounding=1e-8)


@first_quick(
    ("batch_size", "expected", "digits"),
    [(1, 3.6771387, 7), (8, 2.7172438, 7), (64, 1.7387668, 7), (256, 20.39, 2)],
)
def test_tail_average_on_a_decaying_spectrum(batch_size, expected, digits):
    steps = SAMPLES // batch_size
    rate = 0.5 * max_learning_rate(POWER, batch_size)
    found = schemes.tail_averaged_risk(POWER, np.ones(100), rate, batch_size, steps, steps // 2)
    assert round(found / schemes.minimax_floor(POWER, SAMPLES), digits) == expected


@pytest.mark.parametrize("batch_size", [64, 256])
def test_the_tail_average_of_equal_features_is_within_four_times_the_floor(batch_size):
    """Half of the examples, times 1 + (d + 1) / (d + b + 1), less the two ends of the window."""
    steps, rate = SAMPLES // batch_size, 0.5 * max_learning_rate(ISO, batch_size)
    risk = schemes.tail_averaged_risk(ISO, np.ones(50), rate, batch_size, steps, steps // 2)
    found = risk / schemes.minimax_floor(ISO, SAMPLES)
    whole = 2 * (1 + 51 / (51 + batch_size))
    ends = 2 * (1 - rate) / (steps // 2 * rate * (2 - rate))
    agree(found, whole * (1 - ends), relative=1e-6)
    assert found < 4
    assert abs(found / whole - 1) > 1e-3  # a window without ends


@pytest.mark.long
def test_one_shot_average_of_tail_averages():
    """maths.md section 7: K machines, each the last half of n / K steps; the bias does not fall with K."""
    rate, floor = 0.5 * max_learning_rate(ISO, 1), schemes.minimax_floor(ISO, SAMPLES)
    for machines, expected in ((1, 3.9491), (32, 3.5641), (64, 3.4985), (128, 37.34), (512, 5158)):
        steps = SAMPLES // machines
        tail = steps // 2
        one = schemes.tail_averaged_risk(ISO, np.ones(50), rate, 1, steps, tail)
        mean = np.mean((1.0 - rate) ** np.arange(steps - tail + 1, steps + 1))
        bias = 0.5 * 50 * mean**2
        found = (bias + (one - bias) / machines) / floor
        assert float(f"{found:.5g}" if machines < 128 else f"{found:.4g}") == expected
