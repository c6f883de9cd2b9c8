"""Run wrong programs on purpose: each claim of the lecture must fail under one of its mutants.

    python -m tools.audit [NN ...] [--workers N]       # all notebooks, or the numbers given

tests/mutants/NN.toml lists the mutants of notebook NN, tables [[mutant]] with

    claims      ids of the claims that must fail under it (or `claim`, one id)
    file        a file of lecturelib, such as "problems.py", or "notebook"
    old, new    text that stands in the file exactly once, and what a hurried author would write instead
    why         the mistake, in words
    parameters  optional: other parameters of the notebook, so that it runs faster

A mutant is put into a copy of the package; the notebook runs on the copy to its end, past claims that fail.
Killed are the claims that then raise ClaimFailed. Without the mutant, the notebook must hold all its claims
with the same parameters. A claim that no mutant kills makes the audit fail. Results: build/audit.json.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from lecturelib import claims, notebooks, running

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "lecturelib"
MUTANTS = ROOT / "tests" / "mutants"
FAILED = re.compile(r"claim (\d\d\.[a-z0-9-]+) fails: ")


@dataclass(frozen=True)
class Mutant:
    """A wrong program, and the claims that must fail under it; without `old`, the right program."""

    notebook: notebooks.Notebook
    claims: tuple[str, ...] = ()
    file: str = "notebook"
    old: str = ""
    new: str = ""
    why: str = "no mutant"
    parameters: dict = field(default_factory=dict)

    def replace(self, text: str) -> str:
        """The mutated text; ValueError unless `old` stands in it exactly once."""
        if text.count(self.old) != 1:
            raise ValueError(
                f"{self.notebook.name}: {self.old!r} stands {text.count(self.old)} times in {self.file};"
                " a mutant needs a text that stands there once"
            )
        return text.replace(self.old, self.new)

    def source(self) -> str:
        """The text that the mutant changes: of the library file, or of all code cells of the notebook."""
        if self.file == "notebook":
            return "\n".join(c.source for c in self.notebook.read().cells if c.cell_type == "code")
        return (PACKAGE / self.file).read_text()


def read(notebook: notebooks.Notebook) -> list[Mutant]:
    """The mutants of a notebook; ValueError on one that is not well formed."""
    path = MUTANTS / f"{notebook.number}.toml"
    tables = tomllib.loads(path.read_text())["mutant"] if path.exists() else []
    mutants = []
    for table in tables:
        ids = tuple(table.pop("claims", ())) + tuple(filter(None, [table.pop("claim", "")]))
        mutants.append(Mutant(notebook, ids, **table))
        mutants[-1].replace(mutants[-1].source())
    return mutants


def claim_ids(notebook: notebooks.Notebook) -> set[str]:
    """The ids of the claims that a notebook's code checks."""
    code = "\n".join(c.source for c in notebook.read().cells if c.cell_type == "code")
    return set(re.findall(r"claims\.check\(\s*\"([^\"]+)\"", code))


def run(mutant: Mutant) -> dict:
    """Run the notebook on a copy of the package with the mutant in it; which claims held and which failed."""
    contents = mutant.notebook.read()
    at = next(i for i, c in enumerate(contents.cells) if "parameters" in c.metadata.get("tags", []))
    values = [f"{name} = {value!r}" for name, value in mutant.parameters.items()]
    contents.cells.insert(at + 1, nbformat.v4.new_code_cell("\n".join(values)))
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="audit-") as folder:
        copy = Path(folder) / "lecturelib"
        copy.mkdir()
        for path in PACKAGE.iterdir():
            if path.name != "__pycache__":
                (copy / path.name).symlink_to(path)
        if mutant.old and mutant.file == "notebook":
            for cell in contents.cells:
                if cell.cell_type == "code" and mutant.old in cell.source:
                    cell.source = mutant.replace(cell.source)
        elif mutant.old:
            (copy / mutant.file).unlink()
            (copy / mutant.file).write_text(mutant.replace(mutant.source()))
        where = nbformat.v4.new_code_cell("import lecturelib; print(lecturelib.__file__)")
        contents.cells.insert(0, where)
        client = NotebookClient(
            contents,
            timeout=running.CELL_TIMEOUT,
            kernel_name="python3",
            allow_errors=True,
            resources={"metadata": {"path": str(mutant.notebook.path.parent)}},
            extra_arguments=["--IPKernelApp.log_level=40"],
        )
        asyncio.run(client.async_execute(env=os.environ | {"PYTHONPATH": folder, "MPLBACKEND": "agg"}))
        outputs = [o for cell in contents.cells for o in cell.get("outputs", [])]
        if folder not in outputs[0].text:
            raise RuntimeError(f"the notebook imported {outputs[0].text.strip()}, not the mutated copy")
    errors = [f"{o.ename}: {o.evalue}" for o in outputs if o.output_type == "error"]
    return {
        "held": sorted({m[1] for o in outputs for m in claims.LINE.finditer(o.get("text", ""))}),
        "failed": sorted({m[1] for error in errors for m in FAILED.finditer(error)}),
        "other_errors": [error[:200] for error in errors if not FAILED.search(error)],
        "seconds": round(time.monotonic() - start, 1),
    }


def audit(chosen: list[notebooks.Notebook], workers: int) -> dict:
    """Run all mutants, and the notebooks without them, and sum up; see the module's text."""
    mutants = {n.number: read(n) for n in chosen}
    wrong = [m for of_one in mutants.values() for m in of_one]
    right = {(m.notebook.number, json.dumps(m.parameters, sort_keys=True)): m for m in wrong}
    right = [Mutant(m.notebook, parameters=m.parameters) for m in right.values()]
    report = {"claims": {}, "runs": []}
    for notebook in chosen:
        for name in sorted(claim_ids(notebook)):
            report["claims"][name] = {"mutants": 0, "killed_by": []}
    with ThreadPoolExecutor(workers) as threads:
        runs = {threads.submit(run, m): m for m in [*right, *wrong]}
        for done in as_completed(runs):
            mutant, found = runs[done], done.result()
            ids = claim_ids(mutant.notebook) if not mutant.old else mutant.claims
            missed = sorted(set(ids) - set(found["held" if not mutant.old else "failed"]))
            found |= {"notebook": mutant.notebook.name, "why": mutant.why, "file": mutant.file}
            report["runs"].append(found | {"parameters": mutant.parameters, "missed": missed})
            for name in mutant.claims:
                report["claims"][name]["mutants"] += 1
                if name in found["failed"]:
                    report["claims"][name]["killed_by"].append(mutant.why)
            verdict = f"SURVIVED BY {', '.join(missed)}" if missed else "as it should be"
            print(f"{mutant.notebook.number} {found['seconds']:6.1f} s  {mutant.why}: {verdict}", flush=True)
            for error in found["other_errors"] if missed else []:
                print(f"              {error}")
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", help="of the notebooks; all if none is given")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    chosen = [n for n in notebooks.find() if not options.numbers or n.number in options.numbers]
    report = audit(chosen, options.workers)
    (ROOT / "build").mkdir(exist_ok=True)
    with running.written(ROOT / "build" / "audit.json") as part:
        part.write_text(json.dumps(report, indent=1))
    without = [name for name, c in report["claims"].items() if not c["killed_by"]]
    survived = sum(bool(r["missed"]) for r in report["runs"])
    print(
        f"{len(report['claims'])} claims, {sum(c['mutants'] > 0 for c in report['claims'].values())} with"
        f" mutants, {len(report['claims']) - len(without)} killed; {survived} runs not as they should be"
    )
    if without:
        print("not killed: " + ", ".join(without))
    return 1 if without or survived else 0


if __name__ == "__main__":
    sys.exit(main())
