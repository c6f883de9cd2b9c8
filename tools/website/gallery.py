"""The sweep gallery: what `lecture sweep` makes, with the sweeps that lie under build/sweeps."""

import re
from pathlib import Path

FOLDER = Path("build") / "sweeps"
TEXT = """# Sweep gallery

*Run many jobs with different parameters* is the lecture's own recipe for a cluster. `lecture sweep` runs a
notebook once for each combination of values, goes on where it was stopped, and writes one table and one page
of pictures:

```
.venv/bin/lecture sweep 04 -p seed=0:5 -p noise_variance=0.1,0.25 --out build/sweeps/noise
```
"""
NONE = """
No sweep lies under `build/sweeps` yet. Run the line above, then `make site`: each sweep's page is linked
here.
"""


def files(root: Path) -> dict[str, bytes | Path]:
    """The page and the tables of each sweep; links to its executed notebooks, which stay, become text."""
    found: dict[str, bytes | Path] = {}
    for index in sorted((root / FOLDER).glob("*/index.html")):
        place = f"_static/sweeps/{index.parent.name}"
        page = re.sub(
            r'<a href="runs/[^"]*">(.*?)</a>', r"\1", index.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        found[f"{place}/index.html"] = page.encode()
        found |= {f"{place}/{table.name}": table for table in sorted(index.parent.glob("table.*"))}
    return found


def pages(root: Path) -> dict[str, str]:
    """The page `sweeps.md`."""
    found = [name.split("/")[-2] for name in files(root) if name.endswith("/index.html")]
    links = "".join(f'- <a href="_static/sweeps/{name}/index.html">{name}</a>\n' for name in found)
    return {"sweeps.md": TEXT + ("\n## Sweeps\n\n" + links if found else NONE)}
