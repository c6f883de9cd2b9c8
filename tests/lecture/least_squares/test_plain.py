"""The plain loop: the law of the exact theory, and the very runs of the compiled engine."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lecturelib import least_squares as ls
from lecturelib import simulate
from lecturelib.least_squares import plain
from lecturelib.least_squares.sampling import RowSampler, sampler_of
from tests.agree import FLOAT32, agree
from tests.lecture.least_squares.sgd_cases import PROBLEMS, STEPS, errors_away, exact
from tests.marks import first_quick

BATCH = 4


def hessian(problem):
    if hasattr(problem, "features"):
        return problem.features.T @ problem.features / len(problem.features)
    return np.diag(problem.eigenvalues)


@first_quick("name", ["gaussian", "one_hot", "finite_sample", "without_replacement"])
def test_the_loop_has_the_exact_risk(name):
    problem, rate = PROBLEMS[name]
    runs = [
        plain.sgd(plain.examples(problem, BATCH, STEPS, seed=seed), np.ones(3), rate, hessian(problem))
        for seed in range(1500)
    ]
    found = simulate.estimate(runs)
    assert errors_away(found, exact(problem, rate, BATCH)[0]) < 4.0
    assert errors_away(found, exact(problem, rate, BATCH + 1)[0]) > 4.0
    assert errors_away(found, exact(problem, 1.3 * rate, BATCH)[0]) > 4.0


@pytest.mark.long
@first_quick("name", ["gaussian", "kurtosis", "elliptical", "finite_sample", "without_replacement"])
def test_the_engine_is_the_loop_on_the_same_batches(name):
    problem, rate = PROBLEMS[name]
    key, run = jax.random.key(13), 2
    sampler = sampler_of(problem)
    keys = [jax.random.fold_in(key, step) for step in range(1, STEPS + 1)]
    batches = [[np.asarray(part[0]) for part in sampler.draw(k, jnp.array([run]), BATCH)] for k in keys]
    loop = plain.sgd(batches, np.ones(3), rate, hessian(problem))
    engine = simulate.sgd(problem, np.ones(3), rate, BATCH, STEPS, 4, key=key)
    # a step is some ten operations on numbers of at most the first risk's size
    agree(engine[run], loop, relative=np.max(loop) / np.min(loop) * 10 * STEPS * FLOAT32)
    assert np.all(np.abs(engine[run + 1, 1:] / loop[1:] - 1) > 1e-4)
    assert isinstance(sampler, RowSampler) == hasattr(problem, "features")


def test_one_hot_examples_are_unit_vectors_as_often_as_they_should():
    problem = ls.one_hot([0.7, 0.2, 0.1], noise_variance=4.0)
    ((features, noise),) = plain.examples(problem, 4000, 1, seed=1)
    assert np.all(features.sum(1) == 1.0)
    shares = problem.probabilities
    agree(features.mean(0), shares, standard_error=np.sqrt(shares * (1 - shares) / 4000))
    agree(noise.std(), 2.0, standard_error=2.0 / np.sqrt(2 * 4000))


def test_without_the_half_and_at_half_the_rate_every_bit_is_the_same():
    """The gradient of (y - x'w)^2 is twice as long, and doubling and halving are exact in binary."""

    def without_half(rate):
        error = np.ones(3)
        for features, noise in batches:
            error = error - rate * (features.T @ (2.0 * (features @ error - noise)) / len(noise))
        return 0.5 * error @ H @ error

    problem, rate = PROBLEMS["gaussian"]
    H, batches = hessian(problem), list(plain.examples(problem, BATCH, STEPS, seed=3))
    with_half = plain.sgd(batches, np.ones(3), rate, H)[-1]
    assert without_half(rate / 2) == with_half
    assert abs(without_half(rate) / with_half - 1) > 0.1
