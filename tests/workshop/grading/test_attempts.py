"""Limits belong to the machine: what a busy or slow one does is not booked as a student's mistake."""

import time

import pytest

from tests.marks import first_quick
from tests.workshop.grading import grading_cases as cases
from tests.workshop.grading.grading_cases import grade, lost, marks
from workshop.grading import attempts, canary, marking, proof, reply, sandbox
from workshop.grading.inside import child
from workshop.grading.reply import Outcome

RIGHT = Outcome(outputs="[]", seconds=1.0)
JOB = {"cells": [{"number": number, "source": ""} for number in range(4)], "load_seconds": 20}


def tried(monkeypatch, *outcomes, job=JOB):
    """The last outcome, whether it is certain, and the jobs, where `sandbox.run` gives these."""
    jobs, waiting = [], list(outcomes)

    def run(job, *_):
        jobs.append(job)
        found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(sandbox, "run", run)
    found, certain = attempts.Attempts((), ()).outcome(job)
    return found, certain, jobs


@pytest.mark.parametrize("problem", ["time", "died"])
def test_what_may_be_the_machines_fault_has_a_second_try(monkeypatch, problem):
    first = Outcome(problem=problem, seconds=1.0)
    assert tried(monkeypatch, first, RIGHT)[:2] == (RIGHT, True)
    assert tried(monkeypatch, first, first)[:2] == (first, True)
    late = Outcome(problem=problem, seconds=1000.0)
    assert tried(monkeypatch, late)[:2] == (late, False)  # no time is left for another


def test_a_machine_that_fails_for_a_moment_stops_nothing(monkeypatch):
    broken = sandbox.SandboxBroken("no memory")
    assert tried(monkeypatch, broken, RIGHT)[:2] == (RIGHT, True)
    with pytest.raises(sandbox.SandboxBroken):
        tried(monkeypatch, broken, broken)


def test_a_cell_that_is_cut_off_or_ends_the_process_is_run_in_brief_then_not_at_all(monkeypatch):
    missing = Outcome(problem="missing", cut=(1,), seconds=1.0)
    ended = Outcome(problem="died", cell=2, seconds=1.0)
    found, certain, jobs = tried(monkeypatch, missing, ended, ended, RIGHT)
    assert (found, certain) == (RIGHT, True)
    brief = [[cell["number"] for cell in job["cells"] if cell["brief"]] for job in jobs]
    assert brief == [[], [1], [1, 2], [1]]
    assert [cell["number"] for cell in jobs[-1]["cells"]] == [0, 1, 3]


def test_cell_numbers_that_are_forged_win_nothing(monkeypatch):
    forged = Outcome(problem="died", cell=99, cut=(98, 97), seconds=1.0)
    found, certain, jobs = tried(monkeypatch, forged)
    assert (found, certain, len(jobs)) == (forged, True, 2)


def test_one_students_runs_end_when_the_budget_is_used_up(monkeypatch):
    sleeps = Outcome(problem="time", cell=0, seconds=25.0)
    monkeypatch.setattr(sandbox, "run", lambda job, *_: used.append(job["load_seconds"]) or sleeps)
    used = []
    runs = attempts.Attempts((), ())
    for _ in range(7):
        found, certain = runs.outcome(JOB)
    assert (found.problem, certain) == ("late", False)
    assert len(used) == 5  # 125 seconds of 120, in all seven questions
    assert used == [20, 20, 10, 0, 0]  # the second half is for definitions only


def test_a_second_is_longer_where_many_want_the_cores(monkeypatch):
    monkeypatch.setattr(reply, "crowd", lambda: 10.0)
    clock, start = reply.FairClock(), time.monotonic()
    time.sleep(0.05)
    passed = clock.read()
    assert 0.005 <= passed <= (time.monotonic() - start) / 10
    monkeypatch.undo()
    assert 1 <= reply.crowd() <= reply.CROWD


def test_limits_are_of_processor_time_and_scale(tmp_path):
    work = cases.load(tmp_path)
    job = marking.job(work, work.item("q1"), (), "", time_limit=3)
    assert (job["cell_seconds"], job["load_seconds"]) == (3 * child.CELL_SECONDS, 3 * child.LOAD_SECONDS)
    assert (job["cpu_seconds"], job["wall_seconds"]) == (3, 11)


@pytest.fixture
def fast(monkeypatch):
    """Limits a twentieth as long."""
    monkeypatch.setattr(child, "CELL_SECONDS", 0.25)
    monkeypatch.setattr(child, "LOAD_SECONDS", 1)


BURN = "import time\nuntil = time.process_time() + {seconds}\nwhile time.process_time() < until: pass\n"


@first_quick(
    "cells",
    [
        [BURN.format(seconds=0.2)] * 9,  # each within the limit of a cell, together beyond that of all
        [BURN.format(seconds=5)] * 2,
        ["import time; time.sleep(0.5)"],  # waits, for a network say; no processor time
        ["import os; os._exit(0)"],
        ["import ctypes; ctypes.string_at(0)"],
        ["while True:\n    try:\n        while True: pass\n    except BaseException: pass"],
    ],
)
def test_trial_cells_cost_no_right_answer_its_points(tmp_path, fast, cells):
    cases.need_bubblewrap()
    cases.write_assignment(tmp_path)
    notebook = cases.submitted(cases.RIGHT)
    notebook["cells"][1:1] = [{"cell_type": "code", "metadata": {}, "source": text} for text in cells]
    cases.hand_in(tmp_path / "in", "ada", notebook)
    cases.hand_in(
        tmp_path / "in", "bob", cases.submitted({**cases.RIGHT, "q1": cells[0] + "\n" + cases.RIGHT["q1"]})
    )
    done = grade(tmp_path)
    assert done.exit_code == 0, done.output
    assert [marks(tmp_path)[name]["total"] for name in ("ada", "bob")] == ["5", "5"], lost(tmp_path, "ada")


def test_a_mark_that_may_be_the_machines_fault_is_not_kept(tmp_path, monkeypatch):
    cases.need_bubblewrap()
    cases.write_assignment(tmp_path)
    cases.hand_in(tmp_path / "in", "ada", cases.submitted(cases.RIGHT))
    run = sandbox.run
    late = Outcome(problem="time", seconds=1000.0)
    monkeypatch.setattr(proof, "require", lambda *_: None)
    monkeypatch.setattr(canary, "check", lambda *_: None)
    monkeypatch.setattr(sandbox, "run", lambda *_: late)
    said = grade(tmp_path).output
    assert marks(tmp_path)["ada"]["total"] == "0"
    assert "2 marks may be this machine's fault" in said
    assert "ada" in said.split("fault")[1]
    monkeypatch.setattr(sandbox, "run", run)
    assert "2 marks given, 0 unchanged" in grade(tmp_path).output
    assert marks(tmp_path)["ada"]["total"] == "5"


@pytest.mark.parametrize(
    ("outcome", "said", "remedy"),
    [
        (Outcome(problem="died"), "lost 'runs' (died)", "--time-limit 2"),
        (Outcome(problem="time"), "lost 'ends in time' (time)", "--time-limit 2"),
        (Outcome(outputs="[[0.0]]"), "lost", "Mend it"),
        (None, "took 0.9 of its 1 s", "--time-limit 2"),
    ],
)
def test_a_machine_on_which_the_solution_fails_grades_nobody(tmp_path, monkeypatch, outcome, said, remedy):
    cases.need_bubblewrap()
    cases.write_assignment(tmp_path)
    cases.hand_in(tmp_path / "in", "ada", cases.submitted(cases.RIGHT))
    run = sandbox.run

    def slow(*arguments):
        found = run(*arguments)
        return Outcome(found.outputs, used=0.9)

    monkeypatch.setattr(proof, "require", lambda *_: None)
    monkeypatch.setattr(canary, "_alive", set())
    monkeypatch.setattr(sandbox, "run", lambda *arguments: outcome or slow(*arguments))
    done = grade(tmp_path)
    assert done.exit_code == 1
    assert said in done.output
    assert remedy in done.output
    assert not (tmp_path / "out" / "marks.csv").exists()
