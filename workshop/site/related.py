"""What belongs to a notebook on other pages of the site: its explorers, theory cards and homework."""

import functools
import re
from pathlib import Path

from workshop.grading import source
from workshop.notebooks import Notebook
from workshop.site import cards, notebook_map

SEE = re.compile(r"<!-- see: (\w+ [\w.-]+) -->")


def line(number: str, root: Path) -> str:
    """A sentence of links for the page of a notebook, empty if nothing belongs to it.

    Found in what the authors wrote: an explorer's page links to the notebook, a card cites its claims, the
    README's map names its homework.

    Args:
        number: of the notebook, "05".
        root: of the checkout.
    """
    found = {
        "Explore": [
            (re.search(r"^# (.+)$", text, re.MULTILINE)[1], f"../explorers/{path.name}")  # type: ignore[index]
            for path in sorted((root / "site" / "explorers").glob("*.md"))
            if f"notebooks/{number}_" in (text := path.read_text(encoding="utf-8"))
        ],
        "Theory cards": [
            (card["title"], f"../cards/{card['slug']}.md")
            for card in cards.cards(root)
            if any(claim.startswith(f"{number}.") for claim in card["claims"])
        ],
        "Homework": [
            (f"assignment {label}", f"../homework/{name}.ipynb")
            for label, name in notebook_map.homework(number, root)
        ],
    }
    parts = [
        f"**{kind}:** " + ", ".join(f"[{title}]({target})" for title, target in links)
        for kind, links in found.items()
        if links
    ]
    return " · ".join(parts)


def placed(text: str, root: Path) -> str:
    """Text of a notebook, each `<!-- see: NAME -->` at the end of a sentence a link, NAME one of `places`.

    Raises:
        ValueError: a name that there is not.
    """

    def link(found: re.Match[str]) -> str:
        if found[1] not in places(root):
            raise ValueError(f"{found[0]}: there is no such place; there are {', '.join(places(root))}")
        return '(<a href="{}">{}</a>)'.format(*places(root)[found[1]])

    return SEE.sub(link, text)


@functools.cache
def places(root: Path) -> dict[str, tuple[str, str]]:
    """Address, from the page of a notebook, and text of the link to each thing that a sentence may have.

    They are "card SLUG", "explorer NAME", and "homework 2.3": the third question of the second assignment.
    """
    found = {f"card {c['slug']}": (f"../cards/{c['slug']}.html", "theory card") for c in cards.cards(root)}
    for path in sorted((root / "site" / "explorers").glob("*.md")):
        found[f"explorer {path.stem}"] = f"../explorers/{path.stem}.html", "explore it"
    for path in source.find(root / "homework"):
        name = path.parent.name
        for cell in Notebook(path).read().cells:
            if asked := re.match(r"## (\d+)\. ", cell.source):
                number = f"homework {name[0]}.{asked[1]}"
                found[number] = f"../homework/{name}.html#cell-{cell.id}", number
    return found
