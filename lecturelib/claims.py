"""A claim of the lecture, checked: measured, expected, the tolerance and where it comes from.

A claim that holds prints one line; a claim that fails raises, so that a notebook with a false sentence stops.
The line is stored in the notebook and compared, word for word, each time the tests run it again.
"""

import math
import re
from dataclasses import dataclass

import numpy as np

_ID = re.compile(r"\d\d\.[a-z0-9]+(-[a-z0-9]+)*")
LINE = re.compile(rf"^claim ({_ID.pattern}) holds: ", re.MULTILINE)


class ClaimFailed(AssertionError):
    """A sentence of the lecture is not true of what was measured."""


@dataclass(frozen=True)
class Claim:
    """One checked claim; of an array, the entry that came closest to failing (or failed worst)."""

    id: str
    sentence: str
    measured: float
    relation: str
    expected: float
    tolerance: float
    because: str
    entries: int = 1
    stable: bool = True

    def _ipython_display_(self) -> None:
        """Nothing: `check` has printed its line, and nbval's kernel shows a value in spite of a semicolon."""

    def __str__(self) -> str:
        show = {"error": self.tolerance or None, "stable": self.stable}
        measured, expected = number(self.measured, **show), number(self.expected, **show)
        text = f"measured {measured}, {self.relation} {expected}"
        if self.tolerance:
            text += f" within {number(self.tolerance, digits=2, stable=self.stable)} ({self.because})"
        else:
            text += f" ({self.because})"
        return f"closest of {self.entries}: {text}" if self.entries > 1 else text


def check(
    id, sentence, *, measured, equals=None, at_most=None, at_least=None, tolerance=0.0, because, stable=True
) -> Claim:
    """Check one claim, print it as one line, and raise ClaimFailed if it is false.

    `measured` agrees if |measured - equals| <= tolerance, measured <= at_most + tolerance, or
    measured >= at_least - tolerance, whichever of the three is given. Arrays are compared entry by entry.

    Args:
        id: the notebook's number and the claim's name, such as "08.test-error-rises".
        sentence: the claim, as a sentence a reader can disagree with.
        measured: number or array, in the unit of what it is compared with; NaN never agrees.
        equals, at_most, at_least: number or array; give exactly one.
        tolerance: number or array >= 0, same unit.
        because: where the tolerance comes from ("4 standard errors over 20 seeds", "float32 rounding").
        stable: False for numbers of a chaotic training run, which move with the processor: they are printed
            after ≈, and the comparison with the stored output skips them. The verdict is always compared.

    Returns:
        The Claim.

    Raises:
        ValueError: the claim is not well formed. ClaimFailed: it is false.

    >>> _ = check("04.half", "Heads come up half the time.", measured=0.496, equals=0.5,
    ...           tolerance=0.02, because="4 errors")
    claim 04.half holds: Heads come up half the time. [measured 0.496, expected 0.500 within 0.020 (4 errors)]
    """
    if not _ID.fullmatch(str(id)):
        raise ValueError(
            f"id={id!r}: write the notebook's two digits, a dot and words-with-hyphens, 08.like-this"
        )
    if not sentence.strip() or not because.strip():
        raise ValueError(f"claim {id}: give a sentence, and in `because` where the tolerance comes from")
    given = {"expected": equals, "at most": at_most, "at least": at_least}
    given = {relation: value for relation, value in given.items() if value is not None}
    if len(given) != 1:
        raise ValueError(
            f"claim {id}: give exactly one of equals, at_most, at_least; got {list(given) or 'none'}"
        )
    ((relation, expected),) = given.items()
    measured, expected, tolerance = (np.asarray(x, dtype=float) for x in (measured, expected, tolerance))
    try:
        measured, expected, tolerance = np.broadcast_arrays(measured, expected, tolerance)
    except ValueError:
        shapes = f"{measured.shape}, {expected.shape}, {tolerance.shape}"
        raise ValueError(f"claim {id}: measured, expected and tolerance have shapes {shapes}") from None
    if measured.size == 0:
        raise ValueError(
            f"claim {id}: nothing was measured (an empty array); a claim needs at least one number"
        )
    if not (np.isfinite(tolerance).all() and (tolerance >= 0).all()):
        raise ValueError(f"claim {id}: tolerance={tolerance} must be finite and not negative")

    excess = {
        "expected": abs(measured - expected),
        "at most": measured - expected,
        "at least": expected - measured,
    }
    margin = tolerance - excess[relation]  # how far inside the tolerance; negative or NaN is a failure
    inside = np.where(np.isnan(margin), -math.inf, margin).ravel()
    # The first of those that rounding tells apart, or another processor would print another entry.
    rounding = np.nan_to_num(1e-3 * tolerance + 1e-9 * (abs(measured) + abs(expected)), posinf=0.0)
    worst = int(np.argmax(inside <= inside.min() + rounding.ravel()))
    entry = (float(x.flat[worst]) for x in (measured, expected, tolerance))
    value, target, allowed = entry
    claim = Claim(id, sentence.strip(), value, relation, target, allowed, because, margin.size, stable)
    if not (margin >= 0).all():
        raise ClaimFailed(
            f"claim {id} fails: {claim.sentence} [{claim}; exactly: "
            f"measured {value!r}, {relation} {target!r}, tolerance {allowed!r}]"
        )
    print(f"claim {id} holds: {claim.sentence} [{claim}]")
    return claim


def number(value, error=None, *, digits=3, stable=True) -> str:
    """A number as text, rounded to what its error allows.

    Args:
        value: the number.
        error: its standard error or tolerance, same unit; the last digit printed is the error's second.
        digits: significant digits where no error is given.
        stable: False marks, with ≈, a number that moves with the processor.

    >>> number(0.123456, 0.002), number(1234.5), number(12, stable=False), number(float("inf"))
    ('0.1235', '1,230', '≈12', 'inf')
    """
    value = float(value)
    if not math.isfinite(value):
        text = str(value)
    elif error is None and value == int(value) and abs(value) < 1e15:
        text = f"{int(value):,}"
    else:
        scale = abs(value) if error is None else abs(float(error))
        leading = math.floor(math.log10(scale)) if scale > 0 and math.isfinite(scale) else 0
        decimals = -leading + (digits - 1 if error is None else 1)
        if value != 0 and (not 1e-4 <= abs(value) < 1e15 or decimals > 12):
            digits = math.floor(math.log10(abs(value))) + decimals
            text = f"{value:.{min(max(0, digits), 16)}e}"
        else:
            text = f"{round(value, decimals) + 0.0:,.{max(0, decimals)}f}"
    return text if stable else f"≈{text}"
