"""What a student's notebook says of its assignment, so that it can be checked where the source is not."""

import hashlib
from typing import Any

from workshop.grading.answers import Cell
from workshop.grading.assignment import Assignment, Coded, Item
from workshop.grading.questions import Question

KEY = "outline"  # in the notebook's metadata, below `lecturelib`
LIMITS = ("seconds", "memory_mb", "threads")


def of(work: Assignment) -> dict[str, Any]:
    """The outline: questions and limits, the code that runs before answers, and hashes of what was given."""
    items = []
    for item in work.items:
        said: dict[str, Any] = {"id": item.id, "title": item.title, "points": item.points}
        if isinstance(item, Coded):
            said |= {name: getattr(item.question, name) for name in ("function", *LIMITS)}
        items.append(said)
    given = {name: _hash(text) for name, text in work.given.items()}
    return {
        "items": items,
        "setup": list(work.setup),
        "given": given,
        "prose": sorted(map(_hash, work.prose)),
    }


def understood(name: str, said: dict[str, Any], cells: list[Cell]) -> Assignment:
    """The assignment but for its checks: as an outline tells it, and the student's cells what was given.

    Raises:
        ValueError: it is not what `of` makes.
    """
    try:
        texts = {_hash(cell.text): cell.text for cell in cells}
        return Assignment(
            name=name,
            title=name,
            items=tuple(map(_item, said["items"])),
            setup=tuple(said["setup"]),
            given={id: texts.get(digest, "") for id, digest in said["given"].items()},
            prose=tuple(texts[digest] for digest in said["prose"] if digest in texts),
            common="",
            data=(),
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"the notebook's outline of its assignment is damaged: {error!r}") from None


def _item(said: dict[str, Any]) -> Item:
    item = Item(said["id"], said["title"], said["points"], 0, "")
    if "function" not in said:
        return item
    limits = {name: said[name] for name in LIMITS}
    question = Question(said["id"], said["function"], lambda _: [], lambda _: [], "its text", **limits)
    return Coded(item.id, item.title, item.points, 0, "", question, "")


def _hash(text: str) -> str:
    return hashlib.sha256(text.strip().encode()).hexdigest()[:16]
