"""The front page: site/index.md, with what is found in the checkout put into its places."""

import re
from pathlib import Path

from lecturelib import notebooks
from tools.website import audited


def pages(root: Path) -> dict[str, str]:
    """The page `index.md`; what stands between @ signs filled in."""
    text = (root / "site" / "index.md").read_text(encoding="utf-8")
    lines, menu = [], []
    for notebook in notebooks.find(root / "notebooks"):
        first = notebook.read().cells[0].source
        motto = re.search(r"^\*([^*].+?)\*$", first, re.MULTILINE | re.DOTALL)
        about = " ".join(motto[1].split()) if motto else ""
        lines.append(
            f"{int(notebook.number)}. [{notebook.title()}](notebooks/{notebook.path.name})  \n   {about}"
        )
        menu.append(f"{notebook.number} {notebook.title()} <notebooks/{notebook.name}>")
    explorers = sorted((root / "site" / "explorers").glob("*.md"))
    theory = ["cards/index", "claims", *audited.pages(root), "references", "map"]
    parts = {
        "@notebooks@": "\n".join(lines),
        "@lecture menu@": _toctree("The lecture", menu),
        "@theory menu@": _toctree("Theory", theory),
        "@explorers menu@": _toctree("Explore", [f"explorers/{path.stem}" for path in explorers]),
    }
    for place, part in parts.items():
        text = text.replace(place, part)
    return {"index.md": text}


def _toctree(caption: str, entries: list[str]) -> str:
    return (
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```"])
        if entries
        else ""
    )
