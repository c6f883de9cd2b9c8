"""Finding notebooks and reading parameters; a wrong name or value is refused before anything runs."""

import ast
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from papermill.translators import PythonTranslator

from workshop import notebooks
from workshop.values import Parameter, parse_parameters, parse_values

CELL = """\
seed = 0  # of the random numbers = any integer, no unit
rate = 0.1  # learning rate, no unit
name = "iso"  # spectrum
sizes = [1, 8]  # batch sizes, samples
rates = [0.5, 1.0]  # learning rates
fast = True  # skip the long part
"""
PARAMETERS = parse_parameters(CELL)


WORDS = [
    "true",
    "false",
    "construed",
    "falsehood",
    "it's",
    '"',
    "a, b",
    "{x}",
    "$",
    "\n",
    "漢字 ö",
    "[1]",
    "",
]
TEXT = st.sampled_from(WORDS) | st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | NUMBERS | TEXT, lambda part: st.lists(part) | st.dictionaries(TEXT, part), max_leaves=8
)


def write(folder, stem, *sources):
    contents = nbformat.v4.new_notebook()
    contents.cells = [nbformat.v4.new_markdown_cell(f"# Title of {stem}")]
    contents.cells += [nbformat.v4.new_code_cell(s) for s in sources]
    if sources:
        contents.cells[1].metadata["tags"] = ["parameters"]
    path = folder / f"{stem}.ipynb"
    nbformat.write(contents, path)
    return notebooks.Notebook(path)


def test_parameters_keep_order_default_and_unit():
    assert list(PARAMETERS) == ["seed", "rate", "name", "sizes", "rates", "fast"]
    assert PARAMETERS["seed"] == Parameter("seed", 0, "of the random numbers = any integer, no unit")
    assert str(PARAMETERS["sizes"]) == "sizes = [1, 8]  # batch sizes, samples"


def test_a_comment_may_stand_above_its_parameter():
    cell = "# of all draws\nseed = 0\nrate = 0.1  # of learning\n# of a batch\nsizes = [\n    1,\n]\n"
    found = [parameter.comment for parameter in parse_parameters(cell).values()]
    assert found == ["of all draws", "of learning", "of a batch"]
    with pytest.raises(ValueError, match="more has no comment"):
        parse_parameters(cell + "more = 1")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("seed = 0", "no comment"),
        ("seed = 1 + x  # sum", "computed"),
        ("seed = None  # nothing", "NoneType"),
        ("print(1)  # no", "not of the form"),
        ("a = b = 1  # two", "not of the form"),
        ("a, b = 1, 2  # two", "not of the form"),
    ],
)
def test_a_parameters_cell_holds_literals_with_units(line, message):
    with pytest.raises(ValueError, match=message):
        parse_parameters(line)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("seed=7", {"seed": 7}),
        ("seed= -7 ", {"seed": -7}),
        ("rate=1", {"rate": 1.0}),
        ("rate=1e-3", {"rate": 1e-3}),
        ("name=a = b; rm -rf /", {"name": "a = b; rm -rf /"}),
        ("name=", {"name": ""}),
        ("sizes=[1, 2, 4]", {"sizes": [1, 2, 4]}),
        ("sizes=1,2", {"sizes": [1, 2]}),
        ("sizes=16", {"sizes": [16]}),
        ("rates=1,0.5", {"rates": [1.0, 0.5]}),
        ("fast=false", {"fast": False}),
        ("fast=True", {"fast": True}),
        ("name='a, b'", {"name": "a, b"}),
        ("name=it's", {"name": "it's"}),
        ("name=' two\nlines' ", {"name": " two\nlines"}),
    ],
)
def test_values_take_the_type_of_the_default(text, value):
    parsed = parse_values([text], PARAMETERS)
    assert parsed == value
    assert [type(v) for v in parsed.values()] == [type(v) for v in value.values()]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["sed=7"], "no parameter 'sed'"),
        (["seed"], "not of the form name=value"),
        (["seed=1", "seed=2"], "given twice"),
        (["seed=1.5"], "1.5 is a float, expected int"),
        (["seed=true"], "True is a bool, expected int"),
        (["seed=x"], "not a value of type int"),
        (["seed="], "not a value of type int"),
        (["seed=__import__('os').getpid()"], "not a value of type int"),
        (["rate='1'"], "'1' is a str, expected float"),
        (["rate=1e999"], "not a finite number"),
        (["sizes=1,2.5"], "2.5 is a float, expected int"),
        (["sizes=[]"], "empty"),
        (["rates=[[1.0]]"], r"\[1.0\] is a list, expected float"),
        (["fast=1"], "1 is a int, expected bool"),
        (["seed=" + "(" * 5000], "not a value of type int"),
        (["name='tis"], "begins with a quote"),
        (["name='a' + 'b'"], "begins with a quote"),
        (["name=\udcff"], "not text in UTF-8"),
        (["rate=1" + "0" * 400], "too large for a float"),
    ],
)
def test_wrong_values_are_refused_with_the_list_of_parameters(texts, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_values(texts, PARAMETERS, where="09_mnist")
    assert "The parameters of 09_mnist:" in str(caught.value)
    assert "  sizes = [1, 8]  # batch sizes, samples" in str(caught.value)


@given(st.text())
def test_no_text_can_do_more_than_be_refused(text):
    for name in PARAMETERS:
        try:
            values = parse_values([f"{name}={text}"], PARAMETERS)
        except ValueError:
            continue
        assert type(values[name]) is type(PARAMETERS[name].default)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_survive_being_written_as_text(numbers):
    assert parse_values([f"rates={numbers}"], PARAMETERS) == {"rates": numbers}


@pytest.mark.long
@given(st.lists(PLAIN, min_size=1))
def test_lists_of_anything_reach_the_notebook_unchanged(values):
    anything = {"items": Parameter("items", [], "any")}
    parsed = parse_values([f"items={values!r}"], anything)["items"]
    assert repr(parsed) == repr(values)  # also the types, and the sign of zero
    assert repr(ast.literal_eval(PythonTranslator.translate(parsed))) == repr(
        values
    )  # as papermill writes it


@pytest.mark.parametrize(
    "text", ["{1}", "[{1}]", "[b'a']", "[1j]", "[(1, 2)]", "[{1: 2}]", "[[1e999]]", "['\\ud800']"]
)
def test_what_no_result_could_hold_is_refused(text):
    with pytest.raises(ValueError, match=r"^items"):
        parse_values([f"items={text}"], {"items": Parameter("items", [], "any")})


def test_notebooks_are_found_in_the_lectures_order(tmp_path):
    for stem in ("10_last", "02_second", "01_first", "draft", "3_no"):
        write(tmp_path, stem)
    assert [n.name for n in notebooks.find(tmp_path)] == ["01_first", "02_second", "10_last"]
    assert notebooks.find(tmp_path)[0].title() == "Title of 01_first"
    for wanted in (["01"], ["1"], ["01_first"], ["01_first.ipynb"]):
        assert [n.name for n in notebooks.select(wanted, tmp_path)] == ["01_first"]
    assert [n.name for n in notebooks.select(["10", "2"], tmp_path)] == ["02_second", "10_last"]
    assert len(notebooks.select([], tmp_path)) == 3


def test_notebooks_are_found_by_path_without_the_lectures(tmp_path, monkeypatch):
    own, first = write(tmp_path, "my notes"), write(tmp_path, "01_first")
    monkeypatch.chdir(tmp_path)
    assert notebooks.select(["my notes.ipynb"], tmp_path / "nowhere") == [own]
    assert notebooks.select([own.path, own, "01", "01_first.ipynb"], tmp_path) == [first, own]
    assert (own.number, first.number) == ("my notes", "01")


def test_a_notebook_is_read_anew_when_it_has_changed_and_may_be_changed_by_its_reader(tmp_path):
    notebook = write(tmp_path, "01_first", CELL)
    notebook.read().cells.clear()
    assert len(notebook.read().cells) == 2
    write(tmp_path, "01_first", CELL.replace("0.1", "0.2"))  # as long as before
    assert notebook.parameters()["rate"].default == 0.2


def test_unknown_notebooks_are_refused_by_name(tmp_path):
    write(tmp_path, "01_first")
    with pytest.raises(ValueError, match="no notebook '07'; there are 01_first"):
        notebooks.select(["01", "07"], tmp_path)
    with pytest.raises(FileNotFoundError, match="run from a checkout"):
        notebooks.find(tmp_path / "nowhere")


def test_two_parameters_cells_are_refused(tmp_path):
    notebook = write(tmp_path, "01_first", CELL, CELL)
    contents = notebook.read()
    contents.cells[2].metadata["tags"] = ["parameters"]
    nbformat.write(contents, notebook.path)
    with pytest.raises(ValueError, match="keep one"):
        notebook.parameters()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}", b'{"cells": 3, "nbformat": 4}', b"\xff\xfe"])
def test_a_damaged_notebook_is_named(tmp_path, damage):
    path = tmp_path / "01_first.ipynb"
    path.write_bytes(damage)
    with pytest.raises(ValueError, match=r"01_first\.ipynb is not a readable notebook"):
        notebooks.Notebook(path).read()


@pytest.mark.parametrize(
    ("name", "given"),
    [("path", "own.csv"), ("data_path", "./own.csv"), ("file", "~/own.csv"), ("folder", "below")],
)
def test_a_path_is_taken_from_where_the_command_is_given(tmp_path, monkeypatch, name, given):
    (tmp_path / "own.csv").touch()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    cell = parse_parameters(f"{name} = ''  # any\nword = ''  # any")
    values = parse_values([f"{name}={given}", "word=own.csv"], cell)
    assert values == {name: str(tmp_path / Path(given).name), "word": "own.csv"}
    assert parse_values([f"{name}=none.csv"], cell) == {name: "none.csv"}  # of the notebook's folder, perhaps
