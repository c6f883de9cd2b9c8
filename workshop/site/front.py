"""The front page: site/index.md, with what is found in the checkout put into its places.

`python -m workshop.site.front` takes the README's picture, site/mnist.svg, from the stored outputs again.
"""

import re
from pathlib import Path

import nbformat

from lecturelib.files import written
from lecturelib.plots import outputs
from workshop import checkout, notebooks
from workshop.site import audited, verdicts_page

ALT = (
    "Training loss of a neural network on MNIST. Counted in serial steps, larger batches are faster; counted "
    "in examples processed, small batches cost nearly the same, and large ones cost more."
)


def files(root: Path) -> dict[str, bytes]:
    """The front page's picture, notebook 09's figure of depth and work, and its form for phones.

    The first is the README's, too: it follows the reader's light or dark.
    """
    figure = outputs.read(_curves(root))
    assert figure, "notebook 09's cell `curves` shows its figure by plots.show"
    return {"_static/mnist.svg": figure.wide.encode(), "_static/mnist-narrow.svg": figure.narrow.encode()}


def _curves(root: Path) -> nbformat.NotebookNode:
    """The stored output with the figure of loss against depth and work."""
    (output,) = [
        output
        for cell in notebooks.select(["09"], root / "notebooks")[0].read().cells
        for output in cell.get("outputs", [])
        if cell.id == "curves" and "image/png" in output.get("data", {})
    ]
    return output


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
    made = [name.removesuffix(".md") for part in (verdicts_page, audited) for name in part.pages(root)]
    theory = ["cards/index", "claims", *made, "references", "map"]
    parts = {
        "@picture@": _picture(),
        "@notebooks@": "\n".join(lines),
        "@lecture menu@": _toctree("The lecture", menu),
        "@theory menu@": _toctree("Theory", theory),
        "@explorers menu@": _toctree("Explore", [f"explorers/{path.stem}" for path in explorers]),
    }
    for place, part in parts.items():
        text = text.replace(place, part)
    return {"index.md": text}


def _picture() -> str:
    shown = (("mnist.svg", "wide"), ("mnist-narrow.svg", "narrow"))
    images = "\n\n".join(
        f"```{{image}} _static/{file}\n:class: {kind}\n:alt: {ALT}\n```" for file, kind in shown
    )
    return f"::::{{div}} lecture-figure\n{images}\n::::"


def _toctree(caption: str, entries: list[str]) -> str:
    return (
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```"])
        if entries
        else ""
    )


if __name__ == "__main__":
    with written(checkout.root() / "site" / "mnist.svg") as part:
        part.write_bytes(files(checkout.root())["_static/mnist.svg"])
