"""`python -m lecturelib.study epoch overfit`: run the named studies, all by default."""

import sys
from pathlib import Path

from lecturelib import datasets
from lecturelib.study import PLANS, known, run, write


def main(names: list[str], out: Path = Path("build/study")) -> None:
    """Run the named studies, all by default, and write their files into `out`."""
    for name in [known(name) for name in names or PLANS]:
        study = run(datasets.mnist(), PLANS[name], out / "parts")
        path = out / f"mnist_{name}.csv.gz"
        write(study, path)
        print(f"{path}: {study.provenance['seconds']} seconds of training")


if __name__ == "__main__":
    main(sys.argv[1:])
