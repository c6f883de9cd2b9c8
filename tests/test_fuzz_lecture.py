"""Damaged notebooks and hostile words on the command line are refused in words; none runs, escapes or hangs.

Values reach a notebook through papermill, which writes them into a cell, and the disk through the name of a
run's file: both are checked for whatever a reader types, shell syntax, paths and endless numbers included.
"""

import ast
import json
import os

import nbformat
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from papermill.translators import PythonTranslator

from tests.fuzzing import damaged, each, inputs, refused
from tests.workshop.grading import grading_cases
from workshop import cli, notebooks, running
from workshop.grading import assignment, submissions
from workshop.sweep import parameters as sweep_grid
from workshop.values import parse_parameters, parse_values

CELL = """# Sizes
seeds = [0, 1]  # of the random numbers; no unit
rate = 0.1  # learning rate; no unit
steps = 100  # updates
path = ""  # a file; empty for none
quick = False  # fewer runs
"""
PARAMETERS = parse_parameters(CELL)
MANY_DIGITS = ("9" * 400, "9" * 5000, "-" * 999 + "1", "(" * 999, "0:9" + "0" * 30)
VALUES = {
    "quick": ("true", "1"),
    "steps": ("1e3", "0x1F", "10**9", "f'{1}'", *MANY_DIGITS),
    "rate": ("nan", "1e400", "1j", "__import__('os').system('touch x')", *MANY_DIGITS),
    "seeds": ("", "[" * 999, "0," * 999, "[[1], [2]]", "{[]: 1}", "{1: 2}", *MANY_DIGITS),
    "path": (
        *("; touch x", "$(touch x)", "`touch x`", "| touch x &", '"; import os; os.abort()  # '),
        *("\\", '\\"; x = 1 #', "'''", "\nimport os\n", "'\\'", "'a', b", "\0", "\udcff", "\u202e\u2028\x85"),
        *("../../../etc/passwd", "/etc/passwd", "a/../../b", "..\\..\\x", "~root", "%s%n{}{0}"),
        *("x" * 999, "\U0001f600" * 9),
    ),
}
HOSTILE = (
    *(f"{name}={value}" for name, values in VALUES.items() for value in values),
    *("", "=", "seed", "=1", "../../etc/passwd", "*", "-rf", "--help", "01;reboot", "1" * 99),
    *("01_tiny.ipynb/..", "\x1b[2J", "٠١"),
)
NOTEBOOK = nbformat.writes(
    nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# A tiny notebook"),
            nbformat.v4.new_code_cell(CELL, metadata={"tags": ["parameters"]}, id="parameters"),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
).encode()


def as_text(content: bytes) -> str:
    """As Python receives a word of the command line: bytes that are no UTF-8 become lone surrogates."""
    return content.decode("utf-8", "surrogateescape")


WORDS = damaged(*(word.encode("utf-8", "surrogateescape") for word in HOSTILE)).map(as_text)
PATHS = WORDS.map(lambda word: f"path={word.partition('=')[2]}")


def read_values(words: list[str]) -> dict:
    return parse_values(words, PARAMETERS, "01_tiny")


def read_notebook(path) -> None:
    (notebook,) = notebooks.find(path.parent)
    notebook.title()
    notebook.parameters()


def read_grid(words: list[str]) -> None:
    grid = sweep_grid.parse(words, PARAMETERS, "01_tiny")
    assert len(sweep_grid.combinations(grid)) <= sweep_grid.MOST_RUNS


def command(words: list[str]) -> None:
    """`lecture WORDS`: an answer, or a message and exit status 1 or 2; never a traceback."""
    result = CliRunner().invoke(cli.main, words)
    if not isinstance(result.exception, SystemExit | None):
        raise RuntimeError("a traceback") from result.exception
    if result.exit_code:
        raise ValueError(result.output)


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "notebooks" / "01_tiny.ipynb"
    path.parent.mkdir()
    path.write_bytes(NOTEBOOK)
    return path


# kind -> inputs, and what reads them
TEXTS = {
    "parameters cell": (damaged(CELL.encode()).map(as_text), parse_parameters),
    "values": (st.lists(WORDS, min_size=1, max_size=2), read_values),
    "numbers of notebooks": (st.lists(WORDS, max_size=2), notebooks.select),
    "sweep": (st.lists(WORDS, min_size=1, max_size=2), read_grid),
}
pytestmark = pytest.mark.filterwarnings("ignore")  # Python warns of "1or 2", which is then refused


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_each_hostile_word_is_understood_or_refused(word):
    refused(read_values, [word])
    refused(notebooks.select, [word])
    refused(parse_parameters, word)
    refused(read_grid, [word])


@each
@pytest.mark.parametrize("kind", TEXTS)
def test_hostile_text_is_understood_or_refused(kind, many):
    strategy, read = TEXTS[kind]
    outcomes = set()

    @inputs(kind, many)
    @given(strategy)
    def check(text):
        outcomes.add(refused(read, text) is None)

    check()
    assert False in outcomes


@each
def test_a_damaged_notebook_is_read_or_refused_by_name(many, tiny):
    read_notebook(tiny)

    @inputs("notebook", many)
    @given(damaged(NOTEBOOK))
    def check(content):
        tiny.write_bytes(content)
        refused(read_notebook, tiny, names=tiny.stem)

    check()


SUBMITTED = nbformat.from_dict(json.loads(NOTEBOOK))
for way in ("%%time\nx = 1", "%%bash\nrm -rf ~", "!touch x", "%%time\n" * 2000, "x = '\\udcff'"):
    SUBMITTED.cells.append(nbformat.v4.new_code_cell(way))


@each
def test_a_damaged_submission_is_read_or_has_a_problem(many, tmp_path):
    small = assignment.load(grading_cases.write_assignment(tmp_path / "source"))
    path = tmp_path / "in" / "ada.ipynb"
    path.parent.mkdir()

    def read():
        (found,) = submissions.find([path.parent], small.name)
        contents = submissions.read(found, small)
        assert contents.problem or contents.code is not None
        if contents.problem:
            raise ValueError(contents.problem)

    path.write_text(json.dumps(SUBMITTED))
    assert refused(read) is None
    outcomes = set()

    @inputs("submission", many)
    @given(damaged(json.dumps(SUBMITTED).encode()))
    def check(content):
        path.write_bytes(content)
        outcomes.add(refused(read) is None)

    check()
    assert outcomes == {True, False}


@each
def test_the_command_answers_whatever_is_typed(many, tiny, monkeypatch):
    monkeypatch.setattr(
        running, "run", lambda notebook, out, values, strict: running.Run(notebook, 0.0, (), ())
    )
    command(["--notebooks", str(tiny.parent), "run", "01", "-p", "rate=1"])

    @inputs("command", many)
    @given(
        st.sampled_from(["list", "run"]),
        st.lists(WORDS, max_size=2),
        st.lists(WORDS, max_size=2),
        damaged(NOTEBOOK),
    )
    def check(name, numbers, assignments, content):
        tiny.write_bytes(content if len(assignments) == 2 else NOTEBOOK)
        options = [word for assignment in assignments if name == "run" for word in ("-p", assignment)]
        refused(command, ["--notebooks", str(tiny.parent), name, *options, *numbers])

    check()


@each
def test_a_value_stays_a_value_in_the_cell_that_papermill_writes(many):
    @inputs("papermill", many)
    @given(PATHS)
    def check(word):
        if refused(read_values, [word]) is not None:
            return
        values = read_values([word])
        (statement,) = ast.parse(PythonTranslator.codify(values)).body
        assert ast.literal_eval(statement.value) == values["path"]

    check()


@pytest.mark.long
@each
def test_a_run_writes_into_its_folder_only(many, tiny, monkeypatch):
    def execute(notebook, copy, values, strict):
        copy.write_bytes(NOTEBOOK)
        return "cell [1]: stopped"

    monkeypatch.setattr(running, "execute", execute)
    out = tiny.parent.parent / "out"

    @inputs("file names", many)
    @given(PATHS)
    def check(word):
        if refused(read_values, [word]) is not None:
            return
        result = running.run(notebooks.Notebook(tiny), out, read_values([word]))
        assert {file.parent for file in result.files} == {out}
        assert {file.resolve().parent for file in result.files} == {out.resolve()}
        assert sorted(os.listdir(out)) == sorted(file.name for file in result.files)
        for file in result.files:
            file.unlink()

    check()
    assert sorted(os.listdir(out.parent)) == ["notebooks", "out"]
