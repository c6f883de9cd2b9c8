"""The page shows every run's figure with its description, every number drawn, and every failure."""

import base64
import functools
import io
import itertools
import math
import statistics
import time
from html.parser import HTMLParser

import nbformat
import PIL.Image
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from lecturelib.plots import Pictures, outputs
from tests.agree import agree
from tests.workshop.site import browser
from tests.workshop.sweep.sweep_cases import wait_for
from tests.workshop.test_notebooks import write
from workshop.sweep import groups, pictures, table
from workshop.sweep import page as sweep_page
from workshop.sweep.folder import Folder, Result

PARAMETERS = ["rate", "kind", "seed"]
FIGURES = ("A line that rises from zero to the value of the rate.", "Bars <of> equal height & nothing else.")
SVG = "<svg xmlns='http://www.w3.org/2000/svg' width='720' height='300'/>"  # follows the page by itself


def png(wide=900):
    data = io.BytesIO()
    PIL.Image.new("RGB", (wide, 300), "white").save(data, format="png")
    return base64.b64encode(data.getvalue()).decode()


def executed():
    ours = outputs.Figure(FIGURES[0], SVG, "", "")
    figures = [
        new_output("display_data", {"image/png": png(), "text/html": ours.__html__()}),
        new_output("display_data", {"image/png": png()}, metadata={"image/png": {"alt": FIGURES[1]}}),
    ]
    return nbformat.writes(new_notebook(cells=[new_code_cell("", outputs=figures)]))


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep of 3 rates x 2 kinds x 2 seeds; one run failed, one is missing, one has no finite risk."""
    tmp_path = tmp_path_factory.mktemp("page")
    notebook = write(tmp_path, "01_first", "seed = 0  # any")
    folder = Folder(tmp_path / "out")
    runs, results = {}, {}
    with folder.locked():
        for rate in (0.01, 0.1, 1.0):
            for kind in ("adam", "<b>sgd"):
                for seed in (0, 1):
                    name = f"01_first-{len(runs)}"
                    values = {"rate": rate, "kind": kind, "seed": seed}
                    runs[name] = values
                    recorded = {"risk": rate + seed / 100, "word": "x", "steps": 100}
                    results[name] = Result(name, values, 2.0, recorded, {"01.claim": rate})
        failed, missing, infinite = [*runs][3], [*runs][5], [*runs][10]
        results[failed] = Result(
            failed, runs[failed], 1.0, error="cell [3]: ClaimFailed: 1 < 2 & so on", attempts=2
        )
        del results[missing]
        results[infinite].recorded["risk"] = math.inf
        for result in results.values():
            folder.keep(result, executed())
        rows = table.table(runs, results)
        table.write(rows, folder)
        yield notebook, PARAMETERS, rows, folder


class Page(HTMLParser):
    """The page's tags with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag, name):
        return [attributes[name] for found, attributes in self.tags if found == tag]


NOTHING = pictures.Drawings([], 0, [], {})


def read(swept, figure=1, drawn=NOTHING, **limits):
    """The page for one figure, with these drawings: to draw takes longer than all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "drawings", lambda *_: drawn)
        for name, limit in limits.items():
            patch.setattr(sweep_page, name, limit)
        sweep_page.write(*swept, figure)
    return Page((swept[3].path / "index.html").read_text())


@pytest.fixture(scope="module")
def against(swept):
    """Every number against every parameter, drawn once."""
    return pictures.drawings(swept[2], PARAMETERS)


@pytest.fixture
def undrawn(monkeypatch):
    """What a picture is called is told without drawing it."""
    monkeypatch.setattr(pictures, "_drawn", lambda *_, **__: Pictures("", ""))


@pytest.fixture(scope="module")
def page(swept, against):
    """The page of the sweep for its first figure."""
    return read(swept, drawn=against)


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("browser")) as window:
        yield window


def test_the_page_stands_alone(swept, page):
    places = [value for _, attributes in page.tags for name, value in attributes.items() if name != "alt"]
    assert not [place for place in places if place and place.startswith(("http", "//"))]
    assert not [1 for tag, attributes in page.tags if tag == "script" and "src" in attributes]
    assert all((swept[3].path / href).exists() for href in page.all("a", "href"))
    assert all(len(alt) > 40 for alt in page.all("img", "alt"))


@pytest.mark.parametrize("figure", [1, 2])
def test_the_chosen_figure_of_every_run_is_shown_with_its_own_description(swept, figure):
    alts = read(swept, figure).all("img", "alt")
    own = [alt for alt in alts if alt.startswith(FIGURES[figure - 1])]
    assert len(own) == 10
    assert "(rate = 0.01, kind = <b>sgd, seed = 0)" in own[2]
    assert not [alt for alt in alts if alt.startswith(FIGURES[2 - figure])]


@pytest.fixture
def damaged(swept):
    """A function that reads the page while the notebook of the first run holds another text."""
    first = swept[3].runs / "01_first-0.ipynb"
    kept = first.read_text()

    def page(text, figure=1):
        first.write_text(text)
        return read(swept, figure)

    yield page
    first.write_text(kept)


def test_figures_that_runs_do_not_have_are_said(swept, damaged):
    assert "No run has a figure 3" in read(swept, 3).text
    assert "1 run has no figure 2" in damaged(nbformat.writes(new_notebook()), 2).text


def test_figures_are_made_narrow_enough(swept):
    page = read(swept, 2)
    sources = zip(page.all("img", "src"), page.all("img", "alt"), strict=True)
    source = next(source for source, alt in sources if alt.startswith(FIGURES[1]))
    image = PIL.Image.open(io.BytesIO(base64.b64decode(source.split(",")[1])))
    assert image.size == (sweep_page.WIDE, round(300 * sweep_page.WIDE / 900))


def test_failures_come_first_with_their_error_and_counts_are_right(page):
    text = page.text
    assert "12 runs, 10 ok, 1 failed, 1 missing" in text
    assert "rate = 0.01, kind = <b>sgd, seed = 1: cell [3]: ClaimFailed: 1 < 2 & so on" in text
    assert text.index("Failed") < text.index("Against the parameters") < text.index("All runs")
    assert "The same in every run: steps = 100." in text


def test_a_long_table_is_cut_and_says_so(swept):
    shown = read(swept, MOST_ROWS=5)
    assert len([tag for tag, _ in shown.tags if tag == "tr"]) == 6 + 3  # and the extremes
    assert "The first 5 of 12 runs." in shown.text


def test_each_number_is_drawn_against_each_parameter_but_the_seed(against):
    assert (against.undrawn, against.constant) == (0, {"steps": 100})
    drawn = against.drawn
    assert [d.alt.split(",")[0].split(". ")[0] for d in drawn] == [
        "risk against rate",
        "risk against kind",
        "01.claim against rate",
        "01.claim against kind",
    ]
    assert "one line for each kind" in drawn[0].alt
    # Of the sgd runs at rate 1 one is infinite: the mean is over the other, whose seed is 1.
    assert "With kind = <b>sgd, the mean is least, 0.0100, at 0.01 and greatest, 1.01, at 1." in drawn[0].alt
    assert drawn[0].light != drawn[0].dark


def test_the_seed_is_drawn_against_where_nothing_else_was_varied(undrawn):
    runs = {f"a-{s}": {"seed": s} for s in range(3)}
    results = {name: Result(name, values, 1.0, {"x": values["seed"] ** 2}) for name, values in runs.items()}
    (drawn,) = pictures.drawings(table.table(runs, results), ["seed"]).drawn
    assert drawn.alt == "x against seed. The mean is least, 0, at 0 and greatest, 4, at 2."


def test_too_many_drawings_are_counted(monkeypatch, swept, undrawn):
    monkeypatch.setattr(pictures, "MOST", 1)
    against = pictures.drawings(swept[2], PARAMETERS)
    assert (len(against.drawn), against.undrawn) == (1, 3)


def test_lists_and_words_are_places_in_a_row():
    assert pictures._positions([[1, 8], [1, 16]]) == {"[1, 8]": 0, "[1, 16]": 1}
    assert pictures._positions([0.5, 2]) == {"0.5": 0.5, "2": 2.0}


@pytest.mark.filterwarnings("error")
def test_texts_that_look_like_formulas_or_lack_a_glyph_are_drawn():
    words = [r"$\frac{$", "b$", r"\$x$", "漢字", "\U0001f600", "$" * 30]
    runs = {
        f"a-{i}": {"$name": word, "kind": w}
        for i, (word, w) in enumerate(zip(words, words[::-1], strict=True))
    }
    results = {
        name: Result(name, values, 1.0, {"x": 1.5**i}) for i, (name, values) in enumerate(runs.items())
    }
    against = pictures.drawings(table.table(runs, results), ["$name", "kind"])
    assert (len(against.drawn), against.failed) == (2, [])


def test_values_that_agree_in_many_digits_are_told_apart():
    close = [0.1, 0.1 + 1e-16, 0.12345678901234567, 0.12345678901234568]
    assert len(pictures._positions(sorted({*close}))) == len({*close})
    assert pictures._label(0.1) == "0.1"


def test_what_cannot_be_drawn_is_named(monkeypatch, swept):
    def fails(*_, **__):
        raise OverflowError("too far")

    monkeypatch.setattr(pictures, "_drawn", fails)
    page = read(swept, drawn=pictures.drawings(swept[2], PARAMETERS))
    assert "Could not be drawn: risk against rate (OverflowError: too far); " in page.text


@pytest.mark.parametrize("text", ["", '{"cells": [', "[]", "{}"])
def test_a_damaged_notebook_costs_its_own_figure_and_is_named(damaged, text):
    page = damaged(text)
    assert "cannot be read: 01_first-0.ipynb (" in page.text
    assert len([alt for alt in page.all("img", "alt") if alt.startswith(FIGURES[0])]) == 9


def test_figures_of_very_many_runs_are_capped_and_said(swept):
    page = read(swept, MOST_FIGURES=4)
    assert "The figures of 6 more runs are in their notebooks." in page.text
    assert len([alt for alt in page.all("img", "alt") if alt.startswith(FIGURES[0])]) == 4
    without = read(swept, 3, MOST_FIGURES=4).text
    assert "None of the first 4 runs has a figure 3" in without
    assert "more runs are in their notebooks" not in without


def test_a_page_of_ten_thousand_runs_is_small(tmp_path):
    runs = {f"a-{i}": {"rate": float(i // 3), "seed": i % 3} for i in range(10_000)}
    results = {
        name: Result(name, values, 1.0, {"x": 1.0 * i}, error="no " * 200 if i % 2 else None)
        for i, (name, values) in enumerate(runs.items())
    }
    notebook, rows = write(tmp_path, "01_first", "seed = 0  # any"), table.table(runs, results)
    began = time.monotonic()
    sweep_page.write(notebook, ["rate", "seed"], rows, Folder(tmp_path), 1)
    assert time.monotonic() - began < 30
    text = (tmp_path / "index.html").read_text()
    assert len(text) < 2_000_000
    assert "10,000 runs, 5,000 ok, 5,000 failed" in text
    assert "4,500 more are in the table" in text


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A sweep of three parameters over four seeds, of two versions, where a claim ends to hold."""
    runs, results = {}, {}
    for rate, size, kind, seed in itertools.product((0.01, 0.1, 1.0), (1, 8), ("adam", "sgd"), range(4)):
        name = f"01_first-{len(runs)}"
        runs[name] = {"rate": rate, "size": size, "kind": kind, "tuning_seed": seed}
        risk = rate + 1 / size + (kind == "sgd") + [-0.001, 0.0, 0.0, 0.001][seed]
        false = ["01.c"] if rate == 1.0 or (rate == 0.1 and kind == "sgd") else []
        results[name] = Result(name, runs[name], 1.0, {"risk": risk}, {"01.c": rate}, failed_claims=false)
    notebook = write(tmp_path_factory.mktemp("three"), "01_first", "seed = 0  # any")
    return notebook, ["rate", "size", "kind", "tuning_seed"], table.table(runs, results), runs


def test_three_parameters_are_axis_lines_and_panels_and_no_value_is_taken_over_the_third(three, undrawn):
    _, parameters, rows, _ = three
    drawn = pictures.drawings(rows, parameters).drawn
    assert (len(drawn), {picture.panels for picture in drawn}) == (6, {2})
    alt = drawn[0].alt
    assert alt.startswith(
        "risk against rate, one line for each size. With kind = adam, size = 1, the mean is"
    )
    assert alt.endswith(", at 1.")
    assert alt.count("With kind = ") == 4
    assert "With kind = sgd, size = 8, the mean is least, " in alt


def test_a_parameter_that_has_no_place_left_is_named(monkeypatch, three, undrawn):
    monkeypatch.setattr(pictures, "SERIES", 2)  # the three rates are neither lines nor panels
    drawn = pictures.drawings(three[2], three[1]).drawn
    assert drawn[1].alt.startswith("risk, over rate against size, one line for each kind.")


def test_seeds_are_repetitions_with_a_mean_and_its_interval(three):
    rows = three[2].to_pylist()
    found = groups.means(rows, "risk", ["rate", "size", "kind"])
    assert [each.count for each in found] == [4] * 12
    spread = [-0.001, 0.0, 0.0, 0.001]
    half = 3.182446 * statistics.stdev(spread) / 2  # Student's t of 3 degrees of freedom, from a table
    agree([each.half for each in found], half, relative=1e-6)
    assert math.isnan(groups.half_width([1.0, 2.0]))


def test_the_best_runs_come_first_and_every_row_leads_to_its_notebook(three, tmp_path, undrawn):
    notebook, parameters, rows, runs = three
    sweep_page.write(notebook, parameters, rows, Folder(tmp_path), 1, {"jax": {"1": 3, "2": 45}})
    page = Page((tmp_path / "index.html").read_text())
    links = page.all("a", "href")
    best = "runs/01_first-8.ipynb"  # adam, the lowest rate, the larger size
    assert links.index(best) < links.index("runs/01_first-0.ipynb")
    assert "0.1350 ± 0.0013 rate = 0.01, size = 8, kind = adam" in page.text
    assert {f"runs/{name}.ipynb" for name in runs} <= {*links}
    assert "Made with different versions of jax: 1 in 3 runs, 2 in 45 runs." in page.text


def test_verdicts_are_a_map_over_the_grid(three):
    (found,) = groups.verdicts(three[2].to_pylist(), ["rate", "size", "kind"])
    assert (found.claim, found.down, found.across, found.pooled) == ("01.c", "rate", "size", ["kind"])
    assert found.rows == [(0.01, [(8, 8), (8, 8)]), (0.1, [(4, 8), (4, 8)]), (1.0, [(0, 8), (0, 8)])]


@pytest.mark.long
def test_a_browser_sorts_the_table_by_its_numbers(three, tmp_path, window, monkeypatch):
    monkeypatch.setattr(pictures, "MOST", 2)
    sweep_page.write(*three[:3], Folder(tmp_path), 1)
    order = (
        "return [...document.querySelectorAll('#runs tbody tr')].map(r => r.cells[arguments[0]].innerText)"
    )
    press = "document.querySelectorAll('#runs th button')[arguments[0]].click()"
    at = three[2].column_names.index("risk")
    window.get((tmp_path / "index.html").as_uri())
    for sign in (1, -1):
        window.execute_script(press, at)
        values = [float(text) for text in window.execute_script(order, at)]
        assert values == sorted(values, key=lambda value, sign=sign: sign * value)
    for wide in (1440, 390):
        browser.resize(window, wide)
        assert not browser.sideways(window)
    assert not browser.violations(window)


def test_an_empty_sweep_has_a_page(tmp_path):
    notebook = write(tmp_path, "01_first", "seed = 0  # any")
    sweep_page.write(notebook, [], table.table({"a-1": {}}, {}), Folder(tmp_path), 1)
    assert "1 run, 1 missing" in (tmp_path / "index.html").read_text()


LOADED = """const all = [...document.images];
return all[0].currentSrc.endsWith(arguments[0])
  && all.every(i => (i.loading = "eager") && i.complete && i.naturalWidth > 0)"""


@pytest.mark.long
def test_a_browser_shows_every_picture_in_light_and_dark(swept, window, against):
    read(swept, drawn=against)
    first, *others = against.drawn
    window.get((swept[3].path / "index.html").as_uri())
    for theme, paper in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 22, 26)")):
        wanted = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        window.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)
        # Not decode(): in a window without a screen it may wait for a frame that never comes.
        wait_for(functools.partial(window.execute_script, LOADED, getattr(first, theme)), 60)
        widths = window.execute_script("return [...document.images].map(i => i.naturalWidth)")
        assert len(widths) == 1 + len(others) + 10
        assert set(widths[1 + len(others) :]) == {sweep_page.WIDE}
        assert window.execute_script("return getComputedStyle(document.body).backgroundColor") == paper
        last = window.execute_script("return document.images[document.images.length - 1].currentSrc")
        assert base64.b64decode(last.removeprefix("data:image/svg+xml;base64,")).decode() == SVG
        for wide in (1440, 390):
            browser.resize(window, wide)
            assert not browser.sideways(window)
    assert not browser.violations(window)
    assert not browser.leaving(browser.requests(window), "file://")
