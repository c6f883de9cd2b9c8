"""Sparse SGD by real threads on shared memory: lock-free (Hogwild), and what it is measured against.

::

    serial        one thread
    lock-free     every thread reads and writes the shared weights as it likes
    locked        one lock, held while a row is read, computed and written
    striped       a lock for each stripe of neighbouring columns; a row holds the locks of all its stripes
    round-robin   read at once, write in turn, in the order of the rows
    buffered      every thread has a copy of its own and adds what it changed to the shared one now and then

What the memory promises. The lock-free kernel is compiled to plain loads and stores that several threads aim
at the same weights: in the language of C++ and LLVM a data race, whose outcome those languages do not
define. What the machine code does is defined, and this is what we rely on. An aligned number of 4 or 8 bytes
is loaded and stored whole, never half of one value and half of another (x86 and ARM). But w_c <- w_c - g is a
load and a later store: an update that another thread stores in between is lost. A margin may mix old and new
weights. A store becomes visible to other cores late, though within an epoch's time, and on x86 in the order
in which one thread made it (not so on ARM). The end of an epoch waits for all threads, so all is visible
there. Nothing else is promised: two lock-free runs with the same seed differ. The other schemes use locks or
turns made of atomic instructions and lose nothing; `locked`, `striped`, `round-robin` and `buffered` still
depend on which thread comes first.

Source: F. Niu, B. Recht, C. Ré, S. Wright, Hogwild!: a lock-free approach to parallelizing stochastic
gradient descent, NeurIPS 24 (2011). Round-robin: J. Langford, A. Smola, M. Zinkevich, Slow learners are fast,
NeurIPS 22 (2009), Algorithm 1.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy import sparse

from lecturelib.hogwild.kernels import LOSSES, mean_loss
from lecturelib.hogwild.rows import Rows, draw_order, make_rows
from lecturelib.hogwild.settings import Settings, check_data, check_shrinkage, float_type
from lecturelib.hogwild.threads import Team

__all__ = ["HogwildRun", "train"]


@dataclass(frozen=True, eq=False)
class HogwildRun:
    """What a training leaves behind; arrays are read-only.

    Attributes:
        scheme: as asked for.
        threads: as asked for.
        weights: shape (columns,), finite.
        loss: mean loss over all rows plus ``l2/2 |w|^2``, before and after each epoch, shape (epochs + 1,).
        seconds: of each epoch, shuffle included, compilation and the measuring of the loss not; (epochs,).
        updates_per_second: gradient steps (rows) a second, (epochs,).
        writes: of single weights, (epochs,); a row of 7 entries makes 7, a row with gradient zero none.
            This and the next two only with count=True, otherwise None.
        collisions: writes of a weight that another thread had written since this one read it, (epochs,).
        lost_updates: writes that another thread's write wiped out, (epochs,).
    """

    scheme: str
    threads: int
    weights: np.ndarray
    loss: np.ndarray
    seconds: np.ndarray
    updates_per_second: np.ndarray
    writes: np.ndarray | None = None
    collisions: np.ndarray | None = None
    lost_updates: np.ndarray | None = None


def train(
    features: sparse.csr_array,
    labels: ArrayLike,
    *,
    learning_rate: ArrayLike,
    epochs: int,
    seed: int,
    loss: str = "logistic",
    l2: float = 0.0,
    threads: int = 1,
    scheme: str = "lock-free",
    shuffle: bool = True,
    dtype: DTypeLike = "float32",
    merge_every: int | None = None,
    stripes: int = 1024,
    count: bool = False,
) -> HogwildRun:
    """Minimize a linear model's mean loss by SGD, one row a step, with several threads on one weight vector.

    ::

        L(w) = 1/n sum_i f(x_i'w, y_i) + l2/2 |w|^2
        w_c <- w_c - learning_rate * (f'(x_i'w, y_i) x_ic + l2 n/n_c w_c)   for the columns c of row i only

    f(m, y) is log(1 + exp(-ym)), max(0, 1 - ym) or (y - m)^2 / 2. n_c of the n rows have column c: the l2
    terms of all rows add up to the whole, and a step is an unbiased estimate of the gradient, as sparse as
    its row (Niu et al., equation 2.8). Weights start at zero. Each epoch visits every row once; the threads
    take equal stretches of the order, one after the other (round-robin: rows in turn). The order depends on
    the seed alone, not on the number of threads.

    Args:
        features: scipy CSR matrix, shape (rows, columns), columns rising within each row.
        labels: shape (rows,): -1 and +1 for the logistic and hinge losses, any numbers for the squared loss.
        learning_rate: a number, or one for each epoch.
        epochs: passes over the rows.
        seed: an integer >= 0 that fixes the order of the rows in every epoch.
        loss: "logistic", "hinge" or "squared".
        l2: strength of the l2 term.
        threads: how many; more than cores is allowed, and slow with locks and turns.
        scheme: see the head of this module.
        shuffle: whether every epoch has a new random order, or always that of the rows.
        dtype: "float32" or "float64", of weights and arithmetic.
        merge_every: rows between two merges of a thread, for "buffered"; by default so many that merging
            takes about a twentieth of the time. What the other threads do in between is not seen: a delay of
            up to (threads - 1) * merge_every steps, which must stay small against 1 / (learning_rate *
            the largest curvature of the loss), or the threads overshoot together.
        stripes: at most this many locks, for "striped".
        count: count writes, collisions and lost updates: slower, see `counting.py`. float32 only, and
            not for "buffered", whose threads share nothing but merges under a lock.

    Returns:
        HogwildRun.

    Raises:
        ValueError: an argument is refused; nothing was compiled or started.
        FloatingPointError: weights or loss became infinite or NaN; lower the learning rate.
        KeyboardInterrupt: passed on, once all threads have stopped (within a few hundred rows).

    Example:
        >>> from scipy import sparse
        >>> from lecturelib import hogwild
        >>> run = hogwild.train(sparse.eye_array(4, format="csr"), [1, 1, -1, -1], loss="squared",
        ...                     learning_rate=0.5, epochs=3, threads=2, seed=0)
        >>> run.weights.tolist(), run.loss.tolist()
        ([0.875, 0.875, -0.875, -0.875], [0.5, 0.125, 0.03125, 0.0078125])
    """
    settings = Settings(
        learning_rate=learning_rate,
        epochs=epochs,
        seed=seed,
        loss=loss,
        l2=l2,
        threads=threads,
        scheme=scheme,
        shuffle=shuffle,
        dtype=float_type(dtype),
        merge_every=merge_every,
        stripes=stripes,
        count=count,
    )
    checked = check_data(features, labels, settings)
    shrink = check_shrinkage(features, settings)
    rows = make_rows(features, checked, settings.dtype)
    return _train(rows, features.shape[1], shrink, settings)


def _train(rows: Rows, columns: int, shrink: np.ndarray, settings: Settings) -> HogwildRun:
    generator = np.random.default_rng(settings.seed)
    team = Team(rows, columns, settings)
    losses: list[float] = []
    seconds, counted = [], []

    def measure(epoch: int) -> None:
        weights = team.weights()
        value = mean_loss(weights, rows, LOSSES[settings.loss])
        value += settings.l2 / 2 * np.square(weights, dtype=float).sum()
        if not (np.isfinite(value) and np.isfinite(weights).all()):
            raise FloatingPointError(
                f"the training diverged in epoch {epoch} of {settings.epochs}: weights or loss not finite;"
                f" lower learning_rate = {settings.rates[epoch - 1]:g}"
            )
        losses.append(value)

    with ThreadPoolExecutor(settings.threads) as pool:
        team.run_epoch(pool, rows, team.jobs(0.0, shrink, count=0))  # compiles
        measure(0)
        for epoch, rate in enumerate(settings.rates, 1):
            started = time.perf_counter()
            order = draw_order(rows, generator) if settings.shuffle else rows
            team.run_epoch(pool, order, team.jobs(rate, shrink, count=len(rows.labels)))
            seconds.append(time.perf_counter() - started)
            counted.append(team.read_counts())
            measure(epoch)
    arrays = {
        "weights": team.weights(),
        "loss": np.array(losses),
        "seconds": np.array(seconds),
        "updates_per_second": len(rows.labels) / np.array(seconds),
    }
    if settings.count:
        arrays |= zip(("writes", "collisions", "lost_updates"), np.array(counted).T, strict=True)
    for array in arrays.values():
        array.setflags(write=False)
    return HogwildRun(settings.scheme, settings.threads, **arrays)
