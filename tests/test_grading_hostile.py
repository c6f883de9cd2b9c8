"""A whole class, hostile and broken submissions among it: each costs only its author."""

import csv
import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import grading_cases as cases

ROOT = Path(__file__).parent.parent
OTHER = "what-another-student-wrote-2342"

# Looks for what must not be seen, wherever a submission could hope to find it, and puts it into its result.
THIEF = """
def double(x):
    import os
    found = []
    def look(path):
        try:
            with open(path, errors="replace") as file:
                text = file.read(10**7)
        except OSError:
            return
        if {expected!r}[:-3] + "623" in text or {other!r}[:-2] + "42" in text:
            found.append(path)
    for path in {paths!r}:
        look(path)
    for top in ("/home", "/root", "/work", "/tmp", "/var", "/etc", "/homework", "/code", "/run", "/mnt"):
        for folder, names, files in os.walk(top):
            names[:] = [n for n in names if n not in ("site-packages", "lib")]
            for file in files[:200]:
                look(os.path.join(folder, file))
    for process in os.listdir("/proc"):
        if process.isdigit():
            for file in ("cmdline", "environ", "mem", "root{source}", "cwd/job"):
                look(f"/proc/{{process}}/{{file}}")
    return " ".join(found) if found else 2 * x
"""

Q1 = {
    "endless": ("def double(x):\n    while True: pass", "ends in time"),
    # bytes, not a bytearray: untouched memory ends before the second does
    "memory": ("def double(x):\n    a = []\n    while True: a.append(bytes(10**8))", "runs"),
    "forks": ("import os\ndef double(x):\n    while True: os.fork()", "runs"),
    "exits": ("import os\ndef double(x):\n    os._exit(0)", "runs"),
    "exits_at_once": ("import os\ndef double(x):\n    return 2 * x\nos._exit(0)", "runs"),
    "kills": ("import os, signal\ndef double(x):\n    os.kill(os.getppid(), signal.SIGKILL)", "runs"),
    "connects": (
        "import socket\ndef double(x):\n    return socket.create_connection(('127.0.0.1', 22))",
        "runs",
    ),
    "prints": ("import os\ndef double(x):\n    while True: os.write(1, b'x' * 10**6)", "ends in time"),
    "imports": ("from lecturelib import least_squares\ndef double(x):\n    return 2 * x", "is answered"),
    "imports_late": ("def double(x):\n    from lecturelib import grading\n    return 2 * x", "runs"),
    "patches": (
        "import builtins, numpy, unittest, json\n"
        "numpy.allclose = numpy.array_equal = lambda *a, **k: True\n"
        "unittest.TestCase.assertEqual = unittest.TestCase.assertTrue = lambda *a, **k: None\n"
        "builtins.AssertionError = KeyError\n"
        "class Same:\n    def __eq__(self, other): return True\n"
        "def double(x):\n    return Same()",
        "returns data",
    ),
    "patches_json": (
        'import json\njson.dumps = lambda *a, **k: \'{"outputs": "[]"}\'\ndef double(x):\n    return x',
        "runs",
    ),
    "crashes": ("import ctypes\ndef double(x):\n    ctypes.string_at(0)", "runs"),
    "recurses": ("def double(x):\n    return double(x)", "runs"),
    "returns_itself": ("def double(x):\n    return double", "returns data"),
    "returns_too_much": ("def double(x):\n    return 'x' * 10**8", "returns data"),
    "wrong": ("def double(x):\n    return 3 * x", "twice as much"),
    "markup": ("def double(x):\n    raise ValueError('<script>alert(1)</script>')", "runs"),
}
# Only where nobody waits for them: each takes its whole time.
SLOW = {
    "sleeps": ("import time\ndef double(x):\n    time.sleep(10**6)", {"ends in time"}),
    "never_stops": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n"
        "def double(x): return 2 * x",
        # If the alarm falls between two of its attempts, the cell is broken off and the function is missing.
        {"ends in time", "is answered"},
    ),
    "threads": (
        "import threading, time\ndef double(x):\n"
        "    while True: threading.Thread(target=time.sleep, args=(60,)).start()",
        {"runs"},
    ),
}
FULL = {"solution", "edited_tests", "reordered", "duplicated", "no_metadata", "chatty", "thief"}


def submissions(folder, source, slow=False):
    """The whole class, as files."""
    answers = {name: {**cases.RIGHT, "q1": text} for name, (text, _) in (SLOW if slow else Q1).items()}
    notebooks = {name: cases.submitted(texts) for name, texts in answers.items()}
    notebooks["solution"] = cases.submitted(cases.RIGHT)
    if not slow:
        notebooks["blank"] = cases.submitted()
        notebooks["edited_tests"] = cases.submitted({**cases.RIGHT, "q1-check": "exit()", "imports": "1 / 0"})
        notebooks["reordered"] = cases.submitted(cases.RIGHT)
        notebooks["reordered"]["cells"].reverse()
        notebooks["duplicated"] = cases.submitted(cases.RIGHT)
        notebooks["duplicated"]["cells"] *= 2
        notebooks["deleted"] = cases.submitted(cases.RIGHT)
        del notebooks["deleted"]["cells"][3]
        notebooks["no_metadata"] = cases.submitted(cases.RIGHT)
        for cell in notebooks["no_metadata"]["cells"]:
            cell["metadata"] = {}
        chatty = {
            "cell_type": "code",
            "metadata": {},
            "source": "%matplotlib inline\n!ls\nprint('x' * 10**6)\n1 / 0",
        }
        notebooks["chatty"] = cases.submitted(cases.RIGHT)
        notebooks["chatty"]["cells"].insert(0, chatty)
        notebooks["malformed"] = "{ this is not JSON"
        notebooks["other"] = cases.submitted({**cases.RIGHT, "q3": OTHER})
        paths = [str(source), str(folder / "other.ipynb"), str(folder), "/proc/self/environ", "/etc/passwd"]
        thief = THIEF.format(expected=cases.SECRET, other=OTHER, paths=paths, source=source)
        notebooks["thief"] = cases.submitted({**cases.RIGHT, "q1": thief})
    for name, notebook in notebooks.items():
        cases.hand_in(folder, name, notebook)
    return set(notebooks)


def grade(folder, *arguments, **options):
    command = [
        sys.executable,
        "-m",
        "lecturelib.cli",
        "grade",
        str(folder / "in"),
        "--out",
        str(folder / "out"),
    ]
    command += ["--assignment", str(folder / "9_small"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, **options)


def marks(folder):
    with (folder / "out" / "marks.csv").open(newline="") as file:
        return {line["student"]: line for line in csv.DictReader(file)}


def lost(folder, student):
    with sqlite3.connect(folder / "out" / "marks.sqlite") as database:
        query = "select question, lost from marks where student = ?"
        return dict(database.execute(query, (student,)).fetchall())


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    cases.need_bubblewrap()
    folder = tmp_path_factory.mktemp("class")
    source = cases.write_assignment(folder)
    students = submissions(folder / "in", source)
    done = grade(folder, timeout=400)
    assert done.returncode == 0, done.stderr
    return folder, students, done


def test_everybody_is_graded_and_the_batch_ends(graded):
    folder, students, done = graded
    assert set(marks(folder)) == students
    assert f"{len(students)} students" in done.stdout
    assert {p.stem for p in (folder / "out" / "feedback").iterdir()} == students
    assert "NOT FULLY SHUT IN" not in done.stderr


def test_the_honest_have_all_their_points(graded):
    for student in FULL | {"other"}:
        assert marks(graded[0])[student]["total"] == "5", (student, lost(graded[0], student))


@pytest.mark.parametrize("student", Q1)
def test_a_hostile_answer_costs_its_question_and_nothing_else(graded, student):
    assert lost(graded[0], student) == {"q1": Q1[student][1], "q2": None}


def test_a_blank_notebook_has_no_points(graded):
    assert marks(graded[0])["blank"]["total"] == "0"
    assert set(lost(graded[0], "blank").values()) == {"is answered"}


def test_a_deleted_cell_costs_its_question_and_a_malformed_file_all(graded):
    assert lost(graded[0], "deleted") == {"q1": "is answered", "q2": None}
    assert marks(graded[0])["malformed"]["total"] == "0"
    assert "not a Jupyter notebook" in marks(graded[0])["malformed"]["remark"]


def test_no_page_or_table_for_students_holds_what_is_not_theirs(graded):
    for page in (graded[0] / "out" / "feedback").iterdir():
        text = page.read_text()
        assert cases.SECRET not in text
        assert "<script>" not in text
        assert OTHER not in text


def test_the_thief_would_find_it_without_walls(tmp_path):
    """The search itself works: run in the open, it finds the grader's secret."""
    source = cases.write_assignment(tmp_path)
    submissions(tmp_path / "in", source)
    thief = json.loads((tmp_path / "in" / "thief.ipynb").read_text())
    (text,) = [t for t in ("".join(c["source"]) for c in thief["cells"]) if "found = []" in t]
    text = text.split("    for top in")[0] + "    return ' '.join(found)\n"
    names = {}
    exec(text, names)
    assert names["double"](1).split() == [str(source), str(tmp_path / "in" / "other.ipynb")]


@pytest.mark.long
def test_those_who_waste_time_are_stopped(tmp_path):
    cases.need_bubblewrap()
    students = submissions(tmp_path / "in", cases.write_assignment(tmp_path), slow=True)
    start = time.monotonic()
    assert grade(tmp_path, timeout=400).returncode == 0
    assert time.monotonic() - start < 300
    assert set(marks(tmp_path)) == students
    assert marks(tmp_path)["solution"]["total"] == "5"
    for student, (_, properties) in SLOW.items():
        found = lost(tmp_path, student)
        assert found["q1"] in properties
        assert found["q2"] is None


@pytest.mark.long
def test_without_bubblewrap_it_says_so_and_still_stops_them(tmp_path):
    submissions(tmp_path / "in", cases.write_assignment(tmp_path))
    (tmp_path / "in" / "thief.ipynb").unlink()  # it would find what there is; that is what is said loudly
    python = Path(sys.executable).parent
    done = grade(tmp_path, timeout=400, env={**os.environ, "PATH": str(python)})
    assert done.returncode == 0
    assert "NOT FULLY SHUT IN" in done.stderr
    assert "CAN READ the files" in done.stderr
    assert marks(tmp_path)["solution"]["total"] == "5"
    for student, (_, property) in Q1.items():
        assert lost(tmp_path, student) == {"q1": property, "q2": None}
