"""Folding: what a cell only does is read from its code, and said in its first line."""

import nbformat
import pytest

from workshop import folding

SHOW = "plots.show(alt=alt)"


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (f"axes = plots.figure()\n{SHOW}", "draws"),
        ("claims.check('01.a', 'A.', measured=1);", "claims"),
        ("g = questions.number('01.a', 'A?', 1)", "question"),
        (f"def speed(b):\n    return b\n\n\n{SHOW}", None),  # an idea, to be read
        ("claims.check('01.a', 'A.', measured=1)\nprint(1)", None),  # its line would go with nothing
        ("x = 1", None),
        ("# plots.show(alt=alt)", None),
        ("def width(b):\n    return b\n\n\ng = questions.choice('01.a', 'A?', {})", "question"),
    ],
)
def test_what_a_cell_only_does(source, kind):
    assert folding.kind(source) == kind


def notebook(*sources):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


def test_a_cell_is_folded_behind_a_line_that_counts_and_the_others_are_not():
    drawn, computed = folding.fold(notebook(f"axes = plots.figure()\n{SHOW}", "x = 1")).cells
    assert drawn.source == f"# How this was drawn, 2 lines\naxes = plots.figure()\n{SHOW}"
    assert drawn.metadata == {"tags": ["draws"], "jupyter": {"source_hidden": True}}
    assert folding.line(drawn) == "How this was drawn, 2 lines"
    assert folding.code(drawn.source) == f"axes = plots.figure()\n{SHOW}"
    assert (computed.metadata, computed.source, folding.line(computed)) == ({}, "x = 1", "")


def test_folding_again_changes_nothing_and_follows_the_code():
    folded = folding.fold(notebook(SHOW))
    assert folded.cells[0].source == f"# How this was drawn, 1 line\n{SHOW}"
    assert folding.fold(nbformat.from_dict(folded)) == folded
    folded.cells[0].source = folded.cells[0].source.replace(SHOW, "x = 1")
    (unfolded,) = folding.fold(folded).cells
    assert (unfolded.source, unfolded.metadata) == ("x = 1", {})


def test_tags_of_others_are_kept():
    contents = notebook(SHOW, "seed = 0  # any")
    contents.cells[1].metadata["tags"] = ["parameters"]
    assert [c.metadata["tags"] for c in folding.fold(contents).cells] == [["draws"], ["parameters"]]


CHECK = "claims.check('01.a', 'A.', measured=half)"


@pytest.mark.parametrize(
    ("sources", "kinds"),
    [
        (["half = 1 / 2", CHECK], ["claims", "claims"]),
        (["def of(x): ...", "half = of(1)", CHECK], ["claims", "claims", "claims"]),
        (["half = 1 / 2", "print(half)", CHECK], [None, None, "claims"]),  # read beside its check
        (["half = 1 / 2", f"axes.plot(half)\n{SHOW}", CHECK], [None, "draws", "claims"]),
        (["half = 1 / 2\nprint(half)", CHECK], [None, "claims"]),
        (["half = 1 / 2\nhalf", CHECK], [None, "claims"]),
        (["half = 1 / 2", "def later(): return half", CHECK], [None, None, "claims"]),
        (["half = 1 / 2"], [None]),  # used by nobody: the reader's
    ],
)
def test_what_only_checks_use_is_a_part_of_them(sources, kinds):
    assert folding.kinds(sources) == kinds
