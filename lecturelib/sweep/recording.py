"""What a notebook records for the table of a sweep: a display of a MIME type of its own.

The words of a record are data, its exact value is metadata. So the comparison of a notebook with its stored
outputs, which skips metadata and numbers after ≈, holds the name and the kind of each record and leaves the
last digits, which move with the processor, alone. A reader sees one line.
"""

import math
import re

import numpy as np
from IPython import get_ipython
from IPython.display import display

from lecturelib import claims

MIME = "application/vnd.lecturelib.record+json"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_KINDS = {"float": float, "int": int, "bool": lambda text: text == "True", "str": str}


def record(name: str, value) -> None:
    """Record one value of this run; it becomes a column of the sweep's table.

    Recorded twice under one name, the last value counts. Outside of a sweep it only shows its line.

    Args:
        name: letters, digits and underscores, starting with a letter.
        value: one number (also a NumPy or JAX scalar; NaN and infinity are kept), truth value or text.

    Raises:
        ValueError: another name or value.

    >>> record("steps", 12)
    recorded steps ≈12
    >>> record("diverged", False)
    recorded diverged False
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"name={name!r}: use letters, digits and underscores, starting with a letter")
    if not isinstance(value, str):
        array = np.asarray(None if isinstance(value, list | tuple | dict) else value)
        if array.ndim or array.dtype.kind not in "biuf":
            raise ValueError(
                f"record({name!r}, ...): {str(value)[:60]} is a {type(value).__name__}; record one number,"
                " truth value or text a name, and of an array the entries to compare, each under its own name"
            )
        value = array.item()
    kind = type(value).__name__
    if kind == "int" and not -(2**63) <= value < 2**63:
        raise ValueError(f"record({name!r}, {value}): beyond 64 bits; record it as a float")
    shown = claims.number(value, stable=False) if kind in ("int", "float") else value
    text = f"recorded {name} {shown}"
    if get_ipython() is None:
        print(text)
        return
    data = {MIME: {"name": name, "kind": kind}, "text/plain": text}
    display(data, raw=True, metadata={MIME: {"value": repr(value) if kind == "float" else str(value)}})


def recorded(notebook) -> dict:
    """The values that an executed notebook recorded, name -> value, in order.

    Args:
        notebook: as read by nbformat.
    """
    values = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if MIME in output.get("data", {}):
                said = output["data"][MIME]
                values.pop(said["name"], None)
                values[said["name"]] = _KINDS[said["kind"]](output["metadata"][MIME]["value"])
    return values


_CLAIM = re.compile(rf"{claims.LINE.pattern}.*\[(?:closest of \d+: )?measured ≈?(\S+), ", re.MULTILINE)


def measured(notebook) -> dict[str, float]:
    """What each claim that held measured, id -> number, rounded as its line prints it.

    Args:
        notebook: executed, as read by nbformat.
    """
    outputs = (o for cell in notebook.cells for o in cell.get("outputs", []))
    text = "\n".join(o.get("text", "") for o in outputs)
    return {match[1]: float(match[match.lastindex].replace(",", "")) for match in _CLAIM.finditer(text)}


def is_number(value) -> bool:
    """Whether a value can be drawn: a finite number, truth values not counted.

    >>> [is_number(v) for v in (1, 0.5, float("nan"), True, "1", None)]
    [True, True, False, False, False, False]
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
