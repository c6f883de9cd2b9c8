"""The registry reads every claim from its notebook; the page shows each with the mistakes that it catches."""

import re

import pytest

from lecturelib import claims
from tests.workshop.test_notebooks import write
from workshop import notebooks
from workshop.audit import command, page, registry

RUN = {
    "notebook": "04", "claims": ["04.half"], "missed": [], "file": "notebook", "old": "a < b",
    "new": "a & b", "why": "a <wrong> sign", "parameters": {"runs": 3}, "key": "k", "seconds": 61.0,
    "other_errors": [],
}  # fmt: skip
SEEDS = [{"claim": "04.half", "held": 9, "seeds": 10, "predicted": "0.99 or more"}]


@pytest.fixture
def entry(tmp_path):
    claim = claims.Claim("04.half", "Is x < y?", 0.5, "at most", 0.25, 0.5, "4 > 3", entries=1200)
    return registry.Registered(write(tmp_path, "04_tiny"), "the slide", "the heading", "the-cell", claim)


def report(*runs):
    line, faults = command.summary(runs, {"04.half"})
    ran = {"date": "2026-01-01", "python": "3.11.7", "libraries": {"jax": "0.6"}, "machine": "Linux, 2 cores"}
    return {"summary": line, "faults": faults, "provenance": ran, "runs": list(runs)}


def words(html):
    return " ".join(re.sub(r"<[^>]*>", " ", html.split("</style>")[1]).split())


def test_the_registry_has_every_claim_of_every_notebook_with_all_its_parts():
    found = registry.claims_of(notebooks.find())
    ids = [entry.claim.id for entry in found]
    assert set(ids) == set().union(*(command.claim_ids(n) for n in notebooks.find()))
    assert len(set(ids)) == len(ids)
    for entry in found:
        assert entry.slide, f"{entry.notebook.name} is not on the README's map"
        assert entry.heading
        assert entry.claim.sentence.endswith((".", "?", "!"))
        assert entry.anchor == f"notebooks/{entry.notebook.name}.html#cell-{entry.cell}"


def test_the_page_shows_claims_mistakes_and_verdicts_and_needs_no_other_file(entry):
    html = page.page([entry], report(RUN), current={"k"})
    assert 'href="lectures/04_tiny.html#cell-id=the-cell"' in html
    assert 'id="audit-04.half"' in html
    assert not re.search(r"<(script|img)|://", html)
    for said in (
        "1 claims, 1 mutants; 1 claims killed, 1 mutants killed, 0 survived",
        "Run on 2026-01-01: Linux, 2 cores, Python 3.11.7, jax 0.6; 1 minutes on one core.",
        "1 of 1 runs are of the programs as they stand now.",
        "04 Title of 04_tiny Slides: the slide",
        "04.half Is x &lt; y? in: the heading 0.50 closest of 1,200 at most 0.25 within 0.50 4 &gt; 3",
        "✓ fails : a &lt;wrong&gt; sign In the notebook, 61 s; runs = 3: a &lt; b becomes a &amp; b",
    ):
        assert said in words(html)


def test_the_part_for_the_site_links_to_its_pages_and_has_the_claims_at_other_seeds(entry):
    html = page.fragment([entry], report(RUN) | {"seeds": SEEDS})
    assert html.startswith("<style>")
    assert 'href="notebooks/04_tiny.html#cell-the-cell"' in html
    assert "04.half 9 of 10 0.99 or more" in words(html)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([RUN | {"missed": ["04.half"]}], "✗ HOLDS"),
        ([], "✗ no mutant"),
        ([RUN, RUN | {"old": "", "missed": ["04.half"]}], "did not hold"),
    ],
)
def test_the_page_says_what_is_wrong(entry, runs, said):
    html = page.fragment([entry], report(*runs))
    assert said in words(html)
    assert "What is wrong" in words(html)
