"""The transformer's study finds the best rates, judges on fresh seeds, goes on where it was, comes back."""

import dataclasses
import itertools
import json
import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lecturelib import datasets, noise_scale
from lecturelib.networks import characters, study, text_record, text_study, transformer
from lecturelib.networks.text_study_plan import BEHIND, PLAN, SPACING, TextPlan, climb
from tests.agree import agree
from tests.lecture.networks.test_study import changed

SMALL = TextPlan(
    batch_sizes=(2, 8),
    goals=(2.0, 1.0),
    first_rates={"SGD": 0.25, "Adam": 2.0**-7},
    tuning_seeds=(0,),
    seeds=(1, 2),
    windows=4000,
    updates=400,
    first_windows=20,
    context=12,
    width=8,
    layers=1,
)
TEXT = characters.corpus(["a big cat", "a cat; a dog", "a big dog", "no cat, no dog", "a dog"] * 60)


def time_constant(method, rate, batch_size, seed):
    """Of the made-up runs below: least at a rate that grows with the batch, and noisy."""
    best = {"SGD": 1 / 16, "momentum": 1 / 128, "Adam": 1 / 256}[method] * batch_size
    noise = 1 + 0.05 * np.random.default_rng([seed, batch_size, int(1e6 * rate)]).uniform(-1, 1)
    return noise * (20 + 200 / batch_size) * (rate / best + best / rate) / 2, rate > 20 * best


@pytest.fixture
def trained(monkeypatch):
    """Runs that cost nothing, loss 4 exp(-step / time constant): the list of those that were begun."""
    begun = []

    def train(text, method, rate, batch_size, *, seed, checkpoints, **model):
        begun.append((method, batch_size, rate, seed))
        decay, diverges = time_constant(method, rate, batch_size, seed)
        for step in [0, *checkpoints]:
            loss = math.nan if diverges and step > 50 else 4 * math.exp(-step / decay)
            yield transformer.Checkpoint(step, loss, None)

    monkeypatch.setattr(transformer, "train", train)
    return begun


def check(found, expected):
    """Two studies are the same, to the bit."""
    assert (found.plan, found.provenance) == (expected.plan, expected.provenance)
    for some, others in ((found.runs, expected.runs), (found.noise, expected.noise)):
        for one, other in zip(some, others, strict=True):
            for field in dataclasses.fields(one):
                a, b = (np.asarray(getattr(of, field.name)) for of in (one, other))
                assert a.tolist() == b.tolist()


# ---- the search ----


def test_it_finds_the_rates_and_judges_them_on_fresh_seeds(trained, tmp_path):
    found = text_study.run(TEXT, SMALL, tmp_path)
    for method, b, goal in itertools.product(SMALL.first_rates, SMALL.batch_sizes, SMALL.goals):
        rate = found.best_rate(method, b, goal)
        decay = {r: time_constant(method, r, b, 0)[0] for r in 2.0 ** np.arange(-14, 5)}
        assert rate == min(decay, key=decay.__getitem__)
        expected = [math.log(4 / goal) * time_constant(method, rate, b, seed)[0] for seed in SMALL.seeds]
        # A straight line in log(step) between points a tenth apart, of an exponential.
        agree(found.steps(method, b, goal), expected, relative=0.005)


def test_judging_on_the_tuning_seed_is_caught(trained, tmp_path):
    """The seed on which a rate was best is lucky."""
    found = text_study.run(TEXT, SMALL, tmp_path)
    other = dataclasses.replace(found, plan=dataclasses.replace(found.plan, tuning_seeds=(), seeds=(0, 1)))
    rate = found.best_rate("SGD", 8, 1.0)
    lucky = next(
        run for run in other.runs if (run.method, run.batch_size, run.rate, run.seed) == ("SGD", 8, rate, 0)
    )
    assert lucky.steps_to(1.0) not in found.steps("SGD", 8, 1.0)


def test_a_run_that_falls_behind_is_stopped(trained, tmp_path):
    found = text_study.run(TEXT, SMALL, tmp_path)
    for run in found.runs:
        if run.seed in SMALL.tuning_seeds and math.isinf(run.steps_to(1.0)) and np.isfinite(run.losses[-1]):
            best = found.best_rate(run.method, run.batch_size, 1.0)
            [least] = [
                other.steps_to(1.0)
                for other in found.runs
                if (other.method, other.batch_size, other.rate, other.seed)
                == (run.method, run.batch_size, best, 0)
            ]
            # Stopped by the best so far, which was at most one doubling of the rate from the best.
            assert run.steps[-1] <= 2 * BEHIND * SPACING * least


@given(st.integers(-3, 3), st.integers(-3, 3), st.integers(0, 3))
def test_climbing_finds_the_bottom_from_anywhere(first, best, cliff):
    def steps_at(rate, limit):
        away = round(math.log2(rate)) - best
        return math.inf if away > cliff else 10.0 * 1.3 ** abs(away)

    assert climb(steps_at, 2.0**first, 1e3) == 2.0**best


def test_where_no_rate_arrives_the_search_ends():
    tried = []
    found = climb(lambda rate, limit: tried.append(rate) or math.inf, 1.0, 10.0)
    assert found == min(tried) == 2.0**-7


def test_the_first_crossing_is_interpolated():
    run = text_record.TextRun("SGD", 1, 0.1, 0, np.array([0, 10, 20, 40]), np.array([4.0, 3.0, 1.0, 2.0]))
    agree(run.steps_to(2.0), 10 * math.sqrt(2), relative=1e-12)
    assert (run.steps_to(3.5), run.steps_to(1.0), run.steps_to(0.9)) == (10.0, 20.0, math.inf)


# ---- going on ----


@pytest.mark.parametrize("killed", [1, 4, 9])
def test_a_stopped_study_goes_on_where_it_was(killed, trained, tmp_path, monkeypatch):
    whole = text_study.run(TEXT, SMALL, tmp_path / "whole")
    in_all, train = len(trained), transformer.train
    trained.clear()

    def stopping(*arguments, **options):
        if len(trained) == killed:
            raise KeyboardInterrupt
        return train(*arguments, **options)

    monkeypatch.setattr(transformer, "train", stopping)
    with pytest.raises(KeyboardInterrupt):
        text_study.run(TEXT, SMALL, tmp_path / "part")
    monkeypatch.setattr(transformer, "train", train)
    again = text_study.run(TEXT, SMALL, tmp_path / "part")
    assert len(trained) == in_all  # none was trained twice
    same = {"seconds": whole.provenance["seconds"]}
    check(dataclasses.replace(again, provenance=again.provenance | same), whole)


def test_a_tighter_goal_follows_runs_further_and_another_text_begins_anew(trained, tmp_path):
    text_study.run(TEXT, dataclasses.replace(SMALL, goals=(2.0,)), tmp_path)
    further = text_study.run(TEXT, SMALL, tmp_path)
    check(
        dataclasses.replace(further, provenance={}, runs=()),
        dataclasses.replace(text_study.run(TEXT, SMALL, tmp_path / "alone"), provenance={}, runs=()),
    )
    assert all(np.isfinite(further.steps(m, b, 1.0)).all() for m in SMALL.first_rates for b in (2, 8))
    before = len(trained)
    text_study.run(TEXT._replace(train=TEXT.train[::-1]), SMALL, tmp_path)
    assert len(trained) > before
    assert len(list(tmp_path.glob("*/SGD_2_*_1.npz"))) == 2


# ---- as it runs ----


@pytest.mark.long
def test_a_small_study_of_the_real_model(tmp_path):
    plan = dataclasses.replace(
        SMALL,
        first_rates={"SGD": 0.5},
        noise_batch=8,
        noise_seeds=(1,),
        noise_losses=(2.2,),
        noise_windows=64,
    )
    found = text_study.run(TEXT, plan, tmp_path)
    assert np.isfinite(found.steps("SGD", 8, 1.0)).all()
    [curve] = found.noise
    assert len(curve.step) == 2
    points = transformer.train(
        TEXT, "SGD", found.best_rate("SGD", 8, 1.0), 8, seed=1, checkpoints=plan.checkpoints(8), context=12,
        width=8, layers=1,
    )  # fmt: skip
    at = next(point for point in points if point.loss <= 2.2)
    starts = np.random.default_rng([1, 2]).integers(len(TEXT.train) - 12, size=64)
    windows = characters.windows_at(TEXT.train, starts, 12)
    expected = noise_scale.estimate(
        transformer.loss, at.params, windows, key=jax.random.key(1), max_products=1
    )
    assert (curve.step[1], curve.loss[1]) == (at.step, at.loss)
    assert (curve.noise_scale[1], curve.low[1], curve.high[1]) == (expected.noise_scale, *expected.interval)


def test_the_command_writes_the_study(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(datasets, "wordnet_text", lambda: ["a cat", "a dog"] * 40)
    monkeypatch.setattr(study, "TEXT_PLAN", SMALL)
    study.main(["text"], tmp_path)
    assert "transformer.npz: 0 seconds of training" in capsys.readouterr().out
    assert text_record.read(tmp_path / "transformer.npz").plan == SMALL


# ---- plans and files ----


def test_a_plan_survives_json_and_refuses():
    assert TextPlan(**json.loads(json.dumps(dataclasses.asdict(PLAN)))) == PLAN
    assert len(PLAN.batch_sizes) >= 7
    with pytest.raises(ValueError, match=r"seeds has \[2\], which tune the rate too"):
        dataclasses.replace(SMALL, tuning_seeds=(0, 2))
    with pytest.raises(ValueError, match=r"first_rates has \['adam'\]; choose among SGD, momentum, Adam"):
        dataclasses.replace(SMALL, first_rates={"adam": 0.1})


def test_measurements_are_a_tenth_apart_and_reach_the_end():
    points = np.array(PLAN.checkpoints(16))
    assert points[0] == PLAN.first_windows // 16
    assert points[-1] == PLAN.most_steps(16)
    assert (points[1:] <= np.ceil(SPACING * points[:-1]) + 1).all()


@pytest.fixture
def made(trained, tmp_path):
    found = text_study.run(TEXT, SMALL, tmp_path / "parts")
    curve = text_record.NoiseCurve("SGD", 1, *np.array([[0, 9], [4, 3], [2.5, 8], [2, 6], [3, math.inf]]))
    return dataclasses.replace(found, noise=(curve,))


def test_what_was_written_is_read_and_has_the_same_bytes(made, tmp_path):
    for name in ("one.npz", "two.npz"):
        text_record.write(made, tmp_path / name)
    check(text_record.read(tmp_path / "one.npz"), made)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    other = dataclasses.replace(made, runs=(made.runs[1], made.runs[0], *made.runs[2:]))
    with pytest.raises(AssertionError):
        check(text_record.read(tmp_path / "one.npz"), other)


FOREIGN = {
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "other arrays": lambda path: np.savez(path, x=np.ones(3)),
    "pickled": lambda path: changed(path, steps=np.array([None, {}])),
    "a point left out": lambda path: changed(path, losses=np.zeros(3, np.float32)),
    "whole numbers for losses": lambda path: changed(path, losses=np.zeros(3, int)),
    "about has no plan": lambda path: changed(path, about=np.array('{"runs": [], "noise": []}')),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_file_without_a_study_is_refused_by_name(what, made, tmp_path):
    path = tmp_path / "other.npz"
    text_record.write(made, path)
    FOREIGN[what](path)
    with pytest.raises(ValueError, match=r"other\.npz holds no study"):
        text_record.read(path)


# ---- the stored one ----


def test_the_stored_study_is_whole():
    found = text_record.stored()
    assert found.plan == PLAN
    assert found.provenance["seconds"] < 2 * 2 * 3600  # two hours on two cores
    tried = {(run.method, run.batch_size, run.rate) for run in found.runs if run.seed in PLAN.tuning_seeds}
    for method, b, goal in itertools.product(PLAN.first_rates, PLAN.batch_sizes, PLAN.goals):
        rate = found.best_rate(method, b, goal)
        assert {(method, b, 2 * rate), (method, b, rate / 2)} <= tried  # no best rate is at an edge
        assert np.isfinite(found.steps(method, b, goal)).all()
    assert {curve.method for curve in found.noise} == set(PLAN.first_rates)
    for curve in found.noise:
        assert (np.diff(curve.loss) < 0).all()
        assert 4 <= len(curve.step) <= 1 + len(PLAN.noise_losses)  # a run may pass two between measurements
    assert (datasets.DATA / text_record.FILE).stat().st_size < 200_000
