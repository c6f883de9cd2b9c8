"""What a reader sees: nothing cut or invisible, no figure on a ground of its own; phone, desk and paper.

`seen` asks the browser; each fault that the pages once had is put back here, and has to be found.
"""

import base64

import numpy as np
import pytest

from lecturelib import advice
from lecturelib.advice import logged, step_law
from lecturelib.advice import page as advice_page
from lecturelib.advice.preparation import prepare
from tests.lecture.advice.advice_cases import held
from tests.workshop.site import browser, seen
from tests.workshop.site.test_site_built import every_page, open_page

NOTEBOOK, MAP = "notebooks/05_bias_variance.html", "map.html"
SMALL = ("notebooks/11_your_batch_size.html", MAP)
WIDTHS = (390, 768, 1024, 1440)
LAYOUTS = [(width, theme) for width in WIDTHS for theme in ("light", "dark")] + [("paper", "light")]


def faults(window, width, theme) -> list[str]:
    """What is wrong with the page that is open, at this width."""
    with seen.laid_out(window, width, theme):
        return seen.cut(window) + seen.invisible(window, width == "paper") + seen.grounds(window)


@pytest.fixture
def opened(both, home):
    """A function that opens a page in the light window, unless the test before has left it open."""
    window = both["light"]

    def page(name):
        if window.current_url != home + name:
            browser.resize(window, 1280)
            open_page(window, home + name, home)
        return window

    return page


@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (1440, "dark"), ("paper", "light")])
@pytest.mark.parametrize("page", SMALL)
def test_a_page_is_seen_whole(page, width, theme, opened):
    assert faults(opened(page), width, theme) == []


@pytest.fixture(scope="module")
def advised(tmp_path_factory):
    """The page of `lecture batch-size` for data, and the one for logged runs."""
    data, logs = (tmp_path_factory.mktemp(name) for name in ("data", "logs"))
    advice_page.write(advice.from_data(prepare(*held("doubling pays")), goal=0.02, runs=2), data)
    b = np.repeat([16, 64, 256, 1024], 2)
    law = step_law.fit(b, 900 * (1 + 180 / b) * np.tile([0.98, 1.02], 4))
    logged.write(law, logs)
    return data / "batch-size.html", logs / "batch-size.html"


@pytest.mark.long
@pytest.mark.parametrize(("width", "theme"), LAYOUTS)
def test_the_pages_of_batch_size_are_seen_whole(advised, width, theme, window):
    for path in advised:
        window.get(path.as_uri())
        found = faults(window, width, theme)
        assert [line for line in found if not (width == "paper" and line.startswith("summary"))] == []


@pytest.mark.long
@pytest.mark.weekly
def test_so_is_every_page_at_every_width(window, home, site):
    found = {}
    for page in every_page(site):
        open_page(window, home + page, home)
        found |= {(page, *layout): faults(window, *layout) for layout in LAYOUTS}
    assert len(found) > 400
    assert {where: wrong for where, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("layout", [(390, "light"), (1440, "dark"), ("paper", "light")])
def test_a_layout_leaves_no_medium_behind(layout, window):
    window.get("data:text/html,<style>@media screen { p { height: 5000px } }</style><p>one page on paper</p>")
    with seen.laid_out(window, *layout):
        pass
    assert not window.execute_script("return matchMedia('(prefers-color-scheme: dark)').matches")
    pdf = base64.b64decode(window.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert pdf.count(b"/Type /Page\n") == 1


SCROLLS = "overflow-x: auto !important; overflow-y: hidden !important;"
LIGHT, NIGHT, PHONE, PAPER = (1440, "light"), (1440, "dark"), (390, "light"), ("paper", "light")
FAULTS = {  # the number of the review's finding -> what is put back, on which page, at which width and theme
    "1, a light mat by night": ("img { background: rgb(206, 214, 221) !important; }", NOTEBOOK, NIGHT),
    "1, an answer on a mat": ("div.output.text_html { background: white !important; }", NOTEBOOK, NIGHT),
    "1, a dimmed figure": ("img { filter: brightness(0.8) !important; }", NOTEBOOK, NIGHT),
    "1, a light figure by night": ("figure img { color-scheme: light !important; }", NOTEBOOK, NIGHT),
    "2, no link to the numbers": ("figure > figcaption a { display: none !important; }", NOTEBOOK, LIGHT),
    "2, in no colour": ("figcaption a { color: transparent !important; }", NOTEBOOK, LIGHT),
    "3, claims cut": (f".lecture-claim {{ white-space: pre !important; {SCROLLS} }}", NOTEBOOK, LIGHT),
    "3, output cut": (
        f".output pre {{ white-space: pre !important; {SCROLLS} }}"
        " .printed-table { font-size: 1em !important; }",
        NOTEBOOK, PHONE,
    ),
    "3, printed tables wrap": (".printed-table { font-size: 1em !important; }", SMALL[0], PHONE),
    "4, code cut": (f".cell_input pre {{ white-space: pre !important; {SCROLLS} }}", NOTEBOOK, PHONE),
    "5, formulas cut on a phone": (
        f"div.math {{ {SCROLLS} }} mjx-container > svg {{ max-width: none !important; }}", NOTEBOOK, PHONE,
    ),
    "6, half a figure on a phone": (
        f".lecture-figure {{ {SCROLLS} }} .lecture-figure img {{ min-width: 640px !important; }}",
        NOTEBOOK, PHONE,
    ),
    "7, formulas cut on paper": (
        "mjx-container > svg { min-width: 900px !important; }",
        NOTEBOOK, PAPER,
    ),
    "8, a column of the map outside": ("article table { min-width: 1300px !important; }", MAP, LIGHT),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_first_edition_is_found(fault, opened):
    style, page, layout = FAULTS[fault]
    window = opened(page)
    window.execute_script(
        "document.head.insertAdjacentHTML('beforeend', `<style id=fault>${arguments[0]}</style>`)", style
    )
    assert faults(window, *layout) != []
    window.execute_script("document.getElementById('fault').remove()")
