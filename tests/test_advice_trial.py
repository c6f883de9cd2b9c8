"""Training runs beside their predictions: a right prediction is confirmed, a wrong one is not."""

import dataclasses
import math

import numpy as np
import pytest

from lecturelib.advice import trial as advice_trial
from lecturelib.advice.data import prepare
from lecturelib.advice.planning import plan
from lecturelib.advice.reduction import moments
from lecturelib.advice.training import mean_loss
from lecturelib.advice.trial import Trial, steps_to, trials
from tests.advice_cases import held


@pytest.fixture(scope="module")
def case():
    data = prepare(*held("heavy tails"))
    problem = moments(data.features, data.targets)
    found = plan(problem, goal=0.05, rows=3000)
    return (
        data,
        problem,
        found,
        mean_loss(data.features, data.targets, "squared", problem.solution[:, None])[0],
    )


def test_a_right_prediction_is_confirmed_at_every_checkpoint(case):
    made, skipped = trials(*case, runs=12, seed=0)
    assert [trial.label.split()[0] for trial in made] == ["batch", "batch", "doubling"]
    assert made[0].batch_size == 8 * made[1].batch_size
    assert not skipped
    for trial in made:
        assert trial.agrees
        assert trial.mean[0] == pytest.approx(1.0)
        assert trial.checkpoints[-1] == round(advice_trial.BEYOND * trial.predicted_steps)
        late = slice(-4, None)
        assert np.all(
            np.abs(trial.mean - trial.predicted)[late] < 5 * trial.error[late] + 0.05 * trial.mean[late]
        )


@pytest.mark.parametrize("factor", [0.2, 3.0])
def test_a_wrong_rate_is_not_confirmed(case, factor):
    data, problem, found, least = case
    row = found.rows[found.recommended]
    rows = list(found.rows)
    rows[found.recommended] = dataclasses.replace(row, learning_rate=factor * row.learning_rate)
    wrong = dataclasses.replace(found, rows=tuple(rows))
    assert not trials(data, problem, wrong, least, runs=4, seed=0)[0][0].agrees


def test_a_run_that_takes_too_long_is_left_out_and_said(case, monkeypatch):
    monkeypatch.setattr(advice_trial, "MOST_UPDATES", 1)
    made, skipped = trials(*case, runs=4, seed=0)
    assert made == ()
    assert len(skipped) == 3
    assert "left out" in skipped[0]


def test_fewer_runs_are_made_where_all_would_take_too_long(case, monkeypatch):
    steps = case[2].rows[case[2].recommended].steps
    monkeypatch.setattr(advice_trial, "MOST_UPDATES", 3.5 * math.ceil(advice_trial.BEYOND * steps))
    three = trials(*case, runs=8, seed=0)[0][0]
    monkeypatch.undo()
    np.testing.assert_array_equal(three.mean, trials(*case, runs=3, seed=0)[0][0].mean)


def test_no_recommendation_no_run(case):
    data, problem, found, least = case
    out = dataclasses.replace(found, recommended=None)
    assert trials(data, problem, out, least, runs=4, seed=0) == ((), [])


def test_where_a_curve_meets_the_goal():
    marks = np.array([0, 2, 4])
    assert steps_to(marks, np.array([1.0, 0.5, 0.4]), 0.1) == math.inf
    assert steps_to(marks, np.array([1.0, 0.5, 0.125]), 0.25) == 3.0
    assert steps_to(marks, np.array([1.0, 0.5, -0.1]), 0.25) == 4.0
    assert steps_to(marks, np.array([0.2, 0.5, 0.1]), 0.25) == 0.0


@pytest.mark.parametrize(
    ("measured", "agrees"), [(81, True), (124, True), (79, False), (126, False), (math.inf, False)]
)
def test_what_agrees(measured, agrees):
    trial = Trial("batch 1", 1, 0.1, 100, measured, np.array([0]), np.array([1.0]), np.array([0.0]), None)
    assert trial.agrees == agrees
