"""`lecture check`: whether a student's notebook is read as it will be graded; not whether it is right."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from workshop.grading import answers, marking, outline, sandbox, submissions
from workshop.grading.assignment import Assignment, Coded
from workshop.grading.inside import transfer

# A given function through which each answer is called, as the grader's own are: with the form's check.
FORM = """
def _form(answer, name, check):
    exec(check, {{**globals(), name: answer}})


def {through}(answer):
    _form(answer, {function!r}, {check!r})
"""
THROUGH = "check_of_the_form"
MOST = 200  # characters that are said at once: three lines of a terminal, so that all are a screen


def command(file: Path) -> int:
    """Say of each question what the grader will find.

    Returns:
        The exit status: 0, or 1 if there is something to mend.

    Raises:
        ValueError: it is no notebook, or not one of an assignment; the message says what to do.
    """
    submission = submissions.checked(file)
    if submission.problem:
        raise ValueError(submission.problem)
    cells, said = submissions.parsed(file)
    name, described = said.get("assignment"), said.get(outline.KEY)
    if not (isinstance(name, str) and isinstance(described, dict)):
        raise ValueError(f"{file} does not say what it answers: start from the notebook that was handed out")
    work = outline.understood(name, described, cells)
    contents = submissions.read(submission, work)
    if contents.problem:
        raise ValueError(contents.problem)
    lines = [
        *_coded(file, said.get("data"), work, cells, contents),
        *_written(work, contents),
        *_given(file, work, contents),
    ]
    print(f"{file}: {_on_one_line(name)}, {len(contents.code)} cells of your own are run")
    print(*(f"  {_on_one_line(line)}" for line, _ in lines), sep="\n")
    mend = sum(not fine for _, fine in lines)
    print(f"To mend: {mend}." if mend else "It is read as you see it.", "Nothing is said of what is right.")
    return 1 if mend else 0


def _on_one_line(text: str) -> str:
    """Without what a terminal obeys: the notebook may be somebody else's."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= MOST else f"{text[:MOST]} ..."


def _coded(
    file: Path, data: Any, work: Assignment, cells: list[answers.Cell], contents: submissions.Contents
) -> Iterator[tuple[str, bool]]:
    beside = [file.parent / Path(str(name)).name for name in (data if isinstance(data, list) else [])]
    for missing in (path.name for path in beside if not path.is_file()):
        yield f"{missing}, which was handed out with it, does not lie beside it", False
    ends: set[int] = set()
    cut: set[int] = set()
    for item in work.coded:
        check = next((c.text for c in cells if c.grade_id == f"{item.id}-check"), "")
        form = FORM.format(through=THROUGH, function=item.question.function, check=check)
        asked = replace(item, question=replace(item.question, through=THROUGH))
        alone = replace(work, items=(asked,), setup=(*work.setup, form))
        job = marking.job(alone, asked, contents.code, transfer.encode([()]), edited=contents.edited)
        found = sandbox.run(job, [path for path in beside if path.is_file()])
        ends.update([] if found.cell is None else [found.cell])
        cut.update(found.cut)
        yield _said(asked, found.problem, found.text)
    yield from _of_cells(ends, "takes too long, or ends the process; mend it", False)
    yield from _of_cells(cut - ends, "takes too long; only what it defines is run", False)


def _said(item: Coded, problem: str | None, text: str) -> tuple[str, bool]:
    start = f"{item.id} {item.question.function}: "
    if problem is None:
        return f"{start}found, and of the right form", True
    if problem == "raised" and text.startswith("AssertionError"):
        return f"{start}found, but its form is not right: {text.removeprefix('AssertionError: ')}", False
    if problem == "raised":
        return f"{start}found, but stopped with an exception in the check of its form: {text}", False
    _, message = marking.PROBLEMS.get(problem, marking.PROBLEMS["died"])
    return f"{start}{message} {text}".rstrip(), False


def _written(work: Assignment, contents: submissions.Contents) -> Iterator[tuple[str, bool]]:
    found = dict(contents.written)
    for item in work.written:
        text = found.get(item.id, "")
        moved = [remark for remark in (answers.ELSEWHERE, answers.AS_CODE) if text.startswith(remark)]
        words = len(text.split())
        yield (
            f"{item.id} in words: {(moved or [f'{words} words' if words else 'nothing'])[0]}",
            bool(text and not moved),
        )


def _given(file: Path, work: Assignment, contents: submissions.Contents) -> Iterator[tuple[str, bool]]:
    edited = {number for number, _ in contents.edited}
    yield from _of_cells(edited, "was given and has been changed; of it, only what it defines is run", True)
    if file.name != f"{work.name}.ipynb":
        yield f"hand it in as {work.name}.ipynb", True


def _of_cells(numbers: Collection[int], said: str, fine: bool) -> Iterator[tuple[str, bool]]:
    if numbers:
        yield f"{said}: {', '.join(f'cell {number + 1}' for number in sorted(numbers))}", fine
