"""What one thread of `hogwild` does in one epoch, scheme by scheme; compiled, and run without Python's lock.

Every kernel visits the thread's rows block by block and takes one gradient step for each, ::

    margin = x_i'w,    w_c <- w_c - rate * (slope * x_ic + l2 * n / n_c * w_c)   for the columns c of row i,

with n rows in all and n_c with column c. The kernels differ in who may touch w meanwhile. They return 0, or 1
when told to stop, or 2 on a row that does not exist; a thread that returns 2 stops the others.

Their loops are alike to the letter, on purpose: numba puts in place a part that is named, not one that is
passed as an argument, and a call for each row costs as much as the row.

Source: F. Niu, B. Recht, C. Ré, S. Wright, Hogwild!: a lock-free approach to parallelizing stochastic
gradient descent, NeurIPS 24 (2011), Algorithm 1; the l2 term is that of its section 3, equation (2.8).
"""

import math

import numpy as np

from lecturelib.hogwild.atomics import (
    acquire,
    compiled,
    load_whole,
    release,
    store_release,
    store_whole,
    wait_until,
)
from lecturelib.hogwild.rows import AHEAD, Block, Job, Rows, fetch, load_block, value

LOSSES = {"logistic": 0, "hinge": 1, "squared": 2}
DONE, STOPPED, BAD_ROW = 0, 1, 2
SPACING = np.uint64(16)  # locks of 4 bytes, each on a cache line of its own


@compiled
def slope(loss: int, margin: np.floating, label: np.floating) -> np.floating:
    """Derivative of the loss of one row by its margin: log(1 + exp(-ym)), max(0, 1 - ym), (y - m)^2 / 2."""
    if loss == 0:
        return -label / (np.float32(1) + math.exp(label * margin))  # a plain 1 would make this float64
    if loss == 1:
        return -label if label * margin < 1 else np.float32(0) * label
    return margin - label


@compiled
def dot(weights: np.ndarray, rows: Rows, begin: np.uint64, end: np.uint64) -> np.floating:
    """The margin x_i'w: entries begin to end, added in their order."""
    margin = rows.values.dtype.type(0)
    if len(rows.values) == 0:  # all ones
        for k in range(begin, end):
            margin += weights[rows.columns[k]]
    else:
        for k in range(begin, end):
            margin += weights[rows.columns[k]] * rows.values[k]
    return margin


@compiled
def subtract(
    weights: np.ndarray, rows: Rows, begin: np.uint64, end: np.uint64, step: np.floating, shrink: np.ndarray
) -> None:
    """w_c <- w_c - step * x_ic - shrink_c * w_c. Nothing guards the time between load and store."""
    if len(shrink) > 0:
        for k in range(begin, end):
            column = rows.columns[k]
            weights[column] -= step * value(rows, k) + shrink[column] * weights[column]
    elif step != 0 and len(rows.values) == 0:
        for k in range(begin, end):
            weights[rows.columns[k]] -= step
    elif step != 0:
        for k in range(begin, end):
            weights[rows.columns[k]] -= step * rows.values[k]


@compiled
def next_block(rows: Rows, block: Block, begin: np.uint64, job: Job) -> int:
    """Rows in the next block: 0 at the end, negative to give up (-STOPPED or -BAD_ROW)."""
    if load_whole(job.stop, 0) != 0:
        return -STOPPED
    count = load_block(rows, block, begin, job)
    if count < 0:
        store_whole(job.stop, 0, BAD_ROW)
        return -BAD_ROW
    return count


@compiled
def lock_free(weights: np.ndarray, rows: Rows, block: Block, job: Job) -> int:
    """Hogwild: read, compute, write; no thread waits for any other."""
    begin = job.first
    while True:
        count = next_block(rows, block, begin, job)
        if count <= 0:
            return -count
        fetched = np.uint64(0)
        for i in range(np.uint64(count)):
            fetched = fetch(rows, block, fetched, min(i + AHEAD, np.uint64(count)))
            first, end, label = block.begins[i], block.ends[i], block.labels[i]
            step = job.rate * slope(job.loss, dot(weights, rows, first, end), label)
            subtract(weights, rows, first, end, step, job.shrink)
        begin += np.uint64(count) * job.stride


@compiled
def acquire_row(
    locks: np.ndarray, shift: np.uint64, rows: Rows, begin: np.uint64, end: np.uint64, stop: np.ndarray
) -> bool:
    """Take the locks of all stripes of a row, lowest first, so that no two threads wait for each other."""
    if len(locks) == SPACING:
        return acquire(locks, np.uint64(0), stop)
    held = np.int64(-1)
    for k in range(begin, end):
        stripe = np.int64(rows.columns[k] >> shift)
        if stripe != held:
            if not acquire(locks, np.uint64(stripe) * SPACING, stop):
                return False
            held = stripe
    return True


@compiled
def release_row(locks: np.ndarray, shift: np.uint64, rows: Rows, begin: np.uint64, end: np.uint64) -> None:
    """Give them back."""
    if len(locks) == SPACING:
        release(locks, np.uint64(0))
        return
    held = np.int64(-1)
    for k in range(begin, end):
        stripe = np.int64(rows.columns[k] >> shift)
        if stripe != held:
            release(locks, np.uint64(stripe) * SPACING)
            held = stripe


@compiled
def locked(
    weights: np.ndarray, rows: Rows, block: Block, job: Job, locks: np.ndarray, shift: np.uint64
) -> int:
    """Read and write under lock: one lock for all weights, or one for each stripe of 2^shift columns."""
    begin = job.first
    while True:
        count = next_block(rows, block, begin, job)
        if count <= 0:
            return -count
        fetched = np.uint64(0)
        for i in range(np.uint64(count)):
            fetched = fetch(rows, block, fetched, min(i + AHEAD, np.uint64(count)))
            first, end, label = block.begins[i], block.ends[i], block.labels[i]
            if not acquire_row(locks, shift, rows, first, end, job.stop):
                return STOPPED
            step = job.rate * slope(job.loss, dot(weights, rows, first, end), label)
            subtract(weights, rows, first, end, step, job.shrink)
            release_row(locks, shift, rows, first, end)
        begin += np.uint64(count) * job.stride


@compiled
def round_robin(weights: np.ndarray, rows: Rows, block: Block, job: Job, turn: np.ndarray) -> int:
    """Read at once, write in turn: update number p of the epoch waits for number p - 1 (turn[0] counts)."""
    begin = job.first
    while True:
        count = next_block(rows, block, begin, job)
        if count <= 0:
            return -count
        fetched = np.uint64(0)
        for i in range(np.uint64(count)):
            fetched = fetch(rows, block, fetched, min(i + AHEAD, np.uint64(count)))
            first, end, label = block.begins[i], block.ends[i], block.labels[i]
            step = job.rate * slope(job.loss, dot(weights, rows, first, end), label)
            position = begin + i * job.stride
            if not wait_until(turn, np.uint64(0), position, job.stop):
                return STOPPED
            subtract(weights, rows, first, end, step, job.shrink)
            store_release(turn, np.uint64(0), position + np.uint64(1))
        begin += np.uint64(count) * job.stride


@compiled
def merge(
    weights: np.ndarray, own: np.ndarray, base: np.ndarray, locks: np.ndarray, stop: np.ndarray
) -> bool:
    """Add to the shared weights what this thread changed since its last merge, and take over the sum.

    Where no one else has written, its own value is taken as it is, so that no bit is lost to rounding.
    """
    if not acquire(locks, np.uint64(0), stop):
        return False
    for c in range(np.uint64(len(weights))):
        shared = weights[c]
        merged = own[c] if shared == base[c] else shared + (own[c] - base[c])
        weights[c] = merged
        own[c] = merged
        base[c] = merged
    release(locks, np.uint64(0))
    return True


@compiled
def buffered(
    weights: np.ndarray,
    rows: Rows,
    block: Block,
    job: Job,
    locks: np.ndarray,
    own: np.ndarray,
    base: np.ndarray,
    merge_every: int,
) -> int:
    """Work on a private copy and merge it under a lock every `merge_every` rows, and at the end."""
    begin, since = job.first, 0
    if not merge(weights, own, base, locks, job.stop):  # nothing to add yet: fetches what others have done
        return STOPPED
    while True:
        count = next_block(rows, block, begin, job)
        if count <= 0:
            break
        fetched = np.uint64(0)
        for i in range(np.uint64(count)):
            fetched = fetch(rows, block, fetched, min(i + AHEAD, np.uint64(count)))
            first, end, label = block.begins[i], block.ends[i], block.labels[i]
            step = job.rate * slope(job.loss, dot(own, rows, first, end), label)
            subtract(own, rows, first, end, step, job.shrink)
            since += 1
            if since == merge_every:
                since = 0
                if not merge(weights, own, base, locks, job.stop):
                    return STOPPED
        begin += np.uint64(count) * job.stride
    if count < 0 or not merge(weights, own, base, locks, job.stop):
        return max(-count, STOPPED)
    return DONE


@compiled
def mean_loss(weights: np.ndarray, rows: Rows, loss: int) -> float:
    """Mean over the rows of the loss, without its l2 term; added up in float64."""
    total = 0.0
    for i in range(np.uint64(len(rows.labels))):
        margin = np.float64(dot(weights, rows, rows.starts[i], rows.starts[i + np.uint64(1)]))
        label = np.float64(rows.labels[i])
        if loss == 0:
            total += math.log1p(math.exp(-abs(margin))) + max(-label * margin, 0.0)
        elif loss == 1:
            total += max(0.0, 1 - label * margin)
        else:
            total += (label - margin) ** 2 / 2
    return total / len(rows.labels)
