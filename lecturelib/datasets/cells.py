"""What the text of one cell may be: a number, however it is written, a date, or nothing."""

import re
from collections.abc import Iterable

NONE = ["", "?", ".", "-", "--", r"\N", "NA", "<NA>", "N/A", "n/a", "#N/A", "#NA", "#N/A N/A"]
NONE += ["null", "NULL", "None", "NaT"]
NOT_FINITE = ["inf", "Inf", "INF", "Infinity", "infinity", "1.#INF", "1.#IND", "1.#QNAN"]
MISSING = frozenset(
    [*NONE, "NaN", "nan", "NAN", "-nan", *(sign + text for sign in ("", "-", "+") for text in NOT_FINITE)]
)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?", re.ASCII)
DATE = re.compile(
    r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3(\d{4}|\d{2}))([T ]\d{1,2}:\d{2}.*)?", re.ASCII
)
# Missing where they stand among numbers, else categories:
WORDS = frozenset(["unknown", "missing", "none", "nil", "na", "n.a.", "nd", "n.d.", "tbd", "not available"])
WORDS |= {"not applicable", "unspecified", "unavailable", "undefined", "dnf", "#value!", "#div/0!"}


def mark(cells: Iterable[str]) -> str:
    """The decimal mark of cells: what more of them are numbers with than without; "" where none tells.

    >>> from lecturelib.datasets import cells
    >>> cells.mark(["3,126", "3,13"]), cells.mark(["12,155", "0.77"]), cells.mark(["12.155", "512"])
    (',', '.', '')
    """
    votes = 0
    for cell in cells:
        if "," in cell or "." in cell:
            votes += (plain(cell, ".") is not None) - (plain(cell, ",") is not None)
    return "." if votes > 0 else "," if votes < 0 else ""


def plain(cell: str, decimal: str) -> str | None:
    """A number with this decimal mark, the other one between thousands, as Python writes it; or None.

    >>> from lecturelib.datasets import cells
    >>> cells.plain("1.234,5", ","), cells.plain("3,126", "."), cells.plain("3,13", ".")
    ('1234.5', '3126', None)
    """
    cell = swapped(cell) if decimal == "," else cell
    if THOUSANDS.fullmatch(cell):
        cell = cell.replace(",", "")
    return cell if NUMBER.fullmatch(cell) else None


def swapped(cell: str) -> str:
    """Commas for points, points for commas."""
    return cell.translate({ord(","): ".", ord("."): ","})


def bare(text: str) -> str:
    """A number's text without what banks, Fortran and typography put about it.

    >>> from lecturelib.datasets import cells
    >>> [cells.bare(text) for text in ("$7", "1'234", "(0.45)", "5.1D+01")]
    ['7', '1234', '-0.45', '5.1e+01']
    """
    text = text.strip("$€£% '").replace("\N{MINUS SIGN}", "-")
    text = re.sub(r"^\(([\d.,' ]+)\)$", r"-\1", text)
    text = re.sub(r"(?<=\d)['\u2019 \u00a0\u202f](?=\d{3}(\D|$))", "", text)
    return re.sub(r"(?<=[\d.])[dD](?=[+-]?\d)", "e", text)


def number(text: str, decimal: str = ".") -> float | None:
    """The number that a text writes with this decimal mark, or None."""
    found = plain(bare(text), decimal)
    return None if found is None else float(found)
