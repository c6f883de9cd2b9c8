"""Explorers as text: joined scripts, filled pages, the library's numbers, the figures' colours."""

import json
import re

import pytest

from lecturelib import least_squares as ls
from lecturelib.explorers import show
from lecturelib.plots import themes
from tests.agree import agree
from workshop import checkout
from workshop.site import explorers
from workshop.site.explorer_questions import PREDICTIONS, Choice, Curve, data
from workshop.site.explorer_tables import TABLES

PAGES = sorted((checkout.root() / "site" / "explorers").glob("*.md"))


PLACE = re.compile(r"^<!-- (\w+): (\w+) -->$", re.MULTILINE)


def test_every_explorer_has_a_page_with_a_prediction_and_each_prediction_a_place():
    places = {page.stem: PLACE.findall(page.read_text()) for page in PAGES}
    for name in TABLES:
        kinds = [kind for kind, _ in places[name]]
        assert ("explorer", name) in places[name]
        assert kinds.index("predict") < kinds.index("explorer")
    assert {name for page in places.values() for kind, name in page if kind == "predict"} == set(PREDICTIONS)
    assert 4 <= len(places["predictions"]) <= 6


def test_a_bundle_holds_each_module_once_after_what_it_imports():
    script = explorers.bundle(["delay", "predict"])
    modules = re.findall(r'^modules\["(\w+)"\] =', script, re.MULTILINE)
    assert modules == ["chart", "panel", "theory", "delay", "kept", "predict"]
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)


@pytest.mark.parametrize(
    "line", ['import * as all from "./theory.js";', "export default 3;", "export { a };"]
)
def test_a_module_of_an_unknown_form_is_refused(tmp_path, monkeypatch, line):
    (tmp_path / "odd.js").write_text(f"const a = 1;\n{line}\n")
    monkeypatch.setattr(explorers, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"odd\.js"):
        explorers.bundle(["odd"])


@pytest.mark.long
def test_pages_are_filled_and_carry_their_script_once():
    found = explorers.pages(checkout.root())
    assert set(found) == {f"explorers/{page.name}" for page in PAGES}
    for text in found.values():
        assert not PLACE.search(text)
        assert text.count('modules["chart"] = ') == 1
        assert text.count("```{raw} html") * 2 == text.count("````````")
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text


def test_unknown_names_are_refused():
    for wrong in (explorers.page, show, data):
        with pytest.raises(ValueError, match="'nothing'"):
            wrong("nothing")
    with pytest.raises(ValueError, match="'nothing'"):
        explorers.filled("<!-- explorer: nothing -->")


def test_in_a_notebook_an_explorer_is_a_frame_that_needs_nothing_else():
    html = show("one_hot", height=700).data
    assert html.startswith("<div><iframe")
    assert "height: 700px" in html
    assert "src=" not in html.replace("srcdoc=", "")


def test_tables_where_javascript_is_off_have_the_librarys_numbers():
    for name, table in TABLES.items():
        caption, (header, *rows) = table()
        assert len(caption) > 40
        assert len(rows) >= 5
        assert {len(row) for row in rows} == {len(header)}
        page = explorers.page(name)
        noscript = page[page.index("<noscript>") : page.index("</noscript>")]
        assert all(cell in noscript for row in rows for cell in row)
    iso = dict(zip(*TABLES["batch_and_rate"]()[1][:4:3], strict=True))
    assert iso["b"] == "16"
    agree(float(iso["largest stable rate"]), 2 * 16 / (16 + 51), rounding=0.0005)
    assert iso["steps to target"] == str(ls.depth(ls.gaussian([1.0] * 50, 0.1), [1.0] * 50, 0.01, 16).steps)


@pytest.mark.parametrize("name", PREDICTIONS)
def test_a_prediction_can_be_made_and_has_a_surprise(name):
    """The axis holds the truth; the obvious guess (no change, or in proportion) is not the truth."""
    prediction = PREDICTIONS[name]()
    json.dumps(data(name), allow_nan=False)
    if isinstance(prediction, Choice):
        assert 0 <= prediction.right < len(prediction.answers) == len(set(prediction.answers))
        return
    assert isinstance(prediction, Curve)
    low, high = prediction.domain
    assert len(prediction.x) == len(prediction.truth) >= 6
    assert all(low <= y <= high for y in prediction.truth)
    flat = [y / prediction.truth[0] for y in prediction.truth]
    assert max(max(flat), 1 / min(flat)) > 1.5


def test_truths_of_the_lecture():
    assert PREDICTIONS["depth"]().truth == [238, 120, 61, 32, 17, 10, 6, 4, 3, 2, 2]
    assert PREDICTIONS["noisy_depth"]().truth == [12415, 6208, 3104, 1552, 776, 388, 195, 98, 49, 25, 13]
    ratios = dict(zip(PREDICTIONS["variance_ratio"]().x, PREDICTIONS["variance_ratio"]().truth, strict=True))
    agree(ratios[0.03], 41.2954545, relative=1e-08)
    delays = dict(zip(PREDICTIONS["hogwild_rate"]().x, PREDICTIONS["hogwild_rate"]().truth, strict=True))
    agree(2 * delays[16], 1.40335245, relative=1e-08)


def test_the_colours_are_those_of_the_figures():
    css = (explorers.FOLDER / "explorers.css").read_text()
    for theme, at in (("light", 0), ("dark", css.index('[data-theme="dark"]'))):
        block = css[at : css.index("}", at)]
        found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        assert [found[f"series-{i}"] for i in range(5)] == list(themes.PALETTES[theme])
        assert (found["paper"], found["ink"], found["grid"]) == themes.INK[theme]
