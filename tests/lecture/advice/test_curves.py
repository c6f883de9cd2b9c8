"""Logs of runs with losses, goals or rates beside the steps: read to one loss, or refused by column."""

import re

import numpy as np
import pytest

from lecturelib.advice import curves, logs
from lecturelib.datasets import Choices
from tests.agree import agree

SIZES = np.repeat([8, 16, 32, 64], 2)
STEPS = np.round(900.0 * (1.0 + 40.0 / SIZES)).astype(int) + np.tile([0, 30], 4)  # two runs of a size


def write(path, header, rows):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return str(path)


def runs(*columns):
    """A row a run: batch, further cells, steps."""
    return [(b, *more, s) for b, *more, s in zip(SIZES, *columns, STEPS, strict=True)]


def curve(rises=False, seeds=True):
    """Rows of curves whose loss halves, from 4, in the steps of each run; scores go up instead."""
    rows = []
    for k, (size, steps) in enumerate(zip(SIZES, STEPS, strict=True)):
        for part in range(4):
            loss = 4.0 - part if not rises else 0.1 + 0.1 * part
            rows.append((size, *((k % 2,) if seeds else ()), int(steps * part / 2) + 10, loss))
    return rows


PLAIN = logs.step_law.fit(SIZES, STEPS)


@pytest.mark.parametrize(
    ("header", "rows", "says"),
    [
        ("batch,target_loss,steps", [*runs([0.5] * 8), *((8, 1.0, 300), (16, 1.0, 200))], "--goal 0.5"),
        (
            "batch,lr,steps",
            [*runs([0.1] * 8), *((b, 0.3, 5 * s) for b, s in runs())],
            "best lr are taken: 8 at 0.1",
        ),
        ("batch,val_loss,steps", runs([1.0, 1.001] * 4), "val_loss from 1 to 1.001 counts as one."),
        ("batch,steps", [*runs(), (8, "DNF"), (16, "DNF"), (16, "diverged")], "3 of 11 runs have no steps"),
        (
            "batch;steps",
            [(f"{b};{s:,}".replace(",", "."),) for b, s in runs()],
            "is read as 5400, for it is a count",
        ),
    ],
)
def test_runs_to_one_loss_are_found_and_it_is_said_how(tmp_path, header, rows, says):
    path = write(tmp_path / "log.csv", header, rows)
    if "goal" in says:
        with pytest.raises(ValueError, match=f"{says}$") as asked:
            logs.steps(path)
        says = re.search("target_loss", str(asked.value))[0]
    law = logs.steps(path, goal=0.5 if says == "target_loss" else None)
    assert np.array_equal(np.sort(law.steps), np.sort(STEPS))
    assert law.bend == PLAIN.bend
    assert says in " ".join(law.remarks)


@pytest.mark.parametrize(
    ("header", "rises"),
    [("batch,seed,step,ppl", 0), ("batch_size,seed,step,train/loss_epoch", 0), ("batch,run,step,val_acc", 1)],
)
def test_curves_are_refused_and_the_goal_that_is_named_counts_their_steps(tmp_path, header, rises):
    path = write(tmp_path / "log.csv", header, curve(rises))
    with pytest.raises(
        ValueError, match=r"log\.csv: .* is not one loss, it goes from .*--goal \S+$"
    ) as asked:
        logs.steps(path)
    assert re.search(r"--goal (\S+)$", str(asked.value))[1] == ("0.4" if rises else "1")
    half = logs.steps(path, goal=0.25 if rises else 2.5)
    agree(np.sort(half.steps), np.sort(0.75 * STEPS + 10), rounding=1.0)
    with pytest.raises(ValueError, match=r"no run comes to .* 9|no run comes to .* 0.1; give --goal 1"):
        logs.steps(path, goal=9.0 if rises else 0.1)


REFUSED = {
    "a curve of an unknown name": (
        "batch,step,q",
        curve(seeds=False),
        "steps rise evenly, by .* losses loss",
    ),
    "last losses": (
        "batch,loss,steps",
        runs(np.linspace(1, 2, 8)),
        "loss is not one .* first comes to one loss$",
    ),
    "batches in thousands": ("batch,steps", [(f"{b}k", s) for b, s in runs()], "batch holds '8k'; write"),
    "text only": ("batch,steps", [(b, "fast") for b, s in runs()], "steps holds 'fast'; write"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_run_to_one_loss_is_refused(tmp_path, case):
    header, rows, says = REFUSED[case]
    with pytest.raises(ValueError, match=says):
        logs.steps(write(tmp_path / "log.csv", header, rows))


def test_a_goal_needs_a_column_of_losses_and_choices_reach_the_file(tmp_path):
    path = write(tmp_path / "log.csv", "batch;steps", [(f"{b};{s / 1000:.3f}",) for b, s in runs()])
    with pytest.raises(ValueError, match="leave out --goal"):
        logs.steps(path, goal=0.5)
    agree(1000.0 * logs.steps(path, choices=Choices(decimal=".")).steps, STEPS.astype(float), rounding=1e-9)


def test_runs_of_one_batch_that_differ_widely_are_doubted():
    """As two goals in a column of a name that nobody knows."""
    steps = np.append(STEPS, 4 * STEPS).astype(float)
    said = curves.to_one_loss(np.tile(SIZES, 2).astype(float), steps, {}).remarks
    assert "Runs at batch 8 take 5,400 to 21,720 steps" in said[0]
