"""Where the lecture's own files lie: found from the current folder; the package may lie anywhere."""

from pathlib import Path


class NoCheckout(FileNotFoundError):
    """The current folder is in no checkout of the lecture, and the lecture's own files are needed."""


def find() -> Path | None:
    """The checkout around the current folder, or None outside of one.

    >>> find() is None or (find() / "notebooks").is_dir()
    True
    """
    here = Path.cwd()
    marks = ("notebooks", "homework", "lecturelib", "workshop")
    return next((f for f in (here, *here.parents) if all((f / mark).is_dir() for mark in marks)), None)


def root() -> Path:
    """The checkout around the current folder.

    Raises:
        NoCheckout: there is none.
    """
    found = find()
    if found is None:
        raise NoCheckout(
            f"{Path.cwd()} is in no checkout of the lecture, which has the lecture's notebooks and homework;"
            " go to one, or name a notebook of your own by its path"
        )
    return found


def results(name: str) -> Path:
    """The folder for results of this name: below build/ of the checkout, else in the current folder.

    >>> results("lectures").name
    'lectures'
    """
    found = find()
    return (found / "build" if found else Path.cwd()) / name
