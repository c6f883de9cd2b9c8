"""What an explorer shows in a real browser is what the library says, number by number, and always a number.

`browser.find` says when these tests skip; `test_explorers_theory.py` compares the formulas more widely.
"""

import math

import numpy as np
import pytest

from tests.agree import agree as compare
from tests.marks import first_quick
from tests.workshop.site import browser
from tests.workshop.site.explorer_settings import EXPLORERS, USUAL
from tests.workshop.site.explorer_window import ask, visit
from workshop.site import explorers
from workshop.site.explorer_tables import TABLES

RELATIVE = 1e-9


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorers")
    for name in TABLES:
        (folder / f"{name}.html").write_text(explorers.page(name), encoding="utf-8")
    return folder


def agree(found: dict, expected: dict) -> None:
    compare([found[key] for key in expected], list(expected.values()), relative=RELATIVE)


UNSTABLE = [  # settings over which the first edition drew an empty chart and wrote "none"
    ("one_hot", {"d": 16, "decay": 2, "b": 16, "eta": 348, "t": 90}),
    ("one_hot", {"eta": 512, "b": 1, "t": 200}),
    ("batch_and_rate", {"features": "onehot", "d": 64, "noise": 2.15, "b": 1, "eta": 50.2, "t": 5000}),
    ("batch_and_rate", {"b": math.inf, "eta": 50, "t": 5000, "target": 0.5}),
    ("delay", {"d": 1, "delay": 64, "share": 1.2, "b": math.inf}),
]  # fmt: skip
OTHERS = [
    ("batch_and_rate", {}),
    ("batch_and_rate", {"b": math.inf}),
    ("batch_and_rate", {"features": "onehot", "d": 30, "decay": 1, "b": 64, "eta": 3.5}),
    ("one_hot", {"d": 16, "decay": 1, "b": 8, "eta": 3, "t": 12, "seed": 5}),
    ("one_hot", {"update": "once", "decay": 1}),
    ("delay", {}),
    ("delay", {"features": "gaussian", "d": 32, "b": 4, "delay": 3, "share": 0.9}),
    ("cluster", {}),
    ("cluster", {"machines": 64, "b": 512, "algorithm": "tree", "alpha": 2e-5}),
    ("winner_map", {}),
    ("winner_map", {"b": 1, "kappa": 256, "noise": 16, "momenta": "habit", "lead": 0}),
]  # fmt: skip

BLANK = """
const said = [...document.querySelectorAll(".results dd, .says, output, figure, svg")];
const words = said.map((e) => `${e.getAttribute("aria-label") ?? ""} ${e.textContent}`).join(" ");
const shapes = document.querySelectorAll("figure svg :is(path, rect, circle)");
const drawn = [...shapes].map((e) => e.outerHTML).join(" ");
const figures = [...document.querySelectorAll("figure:not([hidden])")];
const empty = figures.filter((f) => !f.querySelector(".line, .bar"));
const wrong = words.match(/\\b(none|NaN|undefined)\\b/g) ?? [], odd = drawn.match(/NaN|Infinity/g) ?? [];
return [...wrong, ...odd, ...empty.map((f) => `nothing drawn: ${f.textContent}`)];
"""


def check(window, name: str, setting: dict, found: dict) -> None:
    """Everything that is shown is the library's, and nothing shown is empty."""
    assert not any(
        math.isnan(value) for key, value in found.items() if "paper" not in key and "target" not in key
    )
    assert window.execute_script(BLANK) == [], setting
    agree(found, EXPLORERS[name].expected(USUAL[name] | setting, found))


@first_quick(("name", "setting"), UNSTABLE + OTHERS)
def test_a_setting(name, setting, window, folder):
    found = visit(
        window, folder, name, **{key: str(value).replace("inf", "Infinity") for key, value in setting.items()}
    )
    check(window, name, setting, found)
    charts = window.find_elements("css selector", "figure .diverges")
    if (name, setting) in UNSTABLE:
        assert charts
        assert math.inf in found.values() or name == "delay"
    assert browser.errors(window) == []


@pytest.mark.long
@pytest.mark.parametrize("name", EXPLORERS)
def test_a_hundred_random_settings(name, window, folder):
    rng = np.random.default_rng(16)
    visit(window, folder, name)
    for _ in range(100):
        setting = EXPLORERS[name].draw(rng)
        check(window, name, setting, ask(window, name, setting))
    assert browser.errors(window) == []


@pytest.mark.long
def test_the_same_seed_is_the_same_run(window, folder):
    setting = {"d": 16, "decay": 1, "b": 8, "eta": 3, "t": 12}
    first = visit(window, folder, "one_hot", **setting, seed=5)
    assert visit(window, folder, "one_hot", **setting, seed=5) == first
    other = visit(window, folder, "one_hot", **setting, seed=6)
    assert other["risk of this run"] != first["risk of this run"] != first["expected risk"]


@pytest.mark.long
def test_what_is_empty_is_found(window, folder):
    visit(window, folder, "one_hot")
    assert window.execute_script(BLANK) == []
    for wrong in (
        "querySelector('.results dd').textContent = 'none'",
        "querySelector('figure svg .axis').setAttribute('d', 'M4 NaN')",
    ):
        window.execute_script(f"document.{wrong}")
        assert len(window.execute_script(BLANK)) > 0
        visit(window, folder, "one_hot")
