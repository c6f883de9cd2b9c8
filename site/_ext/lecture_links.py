"""Roles that link to cells of notebooks: {cell}`05:scaled-claim`, {claim}`05.sandwich` (which checks it).

Both take a text of their own: {cell}`the table <05:critical-table>`. What is not there is a warning, so the
build fails.
"""

import functools
import json
import re
from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

log = logging.getLogger(__name__)
WITH_TEXT = re.compile(r"(?P<text>.+?)\s*<(?P<target>[^<>]+)>", re.DOTALL)
LINE = re.compile(r"^claim (\d\d\.[a-z0-9-]+) holds: ", re.MULTILINE)


@functools.cache
def _notebook(path: Path, modified: float) -> tuple[set[str], dict[str, str]]:
    """The ids of a notebook's cells, and claim -> id of the cell whose output says that it holds."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = [(c["id"], "".join(o.get("text", ""))) for c in cells for o in c.get("outputs", [])]
    return {c["id"] for c in cells}, {match[1]: cell for cell, text in texts for match in LINE.finditer(text)}


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
        link += nodes.Text(match["text"]) if match else nodes.literal(text=target)
        return [link], []

    def notebook(self, number: str) -> tuple[str, set[str], dict[str, str]]:
        found = sorted((Path(self.env.srcdir) / "notebooks").glob(f"{number}_*.ipynb"))
        if not found:
            raise LookupError(f"{self.name} {self.text!r}: there is no notebook {number}")
        self.env.note_dependency(found[0])
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


def setup(app):
    app.add_role("cell", CellLink())
    app.add_role("claim", ClaimLink())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
