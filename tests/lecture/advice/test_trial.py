"""Training: by hand for a step, against the exact theory in the mean; right predictions and wrong ones."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit

from lecturelib import least_squares as ls
from lecturelib.advice import trial as advice_trial
from lecturelib.advice.comparison import Trial, beside, steps_to
from lecturelib.advice.planning import plan
from lecturelib.advice.preparation import prepare
from lecturelib.advice.reduction import moments
from lecturelib.advice.trial import mean_loss, train, trials
from lecturelib.least_squares.schemes import Scheme
from tests.agree import agree
from tests.lecture.advice.advice_cases import held
from tests.marks import first_quick

RNG = np.random.default_rng(7)
X, Y = RNG.standard_normal((40, 3)), RNG.standard_normal(40)


def constant(rate, batch_size, steps):
    return Scheme(np.full(steps, rate), np.full(steps, batch_size))


def one_step(loss, slope, targets):
    losses = train(X, targets, loss, constant(0.3, 5, 1), [0, 1], runs=2, seed=9)
    for run in range(2):
        drawn = np.random.default_rng([9, run]).integers(40, size=5)
        w = -0.3 * X[drawn].T @ (slope(np.zeros(5)) - targets[drawn]) / 5
        agree(losses[run, 1], mean_loss(X, targets, loss, w[:, None])[0], relative=1e-12)
    return losses


def test_one_step_by_hand():
    agree(one_step("squared", lambda u: u, Y)[0, 0], 0.5 * np.mean(Y**2), relative=1e-12)
    agree(one_step("logistic", expit, (Y > 0).astype(float))[0, 0], np.log(2.0), relative=1e-12)


def test_the_loss_of_several_weights():
    weights, labels = np.array([[0.0, 1.0]]), np.array([1.0, 0.0])
    found = mean_loss(np.array([[1.0], [-1.0]]), labels, "logistic", weights)
    agree(found, [np.log(2.0), np.log1p(np.exp(-1.0))], relative=1e-12)


def test_the_mean_of_many_runs_is_the_exact_risk():
    problem = ls.finite_sample(X, Y)
    rate = 0.3 * ls.max_learning_rate(problem, 4)
    exact = ls.risk_curve(problem, -problem.solution, rate, 4, 30).risk
    marks, runs = np.array([0, 3, 10, 30]), 400
    excess = train(X, Y, "squared", constant(rate, 4, 30), marks, runs=runs, seed=1)
    excess = excess - 0.5 * np.mean(problem.residuals**2)
    error = excess.std(axis=0, ddof=1) / math.sqrt(runs)
    agree(excess.mean(axis=0)[1:], exact[marks][1:], standard_error=error[1:])
    assert np.any(np.abs(excess.mean(axis=0) / 2.0 - exact[marks])[1:] > 4.0 * error[1:])  # no half: told


def test_sparse_rows_and_blocks_of_rows_give_the_same(monkeypatch):
    arguments = "squared", Scheme(np.full(6, 0.1), np.array([2, 2, 2, 4, 4, 4])), [0, 2, 6]
    dense = train(X, Y, *arguments, runs=2, seed=3)
    agree(train(sparse.csr_array(X), Y, *arguments, runs=2, seed=3), dense, relative=1e-12)
    monkeypatch.setattr(advice_trial, "ROWS_AT_ONCE", 7)
    agree(train(X, Y, *arguments, runs=2, seed=3), dense, relative=1e-12)
    assert not np.array_equal(train(X, Y, *arguments, runs=2, seed=4), dense)


def test_a_rate_that_is_too_large_ends_in_infinity():
    assert np.all(np.isinf(train(X, Y, "squared", constant(1e9, 1, 60), [0, 60], runs=2, seed=0)[:, 1]))


@pytest.fixture(scope="module")
def case():
    data = prepare(*held("doubling pays"))
    problem = moments(data.features, data.targets)
    found = plan(problem, goal=0.02, rows=3000)
    return data, problem, found


def test_a_right_prediction_is_confirmed_at_every_checkpoint(case):
    made, skipped = trials(*case, runs=12, seed=0)
    assert [trial.label.split()[0] for trial in made] == ["batch", "batch", "doubling"]
    assert made[0].batch_size == 8 * made[1].batch_size
    assert not skipped
    for trial in made:
        assert trial.agrees
        assert not trial.refuted
        agree(trial.mean[0], 1.0, rounding=1e-12)
        assert trial.checkpoints[-1] == round(advice_trial.BEYOND * trial.predicted_steps)
        late = slice(-4, None)
        away = np.abs(trial.mean - trial.predicted)[late]
        assert np.all(away < 5 * trial.error[late] + 0.05 * trial.mean[late])


@pytest.mark.parametrize("factor", [0.2, 3.0])
def test_a_wrong_rate_is_not_confirmed(case, factor):
    data, problem, found = case
    row = found.rows[found.recommended]
    rows = list(found.rows)
    rows[found.recommended] = dataclasses.replace(row, learning_rate=factor * row.learning_rate)
    wrong = dataclasses.replace(found, rows=tuple(rows))
    tried = trials(data, problem, wrong, runs=4, seed=0)[0][0]
    assert tried.refuted
    assert not tried.agrees


SMALL = {
    "noise": lambda rng, x: (x, x.sum(axis=1) + rng.standard_normal(len(x))),
    "few rows": lambda rng, x: (x[:40], x[:40] @ [3.0, 1.0, 0.1] + 0.3 * rng.standard_normal(40)),
    "heavy tails": lambda rng, x: (x**3, (x**3).sum(axis=1) + rng.standard_normal(len(x))),
    "rare": lambda rng, x: ((x > 1.0) * 1.0, (x > 1.0) @ [1.0, 2.0, 3.0] + 0.3 * rng.standard_normal(len(x))),
}


@pytest.mark.long
@first_quick(("kind", "pages"), [("noise", 60), *((kind, 200) for kind in SMALL)])
def test_right_predictions_are_refused_on_at_most_one_page_in_a_hundred(kind, pages):
    rng = np.random.default_rng(11)
    data = prepare(*SMALL[kind](rng, rng.standard_normal((200, 3))))
    problem, exact = moments(data.features, data.targets), ls.finite_sample(data.features, data.targets)
    found = plan(problem, goal=0.05, rows=200, exact=exact)  # three directions: the theory is exact
    made = [trials(data, problem, found, runs=8, seed=seed)[0] for seed in range(pages)]
    refused = sum(any(trial.refuted for trial in page) for page in made)
    assert refused <= 1 + pages // 50  # a chance of 1 in 100: more has a chance below 2 %
    decided = sum(all(trial.agrees or trial.refuted for trial in page) for page in made)
    assert decided >= 0.8 * pages


def test_chance_alone_refutes_nothing_and_more_runs_decide():
    marks, scheme = np.array([0, 100, 150, 200]), constant(0.1, 2, 100)
    late = np.array([1.0, 0.2, 0.1, 0.05])  # at the goal of 0.1 after 150 steps, not 100
    noise = 0.1 * np.array([[-1.0], [1.0]]) * np.array([0.0, 1.0, 0.5, 0.3])
    few = beside("batch 2", scheme, 0.1, marks, late + noise)
    many = beside("batch 2", scheme, 0.1, marks, late + np.repeat(noise, 40, axis=0))
    agree([few.ratio, many.ratio], 1.5, relative=1e-9)
    assert [few.refuted, many.refuted] == [False, True]
    assert (few.runs, few.samples) == (2, 300.0)


def test_runs_that_do_not_decide_are_made_again(case, monkeypatch):
    data, problem, found = case
    sure = trials(data, problem, found, runs=4, seed=0)[0][0]
    assert sure.runs == 4
    monkeypatch.setattr(Trial, "agrees", False)
    assert trials(data, problem, found, runs=4, seed=0)[0][0].runs == 4 * advice_trial.MORE


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
    assert np.array_equal(three.mean, trials(*case, runs=3, seed=0)[0][0].mean)


def test_no_recommendation_no_run(case):
    data, problem, found = case
    out = dataclasses.replace(found, recommended=None)
    assert trials(data, problem, out, runs=4, seed=0) == ((), [])


def test_where_a_curve_meets_the_goal():
    marks = np.array([0, 2, 4])
    assert steps_to(marks, np.array([1.0, 0.5, 0.4]), 0.1) == math.inf
    assert steps_to(marks, np.array([1.0, 0.5, 0.125]), 0.25) == 3.0
    assert steps_to(marks, np.array([1.0, 0.5, -0.1]), 0.25) == 4.0
    assert steps_to(marks, np.array([0.2, 0.5, 0.1]), 0.25) == 0.0


@pytest.mark.parametrize(
    ("predicted", "measured", "agrees"),
    [
        *[(100, 81, True), (100, 124, True), (100, 79, False), (100, 126, False), (100, math.inf, False)],
        *[(2, 0.7, True), (2, 3.0, True), (2, 3.1, False), (4, 2.1, True), (4, 1.9, False)],
    ],
)
def test_what_agrees(predicted, measured, agrees):
    curve = np.array([0]), np.array([1.0]), np.array([0.0]), None
    trial = Trial("batch 1", 1, 0.1, predicted, measured, True, 0.0, 8, *curve)
    assert trial.agrees == agrees
    assert trial.refuted != agrees
