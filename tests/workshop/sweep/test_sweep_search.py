"""A search runs few of a grid's runs, finds the best that is there, and says what it skipped."""

import itertools
import math

import numpy as np
import pytest

from lecturelib import sweep
from lecturelib.networks import study
from tests.workshop.sweep import sweep_cases
from tests.workshop.sweep.sweep_cases import at_once
from tests.workshop.test_notebooks import write
from workshop.sweep import command as sweep_command
from workshop.sweep import loop
from workshop.sweep.search import Search

MEASURES = ("test_error", "test_loss", "train_loss")


def stored(name, measure):
    """The tuning runs of a stored study as a grid, and what each ended with; infinity where it diverged."""
    found = study.stored(name).search
    some = next(iter(found.values()))
    rates, seeds = some.learning_rates.tolist(), some.seeds.tolist()
    ends = {}
    for size, trained in found.items():
        ended = np.where(trained.diverged, math.inf, getattr(trained, measure)[..., -1])
        ends |= {(size, r, s): ended[i, j] for i, r in enumerate(rates) for j, s in enumerate(seeds)}
    return {"batch_size": list(found), "learning_rate": rates, "seed": seeds}, ends


def cells(grid, ends):
    """(mean over the seeds, batch size, rate), least first."""
    pairs = itertools.product(grid["batch_size"], grid["learning_rate"])
    return sorted((np.mean([ends[b, r, s] for s in grid["seed"]]), b, r) for b, r in pairs)


@pytest.mark.parametrize(("name", "measure"), [*itertools.product(study.PLANS, MEASURES)])
def test_the_best_cell_of_the_stored_mnist_study_is_found_with_three_runs_of_ten(name, measure):
    grid, ends = stored(name, measure)
    for seeds in (grid["seed"], grid["seed"][::-1]):
        search = Search(grid | {"seed": seeds}, lambda run: ends[tuple(run.values())])
        made = [tuple(run.values()) for rung in search.rungs() for run in rung]
        assert len(made) == len(set(made)) <= 0.3 * len(ends)
        assert tuple(search.best.values()) == cells(grid, ends)[0][1:]


def test_a_net_alone_would_not_find_it():  # so that the test above can fail
    grid, ends = stored("epoch", "test_error")
    search = Search(grid, lambda run: ends[tuple(run.values())])
    next(search.rungs())
    assert tuple(search.best.values()) != cells(grid, ends)[0][1:]


def rungs(grid, value=lambda run: 0.0):
    return [len(rung) for rung in Search(grid, value).rungs()]


def test_rungs_halve_the_cells_and_double_the_seeds_within_three_runs_of_ten():
    assert rungs({"rate": [*range(40)], "seed": [*range(10)]}) == [40, 20, 20, 20, 6]
    assert sum(rungs({"a": [*range(50)], "b": [*range(50)], "word": ["x", "y"], "seed": [0, 1]})) <= 3000
    assert rungs({"word": ["a", "b"]}) == [2]  # a grid that small is run whole
    with pytest.raises(ValueError, match="a search needs a parameter with two values or more"):
        Search({"seed": [0, 1], "rate": [1.0]}, lambda run: 0.0)


def test_what_diverges_or_fails_is_worst_and_seeds_decide_by_their_mean():
    def value(run):
        if run["rate"] == 3:
            return -1.0 if run["seed"] == 0 else math.inf
        return abs(run["rate"] - 5) + (0.5 if run["seed"] else 0.0)

    search = Search({"rate": [*range(8)], "seed": [*range(8)]}, value)
    assert sum(len(rung) for rung in search.rungs()) <= 0.3 * 64
    assert search.best == {"rate": 5}


CELL = "from lecturelib import sweep\nsweep.record('risk', (rate - 0.4) ** 2 + 0.001 * seed)"
GRID = {"rate": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], "seed": range(8)}


@pytest.fixture
def searched(tmp_path, monkeypatch):
    """A notebook and what its runs record, done at once in this process."""
    notebook = write(tmp_path, "01_first", "rate = 0.1  # no unit\nseed = 0  # any", CELL)
    done = at_once(monkeypatch, lambda v: {"risk": (v["rate"] - 0.4) ** 2 + 0.001 * v["seed"]})
    return notebook, tmp_path / "out", done


def test_a_search_goes_on_where_it_stopped_and_says_what_it_skipped(searched):
    notebook, out, done = searched
    for budget, total in (("8runs", 8), ("1run", 9), ("1run", 10)):  # the first is the first rung
        stopped = sweep.run(notebook, GRID, out, workers=1, search="risk", budget=budget)
        assert len(done) == total
    assert stopped["status"].to_pylist().count("missing") == 54
    table = sweep.run(notebook, GRID, out, workers=1, search="risk")
    assert len(done) == len({task.name for task in done}) == 19 <= 0.3 * 64
    states = table["status"].to_pylist()
    assert (states.count("ok"), states.count("skipped")) == (19, 45)
    assert sweep.run(notebook, GRID, out, workers=1, search="risk").equals(table)
    assert len(done) == 19
    page = (out / "index.html").read_text()
    assert "The least risk found is 0.00350, at rate = 0.4, the mean over 8 of 8 seeds." in page
    assert "That took 19 of 64 runs (30%). Of 8 combinations 0 were not run; 5 with 1, 1 with 2, " in page
    assert "19 ok, 45 skipped" in page
    sweep.run(notebook, GRID, out, workers=1, search="max:risk")
    assert "The greatest risk found is" in (out / "index.html").read_text()


def test_what_nothing_records_cannot_be_searched_for(searched):
    notebook, out, _ = searched
    with pytest.raises(loop.Stopped, match="no run has recorded 'rsk', which is searched for, but risk"):
        sweep.run(notebook, GRID, out, workers=1, search="rsk")
    for options, message in ({"search": ""}, "search=''"), ({"search": "max:"}, "search='max:'"):
        with pytest.raises(ValueError, match=message):
            sweep.run(notebook, GRID, out, **options)
    with pytest.raises(ValueError, match="a search needs a parameter"):
        sweep.run(notebook, {"seed": [1, 2]}, out, search="risk")


@pytest.mark.long
def test_the_command_searches_and_says_it(tmp_path):
    notebook = write(tmp_path, "01_first", "rate = 0.1  # no unit\nseed = 0  # any", CELL)
    grid = ("-p", "rate=0.1,0.2,0.3,0.4,0.5", "-p", "seed=0:4", "--search", "risk", "--workers", "2")
    status, said = sweep_cases.sweep(notebook, tmp_path / "out", *grid, "--budget", "3runs")
    assert status == sweep_command.STOPPED_STATUS, said
    assert "3 of 20 runs are done, 17 are left for the same command" in said
    status, said = sweep_cases.sweep(notebook, tmp_path / "out", *grid)
    assert status == 0, said
    assert "The least risk found is 0.00150, at rate = 0.4, the mean over 4 of 4 seeds." in said
    assert " are skipped\n" in said
