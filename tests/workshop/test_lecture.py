"""Every notebook of the lecture is kept clean, and its claims are announced, linked and able to fail.

That its stored outputs are what it prints today is nbval's part: it collects the notebooks themselves.
`test_reruns.py` runs them with other parameters, `test_compatibility.py` on another processor.
"""

import base64
import csv
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from lecturelib import claims
from lecturelib.plots import numbers
from lecturelib.plots import outputs as shown
from workshop import folding, notebooks
from workshop.audit import command
from workshop.site import claims_page, front

ROOT = Path(__file__).parents[2]
LECTURE = notebooks.find()
EACH = pytest.mark.parametrize("notebook", LECTURE, ids=lambda n: n.name)
FLOAT32_ROOT = 4e-4  # the root of float32's rounding: no honest zero of the lecture is further off
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
    printed = [o.get("text", "") for o in outputs(notebook)]
    assert all(len(text) <= 2500 for text in printed)
    lines = [line for text in printed for line in text.splitlines()]
    tables = [line for line in lines if re.search(r"\S {2,}\S", line)]  # a table that wraps cannot be read
    assert not [line for line in tables if len(line) > 88]


@EACH
def test_there_is_one_parameters_cell_of_literals_with_units(notebook):
    parameters = notebook.parameters()  # raises on anything but `name = literal  # meaning, unit`
    assert parameters
    (cell,) = [c for c in code(notebook) if "parameters" in c.metadata.get("tags", [])]
    assert code(notebook).index(cell) <= 1


@EACH
def test_every_figure_has_alternative_text_both_themes_its_number_and_its_numbers(notebook):
    images = [o for o in outputs(notebook) if "image/png" in o.get("data", {})]
    assert images
    for place, image in enumerate(images, start=1):
        figure = shown.read(image)
        assert len(figure.alt) >= 40
        assert image.data["text/plain"].endswith(figure.alt)
        assert "prefers-color-scheme: dark" in figure.wide
        assert figure.number == place
        header, *rows = csv.reader(io.StringIO(figure.csv))
        assert header == [*numbers.COLUMNS, *numbers.VALUES, "of"]
        assert rows
        assert {len(row) for row in rows} == {len(header)}


@EACH
def test_a_phone_shows_every_figure_with_letters_that_can_be_read(notebook):
    """Its letters of 10 points shrink to 7 where 5.2 inches become the 350 pixels of a phone."""
    for image in (o for o in outputs(notebook) if "image/png" in o.get("data", {})):
        wide, _ = Image.open(io.BytesIO(base64.b64decode(image.data["image/png"]))).size
        assert shown.read(image).narrow or wide <= 5.2 * 96, image.data["text/plain"]


@EACH
def test_claims_carry_the_notebooks_number_and_are_listed_at_its_end_folded(notebook):
    contents = notebook.read()
    checked = command.claim_ids(notebook)
    held = {claim.id for claim in claims.read(contents) if claim.verdict}
    first, last = contents.cells[0].source, contents.cells[-1]
    assert checked
    assert last.id == claims_page.LISTED
    assert last.source.startswith("<details><summary>")
    assert held == checked
    assert all(c.startswith(notebook.number + ".") for c in checked)
    assert set(re.findall(rf"`({notebook.number}\.[a-z0-9-]+)`", last.source)) == checked
    assert re.search(r"\d+ minutes", first)


@EACH
def test_the_last_cell_says_which_claims_held(notebook):
    assert code(notebook)[-1].source == "claims.summary()"


@EACH
def test_cells_that_only_draw_check_or_ask_are_folded(notebook):
    """As `python -m workshop.folding` does it."""
    assert folding.fold(notebook.read()) == notebook.read()
    assert {"draws", "claims"} <= {tag for c in code(notebook) for tag in c.metadata.get("tags", [])}


def unjustified(claim: claims.Claim) -> bool:
    """Whether a claim has a tolerance of a tenth or more and does not say of which standard error.

    Zero has no tenth: there the reason names a rounding, and the tolerance is no larger than float32's root.
    """
    if claim.expected == 0 and re.search(r"round|float|accuracy", claim.because):
        return claim.tolerance > FLOAT32_ROOT
    return 0 < claim.tolerance >= 0.1 * abs(claim.expected) and "standard error" not in claim.because


@EACH
def test_a_wide_tolerance_of_a_claim_is_a_standard_error(notebook):
    assert {claim.id for claim in claims.read(notebook.read()) if unjustified(claim)} == set()


@pytest.mark.parametrize(
    ("expected", "tolerance", "because", "refused"),
    [
        (0.034, 0.05, "close enough", True),
        (0.034, 0.05, "4 standard errors over 20 seeds", False),
        (3034, 50, "counting", False),
        (0, 1.2e-7, "float32 rounding", False),
        (0, 0.05, "float32 rounding", True),
        (0, 1e-7, "it is small", True),
        (4, 0, "five at least", False),
    ],
)
def test_which_tolerances_are_refused(expected, tolerance, because, refused):
    claim = claims.Claim(
        "04.half", "Heads come up half the time.", 0.03, "expected", expected, tolerance, because
    )
    assert unjustified(claim) == refused


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
    assert (ROOT / "site" / "mnist.svg").read_bytes() == front.files(ROOT)["_static/mnist.svg"]


@EACH
def test_every_claim_has_a_mutant(notebook):
    """`make audit` runs them; here: each stands where it says, and names claims that there are."""
    mutants = command.read(notebook)  # raises on a text that is not there once
    assert {name for mutant in mutants for name in mutant.claims} == command.claim_ids(notebook)
    assert all(mutant.claims and mutant.old != mutant.new and mutant.why for mutant in mutants)
