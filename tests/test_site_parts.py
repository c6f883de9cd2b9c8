"""The tools beside the site: slides that do not cut a sentence, times of cells, the gallery, mended pages."""

import base64
import csv

import nbformat
import pytest

from lecturelib import notebooks
from lecturelib.sweep import grid
from tools import audit_mutants, cell_times, slides
from tools.website import build, front, gallery, mend

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
        text = "# Title\n\nShort.\n\n**Claims checked here**\n\n- `05.x`: long."
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


class TestCellTimes:
    """Seconds of cells."""

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
        values = grid.combinations(grid.parse(gallery.GRID, notebook.parameters(), notebook.name))
        # a run's name is a hash of the code and of the values: the code is that of today
        assert [row["run"] for row in rows] == list(map(grid.namer(notebook), values))
        assert {row["status"] for row in rows} == {"ok"}
        ids = audit_mutants.claim_ids(notebook)
        assert {name for name in rows[0] if name.startswith("04.")} == ids

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

    def store(self, root, facts):
        output = V4.new_output("display_data", {"image/png": "AAAA"}, metadata={"image/png": facts})
        cell = V4.new_code_cell("", id="curves", outputs=[output])
        cells = [V4.new_markdown_cell("# Title\n\n*Motto.*"), cell]
        nbformat.write(V4.new_notebook(cells=cells), root / "notebooks" / "08_mnist.ipynb")

    def test_it_has_a_dark_variant_where_one_is_stored(self, root):
        self.store(root, {"alt": "x", "dark": base64.b64encode(b"dark").decode()})
        assert front.files(root)["_static/mnist-dark.png"] == b"dark"
        text = front.pages(root)["index.md"]
        assert text.count(":alt: Training loss") == 2
        assert "only-dark" in text

    def test_it_stands_on_a_mat_where_none_is(self, root):
        self.store(root, {"alt": "x"})
        assert set(front.files(root)) == {"_static/mnist.png"}
        assert ":class: on-mat" in front.pages(root)["index.md"]


def test_a_mend_that_fits_nowhere_is_said(tmp_path):
    (tmp_path / "index.html").write_text("".join(old for old, _ in mend.MENDS))
    mend.mend(tmp_path)
    assert (tmp_path / "index.html").read_text() == "".join(new for _, new in mend.MENDS)
    with pytest.raises(ValueError, match=r"mend\.py: no page has"):
        mend.mend(tmp_path)
