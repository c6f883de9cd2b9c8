"""The winner map: every cell that the page computes is the library's, and is drawn as it was computed."""

import math

import numpy as np
import pytest
from scipy.special import ndtr

from lecturelib.least_squares.noisy_quadratic import winner
from tests.agree import agree
from tests.marks import first_quick
from tests.workshop.site.explorer_settings import USUAL, WinnerMap
from tests.workshop.site.explorer_window import ask, press, shown, visit
from tests.workshop.site.test_explorers_theory import engine, javascript  # noqa: F401 (a fixture of its own)
from workshop.site import explorers

RELATIVE = 1e-9
SOURCE = (explorers.FOLDER / "noisy_quadratic.js").read_text(encoding="utf-8")
FIELDS = {"steps": "steps", "rate": "learning_rate", "momentum": "momentum", "risk": "risk"}


def compare(setting: dict, source: str = SOURCE) -> None:
    """Steps, rate, momentum and risk of all three methods in every cell."""
    problem = {"noise": float(setting["noise"]), "target": float(setting["target"])}
    momenta = [[0.5, 0.7, 0.8, 0.9, 0.95], [0.9]][setting["momenta"] == "habit"]
    calls = [
        {"name": "race", "args": [problem | {"octaves": octaves, "b": b}, momenta]}
        for octaves in WinnerMap.OCTAVES
        for b in WinnerMap.BATCHES
    ]
    ours, theirs = javascript(calls, source), WinnerMap.cells(setting)
    assert len(ours) == len(theirs) == 117
    for cell, expected in zip(ours, theirs, strict=True):
        assert len(cell) == 3
        for found, one in zip(cell, expected.values(), strict=True):
            assert float(found["steps"]) == one.steps  # "inf" where nobody gets there
            for name, attribute in FIELDS.items() if one.steps < math.inf else ():
                agree(found[name], getattr(one, attribute), relative=RELATIVE)


@pytest.mark.long
def test_every_cell_of_the_usual_map():
    compare(USUAL["winner_map"])


@pytest.mark.long
def test_every_cell_of_a_hundred_random_maps():
    rng = np.random.default_rng(21)
    for _ in range(100):
        compare(WinnerMap.draw(rng))


@first_quick(
    ("right", "wrong"),
    [
        ("noise * 2 ** k / b", "noise / b"),  # as if flat directions had no more noise over their curvature
        ("2 * (1 + beta) * 2", "2 * 2"),  # rates of plain SGD
        ("beta * (beta * speed", "(beta * speed"),
        ("low += 2 * from - 1", "low += 2 * from"),
        ("Math.sqrt(variance)", "variance"),
        ("best.steps - 1", "best.steps"),  # of equal steps the last rate
    ],
)
def test_a_wrong_formula_is_found(right, wrong):
    assert SOURCE.count(right) >= 1
    with pytest.raises(AssertionError):
        compare(USUAL["winner_map"], SOURCE.replace(right, wrong))


def test_the_tail_of_the_normal_distribution():
    x = np.linspace(-8.0, 30.0, 400)
    found = javascript([{"name": "upperTail", "args": [value]} for value in x.tolist()], SOURCE)
    near = x < 3.0  # up to here an absolute bound, for the small ones are 1/2 - a sum
    agree(np.array(found)[near] + 1.0, ndtr(-x[near]) + 1.0, relative=1e-14)
    agree(np.array(found)[~near], ndtr(-x[~near]), relative=1e-12)


DRAWN = """
const cells = [...document.querySelectorAll(".cell")];
return cells.map((cell) => [cell.getAttribute("class"), cell.dataset.steps]);
"""


class TestPage:
    @pytest.mark.long
    def test_each_cell_shows_what_was_computed(self, window, folder):
        visit(window, folder, "winner_map", noise=4, target=0.05)
        drawn = window.execute_script(DRAWN)
        cells = WinnerMap.cells(USUAL["winner_map"] | {"noise": 4.0, "target": 0.05})
        assert len(drawn) == len(cells)
        seen = set()
        for (look, steps), cell in zip(drawn, cells, strict=True):
            assert [float(one.replace("-", "inf")) for one in steps.split()] == [
                one.steps for one in cell.values()
            ]
            name = winner(cell)
            seen.add(name)
            assert look == ("cell nobody" if name is None else f"cell bar series-{list(cell).index(name)}")
        assert seen == {"SGD", "heavy ball", "sign descent", None}

    @pytest.mark.long
    def test_a_click_on_a_cell_is_what_the_two_sliders_do(self, window, folder):
        visit(window, folder, "winner_map")
        cell = window.find_elements("css selector", ".cell")[2 * 13 + 9]
        window.execute_script("arguments[0].scrollIntoView({ block: 'center' })", cell)
        cell.click()
        clicked = shown(window, "winner_map")
        assert "b=512" in window.current_url
        assert "kappa=4" in window.current_url
        assert clicked == visit(window, folder, "winner_map", b=512, kappa=4)

    @pytest.mark.long
    def test_the_button_goes_to_the_next_border(self, window, folder):
        setting = {"noise": 1, "kappa": 1}
        visit(window, folder, "winner_map", b=1, **setting)
        row = [winner(cell) for cell in WinnerMap.cells(USUAL["winner_map"] | setting)[:13]]
        borders = [2**i for i in range(1, 13) if row[i] != row[i - 1]]
        assert len(borders) == 2
        for border in [*borders, 1]:  # after the last from the smallest batch on again
            window.find_element("xpath", "//button[contains(text(), 'where the winner changes')]").click()
            shown(window, "winner_map")
            assert window.find_element("name", "b").get_attribute("aria-valuetext") == str(border)

    @pytest.mark.long
    def test_what_has_changed_since_the_pin_is_marked(self, window, folder):
        before = visit(window, folder, "winner_map")
        window.find_element("xpath", "//button[contains(text(), 'Pin')]").click()
        shown(window, "winner_map")
        assert window.find_elements("css selector", "figure > svg .changed") == []
        after = ask(window, "winner_map", {"momenta": "habit"})
        marked = window.find_elements("css selector", "figure > svg .changed")
        name = "cells that heavy ball wins"
        assert len(marked) >= before[name] - after[name] > 0

    @pytest.mark.long
    def test_the_numbers_stand_in_a_table_and_in_words(self, window, folder):
        visit(window, folder, "winner_map")
        summary = window.find_element("css selector", "figure:not([hidden]) summary")
        window.execute_script("arguments[0].focus()", summary)
        press(window, "Enter")
        table = window.find_element("css selector", "figure:not([hidden]) table")
        assert "sign descent 55" in table.text
        alt = window.find_element("css selector", "figure:not([hidden]) > svg").get_attribute("aria-label")
        assert "Of 117 cells SGD wins" in alt
        assert "SGD 87, heavy ball 62, sign descent 55" in alt

    @pytest.mark.long
    @pytest.mark.parametrize("chart", [1, 2])
    def test_where_nobody_arrives_the_page_says_so(self, chart, window, folder):
        visit(window, folder, "winner_map", b=1, kappa=256)
        window.find_elements("css selector", ".tabs input")[chart].click()
        shown(window, "winner_map")
        words = window.find_element("css selector", "figure:not([hidden])").text
        assert "in 500 steps" in words or chart == 1
        says = window.find_element("css selector", ".lecture-explorer .says").text
        assert "Nobody gets there" in says
