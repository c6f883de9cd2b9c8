"""The claims of the lecture, each with the cell that checks it and the papers behind it."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from lecturelib import claims
from workshop import notebooks

LISTED = "claims-list"  # the id of the cell, a notebook's last, that lists its claims
ANNOUNCED = re.compile(r"^- `(\d\d\.[a-z0-9-]+)`: (.+(?:\n  +\S.*)*)$", re.MULTILINE)
HEAD = """# Claims and their sources

Each sentence below is checked by the cell it links to, each time the notebook runs: the cell stops the
notebook if the sentence is false. *Stated by* names who proved, measured or said it, perhaps up to
constants that the notebook makes exact; *setting of* names who defined the problem, the method or the
quantity, where the sentence itself is worked out here. The papers are listed under [](references.md).
"""


@dataclass(frozen=True)
class Announced:
    """A claim as its notebook announces it."""

    id: str
    sentence: str  # Markdown, with formulas
    notebook: notebooks.Notebook
    held: bool  # whether a stored output says that it holds; not so in a notebook that is being written


def announced(folder: Path) -> list[Announced]:
    """All claims of all notebooks, in the lecture's order."""
    found = []
    for notebook in notebooks.find(folder):
        contents = notebook.read()
        held = {claim.id for claim in claims.read(contents) if claim.verdict}
        listed = "\n".join(cell.source for cell in contents.cells if cell.id == LISTED)
        for name, sentence in ANNOUNCED.findall(listed):
            found.append(Announced(name, " ".join(sentence.split()), notebook, name in held))
    return found


def citations(root: Path) -> dict[str, dict[str, list[str]]]:
    """site/citations.toml: "states" and "setting", each claim id -> keys of papers."""
    return tomllib.loads((root / "site" / "citations.toml").read_text(encoding="utf-8"))


def pages(root: Path) -> dict[str, str]:
    """The page `claims.md`."""
    cited = citations(root)
    lines, current = [HEAD], None
    for claim in announced(root / "notebooks"):
        if claim.notebook != current:
            current = claim.notebook
            title = f"[{current.number} {current.title()}](notebooks/{current.path.name})"
            lines += ["", f"## {title}", ""]
        papers = [
            f"{says} {_cite(cited[role][claim.id])}."
            for says, role in (("Stated by", "states"), ("Setting of", "setting"))
            if claim.id in cited[role]
        ]
        role = "{claim}" if claim.held else ""
        sentence = claim.sentence[:1].upper() + claim.sentence[1:]
        lines.append(f"- {sentence} {' '.join(papers)} {role}`{claim.id}`")
    return {"claims.md": "\n".join(lines) + "\n"}


def _cite(keys: list[str]) -> str:
    return ", ".join(f"{{cite:t}}`{key}`" for key in keys)
