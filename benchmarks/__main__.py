"""Run the side-by-side measurements of benchmarks/, and make their table.

    python -m benchmarks [NAME ...] [--brief] [--peers PYTHON]      # NAME: mnist_grid, theory, ...
    python -m benchmarks --table                             # the table again, from the stored results

Each script runs alone, one after the other; inside a script the contenders have their turns in every round.
What came of it is put into benchmarks/results.json, in place of that script's earlier results, and the table
into benchmarks/README.md. PyTorch and scikit-learn are no dependencies of the lecture: the first script that
needs them gets an environment of its own under build/benchmark, or the Python that --peers names. With
--brief nothing is stored: it is a look, not a measurement.
"""

import argparse
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lecturelib.files import written

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "benchmarks"
RESULTS = FOLDER / "results.json"
PEERS = ("torch==2.13.0", "scikit-learn")
NEEDS_PEERS = ("mnist_grid", "hogwild", "thousand_networks")
LIBRARIES = ("numpy", "scipy", "jax", "numba", "torch", "scikit-learn")
NO_BENCHMARK = {"__main__", "record"}
MARKS = ("<!-- table: make benchmark -->\n", "<!-- end of the table -->")
BUSY = 0.5  # load average above which a measurement is called disturbed
PATIENCE = 240  # seconds to wait for that: the average still holds what ran before


def names() -> list[str]:
    """The benchmarks: scripts of the folder that can keep their figures."""
    scripts = [path for path in sorted(FOLDER.glob("*.py")) if path.stem not in NO_BENCHMARK]
    return [path.stem for path in scripts if "--json" in path.read_text(encoding="utf-8")]


def peers(folder: Path = ROOT / "build" / "benchmark" / "peers") -> Path:
    """The Python of the environment that has the peers; made if it is not there (about 3 GB with PyTorch)."""
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        uv = Path(sys.executable).with_name("uv")
        locked = (ROOT / "requirements.lock").read_text(encoding="utf-8")
        folder.parent.mkdir(parents=True, exist_ok=True)
        wanted = folder.parent / "requirements.txt"  # without hashes, or the peers would need some too
        wanted.write_text("\n".join(re.findall(r"^[a-z0-9._-]+==[^\\\n]+", locked, re.MULTILINE)) + "\n")
        install = ["pip", "install", "--quiet", "--python", python, "--requirement", wanted, *PEERS]
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, "--clear", folder], check=True)
        subprocess.run([uv, *install], check=True)
        (folder / ".ready").touch()
    return python


def machine(python: Path) -> dict:
    """What a measurement ran on: the processor, and the versions that `python` imports."""
    cpu = Path("/proc/cpuinfo")
    models = re.findall(r"^model name\s*: (.+)$", cpu.read_text(), re.MULTILINE) if cpu.exists() else []
    ask = f"""import importlib.metadata as m, json
found = {{d.name: d.version for d in m.distributions()}}
print(json.dumps({{name: found[name] for name in {LIBRARIES} if name in found}}))"""
    libraries = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout
    return {
        "processor": models[0].strip() if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": json.loads(libraries),
    }


def quiet(patience: float) -> float:
    """Wait until the machine has little else to do, at most so many seconds; its load then."""
    end = time.monotonic() + patience
    while (load := os.getloadavg()[0]) > BUSY and time.monotonic() < end:
        time.sleep(2)
    return load


def measure(name: str, brief: bool, python: Path) -> dict:
    """Run one script; its records, with the day, the machine and its load before and after.

    Raises:
        CalledProcessError: the script failed.
    """
    before = quiet(0 if brief else PATIENCE)
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "records.json"
        command = [python, FOLDER / f"{name}.py", "--json", kept, *(["--brief"] if brief else [])]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        records = json.loads(kept.read_text(encoding="utf-8"))
    load = [round(before, 2), round(os.getloadavg()[0], 2)]
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"name": name, "date": day, "load": load, "machine": machine(python), "records": records}


def table(results: list[dict]) -> str:
    """The results as Markdown, a table for each script.

    A row is a contender: median, least and most over the rounds, and what it is divided by the first one:
    the median of the ratios within a round.
    """
    parts = []
    for result in sorted(results, key=lambda result: result["name"]):
        on = result["machine"]
        libraries = ", ".join(f"{name} {number}" for name, number in on["libraries"].items())
        busy = " (disturbed: others were computing too)" if result["load"][0] > BUSY else ""
        parts += [
            f"### {result['name']}.py",
            "",
            f"{result['date']}; {on['processor']}, {on['cores']} cores; Python {on['python']}, {libraries};"
            f" load before {result['load'][0]}{busy}.",
            "",
            "| what | contender | median | least to most | rounds | ratio to the first |",
            "|---|---|---:|---:|---:|---:|",
        ]
        for record in result["records"]:
            first = next(iter(record["values"].values()))
            for number, (name, values) in enumerate(record["values"].items()):
                ratios = [value / one for one, value in zip(first, values, strict=True)] if number else []
                cells = [
                    record["what"] if number == 0 else "",
                    name,
                    _value(statistics.median(values), record["unit"]),
                    f"{_value(min(values), record['unit'])} to {_value(max(values), record['unit'])}",
                    str(len(values)),
                    f"{statistics.median(ratios):.3g}" if ratios else "",
                ]
                parts.append(f"| {' | '.join(cells)} |")
        parts.append("")
    return "\n".join(parts)


def _value(value: float, unit: str) -> str:
    if unit == "s" and value < 0.1:
        return f"{1000 * value:.3g} ms"
    return f"{value:.3g} {unit}"


def put_table(text: str, page: Path = FOLDER / "README.md") -> None:
    """Replace what stands between the marks of a page.

    Raises:
        ValueError: the page does not have both marks once.
    """
    before = page.read_text(encoding="utf-8")
    if any(before.count(mark) != 1 for mark in MARKS):
        raise ValueError(f"{page.name} needs the lines {MARKS[0].strip()} and {MARKS[1]}, once each")
    head, rest = before.split(MARKS[0])
    with written(page) as part:
        part.write_text(head + MARKS[0] + "\n" + text + MARKS[1] + rest.split(MARKS[1])[1], encoding="utf-8")


def stored() -> list[dict]:
    """The stored results, one item for each script that was measured."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(names())}; all of them if none is given")
    parser.add_argument("--brief", action="store_true", help="a look in minutes; stores nothing")
    parser.add_argument(
        "--peers", type=Path, help="a Python that has PyTorch, scikit-learn and the lecture's needs"
    )
    parser.add_argument("--table", action="store_true", help="measure nothing, only write the table")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names()):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    if not options.table:
        for name in options.names or names():
            print(f"\n{name}.py", flush=True)
            needs = name in NEEDS_PEERS
            python = (options.peers or peers()) if needs else Path(sys.executable)
            result = measure(name, options.brief, python)
            if options.brief:
                print(table([result]))
                continue
            results = [one for one in stored() if one["name"] != name] + [result]
            with written(RESULTS) as part:
                part.write_text(json.dumps(sorted(results, key=lambda one: one["name"]), indent=1) + "\n")
    if not options.brief:
        put_table(table(stored()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
