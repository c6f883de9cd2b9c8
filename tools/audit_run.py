"""Runs a program of the audit, and says which claims held and which failed."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lecturelib import claims, running
from tools.audit_mutants import PACKAGE, ROOT, Program

WORKER = Path(__file__).with_name("audit_worker.py")
FAILED = re.compile(r"^ClaimFailed: claim (\d\d\.[a-z0-9-]+) fails: ")
# One core a run. Programs compiled once are kept, but in a folder of their own, keyed by what they compute.
SETTINGS = {
    "MPLBACKEND": "agg",
    "OPENBLAS_NUM_THREADS": "1",
    "JAX_COMPILATION_CACHE_DIR": str(ROOT / "build" / "audit-compiled"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
}


class Worker:
    """A process that runs one program after another; use it in a `with` block."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-P", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | SETTINGS,
            text=True,
        )
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def run(self, program: Program, cwd: Path, limit: int = running.CELL_TIMEOUT) -> dict:
        """Run a program; ids of claims that held and that failed, other errors (texts), seconds.

        Arguments and errors are those of `outcome`.
        """
        start = time.monotonic()
        outcome = self.outcome(program, cwd, limit)
        return {
            "held": sorted({m[1] for m in claims.LINE.finditer(outcome["printed"])}),
            "failed": sorted({m[1] for error in outcome["errors"] for m in FAILED.finditer(error)}),
            "other_errors": [error[:200] for error in outcome["errors"] if not FAILED.search(error)],
            "seconds": round(time.monotonic() - start, 1),
        }

    def outcome(self, program: Program, cwd: Path, limit: int = running.CELL_TIMEOUT) -> dict:
        """Run a program on a copy of the package with its changed files, past claims that fail.

        Args:
            program: cells and changed files.
            cwd: folder in which the cells run.
            limit: seconds after which it is ended.

        Returns:
            What it printed, and its errors as texts.

        Raises:
            RuntimeError: the process died or was ended, or imported another copy of the package.
        """
        with tempfile.TemporaryDirectory(prefix="audit-") as folder:
            _copy_package(Path(folder) / "lecturelib", program.changed)
            job = {"folder": folder, "cwd": str(cwd), "cells": program.cells, "seconds": limit}
            print(json.dumps(job), file=self.process.stdin, flush=True)
            status = self.process.stdout.readline().strip()
            if status != "0":
                raise RuntimeError(f"the process that ran the cells ended with status {status or 'unknown'}")
            outcome = json.loads(Path(folder, "outcome.json").read_text(encoding="utf-8"))
        if not outcome["library"].startswith(folder):
            raise RuntimeError(f"the cells imported {outcome['library']}, not the mutated copy")
        return {"printed": outcome["printed"], "errors": outcome["errors"]}


def _copy_package(copy: Path, changed: dict[str, str]) -> None:
    """The package with changed files; the others are links to those there are."""
    shutil.copytree(
        PACKAGE, copy, copy_function=os.symlink, ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    for name, text in changed.items():
        (copy / name).unlink()
        (copy / name).write_text(text, encoding="utf-8")
