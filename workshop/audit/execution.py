"""Runs a program of the audit, and says which claims held and which failed."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self, TypeVar

from lecturelib import claims
from workshop import running
from workshop.audit.mutants import PACKAGE, ROOT, Program

WORKER = Path(__file__).with_name("one_mutant.py")
Item = TypeVar("Item")
Result = TypeVar("Result")
# One core a run. Programs compiled once are kept, but in a folder of their own, keyed by what they compute.
SETTINGS = {
    "LECTURE_STRICT": "",  # past claims that fail
    "MPLBACKEND": "agg",
    "OPENBLAS_NUM_THREADS": "1",
    "JAX_COMPILATION_CACHE_DIR": str(ROOT / "build" / "audit-compiled"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
}


class Worker:
    """A process that runs one program after another; use it in a `with` block."""

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-P", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | SETTINGS,
            text=True,
        )
        assert self.process.stdin  # as asked for above
        assert self.process.stdout
        self.jobs, self.answers = self.process.stdin, self.process.stdout
        return self

    def __exit__(self, *_: object) -> None:
        self.jobs.close()
        self.process.wait()
        self.answers.close()

    def run(self, program: Program, cwd: Path, limit: int = running.CELL_TIMEOUT) -> dict[str, Any]:
        """As `outcome`; ids of claims that held and that failed, other errors (texts), seconds."""
        start = time.monotonic()
        checked, errors = self.outcome(program, cwd, limit)
        return {
            "held": sorted({claim.id for claim in checked if claim.verdict}),
            "failed": sorted({claim.id for claim in checked if not claim.verdict}),
            "other_errors": [error[:200] for error in errors],
            "seconds": round(time.monotonic() - start, 1),
        }

    def outcome(
        self, program: Program, cwd: Path, limit: int = running.CELL_TIMEOUT
    ) -> tuple[list[claims.Claim], list[str]]:
        """Run a program on a copy of the package with its changed files, past claims that fail.

        Args:
            program: cells and changed files.
            cwd: folder in which the cells run.
            limit: seconds after which it is ended.

        Returns:
            The claims that it checked, in order, and its other errors as texts.

        Raises:
            RuntimeError: the process died or was ended, or imported another copy of the package.
        """
        with tempfile.TemporaryDirectory(prefix="audit-") as folder:
            _copy_package(Path(folder) / "lecturelib", program.changed)
            job = {"folder": folder, "cwd": str(cwd), "cells": program.cells, "seconds": limit}
            print(json.dumps(job), file=self.jobs, flush=True)
            status = self.answers.readline().strip()
            if status != "0":
                raise RuntimeError(f"the process that ran the cells ended with status {status or 'unknown'}")
            outcome = json.loads(Path(folder, "outcome.json").read_text(encoding="utf-8"))
        if not outcome["library"].startswith(folder):
            raise RuntimeError(f"the cells imported {outcome['library']}, not the mutated copy")
        return claims.of_cell(outcome), outcome["errors"]


def each(
    function: Callable[[Worker, Item], Result], items: Sequence[Item], workers: Sequence[Worker]
) -> Iterator[tuple[int, Result]]:
    """Call a function for each item with a worker that is free; where the item stands and the result.

    Args:
        function: of a worker and an item.
        items: what to do, taken in this order.
        workers: each does one thing at a time.

    Yields:
        Position of an item, and what the function returned for it, as they are done.
    """
    free: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def call(item: Item) -> Result:
        worker = free.get()
        try:
            return function(worker, item)
        finally:
            free.put(worker)

    with ThreadPoolExecutor(len(workers)) as threads:
        started = {threads.submit(call, item): number for number, item in enumerate(items)}
        for done in as_completed(started):
            yield started[done], done.result()


def _copy_package(copy: Path, changed: dict[str, str]) -> None:
    """The package with changed files; the others are links to those there are."""
    shutil.copytree(
        PACKAGE, copy, copy_function=os.symlink, ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    for name, text in changed.items():
        (copy / name).unlink()
        (copy / name).write_text(text, encoding="utf-8")
