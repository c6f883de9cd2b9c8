"""The hidden test of nbgrader's version: the same properties, checked within the student's kernel."""

from lecturelib.grading import assignment, jobs, marking, source
from lecturelib.grading.inside import transfer
from lecturelib.grading.questions import Call


def hidden_test(name: str, question: str, names: dict, seed: int = 0) -> None:
    """Check a function that a running notebook defines.

    Args:
        name: of the assignment, N_topic.
        question: its id.
        names: the notebook's globals.
        seed: of the inputs that are drawn.

    Raises:
        AssertionError: with the message of the first property that does not hold.
    """
    item = assignment.load(source.locate(name)).item(question)
    drawn = jobs.calls(item, student="", seed=seed)
    function = names[item.question.function]
    through = names[item.question.through] if item.question.through else None
    outputs = []
    for arguments in transfer.decode(drawn):  # decoded twice: an answer may change what it is given
        outputs.append(through(function, *arguments) if through else function(*arguments))
    outputs = transfer.decode(transfer.encode(outputs))
    calls = [Call(*pair) for pair in zip(transfer.decode(drawn), outputs, strict=True)]
    lost, message = marking.first_lost(item.question, calls)
    assert lost is None, f"{lost}: {message}"
