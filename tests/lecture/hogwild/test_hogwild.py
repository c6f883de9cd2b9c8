"""Hogwild against known answers: a plain loop, disjoint supports, the closed form of ridge regression."""

import math

import numpy as np
import pytest
from scipy import sparse

from lecturelib import datasets, hogwild
from lecturelib.hogwild import kernels
from tests.agree import FLOAT64, agree
from tests.marks import first_quick

SHARED = ("lock-free", "locked", "striped", "round-robin", "buffered")


def random_problem(rows=300, columns=40, seed=0, density=0.15):
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(rows, columns)) * (generator.random((rows, columns)) < density)
    labels = np.where(generator.random(rows) < 0.5, -1, 1)
    return sparse.csr_array(features), labels


def by_hand(features, labels, loss, rate, l2, epochs):
    """The step of the docstring in plain Python, in the order of the rows, float64."""
    dense, n = features.toarray(), len(labels)
    having = (dense != 0).sum(0)
    weights = [0.0] * dense.shape[1]
    shrink = [rate * (l2 * n / h) if h else 0.0 for h in having.tolist()]
    for _ in range(epochs):
        for x, y in zip(dense.tolist(), labels.tolist(), strict=True):
            support = [c for c, value in enumerate(x) if value != 0]
            margin = 0.0
            for c in support:
                margin += weights[c] * x[c]
            slope = {
                "logistic": lambda m, y: -y / (1 + math.exp(y * m)),
                "hinge": lambda m, y: -float(y) if y * m < 1 else 0.0,
                "squared": lambda m, y: m - y,
            }[loss](margin, y)
            for c in support:
                weights[c] -= rate * slope * x[c] + shrink[c] * weights[c] if l2 else rate * slope * x[c]
    return np.array(weights)


@pytest.mark.long
@first_quick("l2", [0.0, 0.01], quick=2)
@first_quick("loss", ["logistic", "hinge", "squared"], quick=2)
def test_one_thread_is_the_plain_loop(loss, l2):
    features, labels = random_problem()
    run = hogwild.train(
        features,
        labels,
        loss=loss,
        l2=l2,
        learning_rate=0.05,
        epochs=2,
        seed=0,
        shuffle=False,
        scheme="serial",
        dtype="float64",
    )
    expected = by_hand(features, labels, loss, 0.05, l2, 2)
    # Same operations in the same order; only exp may differ, by an ulp in each step.
    agree(run.weights, expected, rounding=600 * FLOAT64 if loss == "logistic" else 0, normwise=True)
    margins = features @ run.weights
    losses = {
        "logistic": np.log1p(np.exp(-labels * margins)),
        "hinge": np.maximum(0, 1 - labels * margins),
        "squared": (labels - margins) ** 2 / 2,
    }
    expected = losses[loss].mean() + l2 / 2 * (run.weights**2).sum()
    agree(run.loss[-1], expected, relative=300 * FLOAT64)  # a sum of 300 terms
    assert np.abs(run.weights).max() > 0.1  # something happened


@pytest.mark.long
@first_quick("count", [False, True])
@first_quick("loss", ["logistic", "hinge"])
def test_every_scheme_is_serial_on_one_thread_bit_for_bit(loss, count):
    features, labels = random_problem(rows=1000)
    common = {"loss": loss, "learning_rate": 0.1, "epochs": 3, "seed": 7, "l2": 1e-3}
    serial = hogwild.train(features, labels, scheme="serial", **common)
    for scheme in SHARED[: 4 if count else 5]:
        options = {"merge_every": 100} if scheme == "buffered" else {}
        run = hogwild.train(features, labels, scheme=scheme, count=count, **common, **options)
        assert run.weights.tobytes() == serial.weights.tobytes(), scheme
        assert run.loss.tolist() == serial.loss.tolist()
        assert not count or (run.lost_updates.sum() == run.collisions.sum() == 0 < run.writes.min())


def disjoint(scheme, rows=1201, groups=4):
    """Rows of group g touch the columns of group g only, and every thread has whole groups."""
    features, labels = random_problem(rows, columns=10, density=0.5)
    position = np.arange(rows)
    group = (
        position % groups
        if scheme == "round-robin"
        else np.searchsorted([rows * (g + 1) // groups for g in range(groups)], position, side="right")
    )
    coo = features.tocoo()
    columns = 10 * group[coo.row] + coo.col
    return sparse.csr_array((coo.data, (coo.row, columns)), shape=(rows, 10 * groups)), labels


def train_disjoint(scheme, threads):
    features, labels = disjoint(scheme)
    options = {"merge_every": 50} if scheme == "buffered" else {}
    options |= {"learning_rate": 0.2, "epochs": 3, "seed": 0, "shuffle": False}
    return hogwild.train(features, labels, scheme=scheme, threads=threads, **options).weights.tobytes()


@first_quick("scheme", SHARED)
def test_disjoint_supports_give_the_serial_result_at_every_number_of_threads(scheme):
    features, labels = disjoint(scheme)
    serial = hogwild.train(
        features, labels, scheme="serial", learning_rate=0.2, epochs=3, seed=0, shuffle=False
    )
    for threads in (1, 2, 4):
        assert train_disjoint(scheme, threads) == serial.weights.tobytes(), threads


def test_a_kernel_that_drops_an_update_is_caught(monkeypatch):
    right, kernel = train_disjoint("lock-free", 1), kernels.lock_free

    def without_the_last_row(weights, rows, block, job):
        return kernel(
            weights, rows, block, job._replace(last=max(job.first + np.uint64(1), job.last) - np.uint64(1))
        )

    monkeypatch.setattr(kernels, "lock_free", without_the_last_row)
    for threads in (1, 2, 4):
        assert train_disjoint("lock-free", threads) != right, threads


def ridge_without_noise(rows=60, columns=8, l2=0.05, seed=1):
    """A ridge problem whose optimum is a fixed point of every single step, so that SGD can reach it.

    Row i is at rest if its residual r_i satisfies r_i x_ic = l2 n/n_c w*_c: choose w*, r and the pattern,
    then x and y = x'w* + r. The closed form knows nothing of this.
    """
    generator = np.random.default_rng(seed)
    pattern = generator.random((rows, columns)) < 0.4
    pattern[np.arange(columns), np.arange(columns)] = True
    optimum, residuals = generator.normal(size=columns), generator.choice([-1, 1], rows) * 0.2
    features = pattern * (l2 * rows / pattern.sum(0) * optimum)[None, :] / residuals[:, None]
    targets = features @ optimum + residuals
    closed = np.linalg.solve(features.T @ features / rows + l2 * np.eye(columns), features.T @ targets / rows)
    agree(closed, optimum, relative=1e-9)  # what solving leaves of 16 digits, generously
    return sparse.csr_array(features), targets, closed


def ridge_error(scheme="serial", threads=1):
    features, targets, closed = ridge_without_noise()
    run = hogwild.train(
        features,
        targets,
        loss="squared",
        l2=0.05,
        learning_rate=0.3,
        epochs=200,
        seed=0,
        scheme=scheme,
        threads=threads,
        dtype="float64",
    )
    return np.abs(run.weights - closed).max()


# The hessian's eigenvalues are l2 = 0.05 and more, so 200 epochs of 60 steps of 0.3 shrink the error by
# e^-180 and more; what rounding leaves is some eps times the condition number, under 100 here.
RIDGE_TOLERANCE = 100 * 100 * FLOAT64


@first_quick(("scheme", "threads"), [("serial", 1), ("lock-free", 2), ("buffered", 2)])
def test_ridge_reaches_the_closed_form(scheme, threads):
    assert ridge_error(scheme, threads) < RIDGE_TOLERANCE


def test_l2_on_the_rows_columns_without_the_factor_for_rare_columns_is_caught(monkeypatch):
    monkeypatch.setattr(
        hogwild, "check_shrinkage", lambda features, settings: np.full(features.shape[1], settings.l2)
    )
    assert ridge_error() > 1e6 * RIDGE_TOLERANCE


@pytest.mark.parametrize("scheme", SHARED)
def test_loss_falls_on_real_text(scheme):
    text = datasets.wordnet()
    chosen = np.random.default_rng(0).permutation(len(text.labels))[:5000]
    run = hogwild.train(
        text.features[chosen],
        text.labels[chosen],
        learning_rate=0.1,
        epochs=3,
        threads=2,
        scheme=scheme,
        seed=0,
    )
    agree(run.loss[0], math.log(2), relative=5000 * FLOAT64)  # a sum of 5000 terms
    assert (np.diff(run.loss) < 0).all()
    assert run.loss.shape == (4,)
    assert run.seconds.shape == run.updates_per_second.shape == (3,)
    assert run.weights.dtype == np.float32
    assert run.writes is None
    with pytest.raises(ValueError, match="read-only"):
        run.weights[0] = 1
