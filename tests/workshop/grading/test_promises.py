"""Each promise of homework/README.md has a test that fails when it is broken."""

import re
from pathlib import Path

import pytest

from tests.marks import first_quick
from tests.workshop.grading import grading_cases as cases
from tests.workshop.grading import homework_batch
from workshop.grading import assignment, marking, source

HERE = Path(__file__).parent
README = " ".join((HERE.parents[2] / "homework" / "README.md").read_text().split())
PROMISES = {
    "It checks shapes and types only": "homework:right_blank_and_wrong_answers_get_what_they_should",
    "It holds no solutions and says nothing of what is right": "precheck:it_says_nothing_of_what_is_right",
    "which property of the answer does not hold and which section to reread": "grading_marks:feedback_says",
    "It never says the value that was expected": "grading_batch:a_students_page_shows_no_solution",
    "only its type and the line of yours that raised it": "grading_marks:a_student_reads_only_what_stands_in",
    "five seconds of processor time each and twenty together": "attempts:limits_are_of_processor_time",
    "only functions, classes, imports and constants are run": "attempts:trial_cells_cost_no_right_answer",
    "Each student's inputs are drawn for them": "promises:each_student_has_inputs_of_their_own",
    "magics and shell lines do nothing": "grading_jupyter:cells_that_only_ipython_reads_are_read",
    "`%%writefile` writes a module": "grading_jupyter:a_module_that_a_cell_writes_can_be_imported",
    "what a cell further down does to its name": "grading_jupyter:a_function_is_taken_where_it_is_defined",
    "what you change in them is not run, but imports": "grading_jupyter:what_is_added_to_a_given_cell_counts",
    "it is graded with the right one": "promises:a_mistake_is_paid_for_once",
    "If it finds one, nothing is graded": "walls:holes_stop_everything",
    "`lecture grade` refuses, and takes `--without-walls`": "walls:without_bubblewrap_it_takes_a_word",
    "root's submissions run as the user `nobody`": "walls:root_is_nobody_inside",
    "Nobody is left out": "grading_owners:nobody_vanishes_and_nothing_is_made_up",
    "is listed with what it is": "grading_owners:what_is_no_notebook_is_listed_as_what_it_is",
    "an error of that name, and neither is graded": "grading_owners:names_that_some_systems_take_for_one",
    "loses nothing: the same command goes on where it was": "grading_reruns:a_run_that_was_stopped_goes_on",
    "nothing is graded and the command says so": "attempts:a_machine_on_which_the_solution_fails",
    "where there was no time for one it is not kept": "attempts:a_mark_that_may_be_the_machines_fault_is_not",
    "it needs no network": "grading_marks:pages_load_nothing_and_run_nothing",
    "an empty cell changes nothing, `-` takes points back": "grading_reruns:marks_by_hand_are_added_and_stay",
    "is refused and left as it is": "grading_marks:a_table_of_points_that_is_not_understood_is_not_touched",
    "kept beside it": "grading_marks:points_by_hand_are_read_whatever_separates_them_and_stay",
    "An answer is found in a split or a new cell": "grading_answers:an_answer_is_found_where_it_stands",
    "Only marks that can have changed are given anew": "grading_reruns:a_new_submission_changes_its_author",
    "and nobody else anything": "grading_batch:others_have_their_marks_whatever_some_hand_in",
    "a copied function is graded on other numbers": "promises:each_student_has_inputs_of_their_own",
    "or as not found": "grading_reruns:a_gradebook_is_filled_in_and_each_student_listed",
    "A group's mark goes to every member": "grading_gradebooks:a_groups_mark_is_each_members",
    "neither mark is given, and every member is listed": "grading_gradebooks:of_two_files_of_one_group",
    "in a language whose headings are not known": "grading_gradebooks:a_worksheet_of_a_language_that_is_not",
    "renamed or removed is left out": "grading_reruns:whose_file_is_gone_is_left_out_until_it_is_back",
    "keeps half of the points": "grading_marks:what_is_not_good_enough_keeps_its_share",
    "are left out": "grading_gradebooks:a_portals_gradebook_gets_our_marks_and_nothing_else",
    "at most a tenth of the assignment's points": "promises:what_a_process_records_of_itself_earns_little",
    "hidden tests check the same properties": "homework_nbgrader:nbgrader_autogrades_the_solution_with_full",
}


@pytest.mark.parametrize("promise", PROMISES)
def test_each_promise_stands_there_and_has_its_test(promise):
    assert promise in README
    file, _, name = PROMISES[promise].partition(":")
    assert f"\ndef test_{name}" in (HERE / f"test_{file}.py").read_text()


def test_no_promise_of_never_and_nobody_is_without_one():
    text = README[README.index("## For students") : README.index("## How an assignment")]
    strong = [s for s in re.split(r"(?<=[.:;])\s", text) if re.search(r"\b([Nn]ever|[Nn]obody|nothing)\b", s)]
    known = [s for s in strong if any(promise in s for promise in PROMISES)]
    assert len(strong) > 5
    assert [s for s in strong if s not in known and "Ctrl-C" not in s] == []


@first_quick("path", source.find(), ids=lambda p: p.parent.name)
def test_each_student_has_inputs_of_their_own(path):
    work = assignment.load(path)
    for item in work.coded:
        drawn = {marking.draw(item, student, seed) for student in ("ada", "bob") for seed in (0, 1)}
        assert len(drawn) == 4, item.id
        assert marking.draw(item, "ada", 0) in drawn


def test_a_mistake_is_paid_for_once(tmp_path):
    """The second question uses the first one's function, which this student has wrong."""
    work = cases.load(tmp_path / "homework")
    wrong = {**cases.RIGHT, "q1": "def double(x):\n    return 3 * x"}
    code, found = tuple(enumerate(wrong.values())), []
    for item in work.coded:
        drawn = marking.draw(item, "ada", 0)
        ((outcome, _),) = homework_batch.run([marking.job(work, item, code, drawn)], tmp_path)
        found.append(marking.mark(item, outcome, drawn).lost)
    assert found == ["twice as much", None]


def test_what_a_process_records_of_itself_earns_little(tmp_path):
    recorded = cases.SECOND.replace("function=", "recorded=True,\n    function=")
    with pytest.raises(ValueError, match=r"q2 rests on what .* at most 0.9 points"):
        cases.load(tmp_path, second=recorded)
    work = assignment.load(source.locate("4"))
    assert [item.id for item in work.coded if item.question.recorded] == ["q2"]
