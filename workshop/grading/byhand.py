"""The table of points for written answers: people edit it, so it is understood in full before it is replaced.

The points themselves are kept in the database of marks; the table is where they are entered.
"""

import time
from pathlib import Path

from lecturelib.files import written
from workshop.grading import tables
from workshop.grading.assignment import Assignment
from workshop.grading.store import ByHand, Row

NAME = "written.csv"
REMOVED = "-"  # entered to take points back; an empty cell leaves them
Entered = dict[tuple[str, str], float | None]  # points by (student, question); None: taken back


def read(out: Path, work: Assignment) -> Entered:
    """The points that somebody has entered in `out`/written.csv; empty if there is no such file.

    Commas, semicolons and tabs may separate the cells, and a decimal comma is one; further columns may stand
    there, and stay.

    Raises:
        ValueError: the table is not understood, or an entry is not a number from 0 to the question's points;
            the message says which. Nothing has been changed.
    """
    file = out / NAME
    found: Entered = {}
    for student, line in _lines(file, work).items():
        for item in work.written:
            text = line[item.id].strip().replace(",", ".")
            if text == REMOVED:
                found[student, item.id] = None
            elif text:
                found[student, item.id] = _points(file, student, item.id, text, item.points)
    return found


def write(out: Path, work: Assignment, rows: list[Row], by_hand: ByHand) -> None:
    """Write `out`/written.csv with the points that are kept and all columns that somebody has added.

    What stood there before is kept beside it, with the time in its name, unless it is the same.

    Raises:
        ValueError: what stands there is not understood.
    """
    file = out / NAME
    lines = _lines(file, work)
    expected = ["student", *(item.id for item in work.written)]
    added = [c for c in next(iter(lines.values()), {}) if c not in expected]
    table: list[list[object]] = [[*expected, *added]]
    for row in rows:
        points = (by_hand.get((row.student, item.id)) for item in work.written)
        own = lines.get(row.student, {})
        table.append(
            [row.student, *("" if p is None else f"{p:g}" for p in points), *(own.get(c, "") for c in added)]
        )
    new = tables.encoded(table)
    before = file.read_bytes() if file.exists() else new
    if before != new:
        with written(_unused(out)) as part:
            part.write_bytes(before)
    with written(file) as part:
        part.write_bytes(new)


def _unused(out: Path) -> Path:
    name = f"written.before-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in range(1000):
        file = out / f"{name}{f'-{number}' if number else ''}.csv"
        if not file.exists():
            return file
    raise ValueError(f"{out} has too many tables called {name}; remove some")


def _points(file: Path, student: str, question: str, text: str, most: float) -> float:
    try:
        points = float(text)
    except ValueError:
        points = -1.0
    if not 0 <= points <= most:
        raise ValueError(
            f"{file}: {student} has {text!r} for {question}; write a number from 0 to {most:g}, "
            f"nothing to leave it as it is, or {REMOVED} to take points back"
        )
    return points


def _lines(file: Path, work: Assignment) -> dict[str, dict[str, str]]:
    """The table's lines by student, each by heading."""
    if not work.written or not file.exists():
        return {}
    headings, *table = _table(file, ["student", *(item.id for item in work.written)])
    found: dict[str, dict[str, str]] = {}
    for number, cells in enumerate(table, 2):
        if not any(cell.strip() for cell in cells):
            continue
        if any(cell.strip() for cell in cells[len(headings) :]):
            raise ValueError(f"{file}: line {number} has more cells than there are headings")
        line = dict(zip(headings, [*cells, *[""] * len(headings)], strict=False))
        student = line["student"].strip()
        if not student or student in found:
            raise ValueError(f"{file}: line {number} has no student, or one who has a line already")
        found[student] = line
    return found


def _table(file: Path, expected: list[str]) -> tables.Table:
    """The cells of all lines, the headings first, separated by whatever gives the headings expected."""
    found = tables.readings(file) or [[[]]]
    for table in found:
        if set(expected) <= set(table[0]):
            if len(set(table[0])) != len(table[0]):
                raise ValueError(f"{file} has two columns of one heading; remove or rename one")
            return table
    raise ValueError(
        f"{file} needs the headings {', '.join(expected)} in its first line, which has "
        f"{', '.join(found[0][0])[:200]!r}; mend it, or remove the file to have it written again"
    )
