"""Formulas in text that a page shows: as MathML, which needs no script. All other text is escaped."""

import functools
import itertools
import re

from docutils.utils.math import latex2mathml
from markupsafe import Markup, escape

MOST = 500  # characters of a formula
BRACES = 50  # of a formula; its time grows with the square of these, and of the letters of a word
LETTERS = re.compile(r"[A-Za-z]{30}")
FORMULAS = 150  # of a text; what comes after them is shown as it was written
_FORMULA = re.compile(r"(?<![\\$])(?:\$\$([^$]+)\$\$|\$(?!\s)([^$]+)(?<![\s\\])\$(?!\d))")
_ATTRIBUTES = (
    "xmlns|display|class|mathvariant|stretchy|accent|accentunder|movablelimits|columnalign|columnspacing|"
    "rowspacing|displaystyle|scriptlevel|width|height|lspace|rspace|form|fence|separator|linethickness|"
    "notation|depth|voffset|minsize|maxsize|symmetric|largeop|mathcolor"
)
_TAG = re.compile(rf'</?m[a-z]+(?: (?:{_ATTRIBUTES})="[^"<>&]*")*/?>')


def shown(text: str) -> Markup:
    r"""Text as HTML, what stands between dollars as formulas; what is no TeX stays as it is.

    >>> from workshop.grading import formulas
    >>> print(formulas.shown("a < $b$"))
    a &lt; <math xmlns="http://www.w3.org/1998/Math/MathML"><mi>b</mi></math>
    """
    parts, end = [], 0
    for match in itertools.islice(_FORMULA.finditer(text), FORMULAS):
        made = _formula(match[1] or match[2], bool(match[1])) or escape(match[0])
        parts += [escape(text[end : match.start()]), made]
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])


@functools.lru_cache(maxsize=4096)
def _formula(tex: str, display: bool) -> Markup | None:
    """MathML, if it is TeX and nothing but MathML comes of it: it may be a student's."""
    if len(tex) > MOST or tex.count("{") > BRACES or LETTERS.search(tex):
        return None
    try:
        made = latex2mathml.tex2mathml(_plainer(tex), as_block=display)
    except Exception:  # whatever a student's text does to the translator: it is shown as it was written
        return None
    if "<" in _TAG.sub("", made):
        return None
    return Markup(re.sub(r">\s+<", "><", made.strip()))


def _plainer(tex: str) -> str:
    """The same in words that the translator knows."""
    tex = re.sub(r"\\([td]?frac)(\d)(\d)", r"\\\1{\2}{\3}", tex.replace(r"\dots", r"\ldots"))
    return re.sub(r"\\[bB]igg?[lr]?(?![a-zA-Z])", "", tex)
