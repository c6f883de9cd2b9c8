"""A checked claim and how it reads: a line for programs and terminals, a badge that wraps for readers.

The badge is plain HTML, the same in notebook, lecture pages, slides and site. Without the page's style
sheet, in JupyterLab say, the few styles written here do; they take the page's own colours, so they are right
by day and by night.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from lecturelib.records import number

SITE = "https://lecturelib.github.io/optimization-for-big-data/"
HOLDS, FAILS = "#2da44e", "#cf222e"  # 3 to 1 on white and on black
_BOX = "border-left: 3px solid {}; margin: 0.3em 0; overflow-wrap: anywhere; padding: 0.1em 0.7em"


@dataclass(frozen=True)
class Claim:
    """One checked claim; of an array, the entry that came closest to failing (or failed worst).

    The arguments of `check` say what most fields are; `relation` is "expected", "at most" or "at least",
    `entries` counts the numbers compared, `each` are those measured if there are several but not too many to
    keep, and `verdict` is whether the claim holds.
    """

    id: str
    sentence: str
    measured: float
    relation: str
    expected: float
    tolerance: float
    because: str
    entries: int = 1
    stable: bool = True
    verdict: bool = True
    setting: str = ""
    domain: str = ""
    each: tuple[float, ...] = ()

    def _ipython_display_(self) -> None:
        """Nothing: `check` has shown its line, and nbval's kernel shows a value in spite of a semicolon."""

    @property
    def printed(self) -> tuple[str, str, str]:
        """What was measured, what was expected and the tolerance as text; the tolerance is "" if it is 0."""
        error = self.tolerance or None
        measured, expected = (number(x, error, stable=self.stable) for x in (self.measured, self.expected))
        return measured, expected, number(error, digits=2, stable=self.stable) if error else ""

    @property
    def line(self) -> str:
        """The claim on one line; of one that fails, the exact numbers too."""
        if self.verdict:
            return f"claim {self.id} holds: {self.sentence} [{self}]"
        exactly = (
            f"measured {self.measured!r}, {self.relation} {self.expected!r}, tolerance {self.tolerance!r}"
        )
        known = f"; {self.domain}" if self.domain else ""
        said = f"claim {self.id} does not hold at these parameters: {self.sentence}"
        return f"{said} [{self}; exactly: {exactly}{known}]"

    def __str__(self) -> str:
        measured, expected, tolerance = self.printed
        closest = f"closest of {self.entries}: " if self.entries > 1 else ""
        within = f" within {tolerance}" if tolerance else ""
        return f"{closest}measured {measured}, {self.relation} {expected}{within} ({self.because})"


def badge(claim: Claim, caught: Iterable[str] = (), site: str = SITE) -> str:
    """A claim as HTML: sentence, both numbers, where the tolerance comes from, the setting; folded: the rest.

    Args:
        claim: checked.
        caught: wrong programs that it catches, each in words; without them, a link to where they are.
        site: where the lecture's site begins, ending in a slash: an address, or a path from the page.

    >>> from lecturelib import badges, claims
    >>> claim = claims.check("04.five", "Odd.", measured=1, equals=1, because="arithmetic", record=False)
    >>> "Measured 1, expected 1: arithmetic" in badges.badge(claim)
    True
    """
    sign = "✓" if claim.verdict else "✗ does not hold at these parameters:"
    setting = f"; {escape(claim.setting)}" if claim.setting else ""
    link = f'<a href="{escape(site)}audit.html#audit-{claim.id}">'
    programs = list(caught)
    count = f"{len(programs)} wrong program{'' if len(programs) == 1 else 's'}"
    mistakes = (
        f"Caught: {link}{count}</a>: {escape('; '.join(programs))}."
        if programs
        else f"{link}Wrong programs that it catches</a>."
    )
    domain = f"<p>At other settings: {escape(claim.domain)}.</p>" if claim.domain else ""
    color = HOLDS if claim.verdict else FAILS
    return (
        f'<details class="lecture-claim" style="{_BOX.format(color)}"{"" if claim.verdict else " open"}>'
        f"<summary><b>{sign}</b> {escape(claim.sentence)} <small>{numbers(claim)}: "
        f"{escape(claim.because)}{setting}</small></summary>"
        f"{domain}<p><code>{claim.id}</code> {mistakes}</p></details>"
    )


def numbers(claim: Claim) -> str:
    """What was measured and what it should be, as HTML: "Measured 0.496, expected 0.500 ± 0.020"."""
    measured, expected, tolerance = claim.printed
    sign = {"expected": "±", "at most": "+", "at least": "&minus;"}[claim.relation]
    closest = f" (closest of {claim.entries:,})" if claim.entries > 1 else ""
    within = f" {sign}&nbsp;{tolerance}" if tolerance else ""
    return f"Measured {measured}, {claim.relation} {expected}{within}{closest}"


def summary(text: str, claims: Iterable[Claim]) -> str:
    """A summary of claims as HTML: its text, folded below it a line for each; open where one is false.

    Args:
        text: of the summary.
        claims: in order.
    """
    found = list(claims)
    good = all(claim.verdict for claim in found)
    lines = "".join(
        f"<li>{'✓' if claim.verdict else '<b>✗ does not hold:</b>'} {escape(claim.sentence)} "
        f"<small>{numbers(claim)}</small></li>"
        for claim in sorted(found, key=lambda claim: claim.verdict)
    )
    return (
        f'<details class="lecture-claim" style="{_BOX.format(HOLDS if good else FAILS)}"'
        f"{'' if good else ' open'}><summary><b>{escape(text)}</b></summary><ul>{lines}</ul></details>"
    )
