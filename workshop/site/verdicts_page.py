"""Published sentences, judged: source, verdict, and the number it rests on, as notebook 12 has left them."""

import math
import re
from pathlib import Path

from lecturelib import records, verdicts
from workshop import notebooks

HEAD = """# Published claims, judged

What has been written on batch size, momentum, schedules and asynchrony since the lecture, put first in the
setting that its authors had in mind, as near as the square loss comes to it. Every verdict rests on a number
that [notebook {number}](notebooks/{file}) computes, with the bounds within which it must be: outside of them
its last claim fails. What papers since 2022 say was looked up in their abstracts, older ones are cited as
they are known; no number of theirs was reproduced blind. A sentence about language models is
*not testable here*.

{count} verdicts on {papers} papers:
"""


def key(source: str) -> str:
    """The reference of a source in site/references.bib: first author and year.

    >>> key("Ma, Bassily, Belkin 2018")
    'ma2018'
    """
    return re.sub(r"^(\w+).* (\d{4})$", r"\1\2", source).lower()


def pages(root: Path) -> dict[str, str]:
    """The page `verdicts.md`; none where no notebook has left verdicts."""
    for notebook in notebooks.find(root / "notebooks"):
        if found := verdicts.read(notebook.read()):
            papers = len({verdict.source for verdict in found})
            head = HEAD.format(
                number=notebook.number, file=notebook.path.name, count=len(found), papers=papers
            )
            return {"verdicts.md": "\n".join([head, *map(_lines, found)]) + "\n"}
    return {}


def _lines(verdict: verdicts.Verdict) -> str:
    bounds = [
        f"{words} {records.number(bound)}"
        for words, bound in (("at least", verdict.least), ("at most", verdict.most))
        if math.isfinite(bound)
    ]
    sentence, ours = (
        (text[:1].upper() + text[1:]).replace("*", "\\*") for text in (verdict.sentence, verdict.ours)
    )
    return (
        f"- {sentence}, {{cite:t}}`{key(verdict.source)}`. **{verdict.verdict}.**  \n"
        f"  {ours}: {records.number(verdict.number)}; the verdict needs {', '.join(bounds)}."
    )
