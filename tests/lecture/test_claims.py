"""A claim that holds prints one stable line; every way of being false, or of checking nothing, raises."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter

from lecturelib import badges, claims, records

SURE = {"tolerance": 0.1, "because": "a test"}


def test_line_names_all_that_a_reader_needs(capsys):
    claims.check(
        "08.a-b", "It is half.", measured=0.496, equals=0.5, tolerance=0.02, because="4 standard errors"
    )
    line = capsys.readouterr().out
    assert line == (
        "claim 08.a-b holds: It is half. [measured 0.496, expected 0.500 within 0.020 (4 standard errors)]\n"
    )


def test_a_claim_at_the_end_of_a_cell_shows_nothing_but_its_line():
    claim = claims.check("08.a", "S.", measured=0.5, equals=0.5, **SURE)
    data, _ = DisplayFormatter().format(claim)
    assert data == {}


def test_unstable_numbers_are_marked_and_the_verdict_is_not(capsys):
    claims.check("08.a", "It falls.", measured=0.3, at_most=0.5, stable=False, **SURE)
    line = capsys.readouterr().out
    assert "claim 08.a holds: It falls." in line
    assert "measured ≈0.30, at most ≈0.50 within ≈0.10" in line


@pytest.mark.parametrize(
    "wrong",
    [
        {"measured": 0.7, "equals": 0.5},
        {"measured": 0.3, "equals": 0.5},
        {"measured": 0.7, "at_most": 0.5},
        {"measured": 0.3, "at_least": 0.5},
        {"measured": math.nan, "equals": 0.5},
        {"measured": math.nan, "at_most": 0.5},
        {"measured": math.nan, "at_least": 0.5},
        {"measured": 0.5, "equals": math.nan},
        {"measured": [0.5, 0.7], "equals": 0.5},
        {"measured": [0.5, math.nan], "equals": [0.5, 0.5]},
        {"measured": math.inf, "equals": 0.5},
        {"measured": -math.inf, "at_least": 0.5},
    ],
)
def test_false_claims_leave_their_record_and_fail(wrong):
    failed = pytest.raises(claims.ClaimFailed, match=r"08\.a does not hold at these .*: S\. .*measured")
    with records.collected() as outputs, failed:
        claims.check("08.a", "S.", **wrong, **SURE)
    (claim,) = claims.of_cell({"outputs": outputs})
    assert not claim.verdict


@pytest.mark.parametrize("strict", ["", "0", "1"])
def test_only_where_the_environment_is_strict_a_false_claim_stops_its_reader(strict, monkeypatch, capsys):
    monkeypatch.setenv("LECTURE_STRICT", strict)
    known = {"domain": "tried down to 50 runs; fails at 20"}
    if strict == "1":
        with pytest.raises(claims.ClaimFailed, match="does not hold"):
            claims.check("08.a", "S.", measured=0.7, equals=0.5, **SURE, **known)
    else:
        assert not claims.check("08.a", "S.", measured=0.7, equals=0.5, **SURE, **known).verdict
    assert capsys.readouterr().out == (
        "claim 08.a does not hold at these parameters: S. [measured 0.70, expected 0.50 within 0.10 (a test)"
        "; exactly: measured 0.7, expected 0.5, tolerance 0.1; tried down to 50 runs; fails at 20]\n"
    )


@pytest.mark.parametrize("strict", ["", "1"])
def test_what_a_false_claim_looks_like_can_be_shown_in_both_modes(strict, monkeypatch, capsys):
    monkeypatch.setenv("LECTURE_STRICT", strict)
    with records.collected() as outputs:
        shown = claims.check("08.a", "S.", measured=0.7, equals=0.5, record=False, **SURE)
    assert (outputs, capsys.readouterr().out) == ([], "")
    assert shown.line.startswith(
        "claim 08.a does not hold at these parameters: S. [measured 0.70, expected 0.50"
    )


def test_the_summary_counts_the_last_run_of_each_claim_and_shows_those_that_do_not_hold(monkeypatch, capsys):
    monkeypatch.delenv("LECTURE_STRICT")
    monkeypatch.setattr(claims, "_checked", {})
    for name, measured in (("08.a", 0.7), ("08.b", 0.5), ("08.a", 0.5), ("08.b", 0.9)):
        claims.check(name, f"S <{name}>.", measured=measured, equals=0.5, **SURE)
    capsys.readouterr()
    with records.collected() as (outputs):
        claims.summary()
    (data,) = [output["data"] for output in outputs]
    first, false = data["text/plain"].splitlines()
    assert first == "1 of 2 claims holds"
    assert false.startswith("claim 08.b does not hold")
    assert data["text/html"].index("✗ does not hold:</b> S &lt;08.b&gt;.") < data["text/html"].index("08.a")


def test_a_badge_says_all_that_the_line_says_and_the_rest_is_folded():
    about = {"because": "4 <errors>", "setting": "white noise", "domain": "2 to 50 runs"}
    claim = claims.check(
        "08.a", "S & T.", measured=[0.51, 0.5], equals=0.5, tolerance=0.02, record=False, **about
    )
    shown, folded = badges.badge(claim).split("</summary>")
    assert " open>" not in shown
    assert "✓" in shown
    for words in (
        "S &amp; T.",
        "Measured 0.510, expected 0.500 ±&nbsp;0.020 (closest of 2): 4 &lt;errors&gt;",
        "white",
    ):
        assert words in shown
    assert "2 to 50 runs" in folded
    assert f'href="{badges.SITE}audit.html#audit-08.a"' in folded
    site = badges.badge(claim, ["a <sum> for a mean", "a factor of 2"], "../")
    assert (
        '<a href="../audit.html#audit-08.a">2 wrong programs</a>: a &lt;sum&gt; for a mean; a factor of 2.'
        in site
    )
    bound = claims.check("08.a", "S.", measured=1.0, at_most=0.5, record=False, because="so")
    assert " open>" in badges.badge(bound)
    assert "✗ does not hold at these parameters:" in badges.badge(bound)
    assert "Measured 1, at most 0.500:" in badges.badge(bound)


def test_an_array_is_kept_whole_unless_it_is_too_long():
    with records.collected() as outputs:
        claims.check("08.a", "S.", measured=[[0.5, math.inf], [0.4, 1]], at_least=0.4, because="x")
        claims.check("08.b", "S.", measured=np.ones(claims.MOST_ENTRIES + 1), equals=1, because="x")
        claims.check("08.c", "S.", measured=1, equals=1, because="x")
    first, *others = claims.of_cell({"outputs": outputs})
    assert first.each == (0.5, math.inf, 0.4, 1.0)
    assert [claim.each for claim in others] == [(), ()]


def test_the_entry_closest_to_failing_is_reported():
    claim = claims.check("08.a", "S.", measured=[1.0, 2.05, 3.0], equals=[1, 2, 3], **SURE)
    assert (claim.measured, claim.expected, claim.entries) == (2.05, 2.0, 3)
    with pytest.raises(claims.ClaimFailed, match=r"measured 9\.0, expected 3\.0"):
        claims.check("08.a", "S.", measured=[1.0, 2.05, 9.0], equals=[1, 2, 3], **SURE)


@pytest.mark.parametrize("last_bits", [(2e-16, 0.0), (0.0, 2e-16)])
def test_rounding_does_not_choose_which_entry_is_reported(last_bits):
    """As another processor would: the printed line must stay the same."""
    exact = {"equals": [0.25, 0.5], "tolerance": 1e-10, "because": "float64 rounding"}
    assert claims.check("08.a", "S.", measured=np.add([0.25, 0.5], last_bits), **exact).expected == 0.25
    bound = {"at_most": 1.0, "because": "it is a sum of squares"}
    assert claims.check("08.a", "S.", measured=np.add([0.5, 0.5], last_bits), **bound).measured == (
        0.5 + last_bits[0]
    )
    assert claims.check("08.a", "S.", measured=[0.5, math.inf, 1], at_least=0, because="x").measured == 0.5


@pytest.mark.parametrize(
    ("malformed", "message"),
    [
        ({"id": "8.a"}, "two digits"),
        ({"id": "08.A b"}, "two digits"),
        ({"sentence": " "}, "give a sentence"),
        ({"because": ""}, "where the tolerance comes from"),
        ({"equals": None}, "exactly one"),
        ({"at_most": 1.0}, "exactly one"),
        ({"measured": []}, "nothing was measured"),
        ({"measured": [1, 2, 3], "equals": [1, 2]}, "shapes"),
        ({"tolerance": -1.0}, "not negative"),
        ({"tolerance": math.nan}, "finite"),
        ({"tolerance": math.inf}, "finite"),
    ],
)
def test_malformed_claims_are_refused(malformed, message):
    good = {"id": "08.a", "sentence": "S.", "measured": 0.5, "equals": 0.5, **SURE}
    claims.check(**good)
    arguments = good | malformed
    with pytest.raises(ValueError, match=message):
        claims.check(arguments.pop("id"), arguments.pop("sentence"), **arguments)


@given(st.floats(-1e6, 1e6), st.floats(0.0, 10.0), st.floats(-20.0, 20.0))
def test_a_claim_holds_exactly_when_the_definition_says_so(expected, tolerance, shift):
    measured = expected + shift
    arguments = {"measured": measured, "tolerance": tolerance, "because": "a test"}
    for relation, excess in [
        ("equals", abs(measured - expected)),
        ("at_most", measured - expected),
        ("at_least", expected - measured),
    ]:
        try:
            claims.check("08.a", "S.", **{relation: expected}, **arguments)
            held = True
        except claims.ClaimFailed:
            held = False
        assert held == (tolerance - excess >= 0)


@pytest.mark.parametrize(
    ("value", "options", "text"),
    [
        (0.123456, {}, "0.123"),
        (0.123456, {"error": 0.02}, "0.123"),
        (0.123456, {"error": 3}, "0.1"),
        (1234567.0, {}, "1,234,567"),
        (1234.5678, {"digits": 6}, "1,234.57"),
        (0.0, {}, "0"),
        (-0.001, {"error": 0.2}, "0.00"),
        (2.5e-9, {}, "2.50e-09"),
        (math.nan, {}, "nan"),
        (7, {"stable": False}, "≈7"),
        (np.float32(0.5), {}, "0.500"),
    ],
)
def test_numbers_are_rounded_to_what_their_error_allows(value, options, text):
    assert claims.number(value, **options) == text


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 1e300) | st.none())
def test_every_number_can_be_printed(value, error):
    assert claims.number(value, error)
