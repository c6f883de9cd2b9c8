"""Measure how long each cell of the notebooks takes, for the teaching plans of the site.

    python -m workshop.site.cell_times [NN ...]     # all, or those numbers; the others' rows are kept

Each notebook runs once from top to bottom in a fresh kernel, one after another. The seconds go into
site/teaching/cell_times.csv, whose first line says, as JSON after `# `, on which machine and when; a
lecturer's laptop has other numbers, and the plans only need to know which cells take one second and which
take ten.
"""

import argparse
import csv
import io
import json
import os
import platform
from datetime import date
from pathlib import Path

import jax
import papermill

from lecturelib.files import written
from workshop import checkout, notebooks

ROOT = checkout.root()
TIMES = ROOT / "site" / "teaching" / "cell_times.csv"


def measure(notebook: notebooks.Notebook) -> dict[str, float]:
    """Run a notebook; returns cell id -> seconds of wall time, for its code cells.

    Raises:
        papermill.exceptions.PapermillExecutionError: a cell fails.
    """
    executed = papermill.execute_notebook(
        str(notebook.path), None, cwd=str(notebook.path.parent), kernel_name="python3", progress_bar=False
    )  # papermill keeps each cell's seconds
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    return {cell.id: cell.metadata.papermill.duration for cell in code}


def read(path: Path = TIMES) -> tuple[dict, dict[tuple[str, str], float]]:
    """The stored times: where they come from, and (notebook's number, cell id) -> seconds."""
    first, *rows = path.read_text(encoding="utf-8").splitlines()
    table = csv.DictReader(rows)
    return json.loads(first.removeprefix("# ")), {
        (r["notebook"], r["cell"]): float(r["seconds"]) for r in table
    }


def write(times: dict[tuple[str, str], float], provenance: dict, path: Path = TIMES) -> None:
    """Store times, sorted by notebook, the cells in the notebook's order."""
    text = io.StringIO()
    print("#", json.dumps(provenance), file=text)
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["notebook", "cell", "seconds"])
    table.writerows((*key, f"{seconds:.2f}") for key, seconds in times.items())
    with written(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8")


def main(numbers: list[str]) -> None:
    """Measure notebooks, all or those of these numbers, and store the times."""
    _, times = read() if TIMES.exists() and numbers else ({}, {})
    for notebook in notebooks.select(numbers):
        times = {key: value for key, value in times.items() if key[0] != notebook.number}
        found = measure(notebook)
        times |= {(notebook.number, cell): value for cell, value in found.items()}
        print(f"{notebook.name}: {sum(found.values()):.0f} s in {len(found)} cells")
    provenance = {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[2], 1) if hasattr(os, "getloadavg") else None,
        "how": "each notebook once, in order; load: 15-minute average at the end, other programs too",
    }
    write(dict(sorted(times.items(), key=lambda item: item[0][0])), provenance)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("numbers", nargs="*", metavar="NN", help="notebooks to measure")
    main(parser.parse_args().numbers)
