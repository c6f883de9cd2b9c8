"""What a run costs beyond its own computing: `lecture sweep` against a loop over papermill's command line.

    python benchmarks/sweep.py            # --brief: one round of fewer runs in place of three; --json FILE

The notebook times its own work. What is left of the wall time, divided by the runs, is the overhead: for the
sweep with the start of its worker, the table and the page. One more run costs less: the median, over the
runs, of a run's seconds beyond its work. Then the same work on one, two and four workers, once to compute and
once to wait, which needs no core.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pyarrow.parquet
from nbformat.v4 import new_code_cell, new_notebook
from record import record, save

from lecturelib import records

PARAMETERS = "seed = 0  # any\nseconds = 1.0  # of work\nwaits = False  # instead of computing"
WORK = """\
import time
from lecturelib import sweep
began = time.perf_counter()
if waits:
    time.sleep(seconds)
else:
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(10_000))
sweep.record("work", time.perf_counter() - began)
"""


def notebook(folder: Path) -> Path:
    """The notebook whose work is known."""
    cells = [new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), new_code_cell(WORK)]
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    path = folder / "work.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def papermill(path: Path, runs: int, out: Path) -> tuple[float, list[float]]:
    """Wall seconds, and seconds of work of each run, of a loop over the command line."""
    out.mkdir()
    began = time.perf_counter()
    for seed in range(runs):
        command = [sys.executable, "-m", "papermill", path, out / f"{seed}.ipynb", "-p", "seed", str(seed)]
        subprocess.run(command, check=True, capture_output=True)
    wall = time.perf_counter() - began
    done = [nbformat.read(out / f"{seed}.ipynb", as_version=4) for seed in range(runs)]
    return wall, [records.recorded(each)["work"] for each in done]


def sweep(path: Path, runs: int, out: Path, *options: str, workers: int = 1):
    """Wall seconds, seconds of work of each run, and seconds of each run, of a sweep."""
    command = [sys.executable, "-m", "workshop.cli", "sweep", path, "-p", f"seed=0:{runs}", *options]
    began = time.perf_counter()
    subprocess.run([*command, "--out", out, "--workers", str(workers)], check=True, capture_output=True)
    wall = time.perf_counter() - began
    table = pyarrow.parquet.read_table(out / "table.parquet")
    return wall, table["work"].to_pylist(), table["seconds"].to_pylist()


def overheads(path: Path, folder: Path, rounds: int, runs: int) -> None:
    """The seconds a run costs beyond its work, both ways in turn."""
    whole, loop, more = [], [], []
    for each in range(rounds):
        wall, work = papermill(path, runs, folder / f"loop{each}")
        loop.append((wall - sum(work)) / runs)
        wall, work, seconds = sweep(path, runs, folder / f"sweep{each}")
        whole.append((wall - sum(work)) / runs)
        more += [s - w for s, w in zip(seconds, work, strict=True)]
    contenders = {"lecture sweep, one worker": whole, "a loop over papermill's command line": loop}
    record(f"seconds beyond its own work, each of {runs} runs of a notebook", contenders)
    record("seconds beyond its own work of one more run", {"lecture sweep": more})
    print(
        f"beyond its work a run takes {statistics.median(loop):.2f} s in a loop over papermill, in a sweep"
        f" {statistics.median(whole):.2f} s with everything, {statistics.median(more):.2f} s one more",
        flush=True,
    )


def scaling(path: Path, folder: Path, rounds: int, runs: int) -> None:
    """The wall time of so many runs by the number of workers, computing and waiting."""
    for kind, waits in (("computing", "false"), ("waiting", "true")):
        walls = {_workers(count): [] for count in (4, 2, 1)}
        for each in range(rounds):
            for workers in (1, 2, 4):
                out = folder / f"{kind}{workers}-{each}"
                options = ("-p", "seconds=2", "-p", f"waits={waits}")
                walls[_workers(workers)].append(sweep(path, runs, out, *options, workers=workers)[0])
        record(f"{runs} runs of two seconds, {kind}", walls)
        rates = ", ".join(
            f"{60 * runs / statistics.median(each):.1f} by {who}" for who, each in walls.items()
        )
        print(f"{kind}: runs a minute, start of the workers included: {rates}", flush=True)


def _workers(count: int) -> str:
    return f"{count} worker{'' if count == 1 else 's'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brief", action="store_true", help="one round of few runs")
    parser.add_argument("--json", help="where to write every round")
    options = parser.parse_args()
    rounds = 1 if options.brief else 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = notebook(folder)
        overheads(path, folder, rounds, runs=6 if options.brief else 10)
        scaling(path, folder, rounds, runs=8 if options.brief else 24)
    save(options.json)


if __name__ == "__main__":
    main()
