"""The grid of a sweep: read it, check it against the notebook's parameters, name each of its runs.

A value is written as for `lecture run`, and several are separated by commas:

    rate=0.1,0.3            two values
    seed=0:10               0, 1, ..., 9: whole numbers, the end excluded, as in Python; 0:10:2 takes steps
    batches=[1,8],[1,16]    two values of a parameter that is a list: each in its brackets
    optimizer=adam,'a, b'   text; quotes where it has commas
"""

import hashlib
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from lecturelib import notebooks
from lecturelib.notebooks import Notebook, Parameter

MOST_RUNS = 100_000
_WHOLE = r"\s*([+-]?\d{1,18})\s*"  # longer ones Python can neither count nor, past 4300 digits, read
_RANGE = re.compile(rf"{_WHOLE}:{_WHOLE}(?::{_WHOLE})?")


def find(notebook: Notebook | Path | str, folder: Path | None = None) -> Notebook:
    """The notebook meant by a number or name of the lecture's, or by the path of any other one.

    Args:
        notebook: one of `notebooks.find()`, "04", "04_mini_batching" or "path/to/mine.ipynb".
        folder: where the numbered ones are; None for the lecture's.

    Raises:
        ValueError: there is none.

    >>> find("4").name
    '04_mini_batching'
    """
    if isinstance(notebook, Notebook):
        return notebook
    path = Path(notebook)
    if path.suffix == ".ipynb" and path.is_file():
        return Notebook(path.resolve())
    if path.suffix == ".ipynb" and path.name != str(notebook):
        raise ValueError(f"there is no file {path}")
    return notebooks.select([str(notebook)], folder or notebooks.FOLDER)[0]


def parse(assignments: Iterable[str], parameters: Mapping[str, Parameter], where: str) -> dict[str, list]:
    """Read name=values texts into a grid, name -> values, of the parameters' types.

    Args:
        assignments: texts such as "rate=0.1,0.3" or "seed=0:10".
        parameters: as read by `Notebook.parameters`.
        where: the notebook's name, for messages.

    Raises:
        ValueError: an unknown name, a name given twice, a value of another type or given twice, an empty
            range, a list without its brackets, more than 100,000 runs.

    >>> cell = notebooks.parse_parameters("seed = 0  # any" + chr(10) + "sizes = [1]  # examples")
    >>> parse(["seed=0:3,10", "sizes=[1,8],[1,16]"], cell, "here")
    {'seed': [0, 1, 2, 10], 'sizes': [[1, 8], [1, 16]]}
    """
    grid = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals or name not in parameters:
            notebooks.parse_values([assignment], parameters, where)  # raises, and lists the parameters
        if name in grid:
            raise ValueError(f"{name} is given twice: write all of its values in one, {name}=first,second")
        grid[name] = list(_values(name, text, parameters[name], where))
    return check(grid, parameters, where)


def _values(name: str, text: str, parameter: Parameter, where: str) -> Iterable:
    for part in _split(text):
        whole = type(parameter.default) is int and _RANGE.fullmatch(part)
        if whole:
            numbers = [int(number) for number in whole.groups() if number is not None]
            if 0 in numbers[2:] or not (values := range(*numbers)):
                raise ValueError(f"{name}: the range {part} is empty; 0:3 means 0, 1, 2")
            if len(values) > MOST_RUNS:
                raise ValueError(
                    f"{name}: the range {part} has {len(values):,} values; {MOST_RUNS:,} at most"
                )
            yield from values
        elif isinstance(parameter.default, list) and not re.fullmatch(r"\s*\[.*\]\s*", part, re.DOTALL):
            raise ValueError(
                f"{name} is a list: put each of its values in brackets, {name}=[1,8],[1,16] for two of them,"
                f" {name}=[1,8] for one; got {part.strip()!r}"
            )
        elif isinstance(parameter.default, str):
            part = part.strip()
            yield part[1:-1] if re.fullmatch(r"'[^']*'|\"[^\"]*\"", part, re.DOTALL) else part
        else:
            yield notebooks.parse_values([f"{name}={part}"], {name: parameter}, where)[name]


def _split(text: str) -> list[str]:
    """Cut at the commas that stand outside of brackets and quotes.

    >>> _split("[1,8],[2],'a,b'")
    ['[1,8]', '[2]', "'a,b'"]
    """
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "[(") - (letter in ")]")
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def check(grid: Mapping, parameters: Mapping[str, Parameter], where: str) -> dict[str, list]:
    """A grid with each value of its parameter's type, or an error that says what is wrong with it.

    Args:
        grid: name -> values; a list, range or array. parameters, where: as for `parse`.

    Raises:
        ValueError: as for `parse`.

    >>> cell = notebooks.parse_parameters("rate = 0.1  # no unit")
    >>> check({"rate": [1, 2]}, cell, "here")
    {'rate': [1.0, 2.0]}
    """
    checked = {}
    for name, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise ValueError(f"{name}: {values!r} is one value; give a list of values, [{values!r}]")
        given = [value.tolist() if isinstance(value, np.generic | np.ndarray) else value for value in values]
        if not given:
            raise ValueError(f"{name} has no value; give at least one")
        # Through the same door as values from the command line.
        checked[name] = [notebooks.parse_values([_text(name, v)], parameters, where)[name] for v in given]
        (value, times) = Counter(map(repr, checked[name])).most_common(1)[0]
        if times > 1:
            raise ValueError(f"{name}: {value} is given {times} times; that is the same run {times} times")
    size = math.prod(len(values) for values in checked.values())
    if size > MOST_RUNS:
        raise ValueError(f"the grid has {size:,} runs; {MOST_RUNS:,} at most: split it")
    return checked


def _text(name: str, value) -> str:
    return f"{name}={value if isinstance(value, str) else repr(value)}"


def combinations(grid: Mapping[str, list]) -> list[dict]:
    """One dictionary of values a run; the last parameter changes fastest.

    >>> combinations({"a": [1, 2], "b": [3, 4]})
    [{'a': 1, 'b': 3}, {'a': 1, 'b': 4}, {'a': 2, 'b': 3}, {'a': 2, 'b': 4}]
    """
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def run_name(notebook: Notebook, values: Mapping) -> str:
    """The name of a run: the notebook's, and a hash of its code and of the values of all its parameters.

    Prose, stored outputs and cell numbers do not enter it: only what changes results makes a run new.
    A value that is the default gives the same name whether it is given or not.

    >>> sevens = {run_name(find("4"), {"seed": 7}), run_name(find("4"), {"seed": 7})}
    >>> len(sevens | {run_name(find("4"), {"seed": 8})})
    2
    """
    return namer(notebook)(values)


def namer(notebook: Notebook) -> Callable[[Mapping], str]:
    """`run_name` of one notebook, which is read once."""
    code = [cell.source for cell in notebook.read().cells if cell.cell_type == "code"]
    defaults = {name: parameter.default for name, parameter in notebook.parameters().items()}

    def name(values: Mapping) -> str:
        text = json.dumps([code, defaults | dict(values)], sort_keys=True)
        return f"{notebook.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    return name
