"""Random numbers for many workers at once, from JAX's generator at half its price.

Threefry (Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3) turns a key and a counter into two
words. `jax.random` keeps one of the two; drawing is most of the time of a simulation, so here both are used.
And its rounds are written out: JAX's own form for processors is a loop, which keeps them out of the kernel
that uses the numbers and takes twice as long. The counter holds the worker's number: what it draws does not
depend on which others there are.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike


def check_key(key: Any) -> None:
    """Raise ValueError unless key is a single random key."""
    typed = isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    if not typed or key.shape != ():
        raise ValueError(f"key = {key!r} is not one random key; pass jax.random.key(seed)")


def uniform(key: jax.Array, workers: jax.Array, shape: tuple[int, ...], dtype: DTypeLike) -> jax.Array:
    """Numbers uniform in [0, 1), shape ``(len(workers), *shape)``.

    Args:
        key: one random key.
        workers: the numbers of the workers, shape (workers,).
        shape: of what each worker draws.
        dtype: a float type.

    >>> import jax
    >>> from lecturelib.least_squares import draws
    >>> found = draws.uniform(jax.random.key(0), jax.numpy.arange(3), (1000,), jax.numpy.float32)
    >>> found.shape, bool((found.mean(axis=1) > 0.45).all())
    ((3, 1000), True)
    """
    if dtype != jnp.float32:
        return _one_by_one(jax.random.uniform, key, workers, shape, dtype)
    return (_bits(key, workers, shape) >> 8).astype(dtype) * 2.0**-24


def normal(key: jax.Array, workers: jax.Array, shape: tuple[int, ...], dtype: DTypeLike) -> jax.Array:
    """Standard normal numbers sqrt(2) erfinv(u), u uniform in (-1, 1), shape ``(len(workers), *shape)``.

    Args:
        key: one random key.
        workers: the numbers of the workers, shape (workers,).
        shape: of what each worker draws.
        dtype: a float type.

    >>> import jax
    >>> from lecturelib.least_squares import draws
    >>> found = draws.normal(jax.random.key(0), jax.numpy.arange(3), (1000,), jax.numpy.float32)
    >>> found.shape, bool((abs(found.mean(axis=1)) < 0.15).all())
    ((3, 1000), True)
    """
    if dtype != jnp.float32:
        return _one_by_one(jax.random.normal, key, workers, shape, dtype)
    # The midpoints of 2^23 equal parts of (-1, 1): symmetric, and neither end is among them.
    u = (_bits(key, workers, shape) >> 9).astype(dtype) * 2.0**-22 - (1.0 - 2.0**-23)
    return math.sqrt(2.0) * jax.lax.erf_inv(u)


def worker_keys(key: jax.Array, workers: jax.Array) -> jax.Array:
    """A key of each worker's own, shape (len(workers),)."""
    return jax.vmap(jax.random.fold_in, (None, 0))(key, workers)


def _one_by_one(
    law: Callable, key: jax.Array, workers: jax.Array, shape: tuple[int, ...], dtype: DTypeLike
) -> jax.Array:
    return jax.vmap(lambda own: law(own, shape, dtype))(worker_keys(key, workers))


def _bits(key: jax.Array, workers: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Words of 32 random bits, shape ``(len(workers), *shape)``."""
    count = math.prod(shape)
    half = -(-count // 2)
    # The two words of a counter: whose number it is, and which of his numbers.
    worker = jnp.broadcast_to(workers.astype(jnp.uint32)[:, None], (len(workers), half))
    number = jnp.broadcast_to(jnp.arange(half, dtype=jnp.uint32)[None, :], (len(workers), half))
    words = jnp.stack(_threefry(jax.random.key_data(key)[:2], worker, number), axis=1)
    return words.reshape(len(workers), 2 * half)[:, :count].reshape(len(workers), *shape)


def _threefry(key: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Threefry-2x32 with 20 rounds (Salmon et al., section 3.3): two words for each counter (x, y)."""
    schedule = (key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(0x1BD11BDA))
    x, y = x + schedule[0], y + schedule[1]
    for group in range(5):
        for bits in ((13, 15, 26, 6), (17, 29, 16, 24))[group % 2]:
            x = x + y
            y = x ^ ((y << bits) | (y >> (32 - bits)))
        x = x + schedule[(group + 1) % 3]
        y = y + schedule[(group + 2) % 3] + jnp.uint32(group + 1)
    return x, y
