"""Two sweeps compared: runs with the same parameters, whatever else the two have."""

import re

import pyarrow.parquet
import pytest

from lecturelib import sweep
from tests.workshop.sweep.sweep_cases import at_once
from tests.workshop.test_notebooks import write
from workshop.sweep import command as sweep_command
from workshop.sweep import compare, execute
from workshop.sweep.folder import Folder, Result
from workshop.sweep.plan import Sweep

CELL = "rate = 0.5  # no unit\nseed = 0  # any\nstatus = 'x'  # any"
RATES = {"rate": [0.25, 0.5], "seed": range(4), "status": ["x"]}


@pytest.fixture
def two(tmp_path, monkeypatch):
    """A notebook, an older sweep of it, and a function that sweeps it with what its runs now record."""
    notebook = write(tmp_path, "01_first", CELL)

    def swept(grid, out, recorded, **options):
        at_once(monkeypatch, recorded)
        return sweep.run(notebook, grid, tmp_path / out, workers=1, **options)

    swept(RATES, "old", lambda v: {"risk": v["rate"] + v["seed"], "same": 3.0 * v["seed"], "word": "a"})
    return tmp_path, swept


def new(values):
    rate = values.get("rate", 0.5)
    return {"risk": rate + values["seed"] + rate**2 * (1 + values["seed"]), "same": 3.0 * values["seed"]}


def test_differences_are_run_by_run_with_seeds_as_repeats(two):
    folder, swept = two
    swept(RATES | {"rate": [0.25, 0.5, 1.0]}, "new", new, against=folder / "old")
    page = (folder / "new" / "index.html").read_text()
    assert "Runs with the same parameters in both: 8; here only: 4; there only: 0." in page
    assert "The same in each of them: same." in page
    rows = page.split("<h2>Against ")[1].split("</table>")[0]
    # rate**2 times the mean of 1, 2, 3, 4, and Student's t interval of four such numbers, 2.05 wide at 1
    assert re.findall(r"([\d.]+) ± ([\d.]+)</td>", rows) == [("0.16", "0.13"), ("0.62", "0.51")]
    assert 'title="0.15625"' in rows
    assert 'title="0.625"' in rows


def test_a_parameter_that_one_sweep_was_not_given_had_its_default_there(two):
    folder, swept = two
    swept({"seed": [0, 1, 9]}, "new", new, against=folder / "old")  # at rate 0.5 and status "x"
    assert (
        "Runs with the same parameters in both: 2; here only: 1; there only: 6."
        in (folder / "new" / "index.html").read_text()
    )


def test_other_verdicts_are_said_with_where_first(tmp_path):
    for name, false in (("old", {1}), ("new", {0, 2})):
        folder = Folder(tmp_path / name)
        folder.runs.mkdir(parents=True)
        results = {
            f"a-{s}": Result(f"a-{s}", {"seed": s}, 1.0, {}, {"04.x": 1.0}, None, 1, ["04.x"] * (s in false))
            for s in range(4)
        }
        for result in results.values():
            folder.keep(result, "{}")
        rows = execute.sweep_table.table({name: r.values for name, r in results.items()}, results)
        execute.sweep_table.write(rows, folder)
    there = Folder(tmp_path / "old")
    found = compare.compare(rows, {"seed": 0}, folder, compare.read(there.path), there)
    assert found.lines[1] == (
        "04.x holds here and not there in 1 of them, there and not here in 2; first at seed = 0."
    )
    assert "The same in each of them: 04.x." in found.lines


def test_the_command_says_it(capsys):
    found = compare.Comparison("old", ["Runs with the same parameters in both: 1."], [])
    sweep_command._summary(Sweep({}, {}, None, None, found), "out")
    assert "\nAgainst old:\nRuns with the same" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"", b"PAR1 no table", b"text", pyarrow.table({"x": [1]})])
def test_what_is_no_sweep_is_refused_before_anything_starts(two, content):
    folder, swept = two
    (folder / "other").mkdir()
    table = folder / "other" / "table.parquet"
    if isinstance(content, pyarrow.Table):
        pyarrow.parquet.write_table(content, table)
    elif content is not None:
        table.write_bytes(content)
    with pytest.raises(ValueError, match="is not the folder of a sweep"):
        swept(RATES, "new", new, against=folder / "other")
    assert not (folder / "new").exists()
