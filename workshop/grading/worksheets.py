"""Moodle's worksheets, which are in the language of whoever exports them, and imported in the same one."""

import re
from collections.abc import Sequence

# The date of the last grade, by which Moodle's import sees what came after; without it, it imports nothing.
# From Moodle's language packs, as `lastmodifiedgrade` of mod_assign.
MODIFIED = {
    "ca": "Darrera modificació (qualificació)",
    "de": "Zuletzt geändert (Bewertung)",
    "en": "Last modified (grade)",
    "es": "Última modificación (calificación)",
    "fr": "Dernière modification (note)",
    "gl": "Última modificación (cualificación)",
    "it": "Ultima modifica (valutazione)",
    "ja": "最終更新日時 (評定)",
    "nl": "Laatst gewijzigd (beoordeling)",
    "pt": "Última atualização (avaliação)",
    "pt_br": "Última modificação (nota)",
    "ru": "Последнее изменение (оценка)",
    "tr": "Son düzenleme (not)",
    "zh_cn": "最后修改（教师）",
    "zh_tw": "最後修改的(得分)",
}
_PARTICIPANT = re.compile(r"(\D*[^\W\d]\D*?)\s*(\d+)")  # `Participant 12`; in German without the blank


def is_one(headings: Sequence[str]) -> bool:
    """Whether these are the headings of a worksheet whose language is known."""
    return not set(MODIFIED.values()).isdisjoint(headings)


def participants(cells: Sequence[str]) -> list[str]:
    """The numbers of participants, where every cell is one word and a number; else nothing.

    >>> from workshop.grading import worksheets
    >>> worksheets.participants(["Teilnehmer/in12", "Teilnehmer/in7"]), worksheets.participants(["a1", "b2"])
    (['12', '7'], [])
    """
    matches = [m for cell in cells if (m := _PARTICIPANT.fullmatch(cell))]
    return [m[2] for m in matches] if len(matches) == len(cells) and len({m[1] for m in matches}) == 1 else []
