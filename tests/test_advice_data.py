"""The reader's data: what is dropped is said, what cannot work is refused with its value."""

import numpy as np
import pytest
from scipy import sparse

from lecturelib import datasets
from lecturelib.advice.data import load, prepare

RNG = np.random.default_rng(0)
FEATURES, TARGETS = RNG.standard_normal((30, 3)) + 5.0, RNG.standard_normal(30)


def test_dense_columns_and_targets_are_centred_and_constant_columns_left_out():
    features = np.column_stack([FEATURES[:, 0], np.full(30, 0.1), FEATURES[:, 1]])
    data = prepare(features, TARGETS)
    np.testing.assert_allclose(data.features, FEATURES[:, :2] - FEATURES[:, :2].mean(axis=0), atol=1e-12)
    assert data.targets.mean() == pytest.approx(0.0, abs=1e-12)
    assert data.remarks == ("1 of 3 columns is constant and left out.",)


def test_standardize_gives_every_column_a_deviation_of_one():
    features = FEATURES * [1.0, 1e-4, 1e5]
    plain, scaled = prepare(features.copy(), TARGETS), prepare(features.copy(), TARGETS, standardize=True)
    assert "differ by a factor of" in plain.remarks[0]
    assert not scaled.remarks
    np.testing.assert_allclose(scaled.features.std(axis=0), 1.0)


def test_read_only_features_are_copied_and_others_are_not():
    features = FEATURES.copy()
    features.setflags(write=False)
    prepare(features, TARGETS)
    np.testing.assert_array_equal(features, FEATURES)
    own = FEATURES.copy()
    assert np.shares_memory(prepare(own, TARGETS).features, own)


def test_logistic_labels_become_zero_and_one_and_features_get_a_column_of_ones():
    data = prepare(FEATURES.copy(), np.where(TARGETS > 0, 7.0, 3.0), "logistic")
    np.testing.assert_array_equal(data.targets, TARGETS > 0)
    np.testing.assert_array_equal(data.features[:, -1], 1.0)


def test_sparse_rows_are_taken_as_they_are():
    rows = sparse.csr_array(np.eye(4))
    data = prepare(rows, np.arange(4.0))
    assert sparse.issparse(data.features)
    np.testing.assert_array_equal(data.features.toarray(), np.eye(4))
    np.testing.assert_array_equal(data.targets, np.arange(4.0))
    assert "4 rows for 4 columns" in data.remarks[0]


def test_mnist_asks_whether_it_is_a_digit():
    data, mnist = load(target="3", rows=400, seed=1), datasets.mnist()
    share = (mnist.train_labels == 3).mean()
    assert len(np.unique(data.targets)) == 2
    standard_error = np.sqrt(share * (1 - share) / 400)
    assert abs((data.targets > 0).mean() - share) < 4.0 * standard_error
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
    with pytest.raises(ValueError, match="leave target empty"):
        load(text, "price")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((FEATURES[:1], TARGETS[:1]), "has 1 row"),
        ((np.ones((5, 2)), np.arange(5.0)), "all 2 columns are constant"),
        ((sparse.csr_array((5, 2)), np.arange(5.0)), "features are all zero"),
        ((FEATURES, np.full(30, 2.0)), "every target is 2"),
        ((FEATURES, TARGETS, "logistic"), "needs two target values, found 30"),
        ((FEATURES, TARGETS, "hinge"), "loss = 'hinge' is refused"),
        ((np.where(FEATURES > 6, np.inf, FEATURES), TARGETS), "not finite"),
    ],
)
def test_what_cannot_work_is_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        prepare(*arguments)


def test_a_digit_that_is_none_and_scaling_of_sparse_rows_are_refused():
    with pytest.raises(ValueError, match="target = 'x': for MNIST give one digit"):
        load(target="x")
    with pytest.raises(ValueError, match="refused for sparse data"):
        prepare(sparse.csr_array(np.eye(4)), np.arange(4.0), standardize=True)
    with pytest.raises(FileNotFoundError, match="no such file"):
        load("nowhere.csv")
