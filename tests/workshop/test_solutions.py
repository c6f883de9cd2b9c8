"""The code in the exercises' solutions runs in its notebook, and gives the numbers that the solution says."""

import ast
import contextlib
import io
import re
import types

import numpy as np
import pytest

from lecturelib import records
from workshop import notebooks
from workshop.audit import mutants, slicing

SOLUTION = re.compile(
    r"<summary>Solution</summary>((?:(?!</details>).)*?```python\n.*?)</details>", re.DOTALL
)
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
FOUND = [
    pytest.param(notebook, solution, id=f"{notebook.number}-{at}")
    for notebook in notebooks.find()
    for at, solution in enumerate(
        solution[1]
        for cell in notebook.read().cells
        if cell.cell_type == "markdown"
        for solution in SOLUTION.finditer(cell.source)
    )
]


def given(notebook, code) -> list[float]:
    """The numbers that the code prints or ends on, without those that it was given."""
    cells = [cell.source for cell in mutants.code(notebook)] + [code]
    module = types.ModuleType("solved")
    with records.collected(), contextlib.redirect_stdout(io.StringIO()):
        for at in slicing.needed(cells, {len(cells) - 1})[:-1]:
            exec(compile(cells[at], f"<cell {at}>", "exec"), module.__dict__)
    *first, last = ast.parse(code).body
    printed, ended = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(first, []), "<solution>", "exec"), module.__dict__)
        if isinstance(last, ast.Expr):
            ended = eval(compile(ast.Expression(last.value), "<solution>", "eval"), module.__dict__)
        else:
            exec(compile(ast.Module([last], []), "<solution>", "exec"), module.__dict__)
    numbers = [float(number) for number in NUMBER.findall(printed.getvalue())]
    numbers += [] if ended is None else np.ravel(ended).tolist()
    constants = {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}
    return [number for number in numbers if number not in constants]


def said(solution) -> list[str]:
    """The numbers in a solution's words and in the comments of its code."""
    comments = " ".join(re.findall(r"#(.*)", " ".join(BLOCK.findall(solution))))
    return NUMBER.findall(BLOCK.sub(" ", solution) + comments)


def unsaid(numbers, words) -> list[float]:
    """Those that no number in the words is, to its own digits."""

    def stands(number):
        return any(float(word) == round(number, len(word.partition(".")[2])) for word in words)

    return [number for number in numbers if not stands(number)]


@pytest.mark.long
@pytest.mark.parametrize(("notebook", "solution"), FOUND)
def test_a_solution_gives_the_numbers_that_it_says(notebook, solution):
    for code in BLOCK.findall(solution):
        numbers = given(notebook, code)
        assert numbers
        assert unsaid(numbers, said(solution)) == []


def test_all_code_in_the_exercises_is_found():
    blocks = [
        code
        for notebook in notebooks.find()
        for cell in notebook.read().cells
        if cell.cell_type == "markdown"
        for code in BLOCK.findall(cell.source)
    ]
    assert blocks
    assert sorted(blocks) == sorted(code for param in FOUND for code in BLOCK.findall(param.values[1]))


def test_a_number_that_is_not_said_is_found():
    words = said("It ends at 3.5, twenty times 0.17.\n```python\nx / 2  # 10\n```")
    assert words == ["3.5", "0.17", "10"]
    assert unsaid([3.46, 0.171, 9.4], words) == [9.4]
    assert unsaid([3.44, 10.0], words) == [3.44]
