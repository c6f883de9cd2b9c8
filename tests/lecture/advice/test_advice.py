"""The front door: wide, tall, sparse, rank-deficient, badly scaled, tiny data; hopeless goals; huge files."""

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize

from lecturelib import advice
from lecturelib.advice import page
from lecturelib.advice.preparation import prepare
from tests.agree import agree
from tests.marks import first_quick

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


@pytest.mark.long
@first_quick("kind", ["tall", "wide", "sparse", "rank-deficient", "no signal", "tiny"])
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


@pytest.mark.long
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
    rng = np.random.default_rng(3)
    x = rng.standard_normal((300, 5))
    y = (x[:, 0] + rng.logistic(size=300) > 0).astype(float)
    found = advice.from_data(prepare(x, y, "logistic"), goal=0.1, runs=8)
    assert "rule of thumb" in found.heuristic
    assert "ridge of 0.0001" in found.heuristic
    assert found.trials[0].agrees
    assert not found.refuted
    own = minimize(lambda w: np.mean(np.logaddexp(0, x @ w[:5] + w[5]) - y * (x @ w[:5] + w[5])), np.zeros(6))
    agree(found.plan.start_risk, math.log(2.0) - own.fun, relative=1e-4)
    assert found.plan.start_risk < math.log(2.0)


def test_few_directions_have_exact_rates_and_many_have_not():
    assert advice.from_data(prepare(*shape_of("tall")), goal=0.1, runs=2).plan.rates_exact
    assert not advice.from_data(prepare(*shape_of("sparse")), goal=0.1, runs=2).plan.rates_exact


def test_one_file_gives_one_answer_in_every_format(tmp_path):
    rng = np.random.default_rng(8)
    x = np.abs(rng.standard_normal((80, 3))) * [1.0, 2.0, 0.5] + 1.0
    y = x.sum(axis=1) + rng.standard_normal(80)
    table, text = tmp_path / "rows.csv", tmp_path / "rows.svm"
    np.savetxt(table, np.column_stack([x, y]), delimiter=",", header="a,b,c,y", comments="", fmt="%.17g")
    lines = [
        f"{target:.17g} " + " ".join(f"{k}:{v:.17g}" for k, v in enumerate(row, 1))
        for row, target in zip(x, y, strict=True)
    ]
    text.write_text("\n".join(lines) + "\n")
    answers = {page.answer(advice.advise(path, goal=0.2, runs=2)) for path in (table, text)}
    assert len(answers) == 1


SEPARABLE = "A plane separates the classes"


def classes(kind):
    """Features and 0 or 1, of a kind that the chord of the logistic loss is wrong about."""
    rng = np.random.default_rng(7)
    if kind == "separable":
        x = rng.standard_normal((400, 10))
        return x, (x[:, 0] + x[:, 1] > 0) * 1.0
    if kind == "nearly separable":
        x = rng.standard_normal((600, 8))
        return x, (4.0 * x[:, 0] + rng.logistic(size=600) > 0) * 1.0
    if kind == "clusters":
        labels = np.repeat([1.0, 0.0], 150)
        return 2.0 * labels[:, None] - 1.0 + 0.7 * rng.standard_normal((300, 2)), labels
    x = rng.standard_normal((500, 5)) * [1.0, 3.0, 0.3, 1.0, 1.0]
    return x, (x[:, 0] + rng.logistic(size=500) > 0) * 1.0


@pytest.mark.long
@pytest.mark.parametrize("kind", ["separable", "nearly separable", "clusters", "scales"])
def test_the_logistic_advice_is_confirmed_also_where_classes_separate(kind):
    found = advice.from_data(prepare(*classes(kind), "logistic"), goal=0.05)
    assert page.standing(found) == "confirmed"  # the recommended batch; other rows may be said to be refuted
    if kind == "separable":
        assert SEPARABLE in " ".join(found.remarks)
        agree(found.plan.start_risk, math.log(2.0), relative=1e-12)


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"runs": 1}, "runs = 1 is refused"),
        ({"seed": -1}, "seed = -1 is refused"),
        ({"rows": 1.5}, "rows = 1.5 is refused"),
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
    assert rows == 100_000
    assert 29_000 < features <= 30_000  # words that no row has are left out
    assert gigabytes < 4.0
