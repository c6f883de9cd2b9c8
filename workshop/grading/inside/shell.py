"""What a notebook has and a process has not: `display`, `get_ipython`, magics, `await` in a cell."""

import builtins
import inspect
import os
import sys
import types
from typing import Any

SCRATCH = os.environ.get("TMPDIR", "/tmp")  # as `sandbox.environment` says


class Quiet:
    """Takes every call and is no number worth knowing: what `%timeit -o` returns, or a display's handle."""

    average = best = worst = stdev = 0.0

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python asks of an object is answered honestly
            raise AttributeError(name)
        return lambda *_, **__: None


class Shell(Quiet):
    """IPython's shell, as far as cells need it: code is run, files are written, all else is left out."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.user_ns, self.config = names, {}  # type: dict[str, Any], dict[str, Any]

    def run_line_magic(self, name: str, line: str, *_: object, **__: object) -> Any:
        """`%time` runs its line, `%timeit` times nothing, other magics do nothing."""
        if name == "time":
            exec(compile(line, "<magic>", "exec"), self.user_ns)
        return Quiet() if name == "timeit" else None

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        """`%%writefile` writes a module that can be imported, into the folder for what is temporary."""
        if name in ("writefile", "file"):
            append, _, file = line.rpartition(" ")
            path = os.path.join(SCRATCH, os.path.basename(file.strip("'\"")))
            with open(path, "a" if "-a" in append else "w") as stream:
                stream.write(cell)

    def getoutput(self, *_: object, **__: object) -> list[str]:
        """`!ls` has nothing to list."""
        return []


def opened(names: dict[str, Any]) -> None:
    """Give a process, and its notebook's globals, what a notebook has."""
    shell = Shell(names)

    def display(*_: object, display_id: object = None, **__: object) -> Quiet | None:
        return Quiet() if display_id else None

    door = types.ModuleType("IPython.core.getipython")  # for those who import it
    for place in (builtins, door):
        place.get_ipython = lambda: shell  # type: ignore[attr-defined]
    sys.modules[door.__name__] = door
    builtins.display = display  # type: ignore[attr-defined]
    sys.path.append(SCRATCH)


def run(code: types.CodeType, names: dict[str, Any]) -> None:
    """Run a cell's code; where it awaits something, in a loop of events."""
    if code.co_flags & inspect.CO_COROUTINE:
        import asyncio  # here, for it takes a tenth of a second, in each question's process

        asyncio.run(types.FunctionType(code, names)())
    else:
        exec(code, names)
