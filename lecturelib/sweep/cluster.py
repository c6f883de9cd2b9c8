"""Where a sweep runs: worker processes of its own on this machine, or the workers of a scheduler."""

import contextlib
import logging
from collections.abc import Iterator

import dask
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster

ANSWER_SECONDS = 10  # that a scheduler may take to answer
LOCAL = {
    "distributed.scheduler.allowed-failures": 1,  # a run whose worker dies is tried once more
    "distributed.worker.profile.enabled": False,
    # In place of a dead worker there will be a new one, but perhaps not within 15 seconds on a busy machine.
    "distributed.deploy.lost-worker-timeout": "1h",
    "distributed.comm.timeouts.connect": f"{ANSWER_SECONDS}s",
}


@contextlib.contextmanager
def connected(workers: int | None, scheduler: str | None, runs: int) -> Iterator[Client]:
    """A client of the sweep's workers; those it started itself end with it.

    Args:
        workers: processes to start here; None for one a core, no more than runs. Not with a scheduler.
        scheduler: address of one that runs already, such as "tcp://host:8786".
        runs: that there are to do.

    Raises:
        ValueError: as for `check`, or nobody answers at the address.
    """
    check(workers, scheduler)
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=ANSWER_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"scheduler={scheduler!r}: no dask scheduler answers there ({type(error).__name__}); start"
                " one with `dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`"
            ) from None
        with client:
            yield client
        return
    if workers is None:
        workers = min(CPU_COUNT, runs)
    with (
        dask.config.set(LOCAL),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,  # it would count the worker's memory, not the kernels'
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
            preload=["lecturelib.sweep.preload"],
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def check(workers: int | None, scheduler: str | None) -> None:
    """Refuse what makes no sense.

    Raises:
        ValueError: both are given, or workers < 1.

    >>> check(0, None)
    Traceback (most recent call last):
        ...
    ValueError: workers=0: start at least one
    """
    if workers is not None and scheduler is not None:
        raise ValueError(
            f"workers={workers} and a scheduler: that has workers of its own; give one of the two"
        )
    if workers is not None and workers < 1:
        raise ValueError(f"workers={workers}: start at least one")
