"""The page, the numbers and the command: self-contained, complete, and open about what was confirmed."""

import base64
import dataclasses
import json
import math
import re

import numpy as np
import pytest
from click.testing import CliRunner

from lecturelib import advice
from lecturelib.advice import page as advice_page
from lecturelib.advice.data import prepare
from lecturelib.cli import main
from tests.advice_cases import held


@pytest.fixture(scope="module")
def found():
    return advice.from_data(prepare(*held("heavy tails"), name="tails <b>"), goal=0.05, runs=4)


def test_the_page_needs_no_network_and_escapes_names(found):
    page = advice_page.page(found)
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "tails &lt;b&gt;" in page
    picture = base64.b64decode(re.search(r"base64,([^\"]+)", page)[1])
    assert picture.startswith(b"\x89PNG")
    assert len(re.search(r"<img alt=\"([^\"]+)\"", page)[1]) >= 40
    (marked,) = re.findall(r"<tr class=recommended><td>([\d,]+)</td>", page)
    row = found.plan.rows[found.plan.recommended]
    assert int(marked.replace(",", "")) == row.batch_size
    assert f"Use batches of {row.batch_size} at learning rate" in page


def test_the_numbers_are_those_of_the_advice(found):
    numbers = json.loads(advice_page.as_json(found))
    plan = found.plan
    assert numbers["plan"]["rows"][plan.recommended]["work"] == plan.rows[plan.recommended].work
    assert numbers["plan"]["critical_batch_size"] == plan.critical_batch_size
    assert numbers["confirmed"] == found.confirmed
    np.testing.assert_array_equal(numbers["spectrum"], found.spectrum)
    lost = dataclasses.replace(found.trials[0], measured_steps=math.inf)
    other = dataclasses.replace(found, trials=(lost,))
    assert json.loads(advice_page.as_json(other))["trials"][0]["measured_steps"] is None


def test_a_prediction_that_fails_is_said(found):
    assert advice_page.verdict(found).count("\n") == len(found.trials) - 1
    wrong = dataclasses.replace(found.trials[0], measured_steps=2.0 * found.trials[0].predicted_steps)
    lost = dataclasses.replace(found.trials[0], measured_steps=math.inf)
    other = dataclasses.replace(found, trials=(wrong, lost))
    first, second = advice_page.verdict(other).splitlines()
    assert first.startswith("NOT CONFIRMED")
    assert "2.00 times as many" in first
    assert "the goal was not reached" in second
    assert other.confirmed is False
    assert advice_page.verdict(dataclasses.replace(found, trials=())) == "No training run has checked this."


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


def test_the_command_writes_page_and_numbers(tmp_path):
    out = tmp_path / "out"
    arguments = ["batch-size", str(write_csv(tmp_path)), "--target", "y", "--goal", "0.1", "--out", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "<- recommended" in result.output
    assert sorted(path.name for path in out.iterdir()) == ["batch-size.html", "batch-size.json"]
    assert json.loads((out / "batch-size.json").read_text())["plan"]["goal"] == 0.1


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (["--target", "z"], "target='z' is not a column"),
        (["--goal", "3"], "goal = 3.0 is refused"),
        (["--loss", "logistic"], "needs two target values"),
        (["--loss", "hinge"], "Invalid value for '--loss'"),
        (["--model", "x:y"], "a path or a model, not both"),
    ],
)
def test_the_command_refuses_what_cannot_be_and_writes_nothing(tmp_path, extra, says):
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["batch-size", str(write_csv(tmp_path)), "--out", str(out), *extra])
    assert result.exit_code == 2
    assert says in " ".join(result.output.split())
    assert not out.exists()
