"""Find the submitted notebooks and read them, trusting neither their names nor their contents."""

import ast
import hashlib
import json
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from lecturelib.grading.assignment import Assignment

MAX_BYTES = 20 * 2**20  # of a notebook; pictures in outputs included
# What Canvas calls the files of "Download Submissions": name, perhaps LATE, the student's number, the file's.
_CANVAS = re.compile(r"(?P<name>[^_]+)(_LATE)?_(?P<number>\d+)_\d+_.*")
_TIMED = re.compile(r"%%(time|timeit|capture)\b.*")


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
        written: text of each written answer, by question.
        assignment: the name that the notebook carries, or None.
        problem: why nothing could be read; else None.
    """

    code: tuple[tuple[int, str], ...] = ()
    written: tuple[tuple[str, str], ...] = ()
    assignment: str | None = None
    problem: str | None = None


def find(paths: list[Path], name: str) -> list[Submission]:
    """All submissions below the paths, sorted by student, one each.

    The student is called after the file (`ada.ipynb`), or as Canvas names files; of a file that lies deeper,
    or has the assignment's name, after the folder (`ada/any.ipynb`, `ada/2_topic/2_topic.ipynb`).

    Args:
        paths: files and folders.
        name: of the assignment.

    Raises:
        FileNotFoundError: a path does not exist. ValueError: no notebook below them.
    """
    found: dict[str, list[Path]] = {}
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist")
        for file in sorted(path.rglob("*.ipynb")) if path.is_dir() else [path]:
            below = file.relative_to(path).parts if path.is_dir() else ()
            if ".ipynb_checkpoints" not in below:
                found.setdefault(_student(file, below, name), []).append(file)
    if not found:
        raise ValueError(f"no notebook (.ipynb) below {', '.join(map(str, paths))}")
    return [_submission(student, files, name) for student, files in sorted(found.items())]


def _student(file, below, name) -> str:
    if folders := [p for p in below[:-1] if p != name]:
        raw = folders[0]
    elif file.stem == name:
        raw = next((p for p in reversed(file.absolute().parts[:-1]) if p != name), name)
    else:
        canvas = _CANVAS.fullmatch(file.stem)
        raw = f"{canvas['name']}_{canvas['number']}" if canvas else file.stem
    return safe_name(raw)


def safe_name(raw: str) -> str:
    """A name that is safe as a file's name, in HTML and in a spreadsheet; distinct names stay distinct.

    >>> safe_name("Ada Lovelace"), safe_name("ada-2")
    ('Ada_Lovelace-7674', 'ada-2')
    """
    name = re.sub(r"[^\w.-]", "_", raw.encode(errors="replace").decode()).lstrip(".-")
    name = name[:80].encode()[:200].decode(errors="ignore") or "unnamed"  # file systems count bytes, to 255
    return name if name == raw else f"{name}-{hashlib.sha256(raw.encode(errors='replace')).hexdigest()[:4]}"


def _submission(student, files, name) -> Submission:
    files = list(dict.fromkeys(files))
    chosen = [f for f in files if f.stem == name] if len(files) > 1 else files
    if len(chosen) != 1:
        return Submission(student, files[0], f"There are {len(files)} notebooks; hand in one, {name}.ipynb.")
    status = chosen[0].lstat()
    if not stat.S_ISREG(status.st_mode):
        return Submission(student, chosen[0], "This is not a file but a link to one, or something else.")
    if status.st_size > MAX_BYTES:
        return Submission(student, chosen[0], "The notebook is too large: clear its outputs and save it.")
    return Submission(student, chosen[0])


def read(submission: Submission, assignment: Assignment) -> Contents:
    """What the notebook says; whatever is wrong with it is the `problem` of the result."""
    if submission.problem:
        return Contents(problem=submission.problem)
    try:
        notebook = json.loads(submission.path.read_text(encoding="utf-8"))
        cells = [(c["cell_type"], _text(c["source"]), _grade_id(c)) for c in notebook["cells"]]
        named = notebook.get("metadata", {}).get("lecturelib", {}).get("assignment")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Contents(
            problem="The file is not a Jupyter notebook (format 4), or it was damaged on the way."
        )
    if isinstance(named, str) and named != assignment.name:
        return Contents(problem=f"This notebook is of another assignment, not of {assignment.name}.")

    given_texts = {text.strip() for text in assignment.given.values()}
    written_ids = {item.id for item in assignment.written}
    code, written = [], {}
    for number, (kind, text, grade_id) in enumerate(cells):
        if kind == "code" and grade_id not in assignment.given and text.strip() not in given_texts:
            code.append((number, without_magics(text)))
        if kind == "markdown" and grade_id in written_ids:
            written[grade_id] = text
    return Contents(tuple(code), tuple(written.items()), named)


def _text(source) -> str:
    text = source if isinstance(source, str) else "".join(source)
    text.encode()  # a lone surrogate is refused here, not where the text is written
    return text


def _grade_id(cell) -> str | None:
    metadata = cell.get("metadata") or {}
    name = (metadata.get("nbgrader") or {}).get("grade_id")
    return name if isinstance(name, str) else None


def without_magics(text: str) -> str:
    """A cell's code without IPython's `%` and `!` lines; a cell of another language is left out whole.

    >>> without_magics("%matplotlib inline\\nx = 1")
    'pass\\nx = 1'
    """
    while text.lstrip().startswith("%%"):
        first, _, text = text.lstrip().partition("\n")
        if not _TIMED.fullmatch(first.strip()):
            return ""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):  # `%` may go on a line
        return re.sub(r"^([ \t]*)[%!?].*$", r"\1pass", text, flags=re.MULTILINE)
    return text
