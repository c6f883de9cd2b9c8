"""The reader's data, read, checked and made ready for advice: what is dropped or odd about it is said."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from lecturelib import datasets
from lecturelib.checks import check_choice, check_count
from lecturelib.datasets.containers import existing_file, kind
from lecturelib.datasets.suspects import CODES
from lecturelib.datasets.tables import AS_READ

LOSSES = ("squared", "logistic")
SPREAD = 100.0  # ratio of column deviations above which the scaling is worth a remark
ENOUGH = 1e7  # numbers in the rows that are taken unasked: of MNIST 12,756 rows, 46 s of a processor
DENSE_NUMBERS = 4e6  # sparse features of so many numbers, zeros too, are made dense: see `prepare`
DENSE_SHARE, MOST_DENSE = 0.1, 1e8  # and up to so many if such a share is not zero: 800 MB for 120 at least

Features: TypeAlias = np.ndarray | sparse.csr_array


@dataclass(frozen=True, eq=False)
class Data:
    """Examples to learn from, and what a reader should know of them.

    Attributes:
        features: shape (n, d), float64, columns with mean zero and, for the logistic loss, a column of ones
            after them; or a scipy CSR array, its columns as they were read.
        targets: shape (n,): with mean zero for the squared loss (dense features), 0 or 1 for the logistic.
        name: of the data and what is predicted.
        loss: one of LOSSES.
        remarks: sentences for the page.
        means: of the columns kept, subtracted from them, shape (d,); None for sparse features.
        scales: by which they were divided, shape (d,); None if they were not.
    """

    features: Features = field(repr=False)
    targets: np.ndarray = field(repr=False)
    name: str
    loss: str
    remarks: tuple[str, ...]
    means: np.ndarray | None = field(default=None, repr=False)
    scales: np.ndarray | None = field(default=None, repr=False)


def load(
    path: str | Path = "", target: str = "", loss: str = "squared", *,
    standardize: bool = False, rows: int | None = 0, seed: int = 0, choices: datasets.Choices = AS_READ,
) -> Data:  # fmt: skip
    """Read a data set: a table or a svmlight file, which its content tells apart; without a path, MNIST.

    Args:
        path: the file; "" for the digits of MNIST.
        target: the column to predict, "" for the one that is called so (`datasets.table`); for MNIST the
            digit to tell from the others, "" for 0; a svmlight file has its own.
        loss: "squared" or "logistic".
        standardize: divide every column by its standard deviation.
        rows: most rows to use, drawn at random; 0 for all, None for enough: those of ENOUGH numbers.
        seed: of that draw.
        choices: how the file is to be read where that is not plain.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: the file needs a library that is not installed.
        ValueError: the file is damaged, the target is unknown, or `prepare` refuses the data.

    Example:
        >>> from lecturelib.advice import preparation
        >>> preparation.load(target="7", rows=500).name
        'MNIST pixels, is it a 7?'
    """
    check_count("rows", rows or 0, 0)
    steps: tuple[str, ...] = ()
    if not path:
        features, targets, name = _digits(target)
    elif kind(path := existing_file(path)) == "svmlight":
        features, targets = _svmlight(path, target, choices)
        name = path.name
    else:
        table = datasets.table(path, target or None, choices)
        features, targets, steps = table.features, table.target, table.steps
        name = f"{path.name}, predicting {table.target_name}"
    steps = (*steps, *_classes(targets, loss))
    if rows is None:
        rows = math.ceil(ENOUGH * len(targets) / max(features.size, 1))  # of a sparse array what is stored
    if 0 < rows < len(targets):
        steps = (*steps, f"{rows:,} of {len(targets):,} rows are used, drawn at random (--rows 0: all).")
        chosen = np.sort(np.random.default_rng(seed).choice(len(targets), rows, replace=False))
        features, targets = features[chosen], targets[chosen]
    if not path:
        features = features.reshape(len(features), -1) / 255.0
    data = prepare(features, targets, loss, name=name, standardize=standardize)
    return replace(data, remarks=(*steps, *data.remarks))


def _svmlight(path: Path, target: str, choices: datasets.Choices) -> tuple[Features, np.ndarray]:
    """Rows and targets of a file."""
    if target:
        raise ValueError(f"target={target!r}: a svmlight file has its own targets; leave target empty")
    if choices.drop or choices.keep or choices.category or choices.codes:
        remedy = "leave out --drop, --keep, --category, --missing"
        raise ValueError(f"{path}: the columns of a svmlight file have no names; {remedy}")
    read = datasets.svmlight(
        path, zero_based=choices.zero_based, ignore_qid=choices.ignore_qid, any_order=choices.any_order,
        positive=choices.positive,
    )  # fmt: skip
    return read.features, read.target


def _classes(targets: np.ndarray, loss: str) -> Iterator[str]:
    """A doubt, if numbers to predict may be classes."""
    values = np.unique(targets[np.isfinite(targets)])
    if loss == "squared" and 3 <= len(values) <= CODES and len(targets) > CODES and not (values % 1.0).any():
        shown = ", ".join(f"{value:g}" for value in values)
        remedy = f"if they are classes: --positive {values[-1]:g}"
        yield f"The targets are {shown}, predicted as numbers ({remedy})."


def _digits(target: str) -> tuple[np.ndarray, np.ndarray, str]:
    """The images of MNIST, as they are stored, 1 or -1 for each, and the name of the question."""
    if target not in ("", *"0123456789"):
        raise ValueError(f"target = {target!r}: for MNIST give one digit, 0 to 9, or nothing for 0")
    mnist, digit = datasets.mnist(), int(target or 0)
    targets = np.where(mnist.train_labels == digit, 1.0, -1.0)
    return mnist.train_images, targets, f"MNIST pixels, is it a {digit}?"


def prepare(
    features: Features, targets: ArrayLike, loss: str = "squared", *,
    name: str = "data", standardize: bool = False,
) -> Data:  # fmt: skip
    """Check examples and make them ready: constant columns out, columns and targets to mean zero.

    Sparse features that are small or full enough become dense first, so that the same numbers get the same
    advice from every kind of file. Centring the others would fill in their zeros: their columns stay.

    Args:
        features: shape (n, d), a float64 array, which is changed in place where that saves memory, or a CSR
            array.
        targets: shape (n,).
        loss: "squared" or "logistic".
        name: of the data, for messages and the page.
        standardize: divide every column by its standard deviation; dense features only.

    Raises:
        ValueError: fewer than two rows, no column that varies, targets that do not fit the loss, values that
            are not finite.

    Example:
        >>> import numpy as np
        >>> from lecturelib.advice import preparation
        >>> features = np.array([[1.0, 5.0], [3.0, 5.0], [2.0, 5.0]])
        >>> data = preparation.prepare(features, [1.0, 2.0, 6.0])
        >>> data.features.ravel().tolist(), data.targets.tolist(), data.remarks[0][:35]
        ([-1.0, 1.0, 0.0], [-2.0, -1.0, 3.0], '1 of 2 columns is constant and left')
    """
    check_choice("loss", loss, LOSSES)
    columns, wanted = features.shape[1], _targets(features, targets, loss, name)
    remarks, means = [], None
    if sparse.issparse(features):
        features = _used(sparse.csr_array(features, dtype=np.float64), name)
    if sparse.issparse(features):
        if standardize:
            raise ValueError("standardize is refused for sparse data: it would fill in the zeros")
        entries = sparse.csr_array(features)
        scale = np.sqrt(np.asarray(entries.multiply(entries).mean(axis=0)).ravel())
        remarks.append("Sparse data: centring the columns would fill in the zeros, so they stay as they are.")
    else:
        features, scale, means = _centred(np.asarray(features, dtype=np.float64))
        if not len(scale):
            raise ValueError(f"{name}: all {columns} columns are constant; give a column that varies")
        if standardize:
            features /= scale
        if loss == "squared":
            wanted = wanted - wanted.mean()
        else:
            features = np.column_stack([features, np.ones(len(features))])
    if dropped := columns - len(scale):
        are = "is constant and left" if dropped == 1 else "are constant and left"
        remarks.insert(0, f"{dropped} of {columns} columns {are} out.")
    remarks += _remarks(features, scale, standardize)
    return Data(features, wanted, name, loss, tuple(remarks), means, scale if standardize else None)


def _used(features: sparse.csr_array, name: str) -> Features:
    """The columns that are not all zero: hashed text has a million, and uses a thousand."""
    if not features.data.all():
        features = features.copy()  # it may be the caller's
        features.eliminate_zeros()
    used = np.unique(features.indices)
    if not len(used):
        raise ValueError(f"{name}: the features are all zero; give a column that varies")
    if len(used) < features.shape[1]:
        places = np.searchsorted(used, features.indices)  # indexing makes an array as long as all columns
        shape = features.shape[0], len(used)
        features = sparse.csr_array((features.data, places, features.indptr), shape=shape)
    numbers = features.shape[0] * features.shape[1]
    small = numbers <= (MOST_DENSE if features.nnz >= DENSE_SHARE * numbers else DENSE_NUMBERS)
    return features.toarray() if small else features


def _remarks(features: Features, scale: np.ndarray, standardized: bool) -> Iterator[str]:
    rows, columns = features.shape
    if not standardized and scale.max() > SPREAD * scale.min():
        remedy = "" if sparse.issparse(features) else " Try standardize as well: it may need far fewer steps."
        yield f"The columns' scales differ by a factor of {scale.max() / scale.min():.0e}.{remedy}"
    if rows <= columns:
        yield (
            f"There are {rows} rows for {columns} columns, so the best weights may fit every row; "
            "the advice is about training loss only."
        )


def _targets(features: Features, targets: ArrayLike, loss: str, name: str) -> np.ndarray:
    """The targets as float64, for the logistic loss 0 and 1; ValueError: rows that nothing is learnt from."""
    targets = np.asarray(targets, dtype=np.float64)
    if len(targets) < 2:
        raise ValueError(f"{name} has {len(targets)} row; noise is how rows differ, so give two or more")
    entries = features.data if sparse.issparse(features) else features
    if not (np.isfinite(entries).all() and np.isfinite(targets).all()):
        raise ValueError(f"{name} has values that are not finite; remove or impute them")
    values = np.unique(targets)
    if len(values) == 1:
        raise ValueError(f"{name}: every target is {values[0]:g}; there is nothing to predict")
    if loss == "squared":
        return targets
    if len(values) != 2:
        raise ValueError(
            f"{name}: the logistic loss needs two target values, found {len(values)}; "
            f"tell one from the rest, --positive {values[-1]:g}, or take --loss squared"
        )
    return (targets == values[1]).astype(np.float64)


def _centred(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features with mean zero, without constant columns; the deviations and means of those left."""
    mean = features.mean(axis=0)
    kept = features.max(axis=0) > features.min(axis=0)
    if not kept.all():
        features, mean = features[:, kept], mean[kept]
    if not features.flags.writeable:
        features = features.copy()
    features -= mean
    return features, np.sqrt(np.einsum("ij,ij->j", features, features) / len(features)), mean
