"""The map: the README's table of slides, notebooks, library, homework, with links that work on the site."""

import re
from pathlib import Path


def pages(root: Path) -> dict[str, str]:
    """The page `map.md`.

    Raises:
        ValueError: the README has no map.
    """
    found = re.search(r"^## The map\n+((?:\|.*\n)+)", (root / "README.md").read_text(encoding="utf-8"), re.M)
    if not found:
        raise ValueError("README.md has no table under `## The map`")
    rows = [row.split("|") for row in found[1].splitlines()]
    table = "\n".join("|".join(row[:4] + row[5:]) for row in rows)  # without the tests, which have no page
    table = re.sub(r"\[([^\]]+)\]\(([^)]+)\)", lambda m: _link(root, *m.groups()), table)
    head = "# The map\n\nWhere each slide of the lecture is taken apart, and by which code.\n\n"
    tail = "Which papers stand behind which claim: [](claims.md).\n"
    return {"map.md": f"{head}{table}\n\n{tail}"}


def homework(number: str, root: Path) -> list[tuple[str, str]]:
    """Label and folder of the assignments that the map names beside a notebook."""
    text = (root / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\|.*\(notebooks/{number}_.*$", text, re.MULTILINE)
    return re.findall(r"\[(\w+)\]\(homework/(\w+)/", row[0]) if row else []


def documented(root: Path) -> set[str]:
    """The modules that have a page: those that site/library/index.md lists."""
    index = (root / "site" / "library" / "index.md").read_text(encoding="utf-8")
    return set(re.findall(r"^   (lecturelib\.[\w.]+)$", index, re.MULTILINE))


def _link(root: Path, text: str, target: str) -> str:
    if target.startswith("notebooks/"):
        return f"[{text}]({target})"
    module = target.removesuffix(".py").replace("/", ".")
    if module in documented(root):
        return f"[{text}](library/{module}.rst)"
    if target.startswith("homework/"):
        return f"[{text}]({target.replace('/source.ipynb', '.ipynb')})"
    return f"`{text}`"
