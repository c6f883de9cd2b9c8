"""A study comes back from its file as it went in, and any program can read the file."""

import csv
import dataclasses
import gzip
import json

import numpy as np
import pytest

from lecturelib.grid import GridRun
from lecturelib.study.file import COLUMNS, MEASURES, Study, read, replace_bytes, write
from lecturelib.study.plan import Plan

PLAN = Plan((2, 16), (0.1, 0.25), (0,), (1, 2, 7), samples=32, updates=4, target=0.5, points=3)


def grid_run(batch_size, rates, seeds, points, random):
    shape = len(rates), len(seeds), len(points)
    curves = {name: random.uniform(size=shape) for name in MEASURES}
    diverged_at = random.integers(-1, 3, size=shape[:2])
    points = np.array(points)
    return GridRun(
        batch_size,
        int(points[-1]),
        np.array(rates),
        np.array(seeds),
        points,
        **curves,
        diverged_at=diverged_at,
    )


@pytest.fixture
def study():
    random = np.random.default_rng(0)
    search = {
        b: grid_run(b, PLAN.learning_rates, PLAN.tuning_seeds, [0, 1, 16], random) for b in PLAN.batch_sizes
    }
    judged = {b: grid_run(b, [0.25], PLAN.seeds, [0, 3, 4], random) for b in PLAN.batch_sizes}
    return Study(PLAN, {"device": "#1 of 2, a 'quoted' one", "seconds": 3}, search, judged)


def check(found, study):
    assert found.plan == study.plan
    assert found.provenance == study.provenance
    for part in ("search", "judged"):
        runs, expected = getattr(found, part), getattr(study, part)
        assert list(runs) == list(expected)
        for batch_size, run in runs.items():
            for field in dataclasses.fields(GridRun)[:-1]:
                value, wanted = getattr(run, field.name), getattr(expected[batch_size], field.name)
                assert np.shape(value) == np.shape(wanted)
                np.testing.assert_allclose(value, wanted, rtol=0.5e-4 if field.name in MEASURES else 0)
                assert np.asarray(value).dtype == np.asarray(wanted).dtype


def test_what_was_written_is_read(study, tmp_path):
    write(study, tmp_path / "new" / "study.csv.gz")
    check(read(tmp_path / "new" / "study.csv.gz"), study)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["study.csv.gz"]


@pytest.mark.parametrize("wrong", ["two runs swapped", "rounded to two digits", "a part left out"])
def test_the_check_sees(wrong, study, tmp_path):
    write(study, tmp_path / "study.csv.gz")
    run = study.judged[16]
    if wrong == "two runs swapped":
        other = dataclasses.replace(run, train_loss=run.train_loss[:, ::-1])
    elif wrong == "rounded to two digits":
        other = dataclasses.replace(run, test_error=run.test_error.round(2))
    judged = {} if wrong == "a part left out" else study.judged | {16: other}
    with pytest.raises(AssertionError):
        check(read(tmp_path / "study.csv.gz"), dataclasses.replace(study, judged=judged))


def test_the_file_is_a_table_with_its_provenance(study, tmp_path):
    write(study, tmp_path / "study.csv.gz")
    with gzip.open(tmp_path / "study.csv.gz", "rt") as file:
        head = json.loads(file.readline().removeprefix("# "))
        rows = list(csv.DictReader(file))
    assert head["provenance"] == study.provenance
    assert head["plan"]["batch_sizes"] == [2, 16]
    assert set(rows[0]) == set(COLUMNS)
    assert len(rows) == 2 * (2 * 1 * 3 + 1 * 3 * 3)
    row = next(
        row
        for row in rows
        if (row["part"], row["batch_size"], row["seed"], row["step"]) == ("judged", "16", "7", "3")
    )
    assert float(row["test_loss"]) == pytest.approx(study.judged[16].test_loss[0, 2, 1], rel=1e-4)


def test_the_same_study_gives_the_same_bytes(study, tmp_path):
    for name in ("one", "two"):
        write(study, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    "content",
    [b"", b"not compressed", gzip.compress(b"a,b\n1,2\n3,4\n")],
    ids=["empty", "not compressed", "another table"],  # a gzip header holds the time: no name for a test
)
def test_a_file_without_a_study_is_refused(content, tmp_path):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(ValueError, match="which holds no study"):
        read(tmp_path / "other")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    replace_bytes(tmp_path / "file", b"old")
    with pytest.raises(TypeError):
        replace_bytes(tmp_path / "file", "text")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]
