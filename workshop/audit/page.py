"""The audit as one page: every claim, what was measured, what it may be, and the mistakes that it catches."""

import itertools
from typing import Any

from lecturelib import files
from workshop.audit import domains
from workshop.audit.registry import Registered
from workshop.files import TEMPLATES


def page(claims: list[Registered], report: dict[str, Any], current: set[str]) -> str:
    """The audit as a page of its own, in HTML; links lead to the pages that `make lectures` writes.

    Args:
        claims: as `registry.claims_of` reads them.
        report: as `command` writes it: summary, faults, provenance, runs, seeds.
        current: keys of the programs as they stand now.
    """
    links = {entry.claim.id: f"lectures/{entry.notebook.name}.html#cell-id={entry.cell}" for entry in claims}
    return _rendered("audit.html.j2", claims, report, links, current)


def fragment(claims: list[Registered], report: dict[str, Any]) -> str:
    """The audit as part of a page of the site, with its style and without a heading; otherwise as `page`."""
    links = {entry.claim.id: entry.anchor for entry in claims}
    return _rendered("audit_part.html.j2", claims, report, links, None)


def _rendered(
    template: str,
    claims: list[Registered],
    report: dict[str, Any],
    links: dict[str, str],
    current: set[str] | None,
) -> str:
    tried = domains.stored()
    by_notebook = itertools.groupby(claims, key=lambda entry: entry.notebook)
    return files.render(
        template,
        TEMPLATES,
        title="The audit of the claims",
        notebooks=[(notebook, list(entries)) for notebook, entries in by_notebook],
        report=report,
        wrong=[run for run in report["runs"] if run["old"]],
        links=links,
        current=current,
        domains={
            entry.claim.id: (domains.words(found), domains.picture(found, _own(entry)))
            for entry in claims
            if (found := tried.get(entry.claim.id))
        },
    )


def _own(entry: Registered) -> dict[str, Any]:
    """The parameters at which a claim's notebook is stored."""
    return {name: parameter.default for name, parameter in entry.notebook.parameters().items()}
