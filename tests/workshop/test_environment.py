"""environment.yml, pyproject.toml, the lock and what is installed say the same."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import lecturelib
from tests.marks import first_quick

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def declared() -> dict[str, Requirement]:
    texts = PROJECT["dependencies"] + [
        t for extra in PROJECT["optional-dependencies"].values() for t in extra
    ]
    requirements = [Requirement(t) for t in texts if not t.startswith("lecturelib")]
    return {r.name: r for r in requirements}


def conda_specs() -> dict[str, Requirement]:
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    specs = [Requirement(d) for d in dependencies if isinstance(d, str) and d != "pip"]
    return {s.name: s for s in specs}


def test_environment_says_the_same_as_pyproject():
    conda, project = conda_specs(), declared()
    python = conda.pop("python")
    assert str(python.specifier) == PROJECT["requires-python"]
    assert {n: str(r.specifier) for n, r in conda.items()} == {
        n: str(r.specifier) for n, r in project.items()
    }


def test_environment_installs_the_package_itself():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [d["pip"] for d in dependencies if isinstance(d, dict)]
    assert pip[0].endswith("-e .")
    assert "pip" in dependencies


@pytest.mark.parametrize("name", sorted(declared()))
def test_installed_versions_satisfy_the_bounds_and_equal_the_lock(name):
    lock = (ROOT / "requirements.lock").read_text()
    locked = re.findall(rf"^{re.escape(name)}==(\S+)", lock, re.MULTILINE)
    assert declared()[name].specifier.contains(version(name))
    assert version(name) in locked


def test_every_dependency_has_a_reason_and_a_use():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    for name in declared():
        (line,) = [text for text in lines if re.match(rf'\s*"{re.escape(name)}[>\[]', text)]
        assert re.search(r"# \S+", line), f"{name} has no reason beside it"


def test_lock_is_hashed_and_names_no_host():
    lock = (ROOT / "requirements.lock").read_text()
    packages = re.split(r"\n(?=\S+==)", lock)[1:]
    assert len(packages) > 50
    assert all("--hash=sha256:" in p for p in packages)
    assert "://" not in lock
    assert "index-url" not in lock.replace("--no-emit-index-url", "")


def test_the_version_is_said_once_and_repeated_truly():
    assert version("lecturelib") == PROJECT["version"] == lecturelib.__version__
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == PROJECT["version"]
    assert f"## {PROJECT['version']}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_the_base_is_what_the_library_imports():
    """And nothing that runs, grades or publishes."""
    imported = {
        name.split(".")[0]
        for path in (ROOT / "lecturelib").rglob("*.py")
        if not path.name.startswith("pack_")  # scripts beside the data, which are not installed
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", None)]
        )
        if name and not getattr(node, "level", 0)
    }
    theirs = imported - set(sys.stdlib_module_names) - {"lecturelib", "workshop"}
    comes_with = {
        "PIL": "pillow",
        "cycler": "matplotlib",
        "IPython": "ipykernel",
        "llvmlite": "numba",
    }
    base = {Requirement(text).name for text in PROJECT["dependencies"]}
    assert {comes_with.get(name, name) for name in theirs} - {"pyarrow", "workshop"} <= base


def in_a_home_that_cannot_be_written(tmp_path, code, **environment):
    """Run code as a notebook's first cell would; exit status and all that it says."""
    (tmp_path / "file").touch()
    places = dict.fromkeys(("HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME"), str(tmp_path / "file" / "below"))
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | places | environment
    )
    return process.returncode, process.stdout + process.stderr


@pytest.mark.long
def test_what_matplotlib_says_of_a_home_is_no_output(tmp_path):
    code = "from lecturelib import plots"
    assert in_a_home_that_cannot_be_written(tmp_path, code) == (0, "")


@first_quick("platform", ["cuda", "tpu", "nonsense"])
def test_a_platform_that_is_not_there_is_said_by_the_first_cell_in_a_sentence(platform):
    environment = os.environ | {"JAX_PLATFORMS": platform}
    code = "import jax\nfrom lecturelib import claims"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    last = process.stderr.strip().splitlines()[-1] if process.returncode else None
    assert last in (
        None,  # this machine has it
        f"RuntimeError: JAX_PLATFORMS={platform}: JAX finds no such device here; set JAX_PLATFORMS=cpu",
    )


def test_the_command_says_of_a_platform_that_is_not_there_only_that():
    call = [sys.executable, "-c", "import workshop; workshop.main()", "list"]
    environment = os.environ | {"JAX_PLATFORMS": "nonsense"}
    process = subprocess.run(call, capture_output=True, text=True, env=environment)
    said = "Error: JAX_PLATFORMS=nonsense: JAX finds no such device here; set JAX_PLATFORMS=cpu\n"
    assert (process.returncode, process.stderr) == (1, said)


def test_nbval_finds_what_it_passes_over_from_every_folder_and_in_every_alphabet(pytestconfig):
    passed_over = Path(pytestconfig.option.nbval_sanitize_with)
    assert passed_over.is_absolute()
    assert passed_over.read_text(encoding="ascii")
