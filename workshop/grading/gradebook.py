"""A portal's exported gradebook, filled in: the lines and columns that an import needs, and no others."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lecturelib.files import written
from workshop.grading import groups, tables, worksheets
from workshop.grading.names import in_one_case
from workshop.grading.results import Total

NAMES = ("Student", "Full name", "First Name", "Last Name")
# What portals identify students by, and want to see again: Canvas, Moodle, Gradescope.
NEEDED = (
    *NAMES,
    *("ID", "SIS User ID", "SIS Login ID", "Integration ID", "Root Account", "Section"),
    *("SID", "Email"),
    *("Identifier", "Email address", *worksheets.MODIFIED.values()),
)


@dataclass(frozen=True)
class Filled:
    """What became of each student's total, and of each line.

    Args:
        placed: (student, what stands in the identity column of their line, and the name that stands there);
            of a group's file, for each member.
        unknown: in no line, in several, or in the line of another student as well.
        left: (student, what stands there): excused, or whatever is no number, which stays.
        open: students with written answers still to be marked.
        absent: identities of lines that are nobody's who handed in.
    """

    placed: list[tuple[str, str]]
    unknown: list[str]
    left: list[tuple[str, str]]
    open: list[str]
    absent: list[str]

    def report(self) -> list[str]:
        """A line for each student, and one for those who handed in nothing."""
        lines = [f"{student}: in the line of {identity}" for student, identity in self.placed]
        lines += [f"{student}: in no line of it, or not alone in one" for student in self.unknown]
        lines += [f"{student}: left as it is, {cell}" for student, cell in self.left]
        lines += [f"{student}: left out, to be marked by hand" for student in self.open]
        return lines + ([f"without a submission: {'; '.join(self.absent)}"] if self.absent else [])


def fill(
    file: Path,
    column: str,
    identity: str | None,
    totals: list[Total],
    out: Path,
    together: Sequence[groups.Group] = (),
) -> Filled:
    """Write the lines of our students, with what identifies them and with their totals, as `out`.

    A student is in the line whose identity is their name or, for file names of portals, the number at its
    end. Capitals make no difference, but in names that had to be changed, as those with a blank or an @.

    Args:
        file: CSV with a line of headings, as the portal exported it.
        column: heading of the assignment's column.
        identity: heading of the column that tells students apart, and has what notebooks are named after.
        totals: of all students.
        out: file to write.
        together: the groups: a mark goes to every member.

    Raises:
        ValueError: not a CSV file with both headings, the message lists those that there are; or a worksheet
            of Moodle's whose language is not known, or a submission of two groups.
    """
    headings, *lines = tables.headed(file, {column: "--gradebook CSV COLUMN", identity: "--identity COLUMN"})
    place, own = headings.index(column), headings.index(str(identity))
    known = [line for line in lines if line[own].strip()]
    named = list(zip(_identities(headings, known, own, totals), known, strict=True))
    persons = [
        (total, who, [line for ids, line in named if ids & keys])
        for total in totals
        for who, keys in groups.people(total.student, _keys(total.student), together).items()
    ]
    taken = [id(line) for _, _, matches in persons for line in matches]
    called = {id(line): _called(headings, line, own) for _, line in named}
    absent = [who for line, who in called.items() if line not in taken]
    filled = Filled([], [], [], [t.student for t in totals if t.open], absent)
    written_lines = []
    for total, who, matches in persons:
        match matches:
            case _ if total.open:
                continue
            case [line] if taken.count(id(line)) == 1:
                if _is_number(line[place]):
                    written_lines.append([*line[:place], f"{total.sum:g}", *line[place + 1 :]])
                    filled.placed.append((who, called[id(line)]))
                else:
                    filled.left.append((who, line[place].strip()))
            case _:
                filled.unknown.append(who)
    first = next((n for n, line in enumerate(lines) if line[own].strip()), len(lines))
    kept = [n for n, heading in enumerate(headings) if heading in (*NEEDED, identity, column)]
    with written(out) as part, part.open("w", newline="", encoding="utf-8") as stream:
        table = [headings, *lines[:first], *written_lines]  # the first lines say, for one, what is possible
        csv.writer(stream).writerows([[line[n] for n in kept] for line in table])
    return filled


def _keys(student: str) -> set[str]:
    """What may stand in the student's line."""
    name, _, number = student.rpartition("_")
    keys = {student, number} if name and number.isdecimal() else {student}
    return {in_one_case(key) for key in keys}


def _identities(headings: list[str], lines: list[list[str]], own: int, totals: list[Total]) -> list[set[str]]:
    """What the student of each line may be called."""
    cells = [line[own].strip() for line in lines]
    found = [groups.compared([cell]) for cell in cells]
    numbers = worksheets.participants(cells) if own == 0 and headings[own] not in NAMES else []
    if worksheets.is_one(headings):
        return [ids | {number} for ids, number in zip(found, numbers, strict=True)] if numbers else found
    if any(number in _keys(t.student) for t in totals for number in numbers):
        raise ValueError(
            f"the column {headings[own]} is one of Moodle's worksheets, whose other headings "
            f"({', '.join(headings)}) are in no language known here: Moodle would import none of it. "
            "Set Moodle to English, download the worksheet again, and import it in English too"
        )
    return found


def _called(headings: list[str], line: list[str], own: int) -> str:
    names = [line[headings.index(name)].strip() for name in NAMES if headings.count(name) == 1]
    shown = ", ".join(name for name in names if name and name != line[own].strip())
    return f"{line[own].strip()} ({shown})" if shown else line[own].strip()


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip().replace(",", ".").removeprefix("-") or 0)
    except ValueError:
        return False
    return True
