"""A study is what train_grid gives, part by part; stopped, it goes on; stored, it comes back as it was."""

import dataclasses
import io
import itertools
import json

import numpy as np
import pytest

from lecturelib import datasets, mlp
from lecturelib.networks import study
from lecturelib.networks.training_grid import MEASURES, GridRun

ALL_FIELDS = [field.name for field in dataclasses.fields(GridRun)]
RUN_FIELDS = ALL_FIELDS[: ALL_FIELDS.index("params")]  # those that a study keeps

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


@pytest.mark.long
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
            assert all(np.array_equal(getattr(run, name), getattr(expected, name)) for name in RUN_FIELDS)
    assert {"versions", "device", "date", "seconds"} <= set(found.provenance)


@pytest.mark.long
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
    assert np.array_equal(again.judged[16].test_error, found.judged[16].test_error)


@pytest.mark.long
def test_another_plan_does_not_take_these_parts(data, tmp_path):
    study.run(data, dataclasses.replace(PLAN, batch_sizes=(4,)), tmp_path)
    other = study.run(data, dataclasses.replace(PLAN, batch_sizes=(4,), hidden=6), tmp_path)
    alone = study.run(data, dataclasses.replace(PLAN, batch_sizes=(4,), hidden=6), tmp_path / "alone")
    assert np.array_equal(other.search[4].train_loss, alone.search[4].train_loss)
    assert len(list(tmp_path.glob("*/search_4.npz"))) == 2


def test_the_command_writes_the_named_study(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(datasets, "mnist", lambda: data)
    monkeypatch.setitem(study.PLANS, "epoch", dataclasses.replace(PLAN, batch_sizes=(4,)))
    study.main(["epoch"], tmp_path)
    assert "seconds of training" in capsys.readouterr().out
    assert study.read(tmp_path / "mnist_epoch.npz").plan.batch_sizes == (4,)
    with pytest.raises(ValueError, match=r"name = 'epoc' is refused; pass one of epoch, overfit"):
        study.main(["epoc"], tmp_path)


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
    files = list(datasets.DATA.glob("mnist_*.npz"))
    assert {file.name for file in files} == {f"mnist_{name}.npz" for name in study.PLANS}
    assert sum(file.stat().st_size for file in files) < 300_000


# ---- plans ----

RUNS = study.Plan((1, 64), (0.1, 0.2, 0.4), (0,), (1, 2), samples=640, updates=20, target=0.5, points=4)


def search(train_loss, test_error):
    curves = (np.array(curve, dtype=float)[:, None] for curve in (train_loss, test_error) * 2)
    points = np.array([0, 1, 2])
    return GridRun(
        1, 2, np.array([0.1, 0.2, 0.4]), np.array([0]), points, *curves, diverged_at=np.full((3, 1), -1)
    )


FOUND = search([[2, 1, 0.4], [2, 0.4, 0.3], [2, 1, 1.5]], [[0.9, 0.5, 0.1], [0.9, 0.4, 0.2], [0.9, 0.3, 0.3]])


def test_small_batches_are_bounded_by_images_and_large_ones_by_updates():
    assert [RUNS.steps(b) for b in (1, 32, 33, 64)] == [640, 20, 20, 20]


def test_measurements_begin_at_a_hundredth_and_end_with_the_run():
    assert RUNS.checkpoints(1) == [6, 28, 134, 640]
    assert RUNS.checkpoints(64) == [1, 2, 7, 20]


def test_rates_that_win_are_judged_once_each():
    assert RUNS.judged_rates(FOUND) == [0.1, 0.2]  # lowest test error at the end; fastest to the target
    assert dataclasses.replace(RUNS, target=0.45, common_rate=0.2).judged_rates(FOUND) == [0.1, 0.2]
    assert dataclasses.replace(RUNS, common_rate=0.4).judged_rates(FOUND) == [0.1, 0.2, 0.4]


def test_a_target_out_of_reach_is_refused():
    with pytest.raises(ValueError, match=r"to train_loss <= 0\.1"):
        dataclasses.replace(RUNS, target=0.1).judged_rates(FOUND)


def test_seeds_must_be_fresh_and_the_common_rate_known():
    with pytest.raises(ValueError, match=r"seeds has \[2\], which tune the rate too"):
        dataclasses.replace(RUNS, tuning_seeds=(0, 2))
    with pytest.raises(ValueError, match=r"common_rate is 0\.3"):
        dataclasses.replace(RUNS, common_rate=0.3)


@pytest.mark.parametrize("plan", study.PLANS.values(), ids=study.PLANS)
def test_a_plan_survives_json(plan):
    assert study.Plan(**json.loads(json.dumps(dataclasses.asdict(plan)))) == plan
    assert plan.batch_sizes[-1] <= plan.images
    assert len(plan.seeds) >= 10


# ---- files ----

STORED = study.Plan((2, 16), (0.1, 0.25), (0,), (1, 2, 7), samples=32, updates=4, target=0.5, points=3)


def grid_run(batch_size, rates, seeds, points, random):
    shape = len(rates), len(seeds), len(points)
    curves = random.uniform(size=(4, *shape)).astype("f")
    diverged_at = random.integers(-1, 3, size=shape[:2])
    tried = np.array(rates), np.array(seeds), np.array(points)
    return GridRun(batch_size, points[-1], *tried, *curves, diverged_at)


@pytest.fixture
def made():
    random = np.random.default_rng(0)
    rates, seeds = STORED.learning_rates, STORED.tuning_seeds
    search = {b: grid_run(b, rates, seeds, [0, 1, 16], random) for b in STORED.batch_sizes}
    judged = {b: grid_run(b, [0.25], STORED.seeds, [0, 3, 4], random) for b in STORED.batch_sizes}
    return study.Study(STORED, {"device": "#1 of 2, a 'quoted' one", "seconds": 3}, search, judged)


def check(found, made):
    """Every number is the same, to the last bit."""
    assert (found.plan, found.provenance) == (made.plan, made.provenance)
    for part in ("search", "judged"):
        runs, expected = getattr(found, part), getattr(made, part)
        assert list(runs) == list(expected)
        for batch_size, name in itertools.product(runs, RUN_FIELDS):
            value, wanted = (np.asarray(getattr(of[batch_size], name)) for of in (runs, expected))
            assert (value.dtype, value.shape) == (wanted.dtype, wanted.shape)
            assert value.tobytes() == wanted.tobytes()


def test_what_was_written_is_read(made, tmp_path):
    study.write(made, tmp_path / "new" / "study.npz")
    check(study.read(tmp_path / "new" / "study.npz"), made)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["study.npz"]


@pytest.mark.parametrize("wrong", ["two runs swapped", "rounded to two digits", "a part left out"])
def test_the_check_sees(wrong, made, tmp_path):
    study.write(made, tmp_path / "study.npz")
    other = run = made.judged[16]
    if wrong == "two runs swapped":
        other = dataclasses.replace(run, train_loss=run.train_loss[:, ::-1])
    elif wrong == "rounded to two digits":
        other = dataclasses.replace(run, test_error=run.test_error.round(2))
    judged = {} if wrong == "a part left out" else made.judged | {16: other}
    with pytest.raises(AssertionError):
        check(study.read(tmp_path / "study.npz"), dataclasses.replace(made, judged=judged))


def test_the_same_study_gives_the_same_bytes_and_numpy_reads_them(made, tmp_path):
    for name in ("one", "two"):
        study.write(made, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with np.load(tmp_path / "one", allow_pickle=False) as arrays:
        about, curves = json.loads(str(arrays["about"])), arrays["judged_16_curves"]
    assert about["provenance"] == made.provenance
    assert about["plan"]["batch_sizes"] == [2, 16]
    assert curves[MEASURES.index("test_loss"), 0, 2, 1] == made.judged[16].test_loss[0, 2, 1]


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def changed(path, **arrays):
    """The stored study with other arrays in place of some, None for none."""
    with np.load(path, allow_pickle=False) as kept:
        members = dict(kept) | arrays
    with path.open("wb") as file:
        np.savez(file, **{name: array for name, array in members.items() if array is not None})


FOREIGN = {
    "empty": lambda path: path.write_bytes(b""),
    "not an archive": lambda path: path.write_bytes(b"not compressed"),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "one array": lambda path: path.write_bytes(npy(np.ones(3))),
    "other arrays": lambda path: np.savez(path, x=np.ones(3)),
    "pickled": lambda path: changed(path, search_2_seeds=np.array([None, {}])),
    "text for numbers": lambda path: changed(path, search_2_learning_rates=np.array(["0.1", "0.25"])),
    "whole numbers for losses": lambda path: changed(path, search_2_curves=np.zeros((4, 2, 1, 3), int)),
    "another shape": lambda path: changed(path, search_2_curves=np.zeros((4, 2, 1, 2))),
    "diverged_at of another shape": lambda path: changed(path, judged_2_diverged_at=np.zeros((1, 2), int)),
    "a run left out": lambda path: changed(path, judged_16_curves=None),
    "about is no JSON": lambda path: changed(path, about=np.array("{")),
    "about has no plan": lambda path: changed(path, about=np.array("{}")),
    "a plan of another version": lambda path: changed(path, about=np.array('{"plan": {"batches": [1]}}')),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_file_without_a_study_is_refused_by_name(what, made, tmp_path):
    path = tmp_path / "other.npz"
    study.write(made, path)
    FOREIGN[what](path)
    with pytest.raises(ValueError, match=r"other\.npz holds no study"):
        study.read(path)


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        study.read(tmp_path / "missing.npz")


def test_a_failed_write_leaves_the_old_file(made, tmp_path, monkeypatch):
    def full(file, **arrays):
        file.write(b"half of it")
        raise OSError("the disk is full")

    path = tmp_path / "study.npz"
    study.write(made, path)
    old = path.read_bytes()
    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="full"):
        study.write(made, path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("study.npz", old)]
