"""The audit: a mutant that works is told from one that changes nothing, on a notebook run for real.

The mutants of the lecture's own notebooks run in `make audit`; here run the quickest of them.
"""

import json
import shutil

import pytest

from tests.workshop.test_notebooks import write
from workshop import notebooks
from workshop.audit import command, execution, mutants

CLAIM = (
    "from lecturelib import claims\nfrom lecturelib.parallel import cost\n"
    "claims.check('01.half', 'Half of four.', measured=four / 2, equals=2.0, because='arithmetic');\n"
    "claims.check('01.late', 'Reached as well.', measured=1.0, equals=1.0, because='arithmetic');"
).replace("'", '"')
AFTER = 'claims.check("01.after", "Reached.", measured=cost_of, equals=four, because="arithmetic");'
SOURCES = ("four = 4  # any", CLAIM, "cost_of = 2 + 2", AFTER)
SECONDS = 15  # of the quick mutants of the lecture, as measured when the audit was stored


@pytest.fixture(scope="module")
def worker():
    with execution.Worker() as worker:
        yield worker


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    monkeypatch.setattr(mutants, "MUTANTS", tmp_path)
    return write(tmp_path, "01_tiny", *SOURCES)


def mutants_of(notebook, *tables):
    (mutants.MUTANTS / "01.toml").write_text("".join(tables))
    return command.read(notebook)


def mutant(claims, old, new, why="wrong", file="notebook", parameters="{}"):
    values = {"claims": claims, "old": old, "new": new, "why": why, "file": file}
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    return "\n".join(["[[mutant]]", *lines, f"parameters = {parameters}", ""])


@pytest.mark.long
def test_failed_and_held_claims_are_told_apart_and_the_cells_after_them_run(notebook, worker):
    both = ["01.half", "01.after"]
    (third,) = mutants_of(notebook, mutant(both, "four / 2", "four / 3"))
    found = worker.run(third.program(), notebook.path.parent)
    assert (found["failed"], found["held"], found["other_errors"]) == (
        ["01.half"],
        ["01.after", "01.late"],
        [],
    )
    (right,) = mutants.right_ones([third])
    found = worker.run(right.program(), notebook.path.parent)
    assert (found["failed"], found["held"]) == ([], ["01.after", "01.half", "01.late"])


def test_only_the_cells_that_the_claims_need_run(notebook):
    early, late = mutants_of(
        notebook,
        mutant(["01.half"], "four / 2", "four / 3", parameters="{four = 6}"),
        mutant(["01.after"], "2 + 2", "2 + 3"),
    )
    assert early.program().cells == ("four = 6", CLAIM.replace("four / 2", "four / 3"))
    assert late.program().cells == (SOURCES[0], CLAIM, "cost_of = 2 + 3", AFTER)


@pytest.mark.long
def test_a_surviving_mutant_and_a_claim_without_one_are_faults(notebook, worker):
    mutants_of(
        notebook,
        mutant(["01.half"], "four / 2", "four * 0.5", "none"),
        mutant(["01.after"], "2 + 2", "2 + 3", "five"),
    )
    verdicts = command.audit([notebook], [worker], {})
    assert [(run["why"], run["missed"]) for run in verdicts] == [
        ("no mutant", []),
        ("no mutant", []),
        ("none", ["01.half"]),
        ("five", []),
    ]
    line, faults = command.summary(verdicts, command.claim_ids(notebook))
    assert line == "3 claims, 2 mutants; 1 claims killed, 1 mutants killed, 1 survived"
    assert faults == [
        "not killed by any mutant: 01.half",
        "not killed by any mutant: 01.late",
        "01, none: survived by 01.half",
    ]


def test_parameters_under_which_the_right_program_fails_are_a_fault(notebook, worker):
    mutants_of(notebook, mutant(["01.half"], "four / 2", "four / 5", parameters="{four = 6}"))
    _, faults = command.summary(command.audit([notebook], [worker], {}), {"01.half"})
    assert faults == ["01 with {'four': 6}, no mutant: 01.half did not hold"]


def test_the_library_that_runs_is_the_mutated_one_and_parameters_reach_it(notebook, worker):
    old, new = "return bool((margin >= 0).all())", "return not (margin >= 0).all()"
    (upside_down,) = mutants_of(
        notebook, mutant(["01.late", "01.after"], old, new, file="claims.py", parameters="{four = 6}")
    )
    found = worker.run(upside_down.program(), notebook.path.parent)
    assert found["held"] == ["01.after", "01.half"]  # 3 is not 2, and 4 is not 6: both are now called true
    assert found["failed"] == ["01.late"]


@pytest.mark.long
def test_a_run_that_never_ends_and_one_that_dies_are_reported_and_the_next_one_runs(notebook, worker):
    for cell in ("while True: pass", "import os; os.abort()"):
        with pytest.raises(RuntimeError, match="ended with status -"):
            worker.run(mutants.Program((cell,)), notebook.path.parent, limit=1)
    right = mutants.Mutant(notebook, ("01.late",)).program()
    assert worker.run(right, notebook.path.parent)["held"] == ["01.half", "01.late"]


@pytest.mark.long
def test_a_mutant_that_kills_the_process_kills_no_claim_and_is_tried_again(notebook, worker, capsys):
    mutants_of(notebook, mutant(["01.after"], "2 + 2", "__import__('os').abort()", "crash"))
    known = {}
    for _ in range(2):
        verdicts = command.audit([notebook], [worker], known)
        assert [run["missed"] for run in verdicts] == [[], ["01.after"]]
        assert "ended with status -6" in capsys.readouterr().out
    assert len(known) == 1


@pytest.mark.long
def test_only_what_has_changed_runs_again(notebook, worker, capsys):
    tables = [
        mutant(["01.half"], "four / 2", "four / 3", "third"),
        mutant(["01.after"], "2 + 2", "2 + 3", "five"),
    ]
    mutants_of(notebook, *tables)
    known, kept = {}, []
    first = command.audit([notebook], [worker], known, lambda known: kept.append(len(known)))
    assert kept == [1, 2, 3, 4]
    capsys.readouterr()
    assert command.audit([notebook], [worker], known) == first
    assert capsys.readouterr().out.count("as before") == 4
    changed = write(notebook.path.parent, "01_tiny", *SOURCES[:-1], AFTER.replace("Reached", "Got there"))
    command.audit([changed], [worker], known)
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith("as it should be") for line in lines] == [True] * 4
    again = [line for line in lines if "as before" in line]
    assert len(again) == 2  # what does not need the changed cell, without mutant and with it
    assert sum("third" in line for line in again) == 1


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda text: text.replace("# The first of those", "# One of those"), True),
        (lambda text: text.replace("A claim of the lecture, checked", "Checked"), True),
        (lambda text: text.replace("margin >= 0", "margin > 0"), False),
    ],
)
def test_the_hash_is_that_of_what_the_program_does(notebook, tmp_path, monkeypatch, change, same):
    program = mutants.Mutant(notebook, ("01.after",)).program()
    before = program.key()
    copy = tmp_path / "lecturelib"
    shutil.copytree(mutants.PACKAGE, copy, ignore=shutil.ignore_patterns("data", "__pycache__"))
    monkeypatch.setattr(mutants, "PACKAGE", copy)
    text = (copy / "claims.py").read_text()
    assert change(text) != text
    (copy / "claims.py").write_text(change(text))
    (copy / "least_squares" / "simulate.py").write_text("nothing that the notebook reaches")
    assert (program.key() == before) is same


@pytest.mark.parametrize("old", ["nowhere", "four"])
def test_a_text_that_does_not_stand_there_once_is_refused(notebook, old):
    with pytest.raises(ValueError, match="stands"):
        mutants_of(notebook, mutant(["01.half"], old, "x"))


def test_a_mutant_changes_its_copy_and_never_the_package(notebook, worker):
    untouched = (mutants.PACKAGE / "spread.py").read_text()
    cell = "from lecturelib import spread\nassert spread.LOST"
    program = mutants.Program((cell,), {"spread.py": "LOST = True"})
    assert worker.run(program, notebook.path.parent)["other_errors"] == []
    assert (mutants.PACKAGE / "spread.py").read_text() == untouched


def quick() -> list[tuple[notebooks.Notebook, str]]:
    """The quickest mutant of each notebook, as the stored audit has measured them, within SECONDS in all."""
    first = {}
    for run in sorted(command.stored()["runs"], key=lambda run: run["seconds"]):
        if run["old"]:
            first.setdefault(run["notebook"], run)
    chosen, total = [], 0.0
    for notebook in notebooks.find():
        run = first.get(notebook.number)
        if run and total + run["seconds"] <= SECONDS:
            total += run["seconds"]
            chosen.append((notebook, run["why"]))
    return chosen


@pytest.mark.long
@pytest.mark.parametrize(("notebook", "why"), quick(), ids=lambda x: getattr(x, "number", None))
def test_the_lectures_quickest_mutants_are_killed(notebook, why, worker):
    found = [m for m in command.read(notebook) if m.why == why]
    assert found, (
        f"{why!r} is no mutant of notebook {notebook.number} any more: python -m workshop.audit --store"
    )
    ran = worker.run(found[0].program(), notebook.path.parent)
    assert set(found[0].claims) <= set(ran["failed"])


def test_the_stored_audit_is_of_these_claims_and_mutants_and_found_no_fault():
    if not command.STORED.exists():
        pytest.skip("no audit is stored; `python -m workshop.audit --store` runs all of it and stores it")
    report = command.stored()
    assert report["faults"] == []
    for notebook in notebooks.find():
        runs = [run for run in report["runs"] if run["notebook"] == notebook.number and run["old"]]
        now = [(sorted(m.claims), m.file, m.old, m.new, m.why) for m in command.read(notebook)]
        assert [(r["claims"], r["file"], r["old"], r["new"], r["why"]) for r in runs] == now
        assert {name for run in runs for name in run["claims"]} == command.claim_ids(notebook)
        assert not [run for run in runs if run["missed"]]
