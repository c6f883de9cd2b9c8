"""The grid of a sweep: read it, check it against the notebook's parameters, name each of its runs.

A value is written as for `lecture run`, and several are separated by commas:

    rate=0.1,0.3            two values
    seed=0:10               0, 1, ..., 9: whole numbers, the end excluded, as in Python; 0:10:2 takes steps
    batches=[1,8],[1,16]    two values of a parameter that is a list: each in its brackets
    optimizer=adam,'a, b'   text, as it stands but for blanks after a comma; where it has commas, or begins
                            with a quote, as a Python literal
"""

import ast
import hashlib
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from workshop.notebooks import Notebook
from workshop.sweep.provenance import Inputs
from workshop.values import NOT_LITERAL, Parameter, check_value, listing, literal, parse_values

MOST_RUNS = 100_000
# One of several texts: a string as Python writes it, or anything that does not begin with a quote.
_TEXT = re.compile(
    r"""(\s*'(?:[^'\\]|\\.)*'\s*|\s*"(?:[^"\\]|\\.)*"\s*|(?!\s*['"])[^,]*)(?:(,)[ \t]*|\Z)""", re.DOTALL
)


def parse(assignments: Iterable[str], parameters: Mapping[str, Parameter], where: str) -> dict[str, list]:
    """Read name=values texts into a grid, name -> values, of the parameters' types.

    Args:
        assignments: texts such as "rate=0.1,0.3" or "seed=0:10".
        parameters: as read by `Notebook.parameters`.
        where: the notebook's name, for messages.

    Raises:
        ValueError: an unknown name, a name given twice, a value of another type or given twice, an empty
            range, a list without its brackets, more than 100,000 runs.

    >>> from workshop.sweep.parameters import parse
    >>> from workshop.values import parse_parameters
    >>> cell = parse_parameters("seed = 0  # any" + chr(10) + "sizes = [1]  # examples")
    >>> parse(["seed=0:3,10", "sizes=[1,8],[1,16]"], cell, "here")
    {'seed': [0, 1, 2, 10], 'sizes': [[1, 8], [1, 16]]}
    """
    grid = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals or name not in parameters:
            parse_values([assignment], parameters, where)  # raises, and lists the parameters
        if name in grid:
            raise ValueError(f"{name} is given twice: write all of its values in one, {name}=first,second")
        grid[name] = list(_values(name, text, parameters[name].default, parameters, where))
    return check(grid, parameters, where)


def _values(
    name: str, text: str, default: Any, parameters: Mapping[str, Parameter], where: str
) -> Iterator[Any]:
    if isinstance(default, str):
        for part in _texts(name, text):
            yield parse_values([f"{name}={part}"], parameters, where)[name]
        return
    with listing(parameters, where):
        try:  # by Python's own parser, which reads ranges in a subscript
            subscript = ast.parse(f"_[{text}\n]", mode="eval").body
            if not isinstance(subscript, ast.Subscript) or not isinstance(subscript.value, ast.Name):
                raise ValueError
            found = subscript.slice
            parts = found.elts if isinstance(found, ast.Tuple) else [found]
            ranged = type(default) is int
            values = [_range(name, p) if ranged and isinstance(p, ast.Slice) else literal(p) for p in parts]
        except _EmptyRange:
            raise
        except (SyntaxError, *NOT_LITERAL):
            raise ValueError(f"{name}={text!r} is not a value of type {type(default).__name__}") from None
    for value in values:
        if isinstance(value, range):
            yield from value
        elif isinstance(default, list) and not isinstance(value, list):
            raise ValueError(
                f"{name} is a list: put each of its values in brackets, {name}=[1,8],[1,16] for two of them,"
                f" {name}=[1,8] for one; got {str(value)!r}"
            )
        else:
            yield value


class _EmptyRange(ValueError):
    """A range that has no values, or too many."""


def _range(name: str, part: ast.Slice) -> range:
    bounds = [literal(bound) for bound in (part.lower, part.upper, part.step) if bound is not None]
    if part.lower is None or part.upper is None or {*map(type, bounds)} != {int}:
        raise ValueError
    said = ast.unparse(part)
    if 0 in bounds[2:] or not (values := range(*bounds)):
        raise _EmptyRange(f"{name}: the range {said} is empty; 0:3 means 0, 1, 2")
    if (count := 1 + (values[-1] - values[0]) // values.step) > MOST_RUNS:
        raise _EmptyRange(f"{name}: the range {said} has {count:,} values; {MOST_RUNS:,} at most")
    return values


def _texts(name: str, text: str) -> Iterator[str]:
    """Cut at the commas that stand outside of quotes; an apostrophe within a word is no quote.

    >>> list(_texts("name", "it's, that's,'a,b'"))
    ["it's", "that's", "'a,b'"]
    """
    at, comma = 0, ","
    while comma:
        if not (found := _TEXT.match(text, at)):
            raise ValueError(
                f"{name}: {text[at:].strip()!r} begins with a quote that is not closed before a comma or the"
                f" end; write such a text as Python does, {text[at:].strip()!r}"
            )
        yield found[1]
        at, comma = found.end(), found[2]


def check(grid: Mapping, parameters: Mapping[str, Parameter], where: str) -> dict[str, list]:
    """A grid with each value of its parameter's type, or an error that says what is wrong with it.

    Args:
        grid: name -> values; a list, range or array.
        parameters: as for `parse`.
        where: as for `parse`.

    Raises:
        ValueError: as for `parse`.

    >>> from workshop.sweep.parameters import check
    >>> from workshop.values import parse_parameters
    >>> cell = parse_parameters("rate = 0.1  # no unit")
    >>> check({"rate": [1, 2]}, cell, "here")
    {'rate': [1.0, 2.0]}
    """
    checked = {}
    for name, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise ValueError(f"{name}: {values!r} is one value; give a list of values, [{values!r}]")
        given = [_unpacked(value) for value in values]
        if not given:
            raise ValueError(f"{name} has no value; give at least one")
        with listing(parameters, where):
            if name not in parameters:
                raise ValueError(f"{where} has no parameter {name!r}")
            checked[name] = [check_value(name, value, parameters[name].default) for value in given]
        (value, times) = Counter(map(repr, checked[name])).most_common(1)[0]
        if times > 1:
            raise ValueError(f"{name}: {value} is given {times} times; that is the same run {times} times")
    size = math.prod(len(values) for values in checked.values())
    if size > MOST_RUNS:
        raise ValueError(f"the grid has {size:,} runs; {MOST_RUNS:,} at most: split it")
    return checked


def _unpacked(value: Any) -> Any:
    """A value of NumPy's, also in a list, as Python's; a tuple as a list."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return [_unpacked(part) for part in value] if isinstance(value, list | tuple) else value


def combinations(grid: Mapping[str, list]) -> list[dict]:
    """One dictionary of values a run; the last parameter changes fastest.

    >>> from workshop.sweep.parameters import combinations
    >>> combinations({"a": [1, 2], "b": [3, 4]})
    [{'a': 1, 'b': 3}, {'a': 1, 'b': 4}, {'a': 2, 'b': 3}, {'a': 2, 'b': 4}]
    """
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def namer(notebook: Notebook, inputs: Inputs | None = None) -> Callable[[Mapping], str]:
    """A function that names the run with given values, by a hash of them and of the notebook's code.

    What is in files that the values name enters, too; prose, stored outputs and cell numbers do not: only
    what changes results makes a run new. A value that is the default gives the same name, given or not.

    Args:
        notebook: which.
        inputs: that knows the files; by default read now, in the notebook's folder.

    >>> from workshop import notebooks
    >>> from workshop.sweep.parameters import namer
    >>> name = namer(notebooks.select(["4"])[0])
    >>> name({"seed": 7}) == name({"seed": 7}), name({"seed": 7}) == name({"seed": 8})
    (True, False)
    """
    code, defaults = notebook.code(), notebook.defaults()
    inputs = inputs or Inputs(notebook.path.parent)

    def name(values: Mapping) -> str:
        files = inputs.of(defaults | dict(values))
        text = json.dumps([code, defaults | dict(values), *([files] if files else [])], sort_keys=True)
        return f"{notebook.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    return name
