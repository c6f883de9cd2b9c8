"""What a sweep is about to do, and what it is at its end."""

import functools
import math
from collections import Counter
from dataclasses import dataclass
from statistics import median

import pyarrow

from workshop.notebooks import Notebook
from workshop.sweep.compare import Comparison
from workshop.sweep.folder import Result
from workshop.sweep.provenance import Inputs, marked


@dataclass(frozen=True)
class Plan:
    """What a sweep is about to do.

    Attributes:
        notebook: which.
        runs: name -> values, in the grid's order.
        known: name -> Result of those that ended before.
        earlier: seconds that earlier runs of this notebook took.
        inputs: the files that parameters name, as they were when the runs were named.
        here: versions that runs must be made with to be done, as of `provenance.versions`; None for any.
    """

    notebook: Notebook
    runs: dict[str, dict]
    known: dict[str, Result]
    earlier: list[float]
    inputs: Inputs
    here: dict[str, str] | None = None

    @functools.cached_property
    def missing(self) -> list[str]:
        """The runs that are not done; those that failed are tried anew."""
        return [name for name in self.runs if not self._done(name)]

    def _done(self, name: str) -> bool:
        result = self.known.get(name)
        if result is None or result.error is not None:
            return False
        return self.here is None or result.made_with == self.here | marked(self.files(name))

    def files(self, name: str) -> dict[str, str]:
        """Those that a run's parameters name -> hash."""
        return self.inputs.of(self._defaults | self.runs[name])

    @functools.cached_property
    def _defaults(self) -> dict:
        return self.notebook.defaults()

    def expected_seconds(self, workers: int) -> float:
        """Of wall time, from the median of the earlier runs; NaN where there are none."""
        if not self.earlier:
            return math.nan
        return math.ceil(len(self.missing) / max(1, workers)) * median(self.earlier)


@dataclass(frozen=True)
class Sweep:
    """A sweep at its end.

    Attributes:
        runs: name -> values, in the grid's order.
        results: name -> Result of those that ended, well or not.
        table: the same as a table.
        found: what a search that came to its end found and skipped; None where there was none.
        against: how it differs from another sweep; None if that was not asked for.
    """

    runs: dict[str, dict]
    results: dict[str, Result]
    table: pyarrow.Table
    found: str | None = None
    against: Comparison | None = None

    @property
    def failed(self) -> list[Result]:
        """Of the runs that failed, in the grid's order."""
        found = (self.results.get(name) for name in self.runs)
        return [result for result in found if result is not None and result.error is not None]

    @property
    def missing(self) -> int:
        """How many runs have not ended, since the budget did not reach them; none after a search."""
        return 0 if self.found else len(self.runs.keys() - self.results.keys())

    @property
    def mixture(self) -> dict[str, dict[str, int]]:
        """Packages of which runs were made with different versions -> version -> how many runs."""
        made = [self.results[name].made_with for name in self.runs if name in self.results]
        packages = sorted({package for versions in made for package in versions})
        counts = {p: Counter(versions[p] for versions in made if p in versions) for p in packages}
        return {package: dict(count) for package, count in counts.items() if len(count) > 1}
