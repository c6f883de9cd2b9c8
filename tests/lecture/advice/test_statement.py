"""What is optimized is said, and what is said of other ways to write it comes true in plain SGD."""

import numpy as np
import pytest
from scipy import sparse

from lecturelib import advice
from lecturelib.advice import page, preparation, statement
from lecturelib.advice.preparation import prepare
from tests.agree import agree

RNG = np.random.default_rng(17)
X = RNG.standard_normal((300, 4)) * [1.0, 2.0, 0.5, 1.0] + [3.0, 0.0, -2.0, 10.0]
Y = X.sum(axis=1) + RNG.standard_normal(300)
ONES = np.column_stack([X, np.ones(len(X))])


def sgd(features, targets, rate, batch_size, steps, half=True):
    """Excess loss over the first by plain SGD, for a loss with its one half or without."""
    rng, w = np.random.default_rng(1), np.zeros(features.shape[1])
    best = np.linalg.lstsq(features, targets, rcond=None)[0]
    excess = [np.mean((features @ (at - best)) ** 2) for at in (w,)]
    for _ in range(steps):
        rows = rng.integers(len(targets), size=batch_size)
        slope = features[rows].T @ (features[rows] @ w - targets[rows]) / batch_size
        w = w - rate * slope * (1.0 if half else 2.0)
    return np.mean((features @ (w - best)) ** 2) / excess[0]


@pytest.fixture(scope="module")
def found():
    return advice.from_data(prepare(X.copy(), Y), runs=4)


def test_the_page_the_numbers_and_the_command_say_what_is_optimized(found):
    said = "1/2 (y - x'w)^2, mean over the batch; columns less their means, not scaled; no bias"
    assert said in page.text(found)
    assert said in page.as_json(found)
    logistic = statement.of_data(prepare(X.copy(), Y > 10, "logistic", standardize=True))
    assert "divided by their deviations; bias a column of ones" in logistic.sentence
    assert "no weight decay" in logistic.sentence
    assert "decay" not in statement.of_model().sentence


@pytest.mark.parametrize(
    ("loss", "standardize"), [("squared", False), ("squared", True), ("logistic", False)]
)
def test_the_curvature_of_raw_columns_is_theirs(loss, standardize):
    data = prepare(X.copy(), Y if loss == "squared" else Y > 10, loss, standardize=standardize)
    raw = np.linalg.eigvalsh(ONES.T @ ONES / len(X))[-1]
    trained = np.linalg.eigvalsh(data.features.T @ data.features / len(X))[-1]
    agree(statement.of_data(data).raw_curvature, raw / trained, relative=1e-2)  # of the power method


def test_half_the_rate_is_right_for_a_loss_without_the_half_and_the_whole_is_not(found):
    row, (features, targets) = found.plan.best, (X - X.mean(axis=0), Y - Y.mean())
    asked = features, targets, row.learning_rate, row.batch_size, 20 * row.steps
    half = (features, targets, 0.5 * row.learning_rate, row.batch_size, 20 * row.steps, False)
    agree(sgd(*half), sgd(*asked), relative=1e-9)
    assert sgd(*asked) < 0.2 < sgd(*asked, half=False)
    assert f"take half the rate: {page.number(0.5 * row.learning_rate)}." in page.text(found)


def test_on_raw_columns_the_rate_diverges_as_is_said(found):
    row = found.plan.best
    most = 2.0 / (found.problem.raw_curvature * found.spectrum[0])
    assert f"rates above {page.number(most)} diverge" in page.text(found)
    assert row.learning_rate > most
    assert sgd(ONES, Y, row.learning_rate, row.batch_size, 100) > 1e3
    assert sgd(ONES, Y, 0.3 * most, 300, 100) < 1.0


def test_columns_that_have_mean_zero_already_keep_their_rate():
    centred = 2.0 * (X - X.mean(axis=0))
    stated = statement.of_data(prepare(centred.copy(), Y))
    assert "as stable" in statement.carried(stated, "squared", 0.1, 1.0)[1]


def test_large_sparse_rows_are_said_to_be_as_they_are(monkeypatch):
    monkeypatch.setattr(preparation, "DENSE_NUMBERS", 10)
    rows = sparse.random_array((200, 30), density=0.05, rng=RNG).tocsr()
    made = advice.from_data(prepare(rows, rows.sum(axis=1) + RNG.standard_normal(200)), goal=0.3, runs=2)
    assert "columns as they are in the file, not scaled; no bias" in page.text(made)
    assert "It holds for the columns as they are, without a bias." in page.text(made)
    assert "does not carry over" not in page.text(made)
