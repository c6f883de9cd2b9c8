"""Values as JSON, arrays in base64: data that cannot run anything, which a pickle could."""

import base64
import json
import math
import re
from typing import Any

import numpy as np

KINDS = "biuf"  # of arrays: truth values, integers and floats
_TYPE = re.compile(rf"[<>|=][{KINDS}]\d{{1,2}}")
DEPTH = 20  # of nested lists and dicts
DIMENSIONS = 8
ENTRIES = 2**24  # of an array, where a dimension of 0 counts as 1; a reply holds no more
WHOLE = 2**62  # what the whole numbers of a reply may add up to, signs left out: no sum or difference wraps


class NotData(ValueError):
    """A value that does not cross: not numbers, text, None, arrays, or lists, tuples or dicts of these."""


def encode(value: Any) -> str:
    """A value as text; JAX arrays become NumPy's, scalars of either become Python's numbers.

    Raises:
        NotData: anything else, named.

    >>> import numpy as np
    >>> from workshop.grading.inside import transfer
    >>> transfer.decode(transfer.encode({"risk": (1.5, np.arange(3)), "steps": np.int64(7)}))
    {'risk': (1.5, array([0, 1, 2])), 'steps': 7}
    """
    return json.dumps(_packed(value, 0))


class TooLarge(NotData):
    """Whole numbers with which a check cannot compute."""


def decode(text: str | bytes) -> Any:
    """The value again.

    Raises:
        NotData: the text is not what `encode` writes; a student's process may send any.
    """
    try:
        return _unpacked(json.loads(text), 0)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise NotData(f"not a result: {type(error).__name__}") from None


def decode_reply(text: str | bytes) -> Any:
    """What a student's process sent, in the types with which the grader computes.

    Arrays of whole numbers become int64, those of floats float64, whatever the student's were: an unsigned
    difference or a sum that wraps would be computed in the student's favour.

    Raises:
        NotData: as in `decode`.
        TooLarge: sums of its whole numbers would wrap all the same.

    >>> from workshop.grading.inside import transfer
    >>> transfer.decode_reply(transfer.encode(np.arange(3, dtype=np.uint8))).dtype
    dtype('int64')
    """
    value = _widened(decode(text))
    try:
        too_large = _whole(value) >= WHOLE
    except OverflowError:  # one that is too large for a float
        too_large = True
    if too_large:
        raise TooLarge("whole numbers too large to add up")
    return value


def _widened(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_widened(v) for v in value)
    if isinstance(value, dict):
        return {key: _widened(v) for key, v in value.items()}
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind == "b":  # of which any byte may have come, as a sum would show
        return value.view(np.uint8) != 0
    if value.dtype.kind == "u" and value.size and value.max() > np.iinfo(np.int64).max:
        raise TooLarge("whole numbers beyond 64 bits")
    return value.astype(np.float64 if value.dtype.kind == "f" else np.int64)


def _whole(value: Any) -> float:
    """The whole numbers of a value added up without their signs."""
    if isinstance(value, dict):
        return sum(_whole(v) for v in value.values())
    if isinstance(value, list | tuple):
        return sum(_whole(v) for v in value)
    if isinstance(value, np.ndarray):
        return float(np.abs(value.astype(np.float64)).sum()) if value.dtype.kind == "i" else 0
    return abs(value) if isinstance(value, int) else 0


def _packed(value: Any, depth: int) -> Any:
    if depth > DEPTH:
        raise NotData(f"lists nested more than {DEPTH} deep")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return {"tuple": [_packed(v, depth + 1) for v in value]}
    if isinstance(value, list):
        return [_packed(v, depth + 1) for v in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise NotData("a dict whose keys are not text")
        return {"dict": {key: _packed(v, depth + 1) for key, v in value.items()}}
    if not hasattr(value, "__array__"):
        raise NotData(f"a value of type {type(value).__name__}")
    array = np.asarray(value)
    if array.dtype.kind not in KINDS:
        raise NotData(f"an array of type {array.dtype}")
    if array.ndim == 0:  # a long double, for one, would remain one
        return {"b": bool, "f": float}.get(array.dtype.kind, int)(array)
    raw = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"array": [array.dtype.str, list(array.shape), raw]}


def _unpacked(value: Any, depth: int) -> Any:
    if depth > DEPTH:
        raise NotData("nested too deep")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_unpacked(v, depth + 1) for v in value]
    ((kind, content),) = value.items()
    if kind == "tuple":
        return tuple(_unpacked(v, depth + 1) for v in content)
    if kind == "dict":
        return {key: _unpacked(v, depth + 1) for key, v in content.items()}
    if kind == "array":
        if not _TYPE.fullmatch(content[0]) or not all(type(n) is int and n >= 0 for n in content[1]):
            raise NotData("not an array")
        if len(content[1]) > DIMENSIONS or math.prod(n or 1 for n in content[1]) > ENTRIES:
            raise NotData("an array of more than a reply can hold")
        dtype, shape, raw = np.dtype(content[0]), content[1], base64.b64decode(content[2], validate=True)
        if math.prod(shape) * dtype.itemsize != len(raw):
            raise NotData("an array whose size does not fit")
        return np.frombuffer(raw, dtype).reshape(shape).copy()
    raise NotData("not a value")
