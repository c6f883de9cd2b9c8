"""Pilot runs: the rate they find is the best of its neighbours, and a wrong plan is mended by them."""

import dataclasses

import numpy as np
import pytest

from lecturelib.advice import pilot, trial
from lecturelib.advice.planning import plan
from lecturelib.advice.preparation import prepare
from lecturelib.advice.reduction import moments
from tests.agree import agree

RNG = np.random.default_rng(4)
X = RNG.standard_normal((300, 4))


@pytest.fixture(scope="module")
def case():
    data = prepare(X.copy(), X.sum(axis=1) + RNG.standard_normal(300))
    problem = moments(data.features, data.targets)
    return data, trial.least_loss(data, problem), plan(problem, goal=0.02, rows=300)


@pytest.mark.parametrize("factor", [1.0, 16.0, 1 / 16])
def test_a_rate_that_is_off_is_found_from_either_side(case, factor):
    data, least, found = case
    best = found.best
    off = dataclasses.replace(best, learning_rate=factor * best.learning_rate)
    measured = pilot.best_rate(pilot.OfData(data, least, found.goal, 0), off)
    assert 0.5 <= measured.learning_rate / best.learning_rate <= 2.0
    assert measured.steps <= 1.3 * best.steps + 1  # theory has the best rate, to its own accuracy
    assert measured.work == measured.steps * best.batch_size


def test_no_time_no_measurement(case, monkeypatch):
    data, least, found = case
    monkeypatch.setattr(trial, "MOST_UPDATES", 10)
    pilots = pilot.OfData(data, least, found.goal, 0)
    assert pilot.best_rate(pilots, found.best) is None
    plan_without, said = pilot.corrected(pilots, found)
    assert plan_without.best is None
    assert not plan_without.reached
    assert "No pilot run reached the goal" in said


def test_a_plan_that_is_wrong_is_mended(case):
    data, least, right = case
    rows = tuple(
        dataclasses.replace(
            row, steps=3 * row.steps, work=3 * row.work, learning_rate=0.25 * row.learning_rate
        )
        for row in right.reached
    )
    pilots = pilot.OfData(data, least, right.goal, 0)
    mended, said = pilot.corrected(pilots, dataclasses.replace(right, rows=rows))
    assert "times the steps of the rule" in said
    assert 0.25 <= mended.best.batch_size / right.best.batch_size <= 4
    for row in mended.checked:
        (truth,) = [each for each in right.reached if each.batch_size == row.batch_size]
        assert 0.7 * truth.steps - 1 <= row.steps <= 1.4 * truth.steps + 1
        assert row.work == row.steps * row.batch_size


def test_a_schedule_is_stretched_as_the_steps_are(case):
    data, least, found = case
    wrong = dataclasses.replace(found, rows=tuple(
        dataclasses.replace(row, steps=3 * row.steps, work=3 * row.work) for row in found.reached
    ))  # fmt: skip
    scheme = found.schedule
    long = type(scheme)(np.repeat(scheme.learning_rates, 3), np.repeat(scheme.batch_sizes, 3))
    pilots = pilot.OfData(data, least, found.goal, 0)
    mended, _ = pilot.corrected(pilots, dataclasses.replace(wrong, schedule=long))
    if mended.schedule is not None:
        agree(mended.schedule.steps / scheme.steps, 1.0, rounding=0.09)
