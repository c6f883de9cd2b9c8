"""A search of a grid: successive halving over seeds, on a net of cells that is refined where it is best.

A cell is a combination of all parameters but the seeds. The first rung is every cell with one seed; where
that is too much, a net: of each parameter with three numbers or more, every second value, or every fourth,
and so on. Rungs then halve the mesh beside the best cells; after that, they halve the cells and double their
seeds, until the last ones have all. Which runs a rung has follows from the results of those before: so a
search that was stopped goes on from there.
"""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from lecturelib.claims import number
from workshop.sweep.groups import is_number, repeats
from workshop.sweep.parameters import combinations

SHARE, FEWEST = 0.3, 8  # of the grid's runs; but so many runs in any case

Cell = tuple[int, ...]  # for each parameter, the place of its value; of numbers, in their order


class Search:
    """A search for the cell whose runs have the least mean.

    Args:
        grid: parameter -> its values.
        value: of a run with these values; infinity where it failed.

    Raises:
        ValueError: the grid has one cell.

    >>> from workshop.sweep.search import Search
    >>> grid = {"rate": [0.1, 0.2, 0.4, 0.8, 1.6], "seed": [*range(8)]}
    >>> search = Search(grid, lambda run: abs(run["rate"] - 0.4) + 0.01 * run["seed"])
    >>> [len(runs) for runs in search.rungs()], search.best
    ([5, 2, 2, 4], {'rate': 0.4})
    """

    def __init__(self, grid: Mapping[str, list], value: Callable[[dict], float]):
        self._value = value
        axes = {name: values for name, values in grid.items() if not repeats(name)}
        self._long = [len(v) > 2 and all(is_number(x) for x in v) for v in axes.values()]
        self._axes = {
            name: sorted(values) if long else values
            for (name, values), long in zip(axes.items(), self._long, strict=True)
        }
        self._seeds = combinations({name: values for name, values in grid.items() if repeats(name)})
        self.cells = math.prod(map(len, axes.values()))
        if self.cells < 2:
            raise ValueError("a search needs a parameter with two values or more besides the seeds")
        self._left = max(FEWEST, int(SHARE * self.cells * len(self._seeds)))
        self._seen: dict[Cell, int] = {}  # cell -> how many seeds it has

    def rungs(self) -> Iterator[list[dict]]:
        """The runs of each rung, as values; a rung is asked for when those before have their values."""
        mesh = 1
        while len(self._net(mesh)) > self._left / 2 and mesh < max(map(len, self._axes.values())):
            mesh *= 2
        halvings, doublings = mesh.bit_length() - 1, (len(self._seeds) - 1).bit_length()
        stages = halvings + doublings
        yield self._more(self._net(mesh), 1)
        for stage in range(halvings):
            mesh //= 2
            yield self._more(self._beside(mesh, self._left // (stages - stage)), 1)
        kept = self._ranked(list(self._seen))
        for stage in range(doublings):
            has = self._seen[kept[0]]
            seeds = min(2 * has, len(self._seeds))
            affordable = self._left // (doublings - stage) // (seeds - has)
            kept = kept[: max(1, min(math.ceil(len(kept) / 2), affordable))]
            yield self._more(kept, seeds)
            kept = self._ranked(kept)

    @property
    def best(self) -> dict:
        """The values of the best of the cells that have most seeds."""
        return self._values(self._best())

    def said(self, name: str, sign: int) -> str:
        """What was found, and what was skipped.

        Args:
            name: of what was searched for.
            sign: -1 where the values are its negative.
        """
        counts, best, seeds = Counter(self._seen.values()), self._best(), len(self._seeds)
        values = ", ".join(f"{axis} = {value}" for axis, value in self._values(best).items())
        done, runs = sum(has * count for has, count in counts.items()), self.cells * seeds
        with_seeds = ", ".join(f"{count:,} with {has:,}" for has, count in sorted(counts.items()))
        return (
            f"The {'least' if sign == 1 else 'greatest'} {name} found is"
            f" {number(sign * self._mean(best))}, at {values}, the mean over {self._seen[best]:,} of"
            f" {seeds:,} seeds. That took {done:,} of {runs:,} runs ({done / runs:.0%}). Of"
            f" {self.cells:,} combinations {self.cells - len(self._seen):,} were not run; {with_seeds} of"
            f" {seeds:,} seeds were. What is best only in skipped runs is missed."
        )

    def _best(self) -> Cell:
        most = max(self._seen.values())
        return self._ranked([cell for cell, seeds in self._seen.items() if seeds == most])[0]

    def _mean(self, cell: Cell) -> float:
        seeds = self._seeds[: self._seen[cell]]
        return sum(self._value(self._values(cell) | seed) for seed in seeds) / len(seeds)

    def _values(self, cell: Cell) -> dict:
        return {name: values[at] for (name, values), at in zip(self._axes.items(), cell, strict=True)}

    def _net(self, mesh: int) -> list[Cell]:
        axes = zip(self._axes.values(), self._long, strict=True)
        return list(itertools.product(*(range(0, len(v), mesh if long else 1) for v, long in axes)))

    def _ranked(self, cells: list[Cell]) -> list[Cell]:
        return sorted(cells, key=self._mean)

    def _beside(self, mesh: int, most: int) -> list[Cell]:
        steps = [(0, -mesh, mesh) if long else (0,) for long in self._long]
        inside = [range(len(values)) for values in self._axes.values()]
        found: dict[Cell, None] = {}
        for cell in self._ranked(list(self._seen)):
            for step in itertools.product(*steps):
                other = tuple(at + by for at, by in zip(cell, step, strict=True))
                if other not in self._seen and all(map(range.__contains__, inside, other)):
                    found[other] = None
        return list(found)[:most]

    def _more(self, cells: list[Cell], seeds: int) -> list[dict]:
        runs = [self._values(c) | seed for c in cells for seed in self._seeds[self._seen.get(c, 0) : seeds]]
        self._seen |= dict.fromkeys(cells, seeds)
        self._left -= len(runs)
        return runs
