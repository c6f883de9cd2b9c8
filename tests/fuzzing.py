"""Damaged data and hostile text, and a watch over the code that reads them.

`damaged` is a Hypothesis strategy: a good file after a few of its bytes are changed, cut out, doubled, or
replaced by bytes that mean something (a quote, a length of 2^31 - 1, the start of a pickle). `refused` runs
a reader on such input. The reader may return, or refuse with the error that it documents, naming the file.
It may do nothing else: take longer than its deadline, write a file, start a process, open a connection,
unpickle or run code that came with the data.
"""

import pickle
import signal
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

DEADLINE = 5.0  # seconds of computing, for what takes a few hundredths; twelve times as many of waiting
MEANINGFUL = (
    *(b"", b"\0", b"\n", b"\r\n", *b', " : # { } null nan -inf 1e999 qid:1'.split()),
    *(b"9" * 400, b"[" * 300, b"\xff" * 8, b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xef\xbb\xbf", "ſ".encode()),
    *(b"PK\x03\x04", b"|O", b"__import__('os').system('true')", b"../../", pickle.dumps(DEADLINE)),
)
SOME = 40
_KINDS = {
    16_000: ["svmlight"],
    15_000: ["csv"],
    9_000: ["npz, an array in it", "parameters cell", "values"],
    6_000: ["npz"],
    4_000: ["parquet", "notebook", "sweep", "submission"],
    3_000: [
        *("svmlight.gz", "svmlight.bz2", "svmlight.xz", "study", "study, an array in it"),
        *("numbers of notebooks", "papermill"),
    ],
    2_000: [
        "study, its JSON",
        "text study",
        "text study, an array in it",
        "text study, its JSON",
        "bundled",
        "command",
    ],
    1_000: ["file names"],
}
MANY = {kind: count for count, kinds in _KINDS.items() for kind in kinds}
CHANGE = 5  # bytes of randomness: which way, with what, and three for the place
FORBIDDEN = (
    "exec",
    "pickle.",
    "marshal.",
    "os.",
    "shutil.",
    "subprocess.",
    "socket.",
    "ctypes.",
    "tempfile.",
)
HARMLESS = {"os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.getxattr", "os.listxattr"}


class Misbehaved(BaseException):  # so that no `except Exception` of a reader hides it
    """A reader did what no data may make it do."""


_watching = threading.local()


def _audit(event: str, arguments: tuple) -> None:
    if not getattr(_watching, "on", False):
        return
    if event == "open":
        _, mode, flags = arguments
        bad = bool(set(mode or "") & set("wax+")) or (mode is None and flags & 3)
    elif event in ("exec", "marshal.loads"):
        # The installation's own code is not the data's: modules imported for the first time, and nbformat's
        # schemas, which fastjsonschema compiles.
        by = sys._getframe(1).f_code.co_filename
        bad = not (by.startswith("<frozen importlib") or Path(by).parent.name == "fastjsonschema")
    else:
        bad = event.startswith(FORBIDDEN) and event not in HARMLESS
    if bad:
        _watching.on = False
        raise Misbehaved(f"{event}{arguments!r:.200}")


sys.addaudithook(_audit)  # for the life of this process; idle unless `Watch` is open


class Watch:
    """While it is open, what data may not do raises Misbehaved, and so does a reading that takes too long.

    Args:
        seconds: the deadline of one reading, in processor time.
    """

    def __init__(self, seconds: float = DEADLINE):
        self.seconds = seconds

    def _late(self, *_):
        raise Misbehaved(f"no answer after {self.seconds} s")

    def __enter__(self):
        self.before = [
            (number, signal.signal(number, self._late)) for number in (signal.SIGPROF, signal.SIGALRM)
        ]
        signal.setitimer(signal.ITIMER_PROF, self.seconds)
        signal.setitimer(signal.ITIMER_REAL, 12 * self.seconds)  # a busy machine is not a hanging reader
        _watching.on = True
        return self

    def __exit__(self, *_):
        _watching.on = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self.before:
            signal.signal(number, handler)


def refused(read, *arguments, names: str = "") -> str | None:
    """Read under watch; the message of a reader that refused, None of one that returned.

    Args:
        read, arguments: the call.
        names: text that a message has to name, such as the file.

    Raises:
        Misbehaved: by the watch. AssertionError: the error is a ValueError by inheritance only (Python's own,
            which know no file), or does not name what it should. Any other error, as it was raised.
    """
    try:
        with Watch():
            read(*arguments)
    except ValueError as error:
        if type(error) is not ValueError or names not in str(error):
            raise AssertionError(f"a plain ValueError that names {names!r} was due") from error
        return str(error)
    return None


def damaged(*good: bytes):
    """Strategy: one of the good files after one to four changes, each at a random place.

    Args:
        good: the files' bytes.
    """
    drawn = st.binary(min_size=1 + CHANGE, max_size=1 + 4 * CHANGE)
    return drawn.map(lambda bits: _change(good[bits[0] % len(good)], bits[1:]))


def _change(good: bytes, bits: bytes) -> bytes:
    content = bytearray(good)
    for start in range(0, len(bits) - CHANGE + 1, CHANGE):
        way, value, *place = bits[start : start + CHANGE]
        place = int.from_bytes(place, "big") * (len(content) + 1) >> 24
        piece = MEANINGFUL[value % len(MEANINGFUL)]
        match way % 7:
            case 0:
                content[place : place + 1] = bytes(
                    byte ^ 1 << value % 8 for byte in content[place : place + 1]
                )
            case 1:
                content[place : place + 1] = bytes([value])
            case 2:
                del content[place : place + value]
            case 3:
                del content[place:]
            case 4:
                content[place:place] = content[place : place + value]
            case 5:
                content[place:place] = piece
            case 6:
                content[place : place + len(piece)] = piece
    return bytes(content)


def inputs(kind: str, many: bool):
    """Settings for the inputs of one kind, the same ones each time: MANY of it, or SOME."""
    return settings(
        max_examples=MANY[kind] if many else SOME,
        derandomize=True,
        database=None,
        deadline=None,  # Watch has one, which also stops what does not end
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


each = pytest.mark.parametrize(
    "many", [False, pytest.param(True, marks=[pytest.mark.long, pytest.mark.weekly])], ids=["some", "many"]
)
