"""A claim of the lecture, checked: measured, expected, the tolerance and where it comes from.

A claim leaves one record, whose line says whether it holds. The line is stored in the notebook and compared,
word for word, each time the tests run it again. There, and wherever the environment has LECTURE_STRICT=1, a
false claim then raises, so that a notebook with a false sentence stops. A reader who explores reads that it
does not hold at these parameters, and goes on; `summary` says at the end which did.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lecturelib import badges, records
from lecturelib.badges import Claim
from lecturelib.records import number

__all__ = ["Claim", "ClaimFailed", "check", "number", "of_cell", "read", "strict", "summary"]

CLAIM = "application/vnd.lecturelib.claim+json"
STRICT = "LECTURE_STRICT"  # in the environment: 1 lets a false claim raise
MOST_ENTRIES = 200  # of an array that the record keeps whole
_EXACT = ("measured", "expected", "tolerance")
_checked: dict[str, Claim] = {}  # in this session, in order


class ClaimFailed(AssertionError):
    """A sentence of the lecture is not true of what was measured."""


def check(
    id: str,
    sentence: str,
    *,
    measured: ArrayLike,
    equals: ArrayLike | None = None,
    at_most: ArrayLike | None = None,
    at_least: ArrayLike | None = None,
    tolerance: ArrayLike = 0.0,
    because: str,
    setting: str = "",
    domain: str = "",
    stable: bool = True,
    record: bool = True,
) -> Claim:
    """Check one claim and leave its record.

    `measured` agrees if ``|measured - equals| <= tolerance``, measured <= at_most + tolerance, or
    measured >= at_least - tolerance, whichever of the three is given. Arrays are compared entry by entry.

    Args:
        id: the notebook's number and the claim's name, such as "08.test-error-rises".
        sentence: the claim, as a sentence a reader can disagree with.
        measured: number or array, in the unit of what it is compared with; NaN never agrees.
        equals: number or array that it should be; give exactly one of this and the next two.
        at_most: number or array that it should not exceed.
        at_least: number or array that it should reach.
        tolerance: number or array >= 0, same unit.
        because: where the tolerance comes from ("4 standard errors over 20 seeds", "float32 rounding").
        setting: what would change the verdict: data, noise, rate, batch, steps.
        domain: neighbouring settings at which it was tried, and the first at which it fails.
        stable: False for numbers of a chaotic training run, which move with the processor: they are printed
            after ≈, and the comparison with the stored output skips them. The verdict is always compared.
        record: False leaves no record and never raises: to show what a false claim looks like.

    Returns:
        The Claim.

    Raises:
        ValueError: the claim is not well formed.
        ClaimFailed: it is false, and `strict`.

    >>> from lecturelib import claims
    >>> _ = claims.check("04.half", "Heads come up half the time.", measured=0.496, equals=0.5,
    ...                  tolerance=0.02, because="4 errors")
    claim 04.half holds: Heads come up half the time. [measured 0.496, expected 0.500 within 0.020 (4 errors)]
    """
    records.check_id(id)
    if not sentence.strip() or not because.strip():
        raise ValueError(f"claim {id}: give a sentence, and in `because` where the tolerance comes from")
    three = {"expected": equals, "at most": at_most, "at least": at_least}
    given = {relation: value for relation, value in three.items() if value is not None}
    if len(given) != 1:
        raise ValueError(
            f"claim {id}: give exactly one of equals, at_most, at_least; got {list(given) or 'none'}"
        )
    ((relation, expected),) = given.items()
    numbers = [np.asarray(x, dtype=float) for x in (measured, expected, tolerance)]
    try:
        numbers = list(np.broadcast_arrays(*numbers))
    except ValueError:
        shapes = ", ".join(str(x.shape) for x in numbers)
        raise ValueError(f"claim {id}: measured, expected and tolerance have shapes {shapes}") from None
    if numbers[0].size == 0:
        raise ValueError(
            f"claim {id}: nothing was measured (an empty array); a claim needs at least one number"
        )
    if not (np.isfinite(numbers[2]).all() and (numbers[2] >= 0).all()):
        raise ValueError(f"claim {id}: tolerance={tolerance!r} must be finite and not negative")
    verdict, worst = _judged(relation, *(x.ravel() for x in numbers))
    closest = {name: float(x.flat[worst]) for name, x in zip(_EXACT, numbers, strict=True)}
    entries = numbers[0].size
    claim = Claim(
        id=id, sentence=sentence.strip(), relation=relation, because=because, entries=entries,
        stable=stable, verdict=verdict, setting=setting, domain=domain, **closest,
        each=tuple(numbers[0].ravel().tolist()) if 1 < entries <= MOST_ENTRIES else (),
    )  # fmt: skip
    if record:
        _leave(claim)
    return claim


def strict() -> bool:
    """Whether a false claim raises: whether LECTURE_STRICT in the environment is neither empty nor 0."""
    return os.environ.get(STRICT, "") not in ("", "0")


def _leave(claim: Claim) -> None:
    _checked.pop(claim.id, None)  # a cell that is run again
    _checked[claim.id] = claim
    exact = {name: getattr(claim, name) for name in _EXACT} | ({"each": claim.each} if claim.each else {})
    words = {name: value for name, value in asdict(claim).items() if name not in (*_EXACT, "each")}
    records.leave(CLAIM, claim.line, words, exact, badges.badge(claim))
    if not claim.verdict and strict():
        raise ClaimFailed(claim.line)


def _judged(
    relation: str, measured: np.ndarray, expected: np.ndarray, tolerance: np.ndarray
) -> tuple[bool, int]:
    """Whether all entries agree, and which of them comes closest to failing."""
    excess = {
        "expected": abs(measured - expected),
        "at most": measured - expected,
        "at least": expected - measured,
    }
    margin = tolerance - excess[relation]  # how far inside the tolerance; negative or NaN is a failure
    inside = np.where(np.isnan(margin), -math.inf, margin)
    # The first of those that rounding tells apart, or another processor would print another entry.
    rounding = np.nan_to_num(1e-3 * tolerance + 1e-9 * (abs(measured) + abs(expected)), posinf=0.0)
    return bool((margin >= 0).all()), int(np.argmax(inside <= inside.min() + rounding))


def of_cell(cell: Mapping[str, Any]) -> list[Claim]:
    """The claims that a cell has checked, in order.

    Args:
        cell: executed, as nbformat or json reads it.
    """
    return [
        Claim(
            **found
            | {n: float(found[n]) for n in _EXACT}
            | {"each": tuple(map(float, found.get("each", ())))}
        )
        for found in records.left(cell, CLAIM)
    ]


def read(notebook: Mapping[str, Any]) -> list[Claim]:
    """The claims that a notebook has checked, in order.

    Args:
        notebook: executed, as nbformat or json reads it.
    """
    return [claim for cell in notebook["cells"] for claim in of_cell(cell)]


def summary() -> None:
    """Show which of the claims that this session has checked hold; of those that do not, both numbers.

    >>> from lecturelib import claims
    >>> claims._checked.clear()
    >>> _ = claims.check("04.five", "Five is odd.", measured=5 % 2, equals=1, because="arithmetic")
    claim 04.five holds: Five is odd. [measured 1, expected 1 (arithmetic)]
    >>> claims.summary()
    1 of 1 claims holds
    """
    found = list(_checked.values())
    false = [claim for claim in found if not claim.verdict]
    held = len(found) - len(false)
    text = f"{held} of {len(found)} claims hold{'s' if held == 1 else ''}"
    records.show("\n".join([text, *(claim.line for claim in false)]), badges.summary(text, found))
