"""The one way in which tests compare numbers: every tolerance says where it comes from.

ruff refuses `pytest.approx`, `numpy.allclose`, `numpy.isclose`, `math.isclose` and `assert_allclose` in the
tests (banned-api in pyproject.toml), for each takes a tolerance that nothing derives.
"""

import numpy as np

FLOAT32, FLOAT64 = float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps)


def agree(
    measured, expected, *, standard_error=None, rounding=None, relative=None, factor=4.0, normwise=False
) -> None:
    """Assert that numbers, arrays or nested lists of one shape agree, entry by entry.

        |measured - expected| <= factor * standard_error,  or <= rounding,  or <= relative * |expected|

    Args:
        measured, expected: of one shape, or expected a number. An infinity agrees with itself, NaN with NaN.
        standard_error: of `measured`, from its own runs or known from theory; same shape or a number.
        rounding: absolute bound on what rounding, or a printed number's last digit, may do. It must be less
            than a tenth of `expected` where that is not zero, and at most 1e-5 where it is.
        relative: the same as a share of `expected`, at most 1e-2; entries that are zero must then be zero.
        factor: standard errors allowed, 3 to 6.
        normwise: `rounding` is held against the largest entry of `expected`, as errors of vectors are.

    Raises:
        AssertionError: they do not agree; it names the worst entry.
        TypeError: not exactly one of standard_error, rounding, relative; or one that could not fail.
    """
    given = [value for value in (standard_error, rounding, relative) if value is not None]
    if len(given) != 1:
        raise TypeError("give one of standard_error, rounding, relative: where the tolerance comes from")
    measured, expected = np.asarray(measured), np.asarray(expected)
    if expected.ndim and measured.shape != expected.shape:
        raise AssertionError(f"shapes {measured.shape} and {expected.shape}")
    size, finite = np.abs(expected), np.isfinite(expected)
    if normwise and finite.any():
        size = np.broadcast_to(np.max(size, where=finite, initial=0.0), size.shape)
    if standard_error is not None:
        if not 3.0 <= factor <= 6.0:
            raise TypeError(f"factor = {factor}: 3 to 6 standard errors")
        allowed = factor * np.asarray(standard_error, dtype=float)
    elif relative is not None:
        if not np.all(np.asarray(relative) <= 1e-2):
            raise TypeError(f"relative = {relative} could not fail; at most 1e-2")
        allowed = relative * np.where(finite, size, 0.0)
    else:
        allowed = np.asarray(rounding, dtype=float)
        widest = np.where(size > 0, 0.1 * size, 1e-5)
        if np.any(np.broadcast_arrays(allowed >= widest, finite)[0] & finite):
            raise TypeError(f"rounding = {rounding} is a tenth of what is expected, or more")
    same = (measured == expected) | ((measured != measured) & (expected != expected))
    with np.errstate(invalid="ignore"):
        difference = np.where(same, 0.0, np.abs(measured - expected))
    excess = np.where(np.isnan(difference), np.inf, difference) - allowed
    if not np.all(excess <= 0):
        worst = np.unravel_index(np.argmax(excess), np.shape(excess))
        at = f" at {tuple(map(int, worst))}" if worst else ""
        wanted = np.broadcast_to(expected, np.shape(excess))[worst]
        bound = np.broadcast_to(allowed, np.shape(excess))[worst]
        got = np.broadcast_to(measured, np.shape(excess))[worst]
        raise AssertionError(f"{got!r} is not {wanted!r} within {bound:.3g}{at}")
