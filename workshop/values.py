"""The parameters cell of a notebook, and a reader's values for it, checked before anything runs."""

import ast
import contextlib
import io
import math
import os
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# What ast.literal_eval raises: a TypeError on {[]: 1}; a SystemError, in CPython 3.11, on deep nesting.
NOT_LITERAL = (ValueError, TypeError, MemoryError, RecursionError, SystemError)
_PATH = re.compile(r"(\A|_)(path|file|folder)\Z")  # names of parameters


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell: a name, its default and the comment that says meaning and unit."""

    name: str
    default: bool | int | float | str | list
    comment: str

    def __str__(self) -> str:
        return f"{self.name} = {self.default!r}  # {self.comment}"


def parse_parameters(source: str, where: str = "the parameters cell") -> dict[str, Parameter]:
    """Read a parameters cell: one `name = literal  # meaning, unit` a line; the comment may stand above it.

    Args:
        source: of the cell.
        where: what messages call it.

    Raises:
        ValueError: a line that is something else, or has no comment.

    >>> from workshop.values import parse_parameters
    >>> print(parse_parameters("seed = 0  # of the random numbers; no unit")["seed"])
    seed = 0  # of the random numbers; no unit
    """
    try:
        statements = ast.parse(source).body
        comments: dict[int | None, str] = {  # one alone on its line is of the line below
            token.start[0] + token.line.lstrip().startswith("#"): token.string.lstrip("# ").strip()
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT
        }
    except (SyntaxError, tokenize.TokenError, *NOT_LITERAL) as error:
        raise ValueError(f"{where} is not Python: {error}") from error
    found = [_parameter(statement, source, comments, where) for statement in statements]
    return {parameter.name: parameter for parameter in found}


def _parameter(statement: ast.stmt, source: str, comments: Mapping[int | None, str], where: str) -> Parameter:
    line = ast.get_source_segment(source, statement)
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            pass
        case _:
            raise ValueError(f"{where}: `{line}` is not of the form `name = literal  # meaning, unit`")
    try:
        default = ast.literal_eval(value)
    except NOT_LITERAL:
        raise ValueError(f"{where}: `{line}` is computed; a parameter is a literal") from None
    if not isinstance(default, bool | int | float | str | list):
        raise ValueError(f"{where}: {name} is a {type(default).__name__}; use a number, text or list")
    if not (comment := comments.get(statement.end_lineno) or comments.get(statement.lineno)):
        raise ValueError(f"{where}: {name} has no comment; say what it means and its unit")
    return Parameter(name, default, comment)


def parse_values(
    assignments: Iterable[str], parameters: Mapping[str, Parameter], where: str = "the notebook"
) -> dict[str, Any]:
    """Turn name=value texts into values of the parameters' types.

    A value is written as Python writes it (a list also without its brackets; true and false are True and
    False); text is taken as it stands, unless it begins with a quote: then it, too, is a Python literal. An
    int is accepted where a float is expected, never the other way round.

    Args:
        assignments: texts such as "seed=3", "batch_sizes=[1, 8]" or "batch_sizes=1,8".
        parameters: as read by `Notebook.parameters`.
        where: what messages call the notebook.

    Raises:
        ValueError: not of the form name=value, an unknown name, a name given twice, a value of another type;
            the message lists the parameters with their defaults and units.

    >>> from workshop.values import parse_parameters, parse_values
    >>> cell = parse_parameters("rates = [0.1]  # learning rates, no unit")
    >>> parse_values(["rates=0.5,1"], cell)
    {'rates': [0.5, 1.0]}
    """
    values: dict[str, Any] = {}
    with listing(parameters, where):
        for assignment in assignments:
            name, equals, text = assignment.partition("=")
            name = name.strip()
            if not equals:
                raise ValueError(f"{assignment!r} is not of the form name=value")
            if name not in parameters:
                raise ValueError(f"{where} has no parameter {name!r}")
            if name in values:
                raise ValueError(f"{name} is given twice")
            default = parameters[name].default
            value = _read(name, text, default)
            if isinstance(default, list) and not isinstance(value, list):
                value = list(value) if isinstance(value, tuple) else [value]
            values[name] = check_value(name, value, default)
    return values


@contextlib.contextmanager
def listing(parameters: Mapping[str, Parameter], where: str) -> Iterator[None]:
    """Add to what this block raises as a ValueError the list of the parameters."""
    try:
        yield
    except ValueError as error:
        lines = "\n".join(f"  {p}" for p in parameters.values()) or "  (none)"
        raise ValueError(f"{error}. The parameters of {where}:\n{lines}") from None


def _read(name: str, text: str, default: Any) -> Any:
    """What a text says, of any type; a parameter that is text takes it as it stands."""
    if not isinstance(default, str):
        try:
            return literal(ast.parse(text.strip(), mode="eval").body)
        except (SyntaxError, *NOT_LITERAL):
            raise ValueError(f"{name}={text!r} is not a value of type {type(default).__name__}") from None
    if text.lstrip()[:1] not in ("'", '"'):
        return text
    try:  # a shell's line end may stand between the quotes, where Python wants it written
        value = ast.literal_eval(re.sub(r"\\.|[\n\r]", _written_out, text.strip(), flags=re.DOTALL))
    except (SyntaxError, *NOT_LITERAL):
        value = None
    if not isinstance(value, str):
        raise ValueError(f"{name}={text!r} begins with a quote, so write it as Python does, {text!r}")
    return value


def _written_out(found: re.Match) -> str:
    return {"\n": "\\n", "\r": "\\r"}.get(found[0], found[0])


class _Lowercase(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant({"true": True, "false": False}[node.id]) if node.id in ("true", "false") else node


def literal(expression: ast.expr) -> Any:
    """The value of an expression that is a literal; true and false are True and False.

    Raises:
        ValueError: it is something else; on odd ones also the other errors of `ast.literal_eval`.
    """
    return ast.literal_eval(_Lowercase().visit(expression))


def check_value(name: str, value: Any, default: Any) -> Any:
    """A value as it is given to the notebook, or an error that says why it cannot be.

    A relative path is the reader's: where there is such a file in the folder that the command is given in, a
    parameter called path, file or folder, or something_path, gets it from the root on, for the notebook runs
    in the folder that it lies in.

    Args:
        name: of the parameter.
        value: for it.
        default: the parameter's.

    Raises:
        ValueError: it is of another type than the default, or what no notebook could hold.

    >>> from workshop.values import check_value
    >>> check_value("rates", [1, 0.5], [0.1])
    [1.0, 0.5]
    """
    if isinstance(default, list) and type(value) is list:
        if not value:
            raise ValueError(f"{name}=[] is empty; give at least one value")
        kinds = {type(item) for item in default}
        value = [_same_type(name, item, next(iter(kinds))) for item in value] if len(kinds) == 1 else value
    else:
        value = _same_type(name, value, type(default))
    if isinstance(value, str) and value and _PATH.search(name):
        there = os.path.abspath(os.path.expanduser(value))
        value = there if os.path.exists(there) else value
    try:
        _plain(name, value)
    except RecursionError:
        raise ValueError(f"{name} is a list that is nested too deeply") from None
    return value


def _same_type(name: str, value: Any, kind: type) -> Any:
    if kind is float and type(value) is int:
        try:
            value, whole = float(value), value
        except OverflowError:
            raise ValueError(f"{name}: a whole number beyond 1e308 is too large for a float") from None
        if value != whole:  # beyond 2^53 most are none
            raise ValueError(f"{name}: {whole} is no float; the nearest is {value!r}")
    if type(value) is not kind:
        raise ValueError(f"{name}: {value!r} is a {type(value).__name__}, expected {kind.__name__}")
    return value


def _plain(name: str, value: Any) -> None:
    """Refuse what a notebook's parameters, or the JSON of a result, would not give back as it is."""
    if type(value) is float and not math.isfinite(value):
        raise ValueError(f"{name}: {value!r} is not a finite number")
    if type(value) is str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{name}: {value!r} is not text in UTF-8") from None
    elif type(value) is dict and all(type(key) is str for key in value):
        for part in (*value, *value.values()):
            _plain(name, part)
    elif type(value) is list:
        for part in value:
            _plain(name, part)
    elif type(value) not in (bool, int, float, type(None)):
        raise ValueError(
            f"{name}: {value!r} is a {type(value).__name__}; a list may hold numbers, texts, truth values,"
            " None, and lists and dictionaries of these"
        )
