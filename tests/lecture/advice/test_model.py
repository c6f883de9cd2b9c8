"""The reader's own JAX loss: the door, the pilot run, and the rule where its ingredients are known."""

import dataclasses
import json
import math
import re
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lecturelib import advice, datasets
from lecturelib.advice import model as models
from lecturelib.advice import page, rule
from lecturelib.advice.optimizer import SGD, chosen
from lecturelib.least_squares.schemes import Scheme
from lecturelib.networks import noise_scale
from lecturelib.networks.noise_scale import NoiseScale
from tests.agree import agree


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
    assert models.load("mine_for_advice:make")[1:] == ([1.0], [2.0])
    assert sys.path == before


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("lecturelib", "write module:function"),
        ("no_such_module_here:f", "No module named"),
        ("lecturelib.advice.model:nothing", "has no function 'nothing'"),
        ("tests.lecture.advice.test_model:four", "has to return"),
    ],
)
def test_a_model_that_cannot_be_had_is_refused(model, says):
    with pytest.raises(ValueError, match=says):
        models.load(model)


def four():
    return 4


def test_examples_of_unequal_number_or_too_few_are_refused():
    with pytest.raises(ValueError, match="leading axes"):
        models.examples((np.ones(3), np.ones(4)))
    with pytest.raises(ValueError, match="give 8 or more"):
        models.sample((np.ones(5),), seed=0)
    assert len(models.sample((np.arange(5000.0),), seed=0)[0]) == 4096
    assert len(models.sample((np.arange(100.0),), seed=0)[0]) == 96


@pytest.mark.long
def test_training_is_sgd_on_the_mean_gradient():
    model = models.Model(*linear())
    w, data = model.params, model.data
    end, marks, losses = models.train(model, data, 0.1, 2048, steps=8, every=4, key=jax.random.key(0))
    assert marks.tolist() == [0, 4, 8]
    agree(losses[0], float(loss(w, data)), relative=1e-5)  # float32
    agree(losses[-1] / losses[0] / 0.9**16, 1, rounding=0.09)
    agree(float(jnp.linalg.norm(end - 1.0)) / (math.sqrt(6) * 0.9**8), 1, rounding=0.09)


@pytest.mark.long
@pytest.mark.parametrize("optimizer", [SGD, chosen("momentum", 0.8), chosen("adam")])
def test_training_follows_the_optimizer(optimizer):
    x, y = np.array([1.0, -2.0, 0.5], np.float32), np.float32(3.0)  # one example, so that no batch differs
    model = models.Model(loss, jnp.zeros(3), (np.tile(x, (16, 1)), np.full(16, y)))
    options = {"steps": 9, "every": 4, "key": jax.random.key(0), "optimizer": optimizer}
    end, marks, _ = models.train(model, model.data, 0.05, 2, **options)
    w, change = np.zeros(3), optimizer.begin()
    for _ in range(9):
        w = w + change((x @ w - y) * x, 0.05)
    assert marks.tolist() == [0, 4, 8, 9]
    agree(np.asarray(end), w, relative=1e-4)  # float32
    plain, _, _ = models.train(model, model.data, 0.05, 2, **options | {"optimizer": SGD})
    assert (np.max(np.abs(np.asarray(plain) - w)) > 0.001) == (optimizer != SGD)


def decided(text):
    """Of each row of a page its batch size, rates and whether it is recommended; and how the rate grows."""
    rows = {(*line.split()[:3], "<-" in line) for line in text.splitlines() if re.match(r" *[\d,]+  ", line)}
    return rows | set(re.findall(r"the best rate grows as .*", text))


@pytest.mark.long
@pytest.mark.weekly
def test_the_page_of_adam_that_notebook_11_shows_is_what_the_advice_says():
    notebook = Path(__file__).parents[3] / "notebooks" / "11_your_batch_size.ipynb"
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(notebook.read_text())["cells"]}
    scope = {"datasets": datasets, "jax": jax, "math": math, "seed": 0}
    exec(cells["3cc4c8bc"], scope)
    found = {}
    for name in ("adam", "sgd"):
        asked = {"goal": 0.3, "price": 2.0, "runs": 3, "seed": 0, "optimizer": name}
        found[name] = decided(page.text(advice.from_model(*scope["digits_network"](), name=name, **asked)))
    shown = decided(cells["adam"])
    assert len(shown) == 5
    assert shown <= found["adam"]
    assert not shown & found["sgd"]  # with the optimizer forgotten


@pytest.mark.long
@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_momentum_and_adam_are_measured_and_tried(name):
    _, _, data = linear(noise=0.5)
    found = advice.from_model(loss, jnp.linspace(-1.0, 2.0, 6), data, goal=0.2, runs=6, optimizer=name)
    assert found.plan.optimizer.name == name
    assert not found.refuted
    assert found.trials[0].measured_steps < math.inf
    assert found.plan.optimizer.said in found.problem.sentence
    assert "the best rate grows as" in " ".join(found.remarks)
    assert {row.max_learning_rate for row in found.plan.rows} == {math.inf}


@pytest.mark.long
def test_what_pilot_runs_cannot_reach_has_no_advice(monkeypatch):
    monkeypatch.setattr(models, "MOST_STEPS", 220)
    found = advice.from_model(*linear(noise=2.0), goal=0.01, runs=2, optimizer="adam")
    assert found.plan.best is None
    assert found.trials == ()
    assert "No pilot run reached the goal" in " ".join(found.remarks)


def estimate(scale, sharpness, trace):
    return NoiseScale(scale, (scale, scale), 1.0, scale, trace, 0.0, sharpness, 0.0, 1000)


PILOT = models.Pilot(
    1.0, 0.3, 50.0, 16, 0.5 * 2 / (1 + 10 / 16), estimate(16, 1.0, 10.0), estimate(64, 2.0, 10.0)
)


def test_the_rule_is_the_law_of_steps_with_the_mean_noise_scale():
    largest, rate, steps = rule.row(PILOT, 32)  # B = sqrt(16 64) = 32, so S = 50 / (1 + 32 / 16)
    agree([largest, rate], [2 / (2 + 10 / 32), 1 / (2 + 10 / 32)], relative=1e-6)  # of float32
    assert steps == math.ceil(50 / 3 * 2)
    assert rule.row(PILOT, 1)[2] == 550


def test_doubling_goes_from_one_noise_scale_to_the_other():
    rates, sizes = rule.doubling(PILOT, 9, 1000)
    assert sizes.tolist() == [16] * 3 + [32] * 3 + [64] * 3
    assert len(set(rates.tolist())) == 1


@pytest.mark.long
def test_the_pilot_reaches_its_goal_and_halves_a_rate_that_diverges(monkeypatch):
    made = models.pilot(models.Model(*linear()), goal=0.2, seed=0)
    assert made.last_loss <= 0.2 * made.first_loss
    agree(made.now.noise_scale / 7.0, 1, rounding=0.09)
    fast = 64.0 * made.learning_rate
    monkeypatch.setattr(NoiseScale, "max_learning_rate", lambda self, b: 2.0 * fast)
    tempered = models.pilot(models.Model(*linear()), goal=0.2, seed=0)
    assert tempered.learning_rate < fast
    assert math.log2(fast / tempered.learning_rate).is_integer()
    monkeypatch.setattr(NoiseScale, "max_learning_rate", lambda self, b: 1e9)
    with pytest.raises(ValueError, match="training diverges at every learning rate"):
        models.pilot(models.Model(*linear()), goal=0.2, seed=0)


@pytest.mark.long
def test_a_linear_model_is_advised_nearly_as_by_theory():
    _, w, (features, targets) = linear(noise=0.5)
    found = advice.from_model(loss, w, (features, targets), goal=0.1, runs=3)
    assert (found.kind, found.columns, found.rows) == ("model", 6, 2048)
    assert found.heuristic
    best = found.plan.rows[found.plan.recommended].batch_size
    assert 2 <= best <= 64
    assert found.trials[0].measured_steps < math.inf


@pytest.mark.long
def test_a_goal_below_what_can_be_reached_is_refused_with_one_that_can(monkeypatch):
    monkeypatch.setattr(models, "MOST_STEPS", 100)
    with pytest.raises(
        ValueError, match=r"goal = 0.01 of the first loss is not reached.* 0.\d+ say"
    ) as refused:
        advice.from_model(*linear(noise=2.0), goal=0.01, runs=2)
    named = float(str(refused.value).split()[-2])
    floor = 4.0 / (4.0 + 6.0)  # label noise over that and the signal
    assert floor < named < 1.0
    with pytest.raises(ValueError, match="goal = 2 is refused"):
        advice.from_model(*linear(), goal=2)


@pytest.mark.long
def test_a_pilot_that_does_not_learn_gives_no_advice(monkeypatch):
    monkeypatch.setattr(models, "MOST_STEPS", 20)
    _, w, (features, _) = linear(rows=256)
    coins = np.random.default_rng(1).standard_normal(256)  # nothing to be learnt
    with pytest.raises(ValueError, match="the model does not learn: 20 pilot steps took the loss from"):
        advice.from_model(loss, w, (features, coins), goal=0.3, runs=2)


@pytest.mark.long
def test_a_rate_at_which_the_model_is_stuck_is_left_for_one_that_trains(monkeypatch):
    monkeypatch.setattr(models, "MOST_STEPS", 60)
    made = models.pilot(models.Model(*linear()), goal=0.2, seed=0)
    usual = models.train

    def jammed(model, judge, rate, *rest, **options):
        if rate > 0.2 * made.learning_rate:
            return model.params, np.array([0, 60]), np.array([made.first_loss, 0.997 * made.first_loss])
        return usual(model, judge, rate, *rest, **options)

    monkeypatch.setattr(models, "train", jammed)
    found = models.pilot(models.Model(*linear()), goal=0.2, seed=0)
    agree(found.learning_rate, made.learning_rate / 8, relative=1e-9)
    assert found.last_loss <= 0.2 * found.first_loss


@pytest.mark.long
def test_the_order_of_the_rows_does_not_matter():
    _, w, (features, targets) = linear(rows=4096, noise=0.5)
    order = np.argsort(targets)
    scales = []
    for rows in (slice(None), order):
        judge = models.sample((features[rows], targets[rows]), seed=0)
        scales.append(noise_scale.estimate(loss, w, judge, key=jax.random.key(0)))
    truth = 6 + 2 - 1 + 0.25  # (tr(Sigma) = (d + 2) d + s^2 d - d, |G|^2 = d) for Gaussian rows, noise s
    for scale in scales:
        assert scale.interval[0] < truth < scale.interval[1]
    (places,) = models.sample((np.arange(4096.0),), seed=0)
    assert abs(np.corrcoef(np.arange(4096.0), places)[0, 1]) < 4 / math.sqrt(4096)


def test_a_schedule_that_costs_more_than_a_constant_batch_is_not_offered():
    found = rule.plan(PILOT, 1000, 0.3, 2.0)
    _, sizes = rule.doubling(PILOT, found.best.steps, 1000)
    assert sizes.sum() >= found.best.work
    assert found.schedule is None
    cheap = dataclasses.replace(PILOT, now=estimate(1, 1.0, 10.0))  # the noise grows a lot on the way
    offered = rule.plan(cheap, 1000, 0.3, 2.0)
    assert offered.schedule is None or offered.schedule.samples < offered.best.work


@pytest.mark.long
def test_a_schedule_is_trained_as_it_stands():
    model, scheme = models.Model(*linear(noise=0.5)), Scheme(np.full(9, 0.1), np.repeat([1, 4, 16], 3))
    judge = models.sample(model.data, seed=0)
    marks, losses = models._run(model, judge, scheme, jax.random.key(0))
    assert marks.tolist() == list(range(math.ceil(2.5 * 9) + 1))
    assert len(losses) == len(marks)
    assert losses[-1] < losses[9] < losses[0]
