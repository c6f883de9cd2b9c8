"""Cells that only draw, check or ask are folded behind one line: `python -m workshop.folding [NN ...]`.

The line is the cell's first, a comment: JupyterLab shows the first line of a folded cell, and so do the site
and the slides. What a cell does is read from its code, and from who uses its names, so nobody tags by hand.
"""

import argparse
import ast
import re
from collections.abc import Mapping
from typing import Any

import nbformat

from lecturelib.files import written
from workshop import notebooks
from workshop.audit import slicing

LINES = {
    "draws": "How this was drawn",
    "claims": "How this was checked",
    "question": "How this was asked",
    "checks": "Which parameters make sense",
}
_CALLS = {
    "question": {"questions.choice", "questions.number", "questions.curve"},
    "draws": {"plots.show"},
    "claims": {"claims.check", "judge"},  # judge: a published sentence, in notebook 12
    "checks": {"checks.parameter", "checks.require"},
}
_FIRST = re.compile(rf"# (?:{'|'.join(LINES.values())}), \d+ lines?\n")


def kind(source: str) -> str | None:
    r"""What a cell only does: "question", "draws", "claims" or "checks"; None of one to be read.

    A cell that defines a function or prints is to be read, whatever else it does; one that defines only
    functions called draw_... draws.

    >>> kind("axes.plot(x)\nplots.show(alt=alt)"), kind("def f(): ...\nplots.show(alt=alt)")
    ('draws', None)
    >>> kind("def draw_grid(axes): ...")
    'draws'
    """
    tree = ast.parse(source)
    if tree.body and all(isinstance(n, ast.FunctionDef) and n.name.startswith("draw_") for n in tree.body):
        return "draws"
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    if called & _CALLS["question"]:
        return "question"
    if "print" in called or any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body):
        return None
    return next((name for name, calls in _CALLS.items() if called & calls), None)


def kinds(sources: list[str]) -> list[str | None]:
    r"""`kind` of each cell; what shows nothing, and is used by checks alone, is a part of them.

    >>> kinds(["half = a / 2", "claims.check('01.a', 'A.', measured=half)", "b = 1"])
    ['claims', 'claims', None]
    """
    found = [kind(source) for source in sources]
    cells = [slicing.names(source) for source in sources]
    for at in reversed(range(len(sources))):
        own = cells[at].sets | cells[at].changes
        users = [found[k] for k in range(at + 1, len(cells)) if own & (cells[k].used | cells[k].later)]
        if found[at] is None and set(users) == {"claims"} and not _shows(sources[at]):
            found[at] = "claims"
    return found


def _shows(source: str) -> bool:
    """Whether a cell prints, or ends with a value."""
    tree = ast.parse(source)
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return "print" in called or isinstance(tree.body[-1], ast.Expr)


def code(source: str) -> str:
    """A cell's code without the line behind which it is folded."""
    return _FIRST.sub("", source, count=1) if _FIRST.match(source) else source


def line(cell: Mapping[str, Any]) -> str:
    """The line behind which a cell is folded; "" if it is not."""
    found = next((LINES[tag] for tag in cell["metadata"].get("tags", []) if tag in LINES), "")
    count = len(code("".join(cell["source"])).splitlines())
    return found and f"{found}, {count} line{'' if count == 1 else 's'}"


def fold(contents: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Tag and fold the cells of a notebook by what they do; returns it."""
    cells = [cell for cell in contents.cells if cell.cell_type == "code"]
    for cell, found in zip(cells, kinds([code(cell.source) for cell in cells]), strict=True):
        tags = [tag for tag in cell.metadata.get("tags", []) if tag not in LINES]
        if "remove-cell" in tags or "parameters" in tags:
            continue
        cell.source = code(cell.source)
        if found:
            cell.metadata["tags"] = [*tags, found]
            cell.metadata["jupyter"] = {"source_hidden": True}
            cell.source = f"# {line(cell)}\n{cell.source}"
        else:
            cell.metadata.pop("jupyter", None)
            cell.metadata.pop("tags", None)
            if tags:
                cell.metadata["tags"] = tags
    return contents


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("numbers", nargs="*", metavar="NN", help="notebooks; all if none is given")
    for notebook in notebooks.select(parser.parse_args().numbers):
        with written(notebook.path) as part:
            nbformat.write(fold(notebook.read()), part)
