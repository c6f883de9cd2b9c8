"""A periodic game in one dimension on which Adam may walk the wrong way: its exact drift.

The gradient is C in the first round of every period of P rounds and -1 in the other P - 1. If C > P - 1 the
sum over a period is positive, and the best point of an interval is its left end. Adam's averages become
periodic too, and can be summed by hand. In round r = 1...P of a period

    m_r = -1 + (C + 1) (1 - b1) b1^(r-1) / (1 - b1^P)
    v_r =  1 + (C^2 - 1) (1 - b2) b2^(r-1) / (1 - b2^P)

and in learning rates the point moves by -sum_r m_r / sqrt(v_r) a period: its drift. The rare large gradient
is divided by its own large square; the many small ones are not, once it is forgotten.

Source: S. Reddi, S. Kale, S. Kumar, On the convergence of Adam and beyond, ICLR (2018), sections 3 and 5.
"""

import operator

import numpy as np
from scipy.optimize import brentq


def adam_drift(large: float, period: int, *, b1: float = 0.0, b2: float) -> float:
    """Adam's way a period, in learning rates, once its averages are periodic; positive is the wrong way.

    Args:
        large: C, the rare gradient, above period - 1. period: P >= 2.
        b1, b2: decays of Adam, from 0 to below 1.

    Raises:
        ValueError: arguments that are not as said.

    >>> round(adam_drift(3, 3, b2=0.1), 8), round(adam_drift(3, 3, b2=0.9), 8)
    (0.6809496, -0.44310722)
    """
    m, v = _moments(large, period, b1, b2)
    return float(-(m / np.sqrt(v)).sum())


def amsgrad_drift(large: float, period: int, *, b1: float = 0.0, b2: float) -> float:
    """AMSGrad's way a period, in learning rates: -(C - (P - 1)) / sqrt(largest v), always the right way.

    Arguments and errors as for `adam_drift`. The denominator is the same in every round, so the m_r, whose
    sum is that of the gradients, are added up without weights.

    >>> round(amsgrad_drift(101, 101, b1=0.9, b2=0.99), 8)
    -0.0788189
    """
    m, v = _moments(large, period, b1, b2)
    return float(-m.sum() / np.sqrt(v.max()))


def length_of_way(large: float, period: int, *, b1: float = 0.0, b2: float) -> float:
    """Adam's steps of a period added up without their signs, sum_r |m_r| / sqrt(v_r), in learning rates.

    Arguments and errors as for `adam_drift`; rounding moves the drift by a part of this.

    >>> round(length_of_way(3, 3, b2=0.9), 2)
    2.58
    """
    m, v = _moments(large, period, b1, b2)
    return float((np.abs(m) / np.sqrt(v)).sum())


def switch(large: float, period: int, *, b1: float = 0.0) -> float:
    """The b2 at which Adam's drift changes sign: below it Adam walks the wrong way, above it the right way.

    Args:
        large, period, b1: as for `adam_drift`.

    Raises:
        ValueError: arguments that are not as said, or no change of sign between b2 = 0 and 1.

    >>> round(switch(3, 3), 8)
    0.47231314
    """

    def drift(b2):
        return adam_drift(large, period, b1=b1, b2=b2)

    ends = 0.0, 1 - 1e-9
    if not drift(ends[0]) > 0 > drift(ends[1]):
        raise ValueError(
            f"large = {large}, period = {period}, b1 = {b1}: the drift is {drift(ends[0]):.3g} at b2 = 0 and"
            f" {drift(ends[1]):.3g} near 1, so it has no switch between; try a smaller b1 or a longer period"
        )
    return float(brentq(drift, *ends, xtol=1e-13))


def uncorrected_step(t, *, b1: float = 0.9, b2: float = 0.999) -> np.ndarray:
    """Adam's step t = 1, 2, ... on a constant gradient without bias correction, in learning rates:

        (1 - b1^t) / sqrt(1 - b2^t)

    With bias correction it is 1 at every t.

    Args:
        t: whole numbers, 1 or more, any shape. b1, b2: decays, from 0 to below 1.

    Raises:
        ValueError: arguments that are not as said.

    >>> round(float(uncorrected_step(1)), 8), round(float(uncorrected_step(np.arange(1, 100)).max()), 8)
    (3.16227766, 6.56852025)
    """
    t = np.asarray(t, dtype=float)
    if t.size == 0 or not (t >= 1).all():
        raise ValueError(f"t = {t!r}: steps are counted from 1")
    _check_decays(b1, b2)
    return (1 - b1**t) / np.sqrt(1 - b2**t)


def _moments(large, period, b1, b2):
    """m_r and v_r of every round of a period, shape (P,) each."""
    try:
        period = operator.index(period)
    except TypeError:
        raise ValueError(f"period = {period!r} is refused; pass a whole number, 2 or more") from None
    if period < 2 or not period - 1 < large < np.inf:
        raise ValueError(f"large = {large}, period = {period}: need period >= 2 and large > period - 1")
    _check_decays(b1, b2)
    before = np.arange(period)  # rounds since the large gradient
    m = -1 + (large + 1) * (1 - b1) * b1**before / (1 - b1**period)
    v = 1 + (large**2 - 1) * (1 - b2) * b2**before / (1 - b2**period)
    return m, v


def _check_decays(b1, b2):
    for name, decay in (("b1", b1), ("b2", b2)):
        if not 0 <= decay < 1:
            raise ValueError(f"{name} = {decay!r} is refused; pass a number from 0 to below 1")
