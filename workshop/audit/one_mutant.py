"""Runs notebooks' cells, each notebook in a fork of this process, which has imported the slow libraries.

Started by execution.py as a script, so that nothing of lecturelib is loaded here: a fork imports the copy
that it is told. A line of JSON on standard input says `folder` (which holds the copy), `cwd`, `cells` and
`seconds` at most; the outcome is written to `folder`/outcome.json, and the line that answers is the exit
status. Figures are not drawn: they decide no claim.
"""

import json
import os
import signal
import sys
import types
import warnings
from pathlib import Path

import jax  # noqa: F401  (these are what takes long to import; no backend of JAX starts before the fork)
import matplotlib.pyplot as plt
import numba  # noqa: F401
import optax  # noqa: F401


def execute(cells: list[str], folder: str, cwd: str) -> dict:
    """Run cells in a fresh `__main__`, past those that fail; the records they leave, and their errors."""
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    sys.path.insert(0, folder)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
    os.chdir(cwd)
    import lecturelib
    from lecturelib import plots, records

    plots.show = lambda *_, **__: plt.close("all")
    errors: list[str] = []
    with records.collected() as outputs:
        for number, source in enumerate(cells):
            try:
                exec(compile(source, f"<code cell {number}>", "exec"), main.__dict__)
            except (Exception, SystemExit) as error:
                errors.append(f"{type(error).__name__}: {error}")
    return {"library": lecturelib.__file__, "outputs": outputs, "errors": errors}


def main() -> None:
    """Answer each line of standard input by running what it says in a fork."""
    warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called", category=RuntimeWarning)
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            with open(os.devnull, "r+b") as nothing:
                for stream in range(3):  # the answers' pipe is not a notebook's to write to
                    os.dup2(nothing.fileno(), stream)
            signal.alarm(job["seconds"])  # ends this process
            outcome = execute(job["cells"], job["folder"], job["cwd"])
            Path(job["folder"], "outcome.json").write_text(json.dumps(outcome), encoding="utf-8")
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
