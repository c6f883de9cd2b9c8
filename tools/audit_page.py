"""The audit as one page: every claim, what was measured, what it may be, and the mistakes that it catches."""

import html
import itertools
from collections.abc import Callable

from tools.audit_registry import Registered

STYLE = """
.audit { --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #ffffff; --good: #116329; --bad: #a40e26;
  color: var(--ink); line-height: 1.45; }
@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) .audit { --ink: #e6edf3; --soft: #a1abb6;
  --line: #3d444d; --paper: #0d1117; --good: #57c26b; --bad: #ff8c82; } }
:root[data-theme=dark] .audit { --ink: #e6edf3; --soft: #a1abb6; --line: #3d444d; --paper: #0d1117;
  --good: #57c26b; --bad: #ff8c82; }
.audit .sum { font-size: 1.15em; font-weight: 600; }
.audit .wide { overflow-x: auto; }
.audit table { border-collapse: collapse; width: 100%; min-width: 44em; font-size: .92em; }
.audit caption { text-align: left; color: var(--soft); padding-bottom: .4em; }
.audit th, .audit td { border-top: 1px solid var(--line); padding: .5em .8em .5em 0; text-align: left;
  vertical-align: top; }
.audit th[scope=row] { font-weight: 400; width: 34%; }
.audit td:nth-child(2) { width: 14%; } .audit td:nth-child(3) { width: 20%; }
.audit code { overflow-wrap: anywhere; }
.audit pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .3em 0; padding: .4em .6em;
  border-left: 3px solid var(--line); background: none; color: var(--ink); font-size: .9em; }
.audit .soft { color: var(--soft); } .audit .good { color: var(--good); } .audit .bad { color: var(--bad); }
.audit details { margin-bottom: .3em; } .audit summary { cursor: pointer; }
"""
ALONE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; }
body { background: #fff; }
a { color: #0550ae; }
@media (prefers-color-scheme: dark) { body { background: #0d1117; } a { color: #79b8ff; } }
"""
INTRODUCTION = """A claim is checked each time its notebook runs. But can the check fail? Each mistake
below was made on purpose, in a copy of the program, and the notebook run again: the check must then call the
claim false. <code>make audit</code> repeats all of it."""


def page(claims: list[Registered], report: dict, current: set[str] | None = None) -> str:
    """The audit as a page of its own, which needs no other file.

    Args:
        claims: as `audit_registry.claims_of` reads them.
        report: as `audit.py` writes it: summary, faults, provenance, runs.
        current: keys of the programs as they stand now, if that shall be said.

    Returns:
        HTML. Links lead to the pages that `make lectures` writes.
    """
    body = fragment(claims, report, lambda c: f"lectures/{c.notebook.name}.html#cell-id={c.cell}", current)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>The audit of the claims</title>\n<style>{ALONE}{STYLE}</style></head>\n"
        f"<body>\n<main>\n<h1>The audit of the claims</h1>\n{body}</main>\n</body>\n</html>\n"
    )


def fragment(
    claims: list[Registered],
    report: dict,
    link: Callable[[Registered], str] = lambda claim: claim.anchor,
    current: set[str] | None = None,
) -> str:
    """The audit as part of a page with a heading of its own; put `STYLE` into that page's style sheet.

    Args:
        claims, report, current: as for `page`.
        link: address of the cell that checks a claim.
    """
    wrong = [run for run in report["runs"] if run["old"]]
    ran = report["provenance"]
    libraries = ", ".join(f"{name} {number}" for name, number in ran["libraries"].items())
    parts = [
        f'<div class="audit">\n<p class="sum">{_text(report["summary"])}</p>\n<p>{INTRODUCTION}</p>',
        f'<p class="soft">Run on {ran["date"]}: {_text(ran["machine"])}, Python {ran["python"]}, '
        f"{_text(libraries)}; {sum(run['seconds'] for run in wrong) / 60:.0f} minutes on one core.",
    ]
    if current is not None:
        same = sum(run["key"] in current for run in report["runs"])
        parts.append(f" {same} of {len(report['runs'])} runs are of the programs as they stand now.")
    parts.append("</p>")
    if report["faults"]:
        faults = "".join(f"<li>{_text(fault)}</li>" for fault in report["faults"])
        parts.append(f'<h2>What is wrong</h2>\n<ul class="bad">{faults}</ul>')
    for notebook, own in itertools.groupby(claims, key=lambda claim: claim.notebook):
        own = list(own)
        name = f"{notebook.number} {notebook.title()}"
        parts += [
            f'<h2 id="audit-{notebook.number}">{_text(name)}</h2>',
            f'<div class="wide" role="region" tabindex="0" aria-label="Claims of {_text(name)}"><table>',
            f"<caption>Slides: {_text(own[0].slide)}</caption><thead><tr>",
            *(f'<th scope="col">{head}</th>' for head in ("Claim", "Measured", "Allowed", "Fails under")),
            "</tr></thead><tbody>",
            *(_row(claim, [run for run in wrong if claim.id in run["claims"]], link) for claim in own),
            "</tbody></table></div>",
        ]
    if report.get("seeds"):
        parts.append(_seeds(report["seeds"]))
    return "\n".join([*parts, "</div>\n"])


def _row(claim: Registered, mutants: list[dict], link) -> str:
    within = f" within {_text(claim.tolerance)}" if claim.tolerance else ""
    several = f'<br><span class="soft">closest of {claim.entries:,}</span>'
    return (
        f'<tr id="audit-{claim.id}"><th scope="row">'
        f'<a href="{_text(link(claim))}"><code>{claim.id}</code></a>'
        f'<br>{_text(claim.sentence)}<br><span class="soft">in: {_text(claim.heading)}</span></th>'
        f"<td>{_text(claim.measured)}{several if claim.entries > 1 else ''}</td>"
        f"<td>{claim.relation} {_text(claim.expected)}{within}"
        f'<br><span class="soft">{_text(claim.because)}</span></td>'
        f"<td>{''.join(_mutant(claim, run) for run in mutants) or _verdict(False, 'no mutant')}</td></tr>"
    )


def _mutant(claim: Registered, run: dict) -> str:
    killed = claim.id not in run["missed"]
    where = "the notebook" if run["file"] == "notebook" else f"<code>{_text(run['file'])}</code>"
    with_parameters = ", ".join(f"{name} = {value}" for name, value in run["parameters"].items())
    return (
        f"<details><summary>{_verdict(killed, 'fails' if killed else 'HOLDS')}: {_text(run['why'])}</summary>"
        f"In {where}, {run['seconds']:.0f} s{_text('; ' + with_parameters if with_parameters else '')}:"
        f"<pre>{_text(run['old'])}</pre>becomes<pre>{_text(run['new']) or '(nothing)'}</pre></details>"
    )


def _verdict(good: bool, word: str) -> str:
    return f'<span class="{"good" if good else "bad"}">{"✓" if good else "✗"} {word}</span>'


def _seeds(seeds: list[dict]) -> str:
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Claim", "Held", "Predicted"))
    rows = "".join(
        f'<tr><th scope="row"><code>{row["claim"]}</code></th><td>{row["held"]} of {row["seeds"]}</td>'
        f"<td>{_text(row['predicted'])}</td></tr>"
        for row in seeds
    )
    return (
        '<h2 id="audit-seeds">Seeds that nobody looked at</h2>\n<p>The notebooks were run at other seeds '
        "than they were written with. How often a true claim of chance holds is what its tolerance "
        'says.</p>\n<div class="wide" role="region" tabindex="0" aria-label="Claims at other seeds"><table>'
        f"<thead><tr>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _text(value) -> str:
    return html.escape(str(value), quote=True)
