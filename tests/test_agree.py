"""`agree` refuses what could not fail, sees what is wrong, and nothing else in the tests compares floats."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from tests.agree import agree
from workshop import notebooks

HERE = Path(__file__).parent
NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("measured", "expected", "tolerance"),
    [
        (0.0, 0.0339, {"rounding": 0.003}),
        (1.4, 1.0, {"rounding": 0.05}),  # whatever the tolerance is called
        ([1.0, 2.1], [1.0, 2.0], {"relative": 1e-2}),
        ([1.0, 1e-12], [1.0, 0.0], {"relative": 1e-6}),
        (1.7, 1.0, {"standard_error": 0.1}),
        ([1.0, 2.0], [1.0, NAN], {"rounding": 1e-9}),
        ([1.0, NAN], [1.0, 2.0], {"standard_error": 1.0}),
        ([1.0, INF], [1.0, -INF], {"relative": 1e-3}),
        ([1.0, 5.0], [1.0, INF], {"rounding": 1e-9}),
        ([1.0], [1.0, 1.0], {"rounding": 1e-9}),
        (np.ones((3, 1)), np.ones(3), {"rounding": 1e-9}),
    ],
)
def test_what_is_wrong_is_seen(measured, expected, tolerance):
    with pytest.raises(AssertionError):
        agree(measured, expected, **tolerance)


@pytest.mark.parametrize(
    ("expected", "tolerance"),
    [
        (0.0339, {"rounding": 0.05}),  # seen in the wild: zero passes
        (1.0, {"rounding": 0.5}),
        ([1.0, 1e-6], {"rounding": 1e-6}),
        (0.0, {"rounding": 0.2}),
        (1.0, {"relative": 0.1}),
        (1.0, {"standard_error": 0.1, "factor": 20}),
        (1.0, {"standard_error": 0.1, "rounding": 1e-9}),
        (1.0, {}),
    ],
)
def test_a_tolerance_that_could_not_fail_is_refused(expected, tolerance):
    with pytest.raises(TypeError):
        agree(expected, expected, **tolerance)


@pytest.mark.parametrize(
    ("measured", "expected", "tolerance"),
    [
        (0.0340, 0.0339, {"rounding": 0.0005}),
        ([1.0, 1e-7, INF, NAN], [1.0, 0.0, INF, NAN], {"rounding": 1e-6}),
        ([[1.0], [0.0]], [[1.001], [0.0]], {"relative": 1e-2}),
        (np.ones(4), 1.1, {"standard_error": np.full(4, 0.03)}),
        (2**53, 2**53, {"relative": 0.0}),
    ],
)
def test_what_is_right_passes(measured, expected, tolerance):
    agree(measured, expected, **tolerance)


def written_out(text: str) -> list[str]:
    """The comparisons `abs(x - y) < c` of a source, where no interface asks for the reason of c."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Lt | ast.LtE):
            for call in ast.walk(node.left):
                named = isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[-1] in (
                    "abs",
                    "fabs",
                )
                inner = call.args[0] if named and call.args else None
                if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub):
                    found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


def test_no_comparison_of_the_tests_is_written_out():
    assert written_out("assert np.max(np.abs(x / y - 1)) <= 0.5")
    files = [path for path in HERE.rglob("*.py") if path.name not in ("agree.py", "prose_numbers.py")]
    assert {p.name: f for p in files if (f := written_out(p.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize("notebook", notebooks.find(), ids=lambda n: n.name)
def test_no_comparison_of_a_notebook_is_written_out(notebook):
    """There claims.check is the interface; a standard error is named where a cell needs a verdict itself."""
    code = [c.source for c in notebook.read().cells if c.cell_type == "code"]
    found = [line for source in code for line in written_out(source)]
    assert [line for line in found if not re.search(r"error", line.split("<")[1])] == []
