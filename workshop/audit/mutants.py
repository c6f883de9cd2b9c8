"""The wrong programs: what tests/mutants/NN.toml says, and the program that comes of each.

tests/mutants/NN.toml lists the mutants of notebook NN, tables [[mutant]] with

    claims      ids of the claims that must fail under it (or `claim`, one id)
    file        a file of lecturelib, such as "least_squares/problems.py", or "notebook"
    old, new    text that stands in the file exactly once, and what a hurried author would write instead
    why         the mistake, in words
    parameters  optional: other parameters of the notebook, so that it runs faster
"""

import ast
import functools
import hashlib
import json
import platform
import re
import tomllib
from dataclasses import dataclass, field
from importlib.metadata import version

from workshop import checkout, imports, notebooks
from workshop.audit import slicing

ROOT = checkout.root()
PACKAGE = ROOT / "lecturelib"
MUTANTS = ROOT / "tests" / "mutants"
CHECK = re.compile(r"claims\.check\(\s*\"([^\"]+)\"")


@dataclass(frozen=True)
class Program:
    """What runs: the cells' sources, and the files of the package that differ from the right ones."""

    cells: tuple[str, ...]
    changed: dict[str, str] = field(default_factory=dict)

    def key(self) -> str:
        """A hash of all that decides the outcome: cells, the modules that they reach, versions of libraries.

        Comments, docstrings and layout are left out, and so is what only draws: figures decide no claim.
        """
        texts = [_meaning(cell) for cell in self.cells]
        changed = {f"lecturelib/{name}": text for name, text in self.changed.items()}
        used = _without_unused("\n".join(self.cells))
        files = imports.reached(used, PACKAGE.parent, changed=changed, without=["lecturelib.plots"])
        reached = sorted((name, _meaning(text)) for name, text in files.items())
        versions = [version(name) for name in ("numpy", "scipy", "jax", "optax", "numba")]
        parts = [texts, reached, versions, platform.python_version_tuple()[:2]]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Mutant:
    """A wrong program, and the claims that must fail under it; without `old`, the right program."""

    notebook: notebooks.Notebook
    claims: tuple[str, ...] = ()
    file: str = "notebook"
    old: str = ""
    new: str = ""
    why: str = "no mutant"
    parameters: dict = field(default_factory=dict)

    def replace(self, text: str) -> str:
        """The mutated text; ValueError unless `old` stands in it exactly once."""
        if text.count(self.old) != 1:
            raise ValueError(
                f"{self.notebook.name}: {self.old!r} stands {text.count(self.old)} times in {self.file};"
                " a mutant needs a text that stands there once"
            )
        return text.replace(self.old, self.new)

    def source(self) -> str:
        """The text that the mutant changes: of the library file, or of all code cells of the notebook."""
        if self.file == "notebook":
            return "\n".join(cell.source for cell in code(self.notebook))
        return (PACKAGE / self.file).read_text(encoding="utf-8")

    def program(self) -> Program:
        """The cells that the claims need, with the mutant in them and without it."""
        right, wrong, checks = [], [], set()
        for cell in code(self.notebook):
            mutated = self.old and self.file == "notebook" and self.old in cell.source
            right.append(cell.source)
            wrong.append(self.replace(cell.source) if mutated else cell.source)
            if set(CHECK.findall(cell.source)) & set(self.claims):
                checks.add(len(right) - 1)
            if "parameters" in cell.metadata.get("tags", []):
                for cells in (right, wrong):
                    cells += [f"{name} = {value!r}" for name, value in self.parameters.items()]
        kept = {at for cells in (right, wrong) for at in slicing.needed(cells, checks)}
        library = self.old and self.file != "notebook"
        return Program(
            tuple(wrong[at] for at in sorted(kept)),
            {self.file: self.replace(self.source())} if library else {},
        )


def code(notebook: notebooks.Notebook) -> list:
    """The code cells of a notebook."""
    return [cell for cell in notebook.read().cells if cell.cell_type == "code"]


def claim_ids(notebook: notebooks.Notebook) -> set[str]:
    """The ids of the claims that a notebook's code checks."""
    return {name for cell in code(notebook) for name in CHECK.findall(cell.source)}


def read(notebook: notebooks.Notebook) -> list[Mutant]:
    """The mutants of a notebook; ValueError on one that is not well formed."""
    path = MUTANTS / f"{notebook.number}.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["mutant"] if path.exists() else []
    mutants = []
    for table in tables:
        ids = tuple(table.pop("claims", ())) + tuple(filter(None, [table.pop("claim", "")]))
        mutants.append(Mutant(notebook, ids, **table))
        mutants[-1].replace(mutants[-1].source())
    return mutants


def right_ones(mutants: list[Mutant]) -> list[Mutant]:
    """The right programs: once for each selection of claims and parameters under which a wrong one runs."""
    found = {(m.claims, json.dumps(m.parameters, sort_keys=True)): m for m in mutants}
    return [Mutant(m.notebook, m.claims, parameters=m.parameters) for m in found.values()]


@functools.lru_cache(maxsize=1000)
def _meaning(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match node:
            case (
                ast.Module(body=[ast.Expr(ast.Constant(str())), *_])
                | ast.ClassDef(body=[ast.Expr(ast.Constant(str())), *_])
                | ast.FunctionDef(body=[ast.Expr(ast.Constant(str())), *_])
            ):
                del node.body[0]
    return ast.dump(tree)


def _without_unused(source: str) -> str:
    """A text without the imports whose names nothing uses."""
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            node.names = [a for a in node.names if (a.asname or a.name) in used] or [ast.alias("__doc__")]
    return ast.unparse(tree)
