"""Running real kernels: final names appear only for what ran to its end, and failures say where."""

import os
import platform
import re
import subprocess
import sys

import nbformat
import pytest

from lecturelib.files import written
from tests.workshop.test_notebooks import write
from workshop import running

CLAIM = (
    "from lecturelib import claims\n"
    "claims.check('01.seed-is-small', 'The seed is small.', measured=seed, at_most=1, because='counting');"
)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a folder with spaces")
    notebook = write(folder, "01_first", "seed = 0  # any", CLAIM, "print('a')\nprint('b')")
    return notebook, folder / "out", running.run(notebook, folder / "out")


def test_a_good_run_leaves_notebook_and_page_and_nothing_else(good):
    _, out, result = good
    assert result.error is None
    assert [(claim.id, claim.verdict) for claim in result.claims] == [("01.seed-is-small", True)]
    assert sorted(p.name for p in out.iterdir()) == ["01_first.html", "01_first.ipynb"]
    assert set(result.files) == set(out.iterdir())
    assert 0 < result.seconds < 300
    executed = nbformat.read(out / "01_first.ipynb", as_version=4)
    assert [c.execution_count for c in executed.cells if c.cell_type == "code"] == [1, 2, 3]


def test_the_page_needs_no_network(good):
    page = (good[1] / "01_first.html").read_text()
    assert re.search(r"<(script|link|img|iframe)[^>]+(src|href)=[\"'](https?:)?//", page) is None
    assert not re.search(r"@import|cdnjs|url\([\"']?https?:", page)
    assert "MathJax" in page
    assert "<title>01 Title of 01_first</title>" in page
    assert "The seed is small. <small>Measured 0, at most 1: counting" in page


@pytest.mark.long
def test_a_strict_run_stops_at_a_false_claim_and_leaves_its_page_and_no_stale_success(good, monkeypatch):
    monkeypatch.delenv("LECTURE_STRICT")
    notebook, out, _ = good
    result = running.run(notebook, out, {"seed": 5}, strict=True)
    assert "cell [3]: ClaimFailed: claim 01.seed-is-small does not hold" in result.error
    assert [claim.verdict for claim in result.claims] == [False]
    assert "LECTURE_STRICT" not in os.environ
    kept, page = result.files
    assert re.fullmatch(r"01_first__seed-5-[0-9a-f]{6}\.failed\.ipynb", kept.name)
    assert sorted(p.name for p in out.iterdir()) == ["01_first.html", "01_first.ipynb", page.name, kept.name]
    assert "ClaimFailed" in page.read_text()


@pytest.mark.long
def test_a_readers_run_goes_on_after_a_false_claim_and_shows_both_numbers(good, monkeypatch):
    monkeypatch.delenv("LECTURE_STRICT")
    notebook, out, _ = good
    result = running.run(notebook, out, {"seed": 6})
    assert result.error is None
    (claim,) = result.claims
    assert (claim.measured, claim.expected, claim.verdict) == (6.0, 1.0, False)
    executed, page = result.files
    assert nbformat.read(executed, as_version=4).cells[-1].outputs[-1].text == "a\nb\n"
    shown = (
        "✗ does not hold at these parameters:</b> The seed is small. <small>Measured 6, at most 1: counting"
    )
    assert shown in page.read_text()


@pytest.mark.long
def test_failure_then_success_then_failure_under_one_name(tmp_path):
    out = tmp_path / "out"
    notebook = write(tmp_path, "01_first", "x = 1  # any", "1 / 0")
    assert running.run(notebook, out).error == "cell [2]: ZeroDivisionError: division by zero"
    write(tmp_path, "01_first", "x = 1  # any", "1 / 1")
    assert running.run(notebook, out).error is None
    assert sorted(p.name for p in out.iterdir()) == ["01_first.html", "01_first.ipynb"]
    write(tmp_path, "01_first", "x = 1  # any", "import os; os._exit(3)")
    assert "died" in running.run(notebook, out).error.lower()
    assert {p.name for p in out.iterdir()} <= {"01_first.failed.ipynb", "01_first.failed.html"}


@pytest.mark.long
@pytest.mark.parametrize("leave", ["exit()", "import sys; sys.exit(0)", "raise SystemExit"])
def test_a_notebook_that_exits_before_its_last_cell_has_failed(tmp_path, leave):
    notebook = write(tmp_path, "01_first", "seed = 7  # any", leave, CLAIM)
    before = notebook.path.read_bytes()
    error = running.run(notebook, tmp_path / "out").error
    assert error in ("cell [2]: exit() ended the kernel", "cell [2]: SystemExit: 0", "cell [2]: SystemExit: ")
    assert not (tmp_path / "out" / "01_first.html").exists()
    assert running.store(notebook) == error
    assert notebook.path.read_bytes() == before


def test_unfinished_copies_of_killed_processes_are_removed_and_no_others(tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    host = platform.node()
    others = [f".running-{host}-{os.getpid()}-x", ".running-elsewhere-1-x", f".running-{host}-word-x", "a-1"]
    for name in (f".running-{host}-{killed.pid}-x", *others):
        (tmp_path / name).mkdir()
        (tmp_path / name / "01_first.ipynb").touch()
    running._clear(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*others}


def test_parameters_give_each_run_its_own_safe_name():
    names = {
        running._suffix(v)
        for v in ({}, {"a": 1}, {"a": 2}, {"a": "../../x"}, {"a": "x" * 500}, {"a": "x" * 501})
    }
    assert len(names) == 6
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{0,80}", n) for n in names)


@pytest.mark.long
def test_storing_is_clean_and_repeatable(tmp_path):
    notebook = write(tmp_path, "01_first", "seed = 0  # any", CLAIM, "print('a', flush=True)\nprint('b')")
    ids = [c.id for c in notebook.read().cells]
    assert running.store(notebook) is None
    first = notebook.path.read_bytes()
    assert running.store(notebook) is None
    assert notebook.path.read_bytes() == first
    contents = notebook.read()
    assert [c.id for c in contents.cells] == ids
    assert contents.cells[-1].outputs == [{"name": "stdout", "output_type": "stream", "text": "a\nb\n"}]
    assert "papermill" not in first.decode()
    assert "iopub" not in first.decode()


@pytest.mark.long
def test_storing_a_failing_notebook_leaves_it_as_it_was(tmp_path):
    notebook = write(tmp_path, "01_first", "seed = 0  # any", "1 / 0")
    before = notebook.path.read_bytes()
    assert "ZeroDivisionError" in running.store(notebook)
    assert notebook.path.read_bytes() == before


def test_storing_does_not_undo_what_is_saved_meanwhile(tmp_path):
    notebook = write(tmp_path, "01_first", "x = 1  # any", "open('01_first.ipynb', 'a').write(' ')")
    before = notebook.path.read_bytes()
    assert running.store(notebook) == "01_first.ipynb was saved while it ran: store it once more"
    assert notebook.path.read_bytes() == before + b" "


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "result"
    path.write_text("old")

    def fail():
        with written(path) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
