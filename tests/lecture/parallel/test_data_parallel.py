"""The same step on several devices and in several processes; what is sent; and wrong ways to do it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from lecturelib.networks import network
from lecturelib.parallel import collectives, data_parallel, processes
from tests.marks import first_quick

STEPS, BATCH, RATE = 4, 24, 0.3
EPS = float(np.finfo(np.float32).eps)


@pytest.fixture(scope="module")
def job():
    random = np.random.default_rng(0)
    images = random.integers(256, size=(STEPS, BATCH, 30), dtype=np.uint8)
    labels = random.integers(10, size=(STEPS, BATCH))
    return network.initial_params(30, 8, seed=1), (images, labels)


@pytest.fixture(scope="module")
def serial(job):
    """Plain SGD on one device, written without shard_map."""
    params, batches = job
    for batch in zip(*batches, strict=True):
        params, _ = network.sgd_step(params, batch, RATE)
    return jax.tree.map(np.asarray, params)


def distance(one, other):
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


# Gradients are sums of BATCH terms below 2 (pixels <= 1, probabilities <= 1, weights near 1); another order
# moves each by at most BATCH * eps * 2, and STEPS steps of rate RATE add that up, amplified a little.
ROUNDING = STEPS * RATE * BATCH * 2 * EPS


@first_quick("devices", [1, 2, 3, 4])
def test_the_step_is_that_of_one_device(job, serial, devices):
    params, batches = job
    trained = data_parallel.train(network.loss, params, batches, RATE, devices=devices)
    assert distance(params, serial) > 100 * ROUNDING  # something was learnt
    assert distance(trained, serial) <= ROUNDING


@pytest.mark.long
def test_processes_end_with_the_weights_of_one_device(job, serial):
    for trained in data_parallel.train_in_processes(network.loss, *job, RATE, processes=2):
        assert distance(trained, serial) <= ROUNDING


@pytest.mark.long
def test_a_process_that_dies_on_the_way_is_named_and_takes_the_others_along(job):
    with pytest.raises(processes.ProcessFailed, match="process 1 with exit code 9") as failure:
        data_parallel.train_in_processes(network.loss, *job, RATE, processes=2, fail_at=2)
    assert failure.value.exit_codes[1] == 9
    assert failure.value.exit_codes[0] != 0


def wrong_step(add_up):
    """A step that treats the devices' gradients in another way."""

    def step(params, batch):
        gradient = add_up(jax.grad(network.loss)(params, batch))
        return jax.tree.map(lambda w, g: w - RATE * g, params, gradient)

    split = (PartitionSpec(), PartitionSpec("data"))
    options = {"in_specs": split, "out_specs": PartitionSpec(), "check_vma": False}
    return jax.jit(jax.shard_map(step, mesh=collectives.mesh(4), **options))


@first_quick(
    "add_up",
    [
        functools.partial(jax.lax.psum, axis_name="data"),  # the sum, not the mean
        lambda gradient: gradient,  # each device for itself
        lambda gradient: jax.lax.pmean(jax.lax.psum(gradient, "data"), "data"),  # added up twice
    ],
    ids=["sum", "own", "twice"],
)
def test_wrong_ways_to_combine_gradients_are_seen(job, serial, add_up):
    params, batches = job
    step = wrong_step(add_up)
    for images, labels in zip(*batches, strict=True):
        params = step(params, (images, labels))
    assert distance(jax.tree.map(np.asarray, params), serial) > 10 * ROUNDING


@first_quick("batch_size", [4, 24])
def test_a_step_sends_one_number_a_weight_and_the_loss_whatever_the_batch(job, batch_size):
    params, batches = job
    line = collectives.mesh(4)
    batch = collectives.place(jax.tree.map(lambda a: a[0, :batch_size], batches), line, "data")
    arguments = collectives.place(params, line), batch, np.float32(RATE)
    found = collectives.sent(data_parallel.sgd_step(network.loss, 4), *arguments)
    weights = sum(leaf.size for leaf in params)
    assert found == (collectives.Collective("all-reduce", weights + 1),)


def test_nothing_is_sent_on_one_device(job):
    params, batches = job
    batch = jax.tree.map(lambda a: a[0], batches)
    assert collectives.sent(data_parallel.sgd_step(network.loss, 1), params, batch, np.float32(RATE)) == ()


def test_sent_reads_gathers_and_tuples_too():
    def both(x):
        gathered = jax.lax.all_gather(x, "data", tiled=True)
        return jax.lax.psum((x.sum(), gathered[:3]), "data")

    specs = {"in_specs": PartitionSpec("data"), "out_specs": PartitionSpec(), "check_vma": False}
    program = jax.jit(jax.shard_map(both, mesh=collectives.mesh(4), **specs))
    found = {one.kind: one.numbers for one in collectives.sent(program, jnp.arange(8.0))}
    assert found == {"all-gather": 8, "all-reduce": 4}


def test_all_reduce_times_are_positive_and_one_a_size():
    seconds = collectives.all_reduce_seconds([1, 100], 2, repeats=2)
    assert len(seconds) == 2
    assert min(seconds) > 0


def test_host_devices_cannot_change_once_jax_runs():
    there = jax.device_count()
    assert collectives.host_devices(there) == there
    assert collectives.host_devices(1) == 1
    if jax.default_backend() == "cpu":
        with pytest.raises(RuntimeError, match=f"devices = {there + 1}.*restart the kernel"):
            collectives.host_devices(there + 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"devices": 0}, "devices = 0"),
        ({"devices": 99, "batch_size": 99}, "devices = 99, but JAX has"),
        ({"devices": 5}, "batch_size = 24 is not divisible by 5"),
        ({"learning_rate": 0}, "learning_rate = 0"),
        ({"learning_rate": np.inf}, "learning_rate = inf"),
        ({"steps": 0}, "first two axes are steps and examples"),
    ],
)
def test_bad_arguments_are_refused_by_name(job, change, message):
    params, (images, labels) = job
    size, steps = change.pop("batch_size", BATCH), change.pop("steps", STEPS)
    batches = np.resize(images, (steps, size, 30)), np.resize(labels, (steps, size))
    options = {"learning_rate": RATE, "devices": 2} | change
    rate = options.pop("learning_rate")
    with pytest.raises(ValueError, match=message):
        data_parallel.train(network.loss, params, batches, rate, **options)


def test_batches_of_different_lengths_are_refused(job):
    params, (images, labels) = job
    with pytest.raises(ValueError, match="first two axes"):
        data_parallel.train(network.loss, params, (images, labels[:, 1:]), RATE, devices=1)
