"""`lecture grade`: from folders of notebooks to marks, feedback and statistics."""

import json
import sys
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from lecturelib.grading import (
    assignment,
    grade,
    gradebook,
    pages,
    results,
    sandbox,
    source,
    submissions,
    walls,
)


def run(
    paths: list[Path], out: Path, wanted: str | None, workers: int, book: tuple[Path, str] | None, **settings
) -> int:
    """Grade, write all results into `out`, and say what was done.

    Args:
        paths: files and folders of submissions.
        out: folder of the results.
        wanted: number, name or path of the assignment; None to take the one that most submissions name.
        workers: processes that grade.
        book: a portal's exported gradebook and the heading of its column, to be filled in; or None.
        settings: seed, time_limit and memory of `grade.Settings`.

    Returns:
        The exit status: 0, 1 if nothing could be run, 130 if interrupted.

    Raises:
        ValueError, FileNotFoundError: something is wrong that the caller can mend; the message says how.
    """
    path = source.locate(wanted or named(paths))
    work = assignment.load(path)
    found = submissions.find(paths, work.name)
    by_hand = results.read_by_hand(out, work)
    if missing := walls.notice():
        print(f"\n*** NOT FULLY SHUT IN ***\n{missing}\n", file=sys.stderr)
    chosen = grade.Settings(path, hidden=(*(p.absolute() for p in paths), out.absolute()), **settings)

    new = unchanged = 0
    try:
        with tqdm(total=len(found), unit="student", desc=work.name, file=sys.stderr, disable=None) as bar:

            def done(graded):
                nonlocal new, unchanged
                new, unchanged = new + len(graded.keys), unchanged + graded.unchanged
                bar.update()

            rows = grade.grade(found, chosen, out, workers, done)
    except KeyboardInterrupt:
        print("Interrupted. What was graded is kept; the same command goes on.", file=sys.stderr)
        return 130
    except sandbox.SandboxBroken as error:
        print(f"Submitted code cannot be run: {error}", file=sys.stderr)
        return 1

    if unknown := sorted({student for student, _ in by_hand} - {row.student for row in rows}):
        raise ValueError(f"{out / 'written.csv'} has points for {unknown[0]}, who handed in nothing")
    results.write_tables(out, work, rows, by_hand)
    pages.write_all(out, work, rows, by_hand)
    print(f"{work.name}: {len(found)} students, {new} marks given, {unchanged} unchanged")
    for row in rows:
        if row.problem:
            print(f"  {row.student}: {row.problem}")
    print(f"Marks: {out / 'marks.csv'}, {out / 'index.html'}. Feedback: {out / 'feedback'}")
    if book:
        unknown = gradebook.fill(*book, results.totals(work, rows, by_hand), out / "gradebook.csv")
        print(f"Gradebook to import: {out / 'gradebook.csv'}")
        for student in unknown:
            print(f"  {student} is in no line of it, or in several")
    if work.written:
        print(
            f"To mark by hand: {out / 'written.html'}, points into {out / 'written.csv'}, then run this again"
        )
    return 0


def named(paths: list[Path]) -> str:
    """The assignment that most of the notebooks name.

    Raises:
        ValueError: none of them names one.
    """
    names = Counter()
    for path in paths:
        for file in path.rglob("*.ipynb") if path.is_dir() else [path]:
            if file.is_file() and not file.is_symlink() and file.stat().st_size <= submissions.MAX_BYTES:
                names[_named(file)] += 1
    names.pop(None, None)
    if not names:
        raise ValueError("no submission says of which assignment it is; give --assignment N")
    return names.most_common(1)[0][0]


def _named(file: Path) -> str | None:
    try:
        name = json.loads(file.read_text(encoding="utf-8"))["metadata"]["lecturelib"]["assignment"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return name if isinstance(name, str) else None
