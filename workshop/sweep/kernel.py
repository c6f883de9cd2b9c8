"""The kernel of one run of a sweep: guarded, and limited in what it may print.

papermill calls this through its own interface for engines; everything else about a run is papermill's.
"""

import functools
import logging
import os
import subprocess
import threading
import typing
from typing import Any

from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from traitlets import Callable, Dict, Unicode

from workshop.notebooks import refuse_exit
from workshop.sweep.guard import Guard, kill

MOST_OUTPUT = 20_000_000  # characters that a run may print and show
ENGINE = "lecture-sweep"

_kernels: dict[int, str] = {}  # the process groups that run now -> their sweep
_ended: set[str] = set()
_one = threading.Lock()


class TooMuchOutput(Exception):
    """A run printed more than MOST_OUTPUT; its kernel has been killed."""


def guard() -> Guard:
    """This process's guard, started when first needed."""
    with _one:
        return _guard()


@functools.cache
def _guard() -> Guard:
    return Guard()


def end(sweep: str) -> None:
    """Kill this process's kernels of a sweep, and let it start no others."""
    _ended.add(sweep)
    for group, owner in list(_kernels.items()):
        if owner == sweep:
            kill(group)


def ended(sweep: str) -> bool:
    """Whether `end` was called for this sweep."""
    return sweep in _ended


class _Client(PapermillNotebookClient):
    environment = Dict(help="of the kernel's process")
    sweep = Unicode(help="whose kernel it is")
    time_left = Callable(help="to the end of the run, in seconds; None for as long as it takes")
    iopub_timeout = property(lambda self: self.time_left())  # for what a cell has printed, once it has ended
    group: int | None = None  # the kernel's process group
    shown = 0  # characters so far

    def start_new_kernel(self, **options: Any) -> None:
        # What a notebook prints reaches it by other ways; here only a dying kernel's last words would come.
        nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        super().start_new_kernel(env=self.environment, **nowhere, **options)
        self.group = os.getpgid(self.km.provisioner.pid)
        guard().watch(self.group)
        _kernels[self.group] = self.sweep
        if ended(self.sweep):  # in the meantime
            kill(self.group)

    def execute(self, **options: Any) -> Any:
        try:
            return super().execute(**options)
        except DeadKernelError:
            if self.shown > MOST_OUTPUT:
                raise TooMuchOutput from None
            raise
        finally:
            if self.group is not None:
                guard().end(self.group)  # with what the notebook started and left
                _kernels.pop(self.group, None)

    def process_message(self, message: dict, *rest: Any) -> Any:
        content = message["content"]
        texts = [content.get("text"), *(content.get("data") or {}).values()]
        self.shown += sum(len(text) for text in texts if isinstance(text, str))
        if self.shown > MOST_OUTPUT and self.group is not None:
            # An exception from here would wait for the end of the cell, which may never come.
            kill(self.group)
            return None
        return super().process_message(message, *rest)


class _Engine(NBClientEngine):
    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        environment: dict[str, str],
        sweep: str,
        start_timeout: float,
        time_left: typing.Callable[[], float | None],
        **options: Any,
    ) -> Any:
        # Not for us: where papermill would copy the output to.
        for name in ("input_path", "log_output", "stdout_file", "stderr_file"):
            options.pop(name, None)
        logger = logging.getLogger("papermill")
        logger.setLevel(logging.CRITICAL)  # what it would say comes back as the run's error
        return _Client(
            nb_man,
            kernel_name=kernel_name,
            environment=environment,
            sweep=sweep,
            time_left=time_left,
            timeout_func=lambda cell: time_left(),
            startup_timeout=start_timeout,
            on_cell_executed=refuse_exit,
            log=logger,
            **options,
        ).execute()


papermill_engines.register(ENGINE, _Engine)
