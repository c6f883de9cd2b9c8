"""The registry reads every claim from its notebook; the page shows each with the mistakes that it catches."""

import re
from html.parser import HTMLParser

import nbformat
import pytest

from lecturelib import claims, notebooks
from tests.test_notebooks import write
from tools import audit, audit_page, audit_registry

RUN = {
    "notebook": "04", "claims": ["04.half-is-a-rate"], "missed": [], "file": "notebook", "old": "a < b",
    "new": "a & b", "why": "a <wrong> sign", "parameters": {"runs": 3}, "key": "k", "seconds": 61.0,
    "other_errors": [],
}  # fmt: skip


def report(*runs):
    line, faults = audit.summary(runs, {"04.half-is-a-rate"})
    ran = {"date": "2026-01-01", "python": "3.11.7", "libraries": {"jax": "0.6"}, "machine": "Linux, 2 cores"}
    return {"summary": line, "faults": faults, "provenance": ran, "runs": list(runs)}


class Tags(HTMLParser):
    """Open tags that were not closed, and every id."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in ("br", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_registry_has_every_claim_of_every_notebook_with_all_its_parts():
    found = audit_registry.claims_of(notebooks.find())
    ids = [claim.id for claim in found]
    assert set(ids) == set().union(*(audit.claim_ids(n) for n in notebooks.find()))
    assert len(set(ids)) == len(ids)
    for claim in found:
        assert claim.slide, f"{claim.notebook.name} is not on the README's map"
        assert claim.heading
        assert claim.sentence.endswith((".", "?", "!"))
        assert claim.measured
        assert claim.expected
        assert claim.because
        assert claim.anchor == f"notebooks/{claim.notebook.name}.html#cell-{claim.cell}"


@pytest.mark.parametrize("line", ["claim 01.a holds: S. [measured 1]", "claim 01.a holds: nothing more"])
def test_a_line_of_another_form_is_refused(tmp_path, line):
    with pytest.raises(ValueError, match="not the line of a claim"):
        audit_registry.claims_of([printing(tmp_path, line)])


def test_a_line_is_taken_apart(tmp_path, capsys):
    values = {"measured": [1, 2.5], "equals": [1, 2], "tolerance": 1, "because": "(a) [b]"}
    claims.check("01.a", "Is it (so)?", **values)
    (claim,) = audit_registry.claims_of([printing(tmp_path, capsys.readouterr().out)])
    assert (claim.id, claim.sentence, claim.entries) == ("01.a", "Is it (so)?", 2)
    assert (claim.measured, claim.relation, claim.expected) == ("2.5", "expected", "2.0")
    assert (float(claim.tolerance), claim.because) == (1.0, "(a) [b]")


def printing(folder, text):
    """A notebook whose stored output is this text."""
    made = write(folder, "01_tiny", "a = 1  # any")
    contents = made.read()
    contents.cells[1].outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
    nbformat.write(contents, made.path)
    return made


def test_the_page_shows_claims_mistakes_and_verdicts_and_needs_no_other_file():
    chosen = [n for n in notebooks.find() if n.number == "04"]
    text = audit_page.page(audit_registry.claims_of(chosen), report(RUN), current={"k"})
    tags = Tags(text)
    assert tags.open == []
    assert {f"audit-{name}" for name in audit.claim_ids(chosen[0])} <= set(tags.ids)
    assert "1 claims, 1 mutants; 1 claims killed, 1 mutants killed, 0 survived" in text
    assert "a &lt;wrong&gt; sign" in text
    assert "<pre>a &lt; b</pre>" in text
    assert "<pre>a &amp; b</pre>" in text
    assert "1 of 1 runs are of the programs as they stand now" in text
    assert not re.search(r"<(script|link|img)|://", text)
    for link in re.findall(r'href="([^"#]+)#cell-id=([^"]+)"', text):
        assert link[0] == "lectures/04_mini_batching.html"
        assert link[1] in [cell.id for cell in chosen[0].read().cells]


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([RUN | {"missed": ["04.half-is-a-rate"]}], "✗ HOLDS"),
        ([], "✗ no mutant"),
        ([RUN, RUN | {"old": "", "missed": ["04.half-is-a-rate"]}], "did not hold"),
    ],
)
def test_the_page_says_what_is_wrong(runs, said):
    chosen = [n for n in notebooks.find() if n.number == "04"]
    found = report(*runs)
    text = audit_page.page(audit_registry.claims_of(chosen), found)
    assert said in text
    assert "<h2>What is wrong</h2>" in text
