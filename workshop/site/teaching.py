"""The instructor's kit: plans with measured times, live demos, misconceptions, exam questions, slides."""

import tomllib
from pathlib import Path
from typing import Any

import nbformat

from lecturelib.files import render
from workshop import notebooks
from workshop.files import TEMPLATES
from workshop.site import cell_times


def read(root: Path, name: str) -> list[dict]:
    """site/teaching/NAME.toml, its tables in order."""
    (tables,) = tomllib.loads(
        (root / "site" / "teaching" / f"{name}.toml").read_text(encoding="utf-8")
    ).values()
    return tables


def pages(root: Path) -> dict[str, str]:
    """The pages of teaching/ that are made from data; index and summary sheet are written by hand."""
    where, times = cell_times.read(root / "site" / "teaching" / "cell_times.csv")
    lecture = notebooks.find(root / "notebooks")
    cells = [(notebook.number, cell) for notebook in lecture for cell in notebook.read().cells]
    values: dict[str, Any] = {
        "titles": {f"{number}:{cell.id}": title(cell) for number, cell in cells if cell.source},
        "where": where,
        "times": times,
        "seconds": seconds,
        "lecture": lecture,
        **{name: read(root, name) for name in ("plans", "demos", "misconceptions", "exam")},
    }
    names = ("plans", "demos", "misconceptions", "exam", "slides")
    return {f"teaching/{n}.md": render(f"teaching/{n}.md.j2", TEMPLATES, **values) for n in names}


def title(cell: nbformat.NotebookNode) -> str:
    """What a cell is called: its first line, if it is a heading without its marks."""
    return str(cell.source.splitlines()[0].strip("#>* "))


def seconds(times: dict, cells: list[str]) -> float:
    """Measured seconds of cells given as "NN:id"."""
    return sum(times[tuple(cell.split(":"))] for cell in cells)
