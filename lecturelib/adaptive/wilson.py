"""Least squares which adaptive methods and gradient descent both fit, to disagree on everything new.

Of the features of example i, with label y_i = +1 or -1, the first is y_i, the second and third are 1, and
then follow features of its own, which no other example has: one if y_i = 1, five if y_i = -1. Positives are
the majority. Every method that is compared fits the examples exactly. What decides about a new example is
only the weight of the first three features: its own features were never seen, and their weights are 0.

This is theory and construction, NumPy in float64; the methods are run by `online.descend`.

Source: A. Wilson, R. Roelofs, M. Stern, N. Srebro, B. Recht, The marginal value of adaptive gradient methods
in machine learning, NeurIPS (2017), section 3; the exact scores of gradient descent are derived below.
"""

from dataclasses import dataclass

import numpy as np

from lecturelib.checks import check_count

OWN = {1: 1, -1: 5}  # features that only this example has, by its label


@dataclass(frozen=True, eq=False)
class Examples:
    """Features, shape (n, d), and labels +1 or -1, shape (n,), of the training set and of new examples."""

    features: np.ndarray
    labels: np.ndarray
    new_features: np.ndarray
    new_labels: np.ndarray


@dataclass(frozen=True)
class Scores:
    """x'w of a new example, by its label; it is classified by the sign."""

    positive: float
    negative: float


def construct(positives: int, negatives: int, new: int) -> Examples:
    """The training set, and new examples: `new` of either label.

    Args:
        positives: ``n_+``, more than negatives.
        negatives: ``n_-``, 1 or more.
        new: 1 or more.

    Raises:
        ValueError: if an argument is no such count.

    >>> from lecturelib.adaptive import wilson
    >>> data = wilson.construct(2, 1, new=1)
    >>> data.features.astype(int).tolist()[2]
    [-1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    """
    _check(positives, negatives)
    check_count("new", new)
    labels = np.repeat([1, -1, 1, -1], [positives, negatives, new, new])
    own = np.array([OWN[y] for y in labels])
    features = np.zeros((len(labels), 3 + own.sum()))
    features[:, 0], features[:, 1:3] = labels, 1
    features[np.repeat(np.arange(len(labels)), own), 3 + np.arange(own.sum())] = 1
    n = positives + negatives
    return Examples(features[:n], labels[:n].astype(float), features[n:], labels[n:].astype(float))


def adaptive_scores(positives: int, negatives: int) -> Scores:
    """Scores (y + 2) / 4 of AdaGrad, RMSProp, Adam and AMSGrad from w_0 = 0, which end at sign(X'y) / 4.

    X sign(X'y) = 4 y. So as long as w = c sign(X'y), the gradient X'(Xw - y) is (4c - 1) X'y, and dividing
    each entry by its own size makes the step a multiple of sign(X'y) again. The only such w that fits has
    c = 1/4. This needs eps = 0 (or far below the gradients) and 0 / 0 = 0. Arguments and errors are those of
    `construct`.

    >>> from lecturelib.adaptive import wilson
    >>> wilson.adaptive_scores(6, 4)
    Scores(positive=0.75, negative=0.25)
    """
    _check(positives, negatives)
    return Scores(0.75, 0.25)


def gradient_descent_scores(positives: int, negatives: int) -> Scores:
    """Scores of gradient descent from w_0 = 0, which finds the fit w = X'a of least norm.

    By symmetry a is one number ``a_+`` for all positives, one, ``a_-``, for all negatives; XX'a = y says ::

        (3 n_+ + 1) a_+ + n_- a_- = 1,    n_+ a_+ + (3 n_- + 5) a_- = -1

    A new positive scores ``3 n_+ a_+ + n_- a_- > 0``, a new negative ``n_+ a_+ + 3 n_- a_- < 0``. Arguments
    and errors are those of `construct`.

    >>> from lecturelib.adaptive import wilson
    >>> scores = wilson.gradient_descent_scores(6, 4)
    >>> round(scores.positive, 8), round(scores.negative, 8)
    (0.92976589, -0.5819398)
    """
    _check(positives, negatives)
    system = [[3 * positives + 1, negatives], [positives, 3 * negatives + 5]]
    a_plus, a_minus = np.linalg.solve(system, [1.0, -1.0])
    positive = 3 * positives * a_plus + negatives * a_minus
    return Scores(float(positive), float(positives * a_plus + 3 * negatives * a_minus))


def _check(positives: int, negatives: int) -> None:
    if not (check_count("positives", positives) > check_count("negatives", negatives)):
        raise ValueError(f"positives = {positives}, negatives = {negatives}: positives must be the majority")
