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

from lecturelib.files import render
from lecturelib.plots.themes import INK
from lecturelib.questions import Question
from workshop.files import TEMPLATES
from workshop.site.explorer_questions import PREDICTIONS, data
from workshop.site.explorer_tables import TABLES

FOLDER = Path(__file__).parent / "browser"
_IMPORT = re.compile(r"^import \{ ([\w, ]+) \} from \"\./(\w+)\.js\";$", re.MULTILINE)
_EXPORT = re.compile(r"^export (?:function|const) (\w+)", re.MULTILINE)
_PLACE = re.compile(r"^<!-- (explorer|predict): (\w+) -->$", re.MULTILINE)
KEPT: dict[tuple[str, str], str] = {}  # what `made` has made
_FENCE = "````````"
HANDED = "explorers/parts/made.json"


def frame(name: str, height: int) -> HTML:
    """An explorer in a frame of its own; `lecturelib.explorers.show` hands it to notebooks."""
    source = html.escape(page(name), quote=True)
    style = f"width: 100%; height: {int(height)}px; border: 0"
    frame = f'<iframe title="Explorer: {name}" style="{style}" srcdoc="{source}"></iframe>'
    return HTML(f"<div>{frame}</div>")


def page(name: str) -> str:
    """An explorer as one HTML page that needs nothing else."""
    return render(
        "explorer.html.j2",
        TEMPLATES,
        name=name,
        dark=INK["dark"][0],
        explorer=_explorer(name),
        code=code([name]),
    )


def placed(text: str) -> tuple[str, list[str]]:
    """Text in MyST, its places filled: `<!-- explorer: NAME -->` and `<!-- predict: NAME -->`.

    Each on a line of its own, in a page of site/explorers or in a cell of a notebook, which hides it.

    Returns:
        The text, and the modules that the page needs at its end: `code`.

    Raises:
        ValueError: a name that there is not.

    >>> placed("A page without a place.")
    ('A page without a place.', [])
    """
    modules = [match[2] if match[1] == "explorer" else "predict" for match in _PLACE.finditer(text)]
    text = _PLACE.sub(lambda match: raw(made(match[1], match[2])), text)
    return text, sorted(set(modules))


def made(kind: str, name: str) -> str:
    """The HTML of an "explorer", or of a "predict"; its numbers are computed once.

    Raises:
        ValueError: a name that there is not.
    """
    if (kind, name) not in KEPT:
        KEPT[kind, name] = {"explorer": _explorer, "predict": prediction}[kind](name)
    return KEPT[kind, name]


def filled(text: str) -> str:
    """A page of the site in MyST, its places filled, with the script for all of them at its end.

    >>> filled("A page without a place.")
    'A page without a place.'
    """
    text, modules = placed(text)
    return f"{text.rstrip()}\n\n{raw(code(modules))}\n" if modules else text


def pages(root: Path) -> dict[str, str]:
    """Every page of site/explorers, filled: its path in the site's sources -> its text."""
    found = sorted((root / "site" / "explorers").glob("*.md"))
    return {f"explorers/{path.name}": filled(path.read_text(encoding="utf-8")) for path in found}


def handed() -> dict[str, str]:
    """A file of the site's sources with all that was made: Sphinx, in its own processes, need not make it."""
    return {HANDED: json.dumps([[*key, text] for key, text in sorted(KEPT.items())])}


def take(source: Path) -> None:
    """What `handed` says."""
    KEPT.update({(kind, name): text for kind, name, text in json.loads((source / HANDED).read_bytes())})


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
    table = _table(PREDICTIONS[name]().rows(), "The truth")
    still = f"<noscript><p>{html.escape(found['question'])}</p><details><summary>The truth</summary>{table}"
    still += f"<p>{html.escape(found['explanation'])}</p></details></noscript>"
    return _asked(name, found, still)


def question(asked: Question) -> str:
    """A question of a notebook as HTML, without its answer; the page needs `code(["predict"])` too."""
    found: dict[str, object] = {"question": asked.question, "explanation": asked.explanation}
    if asked.kind == "choice":
        found |= {"answers": asked.answers, "right": asked.right}
    elif asked.kind == "number":
        found |= {"value": asked.value, "tolerance": asked.tolerance, "unit": asked.unit}
    else:
        found |= dict(zip(("xLabel", "yLabel", "logX", "logY"), (*asked.labels, *asked.log), strict=True))
        found |= {"x": asked.x, "truth": asked.truth, "domain": asked.domain, "given": 1}
    return _asked(asked.id, found, f"<noscript>{asked.__html__()}</noscript>")


def score() -> str:
    """Where the page says how many of its questions were answered."""
    return '<div class="lecture-predict" data-score></div>'


def _asked(name: str, found: dict, still: str) -> str:
    facts = json.dumps(found, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
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
    return render("table.html.j2", TEMPLATES, caption=caption, header=rows[0], rows=rows[1:])
