"""What the site is made of: complete citations, true cards, plans to time, demos that print what they say.

`test_site_built.py` builds the site and opens it.
"""

import ast
import base64
import contextlib
import io
import math
import re
import struct
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from pybtex.database import parse_file

from lecturelib import least_squares as ls
from lecturelib import notebooks
from lecturelib.grading import source
from tools import audit, cell_times
from tools.website import build, cards, claims_page, homework, library, teaching

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "site" / "_ext"))

import plain_docstrings  # noqa: E402  (extensions of Sphinx, found as conf.py finds them)
import stored_notebooks  # noqa: E402

PAPERS = parse_file(ROOT / "site" / "references.bib").entries
CITED = claims_page.citations(ROOT)


class TestCitations:
    """Every claim of the notebooks names a paper that there is, and every paper stands behind a claim."""

    def test_every_claim_is_cited(self):
        claims = {name for notebook in notebooks.find() for name in audit.claim_ids(notebook)}
        assert claims
        assert set(CITED["states"]) | set(CITED["setting"]) == claims

    def test_every_paper_is_cited_and_every_citation_is_a_paper(self):
        keys = {key for role in CITED.values() for papers in role.values() for key in papers}
        assert keys == set(PAPERS)

    @pytest.mark.parametrize("key", sorted(PAPERS))
    def test_a_paper_says_where_it_appeared(self, key):
        fields = PAPERS[key].fields
        assert PAPERS[key].persons["author"]
        assert fields["title"]
        assert (
            re.fullmatch(r"(19|20)\d\d", fields.get("year", "")) or key == "kakade"
        )  # slides without a date
        assert {"journal", "booktitle", "publisher", "eprint", "howpublished"} & set(fields)
        assert re.fullmatch(r"10\.\d{4,}/\S+", fields.get("doi", "10.0000/none"))
        assert re.fullmatch(r"\d{4}\.\d{4,5}", fields.get("eprint", "0000.0000"))

    def test_the_claims_page_has_them_all(self):
        text = claims_page.pages(ROOT)["claims.md"]
        assert set(re.findall(r"`(\d\d\.[^`]+)`", text)) == set(CITED["states"]) | set(CITED["setting"])
        assert set(re.findall(r"\{cite:t\}`([^`]+)`", text)) == set(PAPERS)


CARDS = cards.cards(ROOT)
LIMITS = [(card["slug"], limit) for card in CARDS for limit in card["limit"]]


def true(check, theory=ls) -> bool:
    """Whether the check of a card's limit is true of a theory."""
    names = {
        "ls": theory,
        "np": np,
        "math": math,
        "close": lambda a, b: math.isclose(a, b, rel_tol=1e-9),
        "iso": ls.gaussian(np.ones(50), noise_variance=1.0),
        "decaying": ls.gaussian(1 / np.arange(1, 101)),
    }
    return bool(eval(f"({check.strip()})", names))


class TestCards:
    """A card's limits are computed, its function and its claims are there."""

    @pytest.mark.parametrize(("slug", "limit"), LIMITS, ids=lambda x: x if isinstance(x, str) else x["when"])
    def test_a_limit_is_true(self, slug, limit):
        assert true(limit["check"])

    @pytest.mark.parametrize(("slug", "limit"), LIMITS, ids=lambda x: x if isinstance(x, str) else x["when"])
    def test_a_limit_is_false_of_a_theory_that_is_off_by_a_hundredth(self, slug, limit):
        class Off:
            def __getattr__(self, name):
                right = getattr(ls, name)
                if name in ("gaussian", "one_hot"):
                    return right
                if name == "critical_batch_sizes":
                    return lambda *a: type("Sizes", (), {"noise_scale": right(*a).noise_scale * 1.01})
                return lambda *a, **k: right(*a, **k) * 1.01

        if "> 1e6" in limit["check"] or ">= 1" in limit["check"]:
            pytest.skip("says only that something is large")
        assert not true(limit["check"], Off())

    def test_every_quantity_has_a_card_with_limits_claims_and_failures(self):
        needed = {
            "maximal-learning-rate",
            "critical-batch-size",
            "variance-floor",
            "noise-scale",
            "delay-threshold",
        }
        assert needed <= {card["slug"] for card in CARDS}
        assert all(card["limit"] and card["claims"] and card["fails"] for card in CARDS)

    def test_a_card_shows_its_functions_docstring(self):
        doc = cards.docstring(ROOT, "lecturelib.theory.stability.critical_batch_size")
        assert doc.summary.startswith("How many examples a batch can hold")
        assert doc.formula.startswith("b_c = eta_max(inf) / eta_max(1)")
        assert doc.example.endswith("52.0")

    def test_a_function_that_is_not_there_is_refused(self):
        with pytest.raises(ValueError, match=r"lecturelib\.theory\.stability\.nothing is not a function"):
            cards.docstring(ROOT, "lecturelib.theory.stability.nothing")


CELLS = {f"{n.number}:{c.id}" for n in notebooks.find() for c in n.read().cells}
TIMES = cell_times.read()[1]
PLANS = teaching.read(ROOT, "plans")
DEMOS = teaching.read(ROOT, "demos")


class TestTeaching:
    """Plans fill their time and leave room for talk; demos print what they say; every cell named is there."""

    @pytest.mark.parametrize("plan", PLANS, ids=lambda p: p["slug"])
    def test_a_plan_fills_its_minutes(self, plan):
        assert sum(block["minutes"] for block in plan["blocks"]) == plan["minutes"]

    @pytest.mark.parametrize("plan", PLANS, ids=lambda p: p["slug"])
    def test_running_cells_leaves_time_to_talk(self, plan):
        for block in plan["blocks"]:
            assert teaching.seconds(TIMES, block["run"]) <= 60 * block["minutes"] / 3

    def test_times_are_of_the_notebooks_as_they_are(self):
        code = {(n.number, c.id) for n in notebooks.find() for c in n.read().cells if c.cell_type == "code"}
        used = {tuple(cell.split(":")) for plan in PLANS for block in plan["blocks"] for cell in block["run"]}
        assert used <= set(TIMES) & code
        assert all(seconds >= 0 for seconds in TIMES.values())
        assert sum(TIMES.values()) > 10  # seconds; a clock that is read before the work shows next to nothing

    def test_every_cell_named_is_there(self):
        named = [block["start"] for plan in PLANS for block in plan["blocks"]]
        named += [demo["cell"] for demo in DEMOS]
        for table in ("misconceptions", "exam"):
            named += [cell for entry in teaching.read(ROOT, table) for cell in entry["cells"]]
        assert set(named) <= CELLS

    @pytest.mark.parametrize("demo", DEMOS, ids=lambda d: d["title"])
    def test_a_demo_prints_what_it_says(self, demo):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(ast.parse(demo["code"]), demo["title"], "exec"), {})
        assert printed.getvalue().strip() == demo["prints"].strip()


class TestHomework:
    """The site shows the student's version."""

    MADE = homework.pages(ROOT)

    @pytest.mark.parametrize("path", source.find(), ids=lambda p: p.parent.name)
    def test_no_solution_is_shown(self, path):
        shown = self.MADE[f"homework/{path.parent.name}.ipynb"]
        text = "\n".join(cell.source for cell in nbformat.reads(shown, as_version=4).cells)
        cells = nbformat.read(path, as_version=4).cells
        hidden = [
            line.strip()
            for cell in cells
            for region in re.findall(r"### BEGIN SOLUTION(.*?)### END SOLUTION", cell.source, re.DOTALL)
            for line in region.splitlines()
        ]
        given = "\n".join(c.source for c in cells if "### BEGIN SOLUTION" not in c.source)
        assert hidden
        assert not [line for line in hidden if len(line) > 20 and line in text and line not in given]
        assert "BEGIN SOLUTION" not in text
        assert "q1_check" not in text  # the grader's cell


class TestExtensions:
    """What site/_ext makes of figures and docstrings."""

    PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 320)

    def cell(self, **facts):
        output = {"output_type": "display_data", "data": {"image/png": base64.b64encode(self.PNG).decode()}}
        output["metadata"] = {"image/png": facts}
        return {"cells": [{"cell_type": "code", "id": "curve", "source": "", "outputs": [output]}]}

    def test_a_figure_with_a_dark_one_and_numbers(self):
        dark = base64.b64encode(self.PNG + b"dark").decode()
        page, files = stored_notebooks.page_of(
            self.cell(alt="A <curve>", dark=dark, csv="x,y\n1,2\n"), "05", "../"
        )
        html = page["cells"][0]["outputs"][0]["data"]["text/html"]
        assert set(files) == {"05-curve.png", "05-curve.dark.png", "05-curve.csv"}
        assert files["05-curve.dark.png"].endswith(b"dark")
        assert html.count('alt="A &lt;curve&gt;"') == 2
        assert 'class="only-light" src="../_images/figures/05-curve.png"' in html
        assert 'class="only-dark" src="../_images/figures/05-curve.dark.png"' in html
        assert 'width="640" height="320"' in html
        assert '<a href="../_images/figures/05-curve.csv" download>numbers (CSV)</a>' in html

    def test_a_figure_without_a_dark_one_stands_on_a_mat(self):
        page, files = stored_notebooks.page_of(self.cell(alt="A curve"), "05", "../")
        html = page["cells"][0]["outputs"][0]["data"]["text/html"]
        assert 'class="on-mat"' in html
        assert "only-" not in html
        assert "csv" not in html
        assert set(files) == {"05-curve.png"}

    def test_a_figure_without_alternative_text_is_refused(self):
        with pytest.raises(ValueError, match="05-curve has no alternative text"):
            stored_notebooks.page_of(self.cell(), "05", "../")

    @pytest.mark.parametrize("number", stored_notebooks.ASKED)
    def test_what_is_asked_stands_right_before_the_figure(self, number):
        (notebook,) = notebooks.select([number])
        cells = stored_notebooks.page_of(notebook.read(), number, "../")[0]["cells"]
        sources = [cell["source"] for cell in cells]
        for label, name in stored_notebooks.ASKED[number].items():
            at = [cell["id"] for cell in cells].index(label)
            assert f'data-predict="{name}"' in sources[at - 1]
            assert any("lecture-figure" in o["data"].get("text/html", "") for o in cells[at]["outputs"])
        assert sum("modules[" in source for source in sources) == 1

    def test_a_docstring_shows_what_it_says(self):
        lines = [
            "Sum of |x|.",
            "",
            "    a * b",
            "",
            "The w_ of `x_`, *all*:",
            "- 1 / 2 is",
            "less.",
            "",
            ">>> 2 * 2",
            "4",
        ]
        shown = plain_docstrings.plain(lines)
        assert shown[0] == r"Sum of \|x\|."
        assert shown[shown.index("    a * b") - 2] == ".. code-block:: text"
        assert r"The w\_ of `x_`, \*all\*:" in shown
        assert r"\- 1 / 2 is" in shown
        assert shown[-2:] == [">>> 2 * 2", "4"]


class TestGathering:
    """The folder that Sphinx reads."""

    def test_it_holds_exactly_the_pages_and_leaves_unchanged_ones_alone(self, tmp_path):
        build.gather({"a.md": b"one", "b/c.md": b"two"}, tmp_path)
        before = (tmp_path / "a.md").stat().st_mtime_ns
        build.gather({"a.md": b"one", "d.md": b"three"}, tmp_path)
        assert (tmp_path / "a.md").stat().st_mtime_ns == before
        assert sorted(p.name for p in tmp_path.rglob("*.md")) == ["a.md", "d.md"]

    def test_every_module_of_the_map_has_a_page(self):
        named = {name for group in library.groups(ROOT).values() for name in group["modules"]}
        linked = re.findall(r"\(lecturelib/(\w+)\.py\)", (ROOT / "README.md").read_text(encoding="utf-8"))
        assert set(linked) <= named
