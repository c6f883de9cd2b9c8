"""What comes out of a grading besides the marks: totals, tables, statistics."""

import statistics
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lecturelib.files import written
from workshop.grading import tables
from workshop.grading.assignment import Assignment, Coded
from workshop.grading.marking import UNCHECKED
from workshop.grading.store import ByHand, Row


@dataclass(frozen=True)
class Total:
    """One student's points: by question (None where a written answer is not marked yet), and their sum."""

    student: str
    points: dict[str, float | None]

    @property
    def sum(self) -> float:
        """The points so far."""
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

    @property
    def shown_discrimination(self) -> str:
        """With two digits; nothing where there is none."""
        return "" if self.discrimination is None else f"{self.discrimination:.2f}"


def totals(work: Assignment, rows: list[Row], by_hand: ByHand) -> list[Total]:
    """The points of every student, in the assignment's order of questions."""
    found = []
    for row in rows:
        points: dict[str, float | None] = {}
        for item in work.items:
            if isinstance(item, Coded):
                points[item.id] = row.marks[item.id].earned if item.id in row.marks else 0.0
            else:
                points[item.id] = by_hand.get((row.student, item.id))
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
        marks = [r.marks[item.id] for r in rows if item.id in r.marks]
        lost = Counter(mark.lost for mark in marks if mark.lost is not None)
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


def write_tables(out: Path, work: Assignment, rows: list[Row], by_hand: ByHand) -> None:
    """Write marks.csv and questions.csv."""
    ids = [item.id for item in work.items]
    lines: list[list[object]] = [["student", *ids, "total", "points", "to mark by hand", "file", "remark"]]
    for row, total in zip(rows, totals(work, rows, by_hand), strict=True):
        shown = ["" if total.points[id] is None else f"{total.points[id]:g}" for id in ids]
        checks = [m.question for m in row.marks.values() if m.lost == UNCHECKED]
        remark = row.problem or (f"look at {', '.join(checks)}" if checks else "")
        possible = f"{sum(i.points for i in work.items):g}"
        lines.append([row.student, *shown, f"{total.sum:g}", possible, total.open, row.file, remark])
    _write(out / "marks.csv", lines)

    lines = [["question", "title", "students", "mean", "solved", "discrimination", "commonest lost", "times"]]
    for q in question_statistics(work, rows):
        shares = [f"{q.mean:.3f}", f"{q.solved:.3f}", q.shown_discrimination]
        lines.append([q.id, q.title, q.students, *shares, *q.commonest])
    _write(out / "questions.csv", lines)


def _write(file: Path, lines: list[list[object]]) -> None:
    with written(file) as part:
        part.write_bytes(tables.encoded(lines))
