"""The heart of a sweep: hand runs to workers, take back what came of them, try once more what failed."""

import contextlib
import math
import queue
import re
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from distributed import Client
from distributed.scheduler import KilledWorker

from lecturelib.sweep import kernel, worker
from lecturelib.sweep.worker import Attempt, Task

TRIES = 2  # of each run
NO_WORKER_SECONDS = 300  # that our own workers, which are replaced when they die, may all be away
AHEAD = 8  # runs that wait at a scheduler of somebody else's, so that a cluster that grows with demand grows
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}


class Stopped(RuntimeError):
    """A sweep could not go on, through no fault of its runs; what is done is kept."""


@dataclass(frozen=True)
class Budget:
    """How much a sweep may still start: so many runs, and for so many seconds."""

    runs: float = math.inf
    seconds: float = math.inf

    @classmethod
    def parse(cls, text: str | None) -> "Budget":
        """Read "20 runs", "90 s", "30 min" or "2 h"; None is no limit.

        Raises:
            ValueError: something else.

        >>> Budget.parse("2h").seconds
        7200.0
        """
        if text is None:
            return cls()
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(runs?|s|min|h)\s*", str(text))
        if not found or float(found[1]) == 0 or ("run" in found[2] and "." in found[1]):
            raise ValueError(f"budget={text!r}: write 20runs, 90s, 30min or 2h")
        number = float(found[1])
        return cls(runs=number) if "run" in found[2] else cls(seconds=number * _UNITS[found[2]])


def work(client: Client, tasks: list[Task], *, local: bool) -> Iterator[tuple[Task, Attempt | None, int]]:
    """Have the workers do these tasks; those that have not started by their time are left.

    Args:
        client: of the workers.
        tasks: of one sweep, not empty.
        local: whether the workers are our own; then none is sent more than it can run.

    Yields:
        (task, what came of an attempt, number of the attempt), as they end: a failure that is tried again
        comes twice. About once a second when nothing ended: (a task, None, threads that the workers have).

    Raises:
        Stopped: the disk is full, or the scheduler lost.
    """
    sweep = tasks[0].sweep
    waiting = deque((task, 1) for task in tasks)
    pending, seen = {}, time.monotonic()
    ended: queue.SimpleQueue = queue.SimpleQueue()
    try:
        while waiting or pending:
            threads = _threads(client)
            places = max(1, threads) if local else threads + AHEAD
            while waiting and len(pending) < places and time.time() < waiting[0][0].start_before:
                task, tries = waiting.popleft()
                key = f"{task.name}-{uuid.uuid4().hex}"  # nobody else's, on a shared scheduler
                future = client.submit(worker.attempt, task, key=key, pure=False)
                pending[key] = future, task, tries
                future.add_done_callback(lambda future: ended.put(future.key))
            if not pending:
                return
            try:
                key = ended.get(timeout=1)
            except queue.Empty:
                seen = time.monotonic() if threads or not local else seen
                if time.monotonic() - seen > NO_WORKER_SECONDS:
                    raise Stopped("no worker process starts on this machine any more") from None
                yield next(iter(pending.values()))[1], None, threads
                continue
            future, task, tries = pending.pop(key)
            attempt, final = _outcome(future)
            if attempt.full_disk:
                raise Stopped(f"{attempt.error}: free some, then the same command goes on")
            if not attempt.started:
                continue
            tries = TRIES if final else tries
            if attempt.error is not None and tries < TRIES:
                waiting.append((task, tries + 1))
            yield task, attempt, tries
    finally:
        if pending:
            _end(client, sweep, [future for future, _, _ in pending.values()])


def _threads(client: Client) -> int:
    try:
        return sum(client.nthreads().values())
    except (OSError, TimeoutError) as error:
        raise Stopped(_LOST) from error


_LOST = "lost the connection to the scheduler: what is done is kept; the same command goes on from there"


def _outcome(future) -> tuple[Attempt, bool]:
    """What came of a task, and whether the scheduler has tried it again itself."""
    if future.cancelled():
        raise Stopped(_LOST)
    error = future.exception()
    if error is None:
        return future.result(), False
    if isinstance(error, KilledWorker):
        return Attempt(error="the worker process that ran it was killed, each time"), True
    return Attempt(error=f"{type(error).__name__}: {error}"), False


def _end(client: Client, sweep: str, futures: list) -> None:
    """End the runs that are on their way, in every worker; as far as the workers can be reached."""
    if client.status == "running":
        with contextlib.suppress(OSError, TimeoutError):
            client.cancel(futures, force=True)
            client.run(kernel.end, sweep, on_error="ignore")
