"""What comes out of a grading besides the marks: totals, marks by hand, statistics of the questions."""

import csv
import statistics
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lecturelib.grading.assignment import Assignment
from lecturelib.grading.marking import UNCHECKED
from lecturelib.grading.store import Row
from lecturelib.running import written


@dataclass(frozen=True)
class Total:
    """One student's points: by question (None where a written answer is not marked yet), and their sum."""

    student: str
    points: dict[str, float | None]

    @property
    def sum(self) -> float:
        return sum(p for p in self.points.values() if p is not None)

    @property
    def open(self) -> int:
        """How many written answers are still to be marked."""
        return sum(p is None for p in self.points.values())


@dataclass(frozen=True)
class Statistics:
    """How one coded question did.

    Args:
        id, title: of the question.
        students: how many were graded.
        mean: of the points, as a share of what could be had.
        solved: share of students with full points.
        discrimination: correlation, over students, of this question's points with the sum of the others';
            None where either is the same for everybody.
        commonest: the property most often lost, and how often; ("", 0) if none was.
    """

    id: str
    title: str
    students: int
    mean: float
    solved: float
    discrimination: float | None
    commonest: tuple[str, int]


def totals(work: Assignment, rows: list[Row], by_hand: dict[tuple[str, str], float]) -> list[Total]:
    """The points of every student, in the assignment's order of questions.

    Args:
        work: the assignment.
        rows: what is kept of each student.
        by_hand: points of written answers, by (student, question), from `read_by_hand`.
    """
    found = []
    for row in rows:
        points = {}
        for item in work.items:
            if item.question is None:
                points[item.id] = by_hand.get((row.student, item.id))
            else:
                points[item.id] = row.marks[item.id].earned if item.id in row.marks else 0.0
        found.append(Total(row.student, points))
    return found


def question_statistics(work: Assignment, rows: list[Row]) -> list[Statistics]:
    """The statistics of each coded question."""
    earned = {i.id: [r.marks[i.id].earned if i.id in r.marks else 0.0 for r in rows] for i in work.coded}
    found = []
    for item in work.coded:
        own = earned[item.id]
        rest = [sum(p) for p in zip(*(v for id, v in earned.items() if id != item.id), strict=True)]
        varies = len(set(own)) > 1 and len(set(rest)) > 1
        lost = Counter(r.marks[item.id].lost for r in rows if item.id in r.marks and r.marks[item.id].lost)
        found.append(
            Statistics(
                id=item.id,
                title=item.title,
                students=len(rows),
                mean=statistics.fmean(own) / item.points,
                solved=statistics.fmean(p == item.points for p in own),
                discrimination=statistics.correlation(own, rest) if varies else None,
                commonest=lost.most_common(1)[0] if lost else ("", 0),
            )
        )
    return found


def shown_correlation(value: float | None) -> str:
    """A correlation with two digits; nothing where there is none."""
    return "" if value is None else f"{value:.2f}"


def read_by_hand(out: Path, work: Assignment) -> dict[tuple[str, str], float]:
    """The points of written answers that somebody has entered in `out`/written.csv; empty if there is none.

    Returns:
        Points by (student, question).

    Raises:
        ValueError: an entry that is not a number from 0 to the question's points; the message says which.
    """
    file = out / "written.csv"
    if not file.exists():
        return {}
    found = {}
    with file.open(newline="", encoding="utf-8-sig") as stream:
        for line in csv.DictReader(stream):
            for item in work.written:
                text = (line.get(item.id) or "").strip().replace(",", ".")
                if not text:
                    continue
                try:
                    points = float(text)
                except ValueError:
                    points = -1.0
                if not 0 <= points <= item.points:
                    raise ValueError(
                        f"{file}: {line.get('student')} has {text!r} for {item.id}; "
                        f"write a number from 0 to {item.points:g}"
                    )
                found[line["student"], item.id] = points
    return found


def write_tables(out: Path, work: Assignment, rows: list[Row], by_hand) -> None:
    """Write marks.csv, questions.csv and, for the marks by hand, written.csv with what has been entered."""
    ids = [item.id for item in work.items]
    lines = [["student", *ids, "total", "points", "to mark by hand", "file", "remark"]]
    for row, total in zip(rows, totals(work, rows, by_hand), strict=True):
        shown = ["" if total.points[id] is None else f"{total.points[id]:g}" for id in ids]
        checks = [m.question for m in row.marks.values() if m.lost == UNCHECKED]
        remark = row.problem or (f"look at {', '.join(checks)}" if checks else "")
        possible = f"{sum(i.points for i in work.items):g}"
        lines.append([row.student, *shown, f"{total.sum:g}", possible, total.open, row.file, remark])
    _write_csv(out / "marks.csv", lines)

    lines = [["question", "title", "students", "mean", "solved", "discrimination", "commonest lost", "times"]]
    for q in question_statistics(work, rows):
        shares = [f"{q.mean:.3f}", f"{q.solved:.3f}", shown_correlation(q.discrimination)]
        lines.append([q.id, q.title, q.students, *shares, *q.commonest])
    _write_csv(out / "questions.csv", lines)

    if work.written:
        lines = [["student", *(item.id for item in work.written)]]
        for row in rows:
            entered = (by_hand.get((row.student, item.id)) for item in work.written)
            lines.append([row.student, *("" if p is None else f"{p:g}" for p in entered)])
        _write_csv(out / "written.csv", lines)


def _write_csv(file: Path, lines: list) -> None:
    with written(file) as part, part.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([[_plain(cell) for cell in line] for line in lines])


def _plain(cell):
    # A spreadsheet runs a cell that starts like this; titles and file names are not ours to trust.
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
