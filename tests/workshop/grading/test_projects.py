"""The project briefs: each is complete, and what it tells a student to start with works."""

import re
import shlex

import pytest

from tests.marks import first_quick
from workshop import checkout, notebooks
from workshop.values import parse_values

FOLDER = checkout.root() / "homework"
TEXT = (FOLDER / "projects.md").read_text(encoding="utf-8")
PARTS = ("Question", "Start", "Data", "The start gave", "A good answer shows", "Pitfalls")


def briefs(text):
    """Title -> text of every brief, in order."""
    pieces = re.split(r"^## \d+\. (.+)$", text, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def blocks(brief, language):
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", brief, re.DOTALL | re.MULTILINE)


def check_command(command):
    """Parse one `lecture run NN -p name=value ...`; ValueError where the notebook has no such parameter."""
    program, verb, number, *options = shlex.split(command)
    if (program, verb) != ("lecture", "run") or options[::2] != ["-p"] * (len(options) // 2) or not options:
        raise ValueError(f"{command!r} is not of the form lecture run NN -p name=value ...")
    (notebook,) = notebooks.select([number])
    parameters = notebook.parameters()
    values = parse_values(options[1::2], parameters, notebook.name)
    same = [name for name, value in values.items() if value == parameters[name].default]
    if same:
        raise ValueError(f"{command!r} repeats the default of {', '.join(same)}")
    return notebook.number, values


BRIEFS = briefs(TEXT)


def test_there_are_eight_projects_numbered_in_order():
    numbers = re.findall(r"^## (\d+)\. ", TEXT, re.MULTILINE)
    assert numbers == [str(n) for n in range(1, 9)]
    assert len(BRIEFS) == 8


@pytest.mark.parametrize("title", BRIEFS)
def test_a_brief_has_all_its_parts_in_order(title):
    found = re.findall(r"^\*\*(.+?)\.\*\*", BRIEFS[title], re.MULTILINE)
    assert found == list(PARTS)


@pytest.mark.parametrize("title", BRIEFS)
def test_the_starting_command_fits_its_notebook(title):
    (block,) = blocks(BRIEFS[title], "bash")
    number, values = check_command(block.strip())
    assert values
    (notebook,) = notebooks.select([number])
    assert f"../notebooks/{notebook.path.name}" in BRIEFS[title], "it links its notebook"


@pytest.mark.parametrize(
    "command",
    [
        "lecture run 09 -p hiden=50",
        "lecture run 09 -p hidden=few",
        "lecture run 12 -p hidden=50",
        "lecture run 09",
        "lecture run 09 -p hidden=300",
        "lecture list 09 -p hidden=50",
    ],
)
def test_a_wrong_command_is_found(command):
    with pytest.raises(ValueError, match=r"no (parameter|notebook)|not a value|not of the form|default"):
        check_command(command)


@first_quick("title", BRIEFS)
def test_the_first_lines_of_a_project_run(title):
    for block in blocks(BRIEFS[title], "python"):
        exec(compile(block, title, "exec"), {"__name__": "first lines"})


def test_some_projects_have_first_lines():
    assert sum(bool(blocks(brief, "python")) for brief in BRIEFS.values()) >= 4


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    assert [link for link in links if not (FOLDER / link).exists()] == []
