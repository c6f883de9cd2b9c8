"""No comparison may be so wide that nothing could fail it: a guard on every tolerance of the tests.

A tolerance of a tenth of the value compared, or more, lets wrong programs pass: zero is
`pytest.approx(0.0339, abs=0.05)`. It is refused, absolute or relative, unless the test *derives* it:
computes it from a standard error or a rounding bound, and calls it so. A literal is never derived, whatever
its comment says.

What is compared is known only while a test runs. So `install` wraps the functions that compare; a call from
a test whose comparison holds, but with too wide a tolerance, raises TooWide. The source of the call decides
whether the tolerance is derived. Comparisons written out, `abs(x - y) < c`, leave nothing to wrap:
`written_out` finds those in the source that are too wide, or that cannot be judged there and belong into a
wrapped function.
"""

import ast
import functools
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
TENTH = 0.1
ROUNDING = 1e-5  # what float32 makes of numbers of order one; zero has no tenth, so this stands in for it
DERIVED = re.compile(
    r"(?<!start_)\b(\w+_)?errors?\b(?<!start_error)|(\b|_)(rounding|eps|finfo|ulps?|residual|sampling)\b",
    re.IGNORECASE,
)
ARITHMETIC = re.compile(r"(np|math|float|abs|max|min|sum)\b")
WRAPPED = {"approx": ("rel", "abs"), "assert_allclose": ("rtol", "atol"), "allclose": ("rtol", "atol"),
           "isclose": ("rtol", "atol", "rel_tol", "abs_tol")}  # fmt: skip


class TooWide(Exception):  # no AssertionError: a test of a failing comparison must not take it for one
    """A tolerance that could not fail, and that nothing derives."""


def too_wide(expected, tolerance) -> bool:
    """Whether a tolerance reaches a tenth of what is expected; of zero, the rounding of numbers near 1.

    Args:
        expected, tolerance: numbers or arrays of one shape; of an array, every finite entry counts.

    >>> too_wide(0.0339, 0.05), too_wide([1.0, 0.0], 1e-6), too_wide([1.0, 1e-7], 1e-6)
    (True, False, True)
    """
    expected, tolerance = np.broadcast_arrays(np.abs(np.asarray(expected, dtype=complex)), tolerance)
    allowed = np.where(expected > 0, TENTH * expected, ROUNDING)
    return bool((tolerance >= allowed)[np.isfinite(expected)].any())


class Source:
    """A test file: its calls and comparisons, and what its names stand for."""

    def __init__(self, text: str):
        self.tree = ast.parse(text)
        self.values: dict[str, list[ast.expr]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign):
                names = [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
                for name in names:
                    self.values.setdefault(name, []).append(node.value)

    def is_derived(self, tolerance: ast.expr, seen=frozenset()) -> bool:
        """Whether a tolerance names an error or a rounding bound, or is computed from one that does."""
        names = set(_names(tolerance))
        values = [value for name in names - seen for value in self.values.get(name, ()) if "." not in name]
        return any(map(DERIVED.search, names)) or any(self.is_derived(v, seen | names) for v in values)

    def calls(self, name: str, line: int) -> list[ast.Call]:
        """The calls of a function of this name that a line belongs to."""
        return [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Call)
            and ast.unparse(node.func).split(".")[-1] == name
            and node.lineno <= line <= node.end_lineno
        ]


def _names(formula: ast.expr):
    """The names in a formula, but not those that only enter it as arguments of some function of a test."""
    if isinstance(formula, ast.Name | ast.Attribute):
        yield ast.unparse(formula)
    elif isinstance(formula, ast.Call):
        yield from _names(formula.func)
    if not isinstance(formula, ast.Call) or ARITHMETIC.match(ast.unparse(formula.func)):
        for child in ast.iter_child_nodes(formula):
            yield from _names(child)


@functools.cache
def source(path: str) -> Source:
    return Source(Path(path).read_text(encoding="utf-8"))


def widths(name: str, arguments: tuple, options: dict) -> tuple:
    """What a call of one of the WRAPPED functions compares with, and its tolerance on each number."""
    if name == "approx":
        expected = arguments[0] if arguments else options["expected"]
        if isinstance(expected, dict):
            expected = list(expected.values())
        relative, absolute = ([*arguments[1:], None, None][i] for i in range(2))
        relative, absolute = options.get("rel", relative), options.get("abs", absolute)
        if relative is None:
            relative = 1e-6 if absolute is None else 0.0
        absolute = 1e-12 if absolute is None else absolute
        size = np.abs(np.asarray(expected, dtype=complex))
        return size, np.maximum(relative * size, absolute)
    if name == "math.isclose":
        size = max(abs(arguments[0]), abs(arguments[1]))
        return arguments[1], max(options.get("rel_tol", 1e-9) * size, options.get("abs_tol", 0.0))
    plain = {"assert_allclose": (1e-7, 0.0)}.get(name, (1e-5, 1e-8))
    relative, absolute = (([*arguments[2:4], None, None][i]) for i in range(2))
    relative = options.get("rtol", plain[0] if relative is None else relative)
    absolute = options.get("atol", plain[1] if absolute is None else absolute)
    size = np.abs(np.asarray(arguments[1], dtype=complex))
    size = np.broadcast_arrays(arguments[0], size)[1]
    return size, absolute + relative * size


def _check(name: str, arguments: tuple, options: dict, frame) -> None:
    path, line = frame.f_code.co_filename, frame.f_lineno
    if not Path(path).is_relative_to(HERE) or not too_wide(*widths(name, arguments, options)):
        return
    calls = source(path).calls(name.split(".")[-1], line)
    given = [tolerances(call) for call in calls]
    if not given or not all(any(map(source(path).is_derived, each)) for each in given):
        raise TooWide(
            f"{Path(path).name}, line {line}: the tolerance is a tenth of the value or more; make it "
            "smaller, or derive it from a standard error or a rounding bound, and call it that"
        )


def tolerances(call: ast.Call) -> list[ast.expr]:
    """The expressions that a call gives for its tolerance."""
    name = ast.unparse(call.func).split(".")[-1]
    given = [k.value for k in call.keywords if k.arg in WRAPPED[name]]
    return given + call.args[1 if name == "approx" else 2 :]


def _guarded(name: str, real):
    @functools.wraps(real)
    def call(*arguments, **options):
        found = real(*arguments, **options)
        if name in ("approx", "assert_allclose") or np.all(found):  # a comparison that fails is not too wide
            _check(name, arguments, options, sys._getframe(1))
        return found

    call.guarded = True
    return call


def install() -> None:
    """Wrap what the tests compare with; once."""
    if not hasattr(pytest.approx, "guarded"):
        pytest.approx = _guarded("approx", pytest.approx)
        np.testing.assert_allclose = _guarded("assert_allclose", np.testing.assert_allclose)
        np.allclose, np.isclose = _guarded("allclose", np.allclose), _guarded("isclose", np.isclose)
        math.isclose = _guarded("math.isclose", math.isclose)


def written_out(text: str) -> list[str]:
    """The comparisons `abs(x - y) < c` of a source whose tolerance is too wide or cannot be judged.

    It can if it is derived, if it is rounding (a factor of at most 1e-5), or if x or y is a literal.
    """
    found, offenders = Source(text), []
    for node in ast.walk(found.tree):
        difference = isinstance(node, ast.Compare) and _difference(node.left)
        if not difference or not isinstance(node.ops[0], ast.Lt | ast.LtE):
            continue
        tolerance = node.comparators[0]
        factors = [abs(n.value) for n in ast.walk(tolerance) if isinstance(n, ast.Constant)]
        sides = [_literal(side) for side in (difference.left, difference.right)]
        expected = next((side for side in sides if side), None)
        judged = _literal(tolerance) is not None and expected is not None
        fine = judged and not too_wide(expected, _literal(tolerance))
        if not (fine or found.is_derived(tolerance) or (factors and min(factors) <= ROUNDING and not judged)):
            offenders.append(f"line {node.lineno}: {ast.unparse(node)}")
    return offenders


def _difference(left: ast.expr) -> ast.BinOp | None:
    """x - y of `abs(x - y)`, which may stand in a mean or a maximum."""
    for node in ast.walk(left):
        if isinstance(node, ast.Call) and re.fullmatch(r"(np\.|jnp\.|math\.f)?abs", ast.unparse(node.func)):
            inner = node.args[0]
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub):
                return inner
    return None


def _literal(node: ast.expr) -> float | None:
    try:
        value = eval(compile(ast.Expression(node), "literal", "eval"), {"__builtins__": {}})
    except (NameError, TypeError):
        return None
    return value if isinstance(value, int | float) else None
