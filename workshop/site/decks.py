"""A deck of slides for each plan of a lecture: a question, then figures as large as the slide.

Each has one sentence. The order is the plan's, across notebooks. What to say, when, and what to run stands
in the speaker's view. `python -m workshop.site.decks [--out FOLDER] [NN ...]` writes all slides.
"""

import argparse
from html import escape
from pathlib import Path
from urllib.parse import quote

import nbformat

from lecturelib.files import written
from lecturelib.plots import outputs
from workshop import notebooks
from workshop.site import slides, teaching

V4 = nbformat.v4


def decks(root: Path) -> dict[str, nbformat.NotebookNode]:
    """Each plan's deck, by the plan's name: cells that start slides, and those that only the speaker sees.

    Raises:
        KeyError: a plan names a cell that there is not.
    """
    cells, titles = {}, {}
    for notebook in notebooks.find(root / "notebooks"):
        heading = ""
        for cell in notebook.read().cells:
            name = f"{notebook.number}:{cell.id}"
            if cell.cell_type == "markdown" and cell.source.startswith("#"):
                heading = teaching.title(cell)
            cells[name], titles[name] = cell, heading
    return {plan["slug"]: _deck(plan, cells, titles) for plan in teaching.read(root, "plans")}


def _deck(
    plan: dict, cells: dict[str, nbformat.NotebookNode], titles: dict[str, str]
) -> nbformat.NotebookNode:
    made = [_slide("slide", f"# {plan['title']}\n\n{plan['about']}")]
    clock = 0
    for block in plan["blocks"]:
        begin, clock = clock, clock + block["minutes"]
        said = f"Minutes {begin} to {clock}, {block['start']}. Say: {block['say']}"
        run = f" Run live: {', '.join(block['run'])}." if block["run"] else ""
        made += [
            _slide("slide", f"## {titles[block['start']]}\n\n> {block['ask']}"),
            _slide("notes", said + run),
        ]
        for number in block["run"]:
            for figure in filter(None, map(outputs.read, cells[number].get("outputs", []))):
                source = f"data:image/svg+xml,{quote(figure.wide)}"
                image = f'<img class="wide" alt="{escape(figure.alt)}" src="{source}">'
                shown = f'<figure class="lecture-figure">{image}</figure>'
                made += [_slide("subslide", f"### {block['say']}\n\n{shown}")]
                made += [_slide("notes", f"{said} {figure.caption}")]
    return V4.new_notebook(cells=made, metadata={"title": plan["title"]})


def _slide(kind: str, text: str) -> nbformat.NotebookNode:
    return V4.new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}})


def build(out: Path, root: Path) -> list[Path]:
    """Write the decks beside the notebooks' slides, whose style and scripts they share; returns the pages."""
    pages = []
    for slug, deck in decks(root).items():
        pages.append(out / f"{slug}.html")
        with written(pages[-1]) as part:
            part.write_text(slides.exporter().from_notebook_node(deck)[0], encoding="utf-8")
    return pages


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("numbers", nargs="*", metavar="NN", help="notebooks; all if none is given")
    parser.add_argument("--out", type=Path, default=slides.ROOT / "build" / "slides")
    arguments = parser.parse_args()
    made = slides.build(arguments.out, notebooks.select(arguments.numbers))
    if not arguments.numbers:
        made += build(arguments.out, slides.ROOT)
    print(f"Slides: {len(made)} pages in {arguments.out}")
