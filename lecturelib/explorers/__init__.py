"""Explorers: pages that compute the lecture's exact theory in the browser, on the site and in JupyterLab.

Their sources are plain JavaScript modules in site/explorers. A browser does not load modules from a file, so
they are joined here into one script that stands in the page: what comes out needs no server, no kernel and no
network. Where JavaScript is off, a table computed by the library stands instead.
"""

import html
import json
import re
from pathlib import Path

from IPython.display import HTML

from lecturelib.explorers.tables import TABLES
from lecturelib.explorers.truth import PREDICTIONS, data
from lecturelib.plots.colours import INK

FOLDER = Path(__file__).resolve().parents[2] / "site" / "explorers"
_IMPORT = re.compile(r"^import \{ ([\w, ]+) \} from \"\./(\w+)\.js\";$", re.MULTILINE)
_EXPORT = re.compile(r"^export (?:function|const) (\w+)", re.MULTILINE)
_PLACE = re.compile(r"^<!-- (explorer|predict): (\w+) -->$", re.MULTILINE)
_FENCE = "````````"
_THEME = """
let theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
try {
  const lab = parent.document.body?.dataset.jpThemeLight; // JupyterLab's own choice
  if (lab) theme = lab === "false" ? "dark" : "light";
} catch (error) {
  if (!(error instanceof DOMException)) throw error; // the page around is another site's: not for us to read
}
document.documentElement.dataset.theme = theme;
"""


def show(name: str, height: int = 1100) -> HTML:
    """Show an explorer below the cell, in a frame of its own.

    Args:
        name: batch_and_rate, one_hot, delay or cluster.
        height: of the frame, in pixels.

    Raises:
        ValueError: no explorer of that name.

    >>> show("delay").data.startswith('<div><iframe title="Explorer: delay"')
    True
    """
    source = html.escape(page(name), quote=True)
    style = f"width: 100%; height: {int(height)}px; border: 0"
    frame = f'<iframe title="Explorer: {name}" style="{style}" srcdoc="{source}"></iframe>'
    return HTML(f"<div>{frame}</div>")


def page(name: str) -> str:
    """An explorer as one HTML page that needs nothing else."""
    body = _explorer(name)
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{name}</title>'
    style = (
        "body { margin: 0; font: 16px/1.4 system-ui, sans-serif; }"
        f' html[data-theme="dark"] {{ background: {INK["dark"][0]}; }}'
        " body > .lecture-explorer { margin: 0; border: 0; }"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}<style>{style}</style>\n'
        f"<script>{_THEME}</script></head>\n"
        f"<body>{body}{code([name])}</body></html>\n"
    )


def filled(text: str) -> str:
    """A page of the site in MyST, its places filled: `<!-- explorer: NAME -->` and `<!-- predict: NAME -->`.

    Each on a line of its own. The page then carries the script for all of them, once, at its end.

    Raises:
        ValueError: a name that there is not.

    >>> filled("A page without a place.")
    'A page without a place.'
    """
    places = [(match[1], match[2]) for match in _PLACE.finditer(text)]
    if not places:
        return text
    explorers = [name for kind, name in places if kind == "explorer"]
    modules = explorers + ["predict"] * any(kind == "predict" for kind, _ in places)
    made = {"explorer": _explorer, "predict": prediction}
    text = _PLACE.sub(lambda match: raw(made[match[1]](match[2])), text)
    return f"{text.rstrip()}\n\n{raw(code(modules))}\n"


def pages(root: Path) -> dict[str, str]:
    """Every page of site/explorers, filled: its path in the site's sources -> its text."""
    found = sorted((root / "site" / "explorers").glob("*.md"))
    return {f"explorers/{path.name}": filled(path.read_text(encoding="utf-8")) for path in found}


def bundle(names: list[str]) -> str:
    """The modules of these names, and those they import, as one classic script.

    Each module becomes a function whose result holds what it exports.

    Raises:
        ValueError: an import or export of a form that is not known.
    """
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order:
            for _, other in _IMPORT.findall(_module(name)):
                visit(other)
            order.append(name)

    for name in names:
        visit(name)
    return '"use strict";\n(() => {\nconst modules = {};\n' + "".join(map(_wrapped, order)) + "})();\n"


def code(names: list[str]) -> str:
    """Style and script for the explorers of these names, and for predictions ("predict"), once a page."""
    style = (FOLDER / "explorers.css").read_text(encoding="utf-8")
    script = bundle(names).replace("</script", "<\\/script")
    return f"<style>\n{style}</style>\n<script>\n{script}</script>"


def prediction(name: str) -> str:
    """A prediction as HTML; the page needs `code(["predict"])` too."""
    found = data(name)
    facts = json.dumps(found, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    table = _table(PREDICTIONS[name]().rows(), "The truth")
    still = f"<noscript><p>{html.escape(found['question'])}</p><details><summary>The truth</summary>{table}"
    still += f"<p>{html.escape(found['explanation'])}</p></details></noscript>"
    facts = f'<script type="application/json">{facts}</script>'
    return f'<div class="lecture-predict" data-predict="{name}">{facts}{still}</div>'


def raw(content: str) -> str:
    """HTML as a block of MyST that is left as it is."""
    return f"{_FENCE}{{raw}} html\n{content}\n{_FENCE}"


def _module(name: str) -> str:
    return (FOLDER / f"{name}.js").read_text(encoding="utf-8")


def _wrapped(name: str) -> str:
    source = _module(name)
    exports = ", ".join(_EXPORT.findall(source))
    source = _IMPORT.sub(r'const { \1 } = modules["\2"];', source)
    source = re.sub(r"^export (?=function |const )", "", source, flags=re.MULTILINE)
    if left := re.search(r"^(import|export)\b.*", source, re.MULTILINE):
        raise ValueError(
            f'{name}.js: {left[0]!r} is not `import {{ a, b }} from "./name.js";` or a named export'
        )
    return f'modules["{name}"] = (() => {{\n{source}return {{ {exports} }};\n}})();\n'


def _explorer(name: str) -> str:
    if name not in TABLES:
        raise ValueError(f"no explorer {name!r}; there are {', '.join(TABLES)}")
    caption, rows = TABLES[name]()
    says = "<p>This explorer needs JavaScript. These are its numbers around the usual setting.</p>"
    still = f'<noscript>{says}<div class="scroll">{_table(rows, caption)}</div></noscript>'
    return f'<div class="lecture-explorer" id="explorer-{name}">{still}</div>'


def _table(rows: list[tuple[str, ...]], caption: str) -> str:
    def line(cells, head):
        tags = ["th scope=col" if head else ("th scope=row" if not i else "td") for i in range(len(cells))]
        return "".join(f"<{t}>{html.escape(c)}</{t.split()[0]}>" for t, c in zip(tags, cells, strict=True))

    header, *body = rows
    body = "".join(f"<tr>{line(cells, False)}</tr>" for cells in body)
    return (
        f"<table><caption>{html.escape(caption)}</caption>"
        f"<thead><tr>{line(header, True)}</tr></thead><tbody>{body}</tbody></table>"
    )
