"""A figure as a cell's output: HTML that any notebook shows, and from which a program gets its parts back.

JupyterLab shows text/html and gives an image no alternative text of its own; so the figure is an `img` with
its alternative text, a caption and a link to its numbers. Everything stands in addresses that begin with
`data:`, which the comparison with stored outputs passes over (tests/sanitize.cfg): lines differ in their last
digits from processor to processor. Of a notebook that nobody has run, JupyterLab drops the style: what is
left is the figure by day.
"""

import html
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, unquote

DARK = ':is([data-jp-theme-light="false"], [data-theme="dark"], [theme="dark"], .vscode-dark)'
STYLE = (
    ".lecture-figure { margin: 1em 0 }"
    " .lecture-figure img { color-scheme: light; max-width: 100%; height: auto }"
    f" {DARK} .lecture-figure img {{ color-scheme: dark }} .lecture-figure figcaption {{ font-size: 0.9em }}"
    " @media (max-width: 600px) { .lecture-figure:has(.narrow) .wide { display: none }"
    " .lecture-figure .narrow { display: inline } }"
)
_SAFE = " ='/:;,.()+*-_!?&@[]{}|~"  # in an address between double quotes


@dataclass(frozen=True)
class Figure:
    """A figure that a cell has shown.

    Attributes:
        alt: what a reader who cannot see it should know.
        wide: SVG for both themes, as drawn.
        narrow: SVG, its panels below one another; "" of one panel.
        csv: its numbers.
        caption: what bands and bars are, and whatever else the author says; may be empty.
        number: its place among the notebook's figures, from 1.
    """

    alt: str
    wide: str
    narrow: str
    csv: str
    caption: str = ""
    number: int = 1

    def __html__(self) -> str:
        """The figure for a cell's output."""
        image = f'<img class="wide" alt="{html.escape(self.alt)}" src="{_address(self.wide)}">'
        if self.narrow:
            image += image.replace('"wide"', '"narrow" hidden').replace(
                _address(self.wide), _address(self.narrow)
            )
        link = (
            f'<a class="numbers" href="{_address(self.csv, "text/csv")}" download="figure-{self.number}.csv">'
        )
        caption = (
            f"<b>Figure {self.number}.</b> <span>{html.escape(self.caption)}</span> {link}numbers (CSV)</a>"
        )
        body = f"{image}<figcaption>{caption}</figcaption>"
        return f'<figure class="lecture-figure">{body}</figure><style>{STYLE}</style>'


def _address(text: str, kind: str = "image/svg+xml") -> str:
    return f"data:{kind};charset=utf-8,{quote(text, safe=_SAFE).replace('&', '&amp;')}"


class _Reader(HTMLParser):
    """Collects the parts of one figure."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {"narrow": "", "caption": ""}
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        self.inside = tag
        if tag == "img":
            self.found |= {facts["class"]: _text(facts["src"]), "alt": facts["alt"]}
        elif tag == "a":
            self.found["csv"] = _text(facts["href"])

    def handle_data(self, data: str) -> None:
        if self.inside == "b":
            self.found["number"] = data.removeprefix("Figure ").rstrip(".")
        elif self.inside == "span":
            self.found["caption"] += data

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""


def _text(address: str) -> str:
    return unquote(address.split(",", 1)[1])


def read(output: Any) -> Figure | None:
    r"""The figure that an output of a cell shows; None if it shows none.

    Args:
        output: as nbformat or json reads it.

    >>> from lecturelib.plots import outputs
    >>> shown = outputs.Figure("A line.", "<svg/>", "", "x,y\n1,2\n", "Bars: 2 errors.", 3)
    >>> outputs.read({"data": {"text/html": shown.__html__()}}) == shown
    True
    """
    text = output.get("data", {}).get("text/html", "")
    text = text if isinstance(text, str) else "".join(text)
    if not text.startswith('<figure class="lecture-figure">'):
        return None
    reader = _Reader()
    reader.feed(text)
    texts = {name: text for name, text in reader.found.items() if name != "number"}
    return Figure(**texts, number=int(reader.found["number"]))
