"""The cells that a claim needs: all that it uses, and little else."""

import pytest

from workshop import notebooks
from workshop.audit import command, mutants
from workshop.audit.slicing import needed


@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        (["a = 1", "b = 2", "print(a)"], [0, 2]),
        (["a = 1", "a = 2", "print(a)"], [1, 2]),
        (["a = 1", "a = a + 1", "print(a)"], [0, 1, 2]),
        (["a = 1", "a += 1", "print(a)"], [0, 1, 2]),
        (["a = [1]", "a[0] = 2", "print(a)"], [0, 1, 2]),
        (["a = [1]", "a.append(2)", "print(a)"], [0, 1, 2]),
        (["a = [1]", "b = a.copy()", "print(a)"], [0, 2]),
        (["a = 1", "if a:\n    b = 2", "print(b)"], [0, 1, 2]),
        (["b = 1", "if test:\n    b = 2", "print(b)"], [0, 1, 2]),
        (["b = 1", "for b in range(3):\n    pass", "print(b)"], [1, 2]),
        (["b = 1", "for i in range(3):\n    b = b + i", "print(b)"], [0, 1, 2]),
        (["b = 1", "[b for b in range(3)]", "print(b)"], [0, 2]),
        (["x = 1", "y = [x for _ in range(3)]", "print(y)"], [0, 1, 2]),
        (["x = 1", "def f():\n    return x", "x = 2", "print(f())"], [0, 1, 2, 3]),
        (["x = 1", "def f(x):\n    return x", "print(f(2))"], [1, 2]),
        (["x = 1", "f = lambda: x", "print(f())"], [0, 1, 2]),
        (["import math", "import numpy as np", "print(np.pi)"], [1, 2]),
        (["from lecturelib import claims", 'claims.check("a")', 'claims.check("b")'], [0, 2]),
        (["x = OSError", "try:\n    y = 1\nexcept x:\n    y = 2", "print(y)"], [0, 1, 2]),
        (["y = 1", "while y < 3:\n    y += 1", "print(y)"], [0, 1, 2]),
        (["p, q = 1, 2", "with open(1) as f, open(q) as g:\n    t = g", "print(t)"], [0, 1, 2]),
        (["with open(p) as f:\n    t = f.read()", "f = 1", "print(t)"], [0, 2]),
    ],
)
def test_what_the_last_cell_needs_is_kept(cells, kept):
    assert needed(cells, {len(cells) - 1}) == kept


@pytest.mark.parametrize("notebook", notebooks.find(), ids=lambda n: n.number)
def test_every_claim_of_the_lecture_finds_its_cell(notebook):
    for name in command.claim_ids(notebook):
        cells = mutants.Mutant(notebook, (name,)).program().cells
        assert name in mutants.CHECK.findall(cells[-1])
        assert len(cells) < len(mutants.code(notebook))
