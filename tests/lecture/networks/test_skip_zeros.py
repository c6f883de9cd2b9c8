"""The engine that skips zeros against the formulas, on data that tempt it to err; and how it is chosen."""

import dataclasses
import itertools

import numpy as np
import pytest

from lecturelib import datasets, mlp
from lecturelib.networks import inked, skip_zeros, skip_zeros_kernels
from lecturelib.networks.skip_zeros_kernels import TILE
from lecturelib.networks.training_grid import MEASURES
from tests.agree import FLOAT32, agree
from tests.lecture.networks.test_training import measure, reference
from tests.marks import first_quick

IMAGES, PIXELS, STEPS, RATES, SEEDS = 80, 30, 7, [0.05, 0.4], [0, 3]


def digits(share=0.2, kind=None):
    """Images of which a share of the pixels has ink, some of them no pixel or all, and random labels."""
    random = np.random.default_rng(5)
    has_ink = random.random((2 * IMAGES, PIXELS)) < share
    images = random.integers(1, 256, size=has_ink.shape) * has_ink
    images[3::10], images[4::10] = 0, 255
    if kind in ("all zero", "all inked"):
        images[:] = 0 if kind == "all zero" else random.integers(1, 256, size=images.shape)
    labels = random.integers(10, size=2 * IMAGES)
    if kind == "one class":
        labels[:] = 7
    images, labels = images.astype(np.uint8), labels.astype(np.uint8)
    return datasets.Mnist(images[:IMAGES], labels[:IMAGES], images[IMAGES:], labels[IMAGES:])


def train(data, batch_size, *, rates=RATES, hidden=8, engine="skip-zeros", **options):
    options = {"steps": STEPS, "hidden": hidden, "checkpoints": STEPS, "keep_params": True} | options
    return mlp.train_grid(data, rates, batch_size, SEEDS, engine=engine, **options)


def distance(one, other):
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def check_weights(run, data, wrong=None):
    """The weights after every update are those of the formulas in float64; and they did move.

    Each float32 operation errs by at most eps, relative to numbers below 2; sums are of `length` terms.
    """
    hidden = run.params.hidden_bias.shape[-1]
    tolerance = 2 * (PIXELS + hidden + 10 + run.batch_size) * STEPS * FLOAT32
    for (r, rate), (s, seed) in itertools.product(enumerate(RATES), enumerate(SEEDS)):
        path = reference(data, rate, seed, wrong, hidden=hidden, batch_size=run.batch_size, steps=STEPS)
        for t, expected in enumerate(path):
            assert max(np.abs(leaf).max() for leaf in expected) < 2
            assert distance([leaf[r, s, t] for leaf in run.params], expected) < tolerance
    assert tolerance < 0.01 * distance(path[-1], path[0])  # at the largest rate


@pytest.mark.long
@first_quick("batch_size", [1, 3, 4, TILE, TILE + 1, 2 * TILE + 3])
def test_every_batch_size_gives_the_weights_of_the_formulas(batch_size):
    data = digits()
    check_weights(train(data, batch_size), data)


@pytest.mark.parametrize("hidden", [1, 64, 65, 130])  # less than a piece of a row, one, two, three of them
@pytest.mark.parametrize("batch_size", [1, 5])
def test_any_number_of_hidden_units_does(hidden, batch_size):
    data = digits()
    check_weights(train(data, batch_size, hidden=hidden), data)


@pytest.mark.parametrize("kind", ["all zero", "all inked", "one class"])
@pytest.mark.parametrize("batch_size", [1, 9])
def test_any_images_do(kind, batch_size):
    data = digits(kind=kind)
    run = train(data, batch_size)
    check_weights(run, data)
    if kind == "all zero":  # no pixel, no update of its weights
        first = run.params.hidden_weights
        assert (first == first[:, :, :1]).all()


@pytest.mark.parametrize("wrong", ["sum, not mean", "a stale gradient", "labels of other images"])
def test_the_check_sees_a_wrong_update(wrong):
    data = digits()
    run = train(data, 4)
    with pytest.raises(AssertionError):
        check_weights(run, data, wrong)


@pytest.mark.parametrize("wrong", ["greys of 256", "a pixel too few"])
def test_the_check_sees_wrong_pixels(wrong, monkeypatch):
    compressed = inked.compressed

    def mistaken(images, labels):
        rows = compressed(images, labels)
        if wrong == "greys of 256":
            return rows._replace(values=rows.values * np.float32(255 / 256))
        rows.starts[1:] -= np.uint64(1)
        return rows

    monkeypatch.setattr(inked, "compressed", mistaken)
    data = digits()
    with pytest.raises(AssertionError):
        check_weights(train(data, 4), data)


@pytest.mark.long
def test_divergence_is_seen_at_the_same_update_as_by_jax():
    data, batch_size = digits(), TILE + 1
    ours, jax_run = (
        train(data, batch_size, rates=[0.05, 1e20, 1e38], checkpoints=[2, 5], engine=engine)
        for engine in ("skip-zeros", "jax")
    )
    assert (jax_run.diverged_at[1:] >= 0).all()
    assert np.array_equal(ours.diverged_at, jax_run.diverged_at)
    assert np.array_equal(ours.diverged, jax_run.diverged)
    for name in MEASURES[::2]:
        assert (getattr(ours, name)[1:] == getattr(ours, name)[1:, :, :1]).all()  # put back to the start
        agree(getattr(ours, name), getattr(jax_run, name), rounding=50 * batch_size * FLOAT32)


def test_a_loss_that_is_infinite_only_where_it_is_measured_counts_too():
    """Weights of 1e38 give the batch of blank images a finite loss, and the evaluation an infinite one."""
    data = digits(kind="all zero")
    data = dataclasses.replace(data, test_images=np.full_like(data.test_images, 255))
    rows = [inked.compressed(*part) for part in ((data.train_images, data.train_labels),) * 2]
    rows[1] = inked.compressed(data.test_images, data.test_labels)
    start = mlp.initial_params(PIXELS, 8, seed=0)
    start = start._replace(hidden_weights=np.full_like(start.hidden_weights, 1e38))
    stretches = np.array([[0, 0], [0, 3], [3, 6]])
    batches = mlp.draw_batches(IMAGES, 6, 4, seed=0)
    measured, diverged_at, params = skip_zeros.train(
        True, rows[0], rows, stretches, start, batches, np.float32(0.1)
    )
    assert diverged_at == 0  # at the start: there is no finite checkpoint before it
    assert not measured.any()
    assert (params.hidden_weights == np.float32(1e38)).all()


def test_only_one_program_is_compiled_for_all_sizes_and_rates():
    for batch_size, hidden in ((1, 3), (5, 70), (TILE + 1, 3)):
        train(digits(), batch_size, hidden=hidden, steps=2, checkpoints=1)
    frozen = digits()
    for array in (
        frozen.train_images.base,
        frozen.train_images,
        frozen.train_labels.base,
        frozen.train_labels,
    ):
        array.setflags(write=False)
    train(frozen, 4, steps=1, checkpoints=1)
    assert len(skip_zeros_kernels.updates.signatures) == len(inked._compress.signatures) == 1
    assert len(skip_zeros_kernels.loss_and_error.signatures) == 1


@pytest.mark.long
def test_the_engine_is_chosen_by_ink_and_says_so():
    choose = lambda data, **options: mlp.train_grid(data, [0.1], 4, [0], steps=1, hidden=2, **options)  # noqa: E731
    sparse, dense = digits(share=0.1), digits(share=0.9)
    run = choose(sparse)
    assert (run.engine, run.evaluation_sizes) == ("skip-zeros", (IMAGES, IMAGES))
    agree(run.inked, np.count_nonzero(sparse.train_images) / sparse.train_images.size, relative=FLOAT32)
    assert run.inked < skip_zeros.DENSEST < choose(dense).inked
    assert choose(dense).engine == "jax"
    assert choose(sparse, over="devices").engine == "jax"
    assert choose(sparse, engine="jax").engine == "jax"
    assert choose(dense, engine="skip-zeros").engine == "skip-zeros"


@pytest.mark.long
def test_each_set_is_measured_on_as_many_images_as_were_asked_for():
    data = digits()
    for engine in ("jax", "skip-zeros"):
        run = train(data, 4, evaluation_size=(IMAGES, 7), checkpoints=1, engine=engine)
        assert run.evaluation_sizes == (IMAGES, 7)
        test_chosen = np.linspace(0, IMAGES - 1, 7).astype(int)
        for r, s, point in np.ndindex(run.train_loss.shape):
            params = [leaf[r, s, point].astype(float) for leaf in run.params]
            train_set = measure(params, data.train_images, data.train_labels)
            test_set = measure(params, data.test_images[test_chosen], data.test_labels[test_chosen])
            found = [getattr(run, name)[r, s, point] for name in MEASURES]
            agree(found[::2], [train_set[0], test_set[0]], rounding=4 * 50 * FLOAT32)
            agree(found[1::2], [train_set[1], test_set[1]], rounding=FLOAT32)


def test_images_that_may_change_are_compressed_anew_and_others_once(monkeypatch):
    calls, compressed = [], inked.compressed
    monkeypatch.setattr(inked, "compressed", lambda *part: calls.append(part) or compressed(*part))
    data = digits()
    losses = [train(data, 4).train_loss]
    data.train_images[:] = data.train_images[::-1].copy()
    losses.append(train(data, 4).train_loss)
    assert len(calls) == 2
    assert not np.array_equal(*losses)
    view = dataclasses.replace(data, train_images=data.train_images[:])
    view.train_images.setflags(write=False)  # but what it is a view of can still be changed
    train(view, 4)
    train(view, 4)
    assert len(calls) == 4
    for array in (data.train_images, data.train_images.base, data.train_labels, data.train_labels.base):
        array.setflags(write=False)
    train(data, 4)
    train(data, 4)
    assert len(calls) == 5


@pytest.mark.long
def test_too_many_pixels_for_16_bits_are_jaxs():
    images = np.zeros((4, 2**16 + 1), np.uint8)
    labels = np.zeros(4, np.uint8)
    with pytest.raises(ValueError, match="65,537 pixels: for more than 65,536 use engine='jax'"):
        inked.compressed(images, labels)
    data = datasets.Mnist(images, labels, images, labels)
    assert mlp.train_grid(data, [0.1], 1, [0], steps=1, hidden=1).engine == "jax"
