"""Formulas are shown as formulas, and nothing that a student writes becomes anything else."""

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.marks import first_quick
from workshop.grading import formulas, source


def test_every_formula_of_the_assignments_is_shown_as_one():
    texts = [c.source for p in source.find() for c in source.read(p).cells if c.cell_type == "markdown"]
    shown = "\n".join(map(formulas.shown, texts))
    assert shown.count("<math") > 300
    left = re.sub(r"<math.*?</math>|`[^`\n]*`", "", shown, flags=re.DOTALL)
    assert re.findall(r"\$[^$\n]{0,80}", left) == []


@pytest.mark.parametrize(
    "text",
    ["costs $5 or $6", r"\$x\$", "$ x $", "$$", "$a", r"$\nosuchword$", "$" + "x" * 2000 + "$"],
)
def test_what_is_no_formula_stays_as_it_is(text):
    assert formulas.shown(text) == text
    assert "<math" in formulas.shown(f"{text} and $x_1$".replace("$$ and", "and")) or "$" in text


WORDS = st.sampled_from(
    [
        *"${}_^&<>\"'\\ a1",
        "\\frac",
        "\\text",
        "\\href",
        "\\sqrt",
        "\\left(",
        "\\begin{matrix}",
        "<script>",
        "onload=",
    ]
)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=30).map("".join))
@example("$\\text{<script>alert(1)</script>}$")
@example("$\\href{javascript:alert(1)}{x}$")
@example("$" + "{" * 900 + "$")
@example("$" + "\\sqrt" * 190 + "$")
def test_nothing_but_formulas_becomes_markup(text):
    shown = formulas.shown(text)
    outside = re.sub(r"</?m[a-z]+( [a-z]+=\"[^\"<>&]*\")*/?>", "", shown)
    assert "<" not in outside
    assert not re.search(r"<[^>]*(href|src|style| on)", shown)


@first_quick("tex", ["a" * 500, "{" * 500, "\\sqrt" * 100, "x_" * 250, "a " * 250, "\\left(" * 83])
def test_no_text_of_a_students_takes_long(tex):
    start = time.process_time()
    formulas.shown(" ".join(f"${tex[:-3]}{n}$" for n in range(1000)))
    assert time.process_time() - start < 60  # 7 s at most on a laptop; all 1000 would take 500
