"""What prose names exists: files, modules and functions in docstrings, comments and pages."""

import ast
import functools
import importlib
import io
import re
import subprocess
import tokenize

import pytest

from workshop import checkout

ROOT = checkout.root()
OURS = ("lecturelib", "workshop", "benchmarks", "tests")
DOTTED = re.compile(r"(?<![\w./])((?:lecturelib|workshop|benchmarks)(?:\.[A-Za-z_]\w*)+)(?![\w/])")
CODE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"(?<![\w/.])((?:\w+/)*\w+\.(?:py|toml|j2))(?!\w)")
NAME = re.compile(r"([a-z_]\w*)\.([A-Za-z_]\w*)(?:\(.*\))?")
PLACEHOLDER = re.compile(r"NN|NAME|N_|\bX\b|module\.function|path/to|^data\.")
SUFFIXES = {
    "py",
    "md",
    "toml",
    "js",
    "css",
    "csv",
    "json",
    "html",
    "ipynb",
    "parquet",
    "npz",
    "xz",
    "sqlite",
    "svm",
}


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


FILES = tracked()
MODULES = {
    name.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
    for name in FILES
    if name.endswith(".py") and name.startswith(OURS)
}


@functools.cache
def resolves(dotted: str) -> bool:
    """Whether a dotted name is a module of ours, or something in one."""
    parts = dotted.split(".")
    for at in range(len(parts), 0, -1):
        if ".".join(parts[:at]) in MODULES:
            found = importlib.import_module(".".join(parts[:at]))
            for part in parts[at:]:
                if not hasattr(found, part):
                    return part in getattr(found, "__dataclass_fields__", {}) | getattr(
                        found, "__annotations__", {}
                    )
                found = getattr(found, part)
            return True
    return dotted in OURS


def prose(name: str) -> str:
    """Of a Python file its docstrings and comments, of a page all of it but its blocks of code."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if not name.endswith(".py"):
        return re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)
    found = [
        ast.get_docstring(node) or ""
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return "\n".join([*found, *(t.string for t in tokens if t.type == tokenize.COMMENT)])


def stale(text: str) -> list[str]:
    """The names in some prose that nothing has any more."""
    found = [dotted for dotted in DOTTED.findall(text) if not resolves(dotted)]
    for path in FILE.findall(text):
        found += [] if any(name == path or name.endswith(f"/{path}") for name in FILES) else [path]
    for match in filter(None, map(NAME.fullmatch, CODE.findall(text))):
        homes = [
            m
            for m in MODULES
            if m.rsplit(".", 1)[-1] == match[1] and m.startswith(("lecturelib", "workshop"))
        ]
        if homes and match[2] not in SUFFIXES and not any(resolves(f"{m}.{match[2]}") for m in homes):
            found.append(match[0])
    return sorted({name for name in found if not PLACEHOLDER.search(name)})


PAGES = [name for name in FILES if name.endswith(".md") and "vendor" not in name and name != "CHANGELOG.md"]
SOURCES = [name for name in FILES if name.endswith(".py") and name.startswith((*OURS, "site"))]


def test_what_prose_names_exists():
    assert {name: gone for name in [*PAGES, *SOURCES] if (gone := stale(prose(name)))} == {}


@pytest.mark.parametrize(
    "text",
    ["see `claims.chekc`", "lecturelib.theory.depth", "as `tools/audit.py` does", "`checks.check_all(x)`"],
)
def test_a_name_that_is_gone_is_found(text):
    assert stale(text)


def test_names_that_are_there_are_left_alone():
    assert stale("`claims.check`, lecturelib.least_squares.depth, tests/agree.py, `np.sum`, `x.y`") == []
