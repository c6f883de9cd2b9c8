"""The numbered notebooks: find them, read their parameters, check a reader's values before anything runs."""

import ast
import io
import math
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path

import nbformat

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
# What ast.literal_eval raises: a TypeError on {[]: 1}; a SystemError, in CPython 3.11, on deep nesting.
_NOT_LITERAL = (ValueError, TypeError, MemoryError, RecursionError, SystemError)
_NAME = re.compile(r"(\d\d)_[a-z0-9_]+")


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell: a name, its default and the comment that says meaning and unit."""

    name: str
    default: bool | int | float | str | list
    comment: str

    def __str__(self) -> str:
        return f"{self.name} = {self.default!r}  # {self.comment}"


@dataclass(frozen=True)
class Notebook:
    """One notebook of the lecture."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def number(self) -> str:
        return self.name[:2]

    def read(self) -> nbformat.NotebookNode:
        """The notebook's contents.

        Raises:
            ValueError: the file is not a notebook; the message says where it stops being one.
        """
        try:
            contents = nbformat.read(self.path, as_version=4)
            nbformat.validate(contents)
        except OSError:
            raise
        except Exception as error:  # nbformat raises its own, JSON's, jsonschema's and attribute errors
            first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ValueError(f"{self.path.name} is not a readable notebook: {first_line}") from error
        return contents

    def title(self) -> str:
        """The first heading."""
        for cell in self.read().cells:
            if found := re.search(r"^# +(.+)$", cell.source, re.MULTILINE):
                return found[1].strip()
        return self.name

    def parameters(self) -> dict[str, Parameter]:
        """The parameters cell, name -> Parameter, in order; empty where there is none."""
        cells = [c for c in self.read().cells if "parameters" in c.metadata.get("tags", [])]
        if len(cells) > 1:
            raise ValueError(f"{self.name} has {len(cells)} cells tagged parameters; keep one")
        return parse_parameters(cells[0].source, where=self.name) if cells else {}


def find(folder: Path = FOLDER) -> list[Notebook]:
    """All numbered notebooks, in the lecture's order.

    Raises:
        FileNotFoundError: no notebooks there.
    """
    found = [Notebook(p) for p in sorted(folder.glob("*.ipynb")) if _NAME.fullmatch(p.stem)]
    if not found:
        raise FileNotFoundError(f"no numbered notebooks (NN_topic.ipynb) in {folder}: run from a checkout")
    return found


def select(wanted, folder: Path = FOLDER) -> list[Notebook]:
    """The notebooks asked for by number or name, in the lecture's order; all of them if none is asked for.

    Raises:
        ValueError: a number or name that no notebook has.
    """
    notebooks = find(folder)
    wanted = [str(w).removesuffix(".ipynb") for w in wanted]
    for w in wanted:
        if not any(w in (n.number, n.name) or w.zfill(2) == n.number for n in notebooks):
            raise ValueError(f"no notebook {w!r}; there are {', '.join(n.name for n in notebooks)}")
    return [n for n in notebooks if not wanted or {n.number, n.name, n.number.lstrip("0")} & set(wanted)]


def parse_parameters(source: str, where: str = "the parameters cell") -> dict[str, Parameter]:
    """Read a parameters cell: one `name = literal  # meaning, unit` a line.

    Raises:
        ValueError: a line that is something else, or has no comment.

    >>> print(parse_parameters("seed = 0  # of the random numbers; no unit")["seed"])
    seed = 0  # of the random numbers; no unit
    """
    try:
        statements = ast.parse(source).body
        comments = {
            token.start[0]: token.string.lstrip("# ").strip()
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT
        }
    except (SyntaxError, tokenize.TokenError, *_NOT_LITERAL) as error:
        raise ValueError(f"{where} is not Python: {error}") from error
    parameters = {}
    for statement in statements:
        line = ast.get_source_segment(source, statement)
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if len(targets) != 1 or not isinstance(targets[0], ast.Name):
            raise ValueError(f"{where}: `{line}` is not of the form `name = literal  # meaning, unit`")
        name = targets[0].id
        try:
            default = ast.literal_eval(statement.value)
        except _NOT_LITERAL:
            raise ValueError(f"{where}: `{line}` is computed; a parameter is a literal") from None
        if not isinstance(default, bool | int | float | str | list):
            raise ValueError(f"{where}: {name} is a {type(default).__name__}; use a number, text or list")
        if not comments.get(statement.end_lineno):
            raise ValueError(f"{where}: {name} has no comment; say what it means and its unit")
        parameters[name] = Parameter(name, default, comments[statement.end_lineno])
    return parameters


def parse_values(assignments, parameters: dict[str, Parameter], where: str = "the notebook") -> dict:
    """Turn name=value texts into values of the parameters' types.

    A number's or list's value is written as in Python (a list also without its brackets); text is taken as it
    stands. An int is accepted where a float is expected, never the other way round.

    Args:
        assignments: texts such as "seed=3", "batch_sizes=[1, 8]" or "batch_sizes=1,8".
        parameters: as read by `Notebook.parameters`.

    Raises:
        ValueError: not of the form name=value, an unknown name, a name given twice, a value of another type;
            the message lists the parameters with their defaults and units.

    >>> cell = parse_parameters("rates = [0.1]  # learning rates, no unit")
    >>> parse_values(["rates=0.5,1"], cell)
    {'rates': [0.5, 1.0]}
    """
    values = {}
    try:
        for assignment in assignments:
            name, equals, text = assignment.partition("=")
            name = name.strip()
            if not equals:
                raise ValueError(f"{assignment!r} is not of the form name=value")
            if name not in parameters:
                raise ValueError(f"{where} has no parameter {name!r}")
            if name in values:
                raise ValueError(f"{name} is given twice")
            values[name] = _convert(name, text, parameters[name].default)
    except ValueError as error:
        listing = "\n".join(f"  {p}" for p in parameters.values()) or "  (none)"
        raise ValueError(f"{error}. The parameters of {where}:\n{listing}") from None
    return values


def _convert(name: str, text: str, default):
    if isinstance(default, str):
        return text
    kind = type(default).__name__
    try:
        value = ast.literal_eval(text.strip().replace("true", "True").replace("false", "False"))
    except (SyntaxError, *_NOT_LITERAL):
        raise ValueError(f"{name}={text!r} is not a value of type {kind}") from None
    if isinstance(default, list):
        value = list(value) if isinstance(value, list | tuple) else [value]
        if not value:
            raise ValueError(f"{name}={text!r} is empty; give at least one value")
        return [_same_type(name, item, default[0]) for item in value] if default else value
    return _same_type(name, value, default)


def _same_type(name: str, value, default):
    kind = type(default)
    if kind is float and type(value) is int:
        try:
            value = float(value)
        except OverflowError:
            raise ValueError(f"{name}: a whole number of {len(str(value))} digits is too large") from None
    if type(value) is not kind:
        raise ValueError(f"{name}: {value!r} is a {type(value).__name__}, expected {kind.__name__}")
    if kind is float and not math.isfinite(value):
        raise ValueError(f"{name}: {value!r} is not a finite number")
    return value
