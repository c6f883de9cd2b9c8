"""The marks of each student: several students at a time, each question in a process of its own."""

import contextlib
import functools
import hashlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from workshop.grading import assignment, attempts, canary, marking, release, sandbox, store, submissions
from workshop.grading.assignment import Assignment
from workshop.grading.inside import limits
from workshop.grading.submissions import Submission

Task = tuple[Submission, dict[str, str]]  # a student's notebook, and the keys of their marks by question


@dataclass(frozen=True)
class Settings:
    """How to grade: by which source, with which factors on limits; `hidden` is what no submission may see."""

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


def marked(work: Assignment, tasks: list[Task], settings: Settings, workers: int) -> Iterator[Graded]:
    """Mark students, in no certain order, by so many processes.

    Raises:
        SandboxBroken: no student's code can be run.
    """
    if min(workers, len(tasks)) > 1:
        return _in_processes(work, tasks, settings, workers)
    return (grade_student(work, submission, settings, known) for submission, known in tasks)


def _in_processes(work: Assignment, tasks: list[Task], settings: Settings, workers: int) -> Iterator[Graded]:
    left = dict(enumerate(tasks))
    while left:
        try:
            with _pool(min(workers, len(left))) as pool:
                started = {pool.submit(_one, settings, *task): number for number, task in left.items()}
                for future in as_completed(started) if workers > 1 else started:
                    graded = future.result()
                    del left[started[future]]
                    yield graded
        except BrokenProcessPool:  # perhaps for lack of memory
            if workers == 1:  # the first that is left is the one that it was at
                submission, _ = left.pop(next(iter(left)))
                note = "The process that graded this student was killed, perhaps for lack of memory."
                yield failed(work, submission, "the process was killed", note)
            workers = 1  # from here on one at a time, to see whose fault it is


@contextlib.contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that grade; they end with the block, at once if it is left by an exception."""
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        max_workers=workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(os.getpid(),),
    )
    try:
        yield pool
        pool.shutdown()
    except BaseException:  # Ctrl-C, for one
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in set(multiprocessing.active_children()) - others:
            worker.terminate()  # and with it, by the kernel, what it runs
        raise


def _start(parent: int) -> None:
    limits.die_with_parent()
    if os.getppid() != parent:  # it ended while this process was starting
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle
    os.environ.setdefault("JAX_PLATFORMS", "cpu")


_load = functools.cache(assignment.load)  # once a worker


def _one(settings: Settings, submission: Submission, known: dict[str, str]) -> Graded:
    return grade_student(_load(settings.source), submission, settings, known)


def grade_student(
    work: Assignment, submission: Submission, settings: Settings, known: dict[str, str]
) -> Graded:
    """Mark one student's coded questions, those left out whose marks would be the same.

    Whatever goes wrong while a student's bytes are handled is that student's problem, and nobody else's.

    Raises:
        SandboxBroken: no student's code can be run.
    """
    try:
        return _graded_student(work, submission, settings, known)
    except sandbox.SandboxBroken:
        raise
    except Exception as error:
        return failed(work, submission, type(error).__name__, traceback.format_exc(limit=-3))


def failed(work: Assignment, submission: Submission, why: str, note: str) -> Graded:
    """No points, and no key: the next run tries again. `why` is for the student too, `note` is not."""
    problem = f"This notebook could not be graded ({why}). Your instructor sees why."
    marks = {
        item.id: marking.Mark(item.id, 0.0, item.points, marking.UNCHECKED, problem, note=note)
        for item in work.coded
    }
    row = store.Row(submission.student, str(submission.path), problem, {}, marks)
    return Graded(row, dict.fromkeys(marks, ""), 0)


def _graded_student(
    work: Assignment, submission: Submission, settings: Settings, known: dict[str, str]
) -> Graded:
    contents = submissions.read(submission, work)
    marks: dict[str, marking.Mark] = {}
    keys: dict[str, str] = {}
    files = tuple(release.data_file(name) for name in work.data)
    runs = attempts.Attempts(files, settings.hidden, settings.time_limit)
    for item in work.coded:
        if contents.problem:
            key = hashlib.sha256(f"{contents.problem} {item.points}".encode()).hexdigest()
        else:
            drawn = marking.draw(item, submission.student, settings.seed)
            factors = settings.time_limit, settings.memory
            job = marking.job(work, item, contents.code, drawn, *factors, edited=contents.edited)
            key = marking.key(work, item, job)
        if known.get(item.id) == key:
            continue
        keys[item.id] = key
        if contents.problem:
            marks[item.id] = marking.Mark(item.id, 0.0, item.points, "can be read", contents.problem)
        else:
            canary.check(work, item, files, settings.hidden, settings.time_limit, settings.memory)
            outcome, certain = runs.outcome(job)
            marks[item.id] = marking.mark(item, outcome, drawn, contents.code + contents.edited)
            if not certain:
                keys[item.id] = ""
                marks[item.id] = replace(marks[item.id], note=attempts.UNKEPT)
    row = store.Row(submission.student, str(submission.path), contents.problem, dict(contents.written), marks)
    return Graded(row, keys, len(work.coded) - len(keys))
