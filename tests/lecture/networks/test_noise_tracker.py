"""The tracked noise scale: each step by hand, its averages, accuracy, interval, training runs."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lecturelib import noise_scale
from lecturelib.networks import network
from tests.agree import FLOAT32, agree
from tests.marks import first_quick

TRACKER = noise_scale.Tracker(decay=0.9)


def chunk_gradients(steps=7, chunks=4, size=6, seed=0):
    """Mean gradients of a run's chunks, shape (steps, chunks, size), about a gradient that shrinks."""
    random = np.random.default_rng(seed)
    means = 0.9 ** np.arange(steps)[:, None, None] * np.ones(size)
    return (means + random.normal(size=(steps, chunks, size))).astype("f")


def squared(gradients, axis=-1):
    return np.sum(np.square(gradients.astype(float)), axis=axis)


def tracked(gradients, examples=8, tracker=TRACKER):
    state = tracker.init(np.zeros(gradients.shape[-1]))
    for chunks in gradients:
        state = tracker.update_gradients(state, chunks, examples)
    return tracker.read(state)


# ---- one step, and the averages, by hand ----


def by_hand(chunks, examples, wrong=None):
    """(|G|^2, tr Sigma) of one step from every pair of chunks, or with one plausible mistake."""
    pairs = [c @ other for i, c in enumerate(chunks) for j, other in enumerate(chunks) if i != j]
    norm = np.mean(pairs) if wrong != "noise left in |G|^2" else chunks.mean(axis=0) @ chunks.mean(axis=0)
    variance = np.sum(np.var(chunks, axis=0, ddof=0 if wrong == "variance over K" else 1))
    return norm, variance * (1 if wrong == "noise of chunks" else examples)


@pytest.mark.long
@pytest.mark.parametrize("wrong", [None, "noise left in |G|^2", "variance over K", "noise of chunks"])
def test_a_step_is_the_mean_over_pairs_and_the_sample_variance(wrong):
    gradients = chunk_gradients(steps=1)
    found, (norm, variance) = tracked(gradients), by_hand(gradients[0].astype(float), 8, wrong)
    rounding = 64 * FLOAT32 * squared(gradients).sum()
    away = abs(found.squared_norm - norm), abs(found.variance - variance) / 8
    assert (max(away) < rounding) == (wrong is None)


def test_averages_spread_and_effective_steps_are_the_weighted_ones():
    """Batches and chunks that change on the way keep each step unbiased, so they average alike."""
    gradients, sizes = chunk_gradients(steps=9), [8, 8, 8, 16, 16, 16, 32, 32, 32]
    state, seen = TRACKER.init(np.zeros(6)), []
    for step, (chunks, size) in enumerate(zip(gradients, sizes, strict=True)):
        chunks = chunks[: 2 if step < 4 else 4]
        state = TRACKER.update_gradients(state, chunks, size)
        seen.append(by_hand(chunks.astype(float), size))
    found = TRACKER.read(state)
    weights = 0.9 ** np.arange(9)[::-1]
    weights /= weights.sum()
    mean = weights @ seen
    rounding = 64 * FLOAT32 * np.max(np.abs(seen))
    agree([found.squared_norm, found.variance], mean, rounding=rounding, normwise=True)
    agree(found.effective_steps, 1 / np.sum(weights**2), relative=64 * FLOAT32)
    away = np.column_stack([np.array(seen)[:, 0], np.sum(seen, axis=1)])
    away -= weights @ away
    spread = np.asarray(state.spread[0]) / float(state.weight)
    expected = [weights @ (away[:, i] * away[:, j]) for i, j in ((0, 0), (0, 1), (1, 1))]
    agree(spread, expected, rounding=1024 * FLOAT32 * np.max(np.abs(expected)), normwise=True)


# ---- the three doors ----


def mnist_like(examples=24, seed=0):
    random = np.random.default_rng(seed)
    images, labels = (
        random.integers(256, size=(examples, 5), dtype=np.uint8),
        random.integers(10, size=examples),
    )
    return network.initial_params(5, 4, seed=seed), (images, labels)


def same(one, other, terms=256):
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        size = np.max(np.abs(right), initial=1e-3)
        agree(left, right, rounding=terms * FLOAT32 * size, normwise=True)


@pytest.mark.long
@first_quick("per_layer", [True, False])
def test_the_three_doors_see_the_same_and_the_gradient_is_jax_s(per_layer):
    tracker = noise_scale.Tracker(per_layer=per_layer)
    params, batch = mnist_like()
    value, gradient, state = jax.jit(
        functools.partial(tracker.value_and_grad, network.loss, chunks=3), static_argnames="chunks"
    )(params, batch, tracker.init(params))
    expected, of_batch = jax.value_and_grad(network.loss)(params, batch)
    agree(value, expected, relative=64 * FLOAT32)
    same(gradient, of_batch)

    parts = jax.tree.map(lambda x: x.reshape(3, 8, *x.shape[1:]), batch)
    of_chunks = jax.vmap(jax.grad(network.loss), (None, 0))(params, parts)
    same(state, tracker.update_gradients(tracker.init(params), of_chunks, 8))

    squares = jax.tree.map(lambda g: jnp.sum(g.reshape(3, -1) ** 2, axis=1), of_chunks)
    mean = jax.tree.map(lambda g: jnp.sum(g**2), of_batch)
    if not per_layer:
        squares, mean = sum(jax.tree.leaves(squares)), sum(jax.tree.leaves(mean))
    same(state, tracker.update(tracker.init(params), squares, mean, examples=8))


@pytest.mark.long
def test_a_loss_that_returns_more_keeps_it_for_each_chunk():
    params, batch = mnist_like()

    def loss(params, part):
        return network.loss(params, part), part[1].sum()

    (value, sums), _, _ = TRACKER.value_and_grad(
        loss, params, batch, TRACKER.init(params), chunks=2, has_aux=True
    )
    agree(value, network.loss(params, batch), relative=64 * FLOAT32)
    assert sums.tolist() == [batch[1][:12].sum(), batch[1][12:].sum()]


@pytest.mark.long
def test_layers_are_what_a_tracker_of_each_alone_would_say():
    gradients = chunk_gradients(steps=5)
    tracker = noise_scale.Tracker(decay=0.9, per_layer=True)
    params = {"a": np.zeros(2), "b": np.zeros(4)}
    state = tracker.init(params)
    for chunks in gradients:
        state = tracker.update_gradients(state, {"a": chunks[:, :2], "b": chunks[:, 2:]}, 8)
    found = tracker.read(state, params)
    assert list(found.layers) == ["['a']", "['b']"]
    for layer, alone in zip(
        [found, *found.layers.values()],
        [tracked(gradients), tracked(gradients[..., :2]), tracked(gradients[..., 2:])],
        strict=True,
    ):
        numbers = [alone.squared_norm, alone.variance, *alone.interval]
        agree(
            [layer.squared_norm, layer.variance, *layer.interval], numbers, relative=1e-3
        )  # an interval's ends lie where rounding of the spread is enlarged


def test_steps_that_are_not_finite_are_left_out_and_counted():
    gradients = chunk_gradients(steps=5)
    broken = np.insert(gradients, [0, 3], np.full((2, 4, 6), np.nan, "f"), axis=0)
    broken[0, 0, 0] = np.inf
    found, expected = tracked(broken), tracked(gradients)
    assert (found.steps, found.skipped) == (7, 2)
    assert (found.noise_scale, found.interval) == (expected.noise_scale, expected.interval)
    with pytest.raises(ValueError, match="of 1 steps none had finite"):
        tracked(broken[:1])


def test_the_state_may_be_donated_and_scanned():
    update = jax.jit(lambda state: TRACKER.update(state, np.ones(2, "f"), 0.75, 8), donate_argnums=0)
    assert int(update(update(TRACKER.init(0.0))).seen) == 2
    step = lambda state, _: (TRACKER.update(state, np.ones(2, "f"), 0.75, 8), None)  # noqa: E731
    assert int(jax.lax.scan(step, TRACKER.init(0.0), length=5)[0].seen) == 5


def test_half_precision_gradients_are_squared_in_float32():
    gradients = jnp.asarray(chunk_gradients(steps=1)[0] * 1e-3, jnp.bfloat16)
    state = TRACKER.update_gradients(TRACKER.init(np.zeros(6)), gradients, 8)
    exact = tracked(np.asarray(gradients, dtype="f")[None])
    agree(TRACKER.read(state).variance, exact.variance, relative=16 * FLOAT32)


# ---- accuracy ----

RUNS = 4000
RATIO_ERROR = math.sqrt(4 / RUNS)  # relative, of a ratio of two variances
SETTINGS = {  # tr(Sigma) / |G|^2 in 20 directions of equal noise, and the spectrum of the noise
    "batch far above B": (10.0, np.ones(20)),
    "batch near B": (128.0, np.ones(20)),
    "batch far below B": (1000.0, np.ones(20)),
    "power law": (128.0, 1 / np.arange(1, 21)),
}


def norms(random, scale, spectrum, sizes, shape):
    """|c|^2 of independent mean gradients of so many examples each, and of the mean of all of them."""
    gradient = np.sqrt(spectrum.sum() / scale / len(spectrum)) * np.ones(len(spectrum))
    draws = [
        gradient + random.standard_normal((*shape, len(spectrum))) * np.sqrt(spectrum / size)
        for size in sizes
    ]
    return [squared(draw) for draw in draws], squared(np.mean(draws, axis=0))


def spread_of_both(scale, spectrum, *, shared, chunks=8, size=16, runs=RUNS, decay=0.9, seed=0):
    """Variance of 1 / B over runs: the tracker's, and of a small and a large batch at as many examples.

    `shared`: the small batch is one chunk of the large one, as training with micro-batches logs them;
    otherwise the two are drawn apart, as the formula was published.
    """
    random = np.random.default_rng(seed)
    tracker = noise_scale.Tracker(decay=decay)
    update = jax.jit(jax.vmap(lambda s, a, b: tracker.update(s, a, b, size)))
    steps = round(4 / (1 - decay))
    state = jax.vmap(lambda _: tracker.init(0.0))(np.arange(runs))
    averages = np.zeros((2, runs))
    for _ in range(steps):
        of_chunks, whole = norms(random, scale, spectrum, [size] * chunks, (runs,))
        state = update(state, np.array(of_chunks, "f").T, whole.astype("f"))
        small, large, big = of_chunks[0], whole, chunks * size
        if not shared:
            big -= size
            (small, large), _ = norms(random, scale, spectrum, [size, big], (runs,))
        norm = (big * large - size * small) / (big - size)
        variance = (small - large) / (1 / size - 1 / big)
        averages = decay * averages + np.array([norm, variance])
    ours = np.asarray(state.means[:, 0])
    return [np.var(u / v) for u, v in ((ours[:, 0], ours[:, 1] - ours[:, 0]), averages)]


@pytest.mark.long
@first_quick("name", SETTINGS, quick=2)
def test_b_varies_at_least_2_5_times_less_than_with_two_batches(name):
    scale, spectrum = SETTINGS[name]
    ours, theirs = spread_of_both(scale, spectrum, shared=False)
    assert theirs / ours / (1 + 4 * RATIO_ERROR) > 2.5


@pytest.mark.long
def test_against_one_chunk_of_the_same_batch_the_gain_is_two_and_more_for_larger_batches():
    """In pure noise |G|^2 has variance 4 t^2 / (r K (K - 1)) with one chunk, and half of that with all."""
    ours, theirs = spread_of_both(3000.0, np.ones(20), shared=True)
    agree(theirs / ours, 2.0, standard_error=2.0 * RATIO_ERROR)
    ours, theirs = spread_of_both(16.0, np.ones(20), shared=True)
    assert theirs / ours > 5


# ---- the interval ----

COVERED = {  # B, spectrum, examples of a chunk, chunks, decay
    "batch near B": (200.0, np.ones(20), 16, 4, 0.98),
    "two chunks": (200.0, np.ones(20), 16, 2, 0.98),
    "short memory": (20.0, np.ones(20), 16, 4, 0.9),
    "batch far below B": (600.0, np.ones(20), 16, 4, 0.99),
    "power law": (60.0, 1 / np.arange(1, 51), 16, 4, 0.98),
}


def coverage(name, runs=2000, wrong=None):
    scale, spectrum, size, chunks, decay = COVERED[name]
    random, tracker = np.random.default_rng(1), noise_scale.Tracker(decay=decay)
    update = jax.jit(jax.vmap(lambda s, a, b: tracker.update(s, a, b, size)))
    state = jax.vmap(lambda _: tracker.init(0.0))(np.arange(runs))
    for _ in range(round(4 / (1 - decay))):
        of_chunks, whole = norms(random, scale, spectrum, [size] * chunks, (runs,))
        state = update(state, np.array(of_chunks, "f").T, whole.astype("f"))
    if wrong == "as if every step counted":
        state = state._replace(squared_weight=state.squared_weight / 2)
    ends = [tracker.read(jax.tree.map(lambda x, i=i: x[i], state)).interval for i in range(runs)]
    return np.mean([low <= scale <= high for low, high in ends])


ERROR = math.sqrt(0.95 * 0.05 / 2000)
LOST = (4000.0, np.ones(20), 16, 4, 0.98)


@pytest.mark.long
@pytest.mark.parametrize("name", COVERED)
def test_the_interval_covers_in_93_to_97_percent_of_runs(name):
    assert 0.93 - ERROR < coverage(name) < 0.97 + ERROR


@pytest.mark.long
def test_where_the_gradient_is_lost_in_noise_the_interval_ends_at_infinity_and_only_its_low_end_can_miss(
    monkeypatch,
):
    monkeypatch.setitem(COVERED, "lost", LOST)
    assert coverage("lost") > 0.95


@pytest.mark.long
def test_a_wrong_effective_number_misses_too_often():
    assert coverage("batch near B", wrong="as if every step counted") < 0.93 - 4 * ERROR


# ---- real training ----


def square_loss(error, batch):
    features, noise = batch
    return 0.5 * jnp.mean((features @ error - noise) ** 2)


def trained(tracker, optimizer, steps=600, size=64, seed=0):
    """The tracker's last state on least squares, N(0, I) in 10 dimensions, and its errors on the way."""

    def step(carry, key):
        error, state, seen = carry
        one, other = jax.random.split(key)
        batch = jax.random.normal(one, (size, 10)), jax.random.normal(other, (size,))
        _, gradient, seen = tracker.value_and_grad(square_loss, error, batch, seen)
        change, state = optimizer.update(gradient, state, error)
        return (optax.apply_updates(error, change), state, seen), error

    start = jnp.ones(10)
    carry = start, optimizer.init(start), tracker.init(start)
    (_, _, seen), errors = jax.lax.scan(step, carry, jax.random.split(jax.random.key(seed), steps))
    return seen, np.asarray(errors, dtype=float)


@pytest.mark.long
@first_quick("optimizer", [optax.sgd(0.002), optax.adam(1e-3)])
def test_in_training_the_interval_holds_the_ratio_of_the_averages_along_the_path(optimizer):
    """On N(0, I) a gradient has |G|^2 = |e|^2 and tr(Sigma) = 11 |e|^2 + 10 s^2, by hand."""
    tracker = noise_scale.Tracker(decay=0.98, confidence=0.9999)
    seen, errors = trained(tracker, optimizer)
    found = tracker.read(seen)
    weights = 0.98 ** np.arange(len(errors))[::-1]
    norm = weights @ squared(errors) / weights.sum()
    assert found.interval[0] < (11 * norm + 10) / norm < found.interval[1] < 4 * found.interval[0]


def test_before_a_second_step_nothing_is_claimed():
    found = tracked(chunk_gradients(steps=1))
    assert found.interval == (0.0, math.inf)
    assert "over the last 1 steps" in str(found)


# ---- refusals ----

PARAMS = {"a": np.zeros(2), "b": np.zeros(3)}
LAYERED = noise_scale.Tracker(per_layer=True)
EMPTY, OF_LAYERS = TRACKER.init(PARAMS), LAYERED.init(PARAMS)
BATCH = (np.zeros((6, 3), "f"), np.zeros(6, "f"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: noise_scale.Tracker(decay=1.0), r"decay = 1.0 is refused; pass one number in \[0, 1\)"),
        (lambda: noise_scale.Tracker(confidence=95), "confidence = 95"),
        (
            lambda: TRACKER.value_and_grad(square_loss, np.zeros(3), BATCH, EMPTY),
            "chunks = 4 does not divide",
        ),
        (lambda: TRACKER.value_and_grad(square_loss, np.zeros(3), BATCH, EMPTY, chunks=1), "chunks = 1"),
        (lambda: TRACKER.value_and_grad(square_loss, 0.0, (BATCH[0], 1.0), EMPTY), "equal leading axes"),
        (lambda: TRACKER.update_gradients(EMPTY, {"a": np.zeros((1, 2))}, 8), r"\[\(1,\)\].*K >= 2 chunks"),
        (
            lambda: TRACKER.update_gradients(EMPTY, {"a": np.zeros((4, 2)), "b": np.zeros((3, 2))}, 8),
            "same K",
        ),
        (lambda: TRACKER.update(EMPTY, [1.0], 1.0, 8), r"shape \(1, 1\)"),
        (lambda: TRACKER.update(EMPTY, 1.0, 1.0, 8), r"shape \(1,\)"),
        (lambda: TRACKER.update(EMPTY, [1.0, 1.0], 1.0, 0), "examples = 0"),
        (lambda: LAYERED.update(OF_LAYERS, np.ones(4), np.ones(()), 8), r"shape \(1, 4\) for 2 layers"),
        (lambda: TRACKER.read(EMPTY), "of 0 steps none"),
        (
            lambda: LAYERED.read(LAYERED.update_gradients(OF_LAYERS, chunk_pair(), 8)),
            "0 arrays for 2 layers; pass those of init",
        ),
    ],
)
def test_bad_input_is_refused_with_its_value_and_a_remedy(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def chunk_pair():
    return jax.tree.map(lambda x: np.ones((2, *x.shape)), PARAMS)
