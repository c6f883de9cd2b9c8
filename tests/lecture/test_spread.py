"""Spreading runs over cores and over devices changes nothing but the time."""

import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lecturelib import spread as module
from lecturelib.spread import spread
from tests.agree import agree

GRID = """
import json, sys
import jax, numpy as np
from types import SimpleNamespace
from lecturelib import mlp
random = np.random.default_rng(0)
images, labels = random.integers(256, size=(50, 4, 4), dtype=np.uint8), np.arange(50) % 10
data = SimpleNamespace(train_images=images, train_labels=labels, test_images=images, test_labels=labels)
losses = [
    mlp.train_grid(data, [0.01, 0.1, 0.5], 8, [0], steps=10, hidden=5, over=over).train_loss.tolist()
    for over in ("cores", "devices")
]
print(json.dumps([jax.device_count(), losses]))
"""


def program(scale, x, y):
    return {"sum": scale * (x + y), "product": jnp.sum(scale) * x * y}


@pytest.mark.parametrize("over", ["cores", "devices", "auto"])
@pytest.mark.parametrize("count", [1, 4, 6])
def test_results_come_in_the_order_of_the_runs(over, count):
    scale = np.array([1, 2, 3], np.float32)
    runs = [(np.float32(i), np.float32(i + 1)) for i in range(count)]
    results = spread(program, (scale,), runs, over=over)
    assert len(results) == count
    for i, result in enumerate(results):
        assert (result["sum"] == scale * (2 * i + 1)).all()
        assert result["product"] == 6 * i * (i + 1)


def test_every_device_has_a_share_and_needs_no_other(monkeypatch):
    seen = []

    def spy(*arguments):
        together = vectorize(*arguments)

        def call(*values):
            seen.append((together(*values), together.lower(*values).compile().as_text()))
            return seen[-1][0]

        return call

    vectorize = module._vectorize
    monkeypatch.setattr(module, "_vectorize", spy)
    spread(
        program, (np.ones(2, np.float32),), [(np.float32(i), np.float32(1)) for i in range(6)], over="devices"
    )
    [(results, compiled)] = seen
    assert jax.device_count() > 1
    for leaf in jax.tree.leaves(results):
        assert {shard.device for shard in leaf.addressable_shards} == set(jax.devices())
        assert all(shard.data.shape[0] == 8 // jax.device_count() for shard in leaf.addressable_shards)
    for word in ("all-reduce", "all-gather", "all-to-all", "collective"):
        assert word not in compiled


def test_no_bar_outside_a_terminal(capsys):
    spread(program, (np.ones(2, np.float32),), [(np.float32(1), np.float32(1))], title="runs")
    assert capsys.readouterr().err == ""


@pytest.mark.long
def test_one_and_two_devices_agree():
    losses = {}
    for count in (1, 2):
        flags = f"--xla_force_host_platform_device_count={count}"
        environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
        process = subprocess.run(
            [sys.executable, "-c", GRID], env=environment, capture_output=True, text=True, timeout=300
        )
        assert process.returncode == 0, process.stderr
        devices, losses[count] = json.loads(process.stdout)
        assert devices == count
    assert np.shape(losses[1]) == (2, 3, 1, 9)
    # losses below 4, 10 updates, sums of about 40 terms in another order
    tolerance = 4 * 10 * 40 * np.finfo(np.float32).eps
    assert np.ptp(losses[1][0]) > 50 * tolerance
    agree(losses[1], losses[2], rounding=tolerance)
    agree(losses[1][0], losses[1][1], rounding=tolerance)
