"""Pages: a student's feedback, and for the instructor an overview and the written answers to mark."""

import html
from pathlib import Path

from lecturelib.grading import results, source
from lecturelib.grading.assignment import Assignment
from lecturelib.grading.marking import Mark
from lecturelib.grading.store import Row
from lecturelib.running import written

STYLE = """
:root { color-scheme: light dark; --line: #8886; --good: #1a6b2f; --bad: #a02020; }
@media (prefers-color-scheme: dark) { :root { --good: #7bd88f; --bad: #ff9b9b; } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .8rem .3rem 0; }
th, td { text-align: left; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
section { border-top: 1px solid var(--line); margin-top: 1.5rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
pre { border-left: 3px solid var(--line); padding-left: .8rem; }
.good { color: var(--good); } .bad { color: var(--bad); }
"""
# No scripts, nothing from elsewhere, and a policy that tells the browser so: the text is partly a student's.
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{below}</p>
{body}
</main>
</body>
</html>
"""


def write_all(out: Path, work: Assignment, rows: list[Row], by_hand) -> None:
    """Write feedback/STUDENT.html for each student, index.html and, if anything is written, written.html."""
    (out / "feedback").mkdir(exist_ok=True)
    points = {total.student: total for total in results.totals(work, rows, by_hand)}
    for row in rows:
        _write(out / "feedback" / f"{row.student}.html", feedback(work, row, points[row.student]))
    _write(out / "index.html", overview(work, rows, points))
    if work.written:
        _write(out / "written.html", to_mark(work, rows))


def feedback(work: Assignment, row: Row, total: results.Total) -> str:
    """One student's page: each question's points, what failed and what to reread; never an expected value."""
    possible = sum(i.points for i in work.items)
    later = f" Written answers still to be marked: {total.open}." if total.open else ""
    parts = [f"<p>{total.sum:g} of {possible:g} points.{later}</p>"]
    if row.problem:
        parts.append(f'<p class="bad"><strong>Nothing could be graded.</strong> {_safe(row.problem)}</p>')
    lines = [[i.id, i.title, _points(total.points[i.id]), f"{i.points:g}"] for i in work.items]
    parts.append(_table("Points", ["id", "question", "yours", "of"], lines, numbers=(2, 3)))
    for item in work.items:
        mark = row.marks.get(item.id)
        heading = f"<h2>{_safe(item.id)}. {_safe(item.title)}</h2>"
        if item.question is None:
            given = total.points[item.id]
            text = "is marked by hand" if given is None else f"was marked by hand: {given:g} points"
            parts.append(f"<section>{heading}<p>This answer {text}.</p></section>")
        elif mark is not None:
            parts.append(f"<section>{heading}{_verdict(mark, item.question)}</section>")
    return _page(f"Feedback: {work.title}", parts, f"Student: {row.student}")


def _verdict(mark: Mark, question) -> str:
    if mark.lost is None:
        return '<p class="good"><strong>✓ All properties hold.</strong></p>'
    text = f"<pre>{_safe(mark.text)}</pre>" if mark.text else ""
    return (
        f'<p class="bad"><strong>✗ Does not hold: {_safe(mark.lost)}</strong></p>'
        f"<p>{_safe(mark.message)}</p>{text}<p>To reread: {_safe(question.reread)}.</p>"
    )


def overview(work: Assignment, rows: list[Row], points: dict[str, results.Total]) -> str:
    """The instructor's page: statistics of the questions, everybody's points, links to the feedback."""
    lines = []
    for q in results.question_statistics(work, rows):
        lost = f"{q.commonest[0]} ({q.commonest[1]})" if q.commonest[1] else ""
        lines.append(
            [
                q.id,
                q.title,
                f"{q.mean:.0%}",
                f"{q.solved:.0%}",
                results.shown_correlation(q.discrimination),
                lost,
            ]
        )
    names = ["id", "question", "mean", "solved", "discrimination", "most often lost"]
    parts = [_table("Coded questions", names, lines, numbers=(2, 3, 4))]
    parts.append(
        "<p>Discrimination is the correlation of a question's points with the sum of the other coded "
        "questions: near 0 or below, the question does not tell who knows the subject.</p>"
    )
    ids = [item.id for item in work.items]
    table = []
    for row in rows:
        total = points[row.student]
        table.append([row.student, *(_points(total.points[id]) for id in ids), f"{total.sum:g}"])
    links = {row.student: f"feedback/{row.student}.html" for row in rows}
    columns = ["student", *ids, "total"]
    parts.append(_table(f"{len(rows)} students", columns, table, range(1, len(columns)), links))
    parts += [f"<p>{_safe(r.student)}: {_safe(r.problem)}</p>" for r in rows if r.problem]
    for row in rows:
        for mark in row.marks.values():
            if mark.note:
                heading = f"To look at: {row.student}, {mark.question}"
                parts.append(f"<h2>{_safe(heading)}</h2><pre>{_safe(mark.note)}</pre>")
    return _page(f"Marks: {work.title}", parts)


def to_mark(work: Assignment, rows: list[Row]) -> str:
    """The instructor's page of written answers: question by question, with model answer and rubric."""
    parts = ["<p>Enter the points in <code>written.csv</code>, then run the same command again.</p>"]
    for item in work.written:
        parts.append(f"<section><h2>{_safe(item.id)}. {_safe(item.title)} ({item.points:g} points)</h2>")
        parts.append(f"<h3>Model answer and rubric</h3><pre>{_safe(source.regions(item.answer))}</pre>")
        for row in rows:
            text = row.written.get(item.id, "").strip() or "(no answer)"
            parts.append(f"<h3>{_safe(row.student)}</h3><pre>{_safe(text)}</pre>")
        parts.append("</section>")
    return _page(f"Written answers: {work.title}", parts)


def _points(value: float | None) -> str:
    return "to be marked" if value is None else f"{value:g}"


def _table(caption, columns, lines, numbers=(), links=None) -> str:
    marks = [' class="number"' if n in numbers else "" for n in range(len(columns))]
    head = "".join(f'<th scope="col"{m}>{_safe(c)}</th>' for m, c in zip(marks, columns, strict=True))
    body = ""
    for first, *rest in lines:
        name = f'<a href="{_safe(links[first])}">{_safe(first)}</a>' if links else _safe(first)
        cells = "".join(f"<td{m}>{_safe(v)}</td>" for m, v in zip(marks[1:], rest, strict=True))
        body += f'<tr><th scope="row">{name}</th>{cells}</tr>\n'
    head = f"<caption>{_safe(caption)}</caption><thead><tr>{head}</tr></thead>"
    return f"<table>{head}<tbody>{body}</tbody></table>"


def _page(title: str, parts: list[str], below: str = "") -> str:
    return PAGE.format(title=_safe(title), style=STYLE, below=_safe(below), body="\n".join(parts))


def _safe(text) -> str:
    printable = "".join(c for c in str(text) if c.isprintable() or c in "\n\t")
    return html.escape(printable)


def _write(file: Path, text: str) -> None:
    if not file.exists() or file.read_text(encoding="utf-8") != text:  # an unchanged page keeps its date
        with written(file) as part:
            part.write_text(text, encoding="utf-8")
