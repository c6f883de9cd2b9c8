"""The sweep gallery: what `lecture sweep` makes, with the sweeps that lie under build/sweeps."""

from pathlib import Path

FOLDER = Path("build") / "sweeps"
TEXT = """# Sweep gallery

*Run many jobs with different parameters* is the lecture's own recipe for a cluster. `lecture sweep` runs a
notebook over a grid of its parameters, resumes where it was stopped, and writes one table and one page of
pictures:

```
.venv/bin/lecture sweep 08 -p hidden=50,100 -p seeds=0,1,2 --out build/sweeps/width
```
"""
NONE = """
No sweep lies under `build/sweeps` yet. Run the line above, then `make site`: each sweep's page is linked
here.
"""


def files(root: Path) -> dict[str, Path]:
    """The pages of the sweeps found, and what they show: path on the site -> file."""
    return {
        f"_static/sweeps/{path.relative_to(root / FOLDER)}": path
        for index in sorted((root / FOLDER).glob("*/index.html"))
        for path in sorted(index.parent.iterdir())
        if path.suffix in (".html", ".csv", ".png", ".svg")
    }


def pages(root: Path) -> dict[str, str]:
    """The page `sweeps.md`."""
    found = [name.split("/")[-2] for name in files(root) if name.endswith("/index.html")]
    links = "".join(f'- <a href="_static/sweeps/{name}/index.html">{name}</a>\n' for name in found)
    return {"sweeps.md": TEXT + ("\n## Sweeps\n\n" + links if found else NONE)}
