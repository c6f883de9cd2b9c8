"""A fair comparison of optimization methods: each at its own best learning rate, chosen on other seeds.

A method is judged in two rounds. The first trains it with every rate of a grid on a few seeds, and the best
rate must lie inside the grid. The second trains it at that rate on fresh seeds. A seed fixes the initial
weights and an endless stream of examples, drawn uniformly with replacement: every method and every rate see
the same examples in the same order, so that methods can be compared seed by seed.

Any loss will do. One is here, logistic regression on bags of words: the weights are dense, a row of the data
is a short list of columns.

::

    z = sum of w_j over the words j of the row, + c,    loss = ln(1 + exp(-y z)), in nats, y = +1 or -1

A batch reads and changes only the weights of its words, but an update of an optimizer goes over all of them:
at tens of thousands of words that is cheap, and lets any optax method be used as it is.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from lecturelib.adaptive.optimizers import Method
from lecturelib.checks import check_array, check_choice, check_count, check_positive
from lecturelib.datasets import Text
from lecturelib.spread import BestRate, draw_batches, spread


@dataclass(frozen=True, eq=False)
class Problem:
    """What is trained: a loss, where to start, and data.

    Attributes:
        loss_and_error: from (params, batch) to the mean loss over the batch and the fraction misclassified;
            a module's function, say, not a new one each time, or it is compiled again.
        start: from a seed to the initial params, a tree of float arrays.
        train: tree of arrays with one row an example.
        test: as train, measured in full.
    """

    loss_and_error: Callable[[Any, Any], tuple[jax.Array, jax.Array]]
    start: Callable[[int], Any]
    train: Any
    test: Any


@dataclass(frozen=True, eq=False)
class Runs:
    """What came of training: arrays of shape (rates, seeds).

    Attributes:
        learning_rates: shape (rates,).
        seeds: shape (seeds,).
        stream_loss: mean over the run of the loss of every batch just before it was learned from.
        late_loss: the same over the last fifth of the run.
        test_loss: at the end.
        test_error: fraction misclassified at the end.
    """

    learning_rates: np.ndarray
    seeds: np.ndarray
    stream_loss: np.ndarray
    late_loss: np.ndarray
    test_loss: np.ndarray
    test_error: np.ndarray

    def best(self, measure: str) -> BestRate:
        """The rate whose `measure` is lowest in the mean over the seeds; a loss that overflowed never is.

        Raises:
            ValueError: if every rate overflowed, or there is no such measure.
        """
        check_choice("measure", measure, ("stream_loss", "late_loss", "test_loss", "test_error"))
        score = getattr(self, measure).mean(axis=1)
        if not np.isfinite(score).any():
            raise ValueError(
                f"learning_rates = {self.learning_rates.tolist()}: each one overflowed; use smaller ones"
            )
        index = int(np.nanargmin(score))
        return BestRate(index, float(self.learning_rates[index]), index in (0, len(score) - 1))


def train(
    problem: Problem,
    method: Method,
    learning_rates: ArrayLike,
    seeds: Sequence[int],
    *,
    steps: int,
    batch_size: int,
) -> Runs:
    """Train with every learning rate and every seed.

    Args:
        problem: what.
        method: from a learning rate to an `optax.GradientTransformation`, as `adaptive.adam` or `optax.sgd`.
        learning_rates: increasing, positive.
        seeds: different integers, 0 or more.
        steps: updates of a run.
        batch_size: examples an update; the gradient is the mean over them.

    Raises:
        ValueError: if an argument is outside its range, before anything is compiled.

    >>> import jax.numpy as jnp, numpy as np, optax
    >>> from lecturelib.adaptive import contest
    >>> def loss_and_error(w, batch):
    ...     return jnp.mean((batch - w) ** 2) / 2, jnp.float32(0)
    >>> numbers = np.linspace(0, 2, 100, dtype=np.float32)
    >>> problem = contest.Problem(loss_and_error, lambda seed: np.float32(5), train=numbers, test=numbers)
    >>> runs = contest.train(problem, optax.sgd, [0.001, 0.1], [0, 1, 2], steps=100, batch_size=10)
    >>> runs.test_loss.shape, runs.best("test_loss").learning_rate
    ((2, 3), 0.1)
    """
    rates = check_array("learning_rates", learning_rates, 1)
    check_positive("learning_rates[0]", rates[0])
    if not (np.diff(rates) > 0).all():
        raise ValueError(f"learning_rates = {rates.tolist()} is refused; pass them in increasing order")
    seeds = [check_count("a seed", seed, at_least=0) for seed in seeds]
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds = {seeds} is refused; pass at least one, all different")
    steps, batch_size = check_count("steps", steps), check_count("batch_size", batch_size)
    lengths = {len(leaf) for leaf in jax.tree.leaves(problem.train)}
    if len(lengths) != 1:
        raise ValueError(f"problem.train has arrays of {sorted(lengths)} rows; pass arrays of as many rows")
    (rows,) = lengths
    streams = [(problem.start(seed), draw_batches(rows, steps, batch_size, seed=seed)) for seed in seeds]
    runs = [(*stream, np.float32(rate)) for rate in rates for stream in streams]
    program = _program(method, problem.loss_and_error)
    results = spread(program, (problem.train, problem.test), runs)
    measured = np.array(results, dtype=float).reshape(len(rates), len(seeds), 4)
    return Runs(rates, np.array(seeds), *np.moveaxis(measured, -1, 0))


@functools.cache
def _program(method: Method, loss_and_error: Callable) -> Callable:
    """One training, from start to the four numbers of Runs; kept, so that a second round compiles nothing."""

    def train_one(
        train: Any, test: Any, start: Any, batches: jax.Array, learning_rate: jax.Array
    ) -> jax.Array:
        optimizer = method(learning_rate)

        def step(carry: tuple, chosen: jax.Array) -> tuple[tuple, jax.Array]:
            params, state = carry
            batch = jax.tree.map(lambda leaf: leaf[chosen], train)
            loss, gradient = jax.value_and_grad(lambda params: loss_and_error(params, batch)[0])(params)
            change, state = optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, change), state), loss

        (params, _), losses = jax.lax.scan(step, (start, optimizer.init(start)), batches)
        late = losses[-max(1, len(losses) // 5) :]
        return jnp.stack([losses.mean(), late.mean(), *loss_and_error(params, test)])

    return train_one


class Params(NamedTuple):
    """Weights of logistic regression: one a word, shape (d,), and the constant c."""

    weights: ArrayLike
    constant: ArrayLike


class Rows(NamedTuple):
    """Rows of words: their columns, int32 (n, longest), filled up with d; labels +1 or -1, float32 (n,)."""

    columns: np.ndarray
    labels: np.ndarray


def loss_and_error(params: Params, rows: Rows) -> tuple[jax.Array, jax.Array]:
    """Mean logistic loss over the rows in nats, and the fraction misclassified by the sign of z.

    >>> import numpy as np
    >>> from lecturelib.adaptive import contest
    >>> rows = contest.Rows(np.array([[0, 1], [1, 2]]), np.array([1.0, -1.0], "f"))  # 2 is no word
    >>> params = contest.Params(np.array([4.0, -3.0], "f"), np.float32(0))
    >>> loss, error = contest.loss_and_error(params, rows)
    >>> round(float(loss), 4), round(float(np.log(1 + np.exp([-1, -3])).mean()), 4), float(error)
    (0.1809, 0.1809, 0.0)
    """
    weights = jnp.asarray(params.weights).at[rows.columns].get(mode="fill", fill_value=0)
    signed = rows.labels * (weights.sum(axis=1) + params.constant)
    return jnp.mean(jnp.logaddexp(0.0, -signed)), jnp.mean(signed <= 0)


def pack(text: Text) -> Rows:
    """The rows of a text as lists of columns of one length.

    Raises:
        ValueError: if a feature is neither 0 nor 1.

    >>> from lecturelib import datasets
    >>> from lecturelib.adaptive import contest
    >>> contest.pack(datasets.wordnet()).columns.shape  # the longest definition has 56 words
    (117659, 56)
    """
    features = text.features.tocsr()
    if not (features.data == 1).all():
        raise ValueError("text.features has entries other than 1; pass a binary bag of words")
    lengths = np.diff(features.indptr)
    columns = np.full((features.shape[0], lengths.max()), features.shape[1], np.int32)
    columns[np.arange(lengths.max())[None, :] < lengths[:, None]] = features.indices
    return Rows(columns, np.asarray(text.labels, np.float32))


def text_problem(text: Text, test_rows: int, *, seed: int) -> Problem:
    """Logistic regression on a text from weights of zero, with rows chosen at random kept for the test.

    Args:
        text: as `datasets.wordnet()`.
        test_rows: how many, fewer than there are.
        seed: of the choice, 0 or more.

    Raises:
        ValueError: if an argument is outside its range, or a feature neither 0 nor 1.

    >>> from lecturelib import datasets
    >>> from lecturelib.adaptive import contest
    >>> len(contest.text_problem(datasets.wordnet(), 17659, seed=0).train.labels)
    100000
    """
    rows, features = text.features.shape
    test_rows = check_count("test_rows", test_rows, at_most=rows - 1)
    order = np.random.default_rng(check_count("seed", seed, at_least=0)).permutation(rows)
    packed = pack(text)
    test, train = (Rows(*(leaf[part] for leaf in packed)) for part in np.split(order, [test_rows]))
    start = Params(np.zeros(features, np.float32), np.zeros((), np.float32))
    return Problem(loss_and_error, lambda seed: start, train, test)
