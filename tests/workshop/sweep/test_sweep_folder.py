"""A sweep's folder: done means in place, half files count for nothing, one sweep at a time."""

import json
import math

import nbformat
import pytest

from workshop.sweep import folder as sweep_folder
from workshop.sweep.folder import Folder, InUse, Result

GOOD = Result("a-1", {"seed": 1}, 2.5, {"risk": 0.5, "never": math.inf}, {"04.x": 3.0})
BAD = Result("a-1", {"seed": 1}, 1.0, error="cell [2]: ZeroDivisionError: division by zero", attempts=2)


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path / "out")
    with folder.locked():
        yield folder


def names(folder):
    return sorted(path.name for path in folder.runs.iterdir())


def test_results_come_back_as_they_were_kept(folder):
    assert folder.result("a-1") is None
    folder.keep(GOOD, "notebook")
    assert folder.result("a-1") == GOOD
    assert (folder.runs / "a-1.ipynb").read_text() == "notebook"
    assert names(folder) == ["a-1.ipynb", "a-1.json"]


def test_success_after_failure_leaves_no_failure(folder):
    folder.keep(BAD, "shows the error")
    assert folder.result("a-1") == BAD
    assert names(folder) == ["a-1.failed.ipynb", "a-1.failed.json"]
    folder.keep(GOOD, "notebook")
    assert folder.result("a-1") == GOOD
    assert names(folder) == ["a-1.ipynb", "a-1.json"]


def test_a_notebook_without_its_result_is_not_done(folder, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "full")

    real = sweep_folder.json.dumps
    monkeypatch.setattr(sweep_folder.json, "dumps", full)
    with pytest.raises(OSError, match="full"):
        folder.keep(GOOD, "notebook")
    assert folder.result("a-1") is None
    assert names(folder) == ["a-1.ipynb"]
    monkeypatch.setattr(sweep_folder.json, "dumps", real)
    folder.keep(GOOD, "notebook")
    assert folder.result("a-1") == GOOD


STORED = '{"name": "a-1", "values": {}, "seconds": 1.0, '


def test_a_result_of_a_later_edition_is_done(folder):
    (folder.runs / "a-1.json").write_text(STORED + '"colour": 3}')
    assert folder.result("a-1") == Result("a-1", {}, 1.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"name": "a-1"',
        "[]",
        '{"name": "a-1", "colour": 3}',
        STORED.replace("a-1", "a-2") + '"error": null}',
        STORED + '"recorded": []}',
        STORED + '"measured": null}',
        STORED + '"failed_claims": [1]}',
        STORED.replace("1.0", '"x"') + '"error": null}',
        STORED + '"recorded": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "\0\0\0",
        STORED.replace("1.0", "1" + "0" * 400) + '"error": null}',
    ],
)
def test_a_damaged_result_is_not_done(folder, text):
    folder.keep(GOOD, "notebook")
    (folder.runs / "a-1.json").write_text(text)
    assert folder.result("a-1") is None


def test_a_folder_with_the_name_of_a_result_is_none(folder):
    folder.keep(GOOD, "notebook")
    (folder.runs / "a-2.json").mkdir()
    assert folder.result("a-2") is None
    assert folder.earlier_seconds("a") == [GOOD.seconds]


def test_a_folder_among_unfinished_files_stops_no_sweep(tmp_path):
    (tmp_path / "runs" / ".a-1.json.part").mkdir(parents=True)
    with Folder(tmp_path).locked():
        assert list((tmp_path / "runs").iterdir()) == [tmp_path / "runs" / ".a-1.json.part"]


def test_a_second_sweep_is_refused_and_told_by_whom(folder):
    with pytest.raises(InUse, match=r"another sweep \(process \d+ on .+\) is running in"), folder.locked():
        pass
    assert folder.running.exists()  # the first one's work is untouched


def test_after_a_killed_sweep_no_half_files_and_no_compiled_programs_are_left(tmp_path):
    folder = Folder(tmp_path)
    with folder.locked():
        folder.keep(GOOD, "notebook")
    (folder.compiled / "program").touch()
    with folder.locked():
        assert (folder.compiled / "program").exists()  # after a sweep that ended well they are used again
    folder.running.mkdir()
    (folder.running / "a-1.x.ipynb").touch()
    (folder.runs / ".a-2.json.77.part").touch()
    with folder.locked():
        assert names(folder) == ["a-1.ipynb", "a-1.json"]
        assert not list(folder.running.iterdir())
        assert not list(folder.compiled.iterdir())


def test_a_sweep_that_raises_leaves_neither_lock_nor_compiled_programs(tmp_path):
    folder = Folder(tmp_path)

    def interrupted():
        with folder.locked():
            (folder.compiled / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with folder.locked():
        assert not list(folder.compiled.iterdir())


@pytest.mark.parametrize("name", ["a-1", "k[1] **-1"])
def test_what_a_killed_worker_left_is_found(folder, name):
    assert folder.unfinished(name) is None
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("as far as it came")])
    nbformat.write(notebook, folder.running / f"{name}.host-1-2.ipynb")
    (folder.running / f"{name}.host-3-4.ipynb").write_text('{"cells": [')  # killed while it wrote
    assert folder.unfinished(name).cells[0].source == "as far as it came"


def test_earlier_seconds_are_those_of_this_notebooks_good_runs(folder):
    folder.keep(GOOD, "")
    folder.keep(Result("a-2", {}, 7.5), "")
    folder.keep(Result("a-3", {}, 9.0, error="no"), "")
    folder.keep(Result("b-1", {}, 11.0), "")
    folder.keep(Result("[ab] **-1", {}, 3.0), "")
    assert sorted(folder.earlier_seconds("a")) == [2.5, 7.5]
    assert folder.earlier_seconds("[ab] **") == [3.0]


def test_results_are_plain_json(folder):
    folder.keep(BAD, "")
    stored = json.loads((folder.runs / "a-1.failed.json").read_text())
    assert stored["error"] == BAD.error
    assert stored["values"] == {"seed": 1}
