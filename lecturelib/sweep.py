"""Sweeps: `record` what a run found, `run` a notebook over a grid: a door into the workshop."""

from typing import TYPE_CHECKING, Any

from lecturelib.records import record

if TYPE_CHECKING:
    from workshop.sweep import run

__all__ = ["record", "run"]


def __getattr__(name: str) -> Any:  # a notebook that only records needs no dask, papermill or workshop
    if name == "run":
        from workshop.sweep import run

        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
