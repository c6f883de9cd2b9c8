"""What a process in the sandbox says of itself, how long it may take over it, and how its job ended."""

import json
import os
import selectors
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from workshop.grading.inside.child import REPLY_BYTES

START_SECONDS = 30  # of a fair clock, for the start of Python and the assignment's own setup
SLEEP = 3  # how much longer than its processor time a cell may take by a fair clock
TICK = 0.25  # seconds between two looks at how crowded the machine is
CROWD = 50.0  # threads a core, beyond which nobody waits any longer for their turn


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Args:
        outputs: text for `transfer.decode`, if the function was called and returned; else None.
        problem: else the kind of problem: blank, missing, raised, not data, too much, time, died.
        text: what goes with the problem, in part the student's own words.
        cell: number of the cell that ran when the process ended before it called the function, else None.
        cut: numbers of the cells that were not run to their end, for lack of time.
        used: processor seconds of the calls, as the process says.
        seconds: what it took in all, by a fair clock.
    """

    outputs: str | None = None
    problem: str | None = None
    text: str = ""
    cell: int | None = None
    cut: tuple[int, ...] = ()
    used: float = 0.0
    seconds: float = 0.0


def crowd() -> float:
    """How many threads want each core of this machine now, at least 1."""
    try:
        running = int(Path("/proc/loadavg").read_text().split()[3].split("/")[0]) - 1.0  # without this one
        cores = len(os.sched_getaffinity(0))
    except (OSError, AttributeError):  # not Linux
        running, cores = os.getloadavg()[0], os.cpu_count() or 1
    return min(max(1.0, running / cores), CROWD)


class FairClock:
    """Seconds since it was made; they pass as much more slowly as the machine is crowded.

    A process that waits for its turn is not late by it, one that sleeps is.
    """

    def __init__(self) -> None:
        self.seconds, self._last = 0.0, time.monotonic()

    def read(self) -> float:
        """The seconds now; to be called often, for the crowd is looked at only here."""
        now = time.monotonic()
        self.seconds += (now - self._last) / crowd()
        self._last = now
        return self.seconds


class Report:
    """What the process says of itself, believed only as far as it can harm nobody but its own student."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job, self.clock = job, FairClock()
        self.last = SLEEP * job["load_seconds"] + START_SECONDS  # the call begins by then
        self.deadline = self.last
        self.calling, self.text = False, ""
        self.cell: int | None = None
        self.outputs: str | None = None
        self.problem: str | None = None
        self.cut: tuple[int, ...] = ()
        self.used = 0.0

    def listen(self, stream: IO[bytes]) -> None:
        """Read until an answer, the end, the deadline, or more than a reply may hold."""
        line, total = bytearray(), 0
        with selectors.DefaultSelector() as ready:
            ready.register(stream, selectors.EVENT_READ)
            while self.outputs is None and self.problem is None:
                if self.clock.read() > self.deadline:
                    self.problem = "time"
                    return
                if not ready.select(TICK):
                    continue
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
                    self._take(bytes(line))
                    line.clear()
                line += rest

    def _take(self, line: bytes) -> None:
        if self.outputs is not None or self.problem is not None:
            return
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        match said:
            case {"cell": int(number)} if not self.calling:
                self.cell = number
                self.deadline = min(self.last, self.clock.read() + SLEEP * self.job["cell_seconds"])
            case {"calling": True, "cut": list(cut)} if not self.calling:  # a second one would win time
                self.calling, self.cell = True, None
                self.cut = tuple(number for number in cut if type(number) is int)
                self.deadline = self.clock.read() + self.job["wall_seconds"]
            case {"used": float(used)} if self.calling:
                self.used = used
            case {"outputs": str(text)} if self.calling:
                self.outputs = text
            case {"problem": str(kind), "text": str(text)}:
                self.problem, self.text = kind, text
            case _:
                self.problem = "died"

    def outcome(self, code: int) -> Outcome:
        """How the job ended, by what was said and the exit status of the process."""
        problem = self.problem
        if self.outputs is None and problem is None:
            ended = code - 128 if code > 128 else -code  # bubblewrap adds 128 to a signal, Popen negates it
            problem = "time" if ended == signal.SIGXCPU else "died"
        seconds = self.clock.read()
        return Outcome(self.outputs, problem, self.text[:1000], self.cell, self.cut, self.used, seconds)
