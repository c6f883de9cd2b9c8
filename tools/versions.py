"""Run tests and stored outputs with other versions of what the lecture stands on, each in its environment.

    python -m tools.versions [NAME ...] [--all] [--list]

The environments, under build/versions/NAME: the lowest versions that pyproject.toml allows of jax, numpy,
matplotlib, papermill and nbval, and the newest that there are; all other packages as in the lock, where that
can be. Each runs the tests of the library, and holds one notebook to its stored outputs; --all holds every
notebook to them. A Python that this machine lacks is named and left out.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "versions"
VARIED = ("jax", "numpy", "matplotlib", "papermill", "nbval")
NOTEBOOK = "04_mini_batching"


@dataclass(frozen=True)
class Environment:
    """A Python, such as "3.12", and which end of the allowed versions: "lowest" or "newest"."""

    python: str
    end: str

    @property
    def name(self) -> str:
        return f"{self.end}-{self.python}"

    @property
    def folder(self) -> Path:
        return FOLDER / self.name


ENVIRONMENTS = [
    Environment("3.11", "lowest"),
    Environment("3.11", "newest"),
    Environment("3.12", "newest"),
    Environment("3.13", "newest"),
    Environment("3.14", "newest"),
]


class Failed(RuntimeError):
    """A step failed; the message is what the command printed."""


def library_tests(root: Path = ROOT) -> list[str]:
    """The tests of the library: tests/test_X.py, or test_FOLDER_X.py, where lecturelib has an X.py."""
    modules = [path.relative_to(root / "lecturelib") for path in (root / "lecturelib").rglob("*.py")]
    names = {name for path in modules for name in (path.stem, "_".join(path.with_suffix("").parts))}
    names |= {path.parent.name for path in modules if path.name == "__init__.py"}
    paths = (f"tests/test_{name}.py" for name in sorted(names))
    return [path for path in paths if (root / path).exists()]


def lower_bounds(pyproject: str) -> dict[str, str]:
    """The declared lower bounds of the packages that are varied, name -> version.

    Raises:
        ValueError: one of them is not declared with a lower bound.
    """
    declared = [Requirement(text) for text in tomllib.loads(pyproject)["project"]["dependencies"]]
    bounds = {
        r.name: s.version for r in declared if r.name in VARIED for s in r.specifier if s.operator == ">="
    }
    if missing := set(VARIED) - set(bounds):
        raise ValueError(f"pyproject.toml gives no lower bound (>=) for {', '.join(sorted(missing))}")
    return bounds


def find_python(version: str) -> str | None:
    """Path of a Python of that version on this machine, pyenv's among them; None if there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"))]
    for path in [sys.executable, *filter(None, candidates)]:
        ask = [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        said = subprocess.run(ask, capture_output=True, text=True, check=False)
        if said.returncode == 0 and said.stdout.strip() == version:
            return str(path)
    return None


def uv(*arguments) -> None:
    command = [Path(sys.executable).with_name("uv"), *map(str, arguments), "--quiet"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"UV_PYTHON_DOWNLOADS": "never"}, capture_output=True, text=True
    )
    if done.returncode:
        raise Failed(done.stdout + done.stderr)


def make(environment: Environment, python: str) -> dict[str, str]:
    """Make an environment afresh; returns the versions of the varied packages, name -> version.

    Raises:
        Failed: no set of packages has these versions, or the installation failed.
    """
    shutil.rmtree(environment.folder, ignore_errors=True)
    uv("venv", "--python", python, environment.folder)
    wanted = environment.folder / "requirements.txt"
    shutil.copy(ROOT / "requirements.lock", wanted)  # what need not change stays as locked
    if environment.end == "lowest":
        fixed = environment.folder / "lowest.txt"
        bounds = lower_bounds((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        fixed.write_text("".join(f"{name}=={number}\n" for name, number in bounds.items()))
        change = ["--constraint", fixed]
    else:
        change = [word for name in (*VARIED, "jaxlib") for word in ("--upgrade-package", name)]
    options = [
        "--extra",
        "dev",
        "--python-version",
        environment.python,
        "--no-annotate",
        "--no-emit-index-url",
    ]
    uv("pip", "compile", "pyproject.toml", *options, *change, "--output-file", wanted)
    uv("pip", "install", "--python", environment.folder, "--requirement", wanted)
    uv(
        "pip",
        "install",
        "--python",
        environment.folder,
        "--no-deps",
        "--no-build-isolation",
        "--editable",
        ROOT,
    )
    chosen = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", wanted.read_text(encoding="utf-8"), re.MULTILINE))
    return {name: chosen[name] for name in VARIED}


def run_tests(environment: Environment, every_notebook: bool) -> bool:
    """Run the tests in an environment; whether they passed."""
    notebooks = ["notebooks"] if every_notebook else [f"notebooks/{NOTEBOOK}.ipynb"]
    python = environment.folder / "bin" / "python"
    options = ["-q", "-n", "2", "-p", "no:cacheprovider"]
    if environment.end == "lowest":  # an old library may use what a newer neighbour of its calls deprecated
        options += ["-W", "ignore::DeprecationWarning", "-W", "ignore::PendingDeprecationWarning"]
    command = [
        python,
        "-m",
        "pytest",
        *options,
        "-m",
        "not compat and not long",
        *notebooks,
        *library_tests(),
    ]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="of environments; all of them if none is given")
    parser.add_argument("--all", action="store_true", help="hold every notebook to its stored outputs")
    parser.add_argument("--list", action="store_true", help="only say which environments there are")
    options = parser.parse_args()
    names = [e.name for e in ENVIRONMENTS]
    if unknown := set(options.names) - set(names):
        parser.error(f"no environment {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    lines, failed = [], False
    for environment in ENVIRONMENTS:
        if options.names and environment.name not in options.names:
            continue
        python = find_python(environment.python)
        if python is None or options.list:
            lines.append(f"{environment.name:12} {python or 'no such Python on this machine'}")
            continue
        try:
            versions = make(environment, python)
            passed = run_tests(environment, options.all)
        except Failed as error:
            versions, passed = {"not made": str(error).strip()}, False
        failed |= not passed
        numbers = ", ".join(f"{name} {number}" for name, number in versions.items())
        lines.append(f"{environment.name:12} {'passed' if passed else 'FAILED'}: {numbers}")
        print(lines[-1], flush=True)
    print("\n" + "\n".join(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
