"""`lecture grade`: the marks of all submissions, kept in a database, and what is written of them."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from workshop.grading import (
    assignment,
    attempts,
    byhand,
    gradebook,
    groups,
    pages,
    proof,
    release,
    results,
    sandbox,
    source,
    store,
    students,
    submissions,
)
from workshop.grading.assignment import Assignment
from workshop.grading.submissions import Submission


def command(
    paths: Sequence[Path],
    out: Path,
    wanted: str | None,
    workers: int,
    book: tuple[Path, str] | None = None,
    seed: int = 0,
    time_limit: float = 1.0,
    memory: float = 1.0,
    identity: str | None = None,
    together: tuple[Path, str, str] | None = None,
    without_walls: bool = False,
) -> int:
    """Grade, write all results into `out`, and say what was done.

    The arguments are those of `lecture grade`, with its defaults; workshop.cli explains them.

    Returns:
        The exit status: 0, 1 if nothing could be run, 130 if interrupted.

    Raises:
        ValueError: something is wrong that the caller can mend; the message says how.
        FileNotFoundError: a path does not exist, or no checkout that has the assignment.
    """
    known = {} if wanted else {path.parent.name: path for path in source.find()}
    path = source.locate(wanted) if wanted else known[submissions.assignment_named(paths, known)]
    work = assignment.load(path)
    found = submissions.find(paths, work.name, out)
    byhand.read(out, work)  # what is wrong with a table is said before anything runs
    if together and not book:
        raise ValueError("--groups says whose lines of a gradebook get a mark; give --gradebook as well")
    grouped = groups.handed_in(paths) + (groups.read(*together) if together else [])
    hidden = tuple(p.absolute() for p in (*paths, out, path.parent))
    settings = students.Settings(path, seed, time_limit, memory, hidden)
    try:
        proof.require(hidden, without_walls)
        rows, by_hand, new, unchanged = _graded(work, found, settings, out, workers)
    except KeyboardInterrupt:
        print("Interrupted. What was graded is kept; the same command goes on.", file=sys.stderr)
        return 130
    except sandbox.SandboxBroken as error:
        print(f"Submitted code cannot be run: {error}", file=sys.stderr)
        return 1

    rows = _still_there(rows, found, paths, out)
    byhand.write(out, work, rows, by_hand)
    results.write_tables(out, work, rows, by_hand)
    pages.write_all(out, work, rows, by_hand)
    print(f"{work.name}: {len(found)} students, {new} marks given, {unchanged} unchanged")
    for row in rows:
        if row.problem:
            print(f"  {row.student}: {row.problem}")
    doubted = [row.student for row in rows for mark in row.marks.values() if mark.note == attempts.UNKEPT]
    if doubted:
        said = "marks may be this machine's fault, and are given anew by the next run"
        print(f"{len(doubted)} {said}: {', '.join(sorted(set(doubted)))}")
    print(f"Marks: {out / 'marks.csv'}, {out / 'index.html'}. Feedback: {out / 'feedback'}")
    if book:
        sums = results.totals(work, rows, by_hand)
        filled = gradebook.fill(*book, identity, sums, out / "gradebook.csv", grouped)
        print(f"Gradebook to import: {out / 'gradebook.csv'}", *filled.report(), sep="\n  ")
    if work.written:
        file = out / "written.csv"
        print(f"To mark by hand: {out / 'written.html'}, points into {file}, then run this again")
    return 0


def _still_there(
    rows: list[store.Row], found: list[Submission], paths: Sequence[Path], out: Path
) -> list[store.Row]:
    """All but the students of earlier runs whose file lay below these paths and does not any more.

    Their feedback goes before anything is written: elsewhere a page of that name in capitals is the same.
    """
    now = {submission.student for submission in found}
    folders = [os.path.abspath(path) for path in paths]
    kept = []
    for row in rows:
        file = Path(os.path.abspath(row.file))
        if row.student in now or not any(file.is_relative_to(folder) for folder in folders):
            kept.append(row)
        else:
            (out / "feedback" / f"{row.student}.html").unlink(missing_ok=True)
            print(f"{row.student}: left out, for the file is no longer there; the marks are kept until it is")
    return kept


def _graded(
    work: Assignment, found: list[Submission], settings: students.Settings, out: Path, workers: int
) -> tuple[list[store.Row], store.ByHand, int, int]:
    """All rows of `out`/marks.sqlite, the points by hand, how many marks are new, and how many stay."""
    for name in work.data:
        release.data_file(name)  # made once, here, and not by every worker
    new = unchanged = 0
    with store.opened(out, work.name, settings.seed) as database:
        tasks = [(submission, store.keys(database, submission.student)) for submission in found]
        marked = students.marked(work, tasks, settings, workers)
        bar = tqdm(marked, total=len(found), unit="student", desc=work.name, file=sys.stderr, disable=None)
        for graded in bar:
            store.save(database, graded.row, graded.keys)
            new, unchanged = new + len(graded.keys), unchanged + graded.unchanged
        rows = store.rows(database)
        entered = byhand.read(out, work)
        if unknown := sorted({student for student, _ in entered} - {row.student for row in rows}):
            raise ValueError(f"{out / byhand.NAME} has points for {unknown[0]}, who handed in nothing")
        return rows, store.keep_by_hand(database, entered), new, unchanged
