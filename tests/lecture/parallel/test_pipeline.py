"""A network in stages has the gradient of the uncut network, and the bubble of the formula."""

import functools

import jax
import numpy as np
import pytest

from lecturelib.parallel import pipeline
from tests.agree import agree
from tests.marks import first_quick

WIDTHS, BATCH = [6, 7, 5, 4, 3], 24
LAYERS = pipeline.initial_layers(WIDTHS, key=jax.random.key(0))
EPS = float(np.finfo(np.float32).eps)
ROUNDING = 50 * BATCH * EPS  # sums of BATCH terms through four layers of about seven, values of order one


@functools.cache
def batch():
    random = np.random.default_rng(0)
    return np.float32(random.normal(size=(BATCH, 6))), np.float32(random.normal(size=(BATCH, 3)))


@functools.cache
def whole():
    """Loss and gradient of the uncut network."""
    inputs, targets = batch()
    return jax.value_and_grad(lambda layers: pipeline.squared_loss(pipeline.apply(layers, inputs), targets))(
        LAYERS
    )


def distance(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


@pytest.mark.long
@first_quick(("stages", "micro_batches"), [(1, 3), (2, 1), (3, 8), (4, 2), (4, 8)])
def test_gradient_bubble_and_traffic(stages, micro_batches):
    step = pipeline.step(LAYERS, batch(), stages=stages, micro_batches=micro_batches)
    loss, gradient = whole()
    agree(step.loss, loss, rounding=ROUNDING)
    assert distance(gradient, jax.tree.map(np.zeros_like, gradient)) > 100 * ROUNDING
    assert distance(step.gradient, gradient) <= ROUNDING
    agree(step.bubble, pipeline.bubble(stages, micro_batches), rounding=1e-12)
    assert abs(np.mean(step.timetable <= 0) - step.bubble) > 0.01  # the first micro-batch is no idleness
    assert len(step.timetable) == 2 * (micro_batches + stages - 1)
    assert step.stored == micro_batches
    assert step.traffic.messages == 2 * (stages - 1) * micro_batches
    edges = np.linspace(0, 4, stages + 1).round().astype(int)[1:-1]
    assert step.traffic.numbers == 2 * BATCH * sum(WIDTHS[edge] for edge in edges)


@pytest.mark.long
def test_every_task_is_done_once_and_after_what_it_needs():
    stages, count = 4, 3
    table = pipeline.step(LAYERS, batch(), stages=stages, micro_batches=count).timetable
    tick = np.full((stages, 2 * count), -1)
    for t, row in enumerate(table):
        for stage, task in enumerate(row):
            if task >= 0:
                assert tick[stage, task] == -1
                tick[stage, task] = t
    assert (tick >= 0).all()
    assert (np.diff(tick[:, :count], axis=0) > 0).all()  # forward: a stage after the one before it
    assert (np.diff(tick[:, count:], axis=0) < 0).all()  # backward: before it
    assert (tick[:, count:] > tick[:, :count]).all()


def test_the_stages_lie_on_different_devices():
    line = pipeline._Line(LAYERS, batch(), 4, 2, pipeline.squared_loss)
    places = [{d for leaf in jax.tree.leaves(part) for d in leaf.devices()} for part in line.params]
    assert all(len(place) == 1 for place in places)
    assert len(set.union(*places)) == 4


@pytest.mark.long
def test_a_sum_over_micro_batches_in_place_of_the_mean_is_seen(monkeypatch):
    def summed(loss, *arguments):
        gradient = jax.grad(functools.partial(pipeline._last_forward, loss), argnums=(0, 1))(*arguments)
        return jax.tree.map(lambda g: 2 * g, gradient)  # two micro-batches

    monkeypatch.setattr(pipeline, "_last_backward", summed)
    step = pipeline.step(LAYERS, batch(), stages=2, micro_batches=2)
    assert distance(step.gradient, whole()[1]) > 100 * ROUNDING


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pipeline.step(LAYERS, batch(), stages=0, micro_batches=2), "stages = 0"),
        (
            lambda: pipeline.step(LAYERS, batch(), stages=5, micro_batches=2),
            "stages = 5, but there are 4 layers",
        ),
        (lambda: pipeline.step(LAYERS, batch(), stages=2, micro_batches=5), "micro_batches = 5 must divide"),
        (lambda: pipeline.step(LAYERS, batch(), stages=2, micro_batches=1.5), "micro_batches = 1.5"),
        (lambda: pipeline.bubble(0, 1), "stages = 0"),
        (lambda: pipeline.initial_layers([3], key=jax.random.key(0)), "pass that of the input"),
        (lambda: pipeline.initial_layers([3, 4], key=0), "key = 0"),
    ],
)
def test_bad_arguments_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
