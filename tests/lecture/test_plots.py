"""Figures: alt text is required and reaches the output; series differ without colour."""

import base64
import io
import re
from unittest import mock
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from lecturelib import plots
from lecturelib.plots import outputs, pictures, themes
from tests.agree import FLOAT64, agree
from tests.marks import first_quick

ALT = "A straight line that rises from zero to one, drawn for a test."


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def shown(alt=ALT, **said):
    """The output of `show`, of the figure that was started, or of a line."""
    if not plt.get_fignums():
        plots.figure().plot([0, 1], [0, 1])
    with mock.patch.object(plots, "display") as display:
        plots.show(alt=alt, **said)
    display.assert_called_once()
    assert display.call_args.kwargs["raw"]
    return {"data": display.call_args.args[0], "metadata": display.call_args.kwargs["metadata"]}


def test_alt_text_reaches_the_output_and_the_figure_is_closed():
    output = shown(alt=ALT + "\n  And a second line.")
    assert output["metadata"]["image/png"]["alt"] == ALT + " And a second line."
    assert output["data"]["text/plain"] == f"Figure: {ALT} And a second line."
    assert base64.b64decode(output["data"]["image/png"]).startswith(b"\x89PNG")
    assert not plt.get_fignums()


def test_html_carries_the_alternative_text_the_pictures_and_the_numbers():
    """JupyterLab shows text/html, and gives image/png no alternative text."""
    output = shown(alt='Lines <a> & "b" that rise from zero to one, drawn for a test.')
    figure = outputs.read(output)
    assert figure.alt == 'Lines <a> & "b" that rise from zero to one, drawn for a test.'
    assert figure.csv.splitlines()[-1] == "1,,,,,,line,1,,,1,,,2"
    assert figure.narrow == ""  # one panel
    assert "<svg" in figure.wide
    assert re.search(r'<a [^>]*href="data:text/csv', output["data"]["text/html"])


def test_an_svg_holds_both_themes():
    svg = outputs.read(shown()).wide
    rule = r":root { (.*?) }"
    day, night = re.search(rf"{rule} @media \(prefers-color-scheme: dark\) {{ {rule}", svg).groups()
    values = [dict(part.split(":") for part in text.split(";")) for text in (day, night)]
    assert set(values[0].values()) == {*themes.INK["light"], themes.PALETTES["light"][0]}
    assert set(values[1].values()) == {*themes.INK["dark"], themes.PALETTES["dark"][0]}
    assert not re.search("(fill|stroke): #", svg)  # a colour that is not a variable stays as it is by night
    ElementTree.fromstring(svg)


def _hatched(axes):
    axes.bar([0, 1], [1, 2], color=plots.series(1)[0]["color"], hatch="//", edgecolor="white")


def _marked(axes):
    axes.scatter([0, 1, 2], [1, 2, 3], c=[plots.series(3)[i]["color"] for i in range(3)])
    axes.errorbar([0, 1], [1, 2], [0.1, 0.2], **plots.series(2)[1])


def _filled(axes):
    axes.contourf(np.add.outer(np.arange(3.0), np.arange(4.0)), cmap="gray_r")
    axes.fill_between([0, 1], [0, 1], [1, 2], color="0.8", hatch="..")


@first_quick("draw", [_hatched, _marked, _filled])
def test_whatever_is_drawn_has_the_same_parts_on_both_papers(draw):
    panels = plots.figure(2)
    for panel in panels:
        draw(panel)
    for svg in pictures.svgs(panels[0].figure):
        ElementTree.fromstring(svg)


@pytest.mark.long
@pytest.mark.parametrize("draw", [_hatched, _marked, _filled])
def test_mapping_colours_is_recolouring_and_drawing_again(draw, monkeypatch):
    made = []
    for forced in (False, True):
        panels = plots.figure(2)
        for panel in panels:
            draw(panel)
            panel.legend(*panel.get_legend_handles_labels(), title="a title")
            panel.set(xlabel="x", title="$x^2$", xscale="log" if draw is not _filled else "linear")
        with monkeypatch.context() as patch:
            if forced:
                patch.setattr(themes, "has_colormap", lambda figure: True)
            made.append(pictures.svgs(panels[0].figure))
    assert made[0] == made[1]


@pytest.mark.long
def test_a_layout_is_the_same_to_the_last_digit_whatever_was_drawn_before():
    left, right = plots.figure(2, height=3.4)
    left.set(ylabel="drift in a period", title="where it turns")
    right.plot(np.geomspace(1, 3000, 9), np.arange(9.0))
    left.figure.savefig(io.BytesIO(), dpi=96)
    places = []
    for _ in range(2):
        pictures._layouts(left.figure)
        pictures._drawing(left.figure)
        places.append([one.get_position().bounds for one in (left, right)])
    assert places[0] == places[1]


def test_panels_are_stacked_and_put_back():
    left, right = plots.figure(2, sharey=True)
    left.set(ylabel="risk")
    size, places = left.figure.get_size_inches().tolist(), [left.get_subplotspec(), right.get_subplotspec()]
    with pictures.stacked(left.figure) as stacks:
        left.figure.canvas.draw()
        upper, lower = left.get_position(), right.get_position()
        assert stacks
        assert lower.y1 < upper.y0
        agree(lower.x0, upper.x0, relative=0.01)  # aligned
        assert right.get_ylabel() == "risk"
        assert right.yaxis.get_tick_params()["labelleft"]
    assert left.figure.get_size_inches().tolist() == size
    assert [left.get_subplotspec(), right.get_subplotspec()] == places
    assert right.get_ylabel() == ""
    assert not right.yaxis.get_tick_params()["labelleft"]


def test_the_panels_of_two_rows_are_stacked_in_reading_order_without_those_that_are_empty():
    axes = plots.figure(2, 2, height=3.0).ravel()
    axes[3].remove()
    with pictures.stacked(axes[0].figure) as stacks:
        axes[0].figure.canvas.draw()
        assert stacks
        assert [one.get_position().y0 for one in axes[:3]] == sorted(
            (one.get_position().y0 for one in axes[:3]), reverse=True
        )
        assert axes[0].figure.get_size_inches().tolist() == [pictures.PANEL, 9.0]
    assert axes[0].figure.get_size_inches()[1] == 6.0


@pytest.mark.parametrize("grid", [(1, 1), (1, 3), (3, 2), (5, 1)])
def test_other_figures_are_not_stacked(grid):
    plots.figure(*grid)
    with pictures.stacked(plt.gcf()) as stacks:
        assert not stacks


def test_heavy_figures_are_pngs_at_twice_the_size(monkeypatch):
    monkeypatch.setattr(pictures, "HEAVIEST", 1000)
    plots.figure(width=6.0, height=3.0).plot([0, 1], [0, 1])
    svg = outputs.read(shown()).wide
    light, dark = (picture(png) for png in re.findall("image/png;base64,([^']*)'", svg))
    assert light.shape == dark.shape == (576, 1152, 3)
    assert light[0].mean() > 200 > 60 > dark[0].mean()
    assert "width='576' height='288'" in svg


def test_the_caption_says_what_bands_and_bars_are():
    axes = plots.figure()
    for style in plots.series(2):
        plots.band(axes, [1, 2], np.arange(6.0).reshape(3, 2), **style)
    caption = outputs.read(shown(caption="Look left.", bars="1 standard deviation of 9 seeds")).caption
    bars, bands = "Bars: 1 standard deviation of 9 seeds.", "Bands: mean ± 2 standard errors over 3 runs."
    assert caption == f"Look left. {bars} {bands}"


@pytest.mark.long
def test_figures_are_counted_and_keep_their_number():
    first, second, again = (outputs.read(shown(alt=f"{ALT} {name}")).number for name in "aba")
    assert first == again == second - 1


def picture(png: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")).astype(int)


def test_a_drawing_is_light_and_dark():
    plots.figure().plot([0, 1], [0, 1])
    both = plots.drawn(plt.gcf())
    light, dark = picture(both.light), picture(both.dark)
    assert light.shape == dark.shape
    assert light.mean() > 200 > 60 > dark.mean()


@pytest.mark.long
def test_256_colours_are_enough():
    """40 dB of signal to noise is what image compression calls lossless to the eye."""
    axes = plots.figure()
    for i, style in enumerate(plots.series(12)):
        axes.plot(np.random.default_rng(i).random(6), **style)
    for i, style in enumerate(plots.series(5)):
        plots.band(axes, range(5), np.random.default_rng(i).random((5, 5)), **style)
    raw = io.BytesIO()
    axes.figure.savefig(raw, format="png")
    true = picture(base64.b64encode(raw.getvalue()).decode())
    assert len(np.unique(true.reshape(-1, 3), axis=0)) > 5000
    stored = picture(shown()["data"]["image/png"])
    assert len(np.unique(stored.reshape(-1, 3), axis=0)) <= 256
    assert 20 * np.log10(255 / np.sqrt(np.mean((stored - true) ** 2))) >= 40
    assert np.array_equal(stored[0], true[0])  # the paper stays pure


def test_the_same_figure_gives_the_same_bytes():
    assert shown()["data"] == shown()["data"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("count", [2, 5, 12])
def test_series_differ_in_more_than_colour(theme, count):
    """That the colours differ enough is tested in test_plots_themes.py."""
    styles = plots.series(count)
    assert len({(s["marker"], s["linestyle"]) for s in styles}) == count
    assert len(set(themes.series_colours(theme, count))) == count
    assert [s["color"] for s in styles] == themes.series_colours("light", count)


def test_band_is_the_standard_error_of_the_mean():
    axes = plots.figure()
    samples = np.array([[1.0, 2.0], [3.0, 2.0], [5.0, 2.0]])
    plots.band(axes, [1, 2], samples, errors=2.0)
    half = 2 * np.std([1, 3, 5], ddof=1) / np.sqrt(3)
    path = axes.collections[0].get_paths()[0].vertices
    agree(path[:, 1].min(), min(3 - half, 2), relative=4 * FLOAT64)
    agree(path[:, 1].max(), 3 + half, relative=4 * FLOAT64)


def test_reference_slope_is_that_power_law():
    axes = plots.figure()
    plots.reference_slope(axes, [1, 2, 4], 3.0, -2, "1/x²")
    agree(axes.lines[0].get_ydata(), [3, 3 / 4, 3 / 16], relative=4 * FLOAT64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda axes: plots.show(alt=""), "alt=''.* 40 letters"),
        (lambda axes: plots.show(alt="   "), "alt=''.* 40 letters"),
        (lambda axes: plots.show(alt="a figure"), "alt='a figure'.* 40 letters"),
        (lambda axes: (plt.close(), plots.show(alt=ALT)), "no figure"),
        (lambda axes: plots.band(axes, [1, 2], np.ones((1, 2))), r"\(1, 2\): need \(runs >= 2, 2\)"),
        (lambda axes: plots.band(axes, [1, 2, 3], np.ones((3, 2))), r"\(3, 2\): need \(runs >= 2, 3\)"),
        (lambda axes: plots.reference_line(axes), "x=None, y=None: give one of them"),
        (lambda axes: plots.reference_line(axes, x=1.0, y=1.0), "x=1.0, y=1.0: give one of them"),
    ],
)
def test_what_is_refused(call, message):
    axes = plots.figure()
    with pytest.raises(ValueError, match=message):
        call(axes)


@pytest.mark.parametrize(
    "title",
    [
        "short",
        "a long title that the edge of|so small a figure would cut",
        "never inside of|$a = b + c + d + e + f + g + h + i + j + k + l + m$",
    ],
)
def test_a_title_that_the_edge_would_cut_is_broken_outside_of_formulas(title):
    axes = plots.figure(width=3.0)
    axes.plot([0, 1], [0, 1])
    axes.set_title(title.replace("|", " "))
    pictures.break_titles(axes.figure)
    assert axes.get_title(loc="left") == title.replace("|", "\n")
    plt.close()


def test_a_title_that_only_the_stack_would_cut_is_broken_there_alone():
    axes = plots.figure(2, width=12.0)
    for one in axes:
        one.plot([0, 1], [0, 1])
        one.set_yticks([0, 1], ["a long name of a row", "another long name"])
        one.set_title("Too long for a phone, not for a desk")
    figure = axes[0].figure
    drawn = []
    with mock.patch.object(
        pictures, "_drawing", lambda figure: drawn.append([one.get_title(loc="left") for one in figure.axes])
    ):
        pictures._layouts(figure)
    plain, broken = "Too long for a phone, not for a desk", "Too long for a phone,\nnot for a desk"
    assert drawn == [[plain, plain], [broken, broken]]
    assert [one.get_title(loc="left") for one in figure.axes] == [plain, plain]
    plt.close()
