"""The numbers in a notebook's prose, and where `prose_numbers.toml` says each of them comes from.

A number that somebody typed goes stale when the code changes. So each number in Markdown is listed with a few
words of its context and its origin, and the origin is looked up where a program can:

    output = "CELL"    it is printed by this cell, in the stored output; "04:CELL" is one of another notebook
    rounded = "CELL"   so is a number that rounds to it, a whole one too
    code = "CELL"      it stands in this cell's code: a setting of the experiment, or a claim's bound
    python = "..."     arithmetic, or a call of the library, with its value; a list for several numbers
    source = "..."     a slide, a paper with its section, a convention: for a human to look up

Not counted as numbers of the prose: code, links, headings, references and the years of papers, notebooks'
numbers, the numbers of lists, and the line that announces times. In formulas only decimals count: they are
values, while the 2 of a square is part of a definition.
"""

import ast
import functools
import importlib
import math
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.integrate
import scipy.optimize

import lecturelib
from workshop import notebooks

LIST = Path(__file__).with_suffix(".toml")
PACKAGE = Path(__file__).parent.parent / "lecturelib"
NUMBER = re.compile(r"(?<![\w.])\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
DECIMAL = re.compile(r"\d+\.\d+")
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$]*\$", re.DOTALL)
NO_PROSE = [
    re.compile(pattern, re.MULTILINE | re.DOTALL)
    for pattern in (
        r"^#+ References.*",
        r"```.*?```",
        r"`[^`\n]*`",
        r"!?\[[^\]]*\]\([^)]*\)",
        r"<[^>\n]*>",
        r"^#+ [^\n]*",
        r"^[>\s]*\d+\. ",
        r"\*\*Time:\*\*[^.]*\.",
        r"\b[Nn]otebooks?\s+\d\d(?:(?:,| and| to)\s+\d\d)*",
        r"(?<![\d.])0\d(?![\d.])",  # 07, a notebook
        r"(?<=\bal\.\s)(?:19|20)\d\d\b",  # Bradley et al. 2011
        r"(?:(?<=\()|(?<=[a-z]\s))(?:19|20)\d\d(?=[),:;])",  # Bradley (2011), (Bradley 2011)
    )
]


@dataclass(frozen=True)
class Number:
    """A number in a text: its place, and itself as it is written."""

    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def numbers(markdown: str) -> list[Number]:
    """The numbers of a Markdown cell that need an origin, in order.

    >>> [number.text for number in numbers("It takes 3 of $x^2 < 2.42$, see notebook 05 (Amdahl 1967).")]
    ['3', '2.42']
    """
    prose = markdown
    for pattern in NO_PROSE:
        prose = pattern.sub(lambda found: " " * len(found[0]), prose)
    found = []
    for formula in FORMULA.finditer(prose):
        found += [Number(formula.start() + m.start(), m[0]) for m in DECIMAL.finditer(formula[0])]
    prose = FORMULA.sub(lambda formula: " " * len(formula[0]), prose)
    found += [Number(m.start(), m[0]) for m in NUMBER.finditer(prose)]
    return sorted(found, key=lambda number: number.start)


@functools.cache
def listed() -> dict[str, dict[str, dict[str, str]]]:
    """Notebook -> words with numbers -> their origin, as prose_numbers.toml has them."""
    return tomllib.loads(LIST.read_text(encoding="utf-8"))


def complaints(cells: list, entries: dict[str, dict[str, str]]) -> list[str]:
    """What is wrong with the numbers of a notebook's prose: one line for each, none if all is well.

    Args:
        cells: of the notebook, with their stored outputs.
        entries: its part of `listed()`.
    """
    prose = [cell for cell in cells if cell.cell_type == "markdown"]
    covered, wrong = set(), []
    for words, origin in entries.items():
        pattern = re.compile(r"\s+".join(map(re.escape, words.split())))
        places = [(cell, found) for cell in prose for found in pattern.finditer(cell.source)]
        inside = [
            [n for n in numbers(cell.source) if found.start() <= n.start and n.end <= found.end()]
            for cell, found in places
        ]
        covered |= {(cell.id, n) for (cell, _), ns in zip(places, inside, strict=True) for n in ns}
        if not any(inside):
            wrong.append(f"{words!r} is listed, but no number stands there (any more)")
        elif problem := _disagreement([n.text for n in inside[0]], origin, cells):
            wrong.append(f"{words!r}: {problem}")
    for cell in prose:
        for number in numbers(cell.source):
            if (cell.id, number) not in covered:
                near = " ".join(cell.source[max(0, number.start - 25) : number.end + 15].split())
                wrong.append(
                    f'not listed: {number.text}; add to {LIST.name}: "{near}" = {{ source = "..." }}'
                )
    return wrong


def _disagreement(shown: list[str], origin: dict[str, str], cells) -> str | None:
    ((kind, value),) = origin.items()
    if kind == "source":
        return None if len(value) >= 8 else "say where it comes from"
    if kind == "python":
        given = np.atleast_1d(_evaluate(value))
        if len(given) != len(shown):
            return f"{len(shown)} numbers, but {value} gives {len(given)}"
        missing = [text for text, number in zip(shown, given, strict=True) if not agrees(text, number)]
        return f"{value} gives {given.tolist()}, not {', '.join(missing)}" if missing else None
    other, _, name = value.rpartition(":")
    cells = notebooks.select([other])[0].read().cells if other else cells
    (cell,) = [c for c in cells if c.cell_type == "code" and c.id == name] or [None]
    if kind not in ("code", "output", "rounded") or cell is None:
        return f"{kind} = {value!r}: no such kind of origin, or no such cell"
    if kind == "code":
        tree = ast.walk(ast.parse(cell.source))
        known = [n.value for n in tree if isinstance(n, ast.Constant) and type(n.value) in (int, float)]
    else:
        printed = "\n".join(o.get("text", "") or _line(o.get("data", {})) for o in cell.outputs)
        known = [float(found[0].replace(",", "")) for found in NUMBER.finditer(printed)]
    whole = 0.5 if kind == "rounded" else 0.0
    missing = [text for text in shown if not any(agrees(text, number, whole) for number in known)]
    return f"the {kind} of cell {value} has no {', '.join(missing)}" if missing else None


def _line(data: dict) -> str:
    """The line of a record; of a figure nothing, for its alternative text is typed."""
    return "" if "image/png" in data else data.get("text/plain", "")


def agrees(shown: str, value: float, whole: float = 0.0) -> bool:
    """Whether a number rounds to what is shown, to the shown decimals; a whole one may be off by `whole`.

    >>> agrees("0.7", 0.693), agrees("0.7", 0.65 - 1e-9), agrees("4,096", 4096)
    (True, False, True)
    >>> agrees("7", 6.6), agrees("7", 6.6, 0.5)
    (False, True)
    """
    decimals = len(shown.partition(".")[2])
    return abs(float(shown.replace(",", "")) - value) <= (0.5 * 10**-decimals if decimals else whole) * (
        1 + 1e-9
    )


def _evaluate(expression: str):
    words = set(re.findall(r"\b[a-z_]+(?=\.)", expression))
    folders = [PACKAGE, *(path for path in PACKAGE.iterdir() if path.is_dir())]
    found = {
        word: [f for f in folders if (f / f"{word}.py").exists() or (f / word / "__init__.py").exists()]
        for word in words
    }
    modules = {
        word: importlib.import_module(".".join(("lecturelib", *places[0].relative_to(PACKAGE).parts, word)))
        for word, places in found.items()
        if places
    }
    modules |= {word: getattr(lecturelib, word) for word in words - set(modules) if hasattr(lecturelib, word)}
    return eval(expression, {"math": math, "np": np, "scipy": scipy, **modules})
