"""CONTRIBUTING.md names files, commands and fields that there are."""

import re
import tomllib
from pathlib import Path

import pytest

from workshop.audit.mutants import Mutant

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TO_BE_WRITTEN = re.compile(r"NN|NAME|N_topic")


def missing(text: str) -> list[str]:
    """Paths of the text that are not there, and make targets that the Makefile lacks."""
    paths = set(re.findall(r"\]\(([^)#:]+)\)", text))
    paths |= set(re.findall(r"\b(?:tests|tools|lecturelib|homework|benchmarks|notebooks)/[\w./]*\w", text))
    targets = set(re.findall(r"\bmake ([a-z]+)(?=[`\s]*(?:ONLY|#|`|\n))", text))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    gone = [path for path in sorted(paths) if not TO_BE_WRITTEN.search(path) and not (ROOT / path).exists()]
    return gone + sorted(targets - known)


def test_what_it_names_is_there():
    assert missing(TEXT) == []
    assert "CONTRIBUTING.md" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("`tests/test_gone.py`", ["tests/test_gone.py"]),
        ("[there](tests/gone.toml)", ["tests/gone.toml"]),
        ("run `make tests` first", ["tests"]),
        ("make longer   # minutes", ["longer"]),
        ("`tests/mutants/NN.toml` and `make audit ONLY=04`", []),
    ],
)
def test_what_is_gone_is_seen(text, gone):
    assert missing(text) == gone


def test_the_mutant_it_shows_is_well_formed():
    (block,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    (table,) = tomllib.loads(re.sub(r"^ {3}", "", block, flags=re.MULTILINE))["mutant"]
    assert set(table) <= set(Mutant.__dataclass_fields__)
