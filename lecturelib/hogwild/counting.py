"""`hogwild` with every weight in one word with a counter, so that what a race destroys can be counted.

A word of 8 bytes holds a float32 weight in its lower half and, in its upper half, how often it was written
this epoch. Weight and counter are loaded together and stored together, in one access that the machine does
not split. So a store that wipes out other threads' updates of the weight wipes out their counts too, and ::

    lost updates = writes made - counts left,

exactly: the threads count their own writes in private. A write is a collision if the counter has moved since
this thread read the weight for its margin: its gradient is stale in that column. (Writes that were lost
before they could be seen move no counter, so collisions are a lower bound.)

Twice the memory and a few more instructions for each entry: the time between read and write, and with it the
number of collisions, is not quite that of the plain kernels, and times measured here are not theirs.
"""

import numpy as np

from lecturelib.hogwild.atomics import (
    bits_of_float,
    compiled,
    float_of_bits,
    load_whole,
    store_release,
    store_whole,
    wait_until,
)
from lecturelib.hogwild.kernels import STOPPED, acquire_row, next_block, release_row, slope
from lecturelib.hogwild.rows import Block, Job, Rows, value

UPPER = np.uint64(32)
LOCK_FREE, LOCKED, ROUND_ROBIN = 0, 1, 2


def weights_of(words: np.ndarray) -> np.ndarray:
    """The weights in the words, float32."""
    return words.astype(np.uint32).view(np.float32)


def counts_of(words: np.ndarray) -> np.ndarray:
    """The counters in the words, uint32."""
    return (words >> UPPER).astype(np.uint32)


def clear_counts(words: np.ndarray) -> None:
    """Set all counters to zero, in place."""
    words &= np.uint64(2**32 - 1)


@compiled
def _margin(words: np.ndarray, rows: Rows, begin: np.uint64, end: np.uint64, seen: np.ndarray) -> np.float32:
    """The margin x_i'w, and in `seen` the counters that came with its weights."""
    margin = np.float32(0)
    for k in range(begin, end):
        word = load_whole(words, np.uint64(rows.columns[k]))
        seen[k - begin] = np.uint32(word >> UPPER)
        margin += float_of_bits(np.uint32(word)) * value(rows, k)
    return margin


@compiled
def _subtract(
    words: np.ndarray,
    rows: Rows,
    begin: np.uint64,
    end: np.uint64,
    step: np.float32,
    shrink: np.ndarray,
    seen: np.ndarray,
) -> int:
    """The step of `kernels.subtract`, counted; returns its collisions."""
    collisions = 0
    for k in range(begin, end):
        column = np.uint64(rows.columns[k])
        word = load_whole(words, column)
        count, weight = np.uint32(word >> UPPER), float_of_bits(np.uint32(word))
        collisions += count != seen[k - begin]
        if len(shrink) > 0:
            weight -= step * value(rows, k) + shrink[column] * weight
        else:
            weight -= step * value(rows, k)
        word = (np.uint64(np.uint32(count + np.uint32(1))) << UPPER) | np.uint64(bits_of_float(weight))
        store_whole(words, column, word)
    return collisions


@compiled
def counted(
    words: np.ndarray,
    rows: Rows,
    block: Block,
    job: Job,
    scheme: int,
    locks: np.ndarray,
    shift: np.uint64,
    turn: np.ndarray,
    seen: np.ndarray,
    tally: np.ndarray,
) -> int:
    """`lock_free`, `locked` or `round_robin`, on words; adds writes and collisions to tally (int64, 2)."""
    begin = job.first
    while True:
        count = next_block(rows, block, begin, job)
        if count <= 0:
            return -count
        for i in range(np.uint64(count)):
            first, end, label = block.begins[i], block.ends[i], block.labels[i]
            if scheme == LOCKED and not acquire_row(locks, shift, rows, first, end, job.stop):
                return STOPPED
            step = job.rate * slope(job.loss, _margin(words, rows, first, end, seen), label)
            position = begin + i * job.stride
            if scheme == ROUND_ROBIN and not wait_until(turn, np.uint64(0), position, job.stop):
                return STOPPED
            if step != 0 or len(job.shrink) > 0:
                tally[1] += _subtract(words, rows, first, end, step, job.shrink, seen)
                tally[0] += np.int64(end - first)
            if scheme == ROUND_ROBIN:
                store_release(turn, np.uint64(0), position + np.uint64(1))
            if scheme == LOCKED:
                release_row(locks, shift, rows, first, end)
        begin += np.uint64(count) * job.stride
