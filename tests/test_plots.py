"""Figures: alt text is required and reaches the output; series differ without colour."""

import base64
import io
from unittest import mock

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from lecturelib import plots

ALT = "A straight line that rises from zero to one, drawn for a test."


@pytest.fixture(autouse=True)
def _closed():
    plots.use("light")
    yield
    plots.use("light")
    plt.close("all")


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


def picture(png: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")).astype(int)


def test_a_dark_figure_and_the_numbers_go_with_it():
    plots.use("dark")
    drawn_dark = shown()
    plots.use("light")
    output = shown()
    about = output["metadata"]["image/png"]
    light, dark = picture(output["data"]["image/png"]), picture(about["dark"])
    assert light.shape == dark.shape
    assert light.mean() > 200 > 60 > dark.mean()
    assert about["dark"] == drawn_dark["data"]["image/png"] == drawn_dark["metadata"]["image/png"]["dark"]
    assert about["csv"].splitlines()[-1] == "1,,,,,,line,1,,,1,,,2"
    assert about["csv"] == drawn_dark["metadata"]["image/png"]["csv"]


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
    with mock.patch.object(plots, "display") as display:
        plots.show(alt=ALT)
    stored = picture(display.call_args.args[0]["image/png"])
    assert len(np.unique(stored.reshape(-1, 3), axis=0)) <= 256
    assert 20 * np.log10(255 / np.sqrt(np.mean((stored - true) ** 2))) >= 40
    assert np.array_equal(stored[0], true[0])  # the paper stays pure


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
def test_series_differ_in_more_than_colour(theme, count):
    """That the colours differ enough is tested in test_plots_colours.py."""
    plots.use(theme)
    styles = plots.series(count)
    assert len({(s["marker"], s["linestyle"]) for s in styles}) == count
    assert len({s["color"] for s in styles}) == count


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
