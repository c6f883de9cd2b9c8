"""What most functions check of their arguments, in the same words: name, value, what to pass instead."""

import math

import numpy as np


def check_array(name, value, ndim):
    """Return value as a read-only float64 array of that many dimensions, or raise ValueError."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = {value!r} is not a dense array of real numbers; pass one") from None
    if array.ndim != ndim or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; pass a nonempty array of {ndim} dimension(s)")
    if not np.all(np.isfinite(array)):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} has the value {array[where]} at {where}; remove or impute such entries")
    array.setflags(write=False)
    return array


def as_number(value):
    """The float that value is, or nan for everything that is not one real number."""
    if isinstance(value, (bool, np.bool_, str, bytes)) or np.ndim(value):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def check_nonnegative(name, value, at_least=0.0):
    """Return value as a float, or raise ValueError unless it is a finite number of at least `at_least`."""
    number = as_number(value)
    if not at_least <= number < math.inf:
        raise ValueError(f"{name} = {value!r} is refused; pass one finite number, {at_least:g} or more")
    return number


def check_count(name, value, at_least=1):
    """Return value as an int, or raise ValueError unless it is a whole number of at least `at_least`."""
    number = as_number(value)
    if not (at_least <= number < 2**63 and number.is_integer()):
        raise ValueError(f"{name} = {value!r} is refused; pass a whole number, {at_least} or more")
    return int(value)
