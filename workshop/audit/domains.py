"""Where each claim holds: the notebooks run at settings beside their own, and the first that a claim fails.

    python -m workshop.audit.domains [NN ...] [--workers N]

The metadata of a notebook lists `neighbours`, parameters to try in this order; the machinery of sweeps runs
them into build/domains/NN, so that the same command goes on after an end of any kind. Of a setting, a claim
counts the parameters that its cells use; one setting may try several claims in several directions, and only
cells that these claims need are run. What came of it is site/domains.json: for each claim the settings
tried, in order, and whether it held.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from lecturelib.files import written
from workshop import notebooks
from workshop.audit import slicing
from workshop.audit.mutants import CHECK, ROOT, claim_ids, code

if TYPE_CHECKING:
    from workshop.sweep.folder import Result

STORED = ROOT / "site" / "domains.json"
Tried = list[dict[str, Any]]  # of a claim: {"setting": {...}, "holds": bool}, in order


def neighbours(notebook: notebooks.Notebook) -> list[dict[str, Any]]:
    """The settings to try, as the notebook's metadata lists them."""
    return [dict(setting) for setting in notebook.read().metadata.get("lecturelib", {}).get("neighbours", [])]


def directions(notebook: notebooks.Notebook) -> dict[str, set[str]]:
    """Claim -> the parameters that its cells use, but for seeds and files: what could change its verdict."""
    cells = code(notebook)
    sources = [cell.source for cell in cells]
    given = notebook.defaults()
    own = {name for name in given if "seed" not in name and given[name] != ""}  # "": the reader's own file
    found = {}
    for at, cell in enumerate(cells):
        for claim in CHECK.findall(cell.source):
            needed = [
                sources[number]
                for number in slicing.needed(sources, {at})
                if "checks" not in cells[number].metadata.get("tags", [])  # it uses all and changes nothing
            ]
            names = [slicing.names(source) for source in needed]
            found[claim] = own & set().union(*(cell.used | cell.later for cell in names))
    return found


def sliced(notebook: notebooks.Notebook, setting: Iterable[str]) -> notebooks.Notebook:
    """A notebook with the code alone that its claims need which these parameters could change."""
    contents, ways = notebook.read(), directions(notebook)
    cells = [cell for cell in contents.cells if cell.cell_type == "code"]
    tried = {claim for claim, names in ways.items() if names & set(setting)}
    targets = {at for at, cell in enumerate(cells) if tried & set(CHECK.findall(cell.source))}
    needed = {cells[at].id for at in slicing.needed([cell.source for cell in cells], targets)}
    contents.cells = [
        c for c in cells if c.id in needed or {"parameters", "checks"} & set(c.metadata.get("tags", []))
    ]
    return replace(notebook, data=nbformat.writes(contents).encode())


def run(notebook: notebooks.Notebook, folder: Path, workers: int) -> dict[str, Tried]:
    """Run a notebook at its neighbouring settings; for each claim those that could change its verdict.

    Args:
        notebook: which.
        folder: of its runs; what is done there is not repeated.
        workers: processes.
    """
    from workshop.sweep import execute  # here, for the pages that show domains need no dask
    from workshop.sweep.folder import Folder
    from workshop.sweep.options import Options

    results: list[tuple[dict[str, Any], Result]] = []
    for setting in neighbours(notebook):
        notebooks.check_ranges(notebook, [setting])
        grid = {name: [value] for name, value in setting.items()}
        ended = execute.run(sliced(notebook, setting), grid, Folder(folder), Options(workers))
        (result,) = ended.results.values()
        results.append((setting, result))
        said = result.error or f"{len(result.failed_claims)} claims fail"
        print(f"{notebook.number} {setting}: {said}", flush=True)
    return {claim: tried(claim, names, results) for claim, names in directions(notebook).items()}


def tried(claim: str, names: set[str], results: list[tuple[dict[str, Any], "Result"]]) -> Tried:
    """What became of one claim, in the directions that could change its verdict; each setting once."""
    found: Tried = []
    for setting, result in results:
        own = {name: value for name, value in setting.items() if name in names}
        if own and claim in result.measured and all(own != entry["setting"] for entry in found):
            found.append({"setting": own, "holds": claim not in result.failed_claims})
    return found


def words(found: Tried) -> str:
    """Where a claim holds, and the first setting tried at which it fails, on one line.

    >>> words([{"setting": {"runs": 50}, "holds": True}, {"setting": {"runs": 20}, "holds": False}])
    'holds at runs = 50; fails first at runs = 20'
    """
    said = ["; ".join(setting(entry) for entry in found if entry["holds"])]
    text = f"holds at {said[0]}" if said[0] else "holds at the notebook's own parameters only"
    first = next((entry for entry in found if not entry["holds"]), None)
    return f"{text}; fails first at {setting(first)}" if first else text


def setting(entry: dict[str, Any]) -> str:
    """A setting in words."""
    return ", ".join(f"{name} = {value}" for name, value in entry["setting"].items())


def picture(found: Tried, own: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Rows of the picture of a domain: a direction, and its values in order, each with what became of it.

    Args:
        found: what was tried.
        own: the notebook's own parameters, at which the claim holds.

    >>> picture([{"setting": {"runs": 20}, "holds": False}], {"runs": 400})
    [('runs', [('20', 'fails'), ('400', 'own')])]
    """
    rows: dict[str, list[tuple[Any, str]]] = {}
    for entry in found:
        name, value = ", ".join(entry["setting"]), list(entry["setting"].values())
        rows.setdefault(name, [([own[part] for part in entry["setting"]], "own")])
        rows[name].append((value, "holds" if entry["holds"] else "fails"))
    return [
        (name, [(", ".join(map(str, value)), state) for value, state in sorted(row, key=lambda at: at[0])])
        for name, row in rows.items()
    ]


def silent(found: Tried, domain: str) -> list[str]:
    """The parameters that make a claim fail and that its own words do not name.

    Args:
        found: what was tried.
        domain: the claim's words on it.

    >>> silent([{"setting": {"runs": 20}, "holds": False}], "needs a rate below 0.2")
    ['runs']
    """
    failing = {name for entry in found if not entry["holds"] for name in entry["setting"]}
    return sorted(name for name in failing if not re.search(rf"\b{name}\b", domain))


def stored(path: Path = STORED) -> dict[str, Tried]:
    """Claim -> what was tried, as stored; empty if nothing is."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def main() -> int:
    """Try the notebooks that the command line names, all with neighbours if none is named, and store it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("numbers", nargs="*", help="of the notebooks")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    for notebook in filter(neighbours, notebooks.select(options.numbers)):
        found = run(notebook, ROOT / "build" / "domains" / notebook.number, options.workers)
        others = {claim: entry for claim, entry in stored().items() if claim not in claim_ids(notebook)}
        with written(STORED) as part:
            text = json.dumps(dict(sorted({**others, **found}.items())), indent=1)
            part.write_text(text + "\n", encoding="utf-8")
        for claim, entry in found.items():
            print(f"{claim}: {words(entry)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
