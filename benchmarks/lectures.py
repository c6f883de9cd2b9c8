"""How long a newcomer waits: `make lectures` in a fresh checkout, with setup and downloads, and once more.

python benchmarks/lectures.py           # --brief: notebook 04 only; --json FILE
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

from record import record, save

ROOT = Path(__file__).resolve().parent.parent


def made(checkout: Path, only: str) -> float:
    """Seconds of `make lectures`."""
    begin = time.perf_counter()
    subprocess.run(["make", "lectures", f"ONLY={only}"], cwd=checkout, check=True)
    return time.perf_counter() - begin


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brief", action="store_true", help="notebook 04 only")
    parser.add_argument("--json", metavar="FILE", help="keep the figures there")
    options = parser.parse_args()
    only = "04" if options.brief else ""
    with tempfile.TemporaryDirectory(prefix="lectures-") as folder:
        checkout = Path(folder) / "lecture"
        subprocess.run(["git", "clone", "--quiet", ROOT, checkout], check=True)
        cold = made(checkout, only)
        record("make lectures, cold: environment and notebooks", {"cold": [cold]})
        record("make lectures, warm: notebooks", {"warm": [made(checkout, only)]})
    save(options.json)
