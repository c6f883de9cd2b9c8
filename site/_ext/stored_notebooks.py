"""Stored notebooks become pages: figures light and dark, their numbers, an anchor for every cell.

Sphinx hands over the text of each notebook before MyST-NB reads it. Here each PNG output becomes an HTML
figure:

    image/png                              the light figure, always there
    metadata image/png: {alt: ...}         its alternative text, always there
    metadata image/png: {dark: ...}        optional: the same figure on a dark page, PNG in base64
    metadata image/png: {csv: ...}         optional: the figure's numbers as CSV

Without a dark figure the light one is shown on a white mat. Each cell gets an anchor, `cell-ID`. Before the
key figures the page asks what the reader expects.
"""

import base64
import html
import json
import struct
from pathlib import Path

from lecturelib import explorers
from lecturelib.sweep import recording

FOLDER = "_images/figures"
ASKED = {  # notebook -> the cell of a figure -> the prediction to make before it
    "02": {"pays-figure": "cluster"},
    "05": {"variance-figure": "variance_ratio", "rate-figure": "largest_rate"},
    "06": {"coupon-figure": "distinct", "trap-figure": "one_hot_scaling"},
    "07": {"knee-one-figure": "depth", "knee-two-figure": "noisy_depth"},
    "09": {"penalty-figure": "hogwild_rate"},
}


def figure_html(name: str, png: bytes, facts: dict, up: str) -> tuple[str, dict[str, bytes]]:
    """One figure of a notebook as HTML, and the files it needs.

    Args:
        name: of the figure, unique on the site; the files are called after it.
        png: the light figure.
        facts: the output's metadata for image/png: alt, and optionally dark (base64) and csv (text).
        up: relative path from the page to the site's root, such as "../".

    Returns:
        The HTML, and file name -> content.

    Raises:
        ValueError: no alternative text.
    """
    alt = html.escape(" ".join(facts.get("alt", "").split()), quote=True)
    if not alt:
        raise ValueError(f"figure {name} has no alternative text; draw it with plots.show(alt=...)")
    files = {f"{name}.png": png}
    shown = [("only-light" if "dark" in facts else "on-mat", f"{name}.png", png)]
    if "dark" in facts:
        dark = base64.b64decode(facts["dark"])
        files[f"{name}.dark.png"] = dark
        shown.append(("only-dark", f"{name}.dark.png", dark))
    images = "".join(
        f'<img class="{kind}" src="{up}{FOLDER}/{file}" alt="{alt}" '
        f'width="{width}" height="{height}" loading="lazy">'
        for kind, file, content in shown
        for width, height in [struct.unpack(">II", content[16:24])]  # as the PNG's header says
    )
    caption = ""
    if "csv" in facts:
        files[f"{name}.csv"] = facts["csv"].encode()
        link = f'<a href="{up}{FOLDER}/{name}.csv" download>numbers (CSV)</a>'
        caption = f"<figcaption>{link}</figcaption>"
    return f'<figure class="lecture-figure">{images}{caption}</figure>', files


def page_of(notebook: dict, name: str, up: str) -> tuple[dict, dict[str, bytes]]:
    """A notebook with HTML figures and anchors in place of its PNG outputs, and the figures' files."""
    files: dict[str, bytes] = {}
    cells = []
    for number, cell in enumerate(notebook["cells"]):
        label = cell.get("id", str(number))
        anchor = f'<span class="cell-anchor" id="cell-{html.escape(label, quote=True)}"></span>'
        if number:  # the first cell is the page's title
            cells.append(_markdown(f"anchor-{number}", anchor))
        if asked := ASKED.get(name, {}).get(label):
            cells.append(_markdown(f"predict-{number}", explorers.raw(explorers.prediction(asked))))
        cells.append(cell)
        for output in cell.get("outputs", []):  # of what was recorded for a sweep, the line that says so
            output.get("data", {}).pop(recording.MIME, None)
        pictures = [o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
        for count, output in enumerate(pictures):
            figure = f"{name}-{label}" + (f"-{count + 1}" if count else "")
            png = base64.b64decode(_text(output["data"]["image/png"]))
            shown, made = figure_html(figure, png, output["metadata"].get("image/png", {}), up)
            files |= made
            output["data"] = {"text/html": shown}
            output["metadata"] = {}
    if any(cell.get("id") in ASKED.get(name, {}) for cell in notebook["cells"]):
        cells.append(_markdown("predict-code", explorers.raw(explorers.code(["predict"]))))
    return notebook | {"cells": cells}, files


def _markdown(label: str, source: str) -> dict:
    return {"cell_type": "markdown", "id": label, "metadata": {}, "source": source}


def _text(value) -> str:
    return value if isinstance(value, str) else "".join(value)


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
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
