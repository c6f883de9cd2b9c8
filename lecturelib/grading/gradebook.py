"""Fill marks into a gradebook that Canvas, Gradescope or another portal exported, to be imported there."""

import csv
from pathlib import Path

from lecturelib.grading.results import Total
from lecturelib.grading.submissions import safe_name
from lecturelib.running import written


def fill(file: Path, column: str, totals: list[Total], out: Path) -> list[str]:
    """Write the gradebook again as `out`, with the totals of our students in one column.

    A student is found in the line that has their name in some cell (login, e-mail address, student number),
    or, for Canvas's file names, the number at the end of it. All other cells stay as they are.

    Args:
        file: CSV with a line of headings, as the portal exported it.
        column: heading of the assignment's column; made if there is none.
        totals: from `results.totals`; who has answers to be marked by hand is left out.
        out: file to write.

    Returns:
        Names of the students who are in no line, or in several: their marks are in no line of `out`.

    Raises:
        ValueError: not a CSV file with headings.
    """
    with file.open(newline="", encoding="utf-8-sig") as stream:
        lines = list(csv.reader(stream))
    if not lines or len(lines[0]) < 2:
        raise ValueError(f"{file} is not a gradebook: its first line has no headings, separated by commas")
    if column not in lines[0]:
        lines = [[*lines[0], column], *([*line, ""] for line in lines[1:])]
    place = lines[0].index(column)
    unknown = []
    for total in totals:
        if total.open:
            continue
        own = [line for line in lines[1:] if len(line) > place and _names(line) & _keys(total.student)]
        if len(own) == 1:
            own[0][place] = f"{total.sum:g}"
        else:
            unknown.append(total.student)
    with written(out) as part, part.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(lines)
    return unknown


def _keys(student: str) -> set[str]:
    name, _, number = student.rpartition("_")
    return {student, number} if name and number.isdecimal() else {student}


def _names(line: list[str]) -> set[str]:
    return {safe_name(cell.strip()) for cell in line if cell.strip()}
