"""All claims of the lecture, read from the notebooks: sentence, slide, cell, and what was measured."""

import re
from dataclasses import dataclass
from pathlib import Path

from lecturelib import notebooks
from tools.audit_mutants import ROOT

LINE = re.compile(
    r"^claim (?P<id>\d\d\.[a-z0-9-]+) holds: (?P<sentence>.*) \[(?:closest of (?P<entries>[\d,]+): )?"
    r"measured (?P<measured>\S+), (?P<relation>expected|at most|at least) (?P<expected>\S+)"
    r"(?: within (?P<tolerance>\S+))? \((?P<because>.*)\)\]$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Registered:
    """A claim as its notebook's stored output has it; numbers as printed there, rounded to their error."""

    notebook: notebooks.Notebook
    slide: str  # as the README's map says it
    heading: str  # of the notebook's section
    cell: str  # id of the cell that checks it
    id: str
    sentence: str
    measured: str
    relation: str  # expected, at most or at least
    expected: str
    tolerance: str  # "" where none is allowed
    because: str  # where the tolerance, or the bound, comes from
    entries: int  # numbers compared; `measured` is the one closest to failing

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

    Raises:
        ValueError: a line that says that a claim holds, but is not of the form that `claims.check` prints.
    """
    found, slide = [], slides()
    for notebook in chosen:
        heading = ""
        for cell in notebook.read().cells:
            if cell.cell_type == "markdown":
                heading = (re.findall(r"^#+ +(.+)$", cell.source, re.MULTILINE) or [heading])[-1]
            for line in re.findall(r"^claim \S+ holds: .*$", _printed(cell), re.MULTILINE):
                match = LINE.match(line)
                if not match:
                    raise ValueError(f"{notebook.name}: not the line of a claim: {line}")
                parts = match.groupdict(default="")
                parts["entries"] = int(parts["entries"].replace(",", "") or 1)
                found.append(Registered(notebook, slide.get(notebook.name, ""), heading, cell.id, **parts))
    return found


def _printed(cell) -> str:
    return "".join(output.get("text", "") for output in cell.get("outputs", []))
