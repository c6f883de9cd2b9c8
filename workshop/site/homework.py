"""Homework: the pages of homework/, and the student version of each assignment, which has no solutions."""

import re
from pathlib import Path

import nbformat

from workshop.grading import release, source


def pages(root: Path) -> dict[str, str]:
    """`homework/index.md` from the README, the other Markdown files, and one notebook for each assignment."""
    folder = root / "homework"
    if not (folder / "README.md").exists():
        return {}
    made = {}
    for path in source.find(folder):
        name = path.parent.name
        student = release.student(source.read(path), name)
        student.cells = [cell for cell in student.cells if cell.source.strip()]
        made[f"homework/{name}.ipynb"] = nbformat.writes(student)
    pages = sorted(folder.glob("*.md"))
    made |= dict.fromkeys((f"homework/{path.name}" for path in pages if path.stem != "README"), "")
    for path in pages:
        name = "index" if path.stem == "README" else path.stem
        made[f"homework/{name}.md"] = _linked(path.read_text(encoding="utf-8"), made)
    names = [Path(name).stem for name in made if Path(name).stem != "index"]
    listing = "\n".join(["", "```{toctree}", ":caption: Assignments", ":maxdepth: 1", "", *names, "```", ""])
    made["homework/index.md"] += listing if names else ""
    return made


def _linked(text: str, made: dict[str, str]) -> str:
    """Links to assignments, notebooks and other pages of the site; any other file's link becomes its text."""

    def link(match: re.Match[str]) -> str:
        label, target = match.groups()
        if found := re.fullmatch(r"(\w+)/(?:source\.ipynb)?", target):
            target = f"{found[1]}.ipynb"
        if re.match(r"https?://|#|\.\./notebooks/", target) or f"homework/{target}" in made:
            return f"[{label}]({target})"
        return label

    return re.sub(r"\[([^\]\n]+)\]\(([^)\s]+)\)", link, text)
