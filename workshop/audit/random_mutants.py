"""Random wrong programs: one operator, constant or comparison of the exact theory changed, its tests run.

    python -m workshop.audit.random_mutants [--count 84] [--seed 20261128]

Each mutant runs the module's own tests and examples in a copy of the checkout and is killed when one fails.
The audit's mutants are mistakes that somebody makes; these ask whether the tests see what nobody thought of.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from workshop import checkout

TESTS = {  # module of lecturelib -> names of its test files, beside the module's own examples
    "least_squares/problems": ("problems", "risk"),
    "least_squares/diagonal": ("problems", "risk", "stability"),
    "least_squares/finite_sample": ("finite_sample",),
    "least_squares/risk": ("risk", "finite_sample", "schemes"),
    "least_squares/stability": ("stability",),
    "least_squares/krylov": ("krylov", "stability"),
    "least_squares/critical_batch": ("critical_batch",),
    "least_squares/depth": ("depth",),
    "least_squares/recursion": ("recursion",),
    "least_squares/averaging": ("averaging",),
    "least_squares/schemes": ("schemes",),
    "hogwild/delayed_risk": ("delayed",),
    "parallel/cost": ("cost",),
    "parallel/coordinate": ("coordinate",),
    "adaptive/regret": ("regret",),
    "networks/scaling": ("scaling",),
}
LONGEST = 1800  # seconds that a module's tests may take, many times what they do
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
}  # fmt: skip


def places(tree: ast.Module) -> list[tuple[int, str]]:
    """What can be changed: number of the node in ast.walk's order, and what becomes of it."""
    found = []
    for at, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            found.append((at, "operator"))
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
            found.append((at, "comparison"))
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            found.append((at, "constant"))
        elif isinstance(node, ast.Attribute) and node.attr in ("sum", "mean"):
            found.append((at, "reduction"))
    return found


def mutated(source: str, at: int) -> tuple[str, str]:
    """The program with one node changed, and a line that says what."""
    tree = copy.deepcopy(ast.parse(source))
    node = list(ast.walk(tree))[at]
    before = ast.unparse(node)
    if isinstance(node, ast.BinOp):
        node.op = OPERATORS[type(node.op)]()
    elif isinstance(node, ast.Compare):
        node.ops[0] = COMPARISONS[type(node.ops[0])]()
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        node.value += 1
    elif isinstance(node, ast.Attribute):
        node.attr = {"sum": "mean", "mean": "sum"}[node.attr]
    assert isinstance(node, ast.expr)
    return ast.unparse(tree), f"line {node.lineno}: {before} -> {ast.unparse(node)}"


def main(root: Path | None = None) -> int:
    """Print one line a mutant and the number killed; exit status 1 if some survive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=84)
    parser.add_argument("--seed", type=int, default=20261128)
    options = parser.parse_args()
    root, choose, survived = root or checkout.root(), random.Random(options.seed), 0
    modules = {name: tests for name, tests in TESTS.items() if (root / f"lecturelib/{name}.py").exists()}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("lecturelib", "workshop", "tests", "conftest.py", "pyproject.toml"):
            copied = shutil.copytree if (root / name).is_dir() else shutil.copy
            copied(root / name, Path(folder) / name)
        for name in choose.choices(list(modules), k=options.count):
            path = Path(folder) / f"lecturelib/{name}.py"
            source = path.read_text(encoding="utf-8")
            text, change = mutated(source, choose.choice(places(ast.parse(source)))[0])
            path.write_text(text, encoding="utf-8")
            tests = [f"tests/lecture/{name.split('/')[0]}/test_{test}.py" for test in modules[name]]
            command = [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-x",
                "-p",
                "no:cacheprovider",
                str(path),
                *tests,
            ]
            own = os.environ | {"PYTHONPATH": folder}
            try:
                passed = not subprocess.run(
                    command, cwd=folder, env=own, capture_output=True, timeout=LONGEST
                ).returncode
            except subprocess.TimeoutExpired:  # a loop that no longer ends is noticed, too
                passed = False
            survived += passed
            print("SURVIVED" if passed else "killed  ", f"{name}.py", change, flush=True)
            path.write_text(source, encoding="utf-8")
    print(f"{options.count - survived} of {options.count} killed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
