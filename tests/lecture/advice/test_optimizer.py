"""Momentum and Adam: their steps against optax, their advice against loops in plain NumPy."""

import json
import math

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lecturelib import advice
from lecturelib import least_squares as ls
from lecturelib.advice import page, recipes, search
from lecturelib.advice.optimizer import MOMENTA, SGD, chosen
from lecturelib.advice.planning import plan
from lecturelib.advice.preparation import prepare
from lecturelib.advice.reduction import moments
from lecturelib.advice.trial import train
from lecturelib.least_squares.schemes import Scheme
from tests.agree import agree
from tests.lecture.advice.advice_cases import gaussian_moments
from tests.marks import first_quick

RNG = np.random.default_rng(31)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SGD, optax.sgd(0.1)),
        (chosen("momentum", 0.8), optax.sgd(0.1, momentum=0.8)),
        (chosen("adam"), optax.adam(0.1)),
    ],
)
def test_steps_are_those_of_optax(ours, theirs):
    gradients = RNG.standard_normal((12, 3)).astype(np.float32)
    state, change, ends = theirs.init(jnp.zeros(3)), ours.begin(), np.zeros((2, 3))
    for gradient in gradients:
        update, state = theirs.update(jnp.array(gradient), state)
        ends += change(gradient, 0.1), np.asarray(update)
    agree(ends[0], ends[1], relative=1e-4)  # optax in float32
    if ours.momentum:
        plain = -0.1 * gradients.sum(axis=0)
        assert np.max(np.abs(plain - ends[1])) > 0.1


@pytest.mark.parametrize(
    ("name", "momentum", "says"),
    [
        ("rmsprop", None, "optimizer = 'rmsprop' is refused; pass one of sgd, momentum, adam"),
        ("momentum", 1.0, "momentum = 1.0 is refused"),
        ("momentum", 0.0, "momentum = 0.0 is refused"),
        ("adam", 0.9, "momentum = 0.9 is refused with optimizer = 'adam'"),
        ("sgd", 0.9, "momentum = 0.9 is refused with optimizer = 'sgd'"),
    ],
)
def test_what_is_no_optimizer_is_refused(name, momentum, says):
    with pytest.raises(ValueError, match=says):
        advice.advise(rows=100, optimizer=name, momentum=momentum)


EIGENVALUES = 1.0 / np.arange(1, 9)


@pytest.mark.parametrize("beta", [0.5, 0.9])
@pytest.mark.parametrize("batch_size", [1, 16, math.inf])
def test_depth_with_momentum_is_that_of_the_exact_theory(beta, batch_size):
    problem = gaussian_moments(EIGENVALUES, 0.5, np.ones(8))
    goal = 0.02 * problem.risk(problem.start(problem.start_error))
    truth = ls.depth(ls.gaussian(EIGENVALUES, 0.5), np.ones(8), 0.02, batch_size, momentum=beta)
    found = search.depth(problem, goal, batch_size, momentum=beta)
    assert found.steps <= 1.03 * truth.steps + 1  # both by search, so either may be the lower
    curve = ls.risk_curve(
        ls.gaussian(EIGENVALUES, 0.5), np.ones(8), found.learning_rate, batch_size, found.steps, momentum=beta
    )
    assert curve.risk[-1] <= goal * (1 + 1e-9) < curve.risk[-2]  # as the exact theory has it
    without = search.depth(problem, goal, batch_size)
    assert without.learning_rate != found.learning_rate


def test_the_momentum_chosen_needs_the_fewest_steps():
    problem = gaussian_moments(EIGENVALUES, 0.0, np.ones(8))
    goal = 0.001 * problem.risk(problem.start(problem.start_error))
    steps = {b: search.depth(problem, goal, math.inf, momentum=b) for b in MOMENTA}
    for usual in (0.5, 0.98):
        best = search.momentum(problem, goal, math.inf, steps[usual], usual)
        assert steps[best].steps <= 1.03 * min(each.steps for each in steps.values()) + 1
    kept = search.momentum(problem, goal, math.inf, steps[best], best)
    assert kept == best  # what saves less than a tenth is not changed for


def data_of(kind):
    """Features and targets that momentum and Adam are tried on."""
    rng = np.random.default_rng(17)
    x = rng.standard_normal((1200, 6))
    if kind == "scales":
        x = x / np.arange(1, 7)
        return x, x @ np.ones(6) + 0.3 * rng.standard_normal(1200)
    if kind == "correlated":
        x = x + 2.0 * rng.standard_normal((1200, 1))
        return x, x @ np.linspace(-1, 1, 6) + 0.5 * rng.standard_normal(1200)
    if kind == "skewed":
        x = np.exp(0.5 * x)
        return x, x.sum(axis=1) + rng.standard_normal(1200)
    x = (x > 1.0) * 1.0  # rare
    return x, x @ np.arange(1.0, 7.0) + 0.3 * rng.standard_normal(1200)


def heavy_ball(beta):
    """The change of the weights as PyTorch makes it: the rate outside of the velocity."""
    velocity = 0.0

    def change(gradient, rate):
        nonlocal velocity
        velocity = beta * velocity + gradient
        return -rate * velocity

    return change


def adam(correct=True):
    """Adam as its paper has it."""
    first, second, t = 0.0, 0.0, 0

    def change(gradient, rate):
        nonlocal first, second, t
        t += 1
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient * gradient
        m, v = (first / (1 - 0.9**t), second / (1 - 0.999**t)) if correct else (first, second)
        return -rate * m / (np.sqrt(v) + 1e-8)

    return change


def steps_needed(data, goal, row, make, runs=60):
    """Steps of a plain loop until the mean excess loss of many runs is at the goal."""
    x, y = data.features, data.targets
    best = np.linalg.lstsq(x, y, rcond=None)[0]
    losses = np.zeros(2 * row.steps + 5)
    for run in range(runs):
        rng, w, change = np.random.default_rng([8, run]), np.zeros(x.shape[1]), make()
        for t in range(len(losses)):
            losses[t] += 0.5 * np.mean((x @ (w - best)) ** 2) / runs  # `best` is least squares
            drawn = rng.choice(len(x), row.batch_size)
            gradient = x[drawn].T @ (x[drawn] @ w - y[drawn]) / row.batch_size
            w = w + change(gradient, row.learning_rate)
    hits = np.flatnonzero(losses <= goal * losses[0])
    return hits[0] if len(hits) else math.inf


def near(steps, predicted):
    """The tolerance of the advice's trial, a factor of 1.25 or a step; a crossing is a whole step here."""
    return min(predicted / 1.25, predicted - 2) <= steps <= max(1.25 * predicted, predicted + 1) + 1


KINDS = ["scales", "correlated", "skewed", "rare"]


@pytest.mark.long
@first_quick("kind", KINDS)
def test_a_plain_loop_with_momentum_needs_the_steps_predicted(kind):
    data = prepare(*data_of(kind))
    found = advice.from_data(data, goal=0.05, optimizer="momentum", runs=4)
    row, beta = found.plan.best, found.plan.optimizer.momentum
    assert beta in MOMENTA
    assert near(steps_needed(data, 0.05, row, lambda: heavy_ball(beta)), row.steps)
    if row.steps > 4:
        assert not near(steps_needed(data, 0.05, row, lambda: heavy_ball(0.0)), row.steps)
    assert not found.refuted


@pytest.mark.long
def test_the_mean_of_many_runs_with_momentum_is_the_curve_predicted():
    data, runs = prepare(*data_of("correlated")), 300
    found = advice.from_data(data, goal=0.05, optimizer="momentum", momentum=0.8, runs=2)
    tried, row = found.trials[0], found.plan.best
    marks = tried.checkpoints
    scheme = Scheme(np.full(marks[-1], row.learning_rate), np.full(marks[-1], row.batch_size))
    for optimizer in (found.plan.optimizer, chosen("momentum", 0.7)):
        losses = train(
            data.features, data.targets, "squared", scheme, marks, runs=runs, seed=5, optimizer=optimizer
        )
        excess = losses - losses[0, 0] + found.plan.start_risk
        shares = (excess / found.plan.start_risk)[:, 1:]
        error = shares.std(axis=0, ddof=1) / math.sqrt(runs)
        if optimizer == found.plan.optimizer:
            agree(shares.mean(axis=0), tried.predicted[1:], standard_error=error)
        else:  # another momentum is told
            assert np.any(np.abs(shares.mean(axis=0) - tried.predicted[1:]) > 6 * error)


@first_quick("kind", KINDS)
def test_a_plain_loop_with_adam_needs_the_steps_measured(kind):
    data = prepare(*data_of(kind))
    found = advice.from_data(data, goal=0.05, optimizer="adam", runs=8)
    row = found.plan.best
    assert near(steps_needed(data, 0.05, row, adam), row.steps)
    assert not found.refuted
    assert not near(steps_needed(data, 0.05, row, lambda: adam(correct=False)), row.steps)
    assert "the best rate grows as b^" in " ".join(found.remarks)


def test_a_momentum_asked_for_is_kept_and_the_prediction_is_for_it():
    x, y = data_of("scales")
    found = advice.from_data(prepare(x, y), goal=0.05, optimizer="momentum", momentum=0.7, runs=4)
    assert found.plan.optimizer == chosen("momentum", 0.7)
    exact = ls.finite_sample(*(lambda d: (d.features, d.targets))(prepare(*data_of("scales"))))
    sizes = [row.batch_size for row in found.plan.rows]
    agree(
        [row.max_learning_rate for row in found.plan.rows],
        ls.max_learning_rate(exact, sizes, momentum=0.7),
        relative=1e-6,
    )


@pytest.mark.long
@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_page_numbers_and_code_say_which_optimizer(name):
    found = advice.from_data(prepare(*data_of("scales")), goal=0.1, optimizer=name, runs=2)
    optimizer = found.plan.optimizer
    said, html, numbers = page.text(found), page.page(found), json.loads(page.as_json(found))
    for text in (said, html, numbers["answer"], " ".join(numbers["optimized"])):
        assert optimizer.said in text
    assert numbers["plan"]["optimizer"]["name"] == name
    assert numbers["plan"]["optimizer"]["momentum"] == optimizer.momentum
    assert "searched for plain SGD only" in said
    assert "Plain SGD is predicted to take" in said
    code = numbers["code"]
    if name == "adam":
        assert "optax.adam(rate)" in code["optax"]
        assert "torch.optim.Adam(model" in code["PyTorch"]
        assert {row["max_learning_rate"] for row in numbers["plan"]["rows"]} == {None}
        assert "The rate is the same for nn.MSELoss" in said
    else:
        assert f"optax.sgd(rate, momentum={optimizer.momentum})" in code["optax"]
        assert f"momentum={optimizer.momentum}), and" in code["PyTorch"]
        assert f"--sgd-momentum {optimizer.momentum}" in code["Megatron-LM"]
        assert "OLMo-core" not in code


def test_plain_sgd_is_the_default_and_its_code_is_unchanged():
    schedule = recipes.of_scheme(Scheme(np.full(3, 0.1), np.full(3, 8)))
    assert recipes.code(schedule) == recipes.code(schedule, SGD)
    x, y = data_of("scales")
    problem = moments(x, y)
    one, other = (plan(problem, goal=0.1, rows=1200, **more) for more in ({}, {"optimizer": SGD}))
    assert one.rows == other.rows
    assert one.optimizer == SGD


@pytest.mark.long
@first_quick("name", ["momentum", "adam"])
def test_the_logistic_loss_is_trained_with_the_optimizer_too(name):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((600, 5)) * [1.0, 3.0, 0.3, 1.0, 1.0]
    y = (x[:, 0] + rng.logistic(size=600) > 0) * 1.0
    found = advice.from_data(prepare(x, y, "logistic"), goal=0.1, optimizer=name)
    assert found.plan.optimizer.name == name
    assert not found.refuted
    assert page.standing(found) == "confirmed"
    assert "Plain SGD is predicted" not in page.text(found)
