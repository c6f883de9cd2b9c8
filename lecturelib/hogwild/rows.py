"""The rows as the threads of `hogwild` read them: narrow, checked once, in a fresh order every epoch.

Shuffling. A row is visited once an epoch, in an order computed rather than stored: `permute` maps a position
to a row, one-to-one, by multiplying, adding and folding k-bit numbers, each step a bijection, with random
odd multipliers; a result that is no row is mapped again ("cycle walking"). Every thread finds its rows by
itself and at once, and the order is the same however many threads there are. Not all orders are equally
likely, but rows meet positions nearly evenly (the tests measure it). Rows in random order come slowly from
memory; `load_block` looks a few hundred up at a time and `fetch` asks for their entries early, which is
faster than copying the data into the new order (2.4 against 4.4 ns an entry, 75 entries a row).

Indices are unsigned because numba looks at every signed index for a sign, which costs as much as the
arithmetic. Entries are what memory has to deliver: columns are 16 bits wide where they fit, and values that
are all 1 are not stored.

Source: R. Mitchell, D. Stokes, E. Frank, G. Holmes, Bandwidth-optimal random shuffling for GPUs, ACM
Transactions on Parallel Computing 9 (2022), section 3 (bijections and cycle walking).
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from lecturelib.hogwild.atomics import compiled, prefetch

BLOCK = 256  # rows looked up at a time, and between two looks at the stop flag
ROUNDS = 4
AHEAD = np.uint64(32)  # rows whose entries are on their way from memory
CACHE_LINE = 64  # bytes
ONE = np.uint64(1)


class Rows(NamedTuple):
    """The data: entries starts[r] to starts[r + 1] are those of row r."""

    starts: np.ndarray  # uint64 (rows + 1,)
    columns: np.ndarray  # uint16 or uint32
    values: np.ndarray  # float32 or float64; none at all if every one is 1
    labels: np.ndarray  # the same type
    keys: tuple[np.uint64, ...]  # numbers of the order; the last is 0 to keep the rows' own


class Block(NamedTuple):
    """What one thread has looked up: first entry, end and label of each row of a block."""

    begins: np.ndarray
    ends: np.ndarray
    labels: np.ndarray


class Job(NamedTuple):
    """What one thread does in one epoch: the rows at positions first, first + stride, ... below last."""

    first: np.uint64
    last: np.uint64
    stride: np.uint64
    loss: int  # a number of `kernels.LOSSES`
    rate: np.floating
    shrink: np.ndarray  # rate times l2 times rows over rows with that column; empty without l2
    stop: np.ndarray  # stop[0] is not 0 to give up


def make_rows(features: sparse.csr_array, labels: np.ndarray, dtype: np.dtype) -> Rows:
    """Copy a checked CSR array into Rows; a private copy, so that no one can bend an index afterwards."""
    narrow = np.uint16 if features.shape[1] <= 2**16 else np.uint32
    values, labels = features.data.astype(dtype), labels.astype(dtype)
    if (values == 1).all():
        values = values[:0]
    starts = features.indptr.astype(np.uint64)
    return Rows(starts, features.indices.astype(narrow), values, labels, (np.uint64(0),) * (2 * ROUNDS + 3))


def make_block(dtype: np.dtype) -> Block:
    """Empty space for one thread."""
    return Block(np.zeros(BLOCK, np.uint64), np.zeros(BLOCK, np.uint64), np.zeros(BLOCK, dtype))


def draw_order(rows: Rows, generator: np.random.Generator) -> Rows:
    """The same rows in a fresh random order."""
    bits = max(10, (len(rows.labels) - 1).bit_length())  # with fewer, the steps below mix too little
    keys = generator.integers(2**64, size=2 * ROUNDS, dtype=np.uint64)
    keys[::2] |= ONE
    return rows._replace(keys=(*keys, np.uint64(2**bits - 1), np.uint64((bits + 1) // 2), ONE))


@compiled
def permute(position: np.uint64, rows: np.uint64, keys: tuple[np.uint64, ...]) -> np.uint64:
    """The row at this position, 0 <= position < rows; one-to-one for every keys."""
    a, b, c, d, e, f, g, h, mask, half, shuffled = keys
    if shuffled == 0:
        return position
    x = position
    while True:
        x = (x * a + b) & mask
        x ^= x >> half
        x = (x * c + d) & mask
        x ^= x >> half
        x = (x * e + f) & mask
        x ^= x >> half
        x = (x * g + h) & mask
        x ^= x >> half
        if x < rows:
            return x


@compiled
def value(rows: Rows, k: int) -> np.floating:
    """Entry k."""
    return rows.values[k] if len(rows.values) > 0 else rows.values.dtype.type(1)


@compiled
def load_block(rows: Rows, block: Block, begin: np.uint64, job: Job) -> np.int64 | int:
    """Look up the rows at positions begin, begin + stride, ...; return how many, or -1 if one is no row."""
    count, position = np.uint64(0), begin
    while count < len(block.labels) and position < job.last:
        row = permute(position, np.uint64(len(rows.labels)), rows.keys)
        if row >= len(rows.labels) or not rows.starts[row] <= rows.starts[row + ONE] <= len(rows.columns):
            return -1
        block.begins[count], block.ends[count] = rows.starts[row], rows.starts[row + ONE]
        block.labels[count] = rows.labels[row]
        count += ONE
        position += job.stride
    return np.int64(count)


@compiled
def fetch(rows: Rows, block: Block, fetched: np.uint64, until: np.uint64) -> np.uint64:
    """Ask for the entries of the block's rows from number `fetched` up to `until`; return `until`."""
    if rows.keys[-1] == 0:  # in their own order the memory brings them unasked
        return until
    for i in range(fetched, until):
        begin, end = block.begins[i], block.ends[i]
        for k in range(begin, end, np.uint64(CACHE_LINE // rows.columns.itemsize)):
            prefetch(rows.columns, k)
        prefetch(rows.columns, end - ONE)
        if len(rows.values) > 0:
            for k in range(begin, end, np.uint64(CACHE_LINE // rows.values.itemsize)):
                prefetch(rows.values, k)
            prefetch(rows.values, end - ONE)
    return max(fetched, until)
