"""Pages: a student's feedback, and for the instructor an overview and the written answers to mark.

The templates are feedback, overview and written of workshop/templates; all that they show is escaped. The
text is partly a student's: a policy in each page tells the browser to run no script and to load nothing.
"""

import re
from pathlib import Path
from typing import Any

from lecturelib import files
from workshop.files import TEMPLATES
from workshop.grading import formulas, results, source
from workshop.grading.assignment import Assignment
from workshop.grading.store import ByHand, Row


def write_all(out: Path, work: Assignment, rows: list[Row], by_hand: ByHand) -> None:
    """Write feedback/STUDENT.html for each student, index.html and, if anything is written, written.html."""
    (out / "feedback").mkdir(exist_ok=True)
    totals = results.totals(work, rows, by_hand)
    for row, total in zip(rows, totals, strict=True):
        title = f"Feedback: {work.title}"
        _write(
            out / "feedback" / f"{row.student}.html", "feedback", title=title, work=work, row=row, total=total
        )
    _write(
        out / "index.html",
        "overview",
        title=f"Marks: {work.title}",
        items=work.items,
        rows=rows,
        totals=totals,
        statistics=results.question_statistics(work, rows),
        notes=[(row.student, mark) for row in rows for mark in row.marks.values() if mark.note],
    )
    if work.written:
        solutions = [(item, source.solution_text(item.answer)) for item in work.written]
        title = f"Written answers: {work.title}"
        _write(out / "written.html", "written", title=title, solutions=solutions, rows=rows)


def _write(file: Path, template: str, **values: Any) -> None:
    filters = {
        "points": lambda value: "to be marked" if value is None else f"{value:g}",
        "tex": formulas.shown,
    }
    text = files.render(f"{template}.html.j2", TEMPLATES, filters, **values)
    text = re.sub(r"[^\S\n\t]", " ", text)  # every other space, as those that do not break
    text = "".join(c for c in text if c.isprintable() or c in "\n\t")  # no control or direction characters
    if not file.exists() or file.read_text(encoding="utf-8") != text:  # an unchanged page keeps its date
        with files.written(file) as part:
            part.write_text(text, encoding="utf-8")
