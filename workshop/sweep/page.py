"""The page of a sweep: what failed, the best runs, each number against each parameter, figures, the table.

One file that needs no network, in the reader's light or dark: templates/sweep.html.j2. Its script only sorts.
"""

import base64
import io
from collections.abc import Mapping

import nbformat
import PIL.Image
import pyarrow
from pyarrow import types

from lecturelib import claims
from lecturelib.files import render, written
from lecturelib.plots import outputs
from workshop.files import TEMPLATES
from workshop.notebooks import Notebook
from workshop.sweep import groups, pictures
from workshop.sweep.compare import Comparison
from workshop.sweep.folder import Folder
from workshop.sweep.pictures import Picture
from workshop.sweep.table import FAILED, MISSING, OK, SKIPPED

WIDE, MANY = 720, 60  # pixels across of a figure; so many runs make the figures narrower
MOST_ROWS, MOST_FIGURES = 500, 200  # of the table, and of runs, on the page


def write(
    notebook: Notebook,
    parameters: list[str],
    rows: pyarrow.Table,
    folder: Folder,
    figure: int,
    mixture: Mapping[str, Mapping[str, int]] | None = None,
    found: str | None = None,
    compared: Comparison | None = None,
) -> None:
    """Write index.html into a sweep's folder.

    Args:
        notebook: that was run.
        parameters: names of the grid's parameters.
        rows: the table.
        folder: where the executed notebooks are, and where the page goes.
        figure: which figure of each run to show, counted from 1.
        mixture: package -> version -> how many runs were made with it, where these differ.
        found: what a search found and skipped.
        compared: how the sweep differs from another.
    """
    runs = rows.to_pylist()
    states = [run["status"] for run in runs]
    counts = [(states.count(state), state) for state in (OK, FAILED, MISSING, SKIPPED)]
    against = pictures.drawings(rows, parameters)
    failed = [run for run in runs if run["status"] == FAILED]
    done = [run for run in runs if run["status"] == OK]
    across = pictures.varied(done, parameters)
    numbers = pictures.recorded(done, rows.column_names, parameters)
    wide = WIDE if len(done) <= MANY else WIDE // 2
    figures, unreadable = [], []
    for run in done[:MOST_FIGURES]:
        try:
            picture = _figure(folder, run["run"], figure, wide)
        except (
            Exception
        ) as error:  # cut short by a power failure, say: nbformat, base64 and Pillow raise many
            unreadable.append(f"{run['run']}.ipynb ({type(error).__name__})")
            continue
        if picture is not None:
            figures.append((run, picture))
    page = render(
        "sweep.html.j2",
        folder=TEMPLATES,
        filters={"rounded": claims.number},
        title=f"Sweep of {notebook.name}",
        heading=notebook.title(),
        notebook=notebook.name,
        parameters=parameters,
        counts=", ".join(f"{count:,} {state}" for count, state in counts if count),
        mixture=mixture or {},
        found=found,
        compared=compared,
        extremes=groups.extremes(done, numbers, across),
        across=across,
        maps=groups.verdicts(runs, across),
        failed=failed[:MOST_ROWS],
        more_failed=len(failed[MOST_ROWS:]),
        drawings=against.drawn,
        undrawn=against.undrawn,
        not_drawn=against.failed,
        constant=against.constant,
        figure=figure,
        figures=figures,
        without_figure=len(done[:MOST_FIGURES]) - len(figures) - len(unreadable),
        more_figures=len(done[MOST_FIGURES:]),
        unreadable=unreadable,
        columns=rows.column_names,
        numbers=[c.name for c in rows.schema if types.is_integer(c.type) or types.is_floating(c.type)],
        shown=runs[:MOST_ROWS],
        total=len(runs),
    )
    with written(folder.path / "index.html") as part:
        part.write_text(page, encoding="utf-8", errors="backslashreplace")


def _figure(folder: Folder, run: str, figure: int, wide: int) -> Picture | None:
    """One figure of a run that ended well; None if it has fewer."""
    notebook = folder.runs / f"{run}.ipynb"
    if not notebook.exists():
        return None
    cells = nbformat.read(notebook, as_version=4).cells
    shown = [o for cell in cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    if len(shown) < figure:
        return None
    output = shown[figure - 1]
    if ours := outputs.read(output):
        return Picture(ours.alt, base64.b64encode(ours.wide.encode()).decode(), None, "image/svg+xml")
    alt = output.metadata.get("image/png", {}).get("alt") or f"Figure {figure}, without a description"
    return Picture(alt, _narrow(output.data["image/png"], wide), None)


def _narrow(png: str, wide: int) -> str:
    """A PNG in base64, no wider than so many pixels."""
    image = PIL.Image.open(io.BytesIO(base64.b64decode(png)))
    if image.width <= wide:
        return png
    small = image.convert("RGB").resize((wide, round(image.height * wide / image.width)))
    narrow = io.BytesIO()
    small.quantize(256, kmeans=1).save(narrow, format="png", optimize=True)
    return base64.b64encode(narrow.getvalue()).decode()
