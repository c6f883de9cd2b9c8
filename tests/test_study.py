"""A study is what train_grid gives, part by part; stopped, it goes on; and the stored ones are whole."""

import dataclasses

import numpy as np
import pytest

from lecturelib import datasets, mlp, study
from lecturelib.study.__main__ import main
from lecturelib.study.file import MEASURES

PLAN = study.Plan(
    batch_sizes=(4, 16),
    learning_rates=(0.05, 0.2, 0.8),
    tuning_seeds=(0,),
    seeds=(1, 2),
    samples=160,
    updates=12,
    target=2.25,
    images=50,
    hidden=5,
    points=4,
    evaluation_size=30,
)


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    labels = np.arange(100) % 10
    images = (20 * labels[:, None, None] + random.integers(60, size=(100, 4, 4))).astype(np.uint8)
    return datasets.Mnist(images, labels.astype(np.uint8), images[:40], labels[:40].astype(np.uint8))


def test_each_part_is_one_call_of_train_grid(data, tmp_path):
    found = study.run(data, PLAN, tmp_path)
    chosen = np.linspace(0, 99, 50).astype(int)
    part = dataclasses.replace(
        data, train_images=data.train_images[chosen], train_labels=data.train_labels[chosen]
    )
    for batch_size, steps in ((4, 40), (16, 12)):
        judged = PLAN.judged_rates(found.search[batch_size])
        for run, rates, seeds in (
            (found.search[batch_size], PLAN.learning_rates, PLAN.tuning_seeds),
            (found.judged[batch_size], judged, PLAN.seeds),
        ):
            options = {"checkpoints": PLAN.checkpoints(batch_size), "hidden": 5, "evaluation_size": 30}
            expected = mlp.train_grid(part, rates, batch_size, seeds, steps=steps, **options)
            for name in (*study.KEPT, "steps", "batch_size"):
                np.testing.assert_array_equal(getattr(run, name), getattr(expected, name))
    assert {"versions", "device", "date", "seconds"} <= set(found.provenance)


def test_a_stopped_study_goes_on_where_it_was(data, tmp_path, monkeypatch):
    calls, train_grid = [], mlp.train_grid

    def stopping(*arguments, **options):
        calls.append(arguments[2:4])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return train_grid(*arguments, **options)

    monkeypatch.setattr(mlp, "train_grid", stopping)
    with pytest.raises(KeyboardInterrupt):
        study.run(data, PLAN, tmp_path)
    found = study.run(data, PLAN, tmp_path)
    assert calls == [(4, (0,)), (4, (1, 2)), (16, (0,)), (16, (0,)), (16, (1, 2))]
    again = study.run(data, PLAN, tmp_path)
    assert len(calls) == 5
    assert again.provenance == found.provenance
    np.testing.assert_array_equal(again.judged[16].test_error, found.judged[16].test_error)


def test_another_plan_does_not_take_these_parts(data, tmp_path):
    study.run(data, dataclasses.replace(PLAN, batch_sizes=(4,)), tmp_path)
    other = study.run(data, dataclasses.replace(PLAN, batch_sizes=(4,), hidden=6), tmp_path)
    alone = study.run(data, dataclasses.replace(PLAN, batch_sizes=(4,), hidden=6), tmp_path / "alone")
    np.testing.assert_array_equal(other.search[4].train_loss, alone.search[4].train_loss)
    assert len(list(tmp_path.glob("*/search_4.npz"))) == 2


def test_the_command_writes_the_named_study(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(datasets, "mnist", lambda: data)
    monkeypatch.setitem(study.PLANS, "epoch", dataclasses.replace(PLAN, batch_sizes=(4,)))
    main(["epoch"], tmp_path)
    assert "seconds of training" in capsys.readouterr().out
    assert study.read(tmp_path / "mnist_epoch.csv.gz").plan.batch_sizes == (4,)
    with pytest.raises(ValueError, match=r"name is 'epoc': choose one of epoch, overfit"):
        main(["epoc"], tmp_path)


@pytest.mark.parametrize("name", study.PLANS)
def test_a_stored_study_is_whole(name):
    found = study.stored(name)
    plan = study.PLANS[name]
    assert found.plan == plan
    assert tuple(found.search) == tuple(found.judged) == plan.batch_sizes
    assert found.provenance["seconds"] > 0
    for batch_size in plan.batch_sizes:
        search, judged = found.search[batch_size], found.judged[batch_size]
        assert search.learning_rates.tolist() == list(plan.learning_rates)
        assert search.seeds.tolist() == list(plan.tuning_seeds)
        assert judged.learning_rates.tolist() == plan.judged_rates(search)
        assert judged.seeds.tolist() == list(plan.seeds)
        for run in (search, judged):
            assert run.checkpoints.tolist() == [0, *plan.checkpoints(batch_size)]
            assert run.steps == plan.steps(batch_size)
            assert all(np.isfinite(getattr(run, measure)).all() for measure in MEASURES)


def test_the_stored_files_are_small():
    files = list(datasets.DATA.glob("*.csv.gz"))
    assert {file.name for file in files} == {f"mnist_{name}.csv.gz" for name in study.PLANS}
    assert sum(file.stat().st_size for file in files) < 300_000
