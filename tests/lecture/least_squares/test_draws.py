"""Random numbers: the right law, nothing shared between workers; and that wrong generators are found out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32
from scipy import stats

from lecturelib.least_squares import draws
from tests.agree import agree
from tests.lecture.least_squares.float64 import float64
from tests.marks import first_quick

COUNT = 200_000
LEAST = 1e-4  # a fair generator falls below this once in 10,000 keys; the keys here are fixed


def p_value(sample, law):
    return stats.kstest(np.asarray(sample, np.float64).ravel(), law).pvalue


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("draw", "law"), [(draws.uniform, "uniform"), (draws.normal, "norm")])
def test_law(draw, law, seed):
    sample = draw(jax.random.key(seed), jnp.arange(2), (COUNT // 20, 10), jnp.float32)
    assert sample.dtype == jnp.float32
    assert p_value(sample, law) > LEAST
    # Fourth moment of a normal, variance 96; of a uniform, 1/5 and 1/9 - 1/25.
    expected, variance = {"norm": (3.0, 96.0), "uniform": (0.2, 1 / 9 - 1 / 25)}[law]
    fourth = np.mean(np.asarray(sample, np.float64) ** 4)
    standard_error = np.sqrt(variance / COUNT)
    agree(fourth, expected, standard_error=standard_error, factor=4)


@first_quick("shape", [(1,), (4,), (3, 5)])
def test_words_are_those_of_jax(shape):
    key, workers = jax.random.key(3), np.array([0, 7])
    half = -(-np.prod(shape) // 2)
    for worker, words in zip(workers, draws._bits(key, jnp.asarray(workers), shape), strict=True):
        counters = np.concatenate([np.full(half, worker), np.arange(half)]).astype(np.uint32)
        expected = threefry_2x32(jax.random.key_data(key), jnp.asarray(counters))
        assert words.ravel().tolist() == expected[: words.size].tolist()


@pytest.mark.long
@pytest.mark.parametrize("draw", [draws.uniform, draws.normal])
def test_ends_are_never_infinite_or_one(draw):
    sample = np.asarray(draw(jax.random.key(0), jnp.arange(1), (2**24,), jnp.float32))
    assert np.isfinite(sample).all()
    assert sample.max() < (1.0 if draw is draws.uniform else 6.0)
    if draw is draws.normal:
        assert sample.max() > 4.9  # the tails are there: 2^24 numbers reach 5.3 on average
        assert sample.min() < -4.9


@first_quick("draw", [draws.uniform, draws.normal])
def test_workers_keys_and_neighbours_are_independent(draw):
    key = jax.random.key(5)
    sample = np.asarray(draw(key, jnp.arange(4), (COUNT // 4,), jnp.float32), np.float64)
    other = np.asarray(draw(jax.random.key(6), jnp.arange(4), (COUNT // 4,), jnp.float32), np.float64)
    half = COUNT // 8  # the two words of one counter lie half a stream apart
    pairs = [(sample[0], sample[1]), (sample[0], other[0]), (sample[:, 1:], sample[:, :-1])]
    pairs.append((sample[:, :half], sample[:, half:]))
    for left, right in pairs:
        correlation = np.corrcoef(left.ravel(), right.ravel())[0, 1]
        assert abs(correlation) < 4 / np.sqrt(left.size)


@pytest.mark.long
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_a_worker_draws_the_same_among_other_workers(dtype):
    with float64(dtype == jnp.float64):
        key = jax.random.key(1)
        some, all_of_them = (draws.normal(key, w, (7, 3), dtype) for w in (jnp.arange(2, 4), jnp.arange(5)))
        assert np.array_equal(some, all_of_them[2:4])


@pytest.mark.long
@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
def test_any_kind_of_key_and_float64(impl):
    key = jax.random.key(2, impl=impl)
    assert p_value(draws.normal(key, jnp.arange(2), (5000,), jnp.float32), "norm") > LEAST
    with float64():
        sample = draws.normal(key, jnp.arange(2), (5000,), jnp.float64)
        assert sample.dtype == jnp.float64
        assert p_value(sample, "norm") > LEAST


@pytest.mark.long
def test_wrong_generators_are_found_out():
    key = jax.random.key(0)
    uniform = draws.uniform(key, jnp.arange(1), (COUNT,), jnp.float32)[0]
    normal = draws.normal(key, jnp.arange(1), (COUNT,), jnp.float32)[0]
    assert p_value(normal / np.sqrt(2.0), "norm") < LEAST  # sqrt(2) forgotten
    assert p_value(abs(normal), "norm") < LEAST  # u in (0, 1)
    assert p_value(np.asarray(uniform) * 127 / 128, "uniform") < LEAST  # seven bits, counted to 128
