"""The process that runs one question of one student; what it reports is data, and only about that student.

It reads a job (JSON) from its standard input, limits itself for good by `limits`, runs the cells, calls the
function and writes lines of JSON to what was its standard output: where it is, and at the end the outputs or
the problem.
"""

import json
import linecache
import os
import signal
import sys
import time
import traceback
import types
from collections.abc import Callable
from typing import Any, NoReturn

from . import limits, magics, shell, transfer

CELL_SECONDS = 5  # of processor time, for one of the student's cells; `marking.job` scales both
LOAD_SECONDS = 20  # for all cells together; after them only what cells define is run
GRACE = 2  # seconds until a cell is ended that catches the exception which would cut it off
START_SECONDS = 20  # for the assignment's own setup, and for definitions after the time of cells is used up
REPLY_BYTES = 8 * 2**20  # of JSON; parsed, it takes up to twenty times as much
CELL = "<ipython-cell-"  # as cells are called in tracebacks; numba keeps what it compiles of such only
TEXT = 300  # characters of an exception's message that are passed on
OPTIONAL = ("coverage", "yaml")  # which numba imports if they are there, a quarter of its time


class TimeUp(BaseException):
    """A cell took more processor time than it may."""


class Problem(Exception):
    """Why there are no outputs: a kind that the grader explains, and text of the student's own making."""

    def __init__(self, kind: str, text: str = "") -> None:
        super().__init__(kind)
        self.kind, self.text = kind, text


def main() -> NoReturn:
    """Run the job on standard input and end the process."""
    job = json.loads(sys.stdin.buffer.read())
    channel = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what a student prints goes nowhere, gigabytes of it too
        os.dup2(nothing, stream)

    def report(**line: object) -> None:
        data = json.dumps(line).encode() + b"\n"
        while data:
            data = data[os.write(channel, data) :]

    try:
        confine(job)
    except (OSError, ValueError):  # before any student's code: nobody's is run
        report(problem="setup", text=traceback.format_exc())
        os._exit(1)
    try:
        report(outputs=outputs(job, report))
    except Problem as problem:
        report(problem=problem.kind, text=problem.text)
    os._exit(0)  # threads and exit handlers of the student's do not get a turn


def confine(job: dict[str, Any]) -> None:
    """Limit this process for good to what a job may do."""
    if job["nobody"]:
        limits.become_nobody()
    limits.die_with_parent()
    limits.limit_memory(job["memory_mb"])
    limits.limit_cpu(START_SECONDS + 2 * job["load_seconds"] + job["cpu_seconds"])
    limits.limit_objects()
    limits.filter_calls()
    hide_library()


def hide_library() -> None:
    """Make imports of the lecture's packages fail: an answer is written without them."""
    for name in ("lecturelib", "workshop"):
        sys.modules[name] = None  # type: ignore[assignment]  # what Python takes for "there is none"


def outputs(job: dict[str, Any], report: Callable[..., None]) -> str:
    """What the function of a job returned, as text of `transfer.encode`; `report` is told what is run.

    Raises:
        Problem: there are none.
    """
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module  # dataclasses and others look their names up there
    names = module.__dict__
    solved = _set_up(job, names)
    given, defined = dict(names), {}  # type: dict[str, Any], dict[str, Any]
    through = _kept(solved[job["through"]], solved) if job["through"] else None
    shell.opened(names)
    signal.signal(signal.SIGPROF, _time_up)
    start, errors, cut = time.process_time(), [], []
    for cell in job["cells"]:
        report(cell=cell["number"])
        left = job["load_seconds"] - (time.process_time() - start)
        whole = left > 0 and not cell.get("brief") and not cell.get("edited")
        before = names.get(job["function"])
        seconds = min(job["cell_seconds"], left) if whole else job["cell_seconds"]
        error = _run_cell(cell, names, seconds, whole)
        cut += [cell["number"]] if error.startswith(TimeUp.__name__) else []
        errors.append(error)
        if cell.get("edited"):  # a given cell: what the student added to it counts, and not what they changed
            names.update(given)
        if callable(function := names.get(job["function"])) and function is not before:
            defined = dict(names)
    names.update(defined)  # a trial below the answer may have used its names for something else
    names.update((name, solved[name]) for name in job["earlier"])

    report(calling=True, cut=cut)
    function = names.get(job["function"])
    if not callable(function):
        raise Problem("missing", next((e for e in errors if e), ""))
    limits.allow_cpu(job["cpu_seconds"])
    start = time.process_time()
    returned = _called(function, through, transfer.decode(job["calls"]))
    report(used=time.process_time() - start)
    try:
        text = transfer.encode(returned)
    except (ValueError, RecursionError) as error:
        raise Problem("not data", str(error)[:TEXT]) from None
    except BaseException as error:  # what is converted is the student's, and may do anything meanwhile
        raise Problem("raised", _described(error)) from None
    if len(text) > REPLY_BYTES // 2:  # JSON within JSON is longer
        raise Problem("too much")
    return text


def _set_up(job: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """Run the given cells in `names`; returns names in which the earlier questions' solutions ran as well."""
    left_out = [name for name in OPTIONAL if name not in sys.modules]
    sys.modules.update(dict.fromkeys(left_out))  # type: ignore[arg-type]  # as in `hide_library`
    try:
        for source in job["setup"]:
            exec(compile(source, "<given>", "exec"), names)
        solved = dict(names)
        for source in job["earlier"].values():
            exec(compile(source, "<earlier question>", "exec"), solved)
    except BaseException:  # an error of the assignment, which its author must see
        raise Problem("setup", traceback.format_exc()) from None
    finally:
        for name in left_out:
            sys.modules.pop(name, None)
    return solved


def _kept(given: types.FunctionType, names: dict[str, Any]) -> types.FunctionType:
    """A given function that keeps its code and what it calls, whatever the student's cells do to theirs."""
    kept = types.FunctionType(
        given.__code__, dict(names), given.__name__, given.__defaults__, given.__closure__
    )
    kept.__kwdefaults__ = dict(given.__kwdefaults__ or {})
    return kept


def _called(function: Callable[..., Any], through: Callable[..., Any] | None, calls: list[tuple]) -> list:
    returned = []
    for arguments in calls:
        try:
            returned.append(through(function, *arguments) if through else function(*arguments))
        except NotImplementedError:
            raise Problem("blank") from None
        except BaseException as error:
            raise Problem("raised", _described(error)) from None
    return returned


def _run_cell(cell: dict[str, Any], names: dict[str, Any], seconds: float, whole: bool) -> str:
    name = f"{CELL}{cell['number']}>"
    linecache.cache[name] = (len(cell["source"]), None, cell["source"].splitlines(True), name)
    limits.allow_cpu(seconds + GRACE)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        shell.run(magics.compiled(cell["source"], name, whole), names)
    except BaseException as error:  # as in a notebook, the next cell runs all the same
        return _described(error)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return ""


def _time_up(*_: object) -> NoReturn:
    raise TimeUp("the cell took longer than a cell may")


def _described(error: BaseException) -> str:
    """The exception, and the line of the student's that it comes from."""
    text = f"{type(error).__name__}: {error}".removesuffix(": ")[:TEXT]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(CELL)]
    return f"{text} (at: {frames[-1].line[:TEXT]})" if frames and frames[-1].line else text
