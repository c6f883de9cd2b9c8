"""The `lecture` command as a reader calls it."""

import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from lecturelib import notebooks
from lecturelib.cli import main
from tests.test_notebooks import write

CELL = "seed = 0  # of the random numbers, no unit"


def lecture(folder, *arguments):
    return CliRunner().invoke(main, ["--notebooks", str(folder), *arguments])


def test_list_shows_titles_and_parameters(tmp_path):
    write(tmp_path, "01_first", CELL)
    write(tmp_path, "02_second")
    assert lecture(tmp_path, "list").output == "01  Title of 01_first\n02  Title of 02_second\n"
    assert "seed = 0  # of the random numbers, no unit" in lecture(tmp_path, "list", "01").output


def test_a_failing_notebook_stops_nothing_and_is_named_at_the_end(tmp_path):
    write(tmp_path, "01_first", CELL, "1 / 0")
    write(tmp_path, "02_second", CELL, "print(seed)")
    result = lecture(tmp_path, "run", "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "01_first                         FAILED" in result.output
    assert "02_second                        ran" in result.output
    assert "01_first failed in cell [2]: ZeroDivisionError: division by zero" in result.output
    assert f"are in {tmp_path / 'out'}" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "03"], "no notebook '03'; there are 01_first"),
        (["run", "01", "-p", "sed=1"], "no parameter 'sed'"),
        (["run", "01", "-p", "seed=abc"], "not a value of type int"),
        (["list", "nope"], "no notebook 'nope'"),
        (["store", "nope"], "no notebook 'nope'"),
    ],
)
def test_mistakes_are_refused_before_anything_runs(tmp_path, arguments, message):
    write(tmp_path, "01_first", CELL)
    if arguments[0] == "run":
        arguments = [*arguments, "--out", str(tmp_path / "out")]
    result = lecture(tmp_path, *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


def test_no_notebooks_is_said(tmp_path):
    assert "run from a checkout" in lecture(tmp_path, "list").output


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_half_file(tmp_path, end):
    started = tmp_path / "started"
    write(tmp_path, "01_first", CELL, f"open({str(started)!r}, 'w').close()\nimport time; time.sleep(300)")
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "lecturelib.cli", "--notebooks", tmp_path, "run", "--out", out],
        start_new_session=True,  # as a terminal does: the signal reaches the command and its kernel
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while not started.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.killpg(process.pid, end)
        assert process.wait(timeout=60) != 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert list(out.iterdir()) == []


def test_the_lectures_own_notebooks_are_the_default():
    result = CliRunner().invoke(main, ["list"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) == len(notebooks.find())
