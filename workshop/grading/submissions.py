"""Find the submitted notebooks and read them, trusting neither their names nor their contents."""

import json
import stat
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop.grading import answers, names, owners, walk
from workshop.grading.assignment import Assignment
from workshop.grading.owners import Source

MAX_BYTES = 20 * 2**20  # of a notebook; pictures in outputs included
MAX_CELLS = 2000
MAX_CELL = answers.MAX_CELL
MAX_CODE = 1_000_000  # characters of all cells that are run
TOO_LONG = f"raise ValueError('a cell of more than {MAX_CELL} characters is not run')"
MAX_VOTES = 20  # notebooks of a student that are looked at for the assignment's name
BESIDE = (".csv", ".npz", ".yml", ".yaml", ".xlsx")  # files that lie there and are nobody's submission


@dataclass(frozen=True)
class Submission:
    """One student's notebook as it was found.

    Args:
        student: a name made safe: letters, digits, `_`, `.` and `-` only, none of the last two in front.
        path: of the file.
        problem: why it cannot be read, known before it is opened; else None.
    """

    student: str
    path: Path
    problem: str | None = None


@dataclass(frozen=True)
class Contents:
    """What a submission says.

    Args:
        code: the student's cells in order, those that were given left out: (number in the notebook, text).
        edited: cells that were given and have been changed: only what they define counts.
        written: text of each written answer, by question.
        problem: why nothing could be read; else None.
    """

    code: tuple[tuple[int, str], ...] = ()
    edited: tuple[tuple[int, str], ...] = ()
    written: tuple[tuple[str, str], ...] = ()
    problem: str | None = None


def find(paths: Sequence[Path], name: str, results: Path | None = None) -> list[Submission]:
    """All submissions below the paths, sorted by student, one each.

    The student is called after the file (`ada.ipynb`), or as portals name files; of a file that lies deeper,
    or has the assignment's name, after the folder (`ada/any.ipynb`, `ada/2_topic/2_topic.ipynb`). Where two
    files or folders give the same name, or names that some systems take for the same, none of them is graded:
    the problem says so. Who handed in something that is no notebook is there too, with that as the problem.
    The folder of `results` is none of the submissions, wherever it lies.

    Raises:
        FileNotFoundError: a path does not exist.
        ValueError: no notebook below them.
    """
    found: dict[str, dict[Source, dict[Path, str | None]]] = {}
    others: dict[str, list[Path]] = {}
    called: dict[str, str] = {}
    for path in paths:
        real = owners.gradescope(path) if path.is_dir() else {}
        for file, below, problem in walk.files(path, results):
            student, origin = owners.owner(file, below, name)
            if below and len(behind := real.get(below[0], ())) == 1 and behind[0]:
                student = names.safe_name(behind[0][0])  # of a group, the folder keeps its name
            key = names.in_one_case(student)
            called.setdefault(key, student)
            if problem or walk.is_notebook(file.name):
                found.setdefault(key, {}).setdefault(origin, {})[file.absolute()] = problem
            elif len(below) > 1 or file.suffix.lower() not in BESIDE:
                others.setdefault(key, []).append(file)
    if not found and not others:
        raise ValueError(f"no notebook ({walk.NOTEBOOK}) below {', '.join(map(str, paths))}")
    given = [_submission(called[key], sources, name) for key, sources in found.items()]
    given += [_other(called[key], files, name) for key, files in others.items() if key not in found]
    return sorted(given, key=lambda submission: submission.student)


def assignment_named(paths: Sequence[Path], known: Collection[str]) -> str:
    """The assignment that most of the students name in their notebooks.

    What a notebook says is compared with the known names and never used as a path, and however many
    notebooks a student hands in, each assignment gets at most one vote of theirs.

    Raises:
        FileNotFoundError: a path does not exist.
        ValueError: none of them names one.
    """
    votes: set[tuple[str, str]] = set()
    looked: Counter[str] = Counter()
    for path in paths:
        for file, below, problem in walk.files(path):
            if not walk.is_notebook(file.name):
                continue
            owner = below[0] if below else str(file)
            looked[owner] += 1
            if problem or looked[owner] > MAX_VOTES:
                continue
            name = _named(file)
            if name in known:
                votes.add((owners.owner(file, below, str(name))[0], str(name)))
    for name, _ in Counter(name for _, name in sorted(votes)).most_common(1):
        return name
    raise ValueError("no submission says of which assignment it is; give --assignment N")


def _named(file: Path) -> str | None:
    try:
        name = None if checked(file).problem else parsed(file)[1].get("assignment")
    except (ValueError, MemoryError):
        return None
    return name if isinstance(name, str) else None


def _submission(student: str, sources: dict[Source, dict[Path, str | None]], name: str) -> Submission:
    files = {file: problem for listed in sources.values() for file, problem in listed.items()}
    first = next(iter(files))
    if len(sources) > 1:
        same = sorted(_shown(path.name) for _, path in sources)
        return Submission(student, first, f"More than one file or folder has this name: {', '.join(same)}.")
    for file, problem in files.items():
        if problem:
            return Submission(student, file, problem)
    chosen = [f for f in files if owners.own_stem(f) == name] if len(files) > 1 else [first]
    if len(chosen) != 1:
        several = f"There are {len(files)} notebooks, {_listed(files)}; hand in one, {name}.ipynb."
        return Submission(student, first, several)
    return checked(chosen[0], student)


def checked(file: Path, student: str = "") -> Submission:
    """A notebook that may be opened, or why not."""
    try:
        status = file.lstat()
    except OSError:
        return Submission(student, file, "The file cannot be read.")
    if not stat.S_ISREG(status.st_mode):
        return Submission(student, file, "This is not a file but a link to one, or something else.")
    if status.st_size > MAX_BYTES:
        return Submission(student, file, "The notebook is too large: clear its outputs and save it.")
    return Submission(student, file)


def _other(student: str, files: list[Path], name: str) -> Submission:
    said = f"There is no notebook, but {_listed(files)}. Hand in one file, {name}{walk.NOTEBOOK}."
    return Submission(student, files[0].absolute(), said)


def _listed(files: Collection[Path]) -> str:
    shown = [_shown(file.name)[:60] for file in sorted(files)[:5]]
    return ", ".join(shown) + (f" and {len(files) - 5} more" if len(files) > 5 else "")


def _shown(text: str) -> str:
    """A file's name without what a terminal would obey, and what no encoding has."""
    return "".join(c if c.isprintable() else "?" for c in text)


def parsed(file: Path) -> tuple[list[answers.Cell], dict[str, Any]]:
    """The cells of a notebook, and what its metadata say of the assignment.

    Raises:
        ValueError: it is none; the message is for its student.
    """
    try:
        notebook = json.loads(file.read_text(encoding="utf-8-sig"))
        cells = notebook["cells"]
        if len(cells) <= MAX_CELLS:
            cells = [
                answers.Cell(n, c["cell_type"], _text(c["source"]), _grade_id(c), _attached(c))
                for n, c in enumerate(cells)
            ]
        said = dict(notebook.get("metadata", {}).get("lecturelib", {}))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ValueError(
            "The file is not a Jupyter notebook (format 4), or it was damaged on the way. "
            "Opened and saved in Jupyter, an older one becomes one."
        ) from None
    if len(cells) > MAX_CELLS:
        raise ValueError(f"The notebook has more than {MAX_CELLS} cells.")
    return cells, said


def read(submission: Submission, assignment: Assignment) -> Contents:
    """What the notebook says; whatever is wrong with it is the `problem` of the result."""
    if submission.problem:
        return Contents(problem=submission.problem)
    try:
        cells, said = parsed(submission.path)
    except ValueError as error:
        return Contents(problem=str(error))
    named = said.get("assignment")
    if isinstance(named, str) and named != assignment.name:
        return Contents(problem=f"This notebook is of another assignment, not of {assignment.name}.")

    given_texts = {text.strip() for text in assignment.given.values()}
    written = answers.written(assignment, cells)
    code: list[tuple[int, str]] = []
    edited: list[tuple[int, str]] = []
    for cell in cells:
        if cell.kind != "code" or cell.text.strip() in given_texts or cell.grade_id in dict(written):
            continue
        place = edited if cell.grade_id in assignment.given else code
        place.append((cell.number, cell.text if len(cell.text) <= MAX_CELL else TOO_LONG))
    if sum(len(text) for _, text in code + edited) > MAX_CODE:
        return Contents(problem=f"The notebook has more than {MAX_CODE} characters of code.")
    return Contents(tuple(code), tuple(edited), written)


def _text(source: str | list[str]) -> str:
    text = source if isinstance(source, str) else "".join(source)
    text.encode()  # a lone surrogate is refused here, not where the text is written
    return text


def _grade_id(cell: dict[str, Any]) -> str | None:
    metadata = cell.get("metadata") or {}
    name = (metadata.get("nbgrader") or {}).get("grade_id")
    return name if isinstance(name, str) else None


def _attached(cell: dict[str, Any]) -> tuple[str, ...]:
    attachments = cell.get("attachments") or {}
    return tuple(_text(name) for name in list(attachments)[:20])
