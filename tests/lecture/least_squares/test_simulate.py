"""Simulated SGD against the exact recursion, within 4 standard errors, and what it refuses."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lecturelib import least_squares, schemes, simulate, spread
from lecturelib.least_squares import averaging
from lecturelib.least_squares.finite_sample import finite_sample
from tests.agree import agree
from tests.lecture.least_squares.float64 import float64
from tests.lecture.least_squares.sgd_cases import PROBLEMS, RUNS, STEPS, agrees, errors_away, exact
from tests.marks import first_quick


@pytest.mark.long
@first_quick(
    ("name", "batch_size"),
    [
        ("gaussian", 1),
        ("gaussian", 4),
        ("kurtosis", 2),
        ("elliptical", 2),
        ("one_hot", 1),
        ("one_hot", 4),
        ("finite_sample", 1),
        ("finite_sample", 4),
        ("without_replacement", 5),
    ],
)
def test_risk_bias_and_variance_agree_with_the_exact_recursion(name, batch_size):
    problem, rate = PROBLEMS[name]
    rates = [rate, 0.5 * rate]
    found = simulate.split(problem, np.ones(3), rates, batch_size, STEPS, RUNS, key=jax.random.key(1))
    risk, bias = np.stack([exact(problem, rate, batch_size) for rate in rates], axis=1)
    assert agrees(found.risk, risk)
    assert agrees(found.bias, bias)
    assert agrees(found.variance, risk - bias)
    agree(found.bias.mean + found.variance.mean, found.risk.mean, relative=1e-12)


@pytest.mark.long
def test_below_at_and_above_the_largest_rate():
    """In 50 dimensions, over few steps: in three, rare runs would carry the mean (notebook 06)."""
    problem = least_squares.gaussian(np.ones(50), 1.0)
    rates = np.array([0.9, 1.0, 1.1]) * least_squares.max_learning_rate(problem, 10)
    runs = simulate.sgd(problem, np.ones(50), rates, 10, 8, 1000, key=jax.random.key(3))
    found = simulate.estimate(runs)
    right, wrong = (
        np.array([least_squares.risk_curve(problem, np.ones(50), rate, size, 8).risk for rate in rates])
        for size in (10, 11)
    )
    assert errors_away(found, right) < 4.0
    assert errors_away(found, wrong) > 4.0


@pytest.mark.long
def test_bias_of_the_mean_run_would_be_too_large():
    """The trap that `split` avoids: 1/2 |mean of R runs|^2 has the variance / R on top of the bias."""
    problem, rate = PROBLEMS["gaussian"]
    groups, runs = 150, 5
    keys = jax.random.split(jax.random.key(2), groups)
    found = [simulate.split(problem, np.ones(3), rate, 1, 40, runs, key=key) for key in keys]
    unbiased = simulate.estimate(np.array([each.bias.mean for each in found]))
    naive = simulate.estimate(np.array([each.bias.mean + each.variance.mean / runs for each in found]))
    _, bias = exact(problem, rate, 1, 40)
    assert errors_away(unbiased, bias) < 4.0
    assert errors_away(naive, bias) > 4.0


@pytest.mark.long
def test_standard_error_of_the_split_is_honest():
    """Over independent repetitions, the estimates spread as far as each one says, within a fifth."""
    problem, rate = PROBLEMS["gaussian"]
    keys = jax.random.split(jax.random.key(3), 200)
    found = [simulate.split(problem, np.ones(3), rate, 2, 4, 60, key=key) for key in keys]
    for part in ("bias", "variance", "risk"):
        means = np.array([getattr(each, part).mean for each in found])[:, 1:]
        said = np.array([getattr(each, part).standard_error for each in found])[:, 1:]
        expected = np.sqrt((said**2).mean(0))
        # the deviation of 200 values has a standard error of 5 %
        agree(means.std(0, ddof=1), expected, standard_error=expected / np.sqrt(2 * 199))


@pytest.mark.long
def test_one_problem_without_randomness_follows_gradient_descent_to_rounding():
    """All rows the same up to sign: every batch is the whole data, so every run is gradient descent."""
    problem = finite_sample([[2.0], [-2.0]], [2.0, -2.0])
    risks = simulate.sgd(problem, [1.0], 0.1, 3, 8, 2, key=jax.random.key(5))
    errors = np.sqrt(np.asarray(risks, np.float64) / 2.0)
    # A step is four operations on numbers of size one at most, so 8 steps round 32 times by 2^-24 or less.
    agree(errors, np.stack([0.6 ** np.arange(9.0)] * 2), rounding=32 * 2.0**-24)


@pytest.mark.long
def test_float64_where_jax_is_told_so():
    with float64():
        problem = finite_sample([[2.0], [-2.0]], [2.0, -2.0])
        risks = simulate.sgd(problem, [1.0], 0.1, 3, 8, 2, key=jax.random.key(5))
        assert risks.dtype == jnp.float64
        errors = np.sqrt(np.asarray(risks[0]) / 2.0)
        agree(errors, 0.6 ** np.arange(9.0), rounding=32 * 2.0**-53)


@pytest.mark.long
def test_a_run_depends_on_the_key_and_its_number_alone(monkeypatch):
    problem, rate = PROBLEMS["gaussian"]

    def run(steps=9, runs=3, rates=rate, seed=6):
        return np.asarray(simulate.sgd(problem, np.ones(3), rates, 2, steps, runs, key=jax.random.key(seed)))

    risks = run()
    # The same numbers in another order of summation: rounding of float32, over at most 9 steps.
    close = 1e-5
    agree(run(steps=5, runs=2), risks[:2, :6], relative=close)
    agree(run(rates=[0.1, rate])[1], risks, relative=close)
    assert np.all(np.abs(run(seed=7)[:, 1:] / risks[:, 1:] - 1) > close)
    assert len(np.unique(risks[:, -1])) == 3
    spread.forget()
    monkeypatch.setattr("lecturelib.least_squares.scan.NUMBERS_AT_ONCE", 3 * 2 * 3 * 4)  # 3 blocks of 3 steps
    agree(run(), risks, relative=close)
    monkeypatch.setattr("lecturelib.least_squares.scan.NUMBERS_AT_ONCE", 3 * 2 * 3)  # one step at a time
    agree(run(), risks, relative=close)


def test_a_schedule_of_equal_stages_is_sgd():
    problem, rate = PROBLEMS["gaussian"]
    key = jax.random.key(8)
    plain = simulate.sgd(problem, np.ones(3), rate, 2, 7, 4, key=key)
    whole = simulate.scheduled(problem, np.ones(3), [rate] * 7, [2] * 7, 4, key=key)
    assert np.array_equal(whole, plain)


@pytest.mark.long
@first_quick("name", ["gaussian", "one_hot", "finite_sample"])
def test_schedules_agree_with_the_exact_recursion(name):
    problem, rate = PROBLEMS[name]
    rates, sizes = rate * np.linspace(1.0, 0.4, 8), [1, 1, 1, 1, 5, 5, 5, 5]
    risks = simulate.scheduled(problem, np.ones(3), rates, sizes, RUNS, key=jax.random.key(9))
    found = simulate.estimate(risks)
    assert agrees(found, schemes.scheduled_risk(problem, np.ones(3), rates, sizes))
    assert errors_away(found, schemes.scheduled_risk(problem, np.ones(3), rates[::-1], sizes)) > 4.0
    assert errors_away(found, schemes.scheduled_risk(problem, np.ones(3), rates, sizes[::-1])) > 4.0


@pytest.mark.long
@first_quick("name", ["gaussian", "one_hot", "finite_sample"])
def test_tail_averages_agree_with_the_exact_recursion(name):
    problem, rate = PROBLEMS[name]
    key = jax.random.key(10)
    risks = simulate.tail_average(problem, np.ones(3), [rate, 0.5 * rate], 2, STEPS, 4, RUNS, key=key)
    assert risks.shape == (2, RUNS)
    for each, column in zip([rate, 0.5 * rate], risks, strict=True):
        found = simulate.estimate(column, axis=-1)
        distance = averaging.tail_averaged_risk(problem, np.ones(3), each, 2, STEPS, 4) - found.mean
        assert abs(distance) < 4.0 * found.standard_error
        for wrong in (2, 6):
            distance = averaging.tail_averaged_risk(problem, np.ones(3), each, 2, STEPS, wrong) - found.mean
            assert abs(distance) > 4.0 * found.standard_error
    last = simulate.tail_average(problem, np.ones(3), rate, 2, STEPS, 1, 5, key=key)
    plain = simulate.sgd(problem, np.ones(3), rate, 2, STEPS, 5, key=key)[:, -1]
    agree(last, plain, relative=1e-5)


@pytest.mark.long
@first_quick("name", ["gaussian", "one_hot", "finite_sample"])
def test_local_sgd_agrees_with_the_exact_recursion(name):
    problem, rate = PROBLEMS[name]
    risks = simulate.local_sgd(problem, np.ones(3), rate, 1, 3, 4, 10, RUNS, key=jax.random.key(11))
    found = simulate.estimate(risks)

    def expected(machines=3, sync_every=4):
        curve = [
            averaging.local_sgd_risk(problem, np.ones(3), rate, 1, machines, sync_every, t)
            for t in range(1, 11)
        ]
        return np.array([problem.risk(problem.start(np.ones(3))), *curve])

    assert agrees(found, expected())
    assert errors_away(found, expected(machines=4)) > 4.0
    if name == "finite_sample":  # the others need more runs to tell rounds of 4 from one round
        return
    assert np.max(np.abs(expected(sync_every=10)[1:] / expected()[1:] - 1)) > 1e-3


FEW, KEY = PROBLEMS["without_replacement"][0], jax.random.key(0)
ARGUMENTS = {"problem": PROBLEMS["gaussian"][0], "start_error": [1.0] * 3, "batch_size": 2, "runs": 3}
ARGUMENTS |= {"learning_rate": 0.1, "steps": 4, "key": KEY}


def call(function=simulate.sgd, **changes):
    return lambda: function(**{**ARGUMENTS, **changes})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (call(start_error=[1.0, 1.0]), r"start_error has shape \(2,\); pass 3 entries"),
        (call(start_error=[1.0, math.nan, 1.0]), "start_error has the value nan"),
        (call(learning_rate=-0.1), "learning_rate has the entry -0.1; pass none below 0"),
        (call(learning_rate=math.inf), "learning_rate has the value inf"),
        (call(learning_rate=[]), r"learning_rate has shape \(0,\)"),
        (call(learning_rate=[[0.1]]), r"learning_rate has shape \(1, 1\); pass .* of 1 dimension"),
        (call(batch_size=0), "batch_size = 0 is refused; pass a whole number, 1 or more"),
        (call(batch_size=1.5), "batch_size = 1.5 is refused; pass a whole number"),
        (call(batch_size=math.inf), "batch_size = inf is refused; pass a whole number"),
        (call(problem=FEW, batch_size=13), "batch_size = 13 is more than the 12 rows"),
        (call(steps=0), "steps = 0 is refused; pass a whole number, 1 or more"),
        (call(runs=0), "runs = 0 is refused; pass a whole number, 1 or more"),
        (call(runs=True), "runs = True is refused; pass a whole number"),
        (call(key=0), r"key = 0 .* pass jax.random.key\(seed\)"),
        (call(key=jax.random.split(KEY)), r"is not one random key; pass jax.random.key\(seed\)"),
        (call(problem=3), "problem = 3 .* pass a problem of lecturelib.least_squares"),
        (
            lambda: simulate.scheduled(FEW, [1.0] * 3, [0.1] * 3, [1, 2], 3, key=KEY),
            r"batch_sizes has shape \(2,\)",
        ),
        (call(simulate.tail_average, tail=5), "tail = 5 is more than steps = 4"),
        (call(simulate.local_sgd, machines=0, sync_every=1), "machines = 0"),
        (call(simulate.split, runs=2), "runs = 2"),
        (lambda: simulate.estimate(np.ones((1, 3))), "risks has 1 run"),
    ],
)
def test_bad_arguments_are_named_with_their_value_and_a_remedy(call, message):
    with pytest.raises(ValueError, match=message):
        call()
