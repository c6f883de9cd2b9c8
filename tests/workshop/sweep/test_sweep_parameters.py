"""Grids: the syntax says one thing only, every value has its parameter's type, names follow content."""

import re

import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workshop.test_notebooks import PARAMETERS, PLAIN, TEXT, write
from workshop import checkout, notebooks
from workshop.sweep import parameters as sweep_grid
from workshop.sweep.provenance import Inputs
from workshop.values import Parameter, parse_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("seed=1,2", [1, 2]),
        ("seed=0:4", [0, 1, 2, 3]),
        ("seed=0:10:4,20", [0, 4, 8, 20]),
        ("seed=3:0:-1", [3, 2, 1]),
        ("seed=-1", [-1]),
        ("rate=0.1, 1e-3,2", [0.1, 0.001, 2.0]),
        ("name=iso,flat", ["iso", "flat"]),
        ("name='a,b', c d", ["a,b", "c d"]),
        ("name= lead,  tail ,\tline\r\n,\n", [" lead", "tail ", "line\r\n", "\n"]),
        ("name= 'a' , \"b \"", ["a", "b "]),
        ("name=1:3", ["1:3"]),
        ("sizes=[1,8]", [[1, 8]]),
        ("sizes=[1,8],[1, 16]", [[1, 8], [1, 16]]),
        ("rates=[1],[0.5,2]", [[1.0], [0.5, 2.0]]),
        ("fast=true,False", [True, False]),
        ("name=it's,that's", ["it's", "that's"]),
        ("name=f(a,b", ["f(a", "b"]),
        (r"""name='it\'s', "a, 'b'" """, ["it's", "a, 'b'"]),
    ],
)
def test_values_are_read_as_written(text, values):
    name = text.partition("=")[0]
    read = sweep_grid.parse([text], PARAMETERS, "here")[name]
    assert read == values
    assert [type(value) for value in read] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["sed=1"], "here has no parameter 'sed'"),
        (["seed"], "'seed' is not of the form name=value"),
        (["seed=1.5"], "seed: 1.5 is a float, expected int"),
        (["seed=a:b"], "not a value of type int"),
        (["seed=3:3"], "the range 3:3 is empty"),
        (["seed=0:3:0"], "the range 0:3:0 is empty"),
        (["seed=0:1000000000"], "1,000,000,000 values; 100,000 at most"),
        (["seed=0:400", "rate=" + ",".join(map(str, range(1, 401)))], "the grid has 160,000 runs"),
        (["seed=1,,2"], "not a value of type int"),
        (["seed=1", "seed=2"], "seed is given twice"),
        (["rate=1,1.0"], "rate: 1.0 is given 2 times"),
        (["rate=9007199254740993"], "9007199254740993 is no float; the nearest is 9007199254740992.0"),
        (["rate=0:1"], "not a value of type float"),
        (["rate=nan"], "not a value of type float"),
        (["sizes=1,8"], r"sizes is a list: put each of its values in brackets"),
        (["sizes=[1],8"], "got '8'"),
        (["name=a,'b,c"], '"\'b,c" begins with a quote that is not closed'),
        (["name='a'b"], "begins with a quote"),
        (["name=\udcff,b"], "not text in UTF-8"),
        (["seed=1][0"], "not a value of type int"),
        (["seed=0:1" + "0" * 30], "values; 100,000 at most"),
        (["seed=:3"], "not a value of type int"),
        (["sizes=[]"], "is empty; give at least one value"),
        (["sizes=[1.5]"], "sizes: 1.5 is a float"),
        (["fast=1"], "fast: 1 is a int, expected bool"),
    ],
)
def test_what_cannot_be_meant_is_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        sweep_grid.parse(texts, PARAMETERS, "here")


def test_unknown_names_list_the_parameters():
    with pytest.raises(ValueError, match=r"rate = 0\.1  # learning rate, no unit"):
        sweep_grid.parse(["speed=1"], PARAMETERS, "here")


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"seed": 3}, r"seed: 3 is one value; give a list of values, \[3\]"),
        ({"name": "iso"}, "name: 'iso' is one value"),
        ({"seed": []}, "seed has no value"),
        ({"seed": [0.5]}, "expected int"),
        ({"seed": [None]}, "expected int"),
        ({"seed": ["1"]}, "expected int"),
        ({"sizes": [1, 8]}, "1 is a int, expected list"),
        ({"sed": [1]}, "no parameter 'sed'"),
    ],
)
def test_grids_of_python_values_pass_the_same_door(grid, message):
    with pytest.raises(ValueError, match=message):
        sweep_grid.check(grid, PARAMETERS, "here")


def test_arrays_ranges_and_numpy_numbers_are_values():
    grid = {"seed": range(2), "rate": np.array([0.1, 0.3]), "sizes": [np.array([1, 2])]}
    expected = {"seed": [0, 1], "rate": [0.1, 0.3], "sizes": [[1, 2]]}
    assert sweep_grid.check(grid, PARAMETERS, "here") == expected


@given(st.lists(TEXT, min_size=1, unique=True))
def test_texts_survive_both_ways_in(values):
    assert sweep_grid.check({"name": values}, PARAMETERS, "here")["name"] == values
    texts = ["name=" + ",".join(map(repr, values))]
    assert sweep_grid.parse(texts, PARAMETERS, "here")["name"] == values


@given(TEXT.filter(lambda text: "," not in text))
def test_a_text_is_the_same_for_a_run_and_for_a_sweep(text):
    one = f"name={text}" if text.lstrip()[:1] not in ("'", '"') else f"name={text!r}"
    assert sweep_grid.parse([one], PARAMETERS, "here")["name"] == [text]
    assert parse_values([one], PARAMETERS) == {"name": text}


@pytest.mark.long
@given(st.lists(st.lists(PLAIN, min_size=1, max_size=4), min_size=1, max_size=4, unique_by=repr))
def test_lists_of_anything_survive_both_ways_in(values):
    anything = {"items": Parameter("items", [], "any")}
    assert repr(sweep_grid.check({"items": values}, anything, "here")["items"]) == repr(values)
    texts = ["items=" + ",".join(map(repr, values))]
    assert repr(sweep_grid.parse(texts, anything, "here")["items"]) == repr(values)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, unique=True))
def test_floats_survive_the_command_line_to_the_last_bit(values):
    read = sweep_grid.parse(["rate=" + ",".join(map(repr, values))], PARAMETERS, "here")["rate"]
    assert [value.hex() for value in read] == [value.hex() for value in values]


@pytest.fixture
def notebook(tmp_path):
    return write(tmp_path, "01_first", "seed = 0  # any\nrate = 0.1  # no unit", "print(seed)")


def test_a_name_follows_code_and_parameters(notebook, tmp_path):
    first = sweep_grid.namer(notebook)({"seed": 1})
    assert first.startswith("01_first-")
    assert first != sweep_grid.namer(notebook)({"seed": 2})
    assert sweep_grid.namer(notebook)({}) == sweep_grid.namer(notebook)({"seed": 0, "rate": 0.1})
    write(tmp_path, "01_first", "seed = 0  # any\nrate = 0.1  # no unit", "print(seed )")
    assert first != sweep_grid.namer(notebook)({"seed": 1})


def test_prose_outputs_and_ids_leave_the_name_alone(notebook, tmp_path):
    first = sweep_grid.namer(notebook)({"seed": 1})
    contents = notebook.read()
    contents.cells[0].source = "# Another title"
    contents.cells[2].outputs = [nbformat.v4.new_output("stream", text="5")]
    contents.cells[2].execution_count = 7
    contents.cells[2].id = "another"
    nbformat.write(contents, notebook.path)
    assert sweep_grid.namer(notebook)({"seed": 1}) == first


@pytest.mark.parametrize(
    "values", [{"path": "own.csv"}, {"path": "./own.csv"}, {"paths": ["x", "own.csv"]}, {}]
)
def test_what_is_in_a_file_that_a_parameter_names_is_part_of_the_run(tmp_path, values):
    cell = "path = ''  # any\npaths = ['']  # any\nbeside = 'own.csv'  # any"
    notebook = write(tmp_path, "01_first", cell if not values else cell.replace("own.csv", ""))
    names = set()
    for content in ("1", "2", None):
        (tmp_path / "own.csv").unlink(missing_ok=True)
        if content:
            (tmp_path / "own.csv").write_text(content)
        names.add(sweep_grid.namer(notebook)(values))
        assert sweep_grid.namer(notebook)(values) in names
    assert len(names) == 3


@pytest.mark.parametrize("text", ["x" * 120_000, "a\0b", "/", "", "runs/\n"])
def test_text_that_names_no_file_is_text(tmp_path, text):
    assert Inputs(tmp_path).of({"name": text}) == {}


def test_the_readmes_grids_are_valid():
    readme = (checkout.root() / "README.md").read_text()
    commands = re.findall(r"lecture sweep (\d\d)((?: -p \S+)+)", readme)
    calls = re.findall(r'sweep\.run\("(\d\d)", (\{.+?\}),', readme)
    assert commands
    assert calls
    for number, options in commands:
        (notebook,) = notebooks.select([number])
        assert sweep_grid.parse(options.split(" -p ")[1:], notebook.parameters(), notebook.name)
    for number, grid in calls:
        (notebook,) = notebooks.select([number])
        assert sweep_grid.check(eval(grid), notebook.parameters(), notebook.name)
