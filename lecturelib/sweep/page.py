"""The page of a sweep: what failed, each number against each parameter, one figure of every run, the table.

One file that needs no network and no script, in the reader's light or dark.
"""

import base64
import io
from html import escape

import nbformat
import PIL.Image
import pyarrow

from lecturelib import claims
from lecturelib.running import written
from lecturelib.sweep import figures
from lecturelib.sweep.folder import Folder, Result
from lecturelib.sweep.table import FAILED, MISSING, OK

WIDE, MANY = 720, 60  # pixels across of a figure; so many runs make the figures narrower
MOST_ROWS = 500  # of the table on the page

NO_ICON = '<link rel="icon" href="data:,">'  # else a browser asks the server for one
STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #22252b; --soft: #5a606a; --line: #d5d8dd;
  --bad: #a3123f; --link: #0b57a4; }
@media (prefers-color-scheme: dark) { :root { --paper: #14161a; --ink: #e6e8eb; --soft: #a9afb8;
  --line: #3a3e46; --bad: #ff9db4; --link: #93d8ff; } }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; margin: 0 auto;
  max-width: 1500px; padding: 1rem 1.5rem 3rem; }
a { color: var(--link); } code { font-size: 0.92em; } h1 { line-height: 1.2; } .soft { color: var(--soft); }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); }
figure { border: 1px solid var(--line); border-radius: 6px; margin: 0; padding: 0.6rem; min-width: 0; }
figure img { border-radius: 4px; display: block; height: auto; width: 100%; }
figure > img { background: #ffffff; }
figcaption { font-size: 0.9rem; margin-top: 0.4rem; overflow-wrap: anywhere; }
.bad { color: var(--bad); font-weight: 600; } .scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: 0.25rem 0.7rem; text-align: left; }
th, td { white-space: nowrap; } td.number { text-align: right; }
td.long { min-width: 16rem; white-space: normal; }
"""


def write(plan, results: dict[str, Result], rows: pyarrow.Table, folder: Folder, figure: int) -> None:
    """Write index.html into a sweep's folder.

    Args:
        plan: the whole.Plan. results: name of the run -> what came of it. rows: the table.
        figure: which figure of each run to show, counted from 1.
    """
    parameters = list(dict.fromkeys(name for values in plan.runs.values() for name in values))
    sections = [
        _head(plan, rows),
        _failures(rows, parameters),
        _drawings(rows, parameters),
        _figures(rows, results, parameters, folder, figure),
        _table(rows, parameters),
    ]
    title = escape(f"Sweep of {plan.notebook.name}")
    body = "\n".join(section for section in sections if section)
    page = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n{NO_ICON}\n'
        f"<style>{STYLE}</style>\n"
        f"</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
    with written(folder.path / "index.html") as part:
        part.write_text(page, encoding="utf-8")


def _head(plan, rows) -> str:
    states = rows["status"].to_pylist()
    counts = [(states.count(state), state) for state in (OK, FAILED, MISSING)]
    said = ", ".join(f"{count:,} {state}" for count, state in counts if count)
    return (
        f"<h1>{escape(plan.notebook.title())}</h1>\n"
        f"<p>Sweep of <code>{escape(plan.notebook.name)}</code>: {len(states):,} runs, {said}.\n"
        'The numbers are in <a href="table.csv">table.csv</a> and <a href="table.parquet">table.parquet</a>,'
        ' the executed notebooks in <a href="runs/">runs/</a>.</p>'
    )


def _failures(rows, parameters) -> str:
    failed = [row for row in rows.to_pylist() if row["status"] == FAILED]
    if not failed:
        return ""
    items = "\n".join(
        f'<li><a href="{_href(row)}">{_said(row, parameters)}</a>: {_short(row["error"])}</li>'
        for row in failed
    )
    return f'<h2 class="bad">Failed</h2>\n<ul>\n{items}\n</ul>'


def _drawings(rows, parameters) -> str:
    drawn, more = figures.drawings(rows, parameters)
    if not drawn:
        return ""
    cards = "\n".join(
        f"<figure>{_image(drawing.png['light'], drawing.png['dark'], escape(drawing.alt))}</figure>"
        for drawing in drawn
    )
    rest = f'<p class="soft">{more:,} more are not drawn: see the table.</p>' if more else ""
    return (
        "<h2>Against the parameters</h2>\n"
        '<p class="soft">A point is a run; lines go through the means of runs that share a value. A name like'
        f' <code>04.this</code> is what a claim measured.</p>\n<div class="cards">\n{cards}\n</div>{rest}'
    )


def _figures(rows, results, parameters, folder, figure) -> str:
    done = [row for row in rows.to_pylist() if row["status"] == OK]
    wide = WIDE if len(done) <= MANY else WIDE // 2
    cards = []
    for row in done:
        said, link = _said(row, parameters), _href(row)
        caption = f'<figcaption><a href="{link}">{said}</a></figcaption>'
        if shown := _figure(folder.notebook(results[row["run"]]), figure, wide):
            light, dark, alt = shown
            cards.append(f"<figure>{_image(light, dark, f'{escape(alt)} ({said})')}{caption}</figure>")
    if not cards:
        return "" if not done else f'<p class="soft">No run has a figure {figure}.</p>'
    return f'<h2>Figure {figure} of every run</h2>\n<div class="cards">\n' + "\n".join(cards) + "\n</div>"


def _image(light: str, dark: str | None, alt: str) -> str:
    image = f'<img src="data:image/png;base64,{light}" alt="{alt}">'
    if dark is None:
        return image
    source = f'<source media="(prefers-color-scheme: dark)" srcset="data:image/png;base64,{dark}">'
    return f"<picture>{source}{image}</picture>"


def _figure(notebook, figure: int, wide: int) -> tuple[str, str | None, str] | None:
    """One figure of a notebook: for light and, if it has that, for dark pages; and its description."""
    if not notebook.exists():
        return None
    cells = nbformat.read(notebook, as_version=4).cells
    shown = [o for cell in cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    if len(shown) < figure:
        return None
    output = shown[figure - 1]
    said = output.metadata.get("image/png", {})
    alt = said.get("alt") or f"Figure {figure}, without a description"
    dark = _narrow(said["dark"], wide) if "dark" in said else None
    return _narrow(output.data["image/png"], wide), dark, alt


def _narrow(png: str, wide: int) -> str:
    """A PNG in base64, no wider than so many pixels."""
    image = PIL.Image.open(io.BytesIO(base64.b64decode(png)))
    if image.width <= wide:
        return png
    image = image.convert("RGB").resize((wide, round(image.height * wide / image.width)))
    narrow = io.BytesIO()
    image.quantize(256, kmeans=1).save(narrow, format="png", optimize=True)
    return base64.b64encode(narrow.getvalue()).decode()


def _table(rows, parameters) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in rows.column_names)
    lines = [
        "<tr>" + "".join(_cell(name, value, parameters) for name, value in row.items()) + "</tr>"
        for row in rows.slice(0, MOST_ROWS).to_pylist()
    ]
    rest = (
        f'<p class="soft">The first {MOST_ROWS} of {len(rows):,} runs.</p>' if len(rows) > MOST_ROWS else ""
    )
    return (
        '<h2>All runs</h2>\n<div class="scroll" role="region" aria-label="All runs" tabindex="0">\n<table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(lines)
        + f"\n</tbody>\n</table>\n</div>{rest}"
    )


def _cell(name: str, value, parameters: list[str]) -> str:
    if value is None:
        return "<td></td>"
    if isinstance(value, float) and name not in parameters:
        return f'<td class="number" title="{value!r}">{claims.number(value)}</td>'
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<td class="number">{value}</td>'
    kind = ' class="long"' if name == "error" else ""
    return f"<td{kind}>{_short(value) if name == 'error' else escape(str(value))}</td>"


def _said(row: dict, parameters: list[str]) -> str:
    return escape(", ".join(f"{name} = {row[name]}" for name in parameters) or "default parameters")


def _short(error: str) -> str:
    return escape(error if len(error) <= 300 else error[:300] + " …")


def _href(row: dict) -> str:
    failed = ".failed" if row["status"] == FAILED else ""
    return escape(f"runs/{row['run']}{failed}.ipynb")
