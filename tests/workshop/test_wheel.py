"""The installed package without a checkout: a wheel is built, installed, and used as a stranger uses it."""

import ast
import csv
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import numpy as np
import pytest

from workshop import checkout, notebooks

pytestmark = pytest.mark.long
NOTEBOOK = (
    "runs = 3  # coins to toss, 1 or more",
    "from lecturelib import claims, sweep\n"
    "sweep.record('doubled', 2 * runs)\n"
    "claims.check('01.twice', 'Twice is even.', measured=2 * runs % 2, equals=0, because='arithmetic');",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=checkout.root(), check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The scripts of an environment with the wheel, and of this one only what is installed: no checkout."""
    folder = tmp_path_factory.mktemp("somewhere else") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--ignore-installed", wheel], check=True)
    return folder / "bin"


@pytest.fixture
def run(installed, tmp_path, monkeypatch):
    """Run a command of that environment in an empty folder; what it printed, if it ended as expected."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    kept = ("PATH", "HOME", "LANG", "IPYTHONDIR", "OPENBLAS_NUM_THREADS", "MPLBACKEND")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment["JUPYTER_PATH"] = str(
        Path(sysconfig.get_path("data"), "share", "jupyter")
    )  # as dependencies.pth

    def call(program, *arguments, status=0):
        command = [installed / program, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, said
        assert "Traceback" not in said
        return said

    return call


def tiny(folder: Path) -> Path:
    cells = [nbformat.v4.new_code_cell(source) for source in NOTEBOOK]
    cells[0].metadata["tags"] = ["parameters"]
    path = folder / "any name.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def imports() -> str:
    """Every import of the library in every notebook."""
    found = []
    for notebook in notebooks.find():
        for cell in [c for c in notebook.read().cells if c.cell_type == "code"]:
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lecturelib"):
                    found.append(ast.unparse(node))
    return "\n".join(dict.fromkeys(found))


def test_the_notebooks_imports_and_the_explorers_work(run):
    assert len(imports().splitlines()) > 20
    program = f"{imports()}\nfrom lecturelib import explorers\n"
    program += "print(sorted(len(explorers.show(n).data) > 10_000 for n in ('delay', 'one_hot')))\n"
    program += "import lecturelib\nprint(lecturelib.__version__, lecturelib.__file__)\n"
    said = run("python", "-c", program)
    assert "[True, True]" in said
    assert str(checkout.root()) not in said


def test_advice_is_written_into_the_current_folder(run, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    rows = np.column_stack([x, x @ [1.0, -1.0, 0.5] + rng.normal(size=200)])
    np.savetxt(tmp_path / "mine.csv", rows, delimiter=",", header="a,b,c,price", comments="")
    run("lecture", "batch-size", "mine.csv", "--target", "price")
    assert {path.name for path in (tmp_path / "batch-size").iterdir()} == {
        "batch-size.html",
        "batch-size.json",
    }


def test_any_notebook_runs_and_is_swept(run, tmp_path):
    notebook = tiny(tmp_path)
    assert "1 claims hold" in run("lecture", "run", notebook.name, "-p", "runs=5")
    assert list((tmp_path / "lectures").glob("any name*.ipynb"))
    run("lecture", "sweep", notebook.name, "-p", "runs=1,2", "--out", "swept", "--workers", "1")
    table = (tmp_path / "swept" / "table.csv").read_text()
    assert [row["status"] for row in csv.DictReader(table.splitlines())] == ["ok", "ok"], table


def test_what_needs_the_lecture_itself_says_so_in_a_sentence(run):
    said = run("lecture", "list", status=2)
    assert "is in no checkout of the lecture" in said


def test_without_the_extra_the_command_says_what_to_install(run):
    program = "import sys; sys.modules['click'] = None; import workshop; workshop.main()"
    assert 'pip install "lecturelib[workshop]"' in run("python", "-c", program, status=1)
