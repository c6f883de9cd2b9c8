"""Rerun the claims at seeds that the notebooks were not written with, and count how often they hold.

    python -m workshop.audit.seeds [NN ...] [--seeds 10] [--workers N] [--store]

Every parameter called `seed` or `..._seed`, and every number in a list called `seeds` or `..._seeds`, is
raised by 1000, 2000, ...; all else is as in the notebook, for an effect that stands out by 4 standard errors
of 400 runs does not stand out by 4 of 100. A claim that allows 4 standard errors holds, if it is true, at all
but a few seeds in 100,000; one that is exact holds at every seed. The prediction is that of Student's
distribution for as many runs as the claim says, and counts the numbers that it compares; for an inequality it
is a bound. --store adds the table to site/audit.json.
"""

import argparse
import contextlib
import os
import re
import sys
from typing import Any

from scipy import stats

from lecturelib import claims
from workshop import notebooks
from workshop.audit import command
from workshop.audit.execution import Worker, each
from workshop.audit.mutants import Mutant

STEP = 1000  # between seeds; above every seed in a notebook


def other_seed(notebook: notebooks.Notebook, number: int) -> dict[str, Any]:
    """The parameters that hold seeds, raised by `number` times STEP; empty if the notebook has none."""
    raised: dict[str, Any] = {}
    for name, parameter in notebook.parameters().items():
        if re.fullmatch(r"(.*_)?seed", name) and isinstance(parameter.default, int):
            raised[name] = parameter.default + number * STEP
        elif re.fullmatch(r"(.*_)?seeds", name) and isinstance(parameter.default, list):
            raised[name] = [seed + number * STEP for seed in parameter.default]
    return raised


def predicted(relation: str, because: str, entries: int, seeds: int | None = None) -> tuple[float, bool]:
    """How often a true claim holds, and whether that is only a bound from below.

    Args:
        relation: "expected", "at most" or "at least".
        because: the claim's reason for its tolerance.
        entries: numbers that are compared.
        seeds: that the notebook's own list of seeds has, for a claim that says "over seeds".

    >>> predicted("expected", "4 standard errors over 2,000 runs", 1)[0] > 0.9999
    True
    >>> predicted("expected", "float64 rounding", 3)
    (1.0, False)
    """
    if interval := re.search(r"(\d+) % intervals?", because):
        return int(interval[1]) / 100, True
    if not (width := re.search(r"(\d+) standard (?:errors?|deviations?)", because)):
        return 1.0, False
    said = re.search(r"over ([\d,]+) [a-z]", because)
    count = int(said[1].replace(",", "")) if said else seeds if "seeds" in because else None
    law = stats.t(count - 1) if count else stats.norm()
    sides = 2 if relation == "expected" else 1
    rate = 1.0 - entries * sides * float(law.sf(int(width[1])))
    return max(0.0, rate), relation != "expected" or entries > 1


def run(notebook: notebooks.Notebook, numbers: range, workers: list[Worker]) -> list[dict[str, Any]]:
    """Rerun a notebook at other seeds; for each claim: how often it was checked, held, and should hold.

    Raises:
        ValueError: the notebook has no parameter that is a seed.
    """
    if not other_seed(notebook, 1):
        raise ValueError(f"{notebook.name} has no parameter `seed`, so it cannot be rerun at another")
    ids = tuple(sorted(command.claim_ids(notebook)))

    def checked(worker: Worker, number: int) -> list[claims.Claim]:
        program = Mutant(notebook, ids, parameters=other_seed(notebook, number)).program()
        return worker.outcome(program, notebook.path.parent)[0]

    said = [claim for _, found in each(checked, numbers, workers) for claim in found]
    seeds = notebook.parameters().get("seeds")
    count = len(seeds.default) if seeds and isinstance(seeds.default, list) else None
    rows = []
    for name in ids:
        own = [claim for claim in said if claim.id == name]
        row: dict[str, Any] = {"claim": name, "seeds": len(own), "held": sum(claim.verdict for claim in own)}
        if own:
            entries = max(claim.entries for claim in own)
            rate, bound = predicted(own[0].relation, own[0].because, entries, count)
            row |= {"rate": rate, "predicted": f"{rate:.5g}{' or more' if bound and rate < 1 else ''}"}
        else:
            row |= {"rate": 1.0, "predicted": "not reached: an earlier check in its cell failed"}
        rows.append(row)
    return rows


def main() -> int:
    """Rerun the notebooks that the command line names, and print how often each claim held."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("numbers", nargs="*", help="of the notebooks; all if none is given")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--store", action="store_true", help="add the table to site/audit.json")
    options = parser.parse_args()
    rows = []
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(Worker()) for _ in range(options.workers)]
        for notebook in notebooks.select(options.numbers):
            for row in run(notebook, range(1, options.seeds + 1), workers):
                held = f"held {row['held']:3d} of {row['seeds']:3d}"
                print(f"{row['claim']:40} {held}   predicted {row['predicted']}", flush=True)
                rows.append(row)
            if options.store:
                report = command.stored()
                others = [row for row in report.get("seeds", []) if row["claim"][:2] != notebook.number]
                mine = [row for row in rows if row["claim"][:2] == notebook.number]
                report["seeds"] = sorted(others + mine, key=lambda row: row["claim"])
                command.write(command.STORED, report)
    checked, held = sum(row["seeds"] for row in rows), sum(row["held"] for row in rows)
    expected = sum(row["seeds"] * row["rate"] for row in rows)
    print(f"{held} of {checked} checks held; predicted are {expected:.1f} or more")
    return 0


if __name__ == "__main__":
    sys.exit(main())
