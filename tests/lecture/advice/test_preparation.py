"""The reader's data: what is dropped is said, what cannot work is refused with its value."""

import numpy as np
import pytest
from scipy import sparse

from lecturelib import datasets
from lecturelib.advice import preparation
from lecturelib.advice.preparation import load, prepare
from tests.agree import agree

RNG = np.random.default_rng(0)
FEATURES, TARGETS = RNG.standard_normal((30, 3)) + 5.0, RNG.standard_normal(30)


def test_dense_columns_and_targets_are_centred_and_constant_columns_left_out():
    features = np.column_stack([FEATURES[:, 0], np.full(30, 0.1), FEATURES[:, 1]])
    data = prepare(features, TARGETS)
    agree(data.features, FEATURES[:, :2] - FEATURES[:, :2].mean(axis=0), rounding=1e-12 * np.ones((30, 2)))
    agree(data.targets.mean(), 0.0, rounding=1e-12)
    assert data.remarks == ("1 of 3 columns is constant and left out.",)


def test_standardize_gives_every_column_a_deviation_of_one():
    features = FEATURES * [1.0, 1e-4, 1e5]
    plain, scaled = prepare(features.copy(), TARGETS), prepare(features.copy(), TARGETS, standardize=True)
    assert "differ by a factor of" in plain.remarks[0]
    assert not scaled.remarks
    agree(scaled.features.std(axis=0), 1.0, rounding=1e-12)


def test_read_only_features_are_copied_and_others_are_not():
    features = FEATURES.copy()
    features.setflags(write=False)
    prepare(features, TARGETS)
    assert np.array_equal(features, FEATURES)
    own = FEATURES.copy()
    assert np.shares_memory(prepare(own, TARGETS).features, own)


def test_logistic_labels_become_zero_and_one_and_features_get_a_column_of_ones():
    data = prepare(FEATURES.copy(), np.where(TARGETS > 0, 7.0, 3.0), "logistic")
    assert np.array_equal(data.targets, TARGETS > 0)
    assert np.all(data.features[:, -1] == 1.0)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_the_same_numbers_are_prepared_alike_from_every_kind_of_file(loss):
    targets = TARGETS if loss == "squared" else TARGETS > 0
    dense, rows = prepare(FEATURES.copy(), targets, loss), sparse.csr_array(FEATURES)
    from_sparse = prepare(rows, targets, loss)
    assert np.array_equal(from_sparse.features, dense.features)
    assert np.array_equal(from_sparse.targets, dense.targets)
    assert from_sparse.remarks == dense.remarks
    assert np.array_equal(rows.toarray(), FEATURES)  # what was passed has not changed


def test_large_sparse_rows_are_taken_as_they_are_and_it_is_said(monkeypatch):
    monkeypatch.setattr(preparation, "DENSE_NUMBERS", 10)
    monkeypatch.setattr(preparation, "DENSE_SHARE", 0.5)
    rows = sparse.csr_array(np.eye(4))
    data = prepare(rows, np.arange(4.0))
    assert sparse.issparse(data.features)
    assert np.array_equal(data.features.toarray(), np.eye(4))
    assert np.array_equal(data.targets, np.arange(4.0))
    assert "stay as they are" in data.remarks[0]
    assert "4 rows for 4 columns" in data.remarks[1]
    with pytest.raises(ValueError, match="refused for sparse data"):
        prepare(rows, np.arange(4.0), standardize=True)


def test_columns_of_hashed_text_that_nothing_uses_cost_nothing():
    used = sparse.csr_array((np.ones(4), [7, 9, 7, 2**28], [0, 1, 2, 3, 4]), shape=(4, 2**28 + 1))
    data = prepare(used, np.arange(4.0))
    assert data.features.shape == (4, 3)
    assert data.remarks[0] == f"{2**28 - 2} of {2**28 + 1} columns are constant and left out."


def test_mnist_asks_whether_it_is_a_digit():
    data, mnist = load(target="3", rows=400, seed=1), datasets.mnist()
    share = (mnist.train_labels == 3).mean()
    assert len(np.unique(data.targets)) == 2
    standard_error = np.sqrt(share * (1 - share) / 400)
    agree((data.targets > 0).mean(), share, standard_error=standard_error, factor=4.0)
    assert not np.array_equal(data.targets, load(target="3", rows=400, seed=2).targets)


def test_tables_and_svmlight_files_are_read(tmp_path):
    table = tmp_path / "houses.csv"
    table.write_text("rooms,price,age\n3,250,10\n4,410,2\n5,300,7\n")
    data = load(table, "price")
    assert (data.name, data.features.shape) == ("houses.csv, predicting price", (3, 2))
    assert load(table, "price", rows=2).features.shape == (2, 2)
    text = tmp_path / "two.svm"
    text.write_text("1 1:0.5 3:2\n-1 2:1\n0.5 1:1\n")
    assert load(text).features.shape == (3, 3)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: prepare(FEATURES[:1], TARGETS[:1]), "has 1 row"),
        (lambda: prepare(np.ones((5, 2)), np.arange(5.0)), "all 2 columns are constant"),
        (lambda: prepare(sparse.csr_array((5, 2)), np.arange(5.0)), "features are all zero"),
        (lambda: prepare(FEATURES, np.full(30, 2.0)), "every target is 2"),
        (lambda: prepare(FEATURES, TARGETS, "logistic"), "needs two target values, found 30"),
        (lambda: prepare(FEATURES, TARGETS, "hinge"), "loss = 'hinge' is refused"),
        (lambda: prepare(np.where(FEATURES > 6, np.inf, FEATURES), TARGETS), "not finite"),
        (lambda: prepare(FEATURES, np.where(TARGETS > 1, np.nan, TARGETS)), "not finite"),
        (lambda: load(target="x"), "target = 'x': for MNIST give one digit"),
    ],
)
def test_what_cannot_work_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_a_file_that_is_missing_is_said():
    with pytest.raises(FileNotFoundError, match="no such file"):
        load("nowhere.csv")
