"""Stored notebooks become pages: numbered figures, their numbers as CSV, claims as badges, anchors of cells.

Sphinx hands over the text of each notebook before MyST-NB reads it. Here each figure that `plots.show` left
becomes files beside the page: one SVG for both themes, one with its panels stacked for phones, its CSV. It is
numbered "5.3", the third of notebook 05, and linked to by `#figure-5-3`; {figure} cites it (lecture_links).
A claim becomes a badge that names the wrong programs that it catches. Each cell gets an anchor, `cell-ID`.
Before the key figures the page asks what the reader expects; a line `<!-- explorer: NAME -->` of a cell
becomes the explorer, and `<!-- see: homework 2.3 -->` at the end of a sentence a link (`related.places`).
Below the title stands what belongs to the notebook on other pages.
"""

import dataclasses
import functools
import html
import json
import re
from pathlib import Path

from lecturelib import badges, claims, questions, records, verdicts
from lecturelib.plots import outputs
from workshop import checkout, folding
from workshop.audit import command, domains
from workshop.site import explorers, related

FOLDER = "_images/figures"
SIZE = r"width='([\d.]+)' height='([\d.]+)'"
ASKED = {  # notebook -> the cell of a figure -> the prediction to make before it
    "02": {"pays-figure": "cluster"},
    "07": {"collisions-figure": "distinct", "trap-figure": "one_hot_scaling"},
    "08": {"knee-one-figure": "depth", "knee-two-figure": "noisy_depth"},
    "10": {"penalty-figure": "hogwild_rate"},
}


def figure_html(name: str, figure: outputs.Figure, number: str, up: str) -> tuple[str, dict[str, bytes]]:
    """One figure of a notebook as HTML, and the files it needs.

    Args:
        name: of the figure, unique on the site; the files are called after it.
        figure: as `plots.show` left it.
        number: by which it is cited, such as "5.3".
        up: relative path from the page to the site's root, such as "../".

    Returns:
        The HTML, and file name -> content.
    """
    files = {f"{name}.svg": figure.wide.encode(), f"{name}.csv": figure.csv.encode()}
    shown = [("wide", f"{name}.svg", figure.wide)]
    if figure.narrow:
        files[f"{name}.narrow.svg"] = figure.narrow.encode()
        shown.append(("narrow", f"{name}.narrow.svg", figure.narrow))
    images = "".join(
        f'<img class="{kind}" src="{up}{FOLDER}/{file}" alt="{html.escape(figure.alt)}" '
        f'width="{width}" height="{height}" loading="lazy">'
        for kind, file, svg in shown
        for width, height in [re.search(SIZE, svg).groups()]
    )
    place = f"figure-{number.replace('.', '-')}"
    caption = f'<a class="figure-number" href="#{place}">Figure {number}</a> {html.escape(figure.caption)} '
    link = f'<a href="{up}{FOLDER}/{name}.csv" download>numbers (CSV)</a>'
    body = f"{images}<figcaption>{caption}{link}</figcaption>"
    return f'<figure class="lecture-figure" id="{place}">{body}</figure>', files


def page_of(notebook: dict, name: str, up: str) -> tuple[dict, dict[str, bytes]]:
    """A notebook with numbered figures and an anchor for every cell, and the figures' files."""
    files: dict[str, bytes] = {}
    cells, modules, drawn = [], set(), 0
    for number, cell in enumerate(notebook["cells"]):
        label = cell.get("id", str(number))
        anchor = f'<span class="cell-anchor" id="cell-{html.escape(label, quote=True)}"></span>'
        if number:  # the first cell is the page's title
            cells.append(_markdown(f"anchor-{number}", anchor))
        if prediction := ASKED.get(name, {}).get(label):
            modules.add("predict")
            cells.append(_markdown(f"predict-{number}", explorers.raw(explorers.made("predict", prediction))))
        if asked := questions.of_cell(cell):  # the code would tell the answer
            modules.add("predict")
            cells += _asked(asked, number)
            continue
        if cell["cell_type"] == "markdown":
            text, used = explorers.placed(related.placed("".join(cell["source"]), checkout.root()))
            modules.update(used)
            cell = cell | {"source": text}
        cells.append(_folded(cell))
        if number == 0 and (beside := related.line(name, checkout.root())):
            cells.append(_markdown("related", beside))
        _badges(cell, up)
        pictures = [o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
        for count, output in enumerate(pictures):
            drawn += 1
            file = f"{name}-{label}" + (f"-{count + 1}" if count else "")
            shown, made = figure_html(file, _figure(output, label, name), f"{int(name)}.{drawn}", up)
            files |= made
            output["data"] = {"text/html": shown}
            output["metadata"] = {}
    if modules:
        score = explorers.score() if "predict" in modules else ""
        end = score + explorers.code(sorted(modules))
        cells.append(_markdown("explorers-code", explorers.raw(end)))
    return notebook | {"cells": cells}, files


def _badges(cell: dict, up: str) -> None:
    for output in cell.get("outputs", []):
        for claim in claims.of_cell({"outputs": [output]}):
            output["data"] = {"text/html": badge(claim, up)}
        for mime in (records.RECORD, verdicts.VERDICT):
            output.get("data", {}).pop(mime, None)  # the line says it


def badge(claim: claims.Claim, up: str) -> str:
    """A claim with what the site knows of it: where it was tried, and the wrong programs that it catches."""
    if (found := domains.stored().get(claim.id)) and not claim.domain:
        claim = dataclasses.replace(claim, domain=domains.words(found))
    return badges.badge(claim, caught().get(claim.id, ()), up)


@functools.cache
def caught() -> dict[str, list[str]]:
    """Claim -> the wrong programs under which it failed when the audit was stored, each in words."""
    found: dict[str, list[str]] = {}
    for run in command.stored()["runs"]:
        for claim in set(run["claims"]) - set(run["missed"]) if run["old"] else ():
            found.setdefault(claim, []).append(run["why"])
    return found


def _asked(asked: list[questions.Question], number: int) -> list[dict]:
    return [
        _markdown(f"ask-{number}-{place}", explorers.raw(explorers.question(one)))
        for place, one in enumerate(asked)
    ]


def _folded(cell: dict) -> dict:
    """The cell, its code behind the line that says what it does, if there is one."""
    if cell["cell_type"] != "code" or not (line := folding.line(cell)):
        return cell
    prompts = {"code_prompt_show": line, "code_prompt_hide": line}
    about = {**cell["metadata"], "tags": [*cell["metadata"]["tags"], "hide-input"], "mystnb": prompts}
    return {**cell, "metadata": about, "source": folding.code("".join(cell["source"]))}


def _figure(output: dict, label: str, name: str) -> outputs.Figure:
    figure = outputs.read(output)
    if figure is None:
        raise ValueError(f"cell {label} of notebook {name} shows a picture without plots.show")
    return figure


def _markdown(label: str, source: str) -> dict:
    return {"cell_type": "markdown", "id": label, "metadata": {}, "source": source}


def _read(app, docname, source):
    if not str(app.env.doc2path(docname)).endswith(".ipynb"):
        return
    up = "../" * docname.count("/")
    contents, files = page_of(json.loads(source[0]), Path(docname).name[:2], up)
    folder = Path(app.outdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    source[0] = json.dumps(contents)


def setup(app):
    explorers.take(Path(app.srcdir))
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
