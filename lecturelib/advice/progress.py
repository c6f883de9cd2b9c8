"""How far long work is, said to whoever listens: the command draws a bar of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, float], None]  # what is done, and which share of it is
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def heard(by: Listener) -> Iterator[None]:
    """Within, `say` calls this function.

    >>> from lecturelib.advice import progress
    >>> with progress.heard(lambda what, share: print(f"{what}: {share:.0%}")):
    ...     progress.say("training", 1, 4)
    training: 25%
    """
    token = _listener.set(by)
    try:
        yield
    finally:
        _listener.reset(token)


def say(what: str, done: float, total: float) -> None:
    """So much of the work called `what` is done."""
    listener = _listener.get()
    if listener is not None:
        listener(what, min(done / total, 1.0))
