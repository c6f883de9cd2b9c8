"""Theory never imports experiment, nor experiment theory: that both agree says something only then."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "lecturelib"
THEORY = {f"theory.{path.stem}" for path in PACKAGE.glob("theory/[a-z]*.py")}
THEORY |= {"least_squares", "schemes", "coordinate"}
EXPERIMENTS = {
    "simulate",
    "trajectory",
    "sampling",
    "draws",
    "delayed",
    "spread",
    "mlp",
    "network",
    "contest",
}
EXPERIMENTS |= {"data_parallel", "model_parallel", "hogwild", "noise_scale"}


def reached(name: str, package: Path = PACKAGE) -> set[str]:
    """The modules that a module of the library imports, at whatever remove: of the library, and jax."""
    found, wanted = set(), {name}
    while wanted:
        module = wanted.pop()
        found.add(module)
        path = _file(module, package)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            found |= {"jax"} & {n.split(".")[0] for n in names}
            inside = {n.removeprefix("lecturelib.") for n in names if n.startswith("lecturelib.")}
            wanted |= {n for n in inside if _file(n, package).is_file()} - found
    return found - {name}


def _file(name: str, package: Path) -> Path:
    path = package / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")


@pytest.mark.parametrize("module", sorted(THEORY))
def test_theory_reaches_no_experiment(module):
    assert reached(module) & (EXPERIMENTS | {"jax"}) == set()


@pytest.mark.parametrize("module", sorted(EXPERIMENTS))
def test_an_experiment_reaches_no_theory(module):
    assert reached(module) & THEORY == set()


def test_a_wrong_import_is_seen(tmp_path):
    (tmp_path / "theory").mkdir()
    (tmp_path / "theory" / "depth.py").write_text("from lecturelib import helper")
    (tmp_path / "helper.py").write_text("def f():\n    from lecturelib.simulate import sgd")
    (tmp_path / "simulate.py").write_text("import jax.numpy as jnp")
    assert reached("theory.depth", tmp_path) == {"helper", "simulate", "jax"}
