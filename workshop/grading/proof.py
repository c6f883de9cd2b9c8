"""Before anything is graded: the walls proved from inside, by a hostile notebook of the grader's own."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workshop.grading import sandbox
from workshop.grading.inside import child, limits, probe, transfer


def require(hidden: Sequence[Path], without_walls: bool = False) -> None:
    """Say on the error stream what submitted code can do here, or refuse to run any.

    Raises:
        ValueError: something is missing, and the caller does not know, or is root.
        SandboxBroken: there are holes that nothing explains.
    """
    root = sys.platform != "win32" and os.geteuid() == 0
    if missing := sandbox.notice():
        if root and sandbox.bubblewrap() is None:
            raise ValueError(f"{missing}\nYou are root, so this is refused. Grade as another user.")
        if not without_walls:
            raise ValueError(f"{missing}\nTo grade all the same, give --without-walls.")
        print(f"\n*** THE SANDBOX IS NOT COMPLETE ***\n{missing}\n", file=sys.stderr)
    if root:
        who = "another user, nobody" if sandbox.drops_root() else "root in a user namespace"
        said = f"Submitted code runs as {who}. Better: grade as a user who owns nothing else."
        print(f"\n*** YOU ARE ROOT ***\n{said}\n", file=sys.stderr)
    if found := holes(hidden):
        raise sandbox.SandboxBroken("the walls have holes:\n  " + "\n  ".join(found))


def holes(hidden: Sequence[Path] = ()) -> list[str]:
    """What submitted code could do on this machine although `sandbox.notice` does not say so.

    It looks for what is `hidden`, as for `sandbox.run`, for the checkout and for the two packages.

    Raises:
        SandboxBroken: the sandbox does not work at all.
    """
    if not limits.can_filter():
        return []
    hides = [str(path.resolve()) for path in (*sandbox.own(), *hidden)]
    shows = [*sandbox.libraries(), str(Path(sandbox.python()).parent), str(Path(sys.base_prefix).resolve())]
    job: dict[str, Any] = {
        "setup": [],
        "earlier": {},
        "cells": [{"number": 0, "source": Path(probe.__file__).read_text()}],
        "function": "holes",
        "through": None,
        "calls": transfer.encode([(hides, shows, sandbox.bubblewrap() is not None)]),
        "memory_mb": 1024,
        "threads": 4,
        "cpu_seconds": 30,
        "wall_seconds": 60,
        "cell_seconds": child.CELL_SECONDS,
        "load_seconds": child.LOAD_SECONDS,
    }
    outcome = sandbox.run(job, (), hidden)
    if outcome.outputs is None:
        raise sandbox.SandboxBroken(f"the walls cannot be proved: {outcome.problem} {outcome.text}")
    (found,) = transfer.decode(outcome.outputs)
    return list(found)
