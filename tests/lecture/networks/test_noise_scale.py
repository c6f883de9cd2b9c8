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
from lecturelib import noise_scale
from lecturelib.advice import of_model
from lecturelib.networks import network, noise_passes
from tests.agree import FLOAT32, FLOAT64, agree
from tests.marks import first_quick

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
    rounding = 64 * 6 * FLOAT32 * (norm + variance)  # sums of 64 x 6 terms below this size
    away = np.abs([found.gradient_variance - variance, found.gradient_norm**2 - norm])
    return bool(np.all(away < rounding))


def test_noise_scale_is_that_of_every_example_s_gradient(least_squares):
    batch, found = least_squares
    assert agrees(found, batch)
    agree(found.noise_scale, found.gradient_variance / found.gradient_norm**2, relative=8 * FLOAT64)
    assert found.examples == 64


@pytest.mark.parametrize("wrong", ["sum, not mean", "variance over n", "noise left in |G|^2"])
def test_a_wrong_noise_scale_is_told_from_ours(least_squares, wrong):
    batch, found = least_squares
    assert not agrees(found, batch, wrong)


def test_sharpness_is_the_top_eigenvalue_of_the_hessian(least_squares):
    batch, found = least_squares
    hessian = batch[0].T.astype(float) @ batch[0] / 64
    top = np.linalg.eigvalsh(hessian)[-1]
    agree(found.sharpness, top, rounding=64 * 6 * FLOAT32 * top + found.sharpness_error)
    for mutant in (2 * top, -top, 64 * top, np.trace(hessian)):
        assert abs(found.sharpness - mutant) > 0.1 * top


@pytest.mark.long
def test_quadratic_truths_are_found():
    """N(0, diag(1/i)), noise 1, error 1: B = 1 + tr H (D'HD + s^2) / |HD|^2, to the errors reported."""
    eigenvalues = 1.0 / np.arange(1, 7)
    scale = 1 + eigenvalues.sum() * (eigenvalues.sum() + 1) / np.sum(eigenvalues**2)
    batch = least_squares_batch(2**15, seed=1)
    found = noise_scale.estimate(square_loss, np.ones(6, "f"), batch, key=KEY, confidence=0.9999)
    assert found.resolved
    assert found.interval[0] < scale < found.interval[1] < 1.5 * scale
    agree(found.trace, eigenvalues.sum(), standard_error=found.trace_error)
    assert 0 < found.trace_error < 0.1 * eigenvalues.sum()
    sampling = math.sqrt(2 / 2**15)  # of the variance of the first, normal, feature
    agree(found.sharpness, 1.0, rounding=found.sharpness_error + 4 * sampling)
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


@pytest.mark.long
def test_hessian_products_and_noise_of_a_network_on_uint8_images():
    params, batch = tiny_network()
    hessian = dense_hessian(params, batch)
    parts = jax.tree.map(lambda x: jnp.asarray(x).reshape(8, 3, *x.shape[1:]), batch)
    vector = np.random.default_rng(1).normal(size=len(hessian))
    product = np.asarray(noise_passes.hessian_product(network.loss, params, parts, vector))
    rounding = 24 * len(hessian) * FLOAT32 * np.linalg.norm(hessian)
    agree(product, hessian @ vector, rounding=rounding, normwise=True)
    for mutant in (-product, 2 * product, 8 * product):
        assert np.max(abs(mutant - hessian @ vector)) > rounding

    found = noise_scale.estimate(network.loss, params, batch, key=KEY, chunks=24, tolerance=1e-4)
    top = np.linalg.eigvalsh(hessian)[-1]
    agree(found.sharpness, top, rounding=found.sharpness_error + rounding)
    gradient = jax.jit(jax.grad(network.loss))
    each = [gradient(params, (batch[0][i : i + 1], batch[1][i : i + 1])) for i in range(24)]
    gradients = np.stack([np.concatenate([np.ravel(leaf) for leaf in g]) for g in each]).astype(float)
    terms = gradients.size  # each float32 squared and added up
    agree(found.gradient_variance, gradients.var(axis=0, ddof=1).sum(), relative=terms * FLOAT32)


@pytest.mark.long
def test_the_number_of_gradients_at_once_changes_nothing():
    parts = tuple(np.reshape(array, (8, 8, *array.shape[1:])) for array in least_squares_batch(64))
    for one, other in zip(
        *(noise_passes.one_pass(square_loss, jnp.ones(6), parts, KEY, at_once) for at_once in (1, 3)),
        strict=True,
    ):
        agree(one, other, rounding=64 * FLOAT32 * np.max(abs(one)), normwise=True)


@pytest.mark.long
def test_the_error_of_the_trace_is_its_spread_over_keys():
    """All chunks alike, so only the probes differ, and (trace - tr H) / error is t with K - 1 degrees."""
    random = np.random.default_rng(3)
    features = random.normal(size=(4, 6)).astype("f")
    parts = (np.tile(features, (16, 1, 1)), np.zeros((16, 4), "f"))
    truth, scores, reused = np.sum(features**2) / 4, [], []
    gradient = jax.grad(square_loss)
    probe = jax.jit(lambda key: noise_passes.probe(gradient, jnp.ones(6), (features, parts[1][0]), key)[1])
    for seed in range(100):
        traces = np.asarray(
            noise_passes.one_pass(square_loss, jnp.ones(6), parts, jax.random.key(seed), 4)[2]
        )
        scores.append((traces.mean() - truth) / (traces.std(ddof=1) / 4))
        reused.append([float(probe(jax.random.key(seed)))] * 16)
    standard_error = 0.18  # over 100 keys, for t with 15 degrees of freedom; there E score^2 = 15 / 13
    agree(np.mean(np.square(scores)), 15 / 13, standard_error=standard_error, factor=4)
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


@pytest.mark.long
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
    agree(rates[-1], exact[-1], relative=8 * FLOAT64)


def test_the_prediction_misses_closed_forms_by_one_sharpness_over_b():
    finite = SIZES[:-1]
    gaussian = np.asarray(ls.max_learning_rate(ls.gaussian(np.ones(50)), finite))
    one_hot = np.asarray(ls.max_learning_rate(ls.one_hot(np.full(64, 1 / 64)), finite))
    difference = 2 / gaussian - 2 / predicted(1.0, 50.0).max_learning_rate(finite)
    agree(difference * finite, 1.0, relative=1e-9)
    difference = 2 / one_hot - 2 / predicted(1 / 64, 1.0).max_learning_rate(finite)
    agree(difference * finite, -1 / 64, relative=1e-9)
    agree(predicted(1.0, 50.0).critical_batch_size, 51.0, relative=4 * FLOAT64)


def test_an_unresolved_gradient_says_so():
    features, _ = least_squares_batch(64)
    found = noise_scale.estimate(
        square_loss, np.zeros(6, "f"), (features, np.random.default_rng(0).normal(size=64)), key=KEY
    )
    assert not found.resolved
    assert "more than 64 examples" in str(found)


@pytest.mark.long
def test_a_loss_linear_in_its_parameters_has_no_curvature():
    found = noise_scale.estimate(
        lambda w, b: jnp.mean(b[0] @ w), np.ones(6, "f"), least_squares_batch(64), key=KEY
    )
    assert found.sharpness == found.trace == found.trace_error == 0.0


@pytest.mark.long
def test_half_precision_parameters_are_measured_like_their_float32_copies():
    batch = least_squares_batch(64)
    found, expected = (
        noise_scale.estimate(
            lambda w, b: square_loss(w.astype(jnp.float32), b), jnp.ones(6, kind), batch, key=KEY
        )
        for kind in (jnp.bfloat16, jnp.float32)
    )
    rounding = 4 * 2.0**-8  # of bfloat16, in each entry of a gradient
    agree(found.gradient_variance / expected.gradient_variance, 1, rounding=rounding)
    agree(found.sharpness / expected.sharpness, 1, rounding=rounding + 0.05)


# ---- refusals ----


class Unhashable:
    """A loss that cannot be compiled: it may change."""

    __hash__ = None

    def __call__(self, params, batch):
        return square_loss(params, batch)


GOOD = least_squares_batch(64)


REFUSED = {
    "one example": ({"batch": least_squares_batch(1)}, "examples of batch = 1 "),
    "prime": ({"batch": least_squares_batch(67)}, "67 examples.*first 66"),
    "unequal": ({"batch": (GOOD[0], GOOD[1][:60])}, r"\[0\] has 64, batch\[1\] has 60"),
    "no axis": ({"batch": (GOOD[0], np.float32(1.0))}, r"batch\[1\] has none"),
    "nothing": ({"batch": ()}, "empty"),
    "chunks": ({"chunks": 10}, "chunks = 10 .* 64 examples"),
    "few chunks": ({"chunks": 4}, "chunks = 4 "),
    "vector": ({"loss": lambda w, b: (b[0] @ w - b[1]) ** 2}, "return jnp.mean"),
    "tuple": ({"loss": lambda w, b: (b[1], square_loss(w, b))}, "return jnp.mean"),
    "sum": ({"loss": lambda w, b: jnp.sum((b[0] @ w - b[1]) ** 2)}, "divide a sum by the batch size"),
    "diverged": (
        {"params": np.array([1, np.nan, 1, 1, 1, 1], "f")},
        "loss is nan at params",
    ),
    "large": ({"params": np.full(6, 1e30, "f")}, "loss is inf"),
    "bad example": ({"batch": (GOOD[0] * np.inf, GOOD[1])}, "loss is"),
    "bad gradient": ({"loss": lambda w, b: jnp.mean(b[0] @ jnp.sqrt(w - 1.0))}, "gradient .* not finite"),
    "constant": ({"loss": lambda w, b: jnp.mean(b[1] ** 2)}, "zero on every example"),
    "integers": ({"params": np.ones(6, int)}, "hold no floating-point numbers"),
    "no hash": ({"loss": Unhashable()}, "hash"),
    "no params": ({"params": {}}, "hold no floating-point numbers"),
    "key": ({"key": 0}, "jax.random.key"),
    "confidence": ({"confidence": 95}, "confidence = 95"),
    "tolerance": ({"tolerance": 0.0}, "tolerance = 0.0"),
    "products": ({"max_products": 0}, "max_products = 0"),
}


@first_quick("name", REFUSED)
def test_bad_input_is_refused_with_its_value_and_a_remedy(name):
    change, message = REFUSED[name]
    arguments = {"loss": square_loss, "key": KEY, "params": np.ones(6, "f"), "batch": GOOD, **change}
    with pytest.raises(ValueError, match=message):
        noise_scale.estimate(**arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: predicted(1.0, 2.0).max_learning_rate(0), "batch_size = 0"),
        (lambda: predicted(1.0, 2.0).max_learning_rate(-1), "batch_size = -1"),
        (lambda: predicted(1.0, 2.0).max_learning_rate(math.nan), "batch_size = nan"),
        (lambda: predicted(1.0, 2.0).max_learning_rate([4, 0.5]), r"batch_size = \[4, 0.5\]"),
        (lambda: predicted(0.0, 1.0).max_learning_rate(4), "sharpness = 0.*positive"),
    ],
)
def test_no_rate_is_predicted(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_one_example_that_makes_the_scatter_is_warned_of_wherever_the_estimate_is_shown():
    """A right estimate without a word would be believed: attribute, text, and the advice for a model."""
    features, targets = least_squares_batch(1024)
    light = noise_scale.estimate(square_loss, jnp.ones(6), (features, targets), key=KEY)
    assert light.warning == ""
    assert "HEAVY" not in str(light)
    targets = np.array(targets)
    targets[17] = 1e3
    heavy = noise_scale.estimate(square_loss, jnp.ones(6), (features, targets), key=KEY)
    assert "one example of 1,024" in heavy.warning
    assert heavy.warning in str(heavy)
    assert of_model._heavy(start=heavy, goal=light) == [f"At the start: {heavy.warning}"]
