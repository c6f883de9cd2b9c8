"""Questions: one record, true to what was computed, readable without kernel or script."""

import re

import pytest

from lecturelib import claims, questions, records

WHY = "Because."
CURVE = {"labels": ("b", "steps"), "domain": (1, 100), "explanation": WHY}


def choice(**answers):
    return questions.choice("04.coin", "How often?", answers, explanation=WHY)


def number(value=3.0, tolerance=0.5):
    return questions.number("04.much", "How much?", value, tolerance=tolerance, unit="%", explanation=WHY)


def curve(truth=(80, 40, 20, 10, 5)):
    return questions.curve("04.fall", "How does it fall?", [1, 2, 4, 8, 16], truth, **CURVE)


def asked(ask):
    """What a kind of question leaves in a cell: its record, and then its answer."""
    with records.collected() as outputs:
        ask().answer()
    return outputs


@pytest.mark.parametrize("ask", [lambda: choice(a=False, b=True), number, curve])
def test_a_record_can_be_read_back_and_the_answer_comes_after_it(ask):
    question, answer = asked(ask)
    (found,) = questions.of_cell({"outputs": [question]})
    with records.collected():
        assert found == ask()
    assert WHY not in question["data"]["text/html"]
    assert "<details" in answer["data"]["text/html"]
    assert " open" not in answer["data"]["text/html"]
    assert f"{found.solution}." in answer["data"]["text/html"]
    for output in (question, answer):
        assert not re.search("<script|onclick", output["data"]["text/html"])  # JupyterLab drops them


@pytest.mark.parametrize(
    ("ask", "fields"), [(lambda: choice(a=False, b=True), 2), (number, 1), (curve, questions.ASKED_AT)]
)
def test_every_field_has_a_name(ask, fields):
    html = asked(ask)[0]["data"]["text/html"]
    assert len(re.findall(r"<label[^>]*>[^<]*<input[^>]*>[^<]*</label>", html)) == fields
    assert "<legend>" in html


def test_the_answer_follows_what_was_computed(monkeypatch):
    """Stale answers are the fault: with other arrays, another answer, or none."""
    monkeypatch.delenv(claims.STRICT, raising=False)
    with records.collected():
        assert choice(a=False, b=True).solution == "b"
        assert choice(a=True, b=False).solution == "a"
        assert choice(a=True, b=True).solution == choice(a=False, b=False).solution
        assert number(4.25).solution == "4.25 %"
        assert curve([80, 40, 20, 10, 7]).solution.endswith("7 at 16")


@pytest.mark.parametrize("answers", [{"a": True, "b": True}, {"a": False, "b": False}])
def test_a_strict_run_refuses_answers_of_which_not_exactly_one_is_true(answers, monkeypatch):
    monkeypatch.setenv(claims.STRICT, "1")
    with pytest.raises(ValueError, match=r"question 04\.coin: [02] of its answers are true"):
        choice(**answers)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: choice(a=True), "1 answers; give two to four"),
        (lambda: questions.choice("coin", "?", {"a": True, "b": False}, explanation=WHY), "id='coin'"),
        (lambda: questions.choice("04.a", "So.", {"a": True, "b": False}, explanation=WHY), "question mark"),
        (lambda: questions.choice("04.a", "So?", {"a": True, "b": False}, explanation=" "), "explanation"),
        (lambda: number(float("nan")), "value=nan"),
        (lambda: number(tolerance=0), "tolerance > 0"),
        (lambda: curve([80, 40, 20, 10]), "got 5 x, 4"),
        (lambda: curve([80, 40, 20, 10, float("inf")]), "finite"),
        (lambda: curve([80, 40, 20, 10, 0.5]), "does not hold the truth"),
    ],
)
def test_what_is_refused(ask, message):
    with pytest.raises(ValueError, match=message):
        ask()
