"""Whatever bytes a student hands in or sends, they cost that student only, and the batch ends with marks."""

import contextlib
import copy
import json
import os
import random
import resource
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tests.workshop.grading import grading_cases as cases
from tests.workshop.grading.grading_cases import marks
from workshop.grading import canary, grade, marking, proof, reply, sandbox, submissions
from workshop.grading.inside import transfer
from workshop.grading.reply import Outcome

MEMORY = 4 * 2**30  # bytes of address space, beyond what this process has before

LETTERS = "ab Z_=.-\n\r\t\0\x7f\x85\ud800\udfffäß\u202e\u2028\U0001f600%!?'\"\\<>{}[]()$"
ODD = (
    b"[" * 10**5,
    b'{"cells":' * 10**4,
    b"9" * 10**5,
    b'"\\ud800"',
    b"\xff\xfe",
    b"\0" * 99,
    b"NaN",
    b"[" + b"[]," * 10**4 + b"0]",
)
NUMBERS = (
    0,
    1,
    -1,
    2**62,
    2**63,
    -(2**64),
    10**400,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    True,
    None,
)
RIGHT = cases.submitted(cases.RIGHT)


def text(rng):
    return "".join(rng.choices(LETTERS, k=rng.randrange(12)))


def value(rng, depth=0):
    """Anything that JSON can say."""
    kind = rng.randrange(4 if depth < 4 else 2)
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        return text(rng)
    inner = [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return inner if kind == 2 else {text(rng): part for part in inner}


def array(rng):
    """What a reply holds in place of an array."""
    dtype = rng.choice("<>|=") + rng.choice("biufOSVMc") + rng.choice(("1", "2", "4", "8", "16"))
    shape = [rng.choice((-1, 0, 1, 2, 3, 2**62)) for _ in range(rng.randrange(4))]
    return {"array": [dtype, shape, rng.choice(("", "AAAAAAAA8D8=", "////////738=", "AgIC", "***"))]}


def outputs(rng):
    """What a reply may hold, often nearly what it should."""
    parts = [rng.choice((value, array))(rng) for _ in range(rng.randrange(4))]
    return rng.choice((parts, {"tuple": parts}, {"dict": {text(rng): part for part in parts}}, value(rng)))


def line(rng):
    """One line of a process's reply."""
    said = {
        0: lambda: {"outputs": json.dumps(outputs(rng))},
        1: lambda: {"outputs": json.dumps([outputs(rng), outputs(rng)])},
        2: lambda: {"problem": rng.choice((*marking.PROBLEMS, text(rng))), "text": text(rng)},
        3: lambda: {rng.choice(("cell", "used", "calling", "cut")): value(rng)},
        4: lambda: value(rng),
    }[rng.randrange(5)]()
    return rng.choice(ODD) if rng.random() < 0.05 else json.dumps(said).encode()


def _places(part, place=()):
    """Where each part of a notebook stands."""
    yield place
    parts = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, inner in parts:
        yield from _places(inner, (*place, key))


PLACES = [place for place in _places(RIGHT) if place]


def file(rng):
    """What a student hands in: the right notebook with parts of it replaced, in some encoding, damaged."""
    notebook = copy.deepcopy(RIGHT)
    for _ in range(rng.randrange(4)):
        *places, last = rng.choice(PLACES)
        inner = notebook
        with contextlib.suppress(LookupError, TypeError):  # an earlier change took this place away
            for key in places:
                inner = inner[key]
            inner[last] = value(rng)
    encoding = rng.choice(("utf-8",) * 4 + ("utf-8-sig", "utf-16", "latin-1"))
    errors = "surrogatepass" if "utf" in encoding else "replace"
    data = json.dumps(notebook, ensure_ascii=rng.random() < 0.3).encode(encoding, errors)
    if rng.random() < 0.3:
        at = rng.randrange(len(data))
        data = data[:at] + rng.choice((*ODD, rng.randbytes(2))) + data[at + rng.randrange(9) :]
    return rng.choice(ODD) if rng.random() < 0.05 else data


def file_name(rng):
    raw = rng.choice((rng.randbytes(rng.randrange(1, 40)), text(rng).encode(errors="replace")))
    return raw.replace(b"/", b"_").replace(b"\0", b"_") + rng.choice((b".ipynb", b".IPYNB", b".zip", b""))


def both(inputs):
    """Some of the inputs in `make test`, all of them in the weekly `make long`."""
    return [inputs // 300, pytest.param(inputs, marks=[pytest.mark.long, pytest.mark.weekly])]


@pytest.fixture(autouse=True)
def four_gigabytes():
    """The memory of a small machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (has + MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return cases.load(tmp_path_factory.mktemp("homework"))


JOB = {"load_seconds": 1, "cell_seconds": 1, "wall_seconds": 1}


@pytest.mark.parametrize("inputs", both(60_000))
def test_any_reply_becomes_a_mark_of_nothing(work, inputs):
    item = work.item("q1")
    drawn = marking.draw(item, "eve", 0)
    for seed in range(inputs):
        rng = random.Random(seed)
        report = reply.Report(JOB)
        report._take(b'{"calling": true, "cut": []}')
        for _ in range(rng.randrange(1, 4)):
            report._take(line(rng))
        mark = marking.mark(item, report.outcome(0), drawn, ((0, "def double(x): return x"),))
        assert mark.lost is not None, seed
        assert mark.earned == 0, seed
        assert mark.message, seed


@pytest.mark.parametrize("inputs", both(30_000))
def test_any_file_is_read_or_refused_in_words(work, tmp_path, inputs):
    path = tmp_path / "eve.ipynb"
    for seed in range(inputs):
        path.write_bytes(file(random.Random(seed)))
        contents = submissions.read(submissions.Submission("eve", path), work)
        if contents.problem is None:
            texts = [text for _, text in contents.code + contents.written]
            assert all(text.encode().decode() == text for text in texts), seed


@pytest.mark.parametrize("inputs", both(10_000))
def test_any_file_name_leaves_the_others_where_they_are(tmp_path, inputs):
    for seed in range(0, inputs, 4):
        rng = random.Random(seed)
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        cases.hand_in(folder, "ada lovelace", RIGHT)
        for _ in range(4):
            with contextlib.suppress(OSError):  # "..", and what this file system does not take
                (folder / os.fsdecode(file_name(rng))).write_bytes(b"{}")
        found = submissions.find([folder], "9_small")
        assert [s.problem for s in found if s.path.name == "ada lovelace.ipynb"] == [None], seed
        assert len({s.student for s in found}) == len(found), seed
        assert submissions.assignment_named([folder], ["9_small"]) == "9_small", seed
        shutil.rmtree(folder)


def right_or(outcome):
    """In place of `sandbox.run`: what a right answer returns, if the job has one; else this outcome."""

    def run(job, *_):
        if cases.RIGHT["q1"] not in [cell["source"] for cell in job["cells"]]:
            return outcome
        twice = [2 * x for (x,) in transfer.decode(job["calls"])]
        given = twice if job["function"] == "double" else [float(np.sum(x)) for x in twice]
        return Outcome(outputs=transfer.encode(given))

    return run


@pytest.mark.long
@pytest.mark.parametrize("batches", [2, pytest.param(40, marks=[pytest.mark.long, pytest.mark.weekly])])
def test_a_batch_of_anything_ends_with_marks_for_the_right(tmp_path, monkeypatch, batches):
    source = cases.write_assignment(tmp_path)
    monkeypatch.setattr(canary, "check", lambda *_: None)
    monkeypatch.setattr(proof, "require", lambda *_: None)
    for seed in range(batches):
        rng = random.Random(seed)
        folder = tmp_path / str(seed)
        for student in ("ada", "zoe"):
            cases.hand_in(folder / "in", student, RIGHT)
        for number in range(20):
            (folder / "in" / f"eve{number}.ipynb").write_bytes(file(rng))
        problem = rng.choice((*marking.PROBLEMS, text(rng) + "x"))
        outcome = Outcome(
            rng.choice((None, json.dumps(outputs(rng)))), problem, text(rng), rng.choice((None, 3))
        )
        monkeypatch.setattr(sandbox, "run", right_or(outcome))
        assert grade.command([folder / "in"], folder / "out", str(source), 1) == 0, seed
        found = marks(folder)
        assert [found[student]["total"] for student in ("ada", "zoe")] == ["5", "5"], seed
        assert len(found) == 22, seed
