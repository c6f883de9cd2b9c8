"""A recoloured figure is the figure that the dark theme would have drawn: every colour, and nothing else."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from lecturelib import plots
from lecturelib.plots import dark as figure_dark
from lecturelib.plots.colours import INK, PALETTES


@pytest.fixture(autouse=True)
def _closed():
    plots.use("light")
    yield
    plots.use("light")
    plt.close("all")


def draw():
    """One of everything that the notebooks draw."""
    left, right = plots.figure(2)
    x, y = np.arange(1, 6), np.arange(1.0, 6.0)
    for place, style in enumerate(plots.series(5)):
        left.plot(x, y + place, label=f"series {place}", **style)
    for place, style in enumerate(plots.series(7)):
        left.plot(x, y - place, **style | {"fillstyle": "none"})
    plots.band(left, x, np.random.default_rng(0).normal(size=(9, 5)), label="band", **plots.series(1)[0])
    plots.reference_line(left, y=2.0, label="line")
    plots.reference_slope(left, x, 1.0, 1, "slope")
    left.set_yscale("log")
    left.legend(title="a legend")
    right.errorbar(x, y, 0.3, capsize=3, **plots.series(2)[1])
    right.bar(x, y, color=plots.series(3)[2]["color"], hatch="//", edgecolor="white", alpha=0.5)
    right.hist([1, 1, 2], color=plots.series(1)[0]["color"])
    right.scatter(x, y, s=5, alpha=0.35, color=plots.series(1)[0]["color"], linewidths=0)
    right.fill_between(x, y, 2 * y, color=plots.series(4)[3]["color"], alpha=0.3)
    right.contour(np.outer(y, y), colors="0.65")
    right.imshow(np.eye(3), cmap="gray_r")
    right.text(1, 1, "white on a bar", color="white")
    right.annotate("here", (1, 2), (3, 6), textcoords="offset points", bbox={"facecolor": "white"})
    right.plot([0, 1], [2, 3])  # no colour given
    right.axvline(3, color="grey")
    return left.figure


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


def test_it_is_the_figure_that_the_dark_theme_draws():
    """Greys aside, which have no theme, and the ordered scale, whose steps need not fall on each other."""

    def simple():
        axes = plots.figure()
        for style in plots.series(5):
            axes.plot([1, 2, 3], [1, 4, 2], label=style["marker"], **style)
        axes.bar([1, 2], [0.5, 1], color=plots.series(1)[0]["color"], alpha=0.5)
        axes.errorbar([1, 2], [2, 2], 0.5, capsize=3, **plots.series(2)[1])
        plots.reference_line(axes, y=2.0, label="line")
        axes.set(xlabel="x", ylabel="y", title="title", yscale="log")
        axes.legend(title="legend")
        return axes.figure

    light = simple()
    before = pixels(light).copy()
    figure_dark.recolour(light)
    recoloured = pixels(light).copy()
    plots.use("dark")
    assert np.array_equal(recoloured, pixels(simple()))
    assert abs(recoloured - before).max() > 100


def test_everything_is_recoloured():
    """No pixel keeps the light paper, and nothing is left for a second pass: each colour is a dark one."""
    figure = draw()
    light = pixels(figure).copy()
    assert (light == 255).all(axis=2).mean() > 0.5
    figure_dark.recolour(figure)
    dark = pixels(figure)
    assert not (dark == 255).all(axis=2).any()
    paper = [int(INK["dark"][0][i : i + 2], 16) for i in (1, 3, 5)]
    assert (dark == paper).all(axis=2).mean() > 0.5
    assert light.shape == dark.shape


def test_opacity_places_and_automatic_markers_are_kept():
    figure = draw()
    figure_dark.recolour(figure)
    left, right = figure.axes
    assert to_hex(left.lines[0].get_markerfacecolor()) == PALETTES["dark"][0]
    assert left.lines[5].get_fillstyle() == "none"
    assert left.collections[0].get_facecolor()[0, 3] == pytest.approx(0.25)
    assert right.patches[0].get_facecolor()[3] == 0.5
    assert to_hex(right.patches[0].get_edgecolor()) == INK["dark"][0]
    assert np.array_equal(left.lines[1].get_ydata(), np.arange(2.0, 7.0))


def test_a_stray_colour_stops_the_figure_and_is_named():
    plots.figure().plot([0, 1], color="red")
    with pytest.raises(ValueError, match="#ff0000"):
        plots.show(alt="A red line, which has no counterpart in the dark theme of the lecture.")
    assert not plt.get_fignums()
