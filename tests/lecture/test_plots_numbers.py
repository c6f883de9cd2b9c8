"""The CSV of a figure holds what was plotted: each kind of mark and its names, rounded and thinned."""

import csv
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lecturelib import plots
from lecturelib.plots import numbers
from tests.agree import agree


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def rows(axes) -> list[dict]:
    return list(csv.DictReader(io.StringIO(numbers.table(axes.figure))))


def values(found, *names):
    return [[float(row[name]) for row in found] for name in names]


def test_a_line_is_its_points_with_everything_that_names_them():
    left, right = plots.figure(2)
    x = np.geomspace(0.1, 1e7, 9)
    right.loglog(x, x**2 / 3, label="square, a third", **plots.series(1)[0])
    right.set(xlabel="size $b$", ylabel="risk", title="the right one")
    right.legend(title="law")
    found = rows(left)
    names = ("panel", "title", "legend", "x_label", "y_label", "series", "kind", "of")
    expected = ("2", "the right one", "law", "size $b$", "risk", "square, a third", "line", "9")
    assert [tuple(row[name] for name in names) for row in found] == [expected] * 9
    got_x, got_y = values(found, "x", "y")
    agree(got_x, x, relative=5e-5)  # five digits
    agree(got_y, x**2 / 3, relative=5e-5)


def test_whole_numbers_are_whole_and_gaps_are_left_out():
    axes = plots.figure()
    axes.plot([1, 2, 3], [123456789.0, np.nan, 5.0])
    found = rows(axes)
    assert [row["y"] for row in found] == ["123456789", "5"]


def test_error_bars_have_their_ends():
    axes = plots.figure()
    x, y, error = np.array([3.0, 1.0, 1.0]), np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.2, 0.3])
    axes.errorbar(x, y, error, capsize=3, label="both at 1", **plots.series(1)[0])
    found = rows(axes)
    assert {(row["series"], row["kind"]) for row in found} == {
        ("both at 1", "errors")
    }  # the caps are no line
    low, high = values(found, "y_low", "y_high")
    agree(low, y - error, relative=5e-5)
    agree(high, y + error, relative=5e-5)
    assert all(row["x_low"] == "" for row in found)


def test_error_bars_along_both_axes_some_missing_and_without_markers():
    axes = plots.figure()
    axes.errorbar([1, 2, 3], [4, 5, 6], yerr=[0.5, np.nan, 0.7], xerr=0.2, label="a")
    axes.errorbar([7, 8], [1, 2], 0.5, fmt="none", ecolor="0.5")
    found = rows(axes)
    a, bare = found[:3], found[3:]
    assert [row["y_high"] for row in a] == ["4.5", "", "6.7"]
    assert [row["x_low"] for row in a] == ["0.8", "1.8", "2.8"]
    assert [(row["x"], row["y_low"], row["y_high"]) for row in bare] == [
        ("7", "0.5", "1.5"),
        ("8", "1.5", "2.5"),
    ]


def test_bands_bars_and_reference_lines():
    axes = plots.figure()
    samples = np.array([[1.0, 2.0, 4.0], [3.0, 2.0, 5.0]])
    plots.band(axes, [1, 2, 3], samples, label="runs", **plots.series(1)[0])
    axes.bar([1, 2], [3, 4], 0.5, bottom=1, label="bars")
    axes.barh([7], [2], left=1)
    plots.reference_line(axes, x=2.5, label="here")
    plots.reference_line(axes, y=0.5)
    kinds = {}
    for row in rows(axes):
        kinds.setdefault((row["kind"], row["series"]), []).append(row)
    half = 2 * samples.std(axis=0, ddof=1) / np.sqrt(2)
    low, high = values(kinds["band", "runs"], "y_low", "y_high")
    agree(low, samples.mean(axis=0) - half, relative=5e-5)
    agree(high, samples.mean(axis=0) + half, relative=5e-5)
    assert values(kinds["bar", "bars"], "x", "x_low", "y", "y_low") == [[1, 2], [0.75, 1.75], [4, 5], [1, 1]]
    assert values(kinds["bar", ""], "x", "x_low", "y") == [[3], [1], [7]]
    assert values(kinds["vertical", "here"], "x") == [[2.5]]
    assert values(kinds["horizontal", ""], "y") == [[0.5]]


def test_points_segments_contours_images_texts_and_categories():
    axes = plots.figure()
    axes.scatter([1, 2], [3, 4], label="cloud")
    axes.plot([5, 6], [7, 8], "o", linestyle="", label="dots")
    axes.hlines([1], [0], [2], label="span")
    axes.contour([[0, 1], [1, 2]], levels=[0.5], colors="0.5")
    axes.pcolormesh([[1, 2], [3, 4]], cmap="viridis")
    axes.imshow(np.zeros((4, 3)), cmap="gray_r")
    axes.annotate("b = 8", (1.5, 2.5), (3, 6), textcoords="offset points")
    axes.set_xticks([0, 1], ["serial", "lock-free"])
    axes.set_yticks([1, 2], ["1", "2,000"])
    found = {(row["kind"], row["series"]): row for row in rows(axes)}
    assert found["points", "cloud"]["y"] == "4"
    assert found["points", "dots"]["x"] == "6"
    assert [found["segment", "span"][name] for name in ("x_low", "x_high", "y_low")] == ["0", "2", "1"]
    assert float(found["contour", "level 0.5"]["x"]) + float(found["contour", "level 0.5"]["y"]) == 0.5
    assert ("not listed: QuadMesh", "") in found
    assert [found["image", ""][name] for name in ("x_high", "y_high")] == ["3", "4"]
    assert [found["text", "b = 8"][name] for name in ("x", "y")] == ["1.5", "2.5"]
    assert found["tick", "lock-free"]["x"] == "1"
    assert ("tick", "2,000") not in found


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_long_series_are_thinned_evenly_and_say_so(scale):
    axes = plots.figure()
    x = np.arange(1, 100_001)
    for power in (1, 2):
        axes.plot(x, x**power, label=str(power))
    axes.set_xscale(scale)
    found = rows(axes)
    assert 800 < len(found) <= numbers.LARGEST
    first = [row for row in found if row["series"] == "1"]
    assert {row["of"] for row in first} == {"100000"}
    places, heights = values(first, "x", "y")
    assert places == heights
    assert (places[0], places[-1]) == (1, 100_000)
    steps = np.diff(places if scale == "linear" else np.log(places))
    assert steps.max() < 1.2 * (np.log(2) if scale == "log" else 100_000 / 599)


def test_the_same_figure_gives_the_same_text():
    def once():
        axes = plots.figure()
        plots.band(axes, [1, 2], [[1.0, 2.0], [2.0, 3.0]], label="runs", **plots.series(1)[0])
        return numbers.table(axes.figure)

    assert once() == once()
