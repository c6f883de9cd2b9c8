"""Theory cards: one page a quantity, from the docstring of its function and from site/cards.toml."""

import importlib
import inspect
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path

from lecturelib.files import render
from workshop.files import TEMPLATES
from workshop.site import claims_page

INTRO = """# Theory cards

One page for each quantity of the lecture: its formula, its limits, the function that computes it, the
claims that show it, and where it fails. Convention: $L(w) = \\tfrac12 E (y - x^\\top w)^2$, the gradient is
the mean over the batch, $H = E x x^\\top$.
"""


@dataclass(frozen=True)
class Docstring:
    """What a card takes from the docstring of its function."""

    summary: str
    formula: str  # the first indented block, plain text
    example: str  # >>> lines and what they print
    source: str


def docstring(function: str) -> Docstring:
    """Read the docstring of `lecturelib.module.function`.

    Raises:
        ValueError: no such function, or a docstring without a formula or an example.
    """
    module, name = function.rsplit(".", 1)
    found = getattr(importlib.import_module(module), name, None)
    if not inspect.isfunction(found):
        raise ValueError(f"site/cards.toml: {function} is not a function of the library")
    blocks = (inspect.getdoc(found) or "").split("\n\n")
    formulas = [b for b in blocks[1:] if b.startswith("    ") and ">>>" not in b]
    examples = [b for b in blocks if ">>>" in b]
    sources = [b for b in blocks if b.startswith("Source: ")]
    if not (formulas and examples):
        raise ValueError(f"the docstring of {function} has no formula or no example; a card needs both")
    example = examples[0][examples[0].index(">>>") - len(_indent(examples[0])) :]
    return Docstring(
        " ".join(blocks[0].split()),
        textwrap.dedent(formulas[0]),
        textwrap.dedent(example),
        " ".join(sources[0].removeprefix("Source: ").split()) if sources else "",
    )


def _indent(block: str) -> str:
    line = next(line for line in block.splitlines() if ">>>" in line)
    return line[: line.index(">>>")]


def cards(root: Path) -> list[dict]:
    """site/cards.toml, a table for each card."""
    return tomllib.loads((root / "site" / "cards.toml").read_text(encoding="utf-8"))["card"]


def pages(root: Path) -> dict[str, str]:
    """One page `cards/SLUG.md` for each card, and `cards/index.md`."""
    announced = {claim.id: claim.sentence for claim in claims_page.announced(root / "notebooks")}
    every = cards(root)
    made = {f"cards/{card['slug']}.md": _page(card, docstring(card["function"]), announced) for card in every}
    tiles = "\n".join(
        f":::{{grid-item-card}} {card['title']}\n:link: {card['slug']}\n:link-type: doc\n\n"
        f"$${card['symbol']}$$\n\n{card['question']}\n:::\n"
        for card in every
    )
    tree = "\n".join(card["slug"] for card in every)
    grid = f"::::{{grid}} 1 2 2 3\n:gutter: 3\n\n{tiles}\n::::\n"
    return made | {"cards/index.md": f"{INTRO}\n{grid}\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n"}


def _page(card: dict, doc: Docstring, announced: dict) -> str:
    module, name = card["function"].split(".")[-2:]
    label = f"{module}.{name}"
    return render("card.md.j2", TEMPLATES, card=card, doc=doc, announced=announced, label=label)
