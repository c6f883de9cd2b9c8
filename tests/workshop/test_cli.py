"""The `lecture` command as a reader calls it."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from tests.workshop.sweep.sweep_cases import heed_interrupts
from tests.workshop.test_notebooks import write
from workshop import checkout, cli, notebooks
from workshop.cli import main

CELL = "seed = 0  # of the random numbers, no unit"


def lecture(folder, *arguments):
    return CliRunner().invoke(main, ["--notebooks", str(folder), *arguments])


def test_list_shows_titles_and_parameters(tmp_path):
    write(tmp_path, "01_first", CELL)
    write(tmp_path, "02_second")
    assert lecture(tmp_path, "list").output == "01  Title of 01_first\n02  Title of 02_second\n"
    assert "seed = 0  # of the random numbers, no unit" in lecture(tmp_path, "list", "01").output


@pytest.mark.long
def test_a_failing_notebook_stops_nothing_and_is_named_at_the_end(tmp_path):
    write(tmp_path, "01_first", CELL, "1 / 0")
    write(tmp_path, "02_second", CELL, "print(seed)")
    result = lecture(tmp_path, "run", "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "01_first                         FAILED" in result.output
    assert "02_second                        ran" in result.output
    assert "01_first failed in cell [2]: ZeroDivisionError: division by zero" in result.output
    assert f"are in {tmp_path / 'out'}" in result.output


@pytest.mark.long
def test_a_false_claim_is_said_at_the_end_and_with_strict_stops_its_notebook(tmp_path, monkeypatch):
    monkeypatch.delenv("LECTURE_STRICT")
    false = (
        "from lecturelib import claims\nclaims.check('01.a', 'S.', measured=seed, equals=1, because='so');"
    )
    write(tmp_path, "01_first", CELL, false, false.replace("01.a", "01.b").replace("=1", "=0"))
    result = lecture(tmp_path, "run", "--out", str(tmp_path / "out"))
    assert result.exit_code == 0
    assert "1 of 2 claims hold" in result.output
    assert (
        "\nclaim 01.a does not hold at these parameters: S. [measured 0, expected 1 (so); exactly"
        in result.output
    )
    result = lecture(tmp_path, "run", "--strict", "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "01_first failed in cell [2]: ClaimFailed: claim 01.a" in result.output


def test_make_lectures_is_strict():
    make = ["make", "-n", "-C", checkout.root(), "lectures"]
    said = subprocess.run(make, capture_output=True, text=True, check=True).stdout
    assert "workshop.cli run --strict" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "03"], "no notebook '03'; there are 01_first"),
        (["run", "01", "-p", "sed=1"], "no parameter 'sed'"),
        (["run", "01", "-p", "seed=abc"], "not a value of type int"),
        (["list", "nope"], "no notebook 'nope'"),
        (["store", "nope"], "no notebook 'nope'"),
        (["run", "gone.ipynb"], "there is no file gone.ipynb"),
        (["run", "there/gone.ipynb"], "there is no file there/gone.ipynb"),
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


@pytest.mark.parametrize("command", ["list", "run", "store"])
def test_outside_a_checkout_the_lectures_notebooks_are_not_there_and_it_says_what_to_do(
    tmp_path, monkeypatch, command
):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [command])
    assert result.exit_code == 2
    assert f"{tmp_path} is in no checkout of the lecture" in result.output
    assert "go to one, or name a notebook of your own by its path" in " ".join(result.output.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_any_notebook_runs_by_its_path_outside_a_checkout(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    write(tmp_path / "mine", "a {notebook} of <mine>", CELL, "print('twice', 2 * seed)")
    monkeypatch.chdir(tmp_path)
    own = "mine/a {notebook} of <mine>.ipynb"
    assert f"      {CELL}" in CliRunner().invoke(main, ["list", own]).output
    result = CliRunner().invoke(main, ["run", own, "-p", "seed=21"])
    assert result.exit_code == 0, result.output
    assert f"are in {tmp_path / 'lectures'}" in result.output
    ran, page = sorted((tmp_path / "lectures").iterdir(), key=lambda path: path.suffix, reverse=True)
    assert "twice 42" in ran.read_text()
    assert "<title>Title of a {notebook} of" in page.read_text()


@pytest.mark.long
def test_what_is_checked_is_what_runs_though_it_is_saved_meanwhile(tmp_path):
    other = write(tmp_path, "02_second", CELL, "print('twice', 2 * seed)").path
    text = other.read_text()
    write(tmp_path, "01_first", CELL, f"open({str(other)!r}, 'w').write({text.replace('seed', 'q')!r})")
    result = CliRunner().invoke(
        main, ["--notebooks", str(tmp_path), "run", "-p", "seed=21", "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 0, result.output
    assert "q = " in other.read_text()
    assert any("twice 42" in path.read_text() for path in (tmp_path / "out").glob("02*.ipynb"))


def test_a_name_that_is_no_text_is_refused(tmp_path):
    mine = write(tmp_path, "mine", CELL)
    odd = mine.path.rename(tmp_path / "\udcff.ipynb")
    result = CliRunner().invoke(main, ["run", str(odd)])
    assert result.exit_code == 2
    assert "is no name in UTF-8; give the notebook another one" in result.output


def test_two_notebooks_of_one_name_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "mine", CELL)
    result = CliRunner().invoke(main, ["run", f"{tmp_path}/a/mine.ipynb", f"{tmp_path}/b/mine.ipynb"])
    assert result.exit_code == 2
    assert "2 notebooks are called mine" in result.output


def test_results_are_under_build_of_the_checkout_around_the_current_folder(tmp_path, monkeypatch):
    for name in ("notebooks", "homework", "lecturelib", "workshop"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "homework")
    assert checkout.root() == tmp_path
    assert checkout.results("lectures") == tmp_path / "build" / "lectures"


def test_no_notebooks_is_said(tmp_path):
    assert "run from a checkout" in lecture(tmp_path, "list").output


@pytest.mark.long
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_half_file(tmp_path, end):
    started = tmp_path / "started"
    write(tmp_path, "01_first", CELL, f"open({str(started)!r}, 'w').close()\nimport time; time.sleep(300)")
    out = tmp_path / "out"
    heed_interrupts()
    process = subprocess.Popen(
        [sys.executable, "-m", "workshop.cli", "--notebooks", tmp_path, "run", "--out", out],
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


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(tmp_path, monkeypatch, number):
    def refuses(*_, **__):
        raise OSError(number, os.strerror(number), "build/lectures")

    monkeypatch.setattr(cli.running, "run", refuses)
    write(tmp_path, "01_first", CELL)
    result = lecture(tmp_path, "run", "01", "--out", "build/lectures")
    assert result.exit_code == 1
    assert result.output.endswith(
        f"Error: {os.strerror(number)}: build/lectures; give another folder, --out, that can be written\n"
    )


def test_an_interrupted_command_says_so_and_ends_as_a_shell_expects(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.running, "run", interrupted)
    write(tmp_path, "01_first", CELL)
    result = lecture(tmp_path, "run", "01", "--out", str(tmp_path / "out"))
    assert (result.exit_code, result.output.splitlines()[-1]) == (130, "Stopped.")
