"""Values as JSON, arrays in base64: data that cannot run anything, which a pickle could."""

import base64
import json
import math
import re

import numpy as np

KINDS = "biuf"  # of arrays: truth values, integers and floats
_TYPE = re.compile(rf"[<>|=][{KINDS}]\d{{1,2}}")
DEPTH = 20  # of nested lists and dicts


class NotData(ValueError):
    """A value that does not cross: not numbers, text, None, arrays, or lists, tuples or dicts of these."""


def encode(value) -> str:
    """A value as text; JAX arrays become NumPy's, scalars of either become Python's numbers.

    Raises:
        NotData: anything else, named.

    >>> decode(encode({"risk": (1.5, np.arange(3)), "steps": np.int64(7)}))
    {'risk': (1.5, array([0, 1, 2])), 'steps': 7}
    """
    return json.dumps(_packed(value, 0))


def decode(text: str | bytes):
    """The value again.

    Raises:
        NotData: the text is not what `encode` writes; a student's process may send any.
    """
    try:
        return _unpacked(json.loads(text), 0)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise NotData(f"not a result: {type(error).__name__}") from None


def _packed(value, depth):
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
    if array.ndim == 0:
        return array.item()
    raw = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"array": [array.dtype.str, list(array.shape), raw]}


def _unpacked(value, depth):
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
        dtype, shape, raw = np.dtype(content[0]), content[1], base64.b64decode(content[2], validate=True)
        if math.prod(shape) * dtype.itemsize != len(raw):
            raise NotData("an array whose size does not fit")
        return np.frombuffer(raw, dtype).reshape(shape).copy()
    raise NotData("not a value")
