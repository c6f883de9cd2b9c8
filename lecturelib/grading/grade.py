"""Grade submissions, several at a time: each student in turn, each question in a process of its own."""

import hashlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from lecturelib.grading import assignment, data, jobs, marking, sandbox, store, submissions
from lecturelib.grading.inside import locks

RETRIES = 3  # of a question after a cell that is not its answer ended the process


@dataclass(frozen=True)
class Settings:
    """How to grade.

    Args:
        source: the assignment's notebook.
        seed: of the inputs; with the student's name and the question it fixes them.
        time_limit, memory: factors on what each question allows.
        hidden: paths that no submission may see.
    """

    source: Path
    seed: int = 0
    time_limit: float = 1.0
    memory: float = 1.0
    hidden: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Graded:
    """One student's new marks, the keys of these, and how many marks stayed as they were."""

    row: store.Row
    keys: dict[str, str]
    unchanged: int


def grade_student(work, submission, settings: Settings, known: dict[str, str]) -> Graded:
    """Mark one student's coded questions, those left out whose marks would be the same.

    Args:
        work: the assignment.
        submission: the student's.
        settings: how.
        known: keys of the marks that there are, by question.
    """
    contents = submissions.read(submission, work)
    marks, keys, unchanged, bad = {}, {}, 0, set()
    for item in work.coded:
        if contents.problem:
            key = hashlib.sha256(f"{contents.problem} {item.points}".encode()).hexdigest()
            drawn = job = None
        else:
            drawn = jobs.calls(item, submission.student, settings.seed)
            job = jobs.job(work, item, contents.code, drawn, settings.time_limit, settings.memory)
            key = jobs.key(work, item, job)
        if known.get(item.id) == key:
            unchanged += 1
            continue
        keys[item.id] = key
        if job is None:
            marks[item.id] = marking.Mark(item.id, 0.0, item.points, "can be read", contents.problem)
        else:
            outcome = _run(work, item, job, bad, settings.hidden)
            marks[item.id] = marking.mark(item, outcome, drawn)
    row = store.Row(submission.student, str(submission.path), contents.problem, dict(contents.written), marks)
    return Graded(row, keys, unchanged)


def _run(work, item, job, bad: set[int], hidden) -> sandbox.Outcome:
    # A cell that ends the process costs the question that it answers, and is left out for the others.
    files = tuple(data.path(name) for name in work.data)
    for _ in range(RETRIES + 1):
        cells = {c["number"]: c["source"] for c in job["cells"] if c["number"] not in bad}
        job = job | {"cells": [{"number": n, "source": text} for n, text in cells.items()]}
        outcome = sandbox.run(job, files, hidden)
        if outcome.cell not in cells or f"def {item.question.function}(" in cells[outcome.cell]:
            break
        bad.add(outcome.cell)
    return outcome


def grade(
    found: list, settings: Settings, out: Path, workers: int, done: Callable[[Graded], None]
) -> list[store.Row]:
    """Mark all submissions into `out`/marks.sqlite; what an earlier run did is kept.

    Args:
        found: submissions, from `submissions.find`.
        settings: how.
        out: folder of the results.
        workers: processes that grade, each a student at a time; with one, this process does.
        done: called after each student.

    Returns:
        The rows of all students in the folder, those of earlier runs too.

    Raises:
        ValueError: the assignment or the folder is not right. SandboxBroken: no process can be started.
    """
    work = assignment.load(settings.source)
    for name in work.data:
        data.path(name)  # made once, here, and not by every worker
    with store.opened(out, work.name, settings.seed) as database:
        tasks = [(submission, store.keys(database, submission.student)) for submission in found]
        if min(workers, len(found)) > 1:
            finished = _in_processes(tasks, settings, workers)
        else:
            finished = (grade_student(work, submission, settings, known) for submission, known in tasks)
        for graded in finished:
            store.save(database, graded.row, graded.keys)
            done(graded)
        return store.rows(database)


def _in_processes(tasks, settings: Settings, workers: int):
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        max_workers=min(workers, len(tasks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(settings, os.getpid()),
    )
    try:
        for future in as_completed([pool.submit(_one, *task) for task in tasks]):
            yield future.result()
        pool.shutdown()
    except BrokenProcessPool:
        raise sandbox.SandboxBroken(
            "a grading process was killed, perhaps for lack of memory; what was graded is kept: "
            "run the same command again with fewer --workers"
        ) from None
    except BaseException:  # Ctrl-C, for one
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in set(multiprocessing.active_children()) - others:
            worker.terminate()  # and with it, by the kernel, what it runs
        raise


def _start(settings: Settings, parent: int) -> None:
    global _work, _settings
    locks.die_with_parent()
    if os.getppid() != parent:  # it ended while this process was starting
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    _work, _settings = assignment.load(settings.source), settings


def _one(submission, known) -> Graded:
    return grade_student(_work, submission, _settings, known)
