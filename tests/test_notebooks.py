"""Finding notebooks and reading parameters; a wrong name or value is refused before anything runs."""

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lecturelib import notebooks

CELL = """\
seed = 0  # of the random numbers = any integer, no unit
rate = 0.1  # learning rate, no unit
name = "iso"  # spectrum
sizes = [1, 8]  # batch sizes, samples
rates = [0.5, 1.0]  # learning rates
fast = True  # skip the long part
"""
PARAMETERS = notebooks.parse_parameters(CELL)


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
    assert PARAMETERS["seed"] == notebooks.Parameter(
        "seed", 0, "of the random numbers = any integer, no unit"
    )
    assert str(PARAMETERS["sizes"]) == "sizes = [1, 8]  # batch sizes, samples"


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
        notebooks.parse_parameters(line)


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
    ],
)
def test_values_take_the_type_of_the_default(text, value):
    parsed = notebooks.parse_values([text], PARAMETERS)
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
    ],
)
def test_wrong_values_are_refused_with_the_list_of_parameters(texts, message):
    with pytest.raises(ValueError, match=message) as caught:
        notebooks.parse_values(texts, PARAMETERS, where="08_mnist")
    assert "The parameters of 08_mnist:" in str(caught.value)
    assert "  sizes = [1, 8]  # batch sizes, samples" in str(caught.value)


@given(st.text())
def test_no_text_can_do_more_than_be_refused(text):
    for name in PARAMETERS:
        try:
            values = notebooks.parse_values([f"{name}={text}"], PARAMETERS)
        except ValueError:
            continue
        assert type(values[name]) is type(PARAMETERS[name].default)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_survive_being_written_as_text(numbers):
    assert notebooks.parse_values([f"rates={numbers}"], PARAMETERS) == {"rates": numbers}


def test_notebooks_are_found_in_the_lectures_order(tmp_path):
    for stem in ("10_last", "02_second", "01_first", "draft", "3_no"):
        write(tmp_path, stem)
    assert [n.name for n in notebooks.find(tmp_path)] == ["01_first", "02_second", "10_last"]
    assert notebooks.find(tmp_path)[0].title() == "Title of 01_first"
    for wanted in (["01"], ["1"], ["01_first"], ["01_first.ipynb"]):
        assert [n.name for n in notebooks.select(wanted, tmp_path)] == ["01_first"]
    assert [n.name for n in notebooks.select(["10", "2"], tmp_path)] == ["02_second", "10_last"]
    assert len(notebooks.select([], tmp_path)) == 3


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
