"""What each worker of a sweep on this machine does first: leave Ctrl-C to the sweep, and import papermill."""

import signal


def dask_setup(worker) -> None:
    """Called by dask before the worker takes its first task."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to everybody; the sweep ends us
    import lecturelib.sweep.worker  # noqa: F401
