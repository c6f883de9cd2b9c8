"""A figure as pictures: PNGs on light and on dark paper, or one SVG that is both, wide or stacked.

The SVG follows the page: its colours are variables with a light and a dark value, and a browser takes the
scheme of the element that shows the picture (CSS `color-scheme`). Letters are outlines, so they look the same
everywhere. A figure that is heavy as SVG, or holds an image, becomes two PNGs at 2x in one SVG.
"""

import base64
import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import matplotlib
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from lecturelib.plots import themes

HEAVIEST = 200_000  # bytes; an SVG beyond is stored as PNG
PANEL = 4.3  # inches, the width of a panel in a stack
_IDS = r"\b(?:[hmp][0-9a-f]{10}|C\d+_[0-9a-f]+_[0-9a-f]{10})\b"  # hashes of what is drawn
_DARK = "@media (prefers-color-scheme: dark)"


@dataclass(frozen=True)
class Pictures:
    """One figure as two PNGs in base64, on light and on dark paper."""

    light: str
    dark: str


def png(figure: Figure, dpi: float) -> str:
    """A figure as PNG in base64, of 256 colours: a third of the size, and lines and text look the same.

    Args:
        figure: started by `plots.figure`.
        dpi: pixels an inch.
    """
    raw, small = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png", dpi=dpi, facecolor=figure.get_facecolor())
    Image.open(raw).convert("RGB").quantize(256, kmeans=1).save(small, format="PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


def break_titles(figure: Figure) -> list[tuple[Text, str]]:
    """Break what the figure's right edge would cut, a long title, into two lines, outside of formulas.

    Returns:
        What was broken, and how it was before.
    """
    figure.draw_without_rendering()
    broken = []
    for text in figure.findobj(Text):
        words = text.get_text()
        gaps = [at for at, letter in enumerate(words) if letter == " " and words[:at].count("$") % 2 == 0]
        if gaps and "\n" not in words and text.get_window_extent().x1 > figure.bbox.x1:
            at = min(gaps, key=lambda gap: abs(gap - len(words) / 2))
            text.set_text(words[:at] + "\n" + words[at + 1 :])
            broken.append((text, words))
    return broken


def svgs(figure: Figure) -> tuple[str, str]:
    """A figure as SVG for both themes, wide and stacked.

    Drawing takes time: a figure is drawn once, and its colours are mapped; twice only where its dark
    picture differs in more, as those of colormaps and PNGs do. Then it is left recoloured.

    Returns:
        As drawn, and with its panels below one another, for a phone; "" where there is nothing to stack.

    Raises:
        ValueError: a colour that the dark theme does not know.
    """
    light = _layouts(figure)
    if all(drawing.svg for drawing in light) and not themes.has_colormap(figure):
        dark = [replace(drawing, svg=themes.text_to_dark(drawing.svg)) for drawing in light]
    else:
        themes.recolour(figure)
        dark = _layouts(figure)
    wide, *narrow = map(_joined, light, dark)
    return wide, narrow[0] if narrow else ""


def _joined_pngs(pictures: Pictures, width: float, height: float) -> str:
    """Two PNGs as one SVG that shows the one for the page's theme; sizes in CSS pixels."""
    images = (
        f"<image class='{name}' width='100%' height='100%' href='data:image/png;base64,{data}'/>"
        for name, data in (("light", pictures.light), ("dark", pictures.dark))
    )
    style = f".dark {{ display: none }} {_DARK} {{ .dark {{ display: inline }} .light {{ display: none }} }}"
    size = f"width='{width:g}' height='{height:g}' viewBox='0 0 {width:g} {height:g}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size}><style>{style}</style>{''.join(images)}</svg>"


@dataclass(frozen=True)
class _Drawing:
    svg: str
    png: str  # at 2x, in base64
    width: float  # CSS pixels
    height: float


def _layouts(figure: Figure) -> list[_Drawing]:
    wide = _drawing(figure)
    with stacked(figure) as stacks:
        if not stacks:
            return [wide]
        broken = break_titles(figure)
        narrow = _drawing(figure)
        for text, words in broken:
            text.set_text(words)
        return [wide, narrow]


def _drawing(figure: Figure) -> _Drawing:
    # A layout that starts where another one ended differs in the last digits, and so in rounded places.
    for one in figure.axes:
        if spec := one.get_subplotspec():
            one.set_subplotspec(spec)
    raw = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "lecture", "svg.fonttype": "path"}):
        figure.savefig(raw, format="svg", metadata={"Date": None}, facecolor=figure.get_facecolor())
    svg = _small(raw.getvalue())
    heavy = len(svg) > HEAVIEST or "<image" in svg
    width, height = (round(96 * inches, 1) for inches in figure.get_size_inches())
    return _Drawing("" if heavy else svg, png(figure, 192) if heavy else "", width, height)


def _small(svg: str) -> str:
    """Matplotlib's SVG with places to a tenth of a point, and what holds for all marks said once."""
    svg = svg[svg.index("<svg") :].replace("xlink:href", "href").replace("DejaVuSans-", "g-")
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s+", " ", svg).replace("> <", "><").replace('"', "'").strip()
    svg = re.sub(r"(?<= )(?:d|x|y)='[^']*'|translate\([^)]*\)", _rounded, svg)
    return re.sub(r"<g( clip-path='[^']*')?>((?:<use [^>]*/>)+)</g>", _marks, svg)


def _rounded(place: re.Match) -> str:
    """The numbers of one place or path, shorter; a line needs no letter before each of its points."""
    text = re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), place[0])
    text = re.sub(r" ?([MLQCz]) ?", r"\1", text)
    return text if "Q" in text or "C" in text else text.replace("L", " ")


def _marks(group: re.Match) -> str:
    """Marks of one kind, whose style stands at their group."""
    styles = set(re.findall(r" style='([^']*)'", group[2]))
    if len(styles) != 1:
        return group[0]
    (style,) = styles
    marks = group[2].replace(f" style='{style}'", "")
    return f"<g{group[1] or ''} style='{style}'>{marks}</g>"


def _joined(light: _Drawing, dark: _Drawing) -> str:
    """One SVG of two that differ in nothing but their colours."""
    if not light.svg or not dark.svg:
        return _joined_pngs(Pictures(light.png, dark.png), light.width, light.height)
    parts = re.compile(f"{themes.COLOUR}|{_IDS}")
    if parts.split(light.svg) != parts.split(dark.svg):
        raise ValueError(
            "the figure has other parts on dark paper than on light: themes.recolour changed them"
        )
    pairs = list(zip(*(re.findall(themes.COLOUR, one.svg) for one in (light, dark)), strict=True))
    names = {pair: f"--c{number}" for number, pair in enumerate(dict.fromkeys(pairs))}
    following = iter(pairs)
    svg = re.sub(themes.COLOUR, lambda _: f"var({names[next(following)]})", light.svg)
    day, night = (";".join(f"{name}:{pair[i]}" for pair, name in names.items()) for i in (0, 1))
    style = f"<style>:root {{ {day} }} {_DARK} {{ :root {{ {night} }} }}</style>"
    start = svg.index(">") + 1
    size = f"width='{light.width:g}' height='{light.height:g}'"
    head = re.sub(r"width='[^']*pt'|height='[^']*pt'", "", svg[:start]).replace("<svg", f"<svg {size}")
    return head + style + svg[start:]


@contextlib.contextmanager
def stacked(figure: Figure) -> Iterator[bool]:
    """Lay the panels of a figure below one another, and put them back at the end.

    Yields whether there was anything to stack: two to four panels of one grid. A panel that hid the numbers
    of an axis because its neighbour shows them shows its own, and one that shares the first's y axis its
    name.
    """
    axes = figure.axes
    specs = [spec for one in axes if (spec := one.get_subplotspec()) is not None]
    grid = specs[0].get_gridspec() if specs else None
    alone = all(spec.get_gridspec() is grid and spec.num1 == spec.num2 for spec in specs)
    if grid is None or grid.ncols == 1 or not (alone and 2 <= len(axes) == len(specs) <= 4):
        yield False
        return
    width, height = figure.get_size_inches()
    hidden = [
        (axis, side)
        for one in axes
        for axis, side in ((one.xaxis, "labelbottom"), (one.yaxis, "labelleft"))
        if not axis.get_tick_params().get(side, True)
    ]
    shared = axes[0].get_shared_y_axes()
    unnamed = [one for one in axes if not one.get_ylabel() and shared.joined(one, axes[0])]
    below = figure.add_gridspec(len(axes), 1)
    try:
        figure.set_size_inches(PANEL, height / grid.nrows * len(axes))
        for place, one in enumerate(axes):
            one.set_subplotspec(below[place])
        for axis, side in hidden:
            axis.set_tick_params(which="major", **{side: True})
        for one in unnamed:
            one.set_ylabel(axes[0].get_ylabel())
        yield True
    finally:
        figure.set_size_inches(width, height)
        for spec, one in zip(specs, axes, strict=True):
            one.set_subplotspec(spec)
        for axis, side in hidden:
            axis.set_tick_params(which="major", **{side: False})
        for one in unnamed:
            one.set_ylabel("")
