"""A periodic game in one dimension on which Adam may walk the wrong way: its exact drift.

The gradient is C in the first round of every period of P rounds and -1 in the other P - 1. If C > P - 1 the
sum over a period is positive, and the best point of an interval is its left end. Adam's averages become
periodic too, and can be summed by hand. In round r = 1...P of a period ::

    m_r = -1 + (C + 1) (1 - b1) b1^(r-1) / (1 - b1^P)
    v_r =  1 + (C^2 - 1) (1 - b2) b2^(r-1) / (1 - b2^P)

and in learning rates the point moves by -sum_r m_r / sqrt(v_r) a period: its drift. The rare large gradient
is divided by its own large square; the many small ones are not, once it is forgotten.

Source: S. Reddi, S. Kale, S. Kumar, On the convergence of Adam and beyond, ICLR (2018), sections 3 and 5.
"""

import numpy as np
from scipy.optimize import brentq

from lecturelib.checks import check_between, check_count


def adam_drift(large: float, period: int, *, b1: float = 0.0, b2: float) -> float:
    """Adam's way a period, in learning rates, once its averages are periodic; positive is the wrong way.

    Args:
        large: C, the rare gradient, above period - 1.
        period: P, 2 rounds or more.
        b1: Adam's decay of the gradients, from 0 to below 1.
        b2: Adam's decay of their squares, from 0 to below 1.

    Raises:
        ValueError: if an argument is outside its range.

    >>> from lecturelib.adaptive import drift
    >>> round(drift.adam_drift(3, 3, b2=0.1), 8), round(drift.adam_drift(3, 3, b2=0.9), 8)
    (0.6809496, -0.44310722)
    """
    m, v = _moments(large, period, b1, b2)
    return float(-(m / np.sqrt(v)).sum())


def amsgrad_drift(large: float, period: int, *, b1: float = 0.0, b2: float) -> float:
    """AMSGrad's way a period, in learning rates: -(C - (P - 1)) / sqrt(largest v), always the right way.

    The denominator is the same in every round, so the m_r, whose sum is that of the gradients, are added up
    without weights. Arguments and errors are those of `adam_drift`.

    >>> from lecturelib.adaptive import drift
    >>> round(drift.amsgrad_drift(101, 101, b1=0.9, b2=0.99), 8)
    -0.0788189
    """
    m, v = _moments(large, period, b1, b2)
    return float(-m.sum() / np.sqrt(v.max()))


def length_of_way(large: float, period: int, *, b1: float = 0.0, b2: float) -> float:
    """Adam's steps of a period added up without their signs, ``sum_r |m_r| / sqrt(v_r)``, in learning rates.

    Arguments and errors are those of `adam_drift`; rounding moves the drift by a part of this.

    >>> from lecturelib.adaptive import drift
    >>> round(drift.length_of_way(3, 3, b2=0.9), 2)
    2.58
    """
    m, v = _moments(large, period, b1, b2)
    return float((np.abs(m) / np.sqrt(v)).sum())


def switch(large: float, period: int, *, b1: float = 0.0) -> float:
    """The b2 at which Adam's drift changes sign: below it Adam walks the wrong way, above it the right way.

    Args:
        large: as for `adam_drift`.
        period: as for `adam_drift`.
        b1: as for `adam_drift`.

    Raises:
        ValueError: if an argument is outside its range, or the sign is the same at b2 = 0 and near 1.

    >>> from lecturelib.adaptive import drift
    >>> round(drift.switch(3, 3), 8)
    0.47231314
    """

    def drift(b2: float) -> float:
        return adam_drift(large, period, b1=b1, b2=b2)

    ends = 0.0, 1 - 1e-9
    if not drift(ends[0]) > 0 > drift(ends[1]):
        raise ValueError(
            f"large = {large}, period = {period}, b1 = {b1}: the drift is {drift(ends[0]):.3g} at b2 = 0 and"
            f" {drift(ends[1]):.3g} near 1, so it has no switch between; try a smaller b1 or a longer period"
        )
    return float(brentq(drift, *ends, xtol=1e-13))


def _moments(large: float, period: int, b1: float, b2: float) -> tuple[np.ndarray, np.ndarray]:
    """m_r and v_r of every round of a period, shape (P,) each."""
    period = check_count("period", period, at_least=2)
    check_between("large", large, period - 1, np.inf, ends="()")
    check_between("b1", b1, 0, 1, ends="[)")
    check_between("b2", b2, 0, 1, ends="[)")
    before = np.arange(period)  # rounds since the large gradient
    m = -1 + (large + 1) * (1 - b1) * b1**before / (1 - b1**period)
    v = 1 + (large**2 - 1) * (1 - b2) * b2**before / (1 - b2**period)
    return m, v
