"""What is known of the columns of a file: names, texts that are numbers, and counts of their values."""

import re
import shlex
from dataclasses import dataclass

import numpy as np

from lecturelib.checks import check_choice
from lecturelib.datasets.cells import bare, mark, number, plain
from lecturelib.datasets.labels import meaning
from lecturelib.datasets.table_files import Source


@dataclass(frozen=True)
class Choices:
    r"""How a file is to be read where a reader wants it otherwise; the command has each as an option.

    Attributes:
        header: whether there is a line of names; None to find out.
        delimiter: between cells, "\t" or "tab" for a tab; "" to find out.
        decimal: the decimal mark, "." or ",", of columns whose cells do not tell; "" to find out.
        drop: columns to leave out.
        keep: columns to take that would be left out.
        category: columns of numbers that are codes of categories.
        positive: the class to tell from the rest.
        missing: "impute" (the mean, and a column that says where), or "leave-out" (rows with missing values).
        codes: texts and numbers that mean a missing value.
        zero_based, ignore_qid, any_order: for svmlight files, see `svmlight`.
    """

    header: bool | None = None
    delimiter: str = ""
    decimal: str = ""
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    positive: str = ""
    missing: str = "impute"
    codes: tuple[str, ...] = ()
    zero_based: bool = False
    ignore_qid: bool = False
    any_order: bool = False

    def __post_init__(self) -> None:
        check_choice("missing", self.missing, ("impute", "leave-out"))
        check_choice("decimal", self.decimal, ("", ".", ","))
        if self.delimiter in ("\\t", "tab"):
            object.__setattr__(self, "delimiter", "\t")
        if len(self.delimiter) > 1:
            raise ValueError(f"delimiter = {self.delimiter!r} is refused; give one character, such as ';'")


class Columns:
    """The columns of a source, with numbers where texts mean numbers.

    Args:
        place: of the source, for messages.
        source: its blocks are changed.
        choices: see `Choices`.

    Attributes:
        names: each once.
        steps: sentences, what was done.
        unclear: of columns whose marks part thousands or decimals, no cell tells: a cell, and the mark taken.
        rows, missing, sum, least, greatest: counts; all but rows of shape (columns,).
        whole: whether all values are whole numbers.
        by_one: whether each value is one more than that above it.
        prints: equal for equal columns of numbers, and for texts that tell the same rows apart.
    """

    def __init__(self, place: str, source: Source, choices: Choices):
        self.place, self.source, self.choices = place, source, choices
        self.names = _named(source.names)
        self.steps = list(source.steps)
        self.unclear = {j: (cell, ".") for j, cell in source.unclear.items()}
        for chosen in (*choices.drop, *choices.keep, *choices.category):
            self.position(chosen)
        self._take_out_codes()
        self.coded = source.codes | set(map(self.position, choices.category))
        for j in sorted(self.coded - source.dates):
            if j not in source.labels:
                self._take_as_labels(j)
        self._understand_labels()
        self._count()

    def position(self, name: str) -> int:
        """Where a column is; ValueError with the names of all if there is none of this name."""
        if name in self.names:
            return self.names.index(name)
        known = ", ".join(map(repr, self.names[:20]))
        more = f", ... ({len(self.names)} in all)" if len(self.names) > 20 else ""
        raise ValueError(f"{self.place}: {name!r} is not a column of it; choose one of: {known}{more}")

    def column(self, j: int) -> np.ndarray:
        """All values of a column, shape (rows,)."""
        return np.concatenate([block[:, j] for block in self.source.blocks])

    def counts(self, j: int) -> np.ndarray:
        """How often each label of a column of text occurs."""
        values = self.column(j)
        return np.bincount(values[np.isfinite(values)].astype(int), minlength=len(self.source.labels[j]))

    def whole_rows(self, used: list[int]) -> np.ndarray:
        """Which rows have a value in each of these columns."""
        return np.concatenate([np.isfinite(block[:, used]).all(axis=1) for block in self.source.blocks])

    def _take_out_codes(self) -> None:
        """What is said to mean a missing value becomes one; ValueError: it stands nowhere."""
        for code in self.choices.codes:
            value, many = number(code), 0
            for j, texts in self.source.labels.items():
                here = [k for k, text in enumerate(texts) if text.strip() == code]
                many += int(self.counts(j)[here].sum())
                self.source.labels[j] = ["" if k in here else text for k, text in enumerate(texts)]
            for block in self.source.blocks if value is not None else ():
                found = block == value
                found[:, list(self.source.labels)] = False  # positions
                many += int(found.sum())
                block[found] = np.nan
            if not many:
                remedy = "impute, leave-out or a cell of the file"
                raise ValueError(
                    f"{self.place}: {code!r} stands nowhere in it; after --missing give {remedy}"
                )
            self.steps.append(f"{code} counts as missing, in {many:,} cells.")

    def _take_as_labels(self, j: int) -> None:
        values = np.unique(self.column(j))
        values = values[np.isfinite(values)]
        for block in self.source.blocks:
            found = np.searchsorted(values, block[:, j]).astype(np.float64)
            block[:, j] = np.where(np.isfinite(block[:, j]), found, np.nan)
        self.source.labels[j] = [f"{value:.12g}" for value in values]

    def _understand_labels(self) -> None:
        """Texts that are numbers or dates become numbers; the others stay positions in labels."""
        labels, tables = self.source.labels, {}
        for j, texts in list(labels.items()):
            decimal = self._decimal(j, texts)
            found = meaning(texts, self.counts(j), j in self.coded, decimal)
            tables[j] = np.append(found.values, np.nan)
            labels[j] = found.labels
            if not found.labels:
                del labels[j]
            if found.labels or found.dates:
                self.unclear.pop(j, None)
            if found.dates:
                self.source.dates.add(j)
            if found.alike:
                typed = shlex.quote(self.names[j])
                self.steps.append(f"{self.names[j]}: {listed(found.alike)} (else: --category {typed}).")
            if found.odd:
                shown = ", ".join(map(repr, found.odd[:3])) + (", ..." if len(found.odd) > 3 else "")
                self.steps.append(
                    f"{self.names[j]}: {shown} among numbers count as missing (else: --category NAME)."
                )
        for j, (cell, decimal) in () if self.choices.decimal else sorted(self.unclear.items()):
            read, other = number(cell, decimal), {".": ",", ",": "."}[decimal]
            self.steps.append(f"{self.names[j]}: {cell} is read as {read:.12g} (else: --decimal {other}).")
        for block in self.source.blocks:
            for j, table in tables.items():
                block[:, j] = table[np.where(np.isfinite(block[:, j]), block[:, j], -1).astype(int)]

    def _decimal(self, j: int, texts: list[str]) -> str:
        """The decimal mark of a column of text: by its own cells, as it was chosen, by those of the file."""
        self.unclear.pop(j, None)
        cells = [bare(text) for text in texts]
        if found := mark(cells):
            return found
        decimal = self.choices.decimal or self.source.decimal or "."
        if cell := next((cell for cell in cells if re.search("[.,]", cell) and plain(cell, decimal)), ""):
            self.unclear[j] = cell, decimal
        return decimal

    def _count(self) -> None:
        width = len(self.names)
        self.rows, self.missing, self.sum = 0, np.zeros(width, int), np.zeros(width)
        self.least, self.greatest = np.full(width, np.inf), np.full(width, -np.inf)
        self.whole, self.by_one = np.ones(width, bool), np.ones(width, bool)
        prints = [[int(j in self.source.labels)] for j in range(width)]
        infinite, last = np.zeros(width, int), None
        for block in self.source.blocks:
            self.rows += len(block)
            infinite += np.isinf(block).sum(axis=0)
            block[np.isinf(block)] = np.nan
            missing = np.isnan(block)
            self.missing += missing.sum(axis=0)
            filled = np.where(missing, 0.0, block) if missing.any() else block
            self.least = np.fmin(self.least, np.fmin.reduce(block))
            self.greatest = np.fmax(self.greatest, np.fmax.reduce(block))
            self.whole &= (filled == np.floor(filled)).all(axis=0)
            joined = block if last is None else np.vstack([last, block])
            with np.errstate(over="ignore"):  # near 1e308: a sum is used only for the mean of missing values
                self.sum += filled.sum(axis=0)
                self.by_one &= (np.diff(joined, axis=0) == 1.0).all(axis=0)
            last = block[-1:]
            for j, column in enumerate(np.ascontiguousarray(block.T)):
                prints[j].append(hash(column.tobytes()))
        self.prints = list(map(tuple, prints))
        if infinite.any():
            named = [f"{self.names[j]} {infinite[j]:,}" for j in np.flatnonzero(infinite)]
            self.steps.append(f"Infinite values count as missing: {listed(named)}.")


def listed(names: list[str]) -> str:
    """The first six of them, and how many there are.

    >>> from lecturelib.datasets import columns
    >>> columns.listed(["a", "b"])
    'a, b'
    """
    return ", ".join(names[:6]) + (f", ... ({len(names)} in all)" if len(names) > 6 else "")


def _named(names: list[str]) -> list[str]:
    """Names without blanks around them; those without a name as pandas calls them, a second one with .1."""
    found: dict[str, None] = {}
    for j, name in enumerate(names):
        name = base = name.strip() or f"Unnamed: {j}"
        copies = 0
        while name in found:
            copies += 1
            name = f"{base}.{copies}"
        found[name] = None
    return list(found)
