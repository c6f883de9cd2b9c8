"""Simulated delays and lost updates against exact theory, and that theory against dense matrices."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import least_squares, simulate
from lecturelib.hogwild import delayed
from lecturelib.hogwild.delayed_risk import delayed_risk
from tests.agree import FLOAT32, agree
from tests.lecture.least_squares import dense_sgd
from tests.lecture.least_squares.sgd_cases import PROBLEMS, RUNS, STEPS, agrees, errors_away
from tests.marks import first_quick

START = np.ones(3)
SPREAD = [0.2, 0.0, 0.5, 0.3]  # probabilities of the delays 0 to 3


def simulated(problem, rate, batch_size=2, **options):
    risks = delayed.sgd(problem, START, rate, batch_size, STEPS, RUNS, key=jax.random.key(3), **options)
    return simulate.estimate(risks)


def dense_risk(points, weights, noise_variance, rate, factor, steps, delay, kept=1.0):
    """Second moment of (Delta_t, ..., Delta_(t-delay)) by Kronecker products; no use of its diagonal form."""
    d, size = points.shape[1], points.shape[1] * (delay + 1)
    mean = dense_sgd.hessian(points, weights)
    step = np.zeros((size, size))
    step[:d, :d] = np.eye(d)
    step[:d, -d:] -= rate * kept * mean
    step[d:, :-d] += np.eye(d * delay)
    into, oldest = np.eye(size)[:, :d], np.eye(size)[-d:]
    both = kept**2 + (kept - kept**2) * np.eye(d)  # chance that two coordinates of an update are both kept
    scatter = dense_sgd.excess(points, weights) * factor + np.kron(mean, mean)
    scatter = both.reshape(-1, 1) * scatter - kept**2 * np.kron(mean, mean)
    second = np.ones((size, size))
    risks = []
    for _ in range(steps + 1):
        risks.append(0.5 * np.trace(mean @ second[:d, :d]))
        stale = (oldest @ second @ oldest.T).ravel()
        force = (scatter @ stale + factor * noise_variance * both.ravel() * mean.ravel()).reshape(d, d)
        second = step @ second @ step.T + rate**2 * into @ force @ into.T
    return np.array(risks)


ATOMS = {
    "gaussian": lambda p: dense_sgd.gaussian_atoms(p.eigenvalues),
    "one_hot": lambda p: dense_sgd.one_hot_atoms(p.eigenvalues),
}


@pytest.mark.parametrize("kind", ATOMS)
@pytest.mark.parametrize("lost", [0.0, 0.3])
@pytest.mark.parametrize("delay", [0, 1, 3])
def test_exact_risk_is_that_of_dense_matrices(kind, delay, lost):
    problem, rate = PROBLEMS[kind]
    options = {"delay": delay, "kept": 1 - lost}
    dense = dense_risk(*ATOMS[kind](problem), problem.noise_variance, rate, 1 / 2, STEPS, **options)
    exact = delayed_risk(problem, START, rate, 2, STEPS, delay=delay, lost=lost)
    agree(exact, dense, relative=1e-12)  # of float64, with room for a dozen steps of 12 x 12 products
    other = delayed_risk(problem, START, rate, 2, STEPS, delay=delay + 1, lost=lost)
    assert np.max(np.abs(other / dense - 1)) > 1e-3


@pytest.mark.parametrize("kind", ["gaussian", "kurtosis", "elliptical", "one_hot"])
def test_exact_risk_without_delay_is_the_risk_curve(kind):
    problem, rate = PROBLEMS[kind]
    curve = least_squares.risk_curve(problem, START, rate, 4, 50).risk
    for delay in (0, [1.0, 0.0]):
        agree(delayed_risk(problem, START, rate, 4, 50, delay=delay), curve, relative=1e-12)


@pytest.mark.long
@first_quick("kind", PROBLEMS)
def test_without_delay_it_is_plain_sgd(kind):
    problem, rate = PROBLEMS[kind]
    exact = least_squares.risk_curve(problem, START, rate, 2, STEPS).risk
    assert agrees(simulated(problem, rate, delay=0), exact)
    assert not agrees(simulated(problem, rate, delay=3), exact)


@first_quick("kind", ATOMS)
@first_quick("options", [{"delay": 2}, {"delay": SPREAD}, {"delay": 1, "lost": 0.4}])
def test_simulation_has_the_exact_risk(kind, options):
    problem, rate = PROBLEMS[kind]
    found = simulated(problem, rate, **options)
    assert agrees(found, delayed_risk(problem, START, rate, 2, STEPS, **options))
    wrong = [{"delay": 0}, {"delay": 1}, {"delay": 3}, {"delay": 1, "lost": 0.0}, {"delay": SPREAD[::-1]}]
    for mutant in wrong:  # fresh gradients, a delay off by one, nothing lost, ages counted from the wrong end
        assert errors_away(found, delayed_risk(problem, START, rate, 2, STEPS, **mutant)) > 8.0, mutant


PLAIN = {
    "one_hot": {"delay": SPREAD, "lost": 0.4},
    "gaussian": {"delay": 1, "lost": 0.4, "way": "overwritten"},
    "finite_sample": {"delay": 3},
}


@pytest.mark.long
@first_quick("kind", PLAIN)
def test_it_is_the_plain_loop_run_by_run(kind, monkeypatch):
    monkeypatch.setattr(delayed, "PLACES", 2)  # so that the ring of past errors comes round
    (problem, rate), key, steps = PROBLEMS[kind], jax.random.key(9), 7
    risks = delayed.sgd(problem, START, rate, 2, steps, 3, key=key, **PLAIN[kind])
    plain = delayed.one_run(problem, START, rate, 2, steps, key=key, run=1, **PLAIN[kind])
    # A step is a dozen roundings of errors of size one, and a small risk is what they leave.
    agree(risks[1], plain, relative=12 * steps * FLOAT32 * max(1.0, plain.max() / plain.min()))


def test_dropping_one_hot_updates_is_the_same_as_drawing_less_often():
    problem, rate, lost = least_squares.one_hot([0.6, 0.3, 0.1]), 0.9, 0.25
    p = problem.probabilities
    shrink = 1 - p * (1 - lost) * (1 - (1 - rate) ** 2)
    expected = [0.5 * p @ shrink**t for t in range(STEPS + 1)]
    exact = delayed_risk(problem, START, rate, 1, STEPS, delay=0, lost=lost)
    agree(exact, expected, relative=1e-13)


def overwriting(rate, steps):
    """One coordinate that every step writes, and whose previous update every write wipes out."""
    errors = [1.0, 1.0]
    for _ in range(steps):
        errors.append(errors[-2] - rate * errors[-1])
    return 0.5 * np.array(errors[1:]) ** 2


@pytest.mark.long
def test_overwriting_wipes_out_the_update_before():
    dense = least_squares.one_hot([1.0])
    options = {"delay": 0, "lost": 1.0, "key": jax.random.key(0)}
    risks = delayed.sgd(dense, [1.0], 0.3, 1, 20, 2, way="overwritten", **options)
    agree(risks[0], overwriting(0.3, 20), relative=20 * 4 * FLOAT32)  # 20 steps of a few operations each
    dropped = delayed.sgd(dense, [1.0], 0.3, 1, 20, 2, way="dropped", **options)
    assert (dropped == 0.5).all()


@pytest.mark.long
def test_overwriting_spares_updates_that_do_not_meet():
    sparse = least_squares.one_hot(np.full(1000, 1e-3))
    options = {"delay": 0, "key": jax.random.key(1)}
    whole = delayed.sgd(sparse, np.ones(1000), 0.5, 1, 30, 4, **options)
    risks = delayed.sgd(sparse, np.ones(1000), 0.5, 1, 30, 4, lost=1.0, way="overwritten", **options)
    # Of 30 steps about 30 / 1000 write the coordinate that the step before wrote.
    agree(risks / whole, 1, rounding=0.001, normwise=True)
    dropped = delayed.sgd(sparse, np.ones(1000), 0.5, 1, 30, 4, lost=1.0, **options)
    assert np.max(np.abs(dropped / whole - 1)) > 1e-2


@pytest.mark.long
@pytest.mark.parametrize("delay", [0, 1, 2, 5])
def test_gradient_descent_diverges_past_the_threshold_only(delay):
    problem = least_squares.gaussian([1.0, 0.3])
    edge = least_squares.max_learning_rate(problem, np.inf, delay=delay)
    inside, outside = (
        delayed.gradient_descent(problem, [1.0, 1.0], factor * edge, 1000, delay=delay)
        for factor in (0.98, 1.02)
    )
    assert max(inside[-30:]) < 1e-1 * max(inside[:30])
    assert max(outside[-30:]) > 1e1 * max(outside[:30])
    late = delayed.gradient_descent(problem, [1.0, 1.0], 0.98 * edge, 1000, delay=delay + 1)
    assert not max(late[-30:]) < max(late[:30])


def largest_root(delay, step):
    """Of z^(delay + 1) - z^delay + step, whose powers solve the late recursion in one direction."""
    polynomial = np.zeros(delay + 2)
    polynomial[0], polynomial[1] = 1, -1
    polynomial[-1] += step
    return np.abs(np.roots(polynomial)).max()


@pytest.mark.parametrize("delay", [0, 1, 2, 4, 8, 16, 32])
def test_at_the_threshold_the_largest_root_lies_on_the_unit_circle(delay):
    edge = 2 * np.sin(np.pi / (2 * (2 * delay + 1)))
    agree(largest_root(delay, edge), 1, rounding=1e-9)
    agree(
        least_squares.max_learning_rate(least_squares.gaussian([1.0]), np.inf, delay=delay),
        edge,
        rounding=1e-12,
    )
    # A wrong formula: the factor 2 before 2 tau + 1 is forgotten, which is right without delay.
    wrong = 2 * np.sin(np.pi / (2 * (delay + 1)))
    assert delay == 0 or abs(largest_root(delay, wrong) - 1) > 1e-3


@given(delay=st.integers(0, 6), rate=st.floats(0.0, 0.3))
@settings(max_examples=10, deadline=None)
def test_gradient_descent_is_the_exact_risk_of_an_endless_batch(delay, rate):
    problem = least_squares.gaussian([1.0, 0.5, 0.1], noise_variance=1.0)
    exact = delayed_risk(problem, START, rate, np.inf, 20, delay=delay)
    found = delayed.gradient_descent(problem, START, rate, 20, delay=delay)
    # Each of 20 steps rounds errors of size one, which cancel in what is left of them.
    agree(found, exact, rounding=20 * FLOAT32)


@first_quick("kind", ATOMS)
@first_quick("delay", [0, 1, 4])
@first_quick("batch_size", [1, 8])
def test_exact_risk_grows_past_the_largest_rate_only(kind, delay, batch_size):
    problem = PROBLEMS[kind][0].without_noise()
    edge = least_squares.max_learning_rate(problem, batch_size, delay=delay)
    curves = [
        delayed_risk(problem, START, factor * edge, batch_size, 4000, delay=delay) for factor in (0.98, 1.02)
    ]
    inside, outside = (np.max(curve[-50:]) / np.max(curve[1000:1050]) for curve in curves)
    assert inside < 0.9
    assert outside > 1.1


@pytest.mark.long
def test_simulation_diverges_past_the_largest_rate_and_not_before():
    problem, delay, runs = least_squares.one_hot(np.full(4, 0.25)), 4, 400
    edge = least_squares.max_learning_rate(problem, 4, delay=delay)

    def growth(factor, delay):
        options = {"delay": delay, "key": jax.random.key(2)}
        risks = delayed.sgd(problem, np.ones(4), factor * edge, 4, 400, runs, **options)
        return np.mean(risks[:, -20:]) / np.mean(risks[:, :20])

    assert growth(0.9, delay) < 0.3
    assert growth(1.2, delay) > 3
    assert growth(1.2, 0) < 0.3  # mutant: a stale gradient is not stale


@pytest.mark.long
def test_a_run_depends_on_its_number_alone():
    problem, rate = PROBLEMS["gaussian"]
    options = {"delay": SPREAD, "lost": 0.1, "key": jax.random.key(5)}
    few = delayed.sgd(problem, START, rate, 2, 5, 3, **options)
    many = delayed.sgd(problem, START, rate, 2, 9, 8, **options)
    agree(many[:3, :6], few, relative=5 * 4 * FLOAT32)  # other shapes may be compiled to another order
    assert len(np.unique(np.asarray(many[:, -1]))) == 8


GOOD = {"problem": PROBLEMS["gaussian"][0], "start_error": START, "learning_rate": 0.1, "batch_size": 1}
GOOD |= {"steps": 2, "runs": 2, "delay": 1, "key": jax.random.key(0)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_error": [1.0]}, r"start_error has shape \(1,\); pass 3 entries"),
        ({"start_error": [1.0, np.nan, 1.0]}, r"start_error has the value nan at \(1,\)"),
        ({"learning_rate": -0.1}, "learning_rate = -0.1 is refused"),
        ({"learning_rate": [0.1]}, r"learning_rate = \[0.1\] is refused"),
        ({"batch_size": 0}, "batch_size = 0 is refused"),
        ({"steps": 1.5}, "steps = 1.5 is refused"),
        ({"runs": 0}, "runs = 0 is refused"),
        ({"delay": -1}, "delay = -1 is refused"),
        ({"delay": [0.5, 0.2]}, r"delay = \[0.5, 0.2\] is refused; pass probabilities"),
        ({"delay": [1.5, -0.5]}, r"delay = \[1.5, -0.5\] is refused"),
        ({"lost": 1.1}, "lost = 1.1 is refused"),
        ({"lost": -0.1}, "lost = -0.1 is refused"),
        ({"lost": 0.1, "way": "burned"}, "way = 'burned' is refused; pass one of dropped, overwritten"),
        ({"way": "burned"}, "way = 'burned' is refused"),
        ({"key": 3}, "key = 3 is not one random key"),
        ({"problem": 3}, "problem"),
        (
            {"problem": PROBLEMS["without_replacement"][0], "batch_size": 13},
            "batch_size = 13",
        ),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        delayed.sgd(**GOOD | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"problem": PROBLEMS["without_replacement"][0]}, "problem"),
        ({"delay": -1}, "delay = -1 is refused"),
        ({"delay": [0.5]}, r"delay = \[0.5\] is refused"),
        ({"lost": 1.5}, "lost = 1.5 is refused"),
    ],
)
def test_exact_risk_refuses_bad_arguments(changes, message):
    good = {name: value for name, value in GOOD.items() if name not in ("runs", "key")}
    with pytest.raises(ValueError, match=message):
        delayed_risk(**good | changes)
