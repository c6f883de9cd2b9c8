"""The network and its grid against the plain loop, and both against NumPy with gradients written by hand."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import datasets, mlp
from lecturelib.networks import training_engine
from lecturelib.networks.training_engine import sgd_steps
from tests.agree import FLOAT32, agree
from tests.lecture.least_squares.float64 import float64
from tests.marks import first_quick

HIDDEN, BATCH, STEPS, RATES, SEEDS = 8, 4, 6, [0.05, 0.4], [0, 1, 5]
ROUNDING = 4 * 50 * FLOAT32  # of a loss: logits below 4, sums of about 50 terms


def random_data(images=60, side=5, seed=0):
    random = np.random.default_rng(seed)
    draw = lambda n: random.integers(256, size=(n, side, side), dtype=np.uint8)  # noqa: E731
    labels = random.integers(10, size=2 * images)
    return SimpleNamespace(
        train_images=draw(images),
        train_labels=labels[:images],
        test_images=draw(images),
        test_labels=labels[images:].astype(np.uint8),
    )


@pytest.fixture(scope="module")
def data():
    return random_data()


@pytest.fixture(scope="module", params=["jax", "skip-zeros"])
def run(data, request):
    options = {"steps": STEPS, "hidden": HIDDEN, "checkpoints": STEPS, "keep_params": True}
    return mlp.train_grid(data, RATES, BATCH, SEEDS, engine=request.param, **options)


def forward(params, images):
    x = images.reshape(len(images), -1) / 255.0
    before = x @ params[0] + params[1]
    z = np.maximum(before, 0) @ params[2] + params[3]
    return x, before, z


def measure(params, images, labels):
    z = forward(params, images)[2]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(labels)), labels]).mean(), (z.argmax(axis=1) != labels).mean()


def gradient(params, images, labels, divide_by):
    x, before, z = forward(params, images)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    back = (p - np.eye(10)[labels]) / divide_by
    back_hidden = (back @ params[2].T) * (before > 0)
    return x.T @ back_hidden, back_hidden.sum(axis=0), np.maximum(before, 0).T @ back, back.sum(axis=0)


def reference(data, rate, seed, wrong=None, *, hidden=HIDDEN, batch_size=BATCH, steps=STEPS):
    """Parameters after 0, 1, ..., steps updates, by the formulas, or with one plausible mistake."""
    start = mlp.initial_params(data.train_images[0].size, hidden, seed=seed)
    path = [[np.asarray(leaf, dtype=float) for leaf in start]]
    batches = mlp.draw_batches(len(data.train_labels), steps, batch_size, seed=seed)
    for t in range(steps):
        chosen = batches[0 if wrong == "the same batch again" else t]
        labels = data.train_labels[np.roll(chosen, 1) if wrong == "labels of other images" else chosen]
        at = path[max(t - 1, 0)] if wrong == "a stale gradient" else path[t]
        g = gradient(at, data.train_images[chosen], labels, 1 if wrong == "sum, not mean" else batch_size)
        path.append([w - rate * step for w, step in zip(path[t], g, strict=True)])
    return path


def distance(one, other):
    """The largest difference between two sets of weights of the same shapes."""
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def rounding(batch_size, steps=STEPS):
    """Each float32 operation errs by at most eps, relative to numbers below 2; sums are of `length` terms."""
    length = 25 + HIDDEN + 10 + batch_size
    return 2 * length * steps * FLOAT32


def check_params(run, data, wrong=None):
    for r, rate in enumerate(RATES):
        for s, seed in enumerate(SEEDS):
            for t, expected in enumerate(reference(data, rate, seed, wrong)):
                assert max(np.abs(leaf).max() for leaf in expected) < 2
                assert distance([leaf[r, s, t] for leaf in run.params], expected) < rounding(BATCH)


def test_every_update_is_the_formula(run, data):
    assert not np.array_equal(run.params[0][0, 0, 0], run.params[0][0, 0, -1])
    check_params(run, data)


@pytest.mark.parametrize(
    "wrong", ["sum, not mean", "a stale gradient", "labels of other images", "the same batch again"]
)
def test_the_check_sees(wrong, run, data):
    with pytest.raises(AssertionError):
        check_params(run, data, wrong)


@pytest.mark.long
@pytest.mark.parametrize("engine", ["jax", "skip-zeros"])
@first_quick(("batch_size", "together"), [(1, 64), (3, 21), (16, 4), (33, 1)])
def test_the_engine_equals_the_plain_loop(batch_size, together, engine, data):
    assert max(1, training_engine.ROWS_TOGETHER // batch_size) == together
    steps, tolerance = 9, rounding(batch_size, 9)
    options = {"steps": steps, "hidden": HIDDEN}
    run = mlp.train_grid(
        data,
        RATES,
        batch_size,
        SEEDS[1:],
        checkpoints=steps,
        keep_params=True,
        engine=engine,
        **options,
    )
    images = data.train_images.reshape(60, -1)
    for r, s in np.ndindex(2, 2):
        at = list(zip(*(leaf[r, s] for leaf in run.params), strict=True))  # the weights at every update
        plain, losses = mlp.plain_sgd(data, RATES[r], batch_size, seed=SEEDS[1 + s], **options)
        assert distance(at[-1], plain) < tolerance < 0.01 * distance(at[0], plain)
        agree(
            run.train_loss[r, s, -1], float(mlp.loss(plain, (images, data.train_labels))), rounding=ROUNDING
        )
        for t, chosen in enumerate(mlp.draw_batches(60, steps, batch_size, seed=SEEDS[1 + s])):
            expected = float(mlp.loss(mlp.Params(*at[t]), (images[chosen], data.train_labels[chosen])))
            agree(float(losses[t]), expected, rounding=10 * tolerance)
    for wrong in ({"seed": SEEDS[1]}, {"seed": SEEDS[2], "steps": steps - 1}):  # of another seed, one too few
        assert distance(at[-1], mlp.plain_sgd(data, RATES[1], batch_size, **options | wrong)[0]) > tolerance


def steps_case(steps=5, size=3):
    random = np.random.default_rng(7)
    images = random.integers(256, size=(steps, size, 6), dtype=np.uint8)
    labels = random.integers(10, size=(steps, size))
    start = jax.tree.map(np.float64, mlp.initial_params(6, HIDDEN, seed=1))
    return start, images, labels, random.uniform(0.5, 2.0, steps)


def one_by_one(start, images, labels, rates, stale=False):
    """The weights after updates one after another; with `stale`, each gradient is the start's."""
    params = start
    for batch, rate in zip(zip(images, labels, strict=True), rates, strict=True):
        moved = mlp.sgd_step(start if stale else params, batch, rate)[0]
        params = jax.tree.map(lambda w, a, b: w + (a - b), params, moved, start if stale else params)
    return params


@pytest.mark.long
def test_updates_together_are_updates_one_by_one():
    with float64():
        start, images, labels, rates = steps_case()
        rates[3] = 0.0  # this one is left out
        params, losses = sgd_steps(start, (images, labels), rates)
        of_products = 10 * FLOAT32  # pixels, and so their products, are float32
        assert distance(params, one_by_one(start, images, labels, rates)) < of_products
        before = one_by_one(start, images[:4], labels[:4], rates[:4])
        expected = float(mlp.loss(before, (images[4], labels[4])))
        agree(float(losses[4]), expected, relative=of_products)
        assert distance(params, one_by_one(start, images, labels, rates, stale=True)) > 0.01


@pytest.mark.long
@first_quick("checkpoints", [[STEPS], [1, 4], [2, 3]])
def test_where_it_is_measured_does_not_move_the_training(checkpoints, run, data):
    """Stretches of one update, of several, and of none that fills what is multiplied at once."""
    options = {"steps": STEPS, "hidden": HIDDEN, "keep_params": True, "engine": run.engine}
    other = mlp.train_grid(data, RATES, BATCH, SEEDS, checkpoints=checkpoints, **options)
    at = np.searchsorted(run.checkpoints, other.checkpoints)
    assert distance(other.params, [leaf[:, :, at] for leaf in run.params]) <= STEPS * ROUNDING / 4


def test_measurements_are_those_of_the_kept_parameters(run, data):
    for point in np.ndindex(run.train_loss.shape):
        params = [leaf[point].astype(float) for leaf in run.params]
        for part in ("train", "test"):
            loss, error = measure(params, getattr(data, f"{part}_images"), getattr(data, f"{part}_labels"))
            agree(getattr(run, f"{part}_loss")[point], loss, rounding=ROUNDING)
            agree(getattr(run, f"{part}_error")[point], error, rounding=FLOAT32)  # multiples of 1/60


@pytest.mark.long
def test_a_grid_is_its_runs(run, data):
    options = {"steps": STEPS, "hidden": HIDDEN, "checkpoints": STEPS, "engine": run.engine}
    alone = mlp.train_grid(data, RATES[1:], BATCH, SEEDS[2:], **options)
    agree(alone.train_loss[0, 0], run.train_loss[1, 2], rounding=STEPS * ROUNDING)


def test_rates_share_start_and_batches_and_seeds_do_not(run):
    weights = run.params.hidden_weights
    first = (weights[:, :, 1] - weights[:, :, 0]) / np.array(RATES)[:, None, None, None]
    # a difference of weights below 1/2, divided by the smallest rate
    tolerance = FLOAT32 / min(RATES)
    assert np.array_equal(weights[0, :, 0], weights[1, :, 0])
    assert distance(first[:1], first[1:]) <= tolerance
    assert distance(first[:1], first[1:, ::-1]) > tolerance  # a stream of its own for every run would be seen


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 9), st.integers(0, 2**40))
def test_one_stream_of_images_for_every_batch_size_and_length(images, steps, batch_size, seed):
    batches = mlp.draw_batches(images, steps, batch_size, seed=seed)
    longer = mlp.draw_batches(images, steps * batch_size + 3, 1, seed=seed)
    assert np.array_equal(batches.ravel(), longer.ravel()[: batches.size])
    assert batches.min() >= 0
    assert batches.max() < images


def test_batches_are_uniform_with_replacement():
    counts = np.bincount(mlp.draw_batches(50, 1000, 100, seed=0).ravel(), minlength=50)
    # chi-square of 49 degrees of freedom: mean 49, standard deviation sqrt(98); five of them
    assert ((counts - 2000) ** 2 / 2000).sum() < 49 + 5 * np.sqrt(98)
    assert any(len(set(batch)) < 20 for batch in mlp.draw_batches(50, 10, 20, seed=0).tolist())


@pytest.mark.long
def test_a_run_that_blows_up_is_marked_and_keeps_its_last_finite_values(run, data):
    options = {"steps": STEPS, "hidden": HIDDEN, "keep_params": True, "engine": run.engine}
    blown = mlp.train_grid(data, [*RATES, 1e38], BATCH, SEEDS, checkpoints=[3, 4], **options)
    assert blown.checkpoints.tolist() == [0, 3, 4, 6]
    assert (blown.diverged_at == [[-1] * 3, [-1] * 3, [1] * 3]).all()  # the first update sends it to infinity
    assert blown.diverged[2].all()
    for values in (blown.train_loss, blown.test_loss, blown.train_error, blown.test_error, *blown.params):
        assert np.isfinite(values).all()
        assert (values[2] == values[2, :, :1]).all()
    agree(blown.train_loss[:2, :, 1], run.train_loss[:, :, 3], rounding=STEPS * ROUNDING)
    assert not np.array_equal(blown.train_loss[0, :, 0], blown.train_loss[0, :, 1])


@pytest.mark.long
def test_it_learns_digits():
    full = datasets.mnist()
    data = SimpleNamespace(
        train_images=full.train_images[:2000],
        train_labels=full.train_labels[:2000],
        test_images=full.test_images[:1000],
        test_labels=full.test_labels[:1000],
    )
    run = mlp.train_grid(data, [0.001, 0.1, 100.0], 10, [0, 1], steps=600, hidden=30, checkpoints=6)
    best = run.best()
    assert (best.index, best.at_edge) == (1, False)
    # logistic regression on 2,000 digits errs on about 15 %, guessing on 90 %
    assert (run.test_error[1, :, -1] < 0.2).all()
    assert run.diverged.tolist() == [[False, False], [False, False], [True, True]]
    assert run.max_learning_rate == 0.1
    assert (run.steps_to(0.5)[1] < 600).all()
    assert np.isinf(run.steps_to(0.5)[0]).all()


GOOD = {"learning_rates": [0.1, 0.2], "batch_size": 4, "seeds": [0, 1], "steps": 5}
BAD = [
    ({"learning_rates": []}, "learning_rates"),
    ({"learning_rates": [[0.1]]}, "learning_rates"),
    ({"learning_rates": [0.1, np.nan]}, "learning_rates"),
    ({"learning_rates": [0.1, np.inf]}, "learning_rates"),
    ({"learning_rates": [0.0, 0.1]}, "learning_rates"),
    ({"learning_rates": [0.2, 0.1]}, "learning_rates"),
    ({"learning_rates": [0.1, 1e39]}, "learning_rates"),
    ({"batch_size": 61}, "batch_size = 61 is refused; pass a whole number, 1 to 60"),
    ({"batch_size": 0}, "batch_size = 0"),
    ({"batch_size": 2.5}, "batch_size = 2.5"),
    ({"seeds": []}, "seeds"),
    ({"seeds": [1, 1]}, "seeds"),
    ({"seeds": [-1]}, "a seed = -1"),
    ({"steps": 0}, "steps = 0"),
    ({"hidden": True}, "hidden = True"),
    ({"evaluation_size": 0}, "evaluation_size = 0"),
    ({"evaluation_size": 61}, r"evaluation_size is 61 and the training set has 60 images: give at most"),
    ({"evaluation_size": (60, 61)}, r"the test set has 60 images: give at most evaluation_size=\(60, 60\)"),
    ({"evaluation_size": (10, 10, 10)}, "evaluation_size is"),
    ({"engine": "numba"}, "engine = 'numba'"),
    ({"engine": "skip-zeros", "over": "devices"}, "for over='devices' use engine='jax'"),
    ({"checkpoints": 0}, "checkpoints = 0"),
    ({"checkpoints": [3, 6]}, "checkpoints"),
    ({"checkpoints": [3, 3]}, "checkpoints"),
    ({"over": "cluster"}, "over = 'cluster'"),
    ({"train_labels": np.full(60, 10)}, "label 10"),
    ({"test_labels": np.full(60, -1)}, "label -1"),
    ({"train_labels": np.zeros(59, int)}, "train_labels"),
    ({"train_labels": np.zeros(60)}, "train_labels"),
    ({"train_images": np.zeros((60, 5, 5))}, "train_images"),
    ({"test_images": np.zeros((60, 4, 4), np.uint8)}, "pixels"),
    ({"train_images": np.zeros(60, np.uint8)}, "train_images"),
    ({"train_images": None}, "train_images"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input_is_refused_before_anything_is_compiled(change, message, data, monkeypatch):
    monkeypatch.setattr("jax.jit", lambda *_: pytest.fail("compiled"))
    data = SimpleNamespace(**{**vars(data), **{k: v for k, v in change.items() if hasattr(data, k)}})
    arguments = {**GOOD, **{k: v for k, v in change.items() if not hasattr(data, k)}}
    with pytest.raises(ValueError, match=message):
        mlp.train_grid(data, **arguments)


@pytest.mark.long
@settings(max_examples=3, deadline=None)
@given(st.integers(1, 7), st.integers(1, 4), st.integers(1, 9))
def test_any_shape(batch_size, steps, checkpoints):
    run = mlp.train_grid(
        random_data(20, 2), [0.1], batch_size, [3], steps=steps, hidden=2, checkpoints=checkpoints
    )
    assert run.checkpoints[0] == 0
    assert run.checkpoints[-1] == steps
    assert run.train_loss.shape == (1, 1, len(run.checkpoints)) == (1, 1, min(checkpoints, steps) + 1)
    assert run.work[-1] == steps * batch_size


@pytest.mark.long
def test_training_is_in_float32_where_jax_is_set_to_float64(data):
    def train():
        return mlp.train_grid(
            data, RATES, BATCH, SEEDS[:1], steps=STEPS, hidden=HIDDEN, checkpoints=2, engine="jax"
        )

    with float64():
        there = train()
    agree(there.train_loss, train().train_loss, rounding=ROUNDING)
