"""Explorers and predictions in a real browser: by keyboard, from a link, from a file, without JavaScript.

`browser.find` says when these tests skip.
"""

import re
import time

import pytest

from lecturelib import questions, records
from tests.agree import agree
from tests.marks import first_quick
from tests.workshop.site import browser
from tests.workshop.site.explorer_window import address, focus_on, press, shown, visit
from workshop.site import explorers
from workshop.site.explorer_questions import PREDICTIONS
from workshop.site.explorer_tables import TABLES

NAMES = [*TABLES, "predictions"]
EACH = pytest.mark.parametrize("name", NAMES)
RELATIVE = 1e-9


class TestPages:
    @first_quick("theme", ["light", pytest.param("dark", marks=pytest.mark.long)])
    @EACH
    def test_a_page_opens_from_a_file_quietly_and_is_accessible(self, name, theme, windows, folder):
        window = windows[theme]
        window.get(address(folder, name))
        if theme == "dark":  # what the site's theme does with the reader's choice
            window.execute_script("document.documentElement.dataset.theme = 'dark'")
        if name in TABLES:
            shown(window, name)
        assert browser.errors(window) == []
        assert browser.leaving(browser.requests(window), address(folder, name)) == []
        assert browser.violations(window) == []
        paper = window.execute_script(
            "return getComputedStyle(document.querySelector('.lecture-predict')).backgroundColor"
        )
        assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 22, 26)"}[theme]

    @pytest.mark.long
    @EACH
    def test_nothing_scrolls_sideways_on_a_telephone(self, name, window, folder):
        window.get(address(folder, name))
        browser.resize(window, 360)
        if name in TABLES:
            shown(window, name)
        assert browser.sideways(window) == []

    @pytest.mark.long
    def test_without_javascript_there_is_a_table(self, tmp_path, folder):
        with browser.opened(tmp_path, scripts=False) as window:
            for name in TABLES:
                window.get(address(folder, name))
                table = window.find_element("css selector", ".lecture-explorer table")
                assert table.is_displayed()
                last = TABLES[name]()[1][-1]
                assert [
                    cell.text for cell in table.find_elements("css selector", "tbody tr:last-child > *")
                ] == list(last)

    def test_in_a_notebooks_frame_it_runs_and_has_no_link(self, window, folder):
        window.get((folder / "frame.html").as_uri())
        window.switch_to.frame(0)
        found = shown(window, "delay")
        agree(found["largest stable rate with this delay"], 1.40335245, relative=1e-08)
        assert window.find_elements("css selector", ".share a") == []
        window.switch_to.default_content()
        assert browser.errors(window) == []


class TestControls:
    @pytest.mark.long
    def test_a_slider_moves_by_the_arrow_keys_and_says_its_value(self, window, folder):
        visit(window, folder, "batch_and_rate")
        focus_on(window, "b")
        press(window, "ArrowRight", "ArrowRight")
        found = shown(window, "batch_and_rate")
        agree(found["largest stable rate η_max(b)"], 2 * 64 / (64 + 51), relative=RELATIVE)
        slider = window.find_element("name", "b")
        assert slider.get_attribute("aria-valuetext") == "64"
        label = window.find_element("css selector", f"label[for='{slider.get_attribute('id')}']")
        assert label.text == "batch size b"

    @pytest.mark.long
    @pytest.mark.parametrize("name", TABLES)
    def test_every_control_is_reached_by_tab_and_changes_the_setting(self, name, window, folder):
        visit(window, folder, name)
        controls = window.execute_script(
            "return [...document.querySelector('form').elements].map((e) => e.name)"
        )
        controls = [control for control in controls if control]  # the rest are buttons
        assert len(controls) >= 6
        focus_on(window, controls[0])
        for control in controls:
            focused = window.switch_to.active_element
            assert focused.get_attribute("name") == control
            at_end = focused.get_attribute("max") == focused.get_attribute("value")
            press(window, "Home" if at_end else "ArrowDown" if focused.tag_name == "select" else "ArrowRight")
            assert f"{control}=" in window.current_url
            press(window, "Tab")
        shown(window, name)
        assert browser.errors(window) == []

    @pytest.mark.long
    def test_buttons_work_by_keyboard(self, window, folder):
        visit(window, folder, "batch_and_rate", b=64)
        focus_on(window, "target")
        press(window, "Tab", "Enter")  # Rate: half of the maximum
        time.sleep(0.3)
        rate = float(re.search(r"eta=([^&]+)", window.current_url)[1])
        agree(rate, 64 / (64 + 51), relative=RELATIVE)
        press(window, "Tab", " ")  # Start again
        time.sleep(0.3)
        assert "?" not in window.current_url

    @pytest.mark.long
    def test_a_link_carries_the_whole_setting(self, window, folder):
        setting = {"b": 64, "d": 37, "decay": 0.5, "eta": 0.123, "features": "onehot", "noise": 0.25, "t": 33}
        first = visit(window, folder, "batch_and_rate", **setting)
        link = window.find_element("link text", "Link to this setting").get_attribute("href")
        window.get("about:blank")
        window.get(link)
        assert shown(window, "batch_and_rate") == first
        assert "d=37" in link
        plain = visit(window, folder, "batch_and_rate")
        assert plain != first

    @first_quick("wrong", [{"b": 1.5}, {"b": "many"}, {"features": "text"}, {"eta": -1}, {"b": ""}])
    def test_a_link_with_an_impossible_setting_says_so(self, wrong, window, folder):
        found = visit(window, folder, "batch_and_rate", **wrong)
        ((key, value),) = wrong.items()
        assert f"{key} = {value}" in window.find_element("css selector", ".refused").text
        assert found == visit(window, folder, "batch_and_rate")
        assert window.find_elements("css selector", ".refused") == []


def fresh(window, place: str) -> None:
    """Open a page as a reader does who has answered nothing yet."""
    window.get(place)
    window.execute_script("localStorage.clear()")
    window.get(place)


class TestPredictions:
    @pytest.mark.long
    def test_a_curve_is_drawn_by_keyboard_and_compared(self, window, folder):
        fresh(window, address(folder, "predictions"))
        root = window.find_element("css selector", "[data-predict=depth]")
        window.execute_script("arguments[0].querySelector('.handle').focus()", root)
        press(window, *["ArrowDown"] * 3)
        focused = "return document.activeElement.getAttribute(arguments[0])"
        assert window.execute_script(focused, "aria-label") == "steps at batch size b = 2"
        low, high = PREDICTIONS["depth"]().domain
        expected = 238 * (low / high) ** (3 / 60)
        agree(float(window.execute_script(focused, "aria-valuenow")), expected, relative=RELATIVE)
        press(window, "Tab", "End")
        assert window.execute_script(focused, "aria-label") == "steps at batch size b = 4"
        agree(float(window.execute_script(focused, "aria-valuenow")), high, relative=1e-6)
        button = root.find_element("css selector", "button")
        assert button.text == "Show the truth"
        assert root.find_elements("css selector", ".line.series-0") == []
        window.execute_script("arguments[0].focus()", button)
        press(window, "Enter")
        says = root.find_element("css selector", ".says").text
        assert "parts from the truth at batch size b = 2: you drew 160, the truth is 120" in says
        assert "furthest off at batch size b = 512: you drew 240, the truth is 2." in says
        assert len(root.find_elements("css selector", ".line.series-0")) == 1
        assert browser.errors(window) == []

    @pytest.mark.long
    def test_whoever_draws_the_truth_is_told_so(self, window, folder):
        fresh(window, address(folder, "predictions"))
        root = window.find_element("css selector", "[data-predict=efficiency]")
        window.execute_script("arguments[0].scrollIntoView()", root)
        truth, (low, high) = PREDICTIONS["efficiency"]().truth, PREDICTIONS["efficiency"]().domain
        for i, value in enumerate(truth[1:]):
            window.execute_script("arguments[0].querySelectorAll('.handle')[arguments[1]].focus()", root, i)
            steps = round((value - low) / (high - low) * 60)
            press(window, "Home", *["ArrowUp"] * steps)
        root.find_element("css selector", "button").click()
        assert "follows the truth all the way" in root.find_element("css selector", ".says").text

    def test_a_curve_is_drawn_with_a_finger_or_a_mouse(self, window, folder):
        fresh(window, address(folder, "predictions"))
        root = window.find_element("css selector", "[data-predict=efficiency]")
        window.execute_script("arguments[0].scrollIntoView()", root)
        box = window.execute_script(
            "const r = arguments[0].querySelector('svg').getBoundingClientRect(); return [r.x, r.y, r.width]",
            root,
        )
        for kind, along in (
            ("mousePressed", 0.3),
            ("mouseMoved", 0.6),
            ("mouseMoved", 0.9),
            ("mouseReleased", 0.9),
        ):
            place = {
                "x": box[0] + along * box[2],
                "y": box[1] + 120,
                "button": "left",
                "buttons": 1,
                "clickCount": 1,
            }
            window.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, **place})
        drawn = [
            float(handle.get_attribute("aria-valuenow"))
            for handle in root.find_elements("css selector", ".handle")
        ]
        moved = [value for value in drawn if value != 1.0]
        assert len(moved) == 3
        assert max(moved) - min(moved) < 1e-6

    def test_an_answer_is_picked_by_keyboard(self, window, folder):
        window.get(address(folder, "one_hot"))
        root = window.find_element("css selector", "[data-predict=distinct]")
        button, says = (root.find_element("css selector", which) for which in ("button", ".says"))
        button.click()
        assert says.text == "Pick an answer first."
        window.execute_script("arguments[0].querySelector('input').focus()", root)
        press(window, " ")
        button.click()
        assert says.text.startswith("No: about 41.")
        window.execute_script("arguments[0].querySelector('input').focus()", root)
        press(window, "ArrowDown")
        button.click()
        assert says.text.startswith("Right.")


class TestQuestions:
    """Questions of a notebook's page: answered by keyboard, kept in the browser, counted at the end."""

    @pytest.fixture
    def page(self, tmp_path):
        with records.collected():
            asked = [
                questions.choice("05.way", "Which way?", {"Up": False, "Down": True}, explanation="See."),
                questions.number("05.much", "How much?", 40, tolerance=5, unit="%", explanation="See."),
            ]
        body = "".join(map(explorers.question, asked)) + explorers.score() + explorers.code(["predict"])
        head = '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>page</title></head>'
        (tmp_path / "page.html").write_text(f"{head}<body><main>{body}</main></body></html>")
        (tmp_path / "favicon.ico").write_bytes(b"")
        with browser.served(tmp_path) as home:
            yield home + "page.html"

    @pytest.mark.long
    def test_they_are_answered_kept_and_counted(self, window, page):
        window.get(page)
        assert "0 of the 2 questions" in self.score(window)
        way, much = window.find_elements("css selector", "[data-predict]")
        way.find_element("css selector", "button").click()
        assert self.says(way) == "Pick an answer first."
        way.find_element("css selector", "input").send_keys(" ")  # the first, by keyboard: wrong
        way.find_element("css selector", "button").send_keys("\n")
        assert self.says(way) == "No: Down. See."
        much.find_element("css selector", "input").send_keys("44")
        much.find_element("css selector", "button").send_keys("\n")
        assert self.says(much) == "Right: it is 40 %. See."
        assert "2 of the 2 questions on this page, 1 of them rightly" in self.score(window)
        assert browser.violations(window) == []
        window.get(page)  # again
        way, much = window.find_elements("css selector", "[data-predict]")
        assert self.says(way) == "No: Down. See."
        assert much.find_element("css selector", "input").get_property("value") == "44"
        way.find_elements("css selector", "input")[1].click()  # who has seen the truth knows it
        way.find_element("css selector", "button").click()
        assert "1 of them rightly" in self.score(window)
        window.find_element("css selector", "[data-score] button").click()
        browser.settle(window)
        assert "0 of the 2 questions" in self.score(window)
        assert browser.errors(window) == []

    @staticmethod
    def says(root):
        return root.find_element("css selector", ".says").text

    @staticmethod
    def score(window):
        return window.find_element("css selector", "[data-score]").text
