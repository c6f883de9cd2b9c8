"""The numbers of a figure as CSV: one row for each point, bar, band or reference line that was drawn.

The columns say where a number belongs (panel, title, legend, axis labels, series), what it is (kind), and its
value; x_low to y_high are the ends of error bars, bands, bars and spans. Cells that do not apply are empty.

::

    kind    line, points, band, errors, bar, vertical, horizontal (a line at x, at y), area, segment,
            contour, image, text (a label in the figure), tick (a name on the axis), not listed

Numbers are rounded to five significant digits. A figure has at most 1,200 rows or so: of longer series points
are left out, evenly along the axis as drawn, and the column `of` says how many there were. Of images only the
size is given.
"""

import csv
import io
import math
from collections.abc import Iterator

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import Collection, LineCollection, PathCollection, PolyCollection
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FuncFormatter
from numpy.typing import ArrayLike

Points = list[dict[str, float]]  # a point: some of VALUES
COLUMNS = ("panel", "title", "legend", "x_label", "y_label", "series", "kind")
VALUES = ("x", "x_low", "x_high", "y", "y_low", "y_high")
LARGEST = 1200  # rows of points in one figure, shared by its series


def table(figure: Figure) -> str:
    """The numbers of a figure as CSV, with a header line; see the top of this file.

    Args:
        figure: a Matplotlib figure with at least one panel.

    Returns:
        Text, lines ending in a newline; the same for the same figure.

    >>> import matplotlib.pyplot as plt
    >>> from lecturelib import plots
    >>> from lecturelib.plots import numbers
    >>> axes = plots.figure()
    >>> _ = axes.plot([1, 2], [0.5, 1 / 3], label="half, then a third")
    >>> print(numbers.table(axes.figure).splitlines()[-1])
    1,,,,,"half, then a third",line,2,,,0.33333,,,2
    >>> plt.close()
    """
    found = [(panel, series) for panel in enumerate(figure.axes, start=1) for series in _panel(panel[1])]
    share = max(20, LARGEST // max(1, len(found)))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, *VALUES, "of"))
    for (number, axes), (name, kind, points) in found:
        legend = axes.get_legend()
        titles = axes.get_title("left") or axes.get_title(), legend.get_title().get_text() if legend else ""
        about = (number, *titles, axes.get_xlabel(), axes.get_ylabel(), name, kind)
        points = [point for point in points if not any(math.isnan(v) for v in point.values())]
        for index in _kept(len(points), share, logarithmic=axes.get_xscale() == "log"):
            values = (_digits(points[index].get(value)) for value in VALUES)
            writer.writerow((*about, *values, len(points)))
    return text.getvalue()


def _kept(count: int, share: int, logarithmic: bool) -> list[int]:
    """Which of `count` points to keep: all, or `share` at most, evenly spaced on the axis, both ends kept."""
    if count <= share:
        return list(range(count))
    places = np.geomspace(1, count, share) - 1 if logarithmic else np.linspace(0, count - 1, share)
    return np.unique(places.round().astype(int)).tolist()


def _digits(value: float | None) -> str:
    if value is None:
        return ""
    value = float(value)  # Matplotlib keeps some as it was given them
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.5g}"


def _name(artist: Artist | ErrorbarContainer | BarContainer) -> str:
    """Its label; where it has none for the legend, the gid that says which series it belongs to."""
    label = str(artist.get_label() or "")
    return label if not label.startswith("_") else getattr(artist, "get_gid", str)() or ""


def _panel(axes: Axes) -> Iterator[tuple[str, str, Points]]:
    """Name, kind and points of everything drawn in one panel."""
    parts: set[int] = set()  # of containers: not drawn things of their own
    for container in axes.containers:
        if isinstance(container, ErrorbarContainer):
            data, caps, bars = container.lines
            parts |= {id(part) for part in (data, *caps, *bars)}
            yield _name(container), "errors", _errors(container)
        elif isinstance(container, BarContainer):
            parts |= {id(patch) for patch in container}
            along = container.orientation == "horizontal"
            yield _name(container), "bar", [_bar(patch, along) for patch in container]
    for line in axes.lines:
        if id(line) not in parts:
            yield _line(line, axes)
    for collection in axes.collections:
        if id(collection) not in parts:
            yield from _collection(collection)
    yield from _images_and_words(axes)


def _images_and_words(axes: Axes) -> Iterator[tuple[str, str, Points]]:
    for image in axes.images:
        yield _name(image), "image", [_image(image)]
    for text in axes.texts:
        if text.get_text().strip():
            x, y = getattr(text, "xy", text.get_position())
            yield text.get_text(), "text", [{"x": float(x), "y": float(y)}]
    for axis, value in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        for place, word in _named_ticks(axis):
            yield word, "tick", [{value: place}]


def _pairs(x: ArrayLike, y: ArrayLike) -> Points:
    columns = [np.ma.filled(np.ma.asarray(values, float), np.nan).tolist() for values in (x, y)]
    return [{"x": a, "y": b} for a, b in zip(*columns, strict=True)]


def _line(line: Line2D, axes: Axes) -> tuple[str, str, Points]:
    x, y = np.asarray(line.get_xdata(orig=False)), np.asarray(line.get_ydata(orig=False))
    if line.get_transform() == axes.get_xaxis_transform(which="grid"):  # axvline: y is no number of the data
        return _name(line), "vertical", [{"x": float(x[0])}]
    if line.get_transform() == axes.get_yaxis_transform(which="grid"):
        return _name(line), "horizontal", [{"y": float(y[0])}]
    return _name(line), "points" if line.get_linestyle() == "None" else "line", _pairs(x, y)


def _errors(container: ErrorbarContainer) -> Points:
    """Points with the ends of their bars; the bars come in the order of the points; some have none."""
    data, _, bars = container.lines
    directions = [d for d, has in (("x", container.has_xerr), ("y", container.has_yerr)) if has]
    points = _pairs(data.get_xdata(orig=False), data.get_ydata(orig=False)) if data else []
    for along, bar in zip(directions, bars, strict=True):
        across, waiting = "yx"["xy".index(along)], iter(points)
        for segment in bar.get_segments():
            if not len(segment):  # not a number
                continue
            ends, place = segment[:, "xy".index(along)].tolist(), segment[0, "xy".index(across)]
            point = next((p for p in waiting if p[across] == place), None)
            if point is None:  # no marker was drawn
                point = {across: float(place)}
                points.append(point)
            point[f"{along}_low"], point[f"{along}_high"] = ends
    return points


def _bar(patch: Rectangle, along: bool) -> dict[str, float]:
    """A bar is its value (the end away from its foot), at the middle of its width."""
    x, y, width, height = patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height()
    ends = {"x_low": x, "x_high": x + width, "y_low": y, "y_high": y + height}
    if along:
        return {"x": x + width, "y": y + height / 2, **ends}
    return {"x": x + width / 2, "y": y + height, **ends}


def _collection(collection: Collection) -> Iterator[tuple[str, str, Points]]:
    if isinstance(collection, ContourSet):
        for level, path in zip(collection.levels, collection.get_paths(), strict=True):
            if len(vertices := np.asarray(path.vertices)):
                yield f"level {level:.5g}", "contour", _pairs(*vertices.T)
    elif isinstance(collection, PathCollection):
        yield _name(collection), "points", _pairs(*np.ma.getdata(collection.get_offsets()).T)
    elif isinstance(collection, LineCollection):
        for low, high in (segment[[0, -1]] for segment in collection.get_segments()):
            ends = {"x_low": low[0], "x_high": high[0], "y_low": low[1], "y_high": high[1]}
            yield _name(collection), "segment", [{key: float(end) for key, end in ends.items()}]
    elif isinstance(collection, PolyCollection):
        for path in collection.get_paths():
            yield _name(collection), *_area(np.asarray(path.vertices))
    else:
        yield _name(collection), f"not listed: {type(collection).__name__}", [{}]


def _area(vertices: np.ndarray) -> tuple[str, Points]:
    """A band between two curves, as `fill_between` makes it: out along the one, back along the other."""
    count = (len(vertices) - 3) // 2
    low, high = vertices[1 : count + 1], vertices[count + 2 : 2 * count + 2][::-1]
    if len(vertices) == 2 * count + 3 and np.array_equal(low[:, 0], high[:, 0]):
        rows = zip(low[:, 0].tolist(), low[:, 1].tolist(), high[:, 1].tolist(), strict=True)
        return "band", [{"x": x, "y_low": a, "y_high": b} for x, a, b in rows]
    return "area", _pairs(*vertices.T)


def _image(image: AxesImage) -> dict[str, float]:
    rows, columns = np.asarray(image.get_array()).shape[:2]
    return {"x_low": 0, "x_high": columns, "y_low": 0, "y_high": rows}


def _named_ticks(axis: Axis) -> list[tuple[float, str]]:
    """Ticks that carry a name rather than a number: categories."""
    if not isinstance(axis.get_major_formatter(), FixedFormatter | FuncFormatter):
        return []
    words = [(float(place), str(axis.get_major_formatter()(place))) for place in axis.get_major_locator()()]
    return [(place, word) for place, word in words if word and not _is_number(word)]


def _is_number(word: str) -> bool:
    try:
        float(word.replace(",", "").replace("%", ""))
    except ValueError:
        return False
    return True
