"""The hidden test of nbgrader's version: the same properties, checked within the student's kernel."""

from typing import Any

from workshop.grading import assignment, marking, source
from workshop.grading.inside import transfer
from workshop.grading.questions import Call


def hidden_test(wanted: str, question: str, names: dict[str, Any], seed: int = 0) -> float | None:
    """Check a function that a running notebook defines.

    Args:
        wanted: the assignment: its name, or the path of its source.
        question: its id.
        names: the notebook's globals.
        seed: of the inputs that are drawn.

    Returns:
        None for full points, or the points of an answer that keeps some: as a cell's value, nbgrader's.

    Raises:
        AssertionError: with the message of the first property that does not hold.
    """
    item = assignment.load(source.locate(wanted)).item(question)
    drawn = marking.draw(item, student="", seed=seed)
    function = names[item.question.function]
    through = names[item.question.through] if item.question.through else None
    outputs = []
    for arguments in transfer.decode(drawn):  # decoded twice: an answer may change what it is given
        outputs.append(through(function, *arguments) if through else function(*arguments))
    outputs = transfer.decode_reply(transfer.encode(outputs))
    calls = [Call(*pair) for pair in zip(transfer.decode(drawn), outputs, strict=True)]
    lost, message = marking.first_lost(item.question, calls)
    points = item.earned(lost)
    assert points, f"{lost}: {message}"
    if lost is None:
        return None
    print(f"{lost}: {message}")
    return points
