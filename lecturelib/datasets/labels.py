"""What the texts of a column mean: numbers, dates, or categories."""

import re
from dataclasses import dataclass, field

import numpy as np

from lecturelib.datasets.cells import DATE, MISSING, WORDS, number

MOSTLY = 0.9  # share of the values that are numbers, above which the others count as missing
MANY = 30  # different numbers, beside which a single text counts as missing however often it stands there
MOMENT = re.compile(
    r"(\d+)[-/.](\d+)[-/.](\d+)(?:[T ](\d+):(\d+)(?::(\d+(?:\.\d+)?))?(?: ?([AaPp])[Mm])?)?", re.A
)
MONTHS = re.compile(
    "jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?"
)
NAMED = re.compile(
    r"(?:(\d{1,2})[ -])?([A-Za-z]{3,9})[. -]+(?:(\d{1,2}),? +)?(\d{4})", re.A
)  # 1 Jan 2000, Jan 1 2000
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
        alike: "YES is yes" where texts differ in capitals only.
    """

    values: np.ndarray
    labels: list[str]
    dates: bool = False
    odd: tuple[str, ...] = ()
    alike: list[str] = field(default_factory=list)


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
            values = [np.nan if each is None else each for each in numbers]
            return Meaning(np.array(values, dtype=np.float64), [], odd=tuple(odd.values()))
        days = [_in_figures(text) for text in texts]
        if given and all(DATE.fullmatch(days[k]) for k in given):
            return Meaning(np.array(_days(days)), [], dates=True)
    often = np.argsort(-(np.ones(len(texts)) if counts is None else counts), kind="stable")
    leaders: dict[str, str] = {}
    for text in (texts[k] for k in often):
        leaders.setdefault(text if as_text else _alike(text), text)
    leader = {texts[k]: texts[k] if as_text else leaders[_alike(texts[k])] for k in given}
    known = list(dict.fromkeys(leader.values()))
    position = {text: float(k) for k, text in enumerate(known)}
    place = {text: position[one] for text, one in leader.items()}
    alike = [f"{text} is {one}" for text, one in leader.items() if text != one]
    found = np.array([place.get(text, np.nan) for text in texts], dtype=np.float64)
    return Meaning(found, known, alike=alike)


def _alike(text: str) -> str:
    """Equal for texts that differ in capitals only; single letters may be codes, but those of yes and no."""
    return text.casefold() if len(text) > 1 or text in "yntfYNTF" else text


def two_values(labels: list[str]) -> tuple[str, str]:
    """Of two labels the one that is 0 and the one that is 1: no and yes, or by the alphabet.

    >>> from lecturelib.datasets import labels
    >>> labels.two_values(["Yes", "No"])
    ('No', 'Yes')
    """
    first, second = sorted(labels)
    swapped = TRUE.get(first.lower().rstrip(".")) == second.lower().rstrip(".")
    return (second, first) if swapped else (first, second)


def _in_figures(text: str) -> str:
    """A month, or a date with the month's name, as year-month-day; any other text as it is."""
    if re.fullmatch(r"\d{4}-\d{2}", text, re.A):
        return f"{text}-01"
    found = NAMED.match(text)
    if found and MONTHS.fullmatch(name := found[2].lower()):
        month = [each[:3] for each in MONTHS.pattern.split("|")].index(name[:3]) + 1
        return f"{found[4]}-{month}-{found[1] or found[3] or 1}{text[found.end() :]}"
    return text


def _days(texts: list[str]) -> list[float]:
    """Days since 1970; NaN where no date of the column tells whether the day or the month stands first."""
    parts = [MOMENT.match(text) for text in texts]
    own = [part for part in parts if part and len(part[1]) < 4]
    first, second = (max((int(part[k]) for part in own), default=0) for k in (1, 2))
    order = (3, 2, 1) if first > 12 else (3, 1, 2) if second > 12 else ()
    return [_day(part, (1, 2, 3) if part and len(part[1]) == 4 else order) for part in parts]


def _day(part: re.Match | None, order: tuple[int, ...]) -> float:
    if part is None or not order:
        return np.nan
    year, month, day = (int(part[k]) for k in order)
    if len(part[order[0]]) == 2:
        year += 2000 if year < 70 else 1900
    hours, minutes, seconds = (float(part[k] or 0) for k in (4, 5, 6))
    if part[7]:
        hours = hours % 12 + 12 * (part[7] in "pP")
    try:
        whole = np.datetime64(f"{year:04d}-{month:02d}-{day:02d}").astype(int)
    except ValueError:  # such as a 31st of February
        return np.nan
    return float(whole) + (3600 * hours + 60 * minutes + seconds) / 86_400
