"""The process that runs one question of one student; what it reports is data, and only about that student.

It reads a job (JSON) from its standard input, gives up what `locks` takes away, runs the cells, calls the
function and writes lines of JSON to what was its standard output: where it is, and at the end the outputs or
the problem.
"""

import json
import linecache
import os
import signal
import sys
import traceback
import types

from . import locks, transfer

CELL_SECONDS = 5  # for one of the student's cells, which define things and call nothing that takes long
LOAD_SECONDS = 20  # of processor time, for the imports and all cells together
REPLY_BYTES = 8 * 2**20  # of JSON; parsed, it takes up to twenty times as much
TEXT = 300  # characters of an exception's message that are passed on


class TimeUp(BaseException):
    """A cell took longer than it may."""


def main() -> None:
    """Run the job on standard input and end the process."""
    job = json.loads(sys.stdin.buffer.read())
    channel = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what a student prints goes nowhere, gigabytes of it too
        os.dup2(nothing, stream)
    locks.die_with_parent()
    locks.limit_memory(job["memory_mb"])
    locks.limit_cpu(LOAD_SECONDS + job["cpu_seconds"])
    locks.close_doors()
    sys.modules["lecturelib"] = None  # an answer is written without it

    def report(**line):
        data = json.dumps(line).encode() + b"\n"
        while data:
            data = data[os.write(channel, data) :]

    try:
        report(outputs=_outputs(job, report))
    except Problem as problem:
        report(problem=problem.kind, text=problem.text)
    os._exit(0)  # threads and exit handlers of the student's do not get a turn


class Problem(Exception):
    """Why there are no outputs: a kind that the grader explains, and text of the student's own making."""

    def __init__(self, kind, text=""):
        super().__init__(kind)
        self.kind, self.text = kind, text


def _outputs(job, report) -> str:
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module  # dataclasses and others look their names up there
    names = module.__dict__
    try:
        for source in job["setup"]:
            exec(compile(source, "<given>", "exec"), names)
        solved = dict(names)
        for source in job["earlier"].values():
            exec(compile(source, "<earlier question>", "exec"), solved)
    except BaseException:  # an error of the assignment, which its author must see
        raise Problem("setup", traceback.format_exc()) from None

    signal.signal(signal.SIGALRM, _time_up)
    errors = []
    for cell in job["cells"]:
        report(cell=cell["number"])
        errors.append(_run_cell(cell, names))
    names.update((name, solved[name]) for name in job["earlier"])

    report(calling=True)
    function = names.get(job["function"])
    if not callable(function):
        raise Problem("missing", next((e for e in errors if e), ""))
    through = names.get(job["through"]) if job["through"] else None
    locks.limit_cpu(job["cpu_seconds"])
    outputs = []
    for arguments in transfer.decode(job["calls"]):
        try:
            outputs.append(through(function, *arguments) if through else function(*arguments))
        except NotImplementedError:
            raise Problem("blank") from None
        except BaseException as error:
            raise Problem("raised", _described(error)) from None
    try:
        text = transfer.encode(outputs)
    except (ValueError, RecursionError) as error:
        raise Problem("not data", str(error)[:TEXT]) from None
    except MemoryError:
        raise Problem("raised", "MemoryError") from None
    if len(text) > REPLY_BYTES // 2:  # JSON within JSON is longer
        raise Problem("too much")
    return text


def _run_cell(cell, names) -> str:
    name = f"<cell {cell['number']}>"
    linecache.cache[name] = (len(cell["source"]), None, cell["source"].splitlines(True), name)
    signal.setitimer(signal.ITIMER_REAL, CELL_SECONDS)
    try:
        exec(compile(cell["source"], name, "exec"), names)
    except BaseException as error:  # as in a notebook, the next cell runs all the same
        return _described(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return ""


def _time_up(*_):
    raise TimeUp(f"the cell ran longer than {CELL_SECONDS} s")


def _described(error) -> str:
    """The exception, and the line of the student's that it comes from."""
    text = f"{type(error).__name__}: {error}".removesuffix(": ")[:TEXT]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith("<cell")]
    return f"{text} (at: {frames[-1].line[:TEXT]})" if frames and frames[-1].line else text
