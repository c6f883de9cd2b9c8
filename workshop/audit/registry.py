"""All claims of the lecture, read from the notebooks: sentence, slide, cell, and what was measured."""

import re
from dataclasses import dataclass
from pathlib import Path

from lecturelib import claims
from workshop import notebooks
from workshop.audit.mutants import ROOT


@dataclass(frozen=True)
class Registered:
    """A claim as its notebook's stored output has it, and where it stands."""

    notebook: notebooks.Notebook
    slide: str  # as the README's map says it
    heading: str  # of the notebook's section
    cell: str  # id of the cell that checks it
    claim: claims.Claim

    @property
    def anchor(self) -> str:
        """Path of the notebook's page and of the cell on it, from the site's root."""
        return f"notebooks/{self.notebook.name}.html#cell-{self.cell}"


def slides(root: Path = ROOT) -> dict[str, str]:
    """Which slide each notebook takes apart: name of the notebook -> the map's words in README.md."""
    text = (root / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+?) \| \[[^\]]*\]\(notebooks/([^)]+)\.ipynb\)", text, re.MULTILINE)
    return {name: words for words, name in rows}


def claims_of(chosen: list[notebooks.Notebook]) -> list[Registered]:
    """The claims of notebooks, in the order in which they are checked.

    What does not hold is none of the lecture: a reader's notebook, saved after a run with other parameters.
    """
    found, slide = [], slides()
    for notebook in chosen:
        heading = ""
        for cell in notebook.read().cells:
            if cell.cell_type == "markdown":
                heading = (re.findall(r"^#+ +(.+)$", cell.source, re.MULTILINE) or [heading])[-1]
            for claim in filter(lambda claim: claim.verdict, claims.of_cell(cell)):
                found.append(Registered(notebook, slide.get(notebook.name, ""), heading, cell.id, claim))
    return found
