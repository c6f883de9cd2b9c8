"""Run wrong programs on purpose: each claim of the lecture must fail under one of its mutants.

    python -m workshop.audit [NN ...] [--workers N] [--afresh] [--store]     # NN: numbers of notebooks

A mutant (tests/mutants, `mutants.py`) is put into a copy of the package, and the cells that its claims need
(`slicing.py`) run on the copy, past claims that fail on the way. Killed are the claims whose records then say
that they fail. Without the mutant, the same cells with the same parameters must hold the claims.
A claim that no mutant kills makes the audit fail, and so does a mutant under which a claim that it
names still holds.

What was run is kept in build/audit-runs.json under a hash of the program, so that a second audit runs only
what has changed since; --afresh runs everything. The verdict is build/audit.json, the page build/audit.html.
--store puts the verdict into site/audit.json, which the site shows and the tests choose quick mutants by.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lecturelib.files import written
from workshop import notebooks
from workshop.audit import page, registry
from workshop.audit.execution import Worker, each
from workshop.audit.mutants import ROOT, Mutant, claim_ids, read, right_ones

__all__ = ["audit", "claim_ids", "read", "summary", "verdict"]
STORED = ROOT / "site" / "audit.json"


def programs(notebook: notebooks.Notebook) -> list[Mutant]:
    """What an audit of a notebook runs: the right program with each set of parameters, then the mutants."""
    mutants = read(notebook)
    return right_ones(mutants) + mutants


def verdict(mutant: Mutant, found: dict[str, Any]) -> dict[str, Any]:
    """What a run says: `missed` are the claims that should have failed (without mutant: held) and did not."""
    missed = sorted(set(mutant.claims) - set(found["failed" if mutant.old else "held"]))
    about: dict[str, Any] = {
        "notebook": mutant.notebook.number,
        "claims": sorted(mutant.claims),
        "missed": missed,
        "why": mutant.why,
    }
    about |= {"file": mutant.file, "old": mutant.old, "new": mutant.new, "parameters": mutant.parameters}
    return about | {name: found[name] for name in ("key", "seconds", "other_errors")}


def audit(
    chosen: list[notebooks.Notebook],
    workers: list[Worker],
    known: dict[str, dict],
    keep: Callable[[dict], None] = lambda known: None,
) -> list[dict[str, Any]]:
    """Run all mutants of the notebooks, and the notebooks without them.

    Args:
        chosen: the notebooks.
        workers: that run them, each one at a time.
        known: outcomes of earlier runs, key of the program -> outcome; new ones are added.
        keep: called with `known` after each run.

    Returns:
        The verdicts, in the order of the mutants' files, the right programs before the wrong ones.
    """
    mutants = [mutant for notebook in chosen for mutant in programs(notebook)]
    runs = [mutant.program() for mutant in mutants]
    keys = [program.key() for program in runs]

    def outcome(worker: Worker, number: int) -> dict[str, Any]:
        if keys[number] in known:
            return known[keys[number]]
        try:
            found = worker.run(runs[number], mutants[number].notebook.path.parent)
            return found | {"key": keys[number]}
        except RuntimeError as error:  # it crashed or never ended: then it says nothing of the claims
            nothing = {"held": [], "failed": [], "seconds": 0.0}
            return nothing | {"key": keys[number], "other_errors": [str(error)]}

    verdicts = {}
    for number, found in each(outcome, range(len(runs)), workers):
        new = found["key"] not in known
        if found["held"] or found["failed"]:
            known[found["key"]] = found
            keep(known)
        verdicts[number] = verdict(mutants[number], found)
        _report(verdicts[number], new)
    return [verdicts[number] for number in range(len(runs))]


def _report(run: dict, new: bool) -> None:
    time = f"{run['seconds']:6.1f} s" if new else "  as before"
    killed = f"SURVIVED BY {', '.join(run['missed'])}" if run["missed"] else "as it should be"
    print(f"{run['notebook']} {time:>11}  {run['why']}: {killed}", flush=True)
    for error in run["other_errors"] if run["missed"] else []:
        print(f"                {error}")


def summary(verdicts: Iterable[dict[str, Any]], ids: set[str]) -> tuple[str, list[str]]:
    """One line that sums up an audit, and what is wrong, one line each."""
    wrong = [run for run in verdicts if run["old"]]
    killed = {name for run in wrong for name in set(run["claims"]) - set(run["missed"])}
    survived = [run for run in wrong if run["missed"]]
    faults = [f"not killed by any mutant: {name}" for name in sorted(ids - killed)]
    faults += [f"{run['notebook']}, {run['why']}: survived by {', '.join(run['missed'])}" for run in survived]
    faults += [
        f"{run['notebook']} with {run['parameters'] or 'its own parameters'}, no mutant: "
        f"{', '.join(run['missed'])} did not hold"
        for run in verdicts
        if not run["old"] and run["missed"]
    ]
    line = (
        f"{len(ids)} claims, {len(wrong)} mutants; {len(ids & killed)} claims killed,"
        f" {len(wrong) - len(survived)} mutants killed, {len(survived)} survived"
    )
    return line, faults


def complete(verdicts: list[dict[str, Any]], chosen: list[notebooks.Notebook]) -> dict[str, Any]:
    """The report of an audit of some notebooks: summary, faults, when and with what it ran, the verdicts."""
    line, faults = summary(verdicts, {name for notebook in chosen for name in claim_ids(notebook)})
    names = ("numpy", "scipy", "jax", "optax", "numba")
    ran = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in names},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
    return {"summary": line, "faults": faults, "provenance": ran, "runs": verdicts}


def merged(old: dict[str, Any], new: dict[str, Any], chosen: list[notebooks.Notebook]) -> dict[str, Any]:
    """A stored report with the runs of some notebooks replaced by new ones."""
    numbers = {notebook.number for notebook in chosen}
    others = [run for run in old["runs"] if run["notebook"] not in numbers]
    runs = sorted(others + new["runs"], key=lambda run: run["notebook"])  # a stable sort
    whole = complete(runs, notebooks.find()) | {"provenance": new["provenance"]}
    return whole | ({"seeds": old["seeds"]} if "seeds" in old else {})


def write(path: Path, content: dict) -> None:
    """Write JSON, one item a line, under its final name when it is complete."""
    path.parent.mkdir(exist_ok=True)
    with written(path) as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def stored(path: Path = STORED) -> dict[str, Any]:
    """An audit's verdict as stored; empty if there is none yet."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"runs": []}


def main() -> int:
    """Run the audit that the command line asks for; exit status 1 if it finds faults."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("numbers", nargs="*", help="of the notebooks; all if none is given")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--afresh", action="store_true", help="use no earlier run")
    parser.add_argument("--store", action="store_true", help="put the verdict into site/audit.json")
    options = parser.parse_args()
    chosen = notebooks.select(options.numbers)
    kept = ROOT / "build" / "audit-runs.json"
    known = {} if options.afresh or not kept.exists() else json.loads(kept.read_text(encoding="utf-8"))
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(Worker()) for _ in range(options.workers)]
        verdicts = audit(chosen, workers, known, lambda known: write(kept, known))
    report = complete(verdicts, chosen)
    write(ROOT / "build" / "audit.json", report)
    current = {mutant.program().key() for notebook in chosen for mutant in programs(notebook)}
    with written(ROOT / "build" / "audit.html") as part:
        part.write_text(page.page(registry.claims_of(chosen), report, current), encoding="utf-8")
    if options.store:
        write(STORED, merged(stored(), report, chosen))
    print("\n".join([*report["faults"], report["summary"]]))
    return 1 if report["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
