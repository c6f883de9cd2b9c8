"""What the site is made of: complete citations, true cards, plans to time, demos that print what they say.

`test_site_built.py` builds the site and opens it.
"""

import ast
import contextlib
import html
import importlib
import inspect
import io
import json
import math
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from pybtex.database import parse_file

from lecturelib import badges, claims, questions, records
from lecturelib import least_squares as ls
from lecturelib.plots import outputs as shown
from tests.agree import agree
from tests.marks import first_quick
from workshop import folding, notebooks
from workshop.audit import command
from workshop.grading import source
from workshop.site import (
    build,
    cards,
    cell_times,
    claims_page,
    homework,
    notebook_map,
    question_sheet,
    related,
    slides,
    teaching,
    verdicts_page,
)

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "site" / "_ext"))

import stored_notebooks  # noqa: E402  (an extension of Sphinx, found as conf.py finds it)

PAPERS = parse_file(ROOT / "site" / "references.bib").entries
CITED = claims_page.citations(ROOT)


class TestCitations:
    """Every claim of the notebooks names a paper that there is, and every paper stands behind a claim."""

    def test_every_claim_is_cited(self):
        claims = {name for notebook in notebooks.find() for name in command.claim_ids(notebook)}
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

    def test_the_page_of_verdicts_has_them_all_with_papers_that_are_known(self):
        text = verdicts_page.pages(ROOT)["verdicts.md"]
        cited = re.findall(r"^- .*\{cite:t\}`([^`]+)`", text, re.MULTILINE)
        assert len(cited) >= 20
        assert set(cited) == set(CITED["setting"]["12.verdicts"])
        assert text.count("the verdict needs at ") == len(cited)
        assert text.count("**HOLDS") + text.count("**FAILS IF") + text.count("**NOT TESTABLE") == len(cited)


CARDS = cards.cards(ROOT)
LIMITS = [(card["slug"], limit) for card in CARDS for limit in card["limit"]]


def close(a, b) -> bool:
    try:
        agree(a, b, relative=1e-9)
    except AssertionError:
        return False
    return True


def true(check, theory=ls) -> bool:
    """Whether the check of a card's limit is true of a theory."""
    names = {
        "ls": theory,
        "np": np,
        "math": math,
        "close": close,
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
        doc = cards.docstring("lecturelib.least_squares.stability.critical_batch_size")
        assert doc.summary.startswith("How many examples a batch can hold")
        assert doc.formula.startswith("b_c = eta_max(inf) / eta_max(1)")
        assert doc.example.endswith("52.0")

    def test_a_function_that_is_not_there_is_refused(self):
        with pytest.raises(
            ValueError, match=r"lecturelib\.least_squares\.stability\.nothing is not a function"
        ):
            cards.docstring("lecturelib.least_squares.stability.nothing")


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

    @first_quick("demo", DEMOS, ids=lambda d: d["title"])
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

    SVG = "<svg width='640' height='320.5'/>"

    def cell(self, **parts):
        figure = shown.Figure("A <curve>", self.SVG, csv="x,y\n1,2\n", **{"narrow": "", **parts})
        output = {"output_type": "display_data", "data": {"text/html": figure.__html__(), "image/png": ""}}
        cell = {"cell_type": "code", "id": "curve", "source": "", "metadata": {}}
        return {"cells": [cell | {"outputs": [output | {"metadata": {}}]}]}

    def test_a_folded_cell_says_what_it_does(self):
        cells = [nbformat.v4.new_code_cell("claims.check('05.a', 'A.', measured=1)")]
        folded = folding.fold(nbformat.v4.new_notebook(cells=cells))
        cell, *_ = stored_notebooks.page_of(folded, "05", "../")[0]["cells"]
        assert cell["source"] == "claims.check('05.a', 'A.', measured=1)"
        assert cell["metadata"]["tags"] == ["claims", "hide-input"]
        assert cell["metadata"]["mystnb"]["code_prompt_show"] == "How this was checked, 1 line"

    def test_a_figure_becomes_files_a_number_and_a_link_to_its_numbers(self):
        cell = self.cell(narrow=self.SVG.replace("640", "300"), caption="Bars: 2 & more.", number=9)
        page, files = stored_notebooks.page_of(cell, "05", "../")
        text = page["cells"][0]["outputs"][0]["data"]["text/html"]
        assert set(files) == {"05-curve.svg", "05-curve.narrow.svg", "05-curve.csv"}
        assert text.count('alt="A &lt;curve&gt;"') == 2
        assert 'class="wide" src="../_images/figures/05-curve.svg"' in text
        assert 'class="narrow" src="../_images/figures/05-curve.narrow.svg"' in text
        assert 'width="640" height="320.5"' in text
        assert '<a href="../_images/figures/05-curve.csv" download>numbers (CSV)</a>' in text
        assert '<a class="figure-number" href="#figure-5-1">Figure 5.1</a> Bars: 2 &amp; more.' in text

    def test_a_figure_of_one_panel_has_one_picture(self):
        page, files = stored_notebooks.page_of(self.cell(), "05", "../")
        assert page["cells"][0]["outputs"][0]["data"]["text/html"].count("<img") == 1
        assert set(files) == {"05-curve.svg", "05-curve.csv"}

    def test_a_picture_that_plots_has_not_shown_is_refused(self):
        cell = self.cell()
        del cell["cells"][0]["outputs"][0]["data"]["text/html"]
        with pytest.raises(ValueError, match=r"cell curve of notebook 05 .* without plots\.show"):
            stored_notebooks.page_of(cell, "05", "../")

    @pytest.mark.parametrize("notebook", notebooks.find(), ids=lambda notebook: notebook.name)
    def test_every_claim_is_a_badge_that_names_the_wrong_programs_it_catches(self, notebook):
        held = [claim for claim in claims.read(notebook.read()) if claim.verdict]
        cells = stored_notebooks.page_of(notebook.read(), notebook.number, "../")[0]["cells"]
        shown = [str(o.get("data", {}).get("text/html")) for c in cells for o in c.get("outputs", [])]
        for claim in held:
            (badge,) = [text for text in shown if f"#audit-{claim.id}" in text]
            assert all(html.escape(why) in badge for why in stored_notebooks.caught()[claim.id])
            assert badges.numbers(claim) in badge

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

    def test_an_explorer_stands_where_the_text_has_its_line(self):
        text = "Turn the batch up.\n\n<!-- explorer: delay -->\n\nThen on."
        cell = {"cell_type": "markdown", "id": "text", "source": text.splitlines(keepends=True)}
        sources = [c["source"] for c in stored_notebooks.page_of({"cells": [cell]}, "09", "../")[0]["cells"]]
        assert sources[0].startswith("Turn the batch up.")
        assert '<div class="lecture-explorer" id="explorer-delay">' in sources[0]
        assert sources[0].endswith("Then on.")
        assert "modules[" in sources[-1]

    @pytest.mark.parametrize("notebook", notebooks.find(), ids=lambda notebook: notebook.name)
    def test_a_page_links_to_the_explorer_card_and_homework_of_its_notebook(self, notebook):
        table = (ROOT / "README.md").read_text(encoding="utf-8").split("## The map")[1]
        row = next(line for line in table.splitlines() if notebook.path.name in line)
        assigned = re.findall(r"homework/(\w+)/source", row)
        cited = [c for c in CARDS if any(claim.startswith(notebook.number) for claim in c["claims"])]
        line = related.line(notebook.number, ROOT)
        assert re.findall(r"homework/(\w+)\.ipynb", line) == assigned
        assert line.count("../cards/") == len(cited)
        for page in (ROOT / "site" / "explorers").glob("*.md"):
            assert (f"notebooks/{notebook.name}" in page.read_text()) == (f"explorers/{page.name}" in line)
        found = stored_notebooks.page_of(notebook.read(), notebook.number, "../")[0]["cells"][1]["source"]
        assert found == line or not line

    def test_each_card_explorer_and_homework_question_is_linked_where_a_notebook_speaks_of_it(self):
        sources = [c.source for n in notebooks.find() for c in n.read().cells if c.cell_type == "markdown"]
        seen = [found for source in sources for found in related.SEE.findall(source)]
        shown = [f"explorer {name}" for s in sources for name in re.findall("<!-- explorer: (.+) -->", s)]
        inside = {"explorer predictions"}  # its parts are asked before the figures of 02, 07, 08 and 10
        assert set(seen + shown) == related.places(ROOT).keys() - inside
        asked = [name for name in seen if name.startswith("homework")]
        assert len(asked) == len(set(asked))

    def test_a_place_becomes_a_link_and_one_that_is_not_is_refused_by_name(self):
        found = related.placed("So it is. <!-- see: homework 2.3 --> Then on.", ROOT)
        assert found.startswith('So it is. (<a href="../homework/2_bias_variance.html#cell-')
        assert found.endswith('">homework 2.3</a>) Then on.')
        with pytest.raises(
            ValueError, match=r"see: homework 9\.9 -->: there is no such place; there are card"
        ):
            related.placed("So it is. <!-- see: homework 9.9 -->", ROOT)


class TestQuestions:
    """A question on the site, on slides and on paper; what JupyterLab shows is tested elsewhere."""

    @pytest.fixture
    def notebook(self):
        answers = {"It <rises>": False, "It falls": True}
        with records.collected() as asked:
            guess = questions.choice("05.way", "Which way?", answers, explanation="See.")
        with records.collected() as answer:
            guess.answer()
        cell = nbformat.v4.new_code_cell("secret = 1", id="ask", metadata={"tags": ["question"]})
        figure = nbformat.v4.new_code_cell("drawn = 1", id="figure")
        for code, found in ((cell, asked), (figure, answer)):
            code.outputs = [nbformat.from_dict({"output_type": "display_data", **output}) for output in found]
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Ways"), cell, figure])

    def test_the_site_asks_without_the_code_and_counts_at_the_end(self, notebook):
        cells = stored_notebooks.page_of(notebook, "05", "../")[0]["cells"]
        sources = [cell["source"] for cell in cells]
        (place,) = [place for place, text in enumerate(sources) if 'data-predict="05.way"' in text]
        assert place < sources.index("drawn = 1")
        assert "secret = 1" not in sources
        facts = re.search(r'<script type="application/json">(.*?)</script>', sources[place])[1]
        assert json.loads(facts)["right"] == 1
        assert "data-score" in sources[-1]
        assert any("lecture-answer" in str(output) for output in cells[sources.index("drawn = 1")]["outputs"])

    def test_slides_poll_before_they_show(self, notebook):
        _, poll, figure = slides.arranged(notebook).cells
        assert poll.metadata.slideshow.slide_type == "subslide"
        assert figure.metadata.slideshow.slide_type == "subslide"
        body, _ = slides.exporter().from_notebook_node(slides.arranged(notebook))
        assert "A. It &lt;rises&gt;" in body
        assert "secret" not in body
        assert body.index("Which way?") < body.index("drawn") < body.index("It falls.")

    def test_the_sheet_has_all_questions_and_then_all_answers(self, notebook, tmp_path):
        (tmp_path / "notebooks").mkdir()
        nbformat.write(notebook, tmp_path / "notebooks" / "05_ways.ipynb")
        text = question_sheet.pages(tmp_path)["teaching/questions.md"]
        sheet, answers = text.split("## Answers")
        assert "☐ A. It &lt;rises&gt;<br>☐ B. It falls" in sheet
        assert "See." not in sheet
        assert "<b>It falls.</b> See." in answers


def loose_formulas(docstring: str) -> list[str]:
    """Indented blocks outside of sections and examples that do not follow `::`: Sphinx would wrap them."""
    found, before = [], ""  # before: the last block that was not indented; all indented ones after it are its
    for block in filter(None, re.split(r"\n\s*\n", inspect.cleandoc(docstring))):
        first = block.splitlines()[0]
        if re.fullmatch(r"(Args|Returns|Raises|Yields|Attributes):", first):
            before = "section"
        elif not first.startswith(" "):
            before = block
        elif (
            before != "section" and ">>>" not in block and not before.endswith("::")
        ):  # blocks after one are its
            found.append(first.strip())
    return found


class TestDocstrings:
    """Formulas stand in literal blocks, alike for Sphinx, `help` and an editor."""

    @pytest.mark.parametrize("name", sorted(notebook_map.documented(ROOT)))
    def test_no_formula_is_wrapped(self, name):
        tree = ast.parse(Path(importlib.import_module(name).__file__).read_text(encoding="utf-8"))
        nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)]
        assert [f for n in nodes for f in loose_formulas(ast.get_docstring(n) or "")] == []

    def test_a_loose_formula_is_found(self):
        assert loose_formulas("One step.\n\n    m -> (1 - eta H) m\n\nArgs:\n    m: mean.") == [
            "m -> (1 - eta H) m"
        ]
        assert loose_formulas("One step sends ::\n\n    m -> (1 - eta H) m\n\nArgs:\n    m: mean.") == []


class TestGathering:
    """The folder that Sphinx reads."""

    def test_it_holds_exactly_the_pages_and_leaves_unchanged_ones_alone(self, tmp_path):
        build.gather({"a.md": b"one", "b/c.md": b"two"}, tmp_path)
        before = (tmp_path / "a.md").stat().st_mtime_ns
        build.gather({"a.md": b"one", "d.md": b"three"}, tmp_path)
        assert (tmp_path / "a.md").stat().st_mtime_ns == before
        assert sorted(p.name for p in tmp_path.rglob("*.md")) == ["a.md", "d.md"]

    def test_every_module_of_the_map_has_a_page(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8").split("## The map")[1]
        linked = re.findall(r"\((lecturelib/[\w/]+)(?:\.py)?\)", text)
        assert linked
        assert {path.replace("/", ".") for path in linked} <= notebook_map.documented(ROOT)
