"""The contest against a loop of its own, on known problems; logistic regression against NumPy."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import sparse

from lecturelib import adaptive
from lecturelib.adaptive import contest
from lecturelib.spread import draw_batches
from tests.agree import agree
from tests.marks import first_quick

EPS = float(np.finfo(np.float32).eps)
RATES, SEEDS, STEPS, BATCH = [0.05, 0.2], [3, 4], 20, 8


def text(rows=60, words=12, seed=0):
    random = np.random.default_rng(seed)
    features = sparse.csr_array((random.random((rows, words)) < 0.2).astype(np.float32))
    return SimpleNamespace(features=features, labels=random.choice([-1, 1], rows).astype(np.int8))


@pytest.fixture(scope="module")
def problem():
    return contest.text_problem(text(), 20, seed=1)


def by_hand(problem, method, rate, seed, wrong=None):
    """The four numbers of a run, by a Python loop over the same stream with a dense logistic loss."""
    d = 12

    def dense(rows):
        X = np.zeros((len(rows.labels), d + 1), np.float32)
        np.put_along_axis(X, np.asarray(rows.columns), 1, axis=1)
        return X[:, :d], rows.labels

    def loss(w, X, y):
        return jnp.mean(jnp.log1p(jnp.exp(-y * (X @ w[:d] + w[d]))))

    (X, y), test = dense(problem.train), dense(problem.test)
    rule, w = method(rate), jnp.zeros(d + 1)
    state, losses = rule.init(w), []
    stream = draw_batches(len(y), STEPS, BATCH, seed=seed)
    for chosen in stream[[0] * STEPS] if wrong == "one batch" else stream:
        value, gradient = jax.value_and_grad(loss)(w, X[chosen], y[chosen])
        gradient = gradient * BATCH if wrong == "sum, not mean" else gradient
        step, state = rule.update(gradient, state)
        w = w + step
        losses.append(loss(w, X[chosen], y[chosen]) if wrong == "loss after" else value)
    error = np.mean(test[1] * np.sign(test[0] @ w[:d] + w[d]) != 1)
    return [np.mean(losses), np.mean(losses[-STEPS // 5 :]), float(loss(w, *test)), error]


@pytest.mark.long
@first_quick("method", [optax.sgd, adaptive.adam])
def test_a_run_is_its_loop_and_no_near_miss(problem, method):
    runs = contest.train(problem, method, RATES, SEEDS, steps=STEPS, batch_size=BATCH)
    measured = np.stack([runs.stream_loss, runs.late_loss, runs.test_loss, runs.test_error], axis=-1)
    assert measured.shape == (2, 2, 4)
    tolerance = 100 * EPS * STEPS  # a few dozen roundings a step; Adam divides by small numbers at first
    for r, rate in enumerate(RATES):
        for s, seed in enumerate(SEEDS):
            expected = by_hand(problem, method, rate, seed)
            agree(measured[r, s, :3], expected[:3], rounding=tolerance)
            agree(measured[r, s, 3], expected[3], rounding=1e-6)
    mutants = ["one batch", "loss after"] + (["sum, not mean"] if method is optax.sgd else [])
    for wrong in mutants:
        off = np.abs(measured[1, 0, :3] - by_hand(problem, method, RATES[1], SEEDS[0], wrong)[:3])
        assert off.max() > 10 * tolerance, wrong


def test_a_seed_is_the_same_alone_and_in_company(problem):
    both = contest.train(problem, optax.sgd, RATES, SEEDS, steps=STEPS, batch_size=BATCH)
    alone = contest.train(problem, optax.sgd, RATES[1:], SEEDS[1:], steps=STEPS, batch_size=BATCH)
    assert alone.stream_loss[0, 0] == both.stream_loss[1, 1]


def runs(losses):
    losses = np.array(losses, dtype=float)
    return contest.Runs(np.array([0.1, 0.2, 0.4]), np.arange(losses.shape[1]), *[losses] * 4)


def test_the_best_rate_is_the_lowest_mean_and_its_edges_are_told():
    best = runs([[3.0, 3.0], [1.0, 2.0], [0.0, 9.0]]).best("test_loss")
    assert (best.learning_rate, best.at_edge) == (0.2, False)
    best = runs([[3.0, 3.0], [np.nan, 0.0], [1.0, np.inf]]).best("stream_loss")
    assert (best.learning_rate, best.at_edge) == (0.1, True)


def test_packed_rows_are_the_rows():
    data = text(seed=2)
    packed = contest.pack(data)
    for row, (columns, label) in enumerate(zip(packed.columns, packed.labels, strict=True)):
        assert columns[columns < 12].tolist() == data.features[[row]].indices.tolist()
        assert label == data.labels[row]


def test_the_split_keeps_every_row_once(problem):
    data = text()
    both = np.concatenate([problem.train.columns, problem.test.columns])
    assert (len(problem.train.labels), len(problem.test.labels)) == (40, 20)
    packed = contest.pack(data).columns
    assert sorted(map(tuple, both)) == sorted(map(tuple, packed))
    other = contest.text_problem(data, 20, seed=2)
    assert (other.test.columns != problem.test.columns).any()


@pytest.mark.long
def test_loss_and_gradient_are_those_of_the_dense_rows():
    data = text(seed=4)
    rows = contest.pack(data)
    random = np.random.default_rng(0)
    w, c = random.normal(size=12).astype("f"), np.float32(0.3)
    X, y = data.features.toarray().astype(float), data.labels.astype(float)
    signed = y * (X @ w + c)
    params = contest.Params(w, c)
    loss, error = contest.loss_and_error(params, rows)
    agree(loss, np.log1p(np.exp(-signed)).mean(), rounding=20 * EPS)
    agree(error, (signed <= 0).mean(), rounding=EPS)
    gradient = jax.grad(lambda p: contest.loss_and_error(p, rows)[0])(params)
    slope = -y / (1 + np.exp(signed)) / len(y)
    agree(gradient.weights, X.T @ slope, rounding=20 * EPS)
    agree(gradient.constant, slope.sum(), rounding=20 * EPS)


TWOS = SimpleNamespace(features=text().features * 2, labels=text().labels)
UNEVEN = contest.Problem(contest.loss_and_error, lambda seed: None, (np.ones(2), np.ones(3)), None)


def train(problem, rates=(0.1,), seeds=(0,), steps=2, batch_size=2):
    return contest.train(problem, optax.sgd, rates, seeds, steps=steps, batch_size=batch_size)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda problem: train(problem, rates=()), "learning_rates"),
        (lambda problem: train(problem, rates=(0.2, 0.1)), "learning_rates = .*increasing"),
        (lambda problem: train(problem, rates=(0.0,)), "learning_rates"),
        (lambda problem: train(problem, rates=(np.inf,)), "learning_rates"),
        (lambda problem: train(problem, seeds=()), "seeds = "),
        (lambda problem: train(problem, seeds=(1, 1)), "seeds = "),
        (lambda problem: train(problem, seeds=(-1,)), "a seed = -1"),
        (lambda problem: train(problem, steps=0), "steps = 0"),
        (lambda problem: train(problem, batch_size=1.5), "batch_size = 1.5"),
        (lambda problem: train(UNEVEN), r"arrays of \[2, 3\] rows"),
        (lambda problem: runs([[np.nan], [np.inf], [np.nan]]).best("late_loss"), "smaller"),
        (lambda problem: runs([[1.0], [1.0], [1.0]]).best("loss"), "measure = 'loss'"),
        (lambda problem: contest.pack(TWOS), "binary"),
        (lambda problem: contest.text_problem(text(), 60, seed=0), "test_rows = 60"),
        (lambda problem: contest.text_problem(text(), 0, seed=0), "test_rows = 0"),
        (lambda problem: contest.text_problem(text(), 1.5, seed=0), "test_rows = 1.5"),
        (lambda problem: contest.text_problem(text(), 5, seed=-1), "seed = -1"),
    ],
)
def test_bad_arguments_are_refused(problem, call, message):
    with pytest.raises(ValueError, match=message):
        call(problem)
