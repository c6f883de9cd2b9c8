"""Every notebook as slides, without a network.

A heading `##` starts a slide, and what follows is packed into sub-slides that fit the screen. Figures and
printed lines are shown, code is folded. Exercises and references stay in the notebook. A cell's own
`slideshow` metadata, set in JupyterLab, comes first.
"""

import functools
import re
import shutil
from pathlib import Path

import nbformat
from nbconvert.exporters import SlidesExporter

from lecturelib import questions
from lecturelib.files import written
from workshop import checkout, folding, lecture_page, notebooks

ROOT = checkout.root()
SITE = ROOT / "site"
FULL = 1150  # of the units of `weight`, about what a slide of 1280 x 720 holds
NOT_SHOWN = re.compile(r"## (Exercises|References)\b")


def blocks(text: str) -> list[str]:
    """Markdown cut at its blank lines, but never within a formula, a fence, a folded part or a sentence."""
    found: list[str] = []
    open_block: list[str] = []
    for part in re.split(r"\n\s*\n", text.strip()):
        goes_on = found and not open_block and (part.startswith("$$") or part[:1].islower())
        open_block += [found.pop(), part] if goes_on else [part]
        whole = "\n\n".join(open_block)
        closed = whole.count("$$") % 2 == 0 and whole.count("```") % 2 == 0
        if closed and whole.count("<details") == whole.count("</details"):
            found.append(whole)
            open_block = []
    return found + (["\n\n".join(open_block)] if open_block else [])


def weight(cell: nbformat.NotebookNode) -> int:
    """How much of a slide a cell takes: characters of text, or of the text that would be as high."""
    if cell.cell_type == "markdown":
        return len(cell.source) + 60 * cell.source.count("$$") + 40 * cell.source.count("\n|")
    if questions.of_cell(cell):
        return FULL  # a poll stands by itself: the figure comes after it
    pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
    lines = [
        o.get("text", "") or o.get("data", {}).get("text/plain", "")
        for o in cell.outputs
        if o not in pictures
    ]
    return 30 + 850 * len(pictures) + sum(map(len, lines))


def arranged(contents: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy of a notebook whose cells say where a slide starts."""
    cells, used = [], 0
    for cell in contents.cells:
        if cell.cell_type == "markdown" and NOT_SHOWN.match(cell.source):
            break
        pieces = [cell.copy()]
        if cell.cell_type == "markdown":
            pieces = [nbformat.v4.new_markdown_cell(block) for block in blocks(cell.source)]
        for piece in pieces:
            chosen = cell.metadata.get("slideshow", {}).get("slide_type")
            if chosen is None and re.match("##? ", piece.source) and piece.cell_type == "markdown":
                chosen = "slide"
            elif chosen is None:
                silent = piece.cell_type == "code" and not piece.outputs  # no slide of its own: a closed fold
                chosen = "subslide" if not silent and used and used + weight(piece) > FULL else "-"
            used = weight(piece) + (used if chosen == "-" else 0)
            tags, fold = cell.metadata.get("tags", []), folding.line(cell)
            if fold:
                piece.source = folding.code(piece.source)
            piece.metadata = nbformat.from_dict(
                {"slideshow": {"slide_type": chosen}, "tags": tags, "fold": fold}
            )
            cells.append(piece)
    if cells:
        cells[0].metadata["slideshow"]["slide_type"] = "slide"  # a sub-slide needs a slide above it
    return nbformat.v4.new_notebook(cells=cells, metadata=contents.metadata)


@functools.cache  # it takes as long to make as a notebook's slides
def exporter() -> SlidesExporter:
    """What turns a notebook that is `arranged` into HTML."""
    made = SlidesExporter(extra_template_basedirs=[str(SITE / "slides")], template_name="lecture")
    made.exclude_anchor_links = True
    return made


def page(notebook: notebooks.Notebook) -> str:
    """The slides of a notebook as HTML; reveal.js, MathJax and the style sheet are taken from beside it."""
    contents = arranged(notebook.read())
    contents.metadata["title"] = notebook.title()
    body, _ = exporter().from_notebook_node(contents)
    return re.sub(r'href="(\d\d_[a-z0-9_]+)\.ipynb', r'href="\1.html', body)


def build(out: Path, chosen: list[notebooks.Notebook]) -> list[Path]:
    """Write the slides of notebooks into `out`, with what they need to be shown.

    Slides that are newer than their notebook and than everything they are made with are left alone.

    Returns:
        The pages.
    """
    out.mkdir(parents=True, exist_ok=True)
    beside = {path.name: path for path in (SITE / "slides").glob("slides.*")} | {
        "mathjax.js": lecture_page.MATHJAX
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
            with written(target) as part:
                part.write_text(page(notebook), encoding="utf-8")
        pages.append(target)
    return pages
