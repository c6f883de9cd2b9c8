"""Logs from the command line to page, JSON and exit status; the JSON's schema, for every kind of advice."""

import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

import lecturelib
from lecturelib import advice
from lecturelib.advice import logged, page, progress, step_law
from lecturelib.advice.preparation import prepare
from tests.lecture.advice.test_norm_law import norms
from tests.lecture.advice.test_step_law import runs
from tests.marks import first_quick
from workshop import cli
from workshop.cli import main

SCHEMA = json.loads(
    Path(lecturelib.__file__).with_name("templates").joinpath("advice.schema.json").read_text()
)


def steps_log(path, **kwargs):
    """A file of runs."""
    rows = [f"{size:g},{steps:.6g}" for size, steps in zip(*runs(**kwargs), strict=True)]
    path.write_text("\n".join(["batch,steps", *rows]) + "\n")
    return str(path)


def norms_log(path, spike=1.0, **kwargs):
    """A file of squared norms; one of them is so many times as large."""
    small, big = norms(60, 20.0, **kwargs)
    small[7] *= spike
    rows = [f"4,32,{a:.9g},{b:.9g}" for a, b in zip(small.mean(axis=1), big, strict=True)]
    path.write_text("\n".join(["small_batch,big_batch,small_norm_squared,big_norm_squared", *rows]) + "\n")
    return str(path)


@first_quick(
    ("option", "log", "change", "status", "says"),
    [
        ("--steps", steps_log, {}, 0, "Steps and examples are both twice their least at batch"),
        ("--steps", steps_log, {"bend": 1e9, "noise": 0.01}, 4, "outside the batches that were run"),
        ("--norms", norms_log, {}, 0, "The gradient noise scale is "),
        ("--norms", norms_log, {"spike": 300.0}, 3, "NOT TO BE TRUSTED"),
    ],
)
def test_the_command_answers_logs_with_page_numbers_and_status(tmp_path, option, log, change, status, says):
    path = log(tmp_path / "log.csv", **change)
    result = CliRunner().invoke(main, ["batch-size", option, path, "--out", str(tmp_path / "out")])
    assert result.exit_code == status, result.output
    assert says in result.output
    html = (tmp_path / "out" / "batch-size.html").read_text()
    assert not re.search(r"(src|href|srcset)=\"(?!data:)", html)
    assert "log.csv" in html
    numbers = json.loads((tmp_path / "out" / "batch-size.json").read_text())
    jsonschema.validate(numbers, SCHEMA)
    assert numbers["kind"] == option[2:]


def test_a_law_that_its_runs_refute_has_a_status_of_its_own():
    batch_sizes, steps = runs(noise=0.02)
    bent = step_law.fit(batch_sizes, steps * (1.0 + batch_sizes / 100.0))
    assert logged.status(bent) == 3
    assert logged.answer(bent).startswith("NOT CONFIRMED")


@pytest.mark.parametrize("given", [["x.csv", "--steps", "y.csv"], ["--norms", "x.csv", "--steps", "y.csv"]])
def test_one_question_at_a_time(given):
    result = CliRunner().invoke(main, ["batch-size", *given])
    assert result.exit_code == 2
    assert "give one of them" in result.output


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_the_numbers_of_advice_follow_the_schema(loss):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3))
    y = x[:, 0] + rng.standard_normal(200)
    found = advice.from_data(prepare(x, (y > 0) * 1.0 if loss == "logistic" else y, loss), goal=0.2, runs=2)
    numbers = json.loads(page.as_json(found))
    jsonschema.validate(numbers, SCHEMA)
    assert set(numbers["code"]) == {"optax", "PyTorch", "Megatron-LM", "OLMo-core"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(numbers | {"unheard": 1}, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({name: numbers[name] for name in numbers if name != "plan"}, SCHEMA)


def test_each_number_of_the_schema_says_what_it_is():
    def leaves(node):
        for name, value in node.get("properties", {}).items():
            yield name, value
            yield from leaves(value)
        for value in [
            *node.get("$defs", {}).values(),
            *node.get("anyOf", []),
            *filter(None, [node.get("items")]),
        ]:
            if isinstance(value, dict):
                yield from leaves(value)

    found = list(leaves(SCHEMA))
    assert len(found) > 60
    assert not [n for n, each in found if not {"description", "const", "enum", "$ref", "items"} & set(each)]


def test_help_fits_a_screen():
    said = CliRunner().invoke(main, ["batch-size", "--help"], terminal_width=80).output.splitlines()
    assert 24 <= len(said) <= 32
    assert max(map(len, said)) <= 80


def test_enough_rows_are_taken_unasked(tmp_path, monkeypatch):
    monkeypatch.setattr(advice.preparation, "ENOUGH", 300.0)
    x = np.random.default_rng(0).standard_normal((500, 4))
    path = tmp_path / "rows.csv"
    np.savetxt(path, x, delimiter=",", header="a,b,c,y", comments="")
    said = CliRunner().invoke(main, ["batch-size", str(path), "--dry-run"]).output
    assert "100 of 500 rows are used, drawn at random (--rows 0: all)" in said
    assert (
        "500 rows, 3 columns"
        in CliRunner().invoke(main, ["batch-size", str(path), "--dry-run", "--rows", "0"]).output
    )


@pytest.mark.long
def test_long_work_says_how_far_it_is_and_reading_how_long_it_takes(tmp_path, monkeypatch):
    heard = []
    x = np.random.default_rng(0).standard_normal((60, 2))
    with progress.heard(lambda what, share: heard.append((what, share))):
        advice.from_data(prepare(x, x[:, 0] + x[:, 1] ** 2), goal=0.3, runs=2)
    said = {what.rstrip("0123456789") for what, _ in heard}
    assert said == {"moments of the rows", "steps of each batch size", "training at batch "}
    assert all(0.0 <= share <= 1.0 for _, share in heard)
    path = tmp_path / "rows.csv"
    path.write_text("a,y\n" + "1,2\n3,5\n2,2\n" * 20)
    monkeypatch.setattr(cli, "BYTES_A_SECOND", 10.0)
    result = CliRunner().invoke(
        main, ["batch-size", str(path), "--out", str(tmp_path / "out"), "--runs", "2"]
    )
    assert "Reading 0 MB takes about 24 s." in result.stderr
    assert "Reading" not in result.stdout


def test_what_is_done_at_once_draws_no_bar(capsys):
    with cli._bar(0):
        for done in (1, 2, 1, 2):
            progress.say("moments", done, 2)
            progress.say("steps", done, 2)
    assert capsys.readouterr().err == ""
