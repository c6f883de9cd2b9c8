"""Figures: alt text is required and reaches the output; series differ without colour."""

import base64
from unittest import mock

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from lecturelib import plots

ALT = "A straight line that rises from zero to one, drawn for a test."


@pytest.fixture(autouse=True)
def _closed():
    plots.use("light")
    yield
    plots.use("light")
    plt.close("all")


def lightness(colour) -> float:
    """CIELAB L*, 0 (black) to 100 (white)."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(luminance) - 16 if luminance > 0.008856 else 903.3 * luminance


def shown(alt=ALT):
    plots.figure().plot([0, 1], [0, 1])
    with mock.patch.object(plots, "display") as display:
        plots.show(alt=alt)
    display.assert_called_once()
    assert display.call_args.kwargs["raw"]
    return {"data": display.call_args.args[0], "metadata": display.call_args.kwargs["metadata"]}


def test_alt_text_reaches_the_output_and_the_figure_is_closed():
    output = shown(alt=ALT + "\n  And a second line.")
    assert output["metadata"]["image/png"]["alt"] == ALT + " And a second line."
    assert output["data"]["text/plain"] == f"Figure: {ALT} And a second line."
    assert base64.b64decode(output["data"]["image/png"]).startswith(b"\x89PNG")
    assert not plt.get_fignums()


@pytest.mark.parametrize("alt", ["", "   ", "a figure"])
def test_a_figure_without_alt_text_is_refused(alt):
    plots.figure()
    with pytest.raises(ValueError, match="40 letters"):
        plots.show(alt=alt)


def test_nothing_to_show_is_refused():
    with pytest.raises(ValueError, match="no figure"):
        plots.show(alt=ALT)


def test_the_same_figure_gives_the_same_bytes():
    assert shown()["data"]["image/png"] == shown()["data"]["image/png"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("count", [2, 5, 12])
def test_series_stay_apart_in_grey(theme, count):
    plots.use(theme)
    styles = plots.series(count)
    assert len({(s["marker"], s["linestyle"]) for s in styles}) == count
    ladder = [lightness(s["color"]) for s in styles]
    smallest = 5 if count <= 5 else 2  # a dozen ordered curves share the same ladder
    assert min(abs(np.diff(ladder))) >= smallest
    assert np.all(np.diff(ladder) > 0) or np.all(np.diff(ladder) < 0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_stand_out_from_the_paper(theme):
    plots.use(theme)
    paper = plots.figure().get_facecolor()
    for style in plots.series(5):
        low, high = sorted(((lightness(c) + 16) / 116) ** 3 for c in (style["color"], paper))
        assert (high + 0.05) / (low + 0.05) >= 3  # WCAG 2.1, 1.4.11: graphics


def test_themes_differ_and_unknown_ones_are_refused():
    light = shown()["data"]["image/png"]
    plots.use("dark")
    assert shown()["data"]["image/png"] != light
    with pytest.raises(ValueError, match="light, dark"):
        plots.use("sepia")


def test_band_is_the_standard_error_of_the_mean():
    axes = plots.figure()
    samples = np.array([[1.0, 2.0], [3.0, 2.0], [5.0, 2.0]])
    plots.band(axes, [1, 2], samples, errors=2.0)
    half = 2 * np.std([1, 3, 5], ddof=1) / np.sqrt(3)
    path = axes.collections[0].get_paths()[0].vertices
    assert path[:, 1].min() == pytest.approx(min(3 - half, 2))
    assert path[:, 1].max() == pytest.approx(3 + half)
    with pytest.raises(ValueError, match="runs >= 2"):
        plots.band(axes, [1, 2], samples[:1])
    with pytest.raises(ValueError, match="runs >= 2"):
        plots.band(axes, [1, 2, 3], samples)


def test_reference_slope_is_that_power_law():
    axes = plots.figure()
    plots.reference_slope(axes, [1, 2, 4], 3.0, -2, "1/x²")
    assert axes.lines[0].get_ydata() == pytest.approx([3, 3 / 4, 3 / 16])


def test_reference_line_needs_one_place():
    axes = plots.figure()
    plots.reference_line(axes, x=2.0, label="here")
    assert axes.lines[0].get_xdata() == [2.0, 2.0]
    for wrong in ({}, {"x": 1.0, "y": 1.0}):
        with pytest.raises(ValueError, match="one of them"):
            plots.reference_line(axes, **wrong)
