"""What most functions check of their arguments, in the same words: name, value, what to pass instead."""

import itertools
import math
import re
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def check_array(
    name: str, value: ArrayLike, ndim: int, length: int | None = None, *, at_least: float = -math.inf
) -> np.ndarray:
    """Return value as a read-only float64 array of that many dimensions (and length), or raise ValueError.

    No entry may be less than `at_least`.
    """
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = {value!r} is not a dense array of real numbers; pass one") from None
    if array.ndim != ndim or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; pass a nonempty array of {ndim} dimension(s)")
    if length is not None and len(array) != length:
        raise ValueError(f"{name} has shape {array.shape}; pass {length} entries, one for each dimension")
    if not np.all(np.isfinite(array)):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} has the value {array[where]} at {where}; remove or impute such entries")
    if np.min(array) < at_least:
        raise ValueError(f"{name} has the entry {np.min(array):g}; pass none below {at_least:g}")
    array.setflags(write=False)
    return array


def as_number(value: Any) -> float:
    """The float that value is, or nan for everything that is not one real number."""
    if isinstance(value, bool | np.bool_ | str | bytes) or np.ndim(value):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def check_nonnegative(name: str, value: Any, at_least: float = 0.0) -> float:
    """Return value as a float, or raise ValueError unless it is a finite number of at least `at_least`."""
    number = as_number(value)
    if not at_least <= number < math.inf:
        raise ValueError(f"{name} = {value!r} is refused; pass one finite number, {at_least:g} or more")
    return number


def check_positive(name: str, value: Any) -> float:
    """Return value as a float, or raise ValueError unless it is a finite number above 0."""
    number = as_number(value)
    if not 0.0 < number < math.inf:
        raise ValueError(f"{name} = {value!r} is refused; pass one finite number above 0")
    return number


def check_between(name: str, value: Any, low: float, high: float, *, ends: str = "[]") -> float:
    """Return value as a float, or raise ValueError unless it lies between low and high.

    `ends` says, with square brackets or round ones, which of the two may be reached.
    """
    number = as_number(value)
    above = number >= low if ends[0] == "[" else number > low
    below = number <= high if ends[1] == "]" else number < high
    if not (above and below):
        inside = f"{ends[0]}{low:g}, {high:g}{ends[1]}"
        raise ValueError(f"{name} = {value!r} is refused; pass one number in {inside}")
    return number


def check_count(name: str, value: Any, at_least: int = 1, at_most: int = 2**63 - 1) -> int:
    """Return value as an int, or raise ValueError unless it is a whole number in this range."""
    number = as_number(value)
    if not (at_least <= number < 2**63 and number <= at_most and number.is_integer()):
        said = f"{at_least} or more" if at_most >= 2**63 - 1 else f"{at_least} to {at_most}"
        raise ValueError(f"{name} = {value!r} is refused; pass a whole number, {said}")
    return int(value)


def check_choice(name: str, value: Any, choices: Collection[str]) -> str:
    """Return value, or raise ValueError unless it is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} = {value!r} is refused; pass one of {', '.join(choices)}")
    return value


def check_distribution(name: str, value: ArrayLike) -> np.ndarray:
    """Return value as a read-only float64 array of probabilities, or raise ValueError unless they add up."""
    chances = check_array(name, value, 1)
    if np.min(chances) < 0.0 or abs(chances.sum() - 1.0) > 1e-9:
        raise ValueError(f"{name} = {value!r} is refused; pass probabilities, 0 or more, that add up to 1")
    return chances


_RANGE = re.compile(
    r"(above )?(-?[\d,]+(?:\.\d+)?) (?:or more|to (-?[\d,]+(?:\.\d+)?))( each)?(, increasing)?"
)


def parameter(name: str, value: Any, choose: str) -> None:
    """Refuse a value of a notebook's parameter that is outside its range, and say what to choose.

    Args:
        name: of the parameter.
        value: a number, or a list of them if the range says "each".
        choose: the range, in the words of the parameter's comment: "2 to 40,000", "above 0.0 to 4.0", "0 or
            more", "1 to 512 each, increasing". Bounds without a point are for whole numbers.

    Raises:
        ValueError: the value is outside, or text, as papermill's -p passes a list; or the range is written
            otherwise.

    >>> from lecturelib import checks
    >>> checks.parameter("rates", [0.1, 0.3], "above 0.0 to 4.0 each, increasing")
    >>> checks.parameter("draws", 10, "100 to 40,000")
    Traceback (most recent call last):
        ...
    ValueError: draws = 10 is refused; choose 100 to 40,000
    """
    found = _RANGE.fullmatch(choose)
    if not found:
        raise ValueError(f"the range {choose!r} of {name} is not of the form '2 to 40,000' or '0 or more'")
    above, low, high, each, increasing = found.groups()
    if isinstance(value, str):
        kind, example = ("a list", "[1, 8]") if each else ("a number", "8")
        raise ValueError(
            f"{name} = {value!r} is refused; choose {choose}: it is text, not {kind}, as papermill's -p"
            f' passes it; write -y "{name}: {example}"'
        )
    least, most = (float(bound.replace(",", "")) if bound else math.inf for bound in (low, high))
    values = [as_number(part) for part in (value if each and isinstance(value, list) else [value])]
    inside = [(least < x if above else least <= x) and x <= most and x < math.inf for x in values]
    whole = "." in low or all(x.is_integer() for x in values)
    ordered = not increasing or all(a < b for a, b in itertools.pairwise(values))
    require(bool(values) and all(inside) and whole and ordered, name, value, choose)


def require(holds: bool, name: str, value: Any, choose: str) -> None:
    """Refuse a value of a notebook's parameter that does not fit the others, and say what to choose.

    Args:
        holds: whether it fits.
        name: of the parameter.
        value: of it.
        choose: what to choose, in words.

    >>> from lecturelib import checks
    >>> steps, largest = 16, 64
    >>> checks.require(largest <= steps, "steps", steps, f"at least the largest batch size, {largest}")
    Traceback (most recent call last):
        ...
    ValueError: steps = 16 is refused; choose at least the largest batch size, 64
    """
    if not holds:
        raise ValueError(f"{name} = {value!r} is refused; choose {choose}")
