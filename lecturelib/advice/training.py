"""Mini-batch SGD on the reader's own data, as plainly as it can be written: does the prediction come true?

It knows no theory. Weights start at zero, batches are drawn with replacement, the gradient is the mean over
the batch, and the loss is measured on all examples.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import expit

ROWS_AT_ONCE = 16384


@dataclass(frozen=True, eq=False)
class Training:
    """Loss on all examples after some steps: checkpoints (k,), losses (runs, k), in units of the loss."""

    checkpoints: np.ndarray
    losses: np.ndarray


def squared(outputs, targets):
    """1/2 (y - u)^2."""
    return 0.5 * (targets - outputs) ** 2


def squared_slope(outputs, targets):
    """Its derivative in u."""
    return outputs - targets


def logistic(outputs, targets):
    """log(1 + exp(u)) - y u for y in {0, 1}, in nats."""
    return np.logaddexp(0.0, outputs) - targets * outputs


def logistic_slope(outputs, targets):
    """Its derivative in u."""
    return expit(outputs) - targets


LOSSES = {"squared": (squared, squared_slope), "logistic": (logistic, logistic_slope)}


def train(features, targets, loss, learning_rates, batch_sizes, checkpoints, *, runs, seed) -> Training:
    """SGD from w = 0 with the given rate and batch size at every step, several times.

        w <- w - eta 1/b sum over the batch of x slope(x'w, y)

    features: shape (n, d), an array or CSR array. targets: (n,). loss: "squared" or "logistic".
    learning_rates, batch_sizes: shape (steps,). checkpoints: numbers of steps, rising, at which the loss is
    measured. runs: independent runs; run r draws from the seed (seed, r). Returns Training. A run that
    diverges has losses inf.

    >>> features, targets = np.eye(2), np.array([1.0, 1.0])
    >>> train(features, targets, "squared", [1.0] * 50, [1] * 50, [0, 50], runs=2, seed=0).losses.tolist()
    [[0.5, 0.0], [0.5, 0.0]]
    """
    _, slope = LOSSES[loss]
    rows, columns = features.shape
    features = sparse.csr_array(features) if sparse.issparse(features) else features
    checkpoints = np.asarray(checkpoints)
    losses = np.empty((runs, len(checkpoints)))
    steps = list(zip(learning_rates, batch_sizes, strict=True))[: checkpoints[-1]]
    for run in range(runs):
        random = np.random.default_rng([seed, run])
        weights, kept = np.zeros(columns), []
        with np.errstate(over="ignore", invalid="ignore"):
            for number, (rate, size) in enumerate(steps):
                if number in checkpoints:
                    kept.append(weights)
                drawn = random.integers(rows, size=int(size))
                batch = features[drawn]
                gradient = batch.T @ slope(batch @ weights, targets[drawn]) / size
                weights = weights - rate * gradient
            kept.append(weights)
            losses[run] = mean_loss(features, targets, loss, np.array(kept).T)
    return Training(checkpoints, np.where(np.isfinite(losses), losses, np.inf))


def mean_loss(features, targets, loss, weights):
    """Loss on all examples for each column of weights (d, k), shape (k,)."""
    total = np.zeros(weights.shape[1])
    value, _ = LOSSES[loss]
    for begin in range(0, features.shape[0], ROWS_AT_ONCE):
        block = slice(begin, begin + ROWS_AT_ONCE)
        total += value(features[block] @ weights, targets[block, None]).sum(axis=0)
    return total / features.shape[0]
