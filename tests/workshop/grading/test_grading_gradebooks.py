"""A gradebook is filled in for the right students and nobody else: of Canvas, Moodle, Gradescope."""

import csv
import io

import pytest

from workshop.grading import gradebook, groups, names, owners, results, submissions, worksheets
from workshop.grading.groups import Group

TOTALS = [
    results.Total("lovelaceada_1234", {"q1": 3.0, "q3": 1.5}),
    results.Total(names.safe_name("emmy@example.org"), {"q1": 2.0, "q3": 0.0}),
    results.Total("same", {"q1": 1.0}),
    results.Total("excused", {"q1": 1.0}),
    results.Total("1001", {"q1": 1.0}),  # a number of no student here, but the portal's own of another
    results.Total("5", {"q1": None}),  # still to be marked by hand
]
BOOK = """Student,ID,SIS Login ID,Homework 9 (77),Other
    Points Possible,,,9,1
"Lovelace, Ada",1234,lovelaceada_1234,,0.5
"Noether, Emmy",99,emmy@example.org,1,
"Two, One",7,same,,
"Two, Two",8,same,,
"Hopper, Grace",9,excused,EX,
"Bob, B",1001,2002,3,
"Five, F",6,5,,
"""


def fill(folder, text, column, identity, students, together=()):
    """What became of these students' marks, 3 points where only a name is given, and the lines written."""
    (folder / "book.csv").write_text(text, "utf-8")
    totals = [results.Total(who, {"q1": 3.0}) if isinstance(who, str) else who for who in students]
    filled = gradebook.fill(folder / "book.csv", column, identity, totals, folder / "out.csv", together)
    with (folder / "out.csv").open(newline="") as file:
        return filled, list(csv.reader(file))


def placed(*arguments):
    """The lines written."""
    return fill(*arguments)[1]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_portals_gradebook_gets_our_marks_and_nothing_else(tmp_path, mark):
    text = io.StringIO()
    csv.writer(text, delimiter=mark).writerows(csv.reader(BOOK.splitlines()))
    filled, lines = fill(tmp_path, text.getvalue(), "Homework 9 (77)", "SIS Login ID", TOTALS)
    assert filled.placed == [
        ("lovelaceada_1234", "lovelaceada_1234 (Lovelace, Ada)"),
        (TOTALS[1].student, "emmy@example.org (Noether, Emmy)"),
    ]
    assert (filled.unknown, filled.left, filled.open) == (["same", "1001"], [("excused", "EX")], ["5"])
    assert filled.absent == ["2002 (Bob, B)"]
    assert len(filled.report()) == len(TOTALS) + 1
    assert lines == [
        ["Student", "ID", "SIS Login ID", "Homework 9 (77)"],
        ["    Points Possible", "", "", "9"],
        ["Lovelace, Ada", "1234", "lovelaceada_1234", "4.5"],
        ["Noether, Emmy", "99", "emmy@example.org", "2"],
    ]


def test_two_students_for_one_line_have_neither_mark_in_it(tmp_path):
    filled, _ = fill(tmp_path, BOOK, "Homework 9 (77)", "ID", ["a_1234", "b_1234", "99"])
    assert (filled.placed, filled.unknown) == ([("99", "99 (Noether, Emmy)")], ["a_1234", "b_1234"])


@pytest.mark.parametrize(
    ("text", "column", "identity"),
    [("", "x", "ID"), (BOOK, "Homework 9", "ID"), (BOOK, "Other", None), (BOOK, "Other", "Login")],
)
def test_what_is_no_gradebook_or_has_no_such_column_is_refused(tmp_path, text, column, identity):
    with pytest.raises(ValueError, match="not a table with one column"):
        fill(tmp_path, text, column, identity, [])
    assert not (tmp_path / "out.csv").exists()


CANVAS = """Student;ID;SIS User ID;SIS Login ID;Root Account;Section;Homework 9 (77);Homework Current Score
    Points Possible;;;;;;9,0;(read only)
;;;;;;Manual Posting;
Lovelace, Ada;1234;s1;ADA;uni;A;;97,5
Noether, Emmy;99;s2;emmy;uni;A;3,5;
Hopper, Grace;98;s3;grace;uni;B;N/A;
Student, Test;7;;x7;uni;A;;
"""
MOODLE = """Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,\
Last modified (submission),Last modified (grade),Feedback comments
Participant 123,Ada Lovelace,ada@example.org,Submitted for grading,,9.00,Yes,1 May,-,
Participant 1234,Emmy Noether,emmy@example.org,Submitted for grading,-,9.00,Yes,1 May,-,good
Participant 12,Grace Hopper,grace@example.org,No submission,,9.00,Yes,-,-,
""".replace("\\\n", "")
GRADESCOPE = """First Name,Last Name,SID,Email,Sections,HW 9,HW 9 - Max Points,HW 9 - Lateness (H:M:S)
Ada,Lovelace,ada1815,ada@example.org,A,,9.0,00:00:00
Emmy,Noether,,emmy@example.org,A,2.0,9.0,00:00:00
"""
PORTALS = {
    "Canvas": (
        CANVAS,
        "Homework 9 (77)",
        "SIS Login ID",
        ["ada", "emmy", "grace"],
        [
            ["Student", "ID", "SIS User ID", "SIS Login ID", "Root Account", "Section", "Homework 9 (77)"],
            ["    Points Possible", "", "", "", "", "", "9,0"],
            ["", "", "", "", "", "", "Manual Posting"],
            ["Lovelace, Ada", "1234", "s1", "ADA", "uni", "A", "4.5"],
            ["Noether, Emmy", "99", "s2", "emmy", "uni", "A", "4.5"],
        ],
        "x7 (Student, Test)",
    ),
    "Moodle": (
        MOODLE,
        "Grade",
        "Identifier",
        ["AdaLovelace_123", "EmmyNoether_1234"],
        [
            ["Identifier", "Full name", "Email address", "Grade", "Last modified (grade)"],
            ["Participant 123", "Ada Lovelace", "ada@example.org", "4.5", "-"],
            ["Participant 1234", "Emmy Noether", "emmy@example.org", "4.5", "-"],
        ],
        "Participant 12 (Grace Hopper)",
    ),
    "Gradescope": (
        GRADESCOPE,
        "HW 9",
        "Email",
        [names.safe_name("emmy@example.org"), "ada1815"],
        [
            ["First Name", "Last Name", "SID", "Email", "HW 9"],
            ["Emmy", "Noether", "", "emmy@example.org", "4.5"],
        ],
        "ada@example.org (Ada, Lovelace)",
    ),
}


@pytest.mark.parametrize("portal", PORTALS)
def test_the_gradebook_of_each_portal_keeps_what_its_import_needs(tmp_path, portal):
    text, column, identity, students, expected, absent = PORTALS[portal]
    totals = [results.Total(student, {"q1": 3.0, "q3": 1.5}) for student in students]
    filled, lines = fill(tmp_path, f"\ufeff{text}", column, identity, totals)
    assert lines == expected
    assert filled.absent == [absent]
    if portal == "Canvas":
        assert filled.left == [("grace", "N/A")]


def test_a_name_with_a_number_is_no_participant(tmp_path):
    filled, _ = fill(tmp_path, "Full name,Grade\nSection 12,\n", "Grade", "Full name", ["AdaLovelace_12"])
    assert (filled.placed, filled.unknown) == ([], ["AdaLovelace_12"])


# As Moodle writes them: in German without a blank, and with columns of the assignment's own settings.
GERMAN = """ID,Vollständiger Name,E-Mail-Adresse,Status,Bewertung,Skala,Zuletzt geändert (Abgabe),\
Zuletzt geändert (Bewertung),Feedback als Kommentar
Teilnehmer/in123,Ada Lovelace,ada@example.org,Zur Bewertung abgegeben,,1,"Montag, 1. Mai",-,gut
Teilnehmer/in1234,Emmy Noether,emmy@example.org,Zur Bewertung abgegeben,"3,5",1,"Montag, 1. Mai",-,
""".replace("\\\n", "")


def test_a_worksheet_in_german_keeps_what_moodle_looks_for(tmp_path):
    assert placed(tmp_path, GERMAN, "Bewertung", "ID", ["EmmyNoether_1234", "AdaLovelace_123"]) == [
        ["ID", "Bewertung", "Zuletzt geändert (Bewertung)"],
        ["Teilnehmer/in1234", "3", "-"],
        ["Teilnehmer/in123", "3", "-"],
    ]


@pytest.mark.parametrize("language", worksheets.MODIFIED)
def test_a_worksheet_is_filled_in_whatever_its_language(tmp_path, language):
    modified = worksheets.MODIFIED[language]
    text = f'first,mark,"{modified}",last\nwho 12,,-,\nwho 7,,-,\n'
    expected = [["first", "mark", modified], ["who 7", "3", "-"]]
    assert placed(tmp_path, text, "mark", "first", ["Ada_7"]) == expected


def test_a_worksheet_of_a_language_that_is_not_known_is_refused(tmp_path):
    text = "Identyfikator,Ocena,Kiedy\nUczestnik 12,,-\nUczestnik 7,,-\n"
    with pytest.raises(ValueError, match=r"Kiedy\) are in no language known here.*Set Moodle to English"):
        placed(tmp_path, text, "Ocena", "Identyfikator", ["Ada_7"])
    assert not (tmp_path / "out.csv").exists()
    assert placed(tmp_path, text, "Ocena", "Identyfikator", ["Ada_8"]) == [["Identyfikator", "Ocena"]]


def test_a_students_number_is_not_moodles_number_of_them(tmp_path):
    text = "Identifier,Number,Grade,Last modified (grade)\nParticipant 1,s7,,-\nParticipant 7,s2,,-\n"
    assert len(placed(tmp_path, text, "Grade", "Number", ["Ada_7"])) == 1
    assert placed(tmp_path, text, "Grade", "Identifier", ["Ada_7"])[1][:2] == ["Participant 7", "3"]


CLASS = "Student,ID,HW\nAda,11,\nEmmy,12,\nGrace,13,\nHedy,14,\nMary,15,\n"
LISTED = """name,canvas_user_id,login_id,group_name
Ada,11,ada,Red Team
Emmy,12,emmy,Red Team
Grace,13,grace,Blue
Hedy,14,hedy,Blue
Mary,15,mary,
"""


@pytest.mark.parametrize("red", ["redteam_12", "redteam_11", names.safe_name("Red Team"), "11"])
def test_a_groups_mark_is_each_members(tmp_path, red):
    (tmp_path / "groups.csv").write_text(LISTED)
    together = groups.read(tmp_path / "groups.csv", "canvas_user_id", "group_name")
    lines = placed(tmp_path, CLASS, "HW", "ID", [red, "mary_15"], together)
    assert lines[1:] == [["Ada", "11", "3"], ["Emmy", "12", "3"], ["Mary", "15", "3"]]
    assert len(placed(tmp_path, CLASS, "HW", "ID", [red, "blue", "mary_15"], together)) == 6


def test_of_two_files_of_one_group_neither_mark_is_given(tmp_path):
    together = [Group("red", (("11",), ("12", "emmy@x.org"), ("99",))), Group("blue", (("12",), ("13",)))]
    filled, _ = fill(tmp_path, CLASS, "HW", "ID", ["red"], together)
    assert [who for who, _ in filled.placed] == ["red, 11", "red, 12/emmy@x.org"]
    assert filled.unknown == ["red, 99"]
    with pytest.raises(ValueError, match="ada_12 is in 2 groups: red, blue"):
        fill(tmp_path, CLASS, "HW", "ID", ["ada_12"], together)
    filled, _ = fill(tmp_path, CLASS, "HW", "ID", ["red", "x_13"], [Group("red", (("12",), ("13",)))])
    assert filled.placed == []
    assert filled.unknown == ["red, 12", "red, 13", "x_13, 12", "x_13, 13"]


def test_gradescope_says_who_is_behind_a_folder(tmp_path):
    said = "submission_1:\n  :submitters:\n  - :sid: '11'\n    :email: a@x.org\n  - :email: e@x.org\n"
    said += "submission_2:\n  :submitters:\n  - :sid: '13'\n"
    (tmp_path / owners.METADATA).write_text(said)
    for folder in ("submission_1", "submission_2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "9_small.ipynb").write_text("{}")
    students = [found.student for found in submissions.find([tmp_path], "9_small")]
    assert students == ["13", "submission_1"]
    text = "Name,SID,Email,HW\nAda,11,a@x.org,\nEmmy,,e@x.org,\nGrace,13,g@x.org,\n"
    together = groups.handed_in([tmp_path, tmp_path / owners.METADATA])
    emails = placed(tmp_path, text, "HW", "Email", students, together)
    assert [line[-2:] for line in emails[1:]] == [["a@x.org", "3"], ["e@x.org", "3"]]


@pytest.mark.parametrize("headings", [("canvas_user_id", "team"), ("ID", "group_name")])
def test_a_table_of_groups_without_its_columns_is_refused(tmp_path, headings):
    (tmp_path / "groups.csv").write_text(LISTED)
    with pytest.raises(ValueError, match="--groups takes one of name, canvas_user_id"):
        groups.read(tmp_path / "groups.csv", *headings)
