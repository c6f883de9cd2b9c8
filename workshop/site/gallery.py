"""The sweep gallery: the sweep that is stored with the lecture, and those that lie under build/sweeps.

python -m workshop.site.gallery     # runs the stored sweep (or what is missing of it) and stores it again
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from workshop import checkout

STORED = Path("site") / "sweeps"
OWN = Path("build") / "sweeps"
NAME = "noise"
EXAMPLE = f"_static/sweeps/{NAME}/index.html"
NOTEBOOK, GRID = "04", ("noise_variance=0.1,0.25,1.0", "seed=0:3")
VALUES = [word for each in GRID for word in ("-p", each)]
LINE = shlex.join(["lecture", "sweep", NOTEBOOK, *VALUES, "--out", f"{OWN}/{NAME}"])
TEXT = f"""# Sweep gallery

*Run many jobs with different parameters* is the lecture's own recipe for a cluster. `lecture sweep` runs a
notebook once for each combination of values, goes on where it was stopped, and writes one table and one page
of pictures. Notebook 04 at three levels of label noise, with three seeds each:

```
.venv/bin/{LINE}
```

Out comes <a href="{EXAMPLE}">this page</a>: every number against every parameter, one
figure of each run, and the table. With `--figure 2` it shows another figure, with `--against FOLDER` how two
sweeps differ; `--search NAME` runs only what finds the least of what is recorded under that name.
"""
NONE = "Run a line like the one above, then `make site`: each sweep under `build/sweeps` is linked here.\n"


def files(root: Path, folders: tuple[Path, ...] = (STORED, OWN)) -> dict[str, bytes | Path]:
    """The page and the tables of each sweep; links to its executed notebooks, which stay, become text."""
    found: dict[str, bytes | Path] = {}
    for folder in folders:
        for index in sorted((root / folder).glob("*/index.html")):
            place = f"_static/sweeps/{'own/' if folder == OWN else ''}{index.parent.name}"
            page = re.sub(
                r'<a href="runs/[^"]*">(.*?)</a>', r"\1", index.read_text(encoding="utf-8"), flags=re.DOTALL
            )
            found[f"{place}/index.html"] = page.encode()
            found |= {f"{place}/{table.name}": table for table in sorted(index.parent.glob("table.*"))}
    return found


def pages(root: Path) -> dict[str, str]:
    """The page `sweeps.md`."""
    own = [name for name in files(root, (OWN,)) if name.endswith("/index.html")]
    links = "".join(f'- <a href="{name}">{Path(name).parent.name}</a>\n' for name in own)
    return {"sweeps.md": f"{TEXT}\n## Your own\n\n{links or NONE}"}


def store(root: Path) -> None:
    """Run the stored sweep and put its page and tables under site/sweeps.

    Raises:
        CalledProcessError: not all of its runs are done; what is stored is left as it was.
    """
    line = [sys.executable, "-m", "workshop.cli", *shlex.split(LINE)[1:]]
    subprocess.run(line, cwd=root, check=True)
    own = root / OWN / NAME
    for made in (own / "index.html", *own.glob("table.*")):
        shutil.copy(made, root / STORED / NAME)


if __name__ == "__main__":
    store(checkout.root())
