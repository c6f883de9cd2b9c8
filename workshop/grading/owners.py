"""Whose a submitted file is: by its own name, by its folder's, or as portals name what they hand out."""

import re
from pathlib import Path

import yaml

from workshop.grading.names import safe_name

Source = tuple[str, Path]  # what a student's name was taken from: a folder, a file, a portal's files of one
METADATA = "submission_metadata.yml"  # in Gradescope's export: who is behind its folders submission_123
MAX_METADATA = 8 * 2**20
# How portals call what is downloaded: student, their number, perhaps the name of the file.
_PORTALS = (
    re.compile(r"(?P<name>[^_]+)_(?P<number>\d+)_assignsubmission_[a-z]+_?(?P<file>.*)"),  # Moodle
    re.compile(r".*_(?P<name>[^_]+)_attempt_\d{4}(-\d\d){5}(_(?P<file>.*))?"),  # Blackboard
    re.compile(r"(LATE_)?(?P<name>anon)_(?P<number>\w{5})_\d+_(?P<file>.*?)(-\d+)?"),  # Canvas, anonymous
    re.compile(r"(?P<name>.+?)(_LATE)?_(?P<number>\d+)_(\d+_(?P<file>.*?)(-\d+)?|text|link)"),  # Canvas
)
_SUFFIX = re.compile(r"(\.ipynb)?(\.tar)?\.[a-z0-9]{1,8}", re.IGNORECASE)


def owner(file: Path, below: tuple[str, ...], name: str) -> tuple[str, Source]:
    """The student's name, and what it was taken from.

    Args:
        file: of the submission.
        below: the parts of its path below the folder that was given; empty if it was given itself.
        name: of the assignment.
    """
    file = file.absolute()
    for depth, part in enumerate(below[:-1]):
        if part != name:
            return _named("folder", file.parents[len(below) - 2 - depth], part)
    if stem(file) == name:
        folder = next((p for p in file.parents if p.name != name), file.parent)
        return _named("folder", folder, folder.name)
    return _named("file", file, stem(file))


def stem(file: Path) -> str:
    """A file's name without what says its kind: `ada` for `ada.ipynb.txt` and `ada.tar.gz`.

    >>> from pathlib import Path
    >>> from workshop.grading import owners
    >>> owners.stem(Path("j.smith.ipynb.txt")), owners.stem(Path("hw.tar.gz")), owners.stem(Path("ada"))
    ('j.smith', 'hw', 'ada')
    """
    found = list(_SUFFIX.finditer(file.name))
    return file.name[: found[-1].start()] if found and found[-1].end() == len(file.name) else file.name


def own_stem(file: Path) -> str:
    """The same, without what a portal put in front."""
    match = next((m for p in _PORTALS if (m := p.fullmatch(stem(file)))), None)
    return (match["file"] if match else None) or stem(file)


def gradescope(folder: Path) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Of Gradescope's export: who is behind each of its folders, of each their number and e-mail address.

    Raises:
        ValueError: the file is there and is not Gradescope's.
    """
    file = folder / METADATA
    if not file.is_file():
        return {}
    found = {}
    try:
        if file.stat().st_size > MAX_METADATA:
            raise ValueError(f"{file.stat().st_size} bytes")
        for name, said in yaml.load(file.read_bytes(), yaml.CSafeLoader).items():
            behind = said[":submitters"]
            found[str(name)] = tuple(
                tuple(str(one[key]) for key in (":sid", ":email") if one.get(key)) for one in behind
            )
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} is not as Gradescope writes it: {error}") from None
    return found


def _named(kind: str, path: Path, called: str) -> tuple[str, Source]:
    for match in filter(None, (pattern.fullmatch(called) for pattern in _PORTALS)):
        if "number" not in match.re.groupindex:
            return safe_name(match["name"]), ("portal", path.with_name(match["name"]))
        raw = f"{match['name']}_{match['number']}"
        return safe_name(re.sub(r"\W", "", raw)), ("portal", path.with_name(raw))
    return safe_name(called), (kind, path)
