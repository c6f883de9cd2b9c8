"""All-reduce, message by message: K machines, each with a vector, end with the sum of all K vectors each.

An algorithm is a list of rounds, a round a list of messages that travel at the same time. `exchange` delivers
them and counts, so that the formulas of `cost.all_reduce` have something to agree with.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lecturelib.parallel.cost import ALGORITHMS, Traffic, all_reduce


@dataclass(frozen=True)
class Message:
    """Part `part` of the sender's vector; the receiver adds it to its own part, or puts it in its place."""

    sender: int
    receiver: int
    part: slice
    add: bool


@dataclass(frozen=True, eq=False)
class Exchange:
    """Every machine's vector at the end, shape (machines, size), and what was sent to get there."""

    vectors: np.ndarray
    traffic: Traffic


def exchange(algorithm: str, vectors: ArrayLike) -> Exchange:
    """Send the messages of an all-reduce and count them.

    Args:
        algorithm: "ring", "tree" or "halving-doubling" (then the number of machines is a power of two).
        vectors: one a machine, shape (machines, size).

    Returns:
        The sums, and the traffic: rounds, and in each the numbers that the busiest machine sends or receives.

    Raises:
        ValueError: if the algorithm is none of these, or vectors has another shape.

    >>> from lecturelib.parallel import allreduce
    >>> done = allreduce.exchange("ring", [[1.0, 2.0], [10.0, 20.0]])
    >>> done.vectors.tolist(), done.traffic
    ([[11.0, 22.0], [11.0, 22.0]], Traffic(messages=2, numbers=2))
    """
    vectors = np.array(vectors, dtype=float)
    if vectors.ndim != 2 or vectors.size == 0:
        raise ValueError(f"vectors has shape {vectors.shape}; pass one vector a machine, (machines, size)")
    all_reduce(algorithm, *vectors.shape)  # refuses what this algorithm cannot do
    rounds = dict(zip(ALGORITHMS, (_ring, _tree, _halving_doubling), strict=True))[algorithm]
    messages = numbers = 0
    for sent in rounds(*vectors.shape):
        before = vectors.copy()
        busy = np.zeros((2, len(vectors)), dtype=int)
        for message in sent:
            values = before[message.sender, message.part]
            busy[0, message.sender] += len(values)
            busy[1, message.receiver] += len(values)
            if message.add:
                vectors[message.receiver, message.part] += values
            else:
                vectors[message.receiver, message.part] = values
        messages, numbers = messages + 1, numbers + int(busy.max())
    return Exchange(vectors, Traffic(messages, numbers))


def _ring(machines: int, size: int) -> Iterator[list[Message]]:
    """Part after part travels round the ring, growing by one addend a hop; then the sums travel round."""
    edges = np.linspace(0, size, machines + 1).round().astype(int)
    parts = [slice(*edges[k : k + 2]) for k in range(machines)]
    for add in (True, False):
        for hop in range(machines - 1):
            first = 0 if add else 1  # after the first lap, machine k holds the sum of part k + 1
            yield [
                Message(k, (k + 1) % machines, parts[(k + first - hop) % machines], add)
                for k in range(machines)
            ]


def _tree(machines: int, size: int) -> Iterator[list[Message]]:
    """Machines hand their sums down in pairs until machine 0 has them all, and it hands the total back up."""
    whole = slice(0, size)
    distances: list[int] = []
    while 2 ** len(distances) < machines:
        distances.append(2 ** len(distances))
    for distance in distances:
        starts = range(0, machines - distance, 2 * distance)
        yield [Message(k + distance, k, whole, add=True) for k in starts]
    for distance in reversed(distances):
        starts = range(0, machines - distance, 2 * distance)
        yield [Message(k, k + distance, whole, add=False) for k in starts]


def _halving_doubling(machines: int, size: int) -> Iterator[list[Message]]:
    """Partners swap halves of ever smaller parts, then put the summed parts together the same way back."""
    parts, laps = [slice(0, size)] * machines, []
    distance = machines // 2
    while distance:
        laps.append((distance, parts))
        halves, sent = [], []
        for k, part in enumerate(parts):
            middle = (part.start + part.stop) // 2
            low, high = slice(part.start, middle), slice(middle, part.stop)
            keep, give = (high, low) if k & distance else (low, high)
            halves.append(keep)
            sent.append(Message(k, k ^ distance, give, add=True))
        yield sent
        parts, distance = halves, distance // 2
    for distance, larger in reversed(laps):
        yield [Message(k, k ^ distance, part, add=False) for k, part in enumerate(parts)]
        parts = larger
