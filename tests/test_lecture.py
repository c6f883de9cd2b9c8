"""Every notebook of the lecture is kept clean, and its claims are announced, linked and able to fail.

That its stored outputs are what it prints today is nbval's part: it collects the notebooks themselves.
`test_reruns.py` runs them with other parameters, `compatibility/` on another processor.
"""

import base64
import csv
import io
import re
import struct
from pathlib import Path

import pytest

from lecturelib import claims, notebooks
from lecturelib.plots import numbers
from tools import audit, readme_picture

ROOT = Path(__file__).parent.parent
LECTURE = notebooks.find()
EACH = pytest.mark.parametrize("notebook", LECTURE, ids=lambda n: n.name)
MACHINE = re.compile(r"(/(work|root|home|tmp|Users|private|var)/|[A-Z]:\\\\|\bat 0x[0-9a-f]{6,})")


def code(notebook) -> list:
    return [c for c in notebook.read().cells if c.cell_type == "code"]


def outputs(notebook) -> list:
    return [o for cell in code(notebook) for o in cell.outputs]


@EACH
def test_stored_outputs_come_from_one_run_without_errors_or_warnings(notebook):
    assert [c.execution_count for c in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    assert not [o for o in outputs(notebook) if o.output_type == "error"]
    assert not [o for o in outputs(notebook) if o.get("name") == "stderr"]


@EACH
def test_notebook_is_stored_clean(notebook):
    contents = notebook.read()
    ids = [c.id for c in contents.cells]
    assert len(set(ids)) == len(ids)
    assert set(contents.metadata) <= {"kernelspec", "language_info", "lecturelib"}
    assert "version" not in contents.metadata.language_info
    assert all(set(c.metadata) <= {"tags", "slideshow", "jupyter"} for c in contents.cells)
    texts = [c.source for c in contents.cells]
    texts += [o.get("text", "") + str(o.get("data", {}).get("text/plain", "")) for o in outputs(notebook)]
    assert not [m[0] for t in texts for m in MACHINE.finditer(t)]
    assert notebook.path.stat().st_size < 1_500_000


@EACH
def test_cells_and_printed_outputs_are_small(notebook):
    assert max(len(c.source.splitlines()) for c in code(notebook)) <= 25
    assert all(len(o.get("text", "")) <= 2500 for o in outputs(notebook))


@EACH
def test_there_is_one_parameters_cell_of_literals_with_units(notebook):
    parameters = notebook.parameters()  # raises on anything but `name = literal  # meaning, unit`
    assert parameters
    (cell,) = [c for c in code(notebook) if "parameters" in c.metadata.get("tags", [])]
    assert code(notebook).index(cell) <= 1


@EACH
def test_every_figure_has_alternative_text_a_dark_variant_and_its_numbers(notebook):
    images = [o for o in outputs(notebook) if "image/png" in o.get("data", {})]
    assert images
    for image in images:
        about = image.metadata["image/png"]
        assert len(about["alt"]) >= 40
        assert image.data["text/plain"].endswith(about["alt"])
        light, dark = (base64.b64decode(png) for png in (image.data["image/png"], about["dark"]))
        assert light != dark
        assert struct.unpack(">II", light[16:24]) == struct.unpack(">II", dark[16:24])  # width, height
        header, *rows = csv.reader(io.StringIO(about["csv"]))
        assert header == [*numbers.COLUMNS, *numbers.VALUES, "of"]
        assert rows
        assert {len(row) for row in rows} == {len(header)}


@EACH
def test_claims_carry_the_notebooks_number_and_are_announced_in_its_first_cell(notebook):
    contents = notebook.read()
    checked = audit.claim_ids(notebook)
    printed = {m[1] for o in outputs(notebook) for m in claims.LINE.finditer(o.get("text", ""))}
    first = contents.cells[0].source
    assert checked
    assert printed == checked
    assert all(c.startswith(notebook.number + ".") for c in checked)
    assert set(re.findall(rf"`({notebook.number}\.[a-z0-9-]+)`", first)) == checked
    assert re.search(r"\d+ minutes", first)


@EACH
def test_every_link_between_notebooks_is_real(notebook):
    text = "\n".join(c.source for c in notebook.read().cells if c.cell_type == "markdown")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert not [link for link in links if not (notebook.path.parent / link).exists()]


@EACH
def test_notebook_is_on_the_map(notebook):
    assert f"(notebooks/{notebook.path.name})" in (ROOT / "README.md").read_text()


def test_every_link_of_the_readme_is_real():
    links = re.findall(r"\]\(([^)#:]+)\)|src=\"([^\":]+)\"", (ROOT / "README.md").read_text())
    assert links
    missing = [a or b for a, b in links if not (ROOT / (a or b)).exists()]
    assert not missing


def test_the_readmes_picture_is_the_notebooks():
    assert readme_picture.PICTURE.read_bytes() == readme_picture.picture()


@EACH
def test_every_claim_has_a_mutant(notebook):
    """`make audit` runs them; here: each stands where it says, and names claims that there are."""
    mutants = audit.read(notebook)  # raises on a text that is not there once
    assert {name for mutant in mutants for name in mutant.claims} == audit.claim_ids(notebook)
    assert all(mutant.claims and mutant.old != mutant.new and mutant.why for mutant in mutants)
