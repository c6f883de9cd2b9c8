"""The site as a reader gets it: built once, its links followed, its pages opened in a real browser.

The browser can reach nothing but this machine; `browser.find` says when these tests skip.
"""

import base64
import contextlib
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from tests import browser, site_links
from tools.website import build

KINDS = (
    "index.html",
    "notebooks/02_one_machine_or_a_cluster.html",
    "cards/delay-threshold.html",
    "claims.html",
    "map.html",
    "homework/index.html",
    "teaching/plans.html",
    "library/theory.stability.html",
)
SMALL, ZOOMED, WIDE = 360, 640, 1280  # CSS pixels; a page of 1280 pixels at 200 % zoom is laid out at 640
SIZES = pytest.mark.parametrize("width", [SMALL, ZOOMED])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built from nothing; a warning of Sphinx fails it."""
    folder = tmp_path_factory.mktemp("site")
    build.build(folder / "site", work=folder / "work")
    shutil.rmtree(folder / "work")  # the site must not need it
    return folder / "site"


@pytest.fixture(scope="module")
def home(site):
    with browser.served(site) as address:
        yield address


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    """A light window and a dark one."""
    with contextlib.ExitStack() as stack:
        yield {
            theme: stack.enter_context(
                browser.opened(tmp_path_factory.mktemp(theme), width=WIDE, dark=theme == "dark")
            )
            for theme in ("light", "dark")
        }


def every_page(site: Path) -> list[str]:
    return sorted(str(path.relative_to(site)) for path in site.rglob("*.html") if "slides" not in path.parts)


def open_page(window, address: str, home: str) -> list[str]:
    """Open a page; returns what went wrong: console errors, and requests that leave the machine."""
    window.get(address)
    browser.settle(window)
    return browser.errors(window) + browser.leaving(browser.requests(window), home)


class TestFiles:
    """Without a browser."""

    def test_all_links_lead_somewhere(self, site):
        assert site_links.problems(site) == []

    def test_no_page_names_the_folder_it_was_built_in(self, site):
        pages = {page: (site / page).read_text(encoding="utf-8") for page in every_page(site)}
        assert [page for page, text in pages.items() if str(build.ROOT) in text] == []

    def test_wrong_links_are_found(self, tmp_path):
        wrong = ["nothing.html", "#nowhere", "there.html#nowhere", "http:/x", "../outside.html"]
        text = (
            "".join(f'<a href="{address}">x</a>' for address in wrong)
            + '<script src="https://a.bc/d.js"></script>'
        )
        (tmp_path / "outside.html").write_text("")
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "there.html").write_text("<p id=here>")
        (tmp_path / "site" / "index.html").write_text(text + '<a href="there.html#here">y</a>')
        found = site_links.problems(tmp_path / "site")
        assert len(found) == len(wrong) + 1
        assert any("loaded from another machine" in line for line in found)

    def test_every_notebook_card_and_slide_is_a_page(self, site):
        notebooks = {path.stem for path in (build.ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")}
        assert {path.stem for path in (site / "notebooks").glob("*.html")} == notebooks
        assert {path.stem for path in (site / "slides").glob("*.html")} == notebooks
        assert not list(site.rglob("_sources"))

    def test_a_warning_leaves_the_earlier_site(self, tmp_path, monkeypatch):
        out = tmp_path / "site"
        out.mkdir()
        (out / "index.html").write_text("earlier")
        notebook = tmp_path / "notebooks" / "05_x.ipynb"
        notebook.parent.mkdir()
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# X")]), notebook)
        page = {
            "index.md": b"# Page\n\n[](nothing.md) {cell}`05:nothing` {claim}`05.nothing` {claim}`11.none`\n",
            "conf.py": (
                f"import sys\nsys.path.insert(0, {str(build.SITE / '_ext')!r})\n"
                "extensions = ['myst_parser', 'lecture_links']\nexclude_patterns = ['notebooks']\n"
            ).encode(),
            "notebooks/05_x.ipynb": notebook,
        }
        monkeypatch.setattr(build, "pages", lambda root: page)
        with pytest.raises(build.BuildFailed) as failure:
            build.build(out, root=tmp_path, work=tmp_path / "work")
        for missing in ("nothing.md", "no cell 'nothing'", "claim '05.nothing'", "no notebook 11"):
            assert missing in str(failure.value)
        assert (out / "index.html").read_text() == "earlier"
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


class TestPages:
    """One page of every kind, by day and by night, on a telephone and enlarged."""

    @pytest.mark.parametrize(
        ("page", "theme"), [(p, "light") for p in KINDS] + [(p, "dark") for p in KINDS[:3]]
    )
    def test_it_opens_quietly_and_is_accessible(self, page, theme, windows, home):
        assert open_page(windows[theme], home + page, home) == []
        assert browser.violations(windows[theme]) == []

    @pytest.mark.long
    def test_so_are_all_the_others(self, site, windows, home):
        found = {}
        for page in set(every_page(site)) - set(KINDS):
            problems = open_page(windows["light"], home + page, home)
            found[page] = problems + browser.violations(windows["light"])
        assert len(found) > 50
        assert {page: problems for page, problems in found.items() if problems} == {}

    @SIZES
    def test_nothing_scrolls_sideways(self, width, windows, home, site):
        assert self.sideways(windows["light"], KINDS, width, home) == {}

    @pytest.mark.long
    @SIZES
    def test_nor_on_any_other_page(self, width, windows, home, site):
        assert self.sideways(windows["light"], every_page(site), width, home) == {}

    @staticmethod
    def sideways(window, pages, width, home) -> dict[str, list[str]]:
        found = {}
        try:
            browser.resize(window, width)
            for page in pages:
                window.get(home + page)
                browser.settle(window)
                found[page] = browser.sideways(window)
        finally:
            browser.resize(window, WIDE)
        assert found
        return {page: problems for page, problems in found.items() if problems}

    def test_figures_suit_the_dark(self, windows, home):
        open_page(windows["dark"], home + "notebooks/05_bias_variance.html", home)
        shown = windows["dark"].execute_script(
            """
            return [...document.querySelectorAll(".lecture-figure img")].filter(i => i.checkVisibility())
              .map(i => [i.className, getComputedStyle(i).backgroundColor, i.alt.length]);
            """
        )
        assert shown
        for kind, background, alt in shown:
            assert kind == "only-dark" or (kind == "on-mat" and background == "rgb(255, 255, 255)")
            assert alt >= 40

    def test_search_finds(self, windows, home):
        assert open_page(windows["light"], home + "search.html?q=noise+scale", home) == []
        windows["light"].execute_async_script(
            """
            const done = arguments[arguments.length - 1];  // results come one by one
            const found = () => document.querySelector('#search-results li a[href*="noise-scale"]');
            const look = n => found() || n > 200 ? done() : setTimeout(look, 50, n + 1);
            look(0);
            """
        )
        links = windows["light"].find_elements("css selector", "#search-results li a")
        assert any("noise-scale" in link.get_attribute("href") for link in links)

    def test_from_a_folder(self, site, tmp_path):
        """Opened as files, in a browser of its own: an address of a file is a home of another kind."""
        with browser.opened(tmp_path) as window:
            for page in ("index.html", "notebooks/05_bias_variance.html", "search.html?q=batch"):
                assert open_page(window, site.as_uri() + "/" + page, site.as_uri()) == []
            assert window.execute_script("return document.title").startswith("Search")

    def test_without_javascript(self, home, tmp_path):
        with browser.opened(tmp_path, scripts=False) as window:
            window.get(home + "notebooks/05_bias_variance.html")
            assert window.find_element("css selector", "article h1").text.startswith("Bias and variance")
            pictures = window.find_elements("css selector", ".lecture-figure img")
            dark = [picture for picture in pictures if picture.get_attribute("class") == "only-dark"]
            assert [picture.is_displayed() for picture in pictures] == [
                picture not in dark for picture in pictures
            ]


class TestPaper:
    """Printed."""

    A4 = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": False}  # noqa: RUF012

    def pdf(self, window) -> bytes:
        return base64.b64decode(window.execute_cdp_cmd("Page.printToPDF", self.A4)["data"])

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_the_summary_sheet_is_one_page(self, theme, windows, home):
        open_page(windows[theme], home + "teaching/sheet.html", home)
        assert len(re.findall(rb"/Type\s*/Page\b", self.pdf(windows[theme]))) == 1

    def test_a_notebook_prints_its_text_only(self, windows, home):
        window = windows["light"]
        open_page(window, home + "notebooks/05_bias_variance.html", home)
        try:
            window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
            shown = window.execute_script(
                "return ['.bd-sidebar-primary', '.bd-header-article', 'h1', '.lecture-figure img']"
                ".map(s => document.querySelector(s).checkVisibility());"
            )
        finally:
            window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen"})
        assert shown == [False, False, True, True]


class TestSlides:
    """The slides of a notebook."""

    def test_they_go_on_and_ask_for_nothing(self, windows, home):
        window = windows["light"]
        assert open_page(window, home + "slides/05_bias_variance.html", home) == []
        assert window.execute_script("return Reveal.isReady()")
        total = window.execute_script("return Reveal.getTotalSlides()")
        window.execute_script("Reveal.next()")
        assert total > 20
        assert window.execute_script("return Reveal.getProgress()") > 0
        assert window.execute_script("return document.querySelectorAll('mjx-container').length") > 50
        assert browser.violations(window) == []


class TestTheChecks:
    """Each check finds a page that is wrong on purpose."""

    RIGHT = "<!doctype html><html lang=en><title>A page</title><main><h1>A page</h1>{}</main></html>"
    WRONG = (
        ('<img src="https://example.org/a.png" alt="x">', "leaves"),
        ("<script>console.error('no')</script>", "complains"),
        ("<pre style='width: 2000px'>wide</pre>", "scrolls"),
        ("<img src='data:,'>", "inaccessible"),
        ("<p style='color: #bbb; background: #fff'>pale</p>", "inaccessible"),
        ("<p>nothing wrong</p>", None),
    )

    @pytest.mark.parametrize(("body", "wrong"), WRONG)
    def test_it_is_found(self, body, wrong, windows, tmp_path):
        (tmp_path / "page.html").write_text(self.RIGHT.format(body))
        (tmp_path / "favicon.ico").write_bytes(b"")
        window = windows["light"]
        with browser.served(tmp_path) as home:
            window.get(home + "page.html")
            browser.settle(window)
            found = {
                "complains": bool(browser.errors(window)),
                "leaves": bool(browser.leaving(browser.requests(window), home)),
                "scrolls": bool(browser.sideways(window)),
                "inaccessible": bool(browser.violations(window)),
            }
        if wrong == "leaves":
            found["complains"] = False  # as it should: the picture does not arrive
        assert found == {name: name == wrong for name in found}

    def test_a_missing_browser_is_said(self, monkeypatch):
        monkeypatch.setattr(shutil, "which", lambda name: None)
        monkeypatch.delenv("CHROME", raising=False)
        monkeypatch.delenv("LECTURE_REQUIRE", raising=False)
        with pytest.raises(pytest.skip.Exception, match="not found: a browser"):
            browser.find()
        monkeypatch.setenv("LECTURE_REQUIRE", "bubblewrap,chromium")
        with pytest.raises(pytest.fail.Exception, match="not found: a browser"):
            browser.find()
