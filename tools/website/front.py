"""The front page: site/index.md, with what is found in the checkout put into its places."""

import base64
import re
from pathlib import Path

from lecturelib import notebooks
from tools.website import audited

ALT = (
    "Training loss of a neural network on MNIST. Counted in serial steps, larger batches are faster; counted "
    "in examples processed, small batches cost nearly the same, and large ones cost more."
)


def files(root: Path) -> dict[str, bytes | Path]:
    """The front page's picture: notebook 08's figure of depth and work; its dark variant if it is stored."""
    (output,) = [
        output
        for cell in notebooks.select(["08"], root / "notebooks")[0].read().cells
        for output in cell.get("outputs", [])
        if cell.id == "curves" and "image/png" in output.get("data", {})
    ]
    found: dict[str, bytes | Path] = {"_static/mnist.png": root / "site" / "mnist.png"}
    if dark := output.metadata["image/png"].get("dark"):
        found["_static/mnist-dark.png"] = base64.b64decode(dark)
    return found


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
        "@picture@": _picture(root),
        "@notebooks@": "\n".join(lines),
        "@lecture menu@": _toctree("The lecture", menu),
        "@theory menu@": _toctree("Theory", theory),
        "@explorers menu@": _toctree("Explore", [f"explorers/{path.stem}" for path in explorers]),
    }
    for place, part in parts.items():
        text = text.replace(place, part)
    return {"index.md": text}


def _picture(root: Path) -> str:
    dark = "_static/mnist-dark.png" in files(root)
    shown = [("_static/mnist.png", "only-light" if dark else "on-mat")]
    shown += [("_static/mnist-dark.png", "only-dark")] if dark else []
    return "\n\n".join(f"```{{image}} {path}\n:class: {kind}\n:alt: {ALT}\n```" for path, kind in shown)


def _toctree(caption: str, entries: list[str]) -> str:
    return (
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```"])
        if entries
        else ""
    )
