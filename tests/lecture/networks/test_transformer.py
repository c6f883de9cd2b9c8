"""The transformer sees no later character, has the right gradient, and trains as its formulas say."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lecturelib.networks import characters, transformer
from tests.agree import FLOAT32, agree
from tests.marks import first_quick

TEXT = characters.corpus(["a big cat", "a cat; a dog", "a big dog", "no cat, no dog", "a dog"] * 60)
CONTEXT = 12
SMALL = {"context": CONTEXT, "width": 8, "layers": 2}


def params_and_windows(seed=0, windows=6):
    """Random weights, the head's too, and windows of the text."""
    params = transformer.initial_params(len(TEXT.alphabet), seed=seed, **SMALL)
    random = np.random.default_rng(seed)
    params = params._replace(head=np.float32(random.normal(size=params.head.shape)))
    starts = random.integers(len(TEXT.train) - CONTEXT, size=windows)
    return params, characters.windows_at(TEXT.train, starts, CONTEXT)


# ---- the model ----


def first_change(outputs, params, windows, place):
    """The first place whose outputs change, to the bit, when the character at `place` does."""
    other = windows.copy()
    other[:, place] = (other[:, place] + 1) % len(TEXT.alphabet)
    changed = np.any(np.asarray(outputs(params, windows)) != outputs(params, other), axis=(0, 2))
    return int(np.argmax(changed)) if changed.any() else None


@pytest.mark.long
@pytest.mark.parametrize("place", [0, 5, CONTEXT - 1])
def test_no_place_sees_a_later_character(place):
    params, windows = params_and_windows()
    outputs = jax.jit(transformer.outputs)
    assert first_change(outputs, params, windows[:, :-1], place) == place


@first_quick(
    "mask",
    [lambda seen: jnp.ones_like(seen), lambda seen: jnp.triu(jnp.ones_like(seen)), lambda seen: seen.T],
    ids=["all", "upper", "transposed"],
)
def test_attention_to_later_characters_is_caught(mask, monkeypatch):
    params, windows = params_and_windows()
    tril = jnp.tril
    monkeypatch.setattr(jnp, "tril", lambda seen: mask(tril(seen)))
    assert first_change(transformer.outputs, params, windows[:, :-1], CONTEXT - 1) == 0


def test_every_place_sees_the_characters_before():
    """Else a model of single characters would pass."""
    params, windows = params_and_windows()
    other = windows[:, :-1].copy()
    other[:, 0] = (other[:, 0] + 1) % len(TEXT.alphabet)
    difference = transformer.outputs(params, windows[:, :-1]) - transformer.outputs(params, other)
    assert (np.abs(difference).max(axis=(0, 2)) > 0).all()


@pytest.mark.long
def test_the_first_guess_is_uniform():
    params = transformer.initial_params(len(TEXT.alphabet), seed=3, **SMALL)
    _, windows = params_and_windows()
    expected = math.log(len(TEXT.alphabet))
    agree(float(transformer.loss(params, windows)), expected, rounding=8 * FLOAT32 * expected)


def test_the_loss_is_the_mean_over_all_characters():
    params, windows = params_and_windows()
    chances = np.asarray(jax.nn.softmax(transformer.outputs(params, windows[:, :-1])), dtype=float)
    each = [-math.log(chances[w, i, windows[w, i + 1]]) for w in range(len(windows)) for i in range(CONTEXT)]
    measured = float(transformer.loss(params, windows))
    agree(measured, np.mean(each), rounding=100 * FLOAT32 * max(each))
    shifted = np.mean(
        [-math.log(chances[w, i, windows[w, i]]) for w in range(len(windows)) for i in range(CONTEXT)]
    )
    with pytest.raises(AssertionError):  # that of the character that is seen, not of the next
        agree(measured, shifted, rounding=100 * FLOAT32 * max(each))


def slope_error(loss):
    """The slope along a random direction by the gradient and by differences, and a bound of their gap."""
    with jax.enable_x64(True):
        params, windows = params_and_windows()
        wide = jax.tree.map(lambda w: jnp.asarray(w, jnp.float64), params)
        random = np.random.default_rng(1)
        way = jax.tree.map(lambda w: jnp.asarray(random.normal(size=w.shape)), wide)

        @jax.jit
        def along(t):
            return loss(jax.tree.map(lambda w, v: w + t * v, wide, way), windows)

        slope = float(jax.grad(along)(0.0))
        step = 1e-5
        once, twice = ((along(h) - along(-h)) / (2 * h) for h in (step, 2 * step))
        # Central differences err by c h^2: three quarters of what the step of twice the length adds.
        return slope, float(once), float(abs(twice - once)) + 1e-15 / step


@pytest.mark.long
def test_the_gradient_is_that_of_differences():
    slope, expected, bound = slope_error(transformer.loss)
    agree(slope, expected, rounding=bound)


@pytest.mark.long
def test_a_gradient_that_stops_at_the_attention_is_caught(monkeypatch):
    softmax = jax.nn.softmax
    monkeypatch.setattr(jax.nn, "softmax", lambda x, axis: jax.lax.stop_gradient(softmax(x, axis=axis)))
    slope, expected, bound = slope_error(transformer.loss)
    assert abs(slope - expected) > 100 * bound


def test_its_size():
    params = transformer.initial_params(92, seed=0)
    width, context, layers = 64, 32, 2
    weights = 2 * 92 * width + context * width + layers * 12 * width**2
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == weights == 112_128


# ---- its training ----


def plain(method, rate, batch_size, steps, seed=0):
    """The same by hand: whole batches, and the methods' formulas."""
    params = transformer.initial_params(len(TEXT.alphabet), seed=seed, **SMALL)
    random, zeros = np.random.default_rng([seed, 1]), jax.tree.map(np.zeros_like, params)
    starts = random.integers(len(TEXT.train) - CONTEXT, size=(steps, batch_size))
    velocity, m, v = zeros, zeros, zeros
    gradient = jax.jit(jax.grad(transformer.loss))
    for t in range(steps):
        g = gradient(params, characters.windows_at(TEXT.train, starts[t], CONTEXT))
        if method == "Adam":
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
            high, wide = 1 - 0.9 ** (t + 1), 1 - 0.999 ** (t + 1)
            move = jax.tree.map(lambda m, v: m / high / (jnp.sqrt(v / wide) + 1e-8), m, v)  # noqa: B023
        else:
            kept = {"SGD": 0.0, "momentum": 0.9}[method]
            move = velocity = jax.tree.map(lambda v, g: kept * v + g, velocity, g)  # noqa: B023
        params = jax.tree.map(lambda w, u: w - rate * u, params, move)
    return params


def trained(method, rate, batch_size, steps, seed=0):
    run = transformer.train(TEXT, method, rate, batch_size, seed=seed, checkpoints=[steps], **SMALL)
    return list(run)[-1].params


def furthest(found, expected):
    """Largest difference of two sets of weights, over the largest step away from the first weights."""
    first = transformer.initial_params(len(TEXT.alphabet), seed=0, **SMALL)
    gap, way = (
        max(float(np.abs(a - b).max()) for a, b in zip(*map(jax.tree.leaves, pair), strict=True))
        for pair in ((found, expected), (first, expected))
    )
    return gap / way


# Three steps on weights of about 1: their rounding, over steps of 0.01 and more; Adam divides by sqrt(v).
ROUNDING = {"SGD": 1e-4, "momentum": 1e-4, "Adam": 1e-2}


@pytest.mark.long
@pytest.mark.parametrize("method", transformer.METHODS)
def test_three_steps_are_those_of_the_formulas(method):
    rate = 0.003 if method == "Adam" else 0.3
    expected = plain(method, rate, 40, 3)  # 40 windows: parts of 16, 16 and 8
    assert furthest(trained(method, rate, 40, 3), expected) < ROUNDING[method]
    for other in set(transformer.METHODS) - {method}:
        assert furthest(trained(other, rate, 40, 3), expected) > 10 * ROUNDING[method]


@pytest.mark.long
def test_parts_of_equal_weight_are_caught(monkeypatch):
    """A batch of 40 is 16, 16 and 8 windows: the mean of three means is not the mean."""
    add = transformer._add_gradient
    monkeypatch.setattr(transformer, "_add_gradient", lambda *of: add(*of[:3], 1 / 3))
    assert furthest(trained("SGD", 0.3, 40, 3), plain("SGD", 0.3, 40, 3)) > 10 * ROUNDING["SGD"]


def test_a_seed_is_one_stream_of_windows_at_every_batch_size():
    drawn = [np.random.default_rng([5, 1]) for _ in range(2)]
    one_by_one = [drawn[0].integers(8_500_000, size=1) for _ in range(12)]
    assert np.concatenate(one_by_one).tolist() == drawn[1].integers(8_500_000, size=12).tolist()


def test_it_learns_and_stops_when_it_is_not_asked():
    asked = []
    for point in transformer.train(TEXT, "Adam", 0.01, 8, seed=0, checkpoints=range(20, 2000, 20), **SMALL):
        asked.append(point.loss)
        if point.loss < 1.0:
            break
    assert asked[0] > 2.0
    assert len(asked) < 50


@pytest.mark.long
def test_a_run_that_diverges_ends():
    with np.errstate(all="ignore"):
        run = list(transformer.train(TEXT, "SGD", 1e30, 4, seed=0, checkpoints=[2, 4, 6, 8], **SMALL))
    assert not math.isfinite(run[-1].loss)
    assert run[-1].step < 8


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"method": "adam"}, "method = 'adam' is refused; pass one of SGD, momentum, Adam"),
        ({"rate": 0.0}, "rate = 0.0 is refused"),
        ({"batch_size": 0}, "batch_size = 0 is refused"),
        ({"width": 6}, "width = 6 is refused; pass a multiple of 4"),
        ({"context": 5000}, "context = 5000 is refused; .*shorter than"),
        ({"checkpoints": [3, 2]}, r"checkpoints = \[3, 2\] is refused; .*increasing"),
    ],
)
def test_what_cannot_be_is_refused(wrong, said):
    given = {"method": "SGD", "rate": 0.1, "batch_size": 2, "seed": 0, "checkpoints": [1], **SMALL} | wrong
    with pytest.raises(ValueError, match=said):
        next(transformer.train(TEXT, **given))


# ---- the text ----


@given(st.lists(st.text(st.sampled_from('ab é"x'), max_size=9), min_size=2, max_size=50))
def test_a_corpus_is_the_text(definitions):
    text = characters.corpus(definitions)
    spelled = ["".join(text.alphabet[i] for i in part) for part in (text.train, text.held_out)]
    assert spelled[1] == "".join(d + "\n" for d in definitions[::20])
    assert spelled[0] == "".join(d + "\n" for i, d in enumerate(definitions) if i % 20)
    assert text.alphabet == "".join(sorted(set("".join(definitions)) | {"\n"}))


def test_held_out_windows_are_spread_over_the_held_out_text():
    windows = characters.held_out_windows(TEXT, CONTEXT, 9)
    assert windows.shape == (9, CONTEXT + 1)
    assert windows[0].tolist() == TEXT.held_out[: CONTEXT + 1].tolist()
    assert windows[-1].tolist() == TEXT.held_out[-CONTEXT - 1 :].tolist()


@pytest.mark.parametrize("definitions", [["one"], ["".join(map(chr, range(300))), "a"]])
def test_a_text_that_is_none_is_refused(definitions):
    with pytest.raises(ValueError, match=f"{len(definitions)} definitions of .* characters; pass 2 or more"):
        characters.corpus(definitions)
