"""Roles that link to cells of notebooks: {cell}`05:scaled-claim`, {claim}`06.sandwich` (which checks it).

{figure}`06:rate-figure` becomes "figure 11.1", a link to it. All take a text of their own:
{cell}`the table <06:critical-table>`. What is not there is a warning, so the build fails.
"""

import functools
import json
import re
from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from lecturelib import claims
from lecturelib.plots import outputs

log = logging.getLogger(__name__)
WITH_TEXT = re.compile(r"(?P<text>.+?)\s*<(?P<target>[^<>]+)>", re.DOTALL)


@functools.cache
def _notebook(path: Path, modified: float) -> tuple[set[str], dict[str, str]]:
    """The ids of a notebook's cells, and claim -> id of the cell whose output says that it holds."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    held = {claim.id: c["id"] for c in cells for claim in claims.of_cell(c) if claim.verdict}
    return {c["id"] for c in cells}, held


@functools.cache
def _figures(path: Path, modified: float) -> dict[str, str]:
    """Of each cell that shows a figure: the number of its first one."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    shown = [cell["id"] for cell in cells for output in cell.get("outputs", []) if outputs.read(output)]
    return {cell: f"{int(path.name[:2])}.{number}" for number, cell in reversed([*enumerate(shown, start=1)])}


class Link(SphinxRole):
    """A link to a cell; `find` turns what the author wrote into (notebook's number, id of the cell)."""

    def find(self, target: str) -> tuple[str, str]:
        raise NotImplementedError

    def run(self):
        match = WITH_TEXT.fullmatch(self.text)
        target = match["target"] if match else self.text
        try:
            name, cell = self.find(target)
        except LookupError as error:
            log.warning("%s", error, location=self.get_location())
            return [nodes.literal(text=self.text)], []
        up = "../" * self.env.docname.count("/")
        link = nodes.reference("", "", internal=True, refuri=f"{up}notebooks/{name}.html#cell-{cell}")
        link += nodes.Text(match["text"]) if match else self.shown(target)
        return [link], []

    def shown(self, target: str) -> nodes.Node:
        """What the link says where the author has said nothing."""
        return nodes.literal(text=target)

    def notebook(self, number: str) -> tuple[str, set[str], dict[str, str]]:
        found = sorted((Path(self.env.srcdir) / "notebooks").glob(f"{number}_*.ipynb"))
        if not found:
            raise LookupError(f"{self.name} {self.text!r}: there is no notebook {number}")
        self.path = found[0]
        self.env.note_dependency(self.path)
        return found[0].stem, *_notebook(found[0], found[0].stat().st_mtime)


class CellLink(Link):
    def find(self, target):
        number, _, cell = target.partition(":")
        name, cells, _ = self.notebook(number)
        if cell not in cells:
            raise LookupError(f"cell {target!r}: notebook {name} has no cell {cell!r}")
        return name, cell


class ClaimLink(Link):
    def find(self, target):
        name, _, held = self.notebook(target[:2])
        if target not in held:
            raise LookupError(f"claim {target!r}: no stored output of notebook {name} says that it holds")
        return name, held[target]


class FigureLink(CellLink):
    def find(self, target):
        name, cell = super().find(target)
        if (cited := _figures(self.path, self.path.stat().st_mtime).get(cell)) is None:
            raise LookupError(f"figure {target!r}: this cell of notebook {name} shows no figure")
        self.cited = cited
        return name, cell

    def shown(self, target):
        return nodes.Text(f"figure {self.cited}")


def setup(app):
    app.add_role("cell", CellLink())
    app.add_role("figure", FigureLink())
    app.add_role("claim", ClaimLink())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
