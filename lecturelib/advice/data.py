"""The reader's data, read, checked and made ready for advice: what is dropped or odd about it is said."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import sparse

from lecturelib import datasets

LOSSES = ("squared", "logistic")
SPREAD = 100.0  # ratio of column deviations above which the scaling is worth a remark
SPARSE_SUFFIXES = (".svm", ".svmlight", ".libsvm", ".txt", ".gz", ".bz2", ".xz")


@dataclass(frozen=True, eq=False)
class Data:
    """Examples to learn from, and what a reader should know of them.

    features: shape (n, d), float64, columns with mean zero and, for the logistic loss, a column of ones after
    them; or a scipy CSR array, as it was read.
    targets: shape (n,): with mean zero for the squared loss (dense features), 0 or 1 for the logistic loss.
    name: of the data and what is predicted. loss: one of LOSSES. remarks: sentences for the page.
    """

    features: np.ndarray | sparse.csr_array = field(repr=False)
    targets: np.ndarray = field(repr=False)
    name: str
    loss: str
    remarks: tuple[str, ...]


def load(path="", target="", loss="squared", *, standardize=False, rows=0, seed=0) -> Data:
    """Read a data set: a table (.csv, .npz, .parquet) or a svmlight file; without a path, MNIST.

    path: the file; "" for the digits of MNIST. target: the column to predict, "" for the last (npz: the last
    array); for MNIST the digit to tell from the others, "" for 0; a svmlight file has its own. loss: as in
    LOSSES. standardize: divide every column by its deviation. rows: most rows to use, drawn at random from
    `seed`; 0 for all. Returns Data. FileNotFoundError, ImportError: from the readers. ValueError: damaged
    files, and what `prepare` refuses.

    >>> load(target="7", rows=500).name
    'MNIST pixels, is it a 7?'
    """
    if not path:
        digit = _digit(target)
        mnist = datasets.mnist()
        chosen = _chosen(len(mnist.train_labels), rows, seed)
        images, labels = mnist.train_images[chosen], mnist.train_labels[chosen]
        features = images.reshape(len(images), -1) / 255.0
        targets = np.where(labels == digit, 1.0, -1.0)
        return prepare(
            features, targets, loss, name=f"MNIST pixels, is it a {digit}?", standardize=standardize
        )
    path = Path(path)
    if path.suffix in SPARSE_SUFFIXES:
        if target:
            raise ValueError(f"target={target!r}: a svmlight file has its own targets; leave target empty")
        table = datasets.svmlight(path)
        name = path.name
    else:
        table = datasets.table(path, target or None)
        name = f"{path.name}, predicting {table.target_name}"
    features, targets = table.features, table.target
    if 0 < rows < len(targets):
        chosen = _chosen(len(targets), rows, seed)
        features, targets = features[chosen], targets[chosen]
    return prepare(features, targets, loss, name=name, standardize=standardize)


def prepare(features, targets, loss="squared", *, name="data", standardize=False) -> Data:
    """Check examples and make them ready: constant columns out, dense columns and targets to mean zero.

    features: shape (n, d), a float64 array, which is changed in place where that saves memory, or a CSR
    array. targets: shape (n,). ValueError: fewer than two rows, no column that varies, targets that do not
    fit the loss, values that are not finite.

    >>> data = prepare(np.array([[1.0, 5.0], [3.0, 5.0], [2.0, 5.0]]), np.array([1.0, 2.0, 6.0]))
    >>> data.features.ravel().tolist(), data.targets.tolist(), data.remarks[0][:35]
    ([-1.0, 1.0, 0.0], [-2.0, -1.0, 3.0], '1 of 2 columns is constant and left')
    """
    if loss not in LOSSES:
        raise ValueError(f"loss = {loss!r} is refused; choose one of {', '.join(LOSSES)}")
    rows, columns = features.shape
    targets = np.asarray(targets, dtype=np.float64)
    if rows < 2:
        raise ValueError(f"{name} has {rows} row; noise is how rows differ, so give two or more")
    values = features.data if sparse.issparse(features) else features
    if not (np.isfinite(values).all() and np.isfinite(targets).all()):
        raise ValueError(f"{name} has values that are not finite; remove or impute them")
    targets = _targets(targets, loss, name)
    remarks = []
    if sparse.issparse(features):
        features = sparse.csr_array(features, dtype=np.float64)
        scale = np.sqrt(np.asarray(features.multiply(features).mean(axis=0)).ravel())
        if standardize:
            raise ValueError("standardize is refused for sparse data: it would fill in the zeros")
    else:
        features = np.asarray(features, dtype=np.float64)
        features, scale, dropped = _centred(features)
        if not len(scale):
            raise ValueError(f"{name}: all {columns} columns are constant; give a column that varies")
        if dropped:
            are = "is constant and left" if dropped == 1 else "are constant and left"
            remarks.append(f"{dropped} of {columns} columns {are} out.")
        if loss == "squared":
            targets = targets - targets.mean()
        if standardize:
            features /= scale
        if loss == "logistic":
            features = np.column_stack([features, np.ones(rows)])
    used = scale[scale > 0.0]
    if not len(used):
        raise ValueError(f"{name}: the features are all zero; give a column that varies")
    if not standardize and used.max() > SPREAD * used.min():
        remedy = "" if sparse.issparse(features) else " Try standardize as well: it may need far fewer steps."
        remarks.append(f"The columns' scales differ by a factor of {used.max() / used.min():.0e}.{remedy}")
    if rows <= features.shape[1]:
        remarks.append(
            f"There are {rows} rows for {features.shape[1]} columns, so the best weights may fit every row; "
            "the advice is about training loss only."
        )
    return Data(features, targets, name, loss, tuple(remarks))


def _digit(target):
    if target and target not in tuple("0123456789"):
        raise ValueError(f"target = {target!r}: for MNIST give one digit, 0 to 9, or nothing for 0")
    return int(target or "0")


def _chosen(total, rows, seed):
    if not 0 < rows < total:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, rows, replace=False))


def _targets(targets, loss, name):
    values = np.unique(targets)
    if len(values) == 1:
        raise ValueError(f"{name}: every target is {values[0]:g}; there is nothing to predict")
    if loss == "squared":
        return targets
    if len(values) != 2:
        raise ValueError(
            f"{name}: the logistic loss needs two target values, found {len(values)}; "
            "use loss='squared', or a target that says yes or no"
        )
    return (targets == values[1]).astype(np.float64)


def _centred(features):
    """Features with mean zero, without constant columns; the deviations of those left; how many went."""
    mean = features.mean(axis=0)
    low, high = features.min(axis=0), features.max(axis=0)
    kept = high > low
    if not kept.all():
        features, mean = features[:, kept], mean[kept]
    if not features.flags.writeable:
        features = features.copy()
    features -= mean
    scale = np.sqrt(np.einsum("ij,ij->j", features, features) / len(features))
    return features, scale, int(np.sum(~kept))
