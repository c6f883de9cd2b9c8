"""The audit: a mutant that works is told from one that changes nothing, on a notebook run for real."""

import json

import pytest

from tests.test_notebooks import write
from tools import audit

CLAIM = (
    "from lecturelib import claims, cost\n"
    "claims.check('01.half', 'Half of four.', measured=four / 2, equals=2.0, because='arithmetic');\n"
    "claims.check('01.late', 'Not reached.', measured=1.0, equals=1.0, because='arithmetic');"
).replace("'", '"')
AFTER = 'claims.check("01.after", "Reached.", measured=cost_of, equals=four, because="arithmetic");'
SOURCES = ("four = 4  # any", CLAIM, "cost_of = 2 + 2", AFTER)


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    monkeypatch.setattr(audit, "MUTANTS", tmp_path)
    return write(tmp_path, "01_tiny", *SOURCES)


def mutants(notebook, *tables):
    (audit.MUTANTS / "01.toml").write_text("".join(tables))
    return audit.read(notebook)


def mutant(claims, old, new, why="wrong", file="notebook", parameters="{}"):
    values = {"claims": claims, "old": old, "new": new, "why": why, "file": file}
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    return "\n".join(["[[mutant]]", *lines, f"parameters = {parameters}", ""])


def test_failed_and_held_claims_are_told_apart_and_the_notebook_runs_to_its_end(notebook):
    (third,) = mutants(notebook, mutant(["01.half"], "four / 2", "four / 3"))
    found = audit.run(third)
    assert (found["failed"], found["held"], found["other_errors"]) == (["01.half"], ["01.after"], [])
    right = audit.run(audit.Mutant(notebook))
    assert (right["failed"], right["held"]) == ([], ["01.after", "01.half", "01.late"])


def test_a_surviving_mutant_and_a_claim_without_one_are_reported(notebook):
    mutants(
        notebook,
        mutant(["01.half"], "four / 2", "four * 0.5", "none"),
        mutant(["01.after"], "2 + 2", "2 + 3", "five"),
    )
    report = audit.audit([notebook], workers=1)
    killed = {name: found["killed_by"] for name, found in report["claims"].items()}
    assert killed == {"01.half": [], "01.after": ["five"], "01.late": []}
    assert [r["missed"] for r in report["runs"] if r["why"] == "none"] == [["01.half"]]


def test_the_library_that_runs_is_the_mutated_one_and_parameters_reach_it(notebook):
    old, new = "if not (margin >= 0).all()", "if (margin >= 0).all()"
    (upside_down,) = mutants(
        notebook, mutant(["01.late"], old, new, file="claims.py", parameters="{four = 6}")
    )
    found = audit.run(upside_down)
    assert found["held"] == ["01.after", "01.half"]  # 3 is not 2, and 4 is not 6: both are now called true
    assert found["failed"] == ["01.late"]


@pytest.mark.parametrize("old", ["nowhere", "four"])
def test_a_text_that_does_not_stand_there_once_is_refused(notebook, old):
    with pytest.raises(ValueError, match="stands"):
        mutants(notebook, mutant(["01.half"], old, "x"))
