"""The import contracts of pyproject.toml hold, and a wrong import breaks them."""

import shutil
import subprocess
import sys

from tests.marks import first_quick
from workshop import checkout

ROOT = checkout.root()
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def lint(folder):
    return subprocess.run(
        [sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_contracts_are_kept():
    found = lint(ROOT)
    assert found.returncode == 0, found.stdout + found.stderr


@first_quick(
    ("file", "wrong", "contract"),
    [
        ("checks.py", "def late():\n    from lecturelib.least_squares import simulate", "Exact theory never"),
        ("least_squares/risk.py", "import jax", "Exact theory never"),
        ("spread.py", "from lecturelib.parallel import coordinate", "An experiment never"),
        ("datasets/tables.py", "from workshop import sweep", "The library stands without the workshop"),
    ],
)
def test_a_wrong_import_is_refused(tmp_path, file, wrong, contract):
    for package in ("lecturelib", "workshop"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("data", "__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / "lecturelib" / file
    path.write_text(f"{path.read_text(encoding='utf-8')}\n\n{wrong}\n", encoding="utf-8")
    found = lint(tmp_path)
    assert found.returncode == 1, found.stderr
    broken = [line for line in found.stdout.splitlines() if " BROKEN" in line]
    assert any(line.startswith(contract) for line in broken)
