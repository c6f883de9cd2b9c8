"""The tools beside the site: slides that do not cut a sentence, times of cells, the gallery, mended pages."""

import csv
import re

import nbformat
import pytest

from lecturelib.plots import outputs
from tests.workshop.site import browser
from workshop import notebooks
from workshop.audit import mutants
from workshop.site import build, cell_times, decks, explorers, front, gallery, mend, slides, teaching
from workshop.sweep import parameters

V4 = nbformat.v4


class TestSlides:
    """How a notebook is cut."""

    def test_a_formula_stays_with_its_sentence(self):
        text = "One step sends\n\n$$ a\n\n= b $$\n\nwhere $a$ is it.\n\nAnother thought."
        assert slides.blocks(text) == [
            "One step sends\n\n$$ a\n\n= b $$\n\nwhere $a$ is it.",
            "Another thought.",
        ]

    def test_a_folded_part_and_a_fence_stay_whole(self):
        fold, fence = "<details><summary>S</summary>\n\nText.\n\n</details>", "```\na\n\nb\n```"
        assert slides.blocks(f"{fold}\n\n{fence}") == [fold, fence]

    def arranged(self, *cells) -> list[tuple[str, str]]:
        found = slides.arranged(V4.new_notebook(cells=list(cells))).cells
        return [(cell.metadata["slideshow"]["slide_type"], cell.source) for cell in found]

    def test_headings_start_slides_and_full_slides_go_on_below(self):
        text = "# Title\n\nShort."
        long = " ".join(["Word."] * (slides.FULL // 6 + 1))
        cells = [V4.new_markdown_cell(text), V4.new_markdown_cell(f"## Part\n\n{long}\n\nMore.")]
        cells += [V4.new_markdown_cell("## Exercises\n\n1. Do it."), V4.new_markdown_cell("## References")]
        assert self.arranged(*cells) == [
            ("slide", "# Title"),
            ("-", "Short."),
            ("slide", "## Part"),
            ("subslide", long),
            ("subslide", "More."),
        ]

    def test_a_closed_fold_is_no_slide_of_its_own(self):
        full = V4.new_markdown_cell("## Part\n\n" + " ".join(["Word."] * (slides.FULL // 6)))
        assert self.arranged(full, V4.new_code_cell("x = 1\n" * 9))[-1][0] == "-"

    def test_the_authors_choice_comes_first(self):
        chosen = V4.new_markdown_cell("Note.", metadata={"slideshow": {"slide_type": "notes"}})
        assert self.arranged(V4.new_markdown_cell("# Title"), chosen)[1] == ("notes", "Note.")

    def test_a_page_asks_for_nothing_from_afar(self, tmp_path):
        (page,) = slides.build(tmp_path, notebooks.select(["02"]))
        html = page.read_text(encoding="utf-8")
        assert 'src="https:' not in html
        assert "unpkg" not in html
        assert '<details class="code">' in html
        assert {"mathjax.js", "slides.css", "slides.js", "reveal"} <= {
            path.name for path in tmp_path.iterdir()
        }


class TestDecks:
    """The slides of a plan."""

    def test_each_block_asks_before_it_shows_and_slides_have_few_words(self):
        plans = {plan["slug"]: plan for plan in teaching.read(build.ROOT, "plans")}
        for slug, deck in decks.decks(build.ROOT).items():
            slides_of = [c for c in deck.cells if c.metadata.slideshow.slide_type != "notes"]
            assert max(len(re.sub(r"<[^>]+>", "", c.source).split()) for c in slides_of) <= 40
            assert all(re.match("#{1,3} .", c.source) for c in slides_of)  # none without a title
            text = "\n".join(c.source for c in deck.cells)
            for block in plans[slug]["blocks"]:
                asked, said = (text.index(block[name]) for name in ("ask", "say"))
                assert asked < said
            notes = [c.source for c in deck.cells if c.metadata.slideshow.slide_type == "notes"]
            assert len(notes) == len(slides_of) - 1  # all but the title's
            assert f"to {plans[slug]['minutes']}," in notes[-1]

    @pytest.mark.long
    def test_a_figure_fills_its_slide_and_nothing_lies_below_the_edge(self, tmp_path, window):
        slides.build(tmp_path, [])
        pages = decks.build(tmp_path, build.ROOT)
        (tmp_path / "favicon.ico").write_bytes(b"")
        assert len(pages) > 3
        with browser.served(tmp_path) as home:
            for page in pages:
                window.get(home + page.name)
                browser.settle(window)
                assert browser.errors(window) == []
                assert browser.leaving(browser.requests(window), home) == []
                found = window.execute_script(
                    "const all = Reveal.getSlides(), found = [];"
                    "all.forEach((s, n) => { const at = Reveal.getIndices(s); Reveal.slide(at.h, at.v);"
                    " const image = s.querySelector('img');"
                    " found.push([s.scrollHeight - s.clientHeight, image?.offsetHeight / 720 || 1]); });"
                    "return found;"
                )
                assert [n for n, (over, _) in enumerate(found) if over > 1] == [], page.name
                assert min(height for _, height in found) > 0.7
                assert sum(height < 1 for _, height in found) > 5
        assert browser.violations(window) == []

    @pytest.mark.long
    def test_a_notebooks_figure_is_large_and_its_copy_for_phones_is_not_seen(self, tmp_path, window):
        (page,) = slides.build(tmp_path, notebooks.select(["05"]))
        with browser.served(tmp_path) as home:
            window.get(home + page.name)
            browser.settle(window)
            shown = window.execute_script(
                "const found = [];"
                "for (const s of Reveal.getSlides()) {"
                " const at = Reveal.getIndices(s); Reveal.slide(at.h, at.v);"
                " for (const i of s.querySelectorAll('img')) found.push([i.hidden, i.offsetHeight]); }"
                "return found;"
            )
        assert {hidden for hidden, _ in shown} == {False, True}
        assert {height > 0.5 * 720 for hidden, height in shown if not hidden} == {True}
        assert {height for hidden, height in shown if hidden} == {0}


class TestMade:
    """What one process computes, the others are handed."""

    def test_sphinx_computes_no_explorer_again(self, tmp_path, monkeypatch):
        monkeypatch.setattr(explorers, "KEPT", {})
        once = explorers.made("predict", "largest_rate")
        for name, text in explorers.handed().items():
            (tmp_path / name).parent.mkdir(parents=True)
            (tmp_path / name).write_text(text, "utf-8")
        monkeypatch.setattr(explorers, "KEPT", {})
        monkeypatch.setattr(explorers, "prediction", None)  # not to be called
        explorers.take(tmp_path)
        assert explorers.made("predict", "largest_rate") == once


class TestCellTimes:
    """Seconds of cells."""

    @pytest.mark.long
    def test_they_are_the_time_a_cell_takes(self, tmp_path):
        cells = [
            V4.new_code_cell("import time"),
            V4.new_code_cell("time.sleep(0.4)"),
            V4.new_markdown_cell("x"),
        ]
        nbformat.write(V4.new_notebook(cells=cells), tmp_path / "01_short.ipynb")
        seconds = cell_times.measure(notebooks.Notebook(tmp_path / "01_short.ipynb"))
        assert set(seconds) == {cells[0].id, cells[1].id}
        assert 0.4 <= seconds[cells[1].id] < 30
        assert seconds[cells[0].id] < seconds[cells[1].id]

    def test_what_is_written_is_read(self, tmp_path):
        times = {("01", "a"): 1.25, ("02", "b"): 0.5}
        cell_times.write(times, {"cores": 2}, tmp_path / "times.csv")
        assert cell_times.read(tmp_path / "times.csv") == ({"cores": 2}, times)


class TestGallery:
    """The stored sweep, and those that lie under build/sweeps."""

    def test_the_stored_sweep_is_the_one_that_the_page_tells_of(self):
        found = gallery.files(build.ROOT, (gallery.STORED,))
        page = found[gallery.EXAMPLE].decode()
        assert 'href="runs/' not in page
        with found[gallery.EXAMPLE.replace("index.html", "table.csv")].open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        (notebook,) = notebooks.select([gallery.NOTEBOOK])
        values = parameters.combinations(parameters.parse(gallery.GRID, notebook.parameters(), notebook.name))
        # a run's name is a hash of the code and of the values: the code is that of today
        assert [row["run"] for row in rows] == list(map(parameters.namer(notebook), values))
        assert {row["status"] for row in rows} == {"ok"}
        ids = mutants.claim_ids(notebook)
        assert {name.split()[0] for name in rows[0] if name.startswith("04.")} == ids
        assert {row[f"{claim} holds"] for row in rows for claim in ids} == {"true"}

    def test_a_sweep_is_linked_and_its_notebooks_are_not(self, tmp_path):
        folder = tmp_path / "build" / "sweeps" / "noise"
        folder.mkdir(parents=True)
        (folder / "index.html").write_text('<a href="table.csv">t</a> <a href="runs/1.ipynb">run 1</a>')
        (folder / "table.csv").write_text("a\n1\n")
        assert gallery.files(tmp_path) == {
            "_static/sweeps/own/noise/index.html": b'<a href="table.csv">t</a> run 1',
            "_static/sweeps/own/noise/table.csv": folder / "table.csv",
        }
        assert 'href="_static/sweeps/own/noise/index.html"' in gallery.pages(tmp_path)["sweeps.md"]

    def test_without_a_sweep_of_ones_own_the_page_says_how(self, tmp_path):
        assert gallery.NONE in gallery.pages(tmp_path)["sweeps.md"]


class TestFront:
    """The front page's picture."""

    @pytest.fixture
    def root(self, tmp_path):
        (tmp_path / "notebooks").mkdir()
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "index.md").write_text("@picture@")
        return tmp_path

    def test_it_is_the_stored_figure(self, root):
        figure = outputs.Figure("x", "<svg id='a'/>", "<svg id='b'/>", "")
        output = V4.new_output("display_data", {"image/png": "AAAA", "text/html": figure.__html__()})
        cell = V4.new_code_cell("", id="curves", outputs=[output])
        cells = [V4.new_markdown_cell("# Title\n\n*Motto.*"), cell]
        nbformat.write(V4.new_notebook(cells=cells), root / "notebooks" / "09_mnist.ipynb")
        expected = {"_static/mnist.svg": b"<svg id='a'/>", "_static/mnist-narrow.svg": b"<svg id='b'/>"}
        assert front.files(root) == expected
        text = front.pages(root)["index.md"]
        assert text.count(":alt: Training loss") == 2
        assert "lecture-figure" in text


def test_a_mend_that_fits_nowhere_is_said(tmp_path):
    (tmp_path / "index.html").write_text("".join(old for old, _ in mend.MENDS))
    mend.mend(tmp_path)
    assert (tmp_path / "index.html").read_text() == "".join(new for _, new in mend.MENDS)
    with pytest.raises(ValueError, match=r"mend\.py: no page has"):
        mend.mend(tmp_path)
