"""The map: the README's table of slides, notebooks, library and tests, with links that work on the site."""

import re
from pathlib import Path

from tools.website import library


def pages(root: Path) -> dict[str, str]:
    """The page `map.md`.

    Raises:
        ValueError: the README has no map.
    """
    found = re.search(r"^## The map\n+((?:\|.*\n)+)", (root / "README.md").read_text(encoding="utf-8"), re.M)
    if not found:
        raise ValueError("README.md has no table under `## The map`")
    table = re.sub(r"\[([^\]]+)\]\(([^)]+)\)", lambda m: _link(root, *m.groups()), found[1])
    head = "# The map\n\nWhere each slide of the lecture is taken apart, and by which code.\n\n"
    tail = (
        "\nThe tests are not part of this site; they lie in the folder `tests/` of the project.\n"
        "Which papers stand behind which claim: [](claims.md).\n"
    )
    return {"map.md": f"{head}:::{{div}} wide-table\n\n{table}\n:::\n{tail}"}


def _link(root: Path, text: str, target: str) -> str:
    if target.startswith("notebooks/"):
        return f"[{text}]({target})"
    documented = {name for group in library.groups(root).values() for name in group["modules"]}
    module = target.removeprefix("lecturelib/").removesuffix(".py").replace("/", ".")
    if target.startswith("lecturelib/") and module in documented:
        return f"[{text}](library/{module}.rst)"
    if target.startswith("homework/"):
        return f"[{text}](homework/index.md)"
    return f"`{text}`"
