"""A sweep's folder: what is done, what failed, and that one sweep at a time writes there.

    OUT/runs/NAME.ipynb, NAME.json                  a run that ended well; the .json comes last and means done
    OUT/runs/NAME.failed.ipynb, NAME.failed.json    one that did not, with its error
    OUT/table.csv, table.parquet, index.html        of the latest sweep
    OUT/.compiled, .running, .lock*                 compiled programs, unfinished notebooks, the lock

Every file is written under another name and renamed, and only the process that holds the lock writes results.
So a sweep that dies at any moment leaves whole files, and the next one runs what is missing.
"""

import contextlib
import glob
import json
import shutil
import types
import typing
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from lecturelib.files import written
from workshop import files


class InUse(RuntimeError):
    """Another sweep runs in this folder."""


@dataclass(frozen=True)
class Result:
    """The result of one run.

    Attributes:
        name: of the run.
        values: the parameters given.
        seconds: wall time of its last attempt.
        recorded: what the notebook recorded, name -> value; if it failed, as far as it came.
        measured: what its claims measured, id -> number; as far as it came.
        error: None, or how it failed.
        attempts: how often it was tried.
        failed_claims: the ids of the claims that do not hold.
        made_with: package -> its version, as of `worker.Task.made_with`; empty in older results.
        entries: of claims that compared several numbers, each of them; none where they are too many to keep.
    """

    name: str
    values: dict
    seconds: float
    recorded: dict = field(default_factory=dict)
    measured: dict = field(default_factory=dict)
    error: str | None = None
    attempts: int = 1
    failed_claims: list[str] = field(default_factory=list)
    made_with: dict[str, str] = field(default_factory=dict)
    entries: dict[str, list[float]] = field(default_factory=dict)


_TYPES: dict[str, Any] = {
    name: typing.get_origin(hint) if isinstance(hint, types.GenericAlias) else hint
    for name, hint in typing.get_type_hints(Result).items()
} | {"seconds": int | float}


def _checked(name: str, stored: dict) -> Result:
    """A result as it was read, without what a later edition may add; TypeError if it is none of this run."""
    if not isinstance(stored, dict) or stored.get("name") != name:
        raise TypeError("not a result of this run")
    known = {field: value for field, value in stored.items() if field in _TYPES}
    wrong = [field for field, value in known.items() if not isinstance(value, _TYPES[field])]
    wrong += [claim for claim, each in known.get("entries", {}).items() if not isinstance(each, list)]
    words = [*known.get("failed_claims", []), *known.get("made_with", {}).values()]
    if wrong or not all(isinstance(word, str) for word in words):
        raise TypeError("not fields of a result")
    try:
        return Result(**known | {"seconds": float(stored["seconds"])})
    except (KeyError, OverflowError):
        raise TypeError("no seconds") from None


class Folder:
    """The folder of a sweep; as in the head of this module."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.runs = self.path / "runs"
        self.compiled = self.path / ".compiled"
        self.running = self.path / ".running"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder, made if missing; the lock goes with the process, however that ends.

        Raises:
            InUse: another sweep holds it.
            OSError: it cannot be made or written.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(files.locked(self.path / ".lock"))
            except BlockingIOError as error:
                raise InUse(
                    f"another sweep ({error.strerror}) is running in {self.path}: wait for it, or give"
                    " another folder; the runs it finishes will not be repeated"
                ) from None
            if self.running.exists():  # the last sweep was killed
                self._clear()
            for folder in (self.runs, self.running, self.compiled):
                folder.mkdir(exist_ok=True)
            for part in self.runs.glob(".*.part"):
                with contextlib.suppress(IsADirectoryError, PermissionError):  # a folder is none of ours
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
                stored = json.loads((self.runs / f"{name}.{suffix}").read_text(encoding="utf-8"))
                return _checked(name, stored)
            except (OSError, ValueError, TypeError, RecursionError):  # not there, cut short, or not ours
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

    def unfinished(self, name: str) -> nbformat.NotebookNode | None:
        """The notebook that a killed worker left of a run, as far as it came."""
        parts = sorted(
            self.running.glob(f"{glob.escape(name)}.*.ipynb"), key=lambda part: part.stat().st_mtime
        )
        for part in reversed(parts):
            with contextlib.suppress(ValueError, AttributeError, KeyError):  # killed while it wrote this
                return nbformat.read(part, as_version=4)
        return None

    def earlier_seconds(self, notebook: str) -> list[float]:
        """How long each earlier run of a notebook took, whatever its parameters and version."""
        seconds = []
        for path in self.runs.glob(f"{glob.escape(notebook)}-*.json"):
            if not path.name.endswith(".failed.json"):
                result = self.result(path.stem)
                seconds += [result.seconds] if result else []
        return seconds
