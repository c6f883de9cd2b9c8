"""Who is in a group: from a portal's list of groups, or from Gradescope's export."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.grading import owners, tables
from workshop.grading.names import in_one_case, safe_name


@dataclass(frozen=True)
class Group:
    """One group.

    Args:
        name: what its file may be named after; so it may be after one of its members.
        members: of each, what may stand in the gradebook for them.
    """

    name: str
    members: tuple[tuple[str, ...], ...]


def read(file: Path, identity: str, group: str) -> list[Group]:
    """The groups of a table with a line for each student.

    Args:
        file: CSV with a line of headings: Canvas's list of groups, or Moodle's worksheet itself.
        identity: heading of the column that has what the gradebook's column of identities has.
        group: heading of the column that names the groups; empty for whoever is in none.

    Raises:
        ValueError: not a CSV file with both headings; the message lists those that there are.
    """
    headings, *lines = tables.headed(file, {group: "--groups", identity: "--groups"})
    own, place = headings.index(identity), headings.index(group)
    found: dict[str, list[tuple[str, ...]]] = {}
    for line in lines:
        if line[own].strip() and line[place].strip():
            found.setdefault(line[place].strip(), []).append((line[own].strip(),))
    return [Group(name, tuple(members)) for name, members in found.items()]


def handed_in(paths: Iterable[Path]) -> list[Group]:
    """The groups that Gradescope's export, wherever it is among the paths, says of its folders."""
    exported = [owners.gradescope(path) for path in paths if path.is_dir()]
    return [Group(name, who) for said in exported for name, who in said.items() if len(who) > 1]


def people(student: str, keys: set[str], groups: Sequence[Group]) -> dict[str, set[str]]:
    """Everybody whose mark a submission's is: what they are called, and what may stand in their line.

    Of whoever is in no group, that are the keys.

    Raises:
        ValueError: the submission is of several groups.
    """
    of = [g for g in groups if any(keys & compared(who) for who in ((g.name,), *g.members))]
    if len(of) > 1:
        raise ValueError(f"{student} is in {len(of)} groups: {', '.join(g.name for g in of)}")
    if not of:
        return {student: keys}
    return {f"{student}, {'/'.join(who) or 'somebody'}": compared(who) for who in of[0].members}


def compared(names: Iterable[str]) -> set[str]:
    """Names as they are compared with a student's."""
    return {in_one_case(safe_name(name)) for name in names}
