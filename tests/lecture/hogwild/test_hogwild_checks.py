"""What Hogwild refuses: every bad argument by name, before anything is compiled or started."""

import numpy as np
import pytest
from scipy import sparse

from lecturelib import hogwild

GOOD = {"learning_rate": 0.1, "epochs": 1, "seed": 0}


def csr(data=(1.0, 2.0, 3.0), indices=(0, 2, 1), starts=(0, 2, 3), shape=(2, 3)):
    """A CSR array as it is, without the checks and the sorting of scipy."""
    features = sparse.csr_array(shape)
    features.data, features.indices, features.indptr = map(np.asarray, (data, indices, starts))
    return features


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch):
    def started(*arguments):
        raise AssertionError("compiled and started before the check")

    monkeypatch.setattr(hogwild, "Team", started)


def refused(match, features=None, labels=(1, -1), **changes):
    with pytest.raises(ValueError, match=match):
        hogwild.train(csr() if features is None else features, labels, **(GOOD | changes))


def test_good_arguments_start():
    with pytest.raises(AssertionError, match="started"):
        hogwild.train(csr(), (1, -1), **GOOD)


@pytest.mark.parametrize(
    ("match", "changes"),
    [
        ("loss = 'log' is refused; pass one of logistic, hinge, squared", {"loss": "log"}),
        ("scheme = 'hogwild' is refused; pass one of serial, lock-free", {"scheme": "hogwild"}),
        (r"scheme = \['locked'\] is refused", {"scheme": ["locked"]}),
        ("shuffle = 1 is refused; pass True or False", {"shuffle": 1}),
        ("count = 'yes' is refused", {"count": "yes"}),
        ("threads = 0 is refused; pass a whole number, 1 or more", {"threads": 0}),
        ("threads = 2.5 is refused", {"threads": 2.5}),
        ("threads = True is refused", {"threads": True}),
        ("threads = 2 with scheme = 'serial'; pass threads=1", {"scheme": "serial", "threads": 2}),
        ("epochs = 0 is refused", {"epochs": 0}),
        ("seed = None is refused; pass a whole number, 0 or more", {"seed": None}),
        ("seed = -1 is refused", {"seed": -1}),
        ("stripes = 0 is refused", {"stripes": 0}),
        ("merge_every = 0 is refused", {"scheme": "buffered", "merge_every": 0}),
        ("merge_every is for scheme = 'buffered', not 'lock-free'", {"merge_every": 5}),
        ("dtype = 'float16' is refused; pass 'float32' or 'float64'", {"dtype": "float16"}),
        ("dtype = None is refused", {"dtype": None}),
        ("dtype = 'much' is refused", {"dtype": "much"}),
        ("learning_rate = 0 is refused; pass a positive finite number", {"learning_rate": 0}),
        ("learning_rate = nan is refused", {"learning_rate": float("nan")}),
        ("learning_rate = inf is refused", {"learning_rate": float("inf")}),
        ("learning_rate = 1e-60 is refused", {"learning_rate": 1e-60}),
        ("learning_rate = 'fast' is refused", {"learning_rate": "fast"}),
        (r"learning_rate = \[0.1, 0.1\] is refused; .* each of the 1 epochs", {"learning_rate": [0.1, 0.1]}),
        ("l2 = -1 is refused; pass one finite number, 0 or more", {"l2": -1}),
        ("l2 = nan is refused", {"l2": float("nan")}),
        (r"rows with column 0\) = 1.2, over 1: .* lower learning_rate or l2", {"l2": 6.0}),
        ("count = True with .* dtype = float64.*pass dtype='float32'", {"count": True, "dtype": "float64"}),
        ("count = True with scheme = 'buffered'", {"count": True, "scheme": "buffered"}),
    ],
)
def test_settings(match, changes):
    refused(match, **changes)


@pytest.mark.parametrize(
    ("match", "features"),
    [
        (r"features is ndarray; .*csr_array\(features\)", np.eye(2)),
        ("features is a csc matrix", sparse.csc_array(np.eye(2))),
        ("features has 0 rows and 3 columns", sparse.csr_array((0, 3))),
        ("features has 2 rows and 0 columns", sparse.csr_array((2, 0))),
        ("entries of type complex128; pass real numbers", csr(data=(1j, 1j, 1j))),
        ("entry nan, not finite in float32; remove or rescale", csr(data=(1, np.nan, 1))),
        ("entry 1e[+]300, not finite in float32", csr(data=(1, 1e300, 1))),
        ("unsorted or repeated columns in a row; call features.sum_duplicates", csr(indices=(1, 1, 0))),
        ("unsorted or repeated columns in a row", csr(indices=(2, 0, 1))),
        ("unsorted or repeated columns", csr(data=np.ones(4), indices=(0, 2, 2, 0), starts=(0, 2, 4))),
        ("no sound CSR matrix .indices must be < 3.; build it anew", csr(indices=(0, 3, 1))),
        ("no sound CSR matrix .indices must be >= 0", csr(indices=(0, 2, -1))),
        ("no sound CSR matrix .indptr does not end", csr(starts=(0, 2, 2))),
        ("no sound CSR matrix .indptr must be", csr(starts=(0, 4, 3))),
        ("no sound CSR matrix .index pointer should start", csr(starts=(1, 2, 3))),
        ("no sound CSR matrix .index pointer size", csr(starts=(0, 3))),
        ("no sound CSR matrix .indices and data", csr(data=(1.0, 2.0))),
        ("no sound CSR matrix", csr(np.empty(0), np.empty(0, int), starts=(0, 3, 0))),
    ],
)
def test_features(match, features):
    refused(match, features=features, labels=[1] * features.shape[0])


@pytest.mark.parametrize(
    ("match", "labels", "loss"),
    [
        ("labels has the value 0; for the logistic loss pass -1 and [+]1", (1, 0), "logistic"),
        ("labels has the value 2.5; for the hinge loss", (1, 2.5), "hinge"),
        ("labels has the value nan; for the squared loss pass finite numbers", (1, np.nan), "squared"),
        ("labels has the value nan; for the logistic loss", (1, np.nan), "logistic"),
        ("labels has the value 1e[+]39; for the squared loss", (1, 1e39), "squared"),
        (r"labels is .* of shape \(3,\); pass numbers of shape \(2,\)", (1, -1, 1), "logistic"),
        (r"of shape \(2, 1\)", ((1,), (-1,)), "squared"),
        ("labels is <U1", ("a", "b"), "logistic"),
    ],
)
def test_labels(match, labels, loss):
    refused(match, labels=labels, loss=loss)


def test_a_matrix_is_not_changed_and_not_believed():
    """scipy remembers that columns were sorted, and mends what it checks; neither may show."""
    features = csr(indices=(0, 1, 1))
    assert features.has_canonical_format
    features.indices[:2] = 1, 0
    assert features.has_canonical_format  # a mutant would ask this
    refused("unsorted or repeated columns", features=features)
    features = csr(starts=(0, 2, 2))
    refused("indptr does not end", features=features)
    assert len(features.indices) == 3


def test_rows_may_be_empty_and_columns_fall_from_row_to_row():
    for starts in ((0, 0, 2, 2, 3, 3), (0, 2, 3, 3, 3, 3), (0, 0, 0, 0, 0, 3)):
        features = csr(indices=(0, 2, 1) if starts[-2] == 3 else (0, 1, 2), starts=starts, shape=(5, 3))
        with pytest.raises(AssertionError, match="started"):
            hogwild.train(features, np.ones(5), **GOOD)
