"""What a run leaves for programs: claims and recorded values, displays of MIME types of their own.

The words of a record are the display's data, its exact numbers the display's metadata. So the comparison of a
notebook with its stored outputs, which skips metadata and numbers after ≈, holds the words and the printed
line and leaves the last digits, which move with the processor, alone. A reader sees one line.
"""

import contextlib
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from IPython import get_ipython
from IPython.display import display

RECORD = "application/vnd.lecturelib.record+json"
_NAME, _ID = re.compile(r"[A-Za-z][A-Za-z0-9_]*"), re.compile(r"\d\d\.[a-z0-9]+(-[a-z0-9]+)*")
_KINDS = {"float": float, "int": int, "bool": bool, "str": str}
_collectors: list[list[dict[str, Any]]] = []


def check_id(id: str) -> None:
    """Raise ValueError unless it is the notebook's two digits, a dot and a name, such as 08.like-this."""
    if not _ID.fullmatch(str(id)):
        raise ValueError(
            f"id={id!r}: write the notebook's two digits, a dot and words-with-hyphens, 08.like-this"
        )


def leave(
    mime: str, line: str, words: dict[str, Any], exact: dict[str, Any], html: str | None = None
) -> None:
    """Leave one record: a display in a notebook, elsewhere its line.

    Args:
        mime: its type, "application/vnd.lecturelib....+json".
        line: what people read.
        words: fields that are the same on every processor; the comparison with stored outputs holds them.
        exact: the other fields; a float that JSON cannot say is left as text: "inf", "-inf", "nan".
        html: the line as it is shown where HTML can be; made of the same words and printed numbers.
    """
    data = {mime: words, "text/plain": line} | ({"text/html": html} if html else {})
    _show(data, {mime: {name: _json(value) for name, value in exact.items()}})


def show(line: str, html: str) -> None:
    """Show a line, as HTML where that can be shown; no record."""
    _show({"text/plain": line, "text/html": html}, {})


def _show(data: dict[str, Any], metadata: dict[str, Any]) -> None:
    if _collectors:
        _collectors[-1].append({"data": data, "metadata": metadata})
    elif get_ipython() is None:
        print(data["text/plain"])
    else:
        display(data, raw=True, metadata=metadata)


@contextlib.contextmanager
def collected() -> Iterator[list[dict[str, Any]]]:
    """Collect the records that this block leaves, as outputs of a notebook, in place of showing them.

    >>> from lecturelib import records
    >>> with records.collected() as outputs:
    ...     records.record("steps", 12)
    >>> records.recorded({"cells": [{"outputs": outputs}]})
    {'steps': 12}
    """
    outputs: list[dict[str, Any]] = []
    _collectors.append(outputs)
    try:
        yield outputs
    finally:
        _collectors.remove(outputs)


def left(cell: Mapping[str, Any], mime: str) -> Iterator[dict[str, Any]]:
    """The records of one type that a cell has left, in order: their words and exact values in one.

    Args:
        cell: of an executed notebook, as nbformat or json reads it.
        mime: the records' type.
    """
    for output in cell.get("outputs", []):
        if mime in output.get("data", {}):
            yield output["data"][mime] | output["metadata"][mime]


def record(name: str, value: Any) -> None:
    """Record one value of this run; it becomes a column of the sweep's table.

    Recorded twice under one name, the last value counts. Outside of a sweep it only shows its line.

    Args:
        name: letters, digits and underscores, starting with a letter.
        value: one number (also a NumPy or JAX scalar; NaN and infinity are kept), truth value or text.

    Raises:
        ValueError: another name or value.

    >>> from lecturelib import sweep
    >>> sweep.record("steps", 12)
    recorded steps ≈12
    >>> sweep.record("diverged", False)
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
    shown = number(value, stable=False) if kind in ("int", "float") else value
    leave(RECORD, f"recorded {name} {shown}", {"name": name, "kind": kind}, {"value": value})


def recorded(notebook: Mapping[str, Any]) -> dict[str, float | int | bool | str]:
    """The values that an executed notebook recorded, name -> value, in order.

    Args:
        notebook: as nbformat or json reads it.
    """
    values: dict[str, float | int | bool | str] = {}
    for cell in notebook["cells"]:
        for found in left(cell, RECORD):
            values.pop(found["name"], None)
            values[found["name"]] = _KINDS[found["kind"]](found["value"])
    return values


def number(value: Any, error: float | None = None, *, digits: int = 3, stable: bool = True) -> str:
    """A number as text, rounded to what its error allows.

    Args:
        value: the number.
        error: its standard error or tolerance, same unit; the last digit printed is the error's second.
        digits: significant digits where no error is given.
        stable: False marks, with ≈, a number that moves with the processor.

    >>> from lecturelib import claims
    >>> claims.number(0.123456, 0.002), claims.number(1234.5), claims.number(12, stable=False)
    ('0.1235', '1,230', '≈12')
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


def _json(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_json(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
