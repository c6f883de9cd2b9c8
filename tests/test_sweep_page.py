"""The page shows every run's figure with its description, every number drawn, and every failure."""

import base64
import functools
import io
import math
import os
import shutil
from html.parser import HTMLParser

import nbformat
import PIL.Image
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from lecturelib.sweep import figures, table
from lecturelib.sweep import page as sweep_page
from lecturelib.sweep.folder import Folder, Result
from lecturelib.sweep.whole import Plan
from tests.sweep_cases import wait_for
from tests.test_notebooks import write

FIGURES = ("A line that rises from zero to the value of the rate.", "Bars <of> equal height & nothing else.")


def png(wide=900):
    data = io.BytesIO()
    PIL.Image.new("RGB", (wide, 300), "white").save(data, format="png")
    return base64.b64encode(data.getvalue()).decode()


def executed():
    said = [{"alt": FIGURES[0], "dark": png(800)}, {"alt": FIGURES[1]}]
    outputs = [new_output("display_data", {"image/png": png()}, metadata={"image/png": s}) for s in said]
    return nbformat.writes(new_notebook(cells=[new_code_cell("", outputs=outputs)]))


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
                    recorded = {"risk": rate + seed / 100, "word": "x"}
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
        yield Plan(notebook, runs, {}, []), results, rows, folder


class Page(HTMLParser):
    """The page's tags with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(swept):
    """A function that writes the page for one figure, once, and reads it."""

    @functools.cache
    def read(figure=1):
        sweep_page.write(*swept, figure)
        return Page((swept[3].path / "index.html").read_text())

    return read


def test_every_picture_has_a_description_and_is_inside_the_page(swept, page):
    shown = page()
    assert shown.all("img")
    for image in shown.all("img"):
        assert len(image["alt"]) > 40
        assert image["src"].startswith("data:image/png;base64,")
    local = [link["href"] for link in shown.all("a")]
    assert all((swept[3].path / href).exists() for href in local)
    assert not shown.all("script")
    assert not [
        a for _, attributes in shown.tags for a in attributes.values() if a and a.startswith(("http", "//"))
    ]
    assert shown.all("html") == [{"lang": "en"}]


@pytest.mark.parametrize("figure", [1, 2])
def test_the_chosen_figure_of_every_run_is_shown_with_its_own_description(page, figure):
    alts = [image["alt"] for image in page(figure).all("img")]
    own = [alt for alt in alts if alt.startswith(FIGURES[figure - 1])]
    assert len(own) == 10
    assert "(rate = 0.01, kind = <b>sgd, seed = 0)" in own[2]
    assert not [alt for alt in alts if alt.startswith(FIGURES[2 - figure])]


def test_a_figure_that_no_run_has_is_said(page):
    assert "No run has a figure 3" in page(3).text


def test_figures_are_made_narrow_enough(page):
    sources = [i["src"] for i in page().all("img") if i["alt"].startswith(FIGURES[0])]
    image = PIL.Image.open(io.BytesIO(base64.b64decode(sources[0].split(",")[1])))
    assert image.size == (sweep_page.WIDE, round(300 * sweep_page.WIDE / 900))


def test_failures_come_with_their_error_and_counts_are_right(page):
    shown = page()
    assert "12 runs, 10 ok, 1 failed, 1 missing" in shown.text
    assert "rate = 0.01, kind = <b>sgd, seed = 1: cell [3]: ClaimFailed: 1 < 2 & so on" in shown.text
    assert not shown.all("b")


def test_each_number_is_drawn_against_each_parameter_but_the_seed(swept):
    rows = swept[2]
    drawn, more = figures.drawings(rows, ["rate", "kind", "seed"])
    assert more == 0
    assert [d.alt.split(",")[0].split(". ")[0] for d in drawn] == [
        "risk against rate",
        "risk against kind",
        "01.claim against rate",
        "01.claim against kind",
    ]
    assert "one line for each kind" in drawn[0].alt
    # Of the sgd runs at rate 1 one is infinite: the mean is over the other, whose seed is 1.
    assert "With kind = <b>sgd, the mean is least, 0.0100, at 0.01 and greatest, 1.01, at 1." in drawn[0].alt
    assert drawn[0].png["light"] != drawn[0].png["dark"]


def test_the_seed_is_drawn_against_where_nothing_else_was_varied():
    runs = {f"a-{s}": {"seed": s} for s in range(3)}
    results = {name: Result(name, values, 1.0, {"x": values["seed"] ** 2}) for name, values in runs.items()}
    drawn, _ = figures.drawings(table.table(runs, results), ["seed"])
    assert [d.alt for d in drawn] == ["x against seed. The mean is least, 0, at 0 and greatest, 4, at 2."]


def test_too_many_drawings_are_counted(monkeypatch, swept):
    monkeypatch.setattr(figures, "MOST", 1)
    drawn, more = figures.drawings(swept[2], ["rate", "kind", "seed"])
    assert (len(drawn), more) == (1, 3)


def test_lists_and_words_are_places_in_a_row():
    assert figures._positions([[1, 8], [1, 16]]) == {"[1, 8]": 0, "[1, 16]": 1}
    assert figures._positions([0.5, 2]) == {"0.5": 0.5, "2": 2.0}


def test_an_empty_sweep_has_a_page(tmp_path):
    notebook = write(tmp_path, "01_first", "seed = 0  # any")
    folder = Folder(tmp_path / "out")
    folder.path.mkdir()
    rows = table.table({"a-1": {}}, {})
    sweep_page.write(Plan(notebook, {"a-1": {}}, {}, []), {}, rows, folder, 1)
    assert "1 runs, 1 missing" in (folder.path / "index.html").read_text()


@pytest.fixture
def browser():
    """Chromium, without a window."""
    found = shutil.which("chromium"), shutil.which("chromedriver")
    if None in found:
        assert "chromium" not in os.environ.get("LECTURE_REQUIRE", ""), "chromium is required, and missing"
        pytest.skip("no chromium and chromedriver on this machine")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for argument in ("--headless=new", "--no-sandbox", "--window-size=900,900"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(found[1]))
    yield driver
    driver.quit()


LOADED = """const all = [...document.images];
return all[0].currentSrc.endsWith(arguments[0])
  && all.every(i => (i.loading = "eager") && i.complete && i.naturalWidth > 0)"""


def test_a_browser_shows_every_picture_in_light_and_dark(swept, browser):
    sweep_page.write(*swept, 1)
    drawn, _ = figures.drawings(swept[2], ["rate", "kind", "seed"])
    gallery = {}
    browser.get((swept[3].path / "index.html").as_uri())
    for theme, paper in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 22, 26)")):
        wanted = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)
        # Not decode(): in a window without a screen it may wait for a frame that never comes.
        wait_for(functools.partial(browser.execute_script, LOADED, drawn[0].png[theme]), 60)
        assert browser.execute_script("return document.images.length") == len(drawn) + 10
        broken = "return [...document.images].filter(i => !i.complete || !i.naturalWidth).length"
        assert browser.execute_script(broken) == 0
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == paper
        shown = browser.execute_script("return [...document.images].map(i => i.currentSrc)")
        assert shown[0].endswith(drawn[0].png[theme])
        widths = browser.execute_script("return [...document.images].map(i => i.naturalWidth)")
        assert set(widths[len(drawn) :]) == {sweep_page.WIDE}
        gallery[theme] = shown[-1]
    assert gallery["light"] != gallery["dark"]  # the notebook's own dark variant
