"""The front door: wide, tall, sparse, rank-deficient, badly scaled, tiny data; hopeless goals; huge files."""

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

from lecturelib import advice
from lecturelib.advice import page
from lecturelib.advice.data import prepare

RNG = np.random.default_rng(21)


def shape_of(kind):
    """Features and targets of a kind of data that a reader may have."""
    x, noise = RNG.standard_normal((300, 5)), RNG.standard_normal(300)
    if kind == "tall":
        return x, x.sum(axis=1) + noise
    if kind == "wide":
        x = RNG.standard_normal((40, 150))
        return x, x[:, 0]
    if kind == "sparse":
        x = sparse.random_array((400, 60), density=0.05, rng=RNG).tocsr()
        return x, x.sum(axis=1) + 0.1 * RNG.standard_normal(400)
    if kind == "rank-deficient":
        return np.column_stack([x, x[:, 0] + x[:, 1], np.ones(300)]), x.sum(axis=1) + noise
    if kind == "no signal":
        return x, noise
    return np.array([[0.0], [1.0], [3.0]]), np.array([0.0, 1.0, 2.0])  # tiny


@pytest.mark.parametrize("kind", ["tall", "wide", "sparse", "rank-deficient", "no signal", "tiny"])
def test_every_shape_of_data_gets_a_page_that_training_confirms(kind):
    found = advice.from_data(prepare(*shape_of(kind)), goal=0.1, runs=6)
    row = found.plan.rows[found.plan.recommended]
    assert row.batch_size <= found.rows
    assert 0 < row.learning_rate < row.max_learning_rate * 1.001
    assert all(0.6 < trial.ratio < 1.7 for trial in found.trials if trial.predicted_steps > 3)
    assert found.trials
    assert page.page(found).count("<tr") == len(found.plan.rows) + 1


def test_what_is_odd_is_said():
    deficient = advice.from_data(prepare(*shape_of("rank-deficient")), goal=0.1, runs=2)
    assert "1 of 7 columns is constant" in " ".join(deficient.remarks)
    assert (deficient.rank, deficient.columns) == (5, 6)
    assert "The features have rank 5, below their 6 columns" in " ".join(deficient.remarks)
    wide = advice.from_data(prepare(*shape_of("wide")), goal=0.1, runs=2)
    assert "fit every row" in " ".join(wide.remarks)


def test_bad_scaling_is_told_and_mended():
    x, y = shape_of("tall")
    x = x * [1.0, 1e3, 1e-3, 1e5, 1.0]
    hopeless = advice.from_data(prepare(x.copy(), y), goal=0.01)
    assert hopeless.plan.recommended is None
    assert hopeless.confirmed is None
    assert "standardize" in " ".join(hopeless.remarks)
    assert "No batch size reaches this goal" in page.text(hopeless)
    assert "out of reach" in page.page(hopeless)
    mended = advice.from_data(prepare(x, y, standardize=True), goal=0.01, runs=4)
    assert mended.plan.recommended is not None


def test_the_logistic_loss_is_called_a_rule_of_thumb_and_trained_for_real():
    x, _ = shape_of("tall")
    y = (x[:, 0] + RNG.logistic(size=300) > 0).astype(float)
    found = advice.from_data(prepare(x, y, "logistic"), goal=0.1, runs=8)
    assert "rule of thumb" in found.heuristic
    assert found.trials
    assert all(0.4 < trial.ratio < 2.5 for trial in found.trials)  # a chord for a curve: the right order
    first = math.log(2.0)
    assert found.plan.start_risk < first


def test_few_directions_have_exact_rates_and_many_have_not():
    assert advice.from_data(prepare(*shape_of("tall")), goal=0.1, runs=2).plan.rates_exact
    assert not advice.from_data(prepare(*shape_of("sparse")), goal=0.1, runs=2).plan.rates_exact


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"runs": 1}, "runs = 1 is refused"),
        ({"model": "a:b", "path": "c.csv"}, "a path or a model, not both"),
        ({"goal": -1.0, "rows": 100}, "goal = -1.0 is refused"),
        ({"price": 0.0, "rows": 100}, "price = 0.0 is refused"),
        ({"loss": "hinge", "rows": 100}, "loss = 'hinge' is refused"),
    ],
)
def test_bad_options_are_named(options, says):
    with pytest.raises(ValueError, match=says):
        advice.advise(**options)


HUGE = """
import resource, sys
from lecturelib import advice
found = advice.advise(sys.argv[1], runs=2)
assert found.plan.recommended is not None
assert found.trials or "left out" in " ".join(found.remarks)
print(found.rows, found.columns, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def peak(path):
    """Rows, columns and the peak memory in GB of advice for a file, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", HUGE, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [float(word) for word in done.stdout.split()]


@pytest.mark.long
def test_a_million_rows_of_csv_take_less_than_four_gigabytes(tmp_path):
    import pyarrow
    from pyarrow import csv

    x = RNG.standard_normal((1_000_000, 50), dtype=np.float32) / np.sqrt(np.arange(1, 51), dtype=np.float32)
    columns = {f"x{i}": x[:, i] for i in range(50)} | {"y": x.sum(axis=1) + RNG.standard_normal(len(x))}
    csv.write_csv(pyarrow.table(columns), tmp_path / "big.csv")
    rows, features, gigabytes = peak(tmp_path / "big.csv")
    assert (rows, features) == (1_000_000, 50)
    assert gigabytes < 4.0


@pytest.mark.long
def test_a_wide_sparse_file_takes_less_than_four_gigabytes(tmp_path):
    weights, share = RNG.standard_normal(30_000), 1.0 / np.arange(1, 30_001)
    cumulative = np.cumsum(share / share.sum())
    with (tmp_path / "wide.svm").open("w") as file:
        for _ in range(100_000):
            words = np.unique(np.minimum(np.searchsorted(cumulative, RNG.random(20)), 29_999))
            entries = " ".join(f"{word + 1}:1" for word in words)
            file.write(f"{weights[words].sum() + RNG.standard_normal():.4f} {entries}\n")
    rows, features, gigabytes = peak(tmp_path / "wide.svm")
    assert (rows, features) == (100_000, 30_000)
    assert gigabytes < 4.0
