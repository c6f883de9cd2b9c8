"""Ctrl-C and its kin at moments when Python and dask would only make noise of them."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker


@contextlib.contextmanager
def nothing_begun() -> Iterator[None]:
    """End the process at Ctrl-C without a word, while modules are imported: there is nothing to tidy."""
    before = signal.getsignal(signal.SIGINT)
    if before == signal.default_int_handler:  # not where it is ignored, as in a shell's background
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def put_off() -> Iterator[None]:
    """Put off the end of this process; the processes that are started meanwhile do not hear Ctrl-C at all.

    In a thread other than the main one, to which no signal comes, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    resource_tracker.ensure_running()  # started with the first process, it would let SIGINT through again
    came: list[int] = []
    ends = [n for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if callable(signal.getsignal(n))]
    before = {number: signal.signal(number, lambda n, _: came.append(n)) for number in ends}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # new threads and processes inherit it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
