"""The domains of claims: each is tried where it could fail, and its words name what makes it fail."""

import ast
import json
import xml.etree.ElementTree as ET

import jinja2
import nbformat
import pytest

from tests.workshop.test_notebooks import write
from workshop import notebooks
from workshop.audit import domains
from workshop.audit.mutants import code
from workshop.files import TEMPLATES
from workshop.sweep.folder import Result

EACH = pytest.mark.parametrize("notebook", notebooks.find(), ids=lambda n: n.name)
CELLS = (
    "from lecturelib import claims",
    "half = size / 2",
    'claims.check("01.small", "Small.", measured=half, at_most=5, because="so", domain="size up to 10");',
    'claims.check("01.runs", "Many.", measured=runs, at_least=2, because="counting");',
    'claims.check("01.two", "Two.", measured=2, equals=2, because="counting");',
)


@pytest.mark.long
@EACH
def test_every_claim_that_a_parameter_could_break_is_tried_at_three_settings(notebook):
    settings = domains.neighbours(notebook)
    notebooks.check_ranges(notebook, settings)
    for claim, names in domains.directions(notebook).items():
        own = {json.dumps({k: v for k, v in s.items() if k in names}) for s in settings} - {"{}"}
        assert not names or len(own) >= 3, claim


def said(notebook):
    """Claim -> its own words on its domain, as its call has them."""
    found = {}
    for cell in code(notebook):
        for call in ast.walk(ast.parse(cell.source)) if "claims.check(" in cell.source else ():
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "claims.check":
                words = [ast.unparse(word.value) for word in call.keywords if word.arg == "domain"]
                found[ast.literal_eval(call.args[0])] = "".join(words)
    return found


@EACH
def test_what_became_of_every_setting_is_stored(notebook):
    """A claim that was added, or a setting that was changed, after the last `make domains` is seen here."""
    settings, stored = domains.neighbours(notebook), domains.stored()
    for claim, names in domains.directions(notebook).items():
        own = [{k: v for k, v in setting.items() if k in names} for setting in settings]
        tried = [entry["setting"] for entry in stored[claim]]
        assert tried == [s for at, s in enumerate(own) if s and s not in own[:at]], claim


@EACH
def test_a_claim_names_what_makes_it_fail(notebook):
    words, stored = said(notebook), domains.stored()
    wide = {
        claim: domains.silent(stored.get(claim, []), words[claim]) for claim in domains.directions(notebook)
    }
    assert {claim: names for claim, names in wide.items() if names} == {}


@pytest.fixture
def notebook(tmp_path):
    made = write(tmp_path, "01_tiny", "size = 4  # any\nruns = 9  # any\nseed = 1  # any", *CELLS)
    contents = made.read()
    contents.metadata["lecturelib"] = {
        "neighbours": [{"size": 8, "runs": 3}, {"size": 20}, {"runs": 1, "size": 8}]
    }
    nbformat.write(contents, made.path)
    return notebooks.Notebook(made.path)


def test_a_claim_is_tried_in_its_own_directions_and_names_those_that_make_it_fail(notebook):
    directions = domains.directions(notebook)
    assert directions == {"01.small": {"size"}, "01.runs": {"runs"}, "01.two": set()}
    measured = dict.fromkeys(directions, 1.0)
    failed = [[], ["01.small"], ["01.runs"]]
    settings = domains.neighbours(notebook)
    results = [
        (s, Result("a", s, 1.0, {}, measured, failed_claims=f)) for s, f in zip(settings, failed, strict=True)
    ]
    found = {claim: domains.tried(claim, names, results) for claim, names in directions.items()}
    assert found == FOUND
    words = said(notebook)
    assert domains.silent(found["01.small"], words["01.small"]) == []
    assert domains.silent(found["01.runs"], words["01.runs"]) == ["runs"]
    assert domains.words(found["01.small"]) == "holds at size = 8; fails first at size = 20"
    assert domains.words([{"setting": {"a": 1}, "holds": False}]) == (
        "holds at the notebook's own parameters only; fails first at a = 1"
    )


FOUND = {
    "01.small": [{"setting": {"size": 8}, "holds": True}, {"setting": {"size": 20}, "holds": False}],
    "01.runs": [{"setting": {"runs": 3}, "holds": True}, {"setting": {"runs": 1}, "holds": False}],
    "01.two": [],
}


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:\\s*Port 8787")  # of another sweep on this machine
def test_the_settings_run_and_a_second_time_nothing_does(notebook, tmp_path, monkeypatch):
    monkeypatch.delenv("LECTURE_STRICT")
    assert domains.run(notebook, tmp_path / "out", 1) == FOUND
    before = sorted(path.stat().st_mtime_ns for path in (tmp_path / "out" / "runs").iterdir())
    assert domains.run(notebook, tmp_path / "out", 1) == FOUND
    assert sorted(path.stat().st_mtime_ns for path in (tmp_path / "out" / "runs").iterdir()) == before


def test_the_picture_shows_each_value_in_order_and_what_became_of_it():
    found = [{"setting": {"a": 9}, "holds": False}, {"setting": {"a": 2}, "holds": True}]
    found.append({"setting": {"sizes": [1]}, "holds": True})
    rows = domains.picture(found, {"a": 4, "sizes": [1, 8]})
    assert rows == [
        ("a", [("2", "holds"), ("4", "own"), ("9", "fails")]),
        ("sizes", [("[1]", "holds"), ("[1, 8]", "own")]),
    ]
    template = '{% from "domain.html.j2" import domain %}{{ domain(words, rows) }}'
    page = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
    shown = page.from_string(template).render(words=domains.words(found), rows=rows)
    svg = ET.fromstring(shown[: shown.index("</svg>") + 6])
    assert svg.attrib["aria-label"] == domains.words(found)
    titles = [title.text for title in svg.iter("title")]
    assert titles == [
        "a = 2: holds",
        "a = 4: own",
        "a = 9: fails",
        "sizes = [1]: holds",
        "sizes = [1, 8]: own",
    ]
    assert len(list(svg.iter("path"))) == 1
