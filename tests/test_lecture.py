"""Every notebook of the lecture: kept clean, true for other parameters, the same on another processor.

That its stored outputs are what it prints today is nbval's part: it collects the notebooks themselves.
"""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from lecturelib import claims, notebooks, running
from tools import readme_picture

ROOT = Path(__file__).parent.parent
LECTURE = notebooks.find()
EACH = pytest.mark.parametrize("notebook", LECTURE, ids=lambda n: n.name)
RERUNS = [
    (n, values) for n in LECTURE for values in n.read().metadata.get("lecturelib", {}).get("reruns", [])
]
MACHINE = re.compile(r"(/(work|root|home|tmp|Users|private|var)/|[A-Z]:\\\\|\bat 0x[0-9a-f]{6,})")


def code(notebook) -> list:
    return [c for c in notebook.read().cells if c.cell_type == "code"]


def outputs(notebook) -> list:
    return [o for cell in code(notebook) for o in cell.outputs]


def claim_ids(source: str) -> set[str]:
    """The ids of the claims that a piece of source checks."""
    return set(re.findall(r"claims\.check\(\s*\"([^\"]+)\"", source))


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
def test_every_figure_has_alternative_text(notebook):
    images = [o for o in outputs(notebook) if "image/png" in o.get("data", {})]
    assert images
    for image in images:
        assert len(image.metadata["image/png"]["alt"]) >= 40
        assert image.data["text/plain"].endswith(image.metadata["image/png"]["alt"])


@EACH
def test_claims_carry_the_notebooks_number_and_are_announced_in_its_first_cell(notebook):
    contents = notebook.read()
    checked = claim_ids("\n".join(c.source for c in code(notebook)))
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


def test_every_notebook_names_reruns():
    assert {n.name for n, _ in RERUNS} == {n.name for n in LECTURE}


@pytest.mark.parametrize(("notebook", "values"), RERUNS, ids=lambda x: getattr(x, "name", str(x)))
def test_claims_hold_for_other_parameters(notebook, values, tmp_path):
    defaults = {name: p.default for name, p in notebook.parameters().items()}
    assert set(values) <= set(defaults)
    assert any(values[name] != defaults[name] for name in values)
    copy = tmp_path / notebook.path.name
    assert running.execute(notebook, copy, values) is None
    assert set(running.held_claims(copy)) == set(running.held_claims(notebook.path))
    executed = nbformat.read(copy, as_version=4)
    assert not [o for c in executed.cells for o in c.get("outputs", []) if o.get("name") == "stderr"]


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not hasattr(os, "sched_setaffinity"),
    reason="an older processor and a single core are imitated on x86-64 Linux only",
)
@EACH
def test_stored_text_survives_another_processor_and_one_core(notebook):
    cores = sorted(os.sched_getaffinity(0))
    core = cores[int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % len(cores)]
    other = os.environ | {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2", "OPENBLAS_CORETYPE": "Nehalem"}
    other = {name: value for name, value in other.items() if not name.startswith("PYTEST_")}
    pinned = (
        f"import os, sys, pytest; os.sched_setaffinity(0, {{{core}}}); sys.exit(pytest.main(sys.argv[1:]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", pinned, "-q", "-p", "no:cacheprovider", notebook.path],
        cwd=ROOT,
        env=other,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:]
    assert re.search(r"\d+ passed", result.stdout)
