"""Numbers in the notebooks' prose come from somewhere: each is listed, and the list is looked up."""

import nbformat
import pytest

from tests import prose_numbers
from tests.prose_numbers import complaints, listed, numbers
from workshop import notebooks

LECTURE = notebooks.find()
EACH = pytest.mark.parametrize("notebook", LECTURE, ids=lambda n: n.name)


@EACH
def test_every_number_in_the_prose_is_listed_with_where_it_comes_from(notebook):
    assert complaints(notebook.read().cells, listed().get(notebook.name, {})) == []


def test_every_listed_notebook_exists():
    assert set(listed()) <= {notebook.name for notebook in LECTURE}


@pytest.mark.long
@EACH
def test_any_changed_number_is_noticed(notebook):
    """A mutant for each number of the prose: its last digit is another."""
    cells, entries = notebook.read().cells, listed().get(notebook.name, {})
    entries = {words: {"source": "not evaluated again"} for words in entries}
    for cell in [c for c in cells if c.cell_type == "markdown"]:
        source = cell.source
        for number in numbers(source):
            digit = str((int(number.text[-1]) + 1) % 10)
            cell.source = source[: number.end - 1] + digit + source[number.end :]
            assert complaints(cells, entries), (cell.id, number)
        cell.source = source


@pytest.fixture
def tiny():
    code = nbformat.v4.new_code_cell("batch = 64\nprint(batch / 3)", id="run")
    code.outputs = [nbformat.v4.new_output("stream", text="21.3333 of 1,024\n")]
    words = nbformat.v4.new_markdown_cell("Batches of 64, that is 21.3 of 1024;\nin all 128.", id="words")
    return [words, code]


RIGHT = {
    "Batches of 64,": {"code": "run"},
    "is 21.3 of 1024;": {"output": "run"},
    "in all 128": {"python": "2 * 64"},
}
WRONG = {
    "a setting that changed": ({"Batches of 64,": {"output": "run"}}, "the output of cell run has no 64"),
    "a result that changed": (
        {"is 21.3 of 1024;": {"code": "run"}},
        "the code of cell run has no 21.3, 1024",
    ),
    "wrong arithmetic": ({"in all 128": {"python": "2 * 63"}}, r"gives \[126\], not 128"),
    "too few values": ({"is 21.3 of 1024;": {"python": "21.3"}}, "2 numbers, but 21.3 gives 1"),
    "no such cell": ({"in all 128": {"code": "gone"}}, "no such cell"),
    "no such kind": ({"in all 128": {"slide": "the punchline"}}, "no such kind"),
    "no source": ({"in all 128": {"source": "?"}}, "say where it comes from"),
    "old words": ({"in all 256": {"source": "the slide of that name"}}, "'in all 256' is listed, but"),
}


def test_a_list_that_holds_is_accepted(tiny):
    assert complaints(tiny, RIGHT) == []


@pytest.mark.parametrize("case", WRONG)
def test_a_list_that_does_not_hold_is_refused(tiny, case):
    change, message = WRONG[case]
    (complaint,) = complaints(tiny, RIGHT | change)
    with pytest.raises(ValueError, match=message):
        raise ValueError(complaint)


def test_a_whole_number_may_be_rounded_and_stand_in_another_notebook(tiny):
    tiny[0].source = "Some 21, then 139."
    entries = {"Some 21": {"rounded": "run"}, "then 139": {"rounded": "04:running-card"}}
    assert complaints(tiny, entries) == []
    (complaint,) = complaints(tiny, entries | {"Some 21": {"output": "run"}})
    assert complaint == "'Some 21': the output of cell run has no 21"


def test_a_number_that_nobody_listed_is_found(tiny):
    (complaint,) = complaints(tiny, {words: RIGHT[words] for words in list(RIGHT)[:2]})
    assert complaint.startswith(f"not listed: 128; add to {prose_numbers.LIST.name}:")


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("about 0.7, 10 % or 4,096 of 3-fold", ["0.7", "10", "4,096", "3"]),
        ("$b = 1$ and $\\approx 2.42$ and $$x^2 = 0.5$$", ["2.42", "0.5"]),
        ("`x = 3`, [see 04](04.ipynb), notebooks 04 to 07, 07", []),
        ("# Part 2\n\n1. first\n2. second, of 5", ["5"]),
        ("> 3. in a box", []),
        ("(Bradley et al. 2011), Hoffer et al. (2017) found, Amdahl 1967).", []),
        ("2011 images and 1999 others", ["2011", "1999"]),
        ("**Time:** 25 minutes to read, under 1 minute to run. **Before:** 2 things", ["2"]),
        ("```python\nx = 3\n```\nand 4\n\n## References\n\n- JMLR 18 (2018), 1-49", ["4"]),
        ("| loads 1.0 | 0.9 |", ["1.0", "0.9"]),
    ],
)
def test_what_counts_as_a_number(markdown, expected):
    assert [number.text for number in numbers(markdown)] == expected
