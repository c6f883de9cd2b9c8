"""A sweep's folder: what is done, what failed, and that one sweep at a time writes there.

    OUT/runs/NAME.ipynb, NAME.json                  a run that ended well; the .json comes last and means done
    OUT/runs/NAME.failed.ipynb, NAME.failed.json    one that did not, with its error
    OUT/table.csv, table.parquet, index.html        of the latest sweep
    OUT/.compiled, .running, .lock                  compiled programs, unfinished notebooks, the lock

Every file is written under another name and renamed, and only the process that holds the lock writes results.
So a sweep that dies at any moment leaves whole files, and the next one runs what is missing.
"""

import contextlib
import fcntl
import json
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat

from lecturelib.running import written


class InUse(RuntimeError):
    """Another sweep runs in this folder."""


@dataclass(frozen=True)
class Result:
    """What came of one run.

    name: of the run. values: the parameters given. seconds: wall time of its last attempt.
    recorded, measured: what the notebook recorded, and what its claims measured, name -> value; empty if it
    failed. error: None, or how it failed. attempts: how often it was tried.
    """

    name: str
    values: dict
    seconds: float
    recorded: dict = field(default_factory=dict)
    measured: dict = field(default_factory=dict)
    error: str | None = None
    attempts: int = 1


class Folder:
    """A sweep's folder."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.runs = self.path / "runs"
        self.compiled = self.path / ".compiled"
        self.running = self.path / ".running"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder, made if missing; the lock goes with the process, however that ends.

        Raises:
            InUse: another sweep holds it. OSError: it cannot be made or written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise InUse(
                    f"another sweep ({lock.read().strip() or 'just started'}) is running in {self.path}: wait"
                    " for it, or give another folder; the runs it finishes will not be repeated"
                ) from None
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {platform.node()}\n")
            lock.flush()
            if self.running.exists():  # the last sweep was killed
                self._clear()
            for folder in (self.runs, self.running, self.compiled):
                folder.mkdir(exist_ok=True)
            for part in self.runs.glob(".*.part"):
                part.unlink()
            try:
                yield
            except BaseException:
                self._clear()
                raise
            shutil.rmtree(self.running, ignore_errors=True)

    def _clear(self) -> None:
        # Kernels were killed, perhaps while one stored a compiled program: JAX would warn of it in every run.
        for folder in (self.compiled, self.running):
            shutil.rmtree(folder, ignore_errors=True)

    def result(self, name: str) -> Result | None:
        """What is known of a run, of its success if there is one; None if it never came to an end."""
        for suffix in ("json", "failed.json"):
            try:
                return Result(**json.loads((self.runs / f"{name}.{suffix}").read_text(encoding="utf-8")))
            except FileNotFoundError:
                continue
            except (ValueError, TypeError):  # cut short by a power failure, say: the run is not done
                continue
        return None

    def keep(self, result: Result, notebook: str) -> None:
        """Put the files of a run in place; done is what has its .json."""
        failed = ".failed" if result.error is not None else ""
        with written(self.runs / f"{result.name}{failed}.ipynb") as part:
            part.write_text(notebook, encoding="utf-8")
        with written(self.runs / f"{result.name}{failed}.json") as part:
            part.write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")
        if not failed:
            for stale in ("failed.json", "failed.ipynb"):
                (self.runs / f"{result.name}.{stale}").unlink(missing_ok=True)

    def notebook(self, result: Result) -> Path:
        """Where the executed notebook of a run is."""
        return self.runs / f"{result.name}{'.failed' if result.error is not None else ''}.ipynb"

    def unfinished(self, name: str) -> nbformat.NotebookNode | None:
        """The notebook that a killed worker left of a run, as far as it came."""
        parts = sorted(self.running.glob(f"{name}.*.ipynb"), key=lambda part: part.stat().st_mtime)
        for part in reversed(parts):
            with contextlib.suppress(ValueError, AttributeError, KeyError):  # killed while it wrote this
                return nbformat.read(part, as_version=4)
        return None

    def earlier_seconds(self, notebook: str) -> list[float]:
        """How long each earlier run of a notebook took, whatever its parameters and version."""
        seconds = []
        for path in self.runs.glob(f"{notebook}-*.json"):
            if not path.name.endswith(".failed.json"):
                result = self.result(path.stem)
                seconds += [result.seconds] if result else []
        return seconds
