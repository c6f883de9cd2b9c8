"""The heart of a sweep: find workers, hand them runs, take back the results, try once more what failed."""

import contextlib
import logging
import queue
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator

import dask
from dask.system import CPU_COUNT
from distributed import Client, Future, LocalCluster
from distributed.comm import addressing
from distributed.scheduler import KilledWorker

from workshop import interrupts
from workshop.sweep import remote
from workshop.sweep.remote import Crew
from workshop.sweep.worker import Attempt, Task

TRIES = 2  # of each run
NO_WORKER_SECONDS = 300  # that our own workers, which are replaced when they die, may all be away
AHEAD = 8  # runs that wait at a scheduler of somebody else's, so that a cluster that grows with demand grows
ANSWER_SECONDS = 10  # that a scheduler may take to answer
LOCAL = {
    "distributed.scheduler.allowed-failures": 1,  # a run whose worker dies is tried once more
    "distributed.worker.profile.enabled": False,
    # In place of a dead worker there will be a new one, but perhaps not within 15 seconds on a busy machine.
    "distributed.deploy.lost-worker-timeout": "1h",
    "distributed.comm.timeouts.connect": f"{ANSWER_SECONDS}s",
}
_LOST = "lost the connection to the scheduler: what is done is kept; the same command goes on from there"


class NoScheduler(ValueError):
    """No scheduler answers at the address that was given."""


class Stopped(RuntimeError):
    """A sweep could not go on, through no fault of its runs; what is done is kept."""


@contextlib.contextmanager
def connected(workers: int | None, scheduler: str | None, runs: int) -> Iterator[Client]:
    """A client of the sweep's workers; those it started itself end with it.

    Args:
        workers: processes to start here; None for one a core, no more than runs. Not with a scheduler.
        scheduler: address of one that runs already, such as "tcp://host:8786".
        runs: that there are to do.

    Raises:
        NoScheduler: none answers at the address.
    """
    if scheduler is not None:
        try:
            _knock(scheduler)
            client = Client(scheduler, timeout=ANSWER_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:  # a TypeError: tls without its certificates
            raise NoScheduler(
                f"scheduler={scheduler!r}: no dask scheduler answers there ({type(error).__name__}: {error});"
                " start one with `dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`"
            ) from None
        with client:
            yield client
        return
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(LOCAL))
        with interrupts.put_off():  # half started, workers would report it at length
            cluster = LocalCluster(
                n_workers=min(workers or CPU_COUNT, runs),
                threads_per_worker=1,
                processes=True,
                memory_limit=0,  # it would count the worker's memory, not the kernels'
                # Without an address it asks for port 8787, and warns where another sweep has that.
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                silence_logs=logging.CRITICAL,
                preload=["workshop.sweep.worker"],
            )
            client = stack.enter_context(Client(stack.enter_context(cluster), set_as_default=False))
        yield client


def _knock(address: str) -> None:
    """See that a scheduler answers: dask's client would try long, and again after it has been given up.

    Raises:
        ValueError: this is no address of one.
        OSError: nothing answers there, or what says nothing before it is asked, as a web server.
    """
    transport, _, place = address.rpartition("://")
    host, port = addressing.parse_host_port(place, default_port=8786)
    if transport not in ("", "tcp", "tls") or not host:
        raise ValueError("write tcp://HOST:PORT")
    with socket.create_connection((host, port), timeout=ANSWER_SECONDS) as knocking:
        if transport != "tls" and not knocking.recv(1):
            raise ConnectionError("it hung up")


def work(
    client: Client, tasks: list[Task], *, local: bool, refused: Callable[[str, str], None] = lambda *_: None
) -> Generator[tuple[Task, Attempt | None, int]]:
    """Have the workers do these tasks; those that have not started by their time are left.

    Args:
        client: of the workers.
        tasks: of one sweep, not empty.
        local: whether the workers are our own; then none is sent more than it can run.
        refused: called with the address of a worker that cannot run them, and why.

    Yields:
        (task, the attempt at it, number of the attempt), as they end: a failure that is tried again
        comes twice. About once a second when nothing ended: (a task, None, threads that the workers have).

    Raises:
        Stopped: the disk is full, the scheduler lost, or none of its workers can run this.
    """
    sweep, crew = tasks[0].sweep, Crew(client, local, refused)
    runs = _Runs(tasks, crew)
    seen = time.monotonic()
    try:
        while True:
            there = _workers(crew)
            threads = sum(there.values())
            runs.send(there, max(1, threads) if local else threads + AHEAD * (not crew.mixed))
            if not runs.pending and not runs.may_start:
                return
            try:
                task, tries, future = runs.next_end()
            except queue.Empty:
                seen = time.monotonic() if threads or not local else seen
                if time.monotonic() - seen > NO_WORKER_SECONDS:
                    raise Stopped("no worker process starts on this machine any more") from None
                yield tasks[0], None, threads
                runs.take_back(there)
                continue
            if not local and future.status == "error" and isinstance(future.exception(), ImportError):
                runs.waiting.append((task, tries))  # it met a worker that came before it could be asked
                time.sleep(1)
                continue
            attempt, final = _outcome(future)
            if attempt.full_disk:
                raise Stopped(f"{attempt.error}: free some, then the same command goes on")
            if not attempt.started:
                continue
            tries = TRIES if final else tries
            if not over(attempt, tries):
                runs.waiting.append((task, tries + 1))
            yield task, attempt, tries
    finally:
        if runs.pending:
            _end(client, sweep, [future for future, *_ in runs.pending.values()])


class _Runs:
    """The runs that wait here, and those that are with the scheduler."""

    def __init__(self, tasks: list[Task], crew: Crew):
        self.waiting = deque((task, 1) for task in tasks)
        self.pending: dict[str, tuple[Future, Task, int, Collection[str]]] = {}
        self._crew = crew
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()

    @property
    def may_start(self) -> bool:
        """Whether there is a run left that its time allows to start."""
        return bool(self.waiting) and time.time() < self.waiting[0][0].start_before

    def send(self, workers: Collection[str], places: int) -> None:
        """Send as many as there are places for and may still start."""
        named = list(workers) if self._crew.mixed else []
        while self.may_start and len(self.pending) < places and (named or not self._crew.mixed):
            task, tries = self.waiting.popleft()
            key = f"{task.name}-{uuid.uuid4().hex}"  # nobody else's, on a shared scheduler
            future = self._crew.submit(task, key, named)
            self.pending[key] = future, task, tries, named
            future.add_done_callback(lambda future: self._ended.put(future.key))

    def next_end(self) -> tuple[Task, int, Future]:
        """The next that ends: task, which attempt, and its future; queue.Empty after a second."""
        while (key := self._ended.get(timeout=1)) not in self.pending:  # taken back
            pass
        future, task, tries, _ = self.pending.pop(key)
        return task, tries, future

    def take_back(self, workers: Collection[str]) -> None:
        """Take back those that were for workers which are all gone."""
        for key, (future, task, tries, named) in list(self.pending.items()):
            if named and not {*named} & {*workers}:
                del self.pending[key]
                future.cancel()
                self.waiting.appendleft((task, tries))


def over(attempt: Attempt, number: int) -> bool:
    """Whether a run is not tried again after the attempt of this number."""
    return attempt.error is None or not attempt.again or number >= TRIES


def _workers(crew: Crew) -> dict[str, int]:
    try:
        return crew.threads()
    except (OSError, TimeoutError) as error:
        raise Stopped(_LOST) from error
    except remote.NoWorkers as error:
        raise Stopped(str(error)) from None


def _outcome(future: Future) -> tuple[Attempt, bool]:
    """The attempt at a task, and whether the scheduler has tried it again itself."""
    if future.cancelled():
        raise Stopped(_LOST)
    error = future.exception()
    if error is None:
        return future.result(), False
    if isinstance(error, KilledWorker):
        return Attempt(error="the worker process that ran it was killed, each time"), True
    return Attempt(error=f"{type(error).__name__}: {error}"), False


def _end(client: Client, sweep: str, futures: list[Future]) -> None:
    """End the runs that are on their way, in every worker; as far as the workers can be reached."""
    if client.status == "running":
        with contextlib.suppress(OSError, TimeoutError):
            client.cancel(futures, force=True)
            remote.end_everywhere(client, sweep)
