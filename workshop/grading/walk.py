"""All files of a class, as they lie there: whatever their names, however deep, and nobody's left out."""

import os
from collections.abc import Iterator
from pathlib import Path

from workshop.grading import owners

MAX_DEPTH = 100  # of folders
NOTEBOOK = ".ipynb"
# What systems and portals put beside submissions.
CLUTTER = {"__MACOSX", ".ipynb_checkpoints", ".DS_Store", "Thumbs.db", "desktop.ini", owners.METADATA}
Found = tuple[Path, tuple[str, ...], str | None]


def is_notebook(name: str) -> bool:
    """Whether a file says that it is a notebook."""
    return name.lower().endswith(NOTEBOOK)


def files(path: Path, results: Path | None = None) -> Iterator[Found]:
    """Each file at or below a path, but for the folder `results`: the parts below it, and why it is unread.

    Raises:
        FileNotFoundError: the path does not exist.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if not path.is_dir():
        yield path, (), None
        return
    waiting: list[tuple[str, ...]] = [()]
    while waiting:  # no recursion: a student's folders may be nested without end
        parts = waiting.pop()
        listed, problem = _listed(path.joinpath(*parts), len(parts))
        if problem:
            below = (*parts, f"unread{NOTEBOOK}")
            yield path.joinpath(*below), below, problem
        elif len(parts) == 1 and not listed:
            below = (*parts, "an empty folder")
            yield path.joinpath(*below), below, None
        for entry, is_folder in listed:
            below = (*parts, entry)
            if not is_folder or is_notebook(entry):
                yield path.joinpath(*below), below, None
            if is_folder and not (results and results.absolute() == path.joinpath(*below).absolute()):
                waiting.append(below)


def _listed(folder: Path, depth: int) -> tuple[list[tuple[str, bool]], str | None]:
    """What a folder holds, and which of it are folders; or why that is nothing."""
    try:
        if depth > MAX_DEPTH:
            raise OSError("folders are nested too deep")
        with os.scandir(folder) as entries:
            listed = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    except OSError:
        if depth == 0:
            raise
        return [], "A folder is nested too deep, or cannot be read."
    kept = [entry for entry in listed if entry[0] not in CLUTTER and not entry[0].startswith("._")]
    return kept, None
