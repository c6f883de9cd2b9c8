"""The page of an executed notebook: to read by day and by night, at a good measure, whole on a phone."""

import nbformat
import pytest

from tests.marks import first_quick
from tests.workshop.site import browser, seen
from workshop import lecture_page

V4 = nbformat.v4
TEXT = "The batch is large, and the noise of its gradient is small, but the work is not. " * 6
TABLE = "| a | b |\n|---|---|\n| `max_learning_rate` | text |\n"
CELLS = [
    V4.new_markdown_cell(f"# Bias & variance\n\n{TEXT}"),
    V4.new_markdown_cell(
        f'## "Just crank up $b$"\n\nSee [08](08_optimal_scheme.ipynb).\n\n$$ {"a + " * 40} b $$'
    ),
    V4.new_code_cell("total = 1  # a comment" + ", which is long" * 12, execution_count=1),
    V4.new_markdown_cell(f"## Second\n\n{TABLE}"),
]
LINE = """
const text = document.querySelector("main > :not(nav) p").firstChild, range = document.createRange();
const first = text.parentElement.getBoundingClientRect().top;
for (let i = 0; i < text.length; i++) {
  range.setStart(text, i);
  range.setEnd(text, i + 1);
  if (range.getBoundingClientRect().top > first + 20) return i;
}
return text.length;
"""  # letters of the first line


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    nbformat.write(V4.new_notebook(cells=CELLS), folder / "05_bias_variance.ipynb")
    path = folder / "05_bias_variance.html"
    path.write_text(lecture_page.html(folder / "05_bias_variance.ipynb"), encoding="utf-8")
    return path


def test_it_is_a_page_with_contents_whose_links_lead_to_pages(page):
    text = page.read_text(encoding="utf-8")
    assert "<title>05 Bias &amp; variance</title>" in text
    assert 'href="08_optimal_scheme.html"' in text
    assert ".ipynb" not in text.split("<script>")[0]
    assert text.count('href="#section-') == text.count('<h2 id="section-') == 2


@first_quick("theme", ["light", "dark"])
def test_it_is_read_by_day_and_by_night(page, theme, windows):
    window = windows[theme]
    window.get(page.as_uri())
    browser.settle(window)
    ground = window.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 22, 26)"}[theme]
    assert browser.violations(window) == []
    assert browser.errors(window) == []


@first_quick("width", [390, 1440, "paper"])
def test_nothing_of_it_is_cut(page, width, window):
    window.get(page.as_uri())
    browser.settle(window)
    with seen.laid_out(window, width, "light"):
        assert seen.cut(window) == []


@pytest.mark.parametrize("fault", [None, "body, p { max-width: none !important; }"])
def test_a_line_has_60_to_80_letters(page, fault, window):
    window.get(page.as_uri())
    window.execute_script(
        "document.head.insertAdjacentHTML('beforeend', `<style>${arguments[0]}</style>`)", fault or ""
    )
    assert (60 <= window.execute_script(LINE) <= 80) == (fault is None)
