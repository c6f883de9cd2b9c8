"""Verdicts on sentences that others have published: each rests on one number of ours and on its bounds.

A verdict leaves a record, as a claim does (`records.py`): its words are compared with the stored ones when
the tests run the notebook again, and the site makes a page of them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from lecturelib import records

VERDICT = "application/vnd.lecturelib.verdict+json"
_EXACT = ("number", "least", "most")


@dataclass(frozen=True)
class Verdict:
    """A published sentence and what came of it here; the arguments of `judge` say what the fields are."""

    source: str
    sentence: str
    ours: str
    number: float
    verdict: str
    least: float
    most: float

    def _ipython_display_(self) -> None:
        """Nothing: `judge` has shown it."""

    @property
    def beyond(self) -> float:
        """How far the number lies outside of its bounds; not above 0 where the verdict stands."""
        return max(self.least - self.number, self.number - self.most)


def judge(
    source: str,
    sentence: str,
    ours: str,
    number: float,
    verdict: str,
    *,
    least: float = -math.inf,
    most: float = math.inf,
) -> Verdict:
    """Leave the record of a verdict: a claim checks afterwards that its number is within its bounds.

    Args:
        source: first author, or authors, and year; "the same" for that of the verdict before.
        sentence: what they say.
        ours: what was computed here, and in which setting.
        number: it.
        verdict: begins with HOLDS, HOLDS IF, FAILS IF or NOT TESTABLE HERE.
        least: what the number must not be below, if the verdict is to stand.
        most: what it must not be above; one of the two is needed.

    Raises:
        ValueError: a verdict of other words, or without a bound.

    >>> from lecturelib import verdicts
    >>> said = verdicts.judge("Euler 1737", "e is irrational", "terms of its fraction", 30, "HOLDS", least=30)
    HOLDS
       Euler 1737: e is irrational.
       terms of its fraction: 30
    """
    if not verdict.startswith(("HOLDS", "FAILS IF ", "NOT TESTABLE HERE")):
        raise ValueError(f"verdict={verdict!r}: begin with HOLDS, HOLDS IF, FAILS IF or NOT TESTABLE HERE")
    if least == -math.inf and most == math.inf:
        raise ValueError(f"{source}, {sentence!r}: a verdict needs a bound, least= or most=")
    found = Verdict(source, sentence, ours, float(number), verdict, least, most)
    words = {"source": source, "sentence": sentence, "ours": ours, "verdict": verdict}
    shown = records.number(number)
    line = f"{verdict}\n   {source}: {sentence}.\n   {ours}: {shown}"
    html = (
        f'<p class="lecture-verdict"><b>{escape(verdict)}</b><br>{escape(source)}: {escape(sentence)}.<br>'
        f"<small>{escape(ours)}: {shown}</small></p>"
    )
    records.leave(VERDICT, line, words, {name: getattr(found, name) for name in _EXACT}, html)
    return found


def read(notebook: Mapping[str, Any]) -> list[Verdict]:
    """The verdicts that an executed notebook has left, in order; "the same" is replaced by whose it is.

    Args:
        notebook: as nbformat or json reads it.
    """
    found: list[Verdict] = []
    for cell in notebook["cells"]:
        for fields in records.left(cell, VERDICT):
            exact = {name: float(fields[name]) for name in _EXACT}
            source = found[-1].source if fields["source"] == "the same" else fields["source"]
            found.append(Verdict(**fields | exact | {"source": source}))
    return found
