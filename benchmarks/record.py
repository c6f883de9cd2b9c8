"""What the benchmarks have in common: contenders in turn, and the seconds of every round kept.

A script calls `record` for each contender and `save` at its end; `benchmarks/__main__.py` makes the table.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_found: list[dict] = []


def in_turn(calls: dict[str, Callable], rounds: int, least_seconds: float = 0.05) -> dict[str, list[float]]:
    """Time contenders in turn, so that a busy spell strikes all of them.

    Args:
        calls: name -> what to time; each is called once before the first round.
        rounds: how often each has its turn.
        least_seconds: a turn repeats a quick call until so many seconds have passed.

    Returns:
        Seconds a call, name -> one for each round.
    """
    for call in calls.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            begin, count = time.perf_counter(), 0
            while count == 0 or time.perf_counter() - begin < least_seconds:
                call()
                count += 1
            seconds[name].append((time.perf_counter() - begin) / count)
    return seconds


def record(what: str, measured: dict[str, Sequence[float]], unit: str = "s") -> None:
    """Keep what was measured.

    Args:
        what: the task, with its sizes.
        measured: contender -> one value for each round, ours first; all contenders did the same.
        unit: of the values.
    """
    lengths = {len(values) for values in measured.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(
            f"{what}: the contenders have {sorted(lengths)} rounds; give each as many, 1 or more"
        )
    values = {name: [float(value) for value in each] for name, each in measured.items()}
    _found.append({"what": what, "unit": unit, "values": values})


def save(path: str | None) -> None:
    """Write what was recorded as JSON; nothing if there is no path."""
    if path:
        Path(path).write_text(json.dumps(_found), encoding="utf-8")
