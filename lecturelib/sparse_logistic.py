"""Logistic regression on bags of words: the weights are dense, a row of the data is a short list of columns.

    z = sum of w_j over the words j of the row, + c,    loss = ln(1 + exp(-y z)), in nats, y = +1 or -1

A batch reads and changes only the weights of its words, but an update of an optimizer goes over all of them:
at tens of thousands of words that is cheap, and lets any optax method be used as it is.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lecturelib.checks import check_count
from lecturelib.contest import Problem
from lecturelib.datasets import Text


class Params(NamedTuple):
    """One weight a word, shape (d,), and the constant c."""

    weights: jax.Array
    constant: jax.Array


class Rows(NamedTuple):
    """Rows of a data set: columns of their words, int32 (n, longest), filled up with d; labels (n,)."""

    columns: np.ndarray
    labels: np.ndarray


def loss_and_error(params: Params, rows: Rows) -> tuple[jax.Array, jax.Array]:
    """Mean loss over the rows in nats, and the fraction misclassified by the sign of z.

    >>> rows = Rows(np.array([[0, 1], [1, 2]]), np.array([1.0, -1.0], "f"))  # 2 is no word
    >>> params = Params(np.array([4.0, -3.0], "f"), np.float32(0))
    >>> loss, error = loss_and_error(params, rows)
    >>> round(float(loss), 4), round(float(np.log(1 + np.exp([-1, -3])).mean()), 4), float(error)
    (0.1809, 0.1809, 0.0)
    """
    weights = jnp.asarray(params.weights).at[rows.columns].get(mode="fill", fill_value=0)
    signed = rows.labels * (weights.sum(axis=1) + params.constant)
    return jnp.mean(jnp.logaddexp(0.0, -signed)), jnp.mean(signed <= 0)


def pack(text: Text) -> Rows:
    """The rows of a text as lists of columns of one length.

    Raises:
        ValueError: features that are not 0 or 1.

    >>> from lecturelib import datasets
    >>> pack(datasets.wordnet()).columns.shape  # the longest definition has 56 words
    (117659, 56)
    """
    features = text.features.tocsr()
    if not (features.data == 1).all():
        raise ValueError("text.features has entries other than 1; pass a binary bag of words")
    lengths = np.diff(features.indptr)
    columns = np.full((features.shape[0], lengths.max()), features.shape[1], np.int32)
    columns[np.arange(lengths.max())[None, :] < lengths[:, None]] = features.indices
    return Rows(columns, np.asarray(text.labels, np.float32))


def problem(text: Text, test_rows: int, *, seed: int) -> Problem:
    """Training on a text from weights of zero, with rows chosen at random kept for the test.

    Args:
        text: as `datasets.wordnet()`. test_rows: how many, fewer than there are. seed: of the choice.

    Raises:
        ValueError: arguments that are not as said.

    >>> from lecturelib import datasets
    >>> len(problem(datasets.wordnet(), 17659, seed=0).train.labels)
    100000
    """
    rows, features = text.features.shape
    if not check_count("test_rows", test_rows) < rows:
        raise ValueError(f"test_rows = {test_rows!r} is refused; the text has only {rows} rows")
    order = np.random.default_rng(check_count("seed", seed, at_least=0)).permutation(rows)
    packed = pack(text)
    test, train = (Rows(*(leaf[part] for leaf in packed)) for part in np.split(order, [test_rows]))
    start = Params(np.zeros(features, np.float32), np.zeros((), np.float32))
    return Problem(loss_and_error, lambda seed: start, train, test)
