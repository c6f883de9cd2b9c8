"""Run one job behind the walls and say what became of it; whatever the job does, this returns in time."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from lecturelib.grading import walls
from lecturelib.grading.inside.child import REPLY_BYTES

LOAD_WALL = 120  # seconds for imports and cells, on a machine that is busy
START = f"from {walls.INSIDE.name}.child import main; main()"


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Args:
        outputs: text for `transfer.decode`, if the function was called and returned; else None.
        problem: else the kind of problem: blank, missing, raised, not data, too much, time, died.
        text: what goes with the problem, in part the student's own words.
        cell: number of the cell that ran when the process ended before it called the function, else None.
    """

    outputs: str | None = None
    problem: str | None = None
    text: str = ""
    cell: int | None = None


class SandboxBroken(RuntimeError):
    """The process did not get as far as the student's code: no student is to blame."""


def run(job: dict, files: tuple[Path, ...] = (), hidden: tuple[Path, ...] = ()) -> Outcome:
    """Run a job in a process of its own, without lecturelib, network, other files or other processes.

    Args:
        job: as `lecturelib.grading.jobs.job` makes it.
        files: data files that the process finds in its working folder, read-only.
        hidden: paths that it must not see.

    Raises:
        SandboxBroken: the sandbox or the assignment's own setup failed; the message says how.
    """
    with tempfile.TemporaryDirectory(prefix="grading-") as name:
        folder = Path(name, "work")
        folder.mkdir()
        task, errors = Path(name, "job"), Path(name, "errors")
        task.write_text(json.dumps(job))
        with task.open("rb") as stdin, errors.open("wb") as stderr:
            process = subprocess.Popen(
                walls.command(START, files, hidden, folder),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=folder,
                env=walls.environment(job["threads"], folder),
                start_new_session=True,
            )
            try:
                heard = _Report(job["wall_seconds"])
                heard.listen(process.stdout)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.stdout.close()
                process.wait()
        if heard.cell is None and not heard.calling:
            said = heard.text or errors.read_text(errors="replace")[:2000]
            raise SandboxBroken(said or f"no answer from the sandbox within {LOAD_WALL} s ({heard.problem})")
        return heard.outcome(process.returncode)


class _Report:
    """What the process says of itself, believed only as far as it can harm nobody but its own student."""

    def __init__(self, wall_seconds):
        self.wall_seconds = wall_seconds
        self.deadline = time.monotonic() + LOAD_WALL
        self.cell, self.calling = None, False
        self.outputs, self.problem, self.text = None, None, ""

    def listen(self, stream) -> None:
        """Read until an answer, the end, the deadline, or more than a reply may hold."""
        line, total = bytearray(), 0
        with selectors.DefaultSelector() as ready:
            ready.register(stream, selectors.EVENT_READ)
            while self.outputs is None and self.problem is None:
                if not ready.select(max(0.0, self.deadline - time.monotonic())):
                    self.problem = "time"
                    return
                data = os.read(stream.fileno(), 2**16)
                if not data:
                    return
                total += len(data)
                if total > REPLY_BYTES:
                    self.problem = "too much"
                    return
                *ended, rest = data.split(b"\n")
                for piece in ended:
                    line += piece
                    self._heard(bytes(line))
                    line.clear()
                line += rest

    def _heard(self, line: bytes) -> None:
        if self.outputs is not None or self.problem is not None:
            return
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        match said:
            case {"cell": int(number)} if not self.calling:
                self.cell = number
            case {"calling": True} if not self.calling:  # a second one would win time
                self.calling, self.cell = True, None
                self.deadline = time.monotonic() + self.wall_seconds
            case {"outputs": str(text)} if self.calling:
                self.outputs = text
            case {"problem": str(kind), "text": str(text)}:
                self.problem, self.text = kind, text
            case _:
                self.problem = "died"

    def outcome(self, code: int) -> Outcome:
        problem = self.problem
        if self.outputs is None and problem is None:
            ended = code - 128 if code > 128 else -code  # bubblewrap adds 128 to a signal, Popen negates it
            problem = "time" if ended == signal.SIGXCPU else "died"
        return Outcome(self.outputs, problem, self.text[:1000], self.cell)
