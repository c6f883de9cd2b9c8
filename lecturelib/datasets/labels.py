"""What the texts of a column mean: numbers, dates, or categories."""

import re
from dataclasses import dataclass

import numpy as np

from lecturelib.datasets.dialect import DATE, MISSING, plain

MOSTLY = 0.9  # share of the values that are numbers, above which the others count as missing
MANY = 30  # different numbers, beside which a single text counts as missing however often it stands there
WORDS = frozenset(["unknown", "missing", "none", "nil", "na", "n.a.", "nd", "n.d.", "tbd", "not available"])
WORDS |= {"not applicable", "unspecified", "unavailable", "undefined", "dnf", "#value!", "#div/0!"}
TRUE = {"yes": "no", "y": "n", "true": "false", "t": "f", "on": "off"}
TRUE |= {"positive": "negative", "present": "absent"}


@dataclass(frozen=True)
class Meaning:
    """The meaning of each text of a column.

    Attributes:
        values: shape (texts,): its number, or its position in labels; NaN for a missing value.
        labels: the categories, empty for numbers and dates.
        dates: whether the numbers are days since 1970.
        odd: texts that count as missing among numbers.
    """

    values: np.ndarray
    labels: list[str]
    dates: bool = False
    odd: tuple[str, ...] = ()


def meaning(
    texts: list[str], counts: np.ndarray | None = None, as_text: bool = False, decimal: str = "."
) -> Meaning:
    """Find what texts mean.

    Args:
        texts: the different texts of a column.
        counts: how often each occurs, by default equally often.
        as_text: take numbers as categories, too.
        decimal: mark.

    Example:
        >>> from lecturelib.datasets import labels
        >>> labels.meaning(["1,200", "$7", "?"]).values.tolist(), labels.meaning([" red", "blue"]).labels
        ([1200.0, 7.0, nan], ['red', 'blue'])
    """
    texts = [text.strip() for text in texts]
    given = [k for k, text in enumerate(texts) if text not in MISSING]
    if not as_text:
        numbers = [number(text, decimal) for text in texts]
        odd = {k: text for k, text in enumerate(texts) if numbers[k] is None and text not in MISSING}
        weights = np.ones(len(texts)) if counts is None else counts
        few = weights[list(odd)].sum() <= (1.0 - MOSTLY) * weights[given].sum()
        one = len(odd) == 1 and len(given) > MANY
        if len(odd) < len(given) and (few or one or all(text.lower() in WORDS for text in odd.values())):
            values = [np.nan if number is None else number for number in numbers]
            return Meaning(np.array(values, dtype=np.float64), [], odd=tuple(odd.values()))
        if given and all(DATE.fullmatch(texts[k]) for k in given):
            return Meaning(np.array([_days(text) for text in texts]), [], dates=True)
    known = list(dict.fromkeys(texts[k] for k in given))
    place = {text: float(k) for k, text in enumerate(known)}
    return Meaning(np.array([place.get(text, np.nan) for text in texts], dtype=np.float64), known)


def two_values(labels: list[str]) -> tuple[str, str]:
    """Of two labels the one that is 0 and the one that is 1: no and yes, or by the alphabet.

    >>> from lecturelib.datasets import labels
    >>> labels.two_values(["Yes", "No"])
    ('No', 'Yes')
    """
    first, second = sorted(labels)
    swapped = TRUE.get(first.lower().rstrip(".")) == second.lower().rstrip(".")
    return (second, first) if swapped else (first, second)


def bare(text: str) -> str:
    """A number's text without what banks, Fortran and typography put about it: $ €, D, 1'234, -0.5 in words.

    >>> from lecturelib.datasets import labels
    >>> [labels.bare(text) for text in ("$7", "1'234", "(0.45)", "5.1D+01")]
    ['7', '1234', '-0.45', '5.1e+01']
    """
    text = text.strip("$€£% ").replace("\N{MINUS SIGN}", "-")
    text = re.sub(r"^\(([\d.,' ]+)\)$", r"-\1", text)
    text = re.sub(r"(?<=\d)['\u2019 \u00a0\u202f](?=\d{3}(\D|$))", "", text)
    return re.sub(r"(?<=[\d.])[dD](?=[+-]?\d)", "e", text)


def number(text: str, decimal: str = ".") -> float | None:
    """The number that a text writes with this decimal mark, or None."""
    found = plain(bare(text), decimal)
    return None if found is None else float(found)


def _days(text: str) -> float:
    """Days since 1970 of an ISO date; NaN for others, whose order of day and month is not known."""
    date, time = re.sub(r"[/.]", "-", text[:10]), re.sub(r"(Z|[+-]\d\d:?\d\d)$", "", text[10:])
    try:
        return float(np.datetime64(date + time, "s").astype(int)) / 86_400
    except ValueError:
        return np.nan
