"""The marks of a grading in SQLite: what was graded stays, whatever ends the run, and is graded once."""

import contextlib
import dataclasses
import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workshop.files import locked
from workshop.grading.marking import Mark

SCHEMA = """
create table if not exists grading (assignment text not null, seed integer not null);
create table if not exists submissions (
    student text primary key, file text not null, problem text, written text not null
);
create table if not exists marks (
    student text not null, question text not null, key text not null,
    earned real not null, points real not null,
    lost text, message text not null, text text not null, note text not null,
    primary key (student, question)
);
create table if not exists by_hand (
    student text not null, question text not null, points real not null, primary key (student, question)
);
"""
ByHand = dict[tuple[str, str], float]  # points of written answers, by (student, question)
FIELDS = [field.name for field in dataclasses.fields(Mark)]


@dataclasses.dataclass(frozen=True)
class Row:
    """All that is kept of one student: marks and written answers by question, or why nothing was read."""

    student: str
    file: str
    problem: str | None
    written: dict[str, str]
    marks: dict[str, Mark]


@contextlib.contextmanager
def opened(out: Path, assignment: str, seed: int) -> Iterator[sqlite3.Connection]:
    """The database of a grading, for one process at a time.

    Raises:
        ValueError: another process grades into this folder, or it holds another assignment's or seed's marks.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(out / ".lock"))
        except BlockingIOError:
            raise ValueError(f"another `lecture grade` is writing to {out}; wait for it") from None
        database = stack.enter_context(contextlib.closing(sqlite3.connect(out / "marks.sqlite")))
        database.executescript(SCHEMA)
        kept = database.execute("select assignment, seed from grading").fetchone()
        if kept is None:
            database.execute("insert into grading values (?, ?)", (assignment, seed))
            database.commit()
        elif kept != (assignment, seed):
            raise ValueError(
                f"{out} holds the marks of {kept[0]} with --seed {kept[1]}, not of {assignment} with "
                f"--seed {seed}; use another --out"
            )
        yield database


def keys(database: sqlite3.Connection, student: str) -> dict[str, str]:
    """What the student's marks depended on when they were given, by question."""
    rows = database.execute("select question, key from marks where student = ?", (student,))
    return dict(rows.fetchall())


def save(database: sqlite3.Connection, row: Row, keys: dict[str, str]) -> None:
    """Keep one student's new marks, with their keys by question, and written answers: all or nothing."""
    with database:
        written = json.dumps({question: text_of(text) for question, text in row.written.items()})
        database.execute(
            "insert or replace into submissions values (?, ?, ?, ?)",
            (row.student, text_of(row.file), text_of(row.problem), written),
        )
        for mark in row.marks.values():
            values = {field: text_of(value) for field, value in dataclasses.asdict(mark).items()}
            values |= {"student": row.student, "key": keys[mark.question]}
            names = ", ".join(values)
            places = ", ".join(f":{name}" for name in values)
            database.execute(f"insert or replace into marks ({names}) values ({places})", values)


def keep_by_hand(database: sqlite3.Connection, entered: Mapping[tuple[str, str], float | None]) -> ByHand:
    """Keep points of written answers; those that are None are removed, and all others stay.

    Returns:
        All that are kept.
    """
    with database:
        for (student, question), points in entered.items():
            database.execute("delete from by_hand where student = ? and question = ?", (student, question))
            if points is not None:
                database.execute("insert into by_hand values (?, ?, ?)", (student, question, points))
    rows = database.execute("select student, question, points from by_hand")
    return {(student, question): points for student, question, points in rows}


def text_of(value: Any) -> Any:
    """Text that can be written anywhere: what no encoding has, as half of a character, becomes `?`."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def rows(database: sqlite3.Connection) -> list[Row]:
    """All students of the grading, sorted."""
    found = []
    for student, file, problem, written in database.execute("select * from submissions order by student"):
        query = f"select {', '.join(FIELDS)} from marks where student = ?"
        marks = [Mark(*values) for values in database.execute(query, (student,))]
        found.append(Row(student, file, problem, json.loads(written), {m.question: m for m in marks}))
    return found
