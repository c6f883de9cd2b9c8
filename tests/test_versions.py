"""Other versions: what is installed is what pyproject.toml allows, and a test that fails there is told."""

import sys
from pathlib import Path

import pytest

from tools import versions

PYPROJECT = (versions.ROOT / "pyproject.toml").read_text()
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_lowest_versions_are_those_of_pyproject():
    bounds = versions.lower_bounds(PYPROJECT)
    assert set(bounds) == set(versions.VARIED)
    assert all(f'"{name}>={number}"' in PYPROJECT for name, number in bounds.items())


def test_a_package_without_a_lower_bound_is_refused():
    with pytest.raises(ValueError, match=r"no lower bound .* for nbval"):
        versions.lower_bounds(PYPROJECT.replace('"nbval>=', '"nbval<='))


def test_a_python_is_found_by_what_it_says_of_itself(tmp_path, monkeypatch):
    liar = tmp_path / ".pyenv" / "versions" / "9.9.1" / "bin" / "python"
    liar.parent.mkdir(parents=True)
    liar.symlink_to(sys.executable)  # another version, in a folder that says 9.9
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / ".pyenv"))
    assert versions.find_python("9.9") is None
    assert versions.find_python(HERE) == sys.executable


@pytest.mark.parametrize(("ends", "status"), [([True, True], 0), ([True, False], 1)])
def test_an_environment_whose_tests_fail_makes_the_command_fail(monkeypatch, capsys, ends, status):
    made = [versions.Environment(HERE, "lowest"), versions.Environment(HERE, "newest")]
    passed = dict(zip(made, ends, strict=True))
    monkeypatch.setattr(versions, "ENVIRONMENTS", made)
    monkeypatch.setattr(versions, "make", lambda environment, python: {"jax": "0.6"})
    monkeypatch.setattr(versions, "run_tests", lambda environment, every: passed[environment])
    monkeypatch.setattr("sys.argv", ["versions"])
    assert versions.main() == status
    assert f"newest-{HERE}  {'FAILED' if status else 'passed'}: jax 0.6" in capsys.readouterr().out


def test_an_environment_that_cannot_be_made_fails_with_what_the_installer_said(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(versions, "FOLDER", tmp_path)
    monkeypatch.setattr(versions, "ENVIRONMENTS", [versions.Environment(HERE, "lowest")])
    monkeypatch.setattr(versions, "find_python", lambda version: str(Path(tmp_path) / "no" / "python"))
    monkeypatch.setattr("sys.argv", ["versions"])
    assert versions.main() == 1
    assert "FAILED: not made" in capsys.readouterr().out


def test_an_unknown_environment_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["versions", "lowest-2.7"])
    with pytest.raises(SystemExit):
        versions.main()
    assert "no environment lowest-2.7; there are lowest-3.11" in capsys.readouterr().err


def test_the_tests_that_run_there_exist():
    assert {"tests/test_least_squares.py", "tests/test_data_parallel.py"} < set(versions.library_tests())
    assert (versions.ROOT / "notebooks" / f"{versions.NOTEBOOK}.ipynb").exists()
