"""The marks of a grading in SQLite: what was graded stays, whatever ends the run, and is graded once."""

import dataclasses
import fcntl
import json
import sqlite3
from contextlib import contextmanager
from pathlib import Path

from lecturelib.grading.marking import Mark

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
"""
FIELDS = [field.name for field in dataclasses.fields(Mark)]


@dataclasses.dataclass(frozen=True)
class Row:
    """All that is kept of one student: marks and written answers by question, or why nothing was read."""

    student: str
    file: str
    problem: str | None
    written: dict[str, str]
    marks: dict[str, Mark]


@contextmanager
def opened(out: Path, assignment: str, seed: int):
    """The database of a grading, for one process at a time.

    Raises:
        ValueError: another process grades into this folder, or it holds another assignment's or seed's marks.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"another `lecture grade` is writing to {out}; wait for it") from None
        database = sqlite3.connect(out / "marks.sqlite")
        try:
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
        finally:
            database.close()


def keys(database, student: str) -> dict[str, str]:
    """What the student's marks depended on when they were given, by question."""
    rows = database.execute("select question, key from marks where student = ?", (student,))
    return dict(rows.fetchall())


def save(database, row: Row, keys: dict[str, str]) -> None:
    """Keep one student's new marks and written answers, all or nothing.

    Args:
        row: with the marks that are new.
        keys: of these, by question.
    """
    with database:
        written = json.dumps(row.written)
        database.execute(
            "insert or replace into submissions values (?, ?, ?, ?)",
            (row.student, row.file, row.problem, written),
        )
        for mark in row.marks.values():
            values = dataclasses.asdict(mark) | {"student": row.student, "key": keys[mark.question]}
            names = ", ".join(values)
            places = ", ".join(f":{name}" for name in values)
            database.execute(f"insert or replace into marks ({names}) values ({places})", values)


def rows(database) -> list[Row]:
    """All students of the grading, sorted."""
    found = []
    for student, file, problem, written in database.execute("select * from submissions order by student"):
        query = f"select {', '.join(FIELDS)} from marks where student = ?"
        marks = [Mark(*values) for values in database.execute(query, (student,))]
        found.append(Row(student, file, problem, json.loads(written), {m.question: m for m in marks}))
    return found
