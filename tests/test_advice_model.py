"""The reader's own JAX loss: the door, the pilot run, and the rule where its ingredients are known."""

import math
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lecturelib import advice
from lecturelib.advice import model as advice_model
from lecturelib.noise_scale import NoiseScale


def loss(w, batch):
    features, targets = batch
    return 0.5 * jnp.mean((features @ w - targets) ** 2)


def linear(rows=2048, noise=0.0):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((rows, 6)).astype(np.float32)
    return loss, jnp.zeros(6), (features, features.sum(axis=1) + noise * rng.standard_normal(rows))


def test_a_module_in_the_current_folder_is_found(tmp_path, monkeypatch):
    (tmp_path / "mine_for_advice.py").write_text("def make():\n    return (lambda w, b: 0.0), [1.0], [2.0]\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    assert advice_model.load("mine_for_advice:make")[1:] == ([1.0], [2.0])
    assert sys.path == before


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("lecturelib", "write module:function"),
        ("no_such_module_here:f", "No module named"),
        ("lecturelib.advice.model:nothing", "has no function 'nothing'"),
        ("tests.test_advice_model:four", "has to return"),
    ],
)
def test_a_model_that_cannot_be_had_is_refused(model, says):
    with pytest.raises(ValueError, match=says):
        advice_model.load(model)


def four():
    return 4


def test_examples_of_unequal_number_or_too_few_are_refused():
    with pytest.raises(ValueError, match="leading axes"):
        advice_model.examples((np.ones(3), np.ones(4)))
    with pytest.raises(ValueError, match="give 8 or more"):
        advice_model.sample((np.ones(5),), seed=0)
    assert len(advice_model.sample((np.arange(5000.0),), seed=0)[0]) == 4096
    assert len(advice_model.sample((np.arange(100.0),), seed=0)[0]) == 96


def test_training_is_sgd_on_the_mean_gradient():
    _, w, data = linear()
    end, marks, losses = advice_model.train(loss, w, data, data, 0.1, 2048, 8, 0.0, 4, jax.random.key(0))
    assert marks.tolist() == [0, 4, 8]
    assert losses[0] == pytest.approx(float(loss(w, data)))
    assert losses[-1] / losses[0] == pytest.approx(0.9**16, rel=0.09)  # H is the unit matrix, nearly
    assert float(jnp.linalg.norm(end - 1.0)) == pytest.approx(math.sqrt(6) * 0.9**8, rel=0.09)


def estimate(scale, sharpness, trace):
    return NoiseScale(scale, (scale, scale), 1.0, scale, trace, 0.0, sharpness, 0.0, 1000)


PILOT = advice_model.Pilot(
    1.0, 0.3, 50.0, 16, 0.5 * 2 / (1 + 10 / 16), estimate(16, 1.0, 10.0), estimate(64, 2.0, 10.0)
)


def test_the_rule_is_the_law_of_steps_with_the_mean_noise_scale():
    largest, rate, steps = advice_model.rule(PILOT, 32)  # B = sqrt(16 64) = 32, so S = 50 / (1 + 32 / 16)
    assert (largest, rate) == pytest.approx((2 / (2 + 10 / 32), 1 / (2 + 10 / 32)))
    assert steps == math.ceil(50 / 3 * 2)
    assert advice_model.rule(PILOT, 1)[2] == 550


def test_doubling_goes_from_one_noise_scale_to_the_other():
    rates, sizes = advice_model.doubling(PILOT, 9, 1000)
    assert sizes.tolist() == [16] * 3 + [32] * 3 + [64] * 3
    assert len(set(rates.tolist())) == 1


def test_the_pilot_reaches_its_goal_and_halves_a_rate_that_diverges(monkeypatch):
    made = advice_model.pilot(*linear(), goal=0.2, seed=0)
    assert made.last_loss <= 0.2 * made.first_loss
    assert made.now.noise_scale == pytest.approx(7.0, rel=0.09)  # d + 1 without label noise
    fast = 64.0 * made.learning_rate
    monkeypatch.setattr(NoiseScale, "max_learning_rate", lambda self, b: 2.0 * fast)
    tempered = advice_model.pilot(*linear(), goal=0.2, seed=0)
    assert tempered.learning_rate < fast
    assert math.log2(fast / tempered.learning_rate).is_integer()
    monkeypatch.setattr(NoiseScale, "max_learning_rate", lambda self, b: 1e9)
    with pytest.raises(ValueError, match="training diverges even at"):
        advice_model.pilot(*linear(), goal=0.2, seed=0)


def test_advice_for_a_linear_model_is_near_that_of_the_theory():
    _, w, (features, targets) = linear(noise=0.5)
    found = advice.from_model(loss, w, (features, targets), goal=0.1, runs=3)
    assert (found.kind, found.columns, found.rows) == ("model", 6, 2048)
    assert found.heuristic
    best = found.plan.rows[found.plan.recommended].batch_size
    assert 2 <= best <= 64
    assert found.trials[0].measured_steps < math.inf


def test_a_goal_that_is_not_reached_is_said(monkeypatch):
    monkeypatch.setattr(advice_model, "MOST_STEPS", 10)
    found = advice.from_model(*linear(noise=2.0), goal=0.01, runs=2)
    assert "did not reach 0.01" in found.remarks[0]
    assert found.plan.goal > 0.01
    with pytest.raises(ValueError, match="goal = 2 is refused"):
        advice.from_model(*linear(), goal=2)
