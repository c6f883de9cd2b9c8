"""The names that the package hands out are the modules that it says, for programs and for editors."""

import ast
import importlib
from pathlib import Path

import pytest

import lecturelib

STUB = ast.parse(Path(lecturelib.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
FROM = [node for node in STUB.body if isinstance(node, ast.ImportFrom)]
IMPORTED = {alias.asname: f"{node.module}.{alias.name}" for node in FROM for alias in node.names}
ASSIGNED = {n.targets[0].id: IMPORTED[n.value.id] for n in STUB.body if isinstance(n, ast.Assign)}
TOLD = {name: module for name, module in (IMPORTED | ASSIGNED).items() if not name.startswith("_")}


@pytest.mark.parametrize("name", sorted(TOLD))
def test_an_editor_is_told_what_a_program_gets(name):
    importlib.import_module(TOLD[name])
    assert getattr(lecturelib, name).__name__ == TOLD[name]


def test_no_door_is_missing_in_the_stub():
    folders = {p.parent.name for p in Path(lecturelib.__file__).parent.glob("*/__init__.py")}
    assert {name: TOLD[name] for name in lecturelib._DOORS} == lecturelib._DOORS
    assert folders <= set(TOLD)


def test_a_name_that_there_is_not_is_refused():
    with pytest.raises(AttributeError, match="has no attribute 'mpl'"):
        _ = lecturelib.mpl
