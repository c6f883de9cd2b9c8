"""Explorers in one view: the controls beside their chart, settings pinned, questions asked, limits marked."""

import math

import pytest

from tests.marks import first_quick
from tests.workshop.site import browser
from tests.workshop.site.explorer_window import ask, shown, visit
from workshop.site.explorer_tables import TABLES

ONE_VIEW = """
const chart = document.querySelector(".lecture-explorer figure:not([hidden]) > svg");
const clear = (box) => box.top >= -1 && box.bottom <= innerHeight + 1;
const apart = [];
document.documentElement.style.scrollBehavior = "auto";
for (const control of document.querySelectorAll(".lecture-explorer .control")) {
  control.scrollIntoView({ block: "end" });
  const box = control.getBoundingClientRect(), figure = chart.getBoundingClientRect();
  const across = box.left < figure.right && figure.left < box.right;
  const over = across && box.top < figure.bottom && figure.top < box.bottom;
  if (!clear(box) || !clear(figure) || over) apart.push(control.textContent);
}
return apart;
"""


class TestOneView:
    """A control and the chart that it moves are on the screen together; settings can be compared."""

    @pytest.mark.long
    @pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
    @pytest.mark.parametrize("name", TABLES)
    def test_every_control_is_seen_beside_the_chart(self, name, width, height, window, folder):
        visit(window, folder, name)
        browser.resize(window, width, height)
        shown(window, name)
        assert len(window.find_elements("css selector", ".lecture-explorer .control")) >= 6
        assert window.execute_script(ONE_VIEW) == []

    @first_quick("style", [".stage { position: static !important }", ".stage { order: 1 !important }"])
    def test_a_chart_that_scrolls_away_is_found(self, style, window, folder):
        visit(window, folder, "one_hot")
        browser.resize(window, 390, 844)
        window.execute_script(
            "document.head.insertAdjacentHTML('beforeend', `<style>${arguments[0]}</style>`)",
            f".lecture-explorer {style} .lecture-explorer .control {{ margin-block: 3rem !important }}",
        )  # on a phone they all fit on a screen: where they do not, the chart must stay
        assert window.execute_script(ONE_VIEW) != []

    @pytest.mark.long
    def test_a_setting_is_pinned_and_compared(self, window, folder):
        first = visit(window, folder, "delay")
        pin = window.find_element("xpath", "//button[contains(text(), 'Pin')]")
        pin.click()
        found = ask(window, "delay", {"delay": 64})
        assert found != first
        assert len(window.find_elements("css selector", "figure:not([hidden]) > svg .pinned")) == 2
        said = window.find_element("css selector", ".compared").text
        assert said == "Pinned: delay τ, in updates: 16, now 64."
        assert window.find_element("css selector", ".before").text.startswith("pinned: ")
        pin.click()
        assert window.find_elements("css selector", ".pinned, .before") == []

    @pytest.mark.long
    def test_a_question_is_asked_in_the_explorer(self, window, folder):
        visit(window, folder, "batch_and_rate")
        window.execute_script("window.kept = true")  # a page that is loaded anew forgets it
        link = window.find_element("css selector", "a[href*=Infinity]")
        window.execute_script("arguments[0].click()", link)
        found = shown(window, "batch_and_rate")
        assert found["work: gradients t b"] == math.inf
        assert "b=Infinity" in window.current_url
        assert window.execute_script("return window.kept")
        task = window.find_element("css selector", ".task")
        assert "gradient descent" in task.text
        top = window.execute_script("return arguments[0].getBoundingClientRect().top", task)
        assert 0 <= top < 200
        assert window.find_element("css selector", "output").text  # the sliders are still there
        task.find_element("css selector", "button").click()
        assert window.switch_to.active_element == link

    def test_the_crossing_and_the_limit_are_marked(self, window, folder):
        visit(window, folder, "batch_and_rate")
        legends = [e.get_attribute("textContent") for e in window.find_elements("css selector", ".legend li")]
        assert sum("variance overtakes bias: step" in text for text in legends) == 1
        assert sum("b = ∞" in text for text in legends) == 2
