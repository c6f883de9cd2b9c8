"""Seconds of a call, without what does not belong to it: compilation, first touch, other programs' turns."""

import time
from collections.abc import Callable

import jax

from lecturelib.checks import check_count


def seconds(function: Callable, *arguments, repeats: int = 5) -> float:
    """The least time of some calls of function(*arguments), after one that is not counted, in seconds.

    The first call compiles, allocates and fills the caches. The least of the others is taken because
    whatever else a computer does can only add to the time. JAX returns before it is done, so results are
    waited for. repeats: whole, 1 or more. ValueError: otherwise.

    >>> seconds(sum, [1, 2, 3]) > 0
    True
    """
    repeats = check_count("repeats", repeats)
    jax.block_until_ready(function(*arguments))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        times.append(time.perf_counter() - start)
    return min(times)
