"""Tolerances: those too wide to fail are refused while the tests run, in their source, and in the claims."""

import ast
import math
import re
from pathlib import Path

import numpy as np
import pytest

from lecturelib import notebooks
from tests import tolerances
from tests.tolerances import Source, TooWide, written_out
from tools.audit_registry import LINE

HERE = Path(__file__).parent
FLOAT32_ROOT = 4e-4  # the root of float32's rounding: no honest zero of the lecture is further off


def test_a_literal_tolerance_of_a_tenth_is_refused_in_every_function():
    with pytest.raises(TooWide, match=r"test_tolerances.py, line \d+: the tolerance is a tenth"):
        assert pytest.approx(0.0339, abs=0.05) == 0.0  # seen in the wild: zero passes
    with pytest.raises(TooWide):
        assert pytest.approx([1.0, 0.01], abs=0.001) == [1.0, 0.01]
    with pytest.raises(TooWide):
        assert pytest.approx({"a": 1.0}, rel=0.1) == {"a": 1.0}
    with pytest.raises(TooWide):
        np.testing.assert_allclose([1.0, 1e-6], [1.0, 1e-6], rtol=0, atol=1e-6)
    with pytest.raises(TooWide):
        np.testing.assert_allclose(1.0, 1.0, 0.2)
    with pytest.raises(TooWide):
        assert np.allclose(1.0, 1.0, atol=0.2)
    with pytest.raises(TooWide):
        assert np.isclose(0.0, 0.0, atol=0.2)
    with pytest.raises(TooWide):
        assert math.isclose(1.0, 1.05, rel_tol=0.1)


def test_narrow_derived_and_failing_comparisons_pass_through():
    assert pytest.approx(0.0339, abs=0.003) == 0.0339
    np.testing.assert_allclose([1.0, 0.0], [1.0, 0.0], rtol=0, atol=1e-6)
    standard_error = 0.2
    tolerance = 4 * standard_error
    assert pytest.approx(1.0, abs=tolerance) == 1.7
    np.testing.assert_allclose(1.0, 1.7, atol=tolerance)
    assert not np.allclose(1.0, 2.0, atol=0.5)  # that it differs by more than a half is not too wide
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(1.0, 2.0, atol=0.5)


@pytest.mark.parametrize(
    ("tolerance", "derived"),
    [
        ("0.05", False),
        ("tolerance", False),
        ("4 * standard_error", True),
        ("found.risk.standard_error", True),
        ("8 * np.sqrt(EPS)", True),
        ("64 * np.finfo(float).eps", True),
        ("4 * np.max(errors)", True),
        ("by_name", True),
        ("0.1 + abs(curve - 1)", False),  # the start error enters the curve and not the tolerance
        ("start_error", False),
        ("step", False),
    ],
)
def test_what_is_derived(tolerance, derived):
    source = Source("tolerance = 0.05\nby_name = 2 * rounding\ncurve = risk(error=1)\nstep = depths\n")
    assert source.is_derived(ast.parse(tolerance).body[0].value) == derived


@pytest.mark.parametrize(
    ("comparison", "refused"),
    [
        ("abs(x - 0.0339) < 0.05", True),
        ("abs(x - 0.0339) < 0.003", False),
        ("np.max(np.abs(x / y - 1)) <= 0.5", True),
        ("np.abs(x - y).max() < 0.01", True),  # nobody knows here how large y is
        ("abs(x - y) < 1e-8 * size", False),
        ("abs(x - y) < 4 * standard_error", False),
        ("abs(x - y) > 0.5", False),
        ("abs(x) < 0.5", False),
    ],
)
def test_comparisons_written_out(comparison, refused):
    assert bool(written_out(f"assert {comparison}")) == refused


@pytest.mark.parametrize("path", sorted(HERE.rglob("*.py")), ids=lambda p: p.name)
def test_no_comparison_of_the_tests_is_too_wide(path):
    """Those of the wrapped functions are judged where they run: the guard is on."""
    if path != Path(__file__):
        assert written_out(path.read_text(encoding="utf-8")) == []
    assert pytest.approx.guarded
    assert np.testing.assert_allclose.guarded


@pytest.mark.parametrize("notebook", notebooks.find(), ids=lambda n: n.name)
def test_no_comparison_of_a_notebook_is_too_wide(notebook):
    code = [c.source for c in notebook.read().cells if c.cell_type == "code"]
    assert [o for source in code for o in written_out(source)] == []


def unjustified(line: str) -> bool:
    """Whether a printed claim has a tolerance of a tenth or more and does not say of which standard error.

    Zero has no tenth: there the reason names a rounding, and the tolerance is no larger than float32's.
    """
    claim = LINE.match(line)
    if not claim or not claim["tolerance"]:
        return False
    expected, tolerance = (
        float(claim[name].strip("≈").replace(",", "")) for name in ("expected", "tolerance")
    )
    if expected == 0 and re.search(r"round|float|accuracy", claim["because"]):
        return tolerance > FLOAT32_ROOT
    wide = tolerances.too_wide(expected, tolerance) and tolerance > 0
    return wide and "standard error" not in claim["because"]


@pytest.mark.parametrize("notebook", notebooks.find(), ids=lambda n: n.name)
def test_a_wide_tolerance_of_a_claim_is_a_standard_error(notebook):
    outputs = [o for c in notebook.read().cells for o in c.get("outputs", [])]
    lines = [line for o in outputs for line in o.get("text", "").splitlines() if " holds: " in line]
    assert lines
    assert all(map(LINE.match, lines))
    wide = {LINE.match(line)["id"] for line in lines if unjustified(line)}
    assert wide == set()


@pytest.mark.parametrize(
    ("numbers", "refused"),
    [
        ("measured 0.03, expected 0.034 within 0.050 (close enough)", True),
        ("measured 0.03, expected 0.034 within 0.050 (4 standard errors over 20 seeds)", False),
        ("closest of 9: measured 0.03, at most 0.034 within 0.050 (a margin)", True),
        ("measured 3,030, expected 3,034 within 50 (counting)", False),
        ("measured 1e-9, expected 0.0000000 within 1.2e-07 (float32 rounding)", False),
        ("measured 0.02, expected 0.000 within 0.050 (float32 rounding)", True),
        ("measured 0.02, expected 0.000 within 1.0e-07 (it is small)", False),
        ("measured 0.02, expected 0.000 within 0.050 (it is small)", True),
        ("measured 3, at most 4 (five at least)", False),
    ],
)
def test_which_claims_are_refused(numbers, refused):
    assert unjustified(f"claim 04.half holds: Heads come up half the time. [{numbers}]") == refused
