"""environment.yml, pyproject.toml, the lock and what is installed say the same."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
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
