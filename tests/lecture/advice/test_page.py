"""The page, the numbers and the command: self-contained, complete, and open about what was confirmed."""

import dataclasses
import json
import math
import re

import numpy as np
import pytest
from click.testing import CliRunner

from lecturelib import advice
from lecturelib.advice import page as advice_page
from lecturelib.advice.preparation import prepare
from lecturelib.plots import outputs
from tests.lecture.advice.advice_cases import held
from workshop.cli import main


@pytest.fixture(scope="module")
def found():
    return advice.from_data(prepare(*held("doubling pays"), name="tails <b>"), goal=0.02, runs=4)


@pytest.mark.long
def test_the_page_needs_no_network_and_escapes_names(found):
    page = advice_page.page(found)
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "tails &lt;b&gt;" in page
    assert "columns less their means, not scaled; no bias" in page
    assert "For nn.MSELoss, which has no 1/2, take half the rate" in page
    figure = outputs.read({"data": {"text/html": page[page.index('<figure class="lecture-figure">') :]}})
    assert "prefers-color-scheme: dark" in figure.wide
    assert figure.narrow
    assert figure.alt.count(";") == 3
    assert "spectrum,," in figure.csv
    (marked,) = re.findall(r"<tr class=\"recommended\"><td class=\"number\">([\d,]+)</td>", page)
    row = found.plan.rows[found.plan.recommended]
    assert int(marked.replace(",", "")) == row.batch_size
    assert f"Use batches of {row.batch_size} at learning rate" in page


def test_the_numbers_are_those_of_the_advice(found):
    numbers = json.loads(advice_page.as_json(found))
    plan = found.plan
    assert numbers["plan"]["rows"][plan.recommended]["work"] == plan.rows[plan.recommended].work
    assert numbers["plan"]["critical_batch_size"] == plan.critical_batch_size
    assert numbers["confirmed"] == found.confirmed
    assert np.array_equal(numbers["spectrum"], found.spectrum)
    other = dataclasses.replace(found, trials=(refuting(found.trials[0], math.inf),))
    assert json.loads(advice_page.as_json(other))["trials"][0]["measured_steps"] is None


def refuting(trial, times, differs=True):
    """A trial that measured so many times the predicted steps, perhaps by chance."""
    return dataclasses.replace(trial, measured_steps=times * trial.predicted_steps, differs=differs)


def test_a_prediction_that_fails_is_said(found):
    assert advice_page.verdict(found).count("\n") == len(found.trials) - 1
    wrong, lost = refuting(found.trials[0], 2.0), refuting(found.trials[0], math.inf)
    chance = refuting(found.trials[0], 2.0, differs=False)
    other = dataclasses.replace(found, trials=(wrong, lost, chance))
    first, second, third = advice_page.verdict(other).splitlines()
    assert first.startswith("NOT CONFIRMED")
    assert "2.00 times as many" in first
    assert "the goal was not reached" in second
    assert third.startswith("undecided")
    assert other.confirmed is False
    assert advice_page.verdict(dataclasses.replace(found, trials=())) == "No training run has checked this."


def test_a_refuted_headline_is_replaced_by_what_was_measured_and_said_first(found):
    row, rest = found.plan.best, found.trials[1:]
    instead = dataclasses.replace(row, steps=2 * row.steps, work=2 * row.work, learning_rate=0.012345)
    wrong = dataclasses.replace(found, trials=(refuting(found.trials[0], 2.0), *rest), measured=instead)
    for said in (advice_page.text(wrong), advice_page.answer(wrong)):
        assert said.startswith("MEASURED, for training refutes the prediction")
        assert f"{advice_page.number(2 * row.steps)} steps" in said
        assert "rate 0.0123:" in said
    numbers = json.loads(advice_page.as_json(wrong))
    assert (numbers["standing"], numbers["refuted"]) == ("refuted", True)
    assert numbers["measured"]["steps"] == 2 * row.steps
    nothing = dataclasses.replace(wrong, measured=None)
    assert advice_page.text(nothing).startswith("NO ADVICE")
    assert (found.advised, wrong.advised, nothing.advised) == (row, instead, None)  # what a sweep records


def test_every_recommendation_says_whether_a_run_has_tried_it(found):
    assert f"Tried by {found.trials[0].runs} runs: " in advice_page.answer(found)
    assert f"Tried by {found.trials[2].runs} runs: " in advice_page.schedule(found)
    never = dataclasses.replace(found, trials=())
    assert advice_page.answer(never).endswith("Not tried by a run.")
    assert advice_page.schedule(never).endswith("Not tried by a run.")
    chance = dataclasses.replace(found, trials=(refuting(found.trials[0], 2.0, differs=False),))
    assert "too few to decide" in advice_page.answer(chance)
    measured = [cells[-1] for cells in advice_page.table(found)[1:]]
    assert len(measured) - measured.count("not tried") == 2


def test_a_schedule_that_runs_refute_or_show_dominated_is_not_offered(found):
    constant, eighth, doubling = found.trials
    dear = dataclasses.replace(
        doubling, measured_steps=constant.measured_steps + 1.0, samples=constant.samples
    )
    for worse in (refuting(doubling, 2.0), dear):
        said = advice_page.schedule(dataclasses.replace(found, trials=(constant, eighth, worse)))
        assert "is not advised" in said
        assert "Or double" not in said


def test_the_schedule_is_written_out(found):
    scheme = found.plan.schedule
    said = advice_page.schedule(found)
    pairs = [(int(a), int(b)) for a, b in re.findall(r"(\d+) steps? of (\d+)", said)]
    assert sum(steps for steps, _ in pairs) == scheme.steps
    assert sum(steps * size for steps, size in pairs) == scheme.samples
    none = dataclasses.replace(found, plan=dataclasses.replace(found.plan, schedule=None))
    assert "gains nothing" in advice_page.schedule(none)


def write_csv(folder):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3))
    table = np.column_stack([x, x.sum(axis=1) + rng.standard_normal(200)])
    path = folder / "some table.csv"
    np.savetxt(path, table, delimiter=",", header="a,b,c,y", comments="")
    return path


@pytest.mark.long
def test_the_command_writes_page_and_numbers(tmp_path):
    out = tmp_path / "out"
    arguments = ["batch-size", str(write_csv(tmp_path)), "--target", "y", "--goal", "0.1", "--out", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "<- recommended" in result.output
    assert sorted(path.name for path in out.iterdir()) == ["batch-size.html", "batch-size.json"]
    assert json.loads((out / "batch-size.json").read_text())["plan"]["goal"] == 0.1


@pytest.mark.parametrize(("change", "status"), [({}, 0), ({"wrong": True}, 3), ({"none": True}, 4)])
def test_the_exit_status_says_whether_the_advice_stands(found, monkeypatch, tmp_path, change, status):
    made = found
    if "wrong" in change:
        made = dataclasses.replace(found, trials=(refuting(found.trials[0], 3.0),))
    if "none" in change:
        made = dataclasses.replace(found, trials=(), plan=dataclasses.replace(found.plan, recommended=None))
    monkeypatch.setattr(advice, "advise", lambda *_, **__: made)
    monkeypatch.setattr(advice_page, "page", lambda _: "")
    assert CliRunner().invoke(main, ["batch-size", "--out", str(tmp_path)]).exit_code == status


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (["--target", "z"], "'z' is not a column of it"),
        (["--goal", "3"], "goal = 3.0 is refused"),
        (["--loss", "logistic"], "needs two target values"),
        (["--loss", "hinge"], "Invalid value for '--loss'"),
        (["--model", "x:y"], "a path or a model, not both"),
        (["--optimizer", "lion"], "optimizer = 'lion' is refused; pass one of sgd, momentum, adam"),
        (["--momentum", "0.9"], "is refused with optimizer = 'sgd'"),
    ],
)
def test_the_command_refuses_what_cannot_be_and_writes_nothing(tmp_path, extra, says):
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["batch-size", str(write_csv(tmp_path)), "--out", str(out), *extra])
    assert result.exit_code == 2
    assert says in " ".join(result.output.split())
    assert not out.exists()
