"""Noise scale, sharpness, trace and predicted rates against NumPy and closed forms on quadratics."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import least_squares as ls
from lecturelib import network, noise_scale

EPS = float(np.finfo(np.float32).eps)
KEY = jax.random.key(0)


def square_loss(error, batch):
    features, noise = batch
    return 0.5 * jnp.mean((features @ error - noise) ** 2)


def least_squares_batch(examples=512, size=6, seed=0):
    random = np.random.default_rng(seed)
    features = random.normal(size=(examples, size)) / np.sqrt(np.arange(1, size + 1))
    return features.astype("f"), random.normal(size=examples).astype("f")


def by_hand(batch, error, wrong=None):
    """(tr Sigma, |G|^2) from every example's gradient, or with one plausible mistake."""
    features, noise = (np.asarray(array, dtype=float) for array in batch)
    gradients = features * (features @ error - noise)[:, None]
    if wrong == "sum, not mean":
        gradients = gradients * len(gradients)
    variance = np.sum(np.var(gradients, axis=0, ddof=0 if wrong == "variance over n" else 1))
    norm = np.sum(gradients.mean(axis=0) ** 2)
    return variance, norm if wrong == "noise left in |G|^2" else norm - variance / len(gradients)


@pytest.fixture(scope="module")
def least_squares():
    batch = least_squares_batch(64)
    return batch, noise_scale.estimate(
        square_loss, np.ones(6, "f"), batch, key=KEY, chunks=64, tolerance=1e-4
    )


def agrees(found, batch, wrong=None):
    variance, norm = by_hand(batch, np.ones(6), wrong)
    rounding = 64 * 6 * EPS * (norm + variance)  # sums of 64 x 6 terms below this size
    return (
        abs(found.gradient_variance - variance) < rounding and abs(found.gradient_norm**2 - norm) < rounding
    )


def test_noise_scale_is_that_of_every_example_s_gradient(least_squares):
    batch, found = least_squares
    assert agrees(found, batch)
    assert found.noise_scale == pytest.approx(found.gradient_variance / found.gradient_norm**2)
    assert found.examples == 64


@pytest.mark.parametrize("wrong", ["sum, not mean", "variance over n", "noise left in |G|^2"])
def test_a_wrong_noise_scale_is_told_from_ours(least_squares, wrong):
    batch, found = least_squares
    assert not agrees(found, batch, wrong)


def test_sharpness_is_the_top_eigenvalue_of_the_hessian(least_squares):
    batch, found = least_squares
    hessian = batch[0].T.astype(float) @ batch[0] / 64
    top = np.linalg.eigvalsh(hessian)[-1]
    assert abs(found.sharpness - top) < 64 * 6 * EPS * top + found.sharpness_error
    for mutant in (2 * top, -top, 64 * top, np.trace(hessian)):
        assert abs(found.sharpness - mutant) > 0.1 * top


def test_quadratic_truths_are_found():
    """N(0, diag(1/i)), noise 1, error 1: B = 1 + tr H (D'HD + s^2) / |HD|^2, to the errors reported."""
    eigenvalues = 1.0 / np.arange(1, 7)
    scale = 1 + eigenvalues.sum() * (eigenvalues.sum() + 1) / np.sum(eigenvalues**2)
    batch = least_squares_batch(2**15, seed=1)
    found = noise_scale.estimate(square_loss, np.ones(6, "f"), batch, key=KEY, confidence=0.9999)
    assert found.resolved
    assert found.interval[0] < scale < found.interval[1] < 1.5 * scale
    assert found.trace == pytest.approx(eigenvalues.sum(), abs=4 * found.trace_error)
    assert 0 < found.trace_error < 0.1 * eigenvalues.sum()
    sampling = math.sqrt(2 / 2**15)  # of the variance of the first, normal, feature
    assert found.sharpness == pytest.approx(1.0, abs=found.sharpness_error + 4 * sampling)
    for mutant in (2.0 * eigenvalues.sum(), -eigenvalues.sum(), eigenvalues.sum() / 6):
        assert abs(found.trace - mutant) > 4 * found.trace_error


# ---- curvature ----


def tiny_network(seed=0):
    random = np.random.default_rng(seed)
    images, labels = random.integers(256, size=(24, 5), dtype=np.uint8), random.integers(10, size=24)
    return network.initial_params(5, 4, seed=seed), (images, labels)


def dense_hessian(params, batch):
    flat, unravel = jax.flatten_util.ravel_pytree(params)
    hessian = jax.jit(jax.hessian(lambda w: network.loss(unravel(w), batch)))
    return np.asarray(hessian(flat), dtype=float)


def test_hessian_products_and_noise_of_a_network_on_uint8_images():
    params, batch = tiny_network()
    hessian = dense_hessian(params, batch)
    parts = jax.tree.map(lambda x: jnp.asarray(x).reshape(8, 3, *x.shape[1:]), batch)
    vector = np.random.default_rng(1).normal(size=len(hessian))
    product = np.asarray(noise_scale._hessian_product(network.loss, params, parts, vector))
    rounding = 24 * len(hessian) * EPS * np.linalg.norm(hessian)
    np.testing.assert_allclose(product, hessian @ vector, atol=rounding)
    for mutant in (-product, 2 * product, 8 * product):
        assert np.max(abs(mutant - hessian @ vector)) > rounding

    found = noise_scale.estimate(network.loss, params, batch, key=KEY, chunks=24, tolerance=1e-4)
    top = np.linalg.eigvalsh(hessian)[-1]
    assert found.sharpness == pytest.approx(top, abs=found.sharpness_error + rounding)
    gradient = jax.jit(jax.grad(network.loss))
    each = [gradient(params, (batch[0][i : i + 1], batch[1][i : i + 1])) for i in range(24)]
    gradients = np.stack([np.concatenate([np.ravel(leaf) for leaf in g]) for g in each]).astype(float)
    assert found.gradient_variance == pytest.approx(gradients.var(axis=0, ddof=1).sum(), rel=1e-5)


def test_the_number_of_gradients_at_once_changes_nothing():
    parts = tuple(np.reshape(array, (8, 8, *array.shape[1:])) for array in least_squares_batch(64))
    for one, other in zip(
        *(noise_scale._one_pass(square_loss, jnp.ones(6), parts, KEY, at_once) for at_once in (1, 3)),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=64 * EPS, atol=64 * EPS * np.max(abs(one)))


def test_the_error_of_the_trace_is_its_spread_over_keys():
    """All chunks alike, so only the probes differ, and (trace - tr H) / error is t with K - 1 degrees."""
    random = np.random.default_rng(3)
    features = random.normal(size=(4, 6)).astype("f")
    parts = (np.tile(features, (16, 1, 1)), np.zeros((16, 4), "f"))
    truth, scores, reused = np.sum(features**2) / 4, [], []
    gradient = jax.grad(square_loss)
    probe = jax.jit(lambda key: noise_scale._probe(gradient, jnp.ones(6), (features, parts[1][0]), key)[1])
    for seed in range(100):
        traces = np.asarray(
            noise_scale._one_pass(square_loss, jnp.ones(6), parts, jax.random.key(seed), 4)[2]
        )
        scores.append((traces.mean() - truth) / (traces.std(ddof=1) / 4))
        reused.append([float(probe(jax.random.key(seed)))] * 16)
    standard_error = 0.18  # over 100 keys, for t with 15 degrees of freedom; there E score^2 = 15 / 13
    assert abs(np.mean(np.square(scores)) - 15 / 13) < 4 * standard_error
    assert np.std(reused, axis=1).max() == 0.0 < np.std(reused)  # one probe for all chunks: no error is seen


# ---- any pytree ----


class Pair(NamedTuple):
    first: jax.Array
    second: jax.Array


SHAPES = {
    "dict": (lambda a, b: {"a": a, "b": b}, lambda p: (p["a"], p["b"])),
    "named tuple": (Pair, lambda p: p),
    "nested list": (lambda a, b: [[a], [[b]]], lambda p: (p[0][0], p[1][0][0])),
}


def test_the_shape_of_the_pytree_changes_nothing():
    batch, found = least_squares_batch(64), []
    for build, take in SHAPES.values():

        def loss(params, batch, take=take):
            return square_loss(jnp.concatenate(take(params)), batch)

        params = build(np.ones(2, "f"), np.ones(4, "f"))
        found.append(noise_scale.estimate(loss, params, batch, key=KEY))
    assert found[0] == found[1] == found[2]


# ---- the learning rates predicted ----


def predicted(sharpness, trace):
    return noise_scale.NoiseScale(1.0, (0.5, 2.0), 1.0, 1.0, trace, 0.0, sharpness, 0.0, 100)


SIZES = np.array([1.0, 3.0, 20.0, 1000.0, math.inf])


@given(st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_the_prediction_is_within_its_bounds_on_gaussian_features(eigenvalues):
    rates = predicted(max(eigenvalues), sum(eigenvalues)).max_learning_rate(SIZES)
    exact = np.asarray(ls.max_learning_rate(ls.gaussian(eigenvalues), SIZES))
    assert (rates >= 0.5 * exact).all()
    assert (rates <= 1.5 * exact * (1 + 1e-9)).all()
    assert rates[-1] == pytest.approx(exact[-1])


def test_the_prediction_misses_closed_forms_by_one_sharpness_over_b():
    finite = SIZES[:-1]
    gaussian = np.asarray(ls.max_learning_rate(ls.gaussian(np.ones(50)), finite))
    one_hot = np.asarray(ls.max_learning_rate(ls.one_hot(np.full(64, 1 / 64)), finite))
    difference = 2 / gaussian - 2 / predicted(1.0, 50.0).max_learning_rate(finite)
    np.testing.assert_allclose(difference * finite, 1.0, rtol=1e-9)
    difference = 2 / one_hot - 2 / predicted(1 / 64, 1.0).max_learning_rate(finite)
    np.testing.assert_allclose(difference * finite, -1 / 64, rtol=1e-9)
    assert predicted(1.0, 50.0).critical_batch_size == pytest.approx(51.0)


@pytest.mark.parametrize("size", [0, -1, math.nan, [4, 0.5]])
def test_a_batch_size_below_one_is_refused(size):
    with pytest.raises(ValueError, match="batch_size"):
        predicted(1.0, 2.0).max_learning_rate(size)


def test_downward_curvature_predicts_no_rate():
    with pytest.raises(ValueError, match=r"sharpness = 0.*positive"):
        predicted(0.0, 1.0).max_learning_rate(4)


def test_an_unresolved_gradient_says_so():
    features, _ = least_squares_batch(64)
    found = noise_scale.estimate(
        square_loss, np.zeros(6, "f"), (features, np.random.default_rng(0).normal(size=64)), key=KEY
    )
    assert not found.resolved
    assert "more than 64 examples" in str(found)


def test_a_loss_linear_in_its_parameters_has_no_curvature():
    found = noise_scale.estimate(
        lambda w, b: jnp.mean(b[0] @ w), np.ones(6, "f"), least_squares_batch(64), key=KEY
    )
    assert found.sharpness == found.trace == found.trace_error == 0.0


def test_half_precision_parameters_are_measured_like_their_float32_copies():
    batch = least_squares_batch(64)
    found, expected = (
        noise_scale.estimate(
            lambda w, b: square_loss(w.astype(jnp.float32), b), jnp.ones(6, kind), batch, key=KEY
        )
        for kind in (jnp.bfloat16, jnp.float32)
    )
    rounding = 2.0**-8  # of bfloat16, in each entry of a gradient
    assert found.gradient_variance == pytest.approx(expected.gradient_variance, rel=4 * rounding)
    assert found.sharpness == pytest.approx(expected.sharpness, rel=4 * rounding + 0.05)
