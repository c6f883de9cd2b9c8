"""Parameters hold to the ranges that their comments state, and a notebook serves the whole of each range.

`make long` runs each notebook that states ranges at both ends of each, and at the pairs that its metadata
names, in the cells that need them: no error, no warning, no empty figure. Claims may fail. Values between the
ends, and other seeds, which change no shape, are what `test_reruns` tries. Where nothing else is asked, the
metadata's `quick` says with which values a notebook is quick.
"""

import functools
import math
import multiprocessing
import re
import types
import warnings
from concurrent.futures import ProcessPoolExecutor

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PathCollection

from lecturelib import checks, plots, records
from tests.workshop.test_notebooks import write
from workshop import notebooks
from workshop.audit import mutants, slicing
from workshop.sweep import parameters as sweep_grid

RANGED = [n for n in notebooks.find() if any("checks" in c.metadata.get("tags", []) for c in n.read().cells)]
EACH = pytest.mark.parametrize("notebook", RANGED, ids=lambda n: n.name)
QUICK = {"runs": 40, "draws": 100, "mnist_runs": 40, "mnist_images": 500}  # where nothing else is asked


def ranges(notebook):
    """Parameter -> its range in words, as the notebook's own checks say it."""
    found = {}

    def note(name, value, choose):
        found[name] = choose

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "parameter", note)
        notebooks.check_ranges(notebook, [{}])
    return found


def numeric(notebook):
    """The parameters that need a range: those whose stored value is a number or a list of numbers."""
    first = {
        n: p.default[0] if isinstance(p.default, list) else p.default
        for n, p in notebook.parameters().items()
    }
    return {name for name, value in first.items() if not isinstance(value, bool | str)}


def ends(words):
    """Least, greatest and middle value of a range, as of the parameter's type."""
    above, low, high, each, _ = checks._RANGE.fullmatch(words).groups()
    number = float if "." in low else int
    least, most = (number(bound.replace(",", "")) for bound in (low, high))
    middle = number(math.sqrt(max(least, most / 10_000) * most))
    least = number(least + most / 1e6) if above else least
    return [[value] if each else value for value in (least, most, middle)]


@EACH
def test_every_parameter_has_a_range_and_its_comment_states_it(notebook):
    """Each that is a number or a list of numbers: no range fits a text or a yes/no (path, standardize)."""
    found = ranges(notebook)
    assert found.keys() == numeric(notebook)
    for name in found:
        assert notebook.parameters()[name].comment.endswith(f"; {found[name]}")


@pytest.mark.long
@EACH
def test_the_notebooks_own_values_are_inside_and_what_is_outside_is_refused_by_name(notebook):
    own = notebook.read().metadata.lecturelib
    notebooks.check_ranges(notebook, [{}, *own["reruns"], *own["pairs"]])
    for name, words in ranges(notebook).items():
        least, most, _ = ends(words)
        below, above = ([v[0] + by] if isinstance(v, list) else v + by for v, by in ((least, -1), (most, 1)))
        for value in (below, above):
            with pytest.raises(
                ValueError, match=rf"^{name} = .* is refused; choose {words}\. The parameters of"
            ):
                notebooks.check_ranges(notebook, [{name: value}])


def quick(notebook):
    """What the long test gives the parameters of which nothing else is asked."""
    defaults, least = notebook.defaults(), {name: ends(words)[0] for name, words in ranges(notebook).items()}
    known = {n: max(least[n], min(value, defaults[n])) for n, value in QUICK.items() if n in least}
    return known | notebook.read().metadata.lecturelib.get("quick", {})


def alone_or_paired(notebook):
    """What the long test runs: each value alone if it fits the others' defaults, else in the pairs.

    An end that is no list by itself, because a notebook needs two numbers, stands in a pair's list.
    """
    pairs = [dict(pair) for pair in notebook.read().metadata.lecturelib["pairs"]]
    alone, others = [], quick(notebook)
    for name, words in ranges(notebook).items():
        for value in ends(words)[:2] if name != "seed" else []:
            try:
                notebooks.check_ranges(notebook, [others | {name: value}])
                alone.append({name: value})
            except ValueError:
                paired = any(np.isin(value, pair.get(name, math.nan)).all() for pair in pairs)
                assert paired, f"no pair has {name} = {value}"
    return alone + pairs


@pytest.mark.long
@EACH
def test_every_end_of_a_range_is_run(notebook):
    assert len(alone_or_paired(notebook)) >= 2 * len(numeric(notebook) - {"seed"})


def needed(cells, changed):
    """Positions of the cells that use any of these names, directly or not, and of those that they need."""
    tainted, targets = set(changed), set()
    for at, cell in enumerate(cells):
        names = slicing.names(cell)
        if (names.used | names.later) & tainted:
            targets.add(at)
            tainted |= (names.sets | names.changes) - {"claims", "plots", "checks"}
    return slicing.needed(cells, targets)


def shown(alt, **_):
    """In place of plots.show: every panel has something in view."""
    figure = plt.gcf()
    figure.canvas.draw()
    for axes in figure.axes:
        points = [line.get_xydata() for line in axes.lines if line.get_transform() == axes.transData]
        for collection in axes.collections:
            scattered = isinstance(collection, PathCollection)
            points += (
                [collection.get_offsets()] if scattered else [p.vertices for p in collection.get_paths()]
            )
        points += [p.get_patch_transform().transform_path(p.get_path()).vertices for p in axes.patches]
        x, y = np.ma.filled(np.concatenate(points), np.nan).T
        (left, right), (low, high) = (sorted(limits) for limits in (axes.get_xlim(), axes.get_ylim()))
        inside = (left <= x) & (x <= right) & (low <= y) & (y <= high)
        assert inside.sum() >= 2, f"a panel of {alt[:60]!r} shows nothing"
    plt.close("all")


def explore(notebook, values):
    """Run the cells that these values change; claims may be false, all else may not go wrong."""
    given = quick(notebook) | values
    notebooks.check_ranges(notebook, [given])
    cells = []
    for cell in mutants.code(notebook):
        cells.append(cell.source)
        if "parameters" in cell.metadata.get("tags", []):
            cells += [f"{name} = {value!r}" for name, value in given.items()]
    module = types.ModuleType("explored")
    with records.collected():
        for at in needed(cells, values):
            try:
                exec(compile(cells[at], f"<cell {at}>", "exec"), module.__dict__)
            except Exception as error:
                error.add_note(f"{notebook.name} with {values}, in\n{cells[at]}")
                raise


def explore_alone(notebook, values):
    """As `explore`, in a process of its own: there the notebook says how many devices JAX starts with."""
    warnings.simplefilter("error")
    jax.config.update("jax_numpy_rank_promotion", "raise")
    plots.show = shown
    explore(notebook, values)


@pytest.mark.long
@pytest.mark.weekly
@EACH
def test_the_whole_of_a_range_is_served(notebook, monkeypatch):
    monkeypatch.delenv("LECTURE_STRICT")
    monkeypatch.setattr(plots, "show", shown)
    own = any("host_devices" in cell.source for cell in mutants.code(notebook))
    failed = []
    for values in alone_or_paired(notebook):
        try:
            if own:
                with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
                    alone.submit(explore_alone, notebook, values).result()
            else:
                explore(notebook, values)
        except Exception as error:
            failed.append(error)
    if failed:
        raise ExceptionGroup(f"{notebook.name}: {len(failed)} values of its ranges are not served", failed)


@pytest.mark.parametrize(
    ("value", "words", "good"),
    [
        (2, "2 to 40,000", True),
        (40_001, "2 to 40,000", False),
        (2.5, "2 to 40,000", False),
        (2.5, "2.0 to 4.0", True),
        (0.0, "above 0.0 to 4.0", False),
        (0, "0 or more", True),
        (math.inf, "0 or more", False),
        (math.nan, "0.0 to 1.0", False),
        ("2", "2 to 4", False),
        ([1, 8], "1 to 8", False),
        ([1, 8], "1 to 8 each", True),
        ([8, 1], "1 to 8 each", True),
        ([8, 1], "1 to 8 each, increasing", False),
        ([1, 1], "1 to 8 each, increasing", False),
        ([], "1 to 8 each", False),
    ],
)
def test_what_a_range_means(value, words, good):
    if good:
        checks.parameter("x", value, words)
    else:
        with pytest.raises(ValueError, match=f"is refused; choose {words}"):
            checks.parameter("x", value, words)


@pytest.mark.parametrize(
    ("value", "words", "said"),
    [
        ("[1,8]", "1 to 8 each, increasing", '; write -y "x: [1, 8]"'),
        ("1,8", "1 to 8 each", "it is text, not a list, as papermill's -p passes it"),
        ("1_0", "1 to 8", '; write -y "x: 8"'),
    ],
)
def test_text_that_papermill_passes_for_a_list_or_number_is_refused_in_words(value, words, said):
    with pytest.raises(
        ValueError, match=f"^x = {re.escape(repr(value))} is refused; choose {words}: it is"
    ) as error:
        checks.parameter("x", value, words)
    assert said in str(error.value)


def test_a_range_that_cannot_be_read_is_an_error_of_the_author():
    with pytest.raises(ValueError, match="of x is not of the form"):
        checks.parameter("x", 1, "some")


@functools.cache
def checked_cell():
    return 'from lecturelib import checks\nchecks.parameter("seed", seed, "0 to 9")\n1 / (seed - 4)'


def test_a_sweep_refuses_any_of_its_values_and_a_broken_check_is_said(tmp_path):
    contents = write(tmp_path, "01_first", "seed = 0  # any; 0 to 9", checked_cell()).read()
    contents.cells[-1].metadata["tags"] = ["checks"]
    notebook = notebooks.Notebook(tmp_path / "01_first.ipynb")
    import nbformat

    nbformat.write(contents, notebook.path)
    grid = sweep_grid.check({"seed": [0, 12]}, notebook.parameters(), "here")
    with pytest.raises(ValueError, match="seed = 12 is refused; choose 0 to 9"):
        notebooks.check_ranges(notebook, sweep_grid.combinations(grid))
    with pytest.raises(ValueError, match="cannot be checked: ZeroDivisionError"):
        notebooks.check_ranges(notebook, [{"seed": 4}])
