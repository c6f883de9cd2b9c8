"""The site as a reader gets it: built once, its links followed, its pages opened in a real browser.

The browser can reach nothing but this machine; `browser.find` says when these tests skip.
"""

import base64
import gzip
import html
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from tests.marks import first_quick
from tests.workshop.site import browser, seen, site_links
from workshop.site import build, teaching

KINDS = (
    "index.html",
    "notebooks/02_one_machine_or_a_cluster.html",
    "cards/delay-threshold.html",
    "explorers/batch_and_rate.html",
    "claims.html",
    "map.html",
    "homework/index.html",
    "teaching/plans.html",
    "library/lecturelib.least_squares.stability.html",
)
SMALL, ZOOMED = 360, 640  # CSS pixels; a page of 1280 pixels at 200 % zoom is laid out at 640
SEEN = """
// Figures, those whose link to the numbers is seen, and what lies between a figure and the page.
const figures = [...document.querySelectorAll(".lecture-figure")], clear = "rgba(0, 0, 0, 0)";
const seen = figures.filter(f => f.querySelector("a[download]")?.checkVisibility());
const parts = e => [...e.querySelectorAll("img"), e.closest(".text_html") ?? e];
const ground = e => parts(e).map(x => getComputedStyle(x));
return {
  figures: figures.length,
  links: seen.length,
  grounds: figures.flatMap(ground)
    .filter(s => s.backgroundColor !== clear || s.filter !== "none" || parseFloat(s.paddingLeft))
    .map(s => `${s.backgroundColor} ${s.filter} ${s.padding}`),
};
"""


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
        plans = {plan["slug"] for plan in teaching.read(build.ROOT, "plans")}
        assert {path.stem for path in (site / "slides").glob("*.html")} == notebooks | plans
        assert not list(site.rglob("_sources"))

    def test_a_page_says_what_it_is_about_where_it_is_found(self, site):
        for page in every_page(site):
            text = (site / page).read_text(encoding="utf-8")
            title = re.findall(r"<title>([^<]+)", text)[0]  # figures have some, too
            first, _, rest = html.unescape(title).partition(" \N{EM DASH} ")
            assert first != rest, page
            if page.startswith(("index", "notebooks/", "cards/", "homework/")):
                about = re.findall(
                    r'<meta (?:name|property)="(?:og:)?description" content="([^"]{10,})"', text
                )
                assert len(about) == 2, page
        assert (
            'href="projects.html"><span class="std std-doc">projects.md'
            in (site / "homework" / "index.html").read_text()
        )

    def test_a_notebook_page_is_light(self, site):
        """At most 1.2 MB compressed, with all that it loads at once; pictures out of sight come later."""
        for path in (site / "notebooks").glob("*.html"):
            page = site_links.Page(path.read_text(encoding="utf-8"))
            loads = {(path.parent / address.split("?")[0]).resolve() for address in page.loads}
            loads = {load for load in loads if load.suffix in (".js", ".css", ".svg")} | {path}
            weights = {load.name: len(gzip.compress(load.read_bytes(), 6)) for load in loads}
            assert weights["mathjax-3.2.2-tex-svg.js"] > 500_000
            assert sum(weights.values()) <= 1_200_000, weights

    def test_every_icon_is_drawn(self, site):
        used = {
            icon
            for page in every_page(site)
            for icon in re.findall(r"fa-solid (fa-[a-z-]+)", (site / page).read_text(encoding="utf-8"))
        }
        style = (build.SITE / "_static" / "lecture.css").read_text(encoding="utf-8")
        assert "fa-magnifying-glass" in used
        assert used <= set(re.findall(r"^\.(fa-[a-z-]+) \{", style, re.MULTILINE))

    @pytest.mark.long
    def test_a_warning_leaves_the_earlier_site(self, tmp_path, monkeypatch):
        out = tmp_path / "site"
        out.mkdir()
        (out / "index.html").write_text("earlier")
        plans = tmp_path / "site" / "teaching" / "plans.toml"
        plans.parent.mkdir(parents=True)
        plans.write_text("plan = []\n")
        notebook = tmp_path / "notebooks" / "05_x.ipynb"
        notebook.parent.mkdir()
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# X")]), notebook)
        page = {
            "index.md": b"# Page\n\n[](nothing.md) {cell}`05:nothing` {claim}`05.nothing` {claim}`12.none`\n",
            "conf.py": (
                f"import sys\nsys.path.insert(0, {str(build.SITE / '_ext')!r})\n"
                "extensions = ['myst_parser', 'lecture_links']\nexclude_patterns = ['notebooks']\n"
            ).encode(),
            "notebooks/05_x.ipynb": notebook,
        }
        monkeypatch.setattr(build, "pages", lambda root: page)
        with pytest.raises(build.BuildFailed) as failure:
            build.build(out, root=tmp_path, work=tmp_path / "work")
        for missing in ("nothing.md", "no cell 'nothing'", "claim '05.nothing'", "no notebook 12"):
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
    @pytest.mark.weekly
    def test_so_are_all_the_others(self, site, windows, home):
        found = {}
        for page in set(every_page(site)) - set(KINDS):
            problems = open_page(windows["light"], home + page, home)
            found[page] = problems + browser.violations(windows["light"])
        assert len(found) > 50
        assert {page: problems for page, problems in found.items() if problems} == {}

    def test_nothing_scrolls_sideways(self, windows, home, site):
        window, found = windows["light"], {}
        for page in every_page(site):
            browser.resize(window, SMALL)
            window.get(home + page)
            for width in (SMALL, ZOOMED):
                browser.resize(window, width)
                browser.settle(window)
                found[page, width] = browser.sideways(window)
        assert {page for page, _ in found} >= set(KINDS)
        assert {where: problems for where, problems in found.items() if problems} == {}

    def test_figures_suit_the_dark(self, windows, home):
        open_page(windows["dark"], home + "notebooks/05_bias_variance.html", home)
        shown = windows["dark"].execute_script(
            """
            return [...document.querySelectorAll(".lecture-figure img")].filter(i => i.checkVisibility())
              .map(i => [i.alt.length, getComputedStyle(i).colorScheme]);
            """
        )
        assert shown
        assert {scheme for _, scheme in shown} == {"dark"}
        assert min(alt for alt, _ in shown) >= 40

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_a_figure_stands_on_the_pages_own_ground_and_its_numbers_are_seen(self, theme, windows, home):
        open_page(windows[theme], home + "notebooks/05_bias_variance.html", home)
        found = windows[theme].execute_script(SEEN)
        assert found["figures"] > 4
        assert found["links"] == found["figures"]
        assert found["grounds"] == []
        wrong = (  # a mat and a hidden caption
            ".lecture-figure img { background: #ced6dd !important } figcaption { display: none !important }"
        )
        windows[theme].execute_script(
            "document.body.insertAdjacentHTML('beforeend', `<style>${arguments[0]}</style>`)", wrong
        )
        found = windows[theme].execute_script(SEEN)
        assert found["links"] == 0
        assert found["grounds"]

    def test_panels_are_stacked_on_a_phone(self, windows, home):
        browser.resize(windows["light"], 390)
        open_page(windows["light"], home + "notebooks/05_bias_variance.html", home)
        figures = windows["light"].execute_script(
            """
            return [...document.querySelectorAll('.lecture-figure')].map(f => {
              const images = [...f.querySelectorAll('img')];
              const seen = images.filter(i => i.checkVisibility());
              return [f.scrollWidth > f.clientWidth, images.length, seen.map(i => i.className).join()];
            });
            """
        )
        assert figures
        for cut, count, classes in figures:
            assert not cut
            assert classes == ("narrow" if count == 2 else "wide")

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
            wide = [picture.get_attribute("class") == "wide" for picture in pictures]
            assert any(wide)
            assert [picture.is_displayed() for picture in pictures] == wide  # and no panels for a phone


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
        with seen.laid_out(window, "paper", "light"):
            shown = window.execute_script(
                "return ['.bd-sidebar-primary', '.bd-header-article', 'h1', '.lecture-figure img']"
                ".map(s => document.querySelector(s).checkVisibility());"
            )
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

    @first_quick(("body", "wrong"), WRONG)
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
