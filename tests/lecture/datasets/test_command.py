"""`lecture batch-size` and its files: options that messages name, dry runs, refusals before the work."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import lecturelib.datasets
from lecturelib.advice import preparation
from tests.lecture.datasets.wine import DUPLICATE, write
from workshop.cli import batch_size, main


def test_every_option_that_a_message_names_is_one_of_the_command():
    known = {
        option for parameter in batch_size.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    files = [*Path(lecturelib.datasets.__file__).parent.glob("*.py"), Path(preparation.__file__)]
    named = {
        option for file in files for option in re.findall(r"(?<=[ (,`])--[a-z][a-z-]*", file.read_text())
    }
    assert len(named) > 8
    assert named <= known


def test_dry_run_says_what_would_be_done_and_writes_nothing(tmp_path):
    path = write(tmp_path, "t.csv", DUPLICATE)
    arguments = ["batch-size", str(path), "--dry-run", "--keep", "b", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("t.csv, predicting y: 24 rows, 2 columns\n")
    assert "The target is y, by its name" in result.output
    assert [each.name for each in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([""], "DATA is an empty name"),
        (["t.csv", "--out", "t.csv/below"], "t.csv"),
        (["t.csv", "--drop", "nothing"], "'nothing' is not a column of it; choose one of: 'a', 'b', 'y'"),
        (["t.csv", "--delimiter", ";;"], "give one character"),
        (["t.csv", "--missing", "-999"], "'-999' stands nowhere in it"),
        (["--steps", "t.csv", "--dry-run"], "with --steps leave out --dry-run"),
        (["--model", "mine:problem", "--dry-run"], "with --model leave out --dry-run"),
    ],
)
def test_what_the_command_cannot_do_is_said_before_the_work(tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "t.csv", DUPLICATE)
    result = CliRunner().invoke(main, ["batch-size", *arguments])
    assert result.exit_code == 2
    assert says in " ".join(result.output.split())
