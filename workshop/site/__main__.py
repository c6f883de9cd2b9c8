"""Build the reader's site: `python -m workshop.site [--out build/site]`."""

import argparse
import sys
from pathlib import Path

from workshop.site import build

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "--out", type=Path, default=build.ROOT / "build" / "site", help="folder of the finished site"
)
arguments = parser.parse_args()
try:
    seconds = build.build(arguments.out)
except build.BuildFailed as error:
    sys.exit(str(error))
print(f"Site: {arguments.out / 'index.html'} ({seconds:.0f} s)")
