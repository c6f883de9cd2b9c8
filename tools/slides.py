"""Every notebook as slides that need no network: `python -m tools.slides [--out build/slides] [NN ...]`.

A heading `##` starts a slide, and what follows is packed into sub-slides that fit the screen. Figures and
printed lines are shown, code is folded. Exercises and references stay in the notebook. A cell's own
`slideshow` metadata, set in JupyterLab, comes first.
"""

import argparse
import re
import shutil
from pathlib import Path

import nbformat
from nbconvert.exporters import SlidesExporter

from lecturelib import notebooks, running

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "site"
FULL = 1150  # of the units of `weight`, about what a slide of 1280 x 720 holds
NOT_SHOWN = re.compile(r"## (Exercises|References)\b")
CLAIMS = "**Claims checked here**"


def blocks(text: str) -> list[str]:
    """Markdown cut at its blank lines, but never within a formula, a fence, a folded part or a sentence."""
    found, open_block = [], []
    for part in re.split(r"\n\s*\n", text.strip()):
        goes_on = found and not open_block and (part.startswith("$$") or part[:1].islower())
        open_block += [found.pop(), part] if goes_on else [part]
        whole = "\n\n".join(open_block)
        closed = whole.count("$$") % 2 == 0 and whole.count("```") % 2 == 0
        if closed and whole.count("<details") == whole.count("</details"):
            found.append(whole)
            open_block = []
    return found + (["\n\n".join(open_block)] if open_block else [])


def weight(cell) -> int:
    """How much of a slide a cell takes: characters of text, or of the text that would be as high."""
    if cell.cell_type == "markdown":
        return len(cell.source) + 60 * cell.source.count("$$") + 40 * cell.source.count("\n|")
    pictures = sum("image/png" in output.get("data", {}) for output in cell.outputs)
    return 30 + 850 * pictures + sum(len(output.get("text", "")) for output in cell.outputs)


def arranged(contents: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy of a notebook whose cells say where a slide starts."""
    cells, used = [], 0
    for cell in contents.cells:
        if cell.cell_type == "markdown" and NOT_SHOWN.match(cell.source):
            break
        pieces = [cell.copy()]
        if cell.cell_type == "markdown":
            text = cell.source.split(CLAIMS)[0]
            pieces = [nbformat.v4.new_markdown_cell(block) for block in blocks(text)]
        for piece in pieces:
            chosen = cell.metadata.get("slideshow", {}).get("slide_type")
            if chosen is None and re.match("##? ", piece.source) and piece.cell_type == "markdown":
                chosen = "slide"
            elif chosen is None:
                chosen = "subslide" if used and used + weight(piece) > FULL else "-"
            used = weight(piece) + (used if chosen == "-" else 0)
            piece.metadata = nbformat.from_dict({"slideshow": {"slide_type": chosen}})
            cells.append(piece)
    if cells:
        cells[0].metadata["slideshow"]["slide_type"] = "slide"  # a sub-slide needs a slide above it
    return nbformat.v4.new_notebook(cells=cells, metadata=contents.metadata)


def page(notebook: notebooks.Notebook) -> str:
    """The slides of a notebook as HTML; reveal.js, MathJax and the style sheet are taken from beside it."""
    exporter = SlidesExporter(extra_template_basedirs=[str(SITE / "slides")], template_name="lecture")
    exporter.exclude_anchor_links = True
    contents = arranged(notebook.read())
    contents.metadata["title"] = notebook.title()
    body, _ = exporter.from_notebook_node(contents)
    return re.sub(r'href="(\d\d_[a-z0-9_]+)\.ipynb', r'href="\1.html', body)


def build(out: Path, chosen: list[notebooks.Notebook]) -> list[Path]:
    """Write the slides of notebooks into `out`, with what they need to be shown.

    Slides that are newer than their notebook and than everything they are made with are left alone.

    Returns:
        The pages.
    """
    out.mkdir(parents=True, exist_ok=True)
    beside = {path.name: path for path in (SITE / "slides").glob("slides.*")} | {
        "mathjax.js": running.MATHJAX
    }
    beside |= {f"reveal/{path.name}": path for path in (SITE / "vendor" / "reveal").iterdir()}
    for name, path in beside.items():
        (out / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(path, out / name)
    made_with = [Path(__file__), *(SITE / "slides" / "lecture").iterdir()]
    pages = []
    for notebook in chosen:
        target = out / f"{notebook.name}.html"
        newest = max(path.stat().st_mtime for path in [notebook.path, *made_with])
        if not target.exists() or target.stat().st_mtime < newest:
            with running.written(target) as part:
                part.write_text(page(notebook), encoding="utf-8")
        pages.append(target)
    return pages


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("numbers", nargs="*", metavar="NN", help="notebooks; all if none is given")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "slides")
    arguments = parser.parse_args()
    made = build(arguments.out, notebooks.select(arguments.numbers))
    print(f"Slides: {len(made)} pages in {arguments.out}")
