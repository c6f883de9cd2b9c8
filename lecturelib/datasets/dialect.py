"""How a text file writes its table: encoding, delimiter, names, decimal mark; found in its first lines.

A delimiter is good if it gives the lines equally many cells, and cells that look like numbers, dates or
nothing; the idea is that of CleverCSV (G. J. J. van den Burg, A. Nazabal, C. Sutton, Wrangling messy CSV
files by detecting row and type patterns, Data Mining and Knowledge Discovery 33 (2019) 1799-1820).
"""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

from lecturelib.datasets.cells import DATE, MISSING, NUMBER, mark, plain, swapped
from lecturelib.datasets.containers import decoded

ROWS = 200  # rows that are looked at
DELIMITERS = {",": 1.0, ";": 1.0, "\t": 1.0, "|": 1.0, " ": 0.9}
CALLED = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}


@dataclass(frozen=True)
class Dialect:
    """How to read a text table.

    Attributes:
        encoding: a codec of Python.
        delimiter: one character; a blank stands for any number of blanks and tabs where `blanks` is true.
        blanks: whether runs of blanks and tabs are one delimiter.
        decimal: the decimal mark, "" where no cell tells.
        names: of the columns; "" for a column without a name.
        skip: lines before the first row.
        numbers: whether each column holds numbers and missing values only, as far as was looked.
        unclear: for a column whose points might part thousands, by its position, a cell of it.
        steps: sentences, what of this is not as in a plain csv file.
    """

    encoding: str
    delimiter: str
    blanks: bool
    decimal: str
    names: list[str]
    skip: int
    numbers: list[bool]
    unclear: dict[int, str]
    steps: list[str]


def sniff(
    head: bytes, whole: bool, header: bool | None = None, delimiter: str = "", decimal: str = ""
) -> Dialect:
    r"""The dialect of a text.

    Args:
        head: its first bytes.
        whole: whether these are all.
        header: whether there is a line of names; None to find out.
        delimiter: "" to find out.
        decimal: "" to find out.

    Raises:
        ValueError: not text, or no line with two cells or more.

    Example:
        >>> from lecturelib.datasets import dialect
        >>> found = dialect.sniff(b"a;b\n1,5;2\n", whole=True)
        >>> found.delimiter, found.decimal, found.names
        (';', ',', ['a', 'b'])
    """
    encoding, text = decoded(head, whole)
    steps = [] if encoding.startswith("utf-8") else [f"The text is read as {encoding}."]
    said = re.match(r"\s*sep=(.)\r?\n", text)  # a line that Excel writes
    delimiter, rows = _delimited(text, delimiter or (said[1] if said else ""), whole)
    width = Counter(len(cells) for _, cells in rows).most_common(1)[0][0] if rows else 0
    if width < 2:
        reason = "one column found, two or more needed; if there are more, say --delimiter ';'"
        raise ValueError(reason if rows else "no rows of numbers in it; add some")
    if delimiter != ",":
        steps.append(f"Cells are separated by {CALLED.get(delimiter, repr(delimiter))}.")
    first = next(i for i, (_, cells) in enumerate(rows) if len(cells) == width)
    body = [cells for _, cells in rows[first:] if len(cells) == width]
    names, skip, first = _names(rows, body, first, header, steps)
    found = decimal or mark(cell for row in body for cell in row)
    comma = found == ","
    if comma:
        steps.append("Commas are decimal marks.")
    if first > bool(said):
        steps.append(f"{first} line(s) above the table are skipped.")
    blanks = delimiter == " " and '"' not in text
    numbers = [all(_is_number(cell, comma) for cell in column) for column in zip(*body, strict=True)]
    numbers = numbers or [True] * width
    zeros = _some_cell(r"0\d+", body, numbers)
    steps += [f"{names[j]}: {cell} begins with a zero, and is taken as a number (--category NAME if a code)."
              for j, cell in zeros.items()]  # fmt: skip
    unclear = {} if found or delimiter == "," else _some_cell(r"[^.]*\d\.\d+", body, numbers)
    return Dialect(encoding, delimiter, blanks, found, names, skip, numbers, unclear, steps)


def _names(
    rows: list[tuple[int, list[str]]], body: list[list[str]], first: int, header: bool | None,
    steps: list[str],
) -> tuple[list[str], int, int]:  # fmt: skip
    """The names of the columns, the lines before the first row, and the table's first row."""
    width = len(body[0])
    short = rows[first - 1][1] if first and header is not False else []
    if len(short) == width - 1 and not _numbers_in(short) and not _is_header(body):
        first -= 1
        trailing = not any(cells[-1] for cells in body)  # else R's row names, a column without a name
        names = [*short, ""] if trailing else ["", *short]
        skip = rows[first][0]
    elif header or (header is None and _is_header(body)):
        names, skip = body.pop(0), rows[first][0]
        if header is None and len(_numbers_in(names)) == width:
            shown = ", ".join(names[:3])
            steps.append(f"The first line, {shown}, ..., names the columns (else: --no-header).")
    else:
        names, skip = [str(number) for number in range(width)], rows[first - 1][0] if first else 0
        if header is None:
            said_so = "No line of names was found: the columns are called"
            steps.append(f"{said_so} 0 to {width - 1} (else type --header).")
    names[0] = re.sub(r"^#\s*", "", names[0])
    if all(re.fullmatch("'.+'", name) for name in names):
        names = [name[1:-1] for name in names]
    return names, skip, first


def _some_cell(pattern: str, body: list[list[str]], numbers: list[bool]) -> dict[int, str]:
    """The first such cell of each column of numbers that has one, by the column's position."""
    cells = {}
    for j, column in enumerate(zip(*body, strict=True)):
        if numbers[j] and (found := next(filter(re.compile(pattern).fullmatch, column), "")):
            cells[j] = found
    return cells


def _delimited(text: str, delimiter: str, whole: bool) -> tuple[str, list[tuple[int, list[str]]]]:
    """The delimiter (found out if it is "") and the rows that it makes."""
    tried = [(each, _rows(text, each, whole)) for each in ([delimiter] if delimiter else DELIMITERS)]
    return max(
        tried, key=lambda found: _score([cells for _, cells in found[1]]) * DELIMITERS.get(found[0], 1.0)
    )


def _is_number(cell: str, comma: bool) -> bool:
    """Whether a cell is a number as pyarrow reads it, or missing."""
    return cell in MISSING or bool(NUMBER.fullmatch(swapped(cell) if comma else cell))


def _rows(text: str, delimiter: str, whole: bool) -> list[tuple[int, list[str]]]:
    """The lines read before and with each row, and its cells; without blank lines and comments."""
    quoted = '"' in text
    if delimiter == " " and not quoted:
        lines = re.split(r"\r\n|\r|\n", text)
        found = [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]
    else:
        reader = csv.reader(io.StringIO(text, newline=None), delimiter=delimiter, skipinitialspace=True)
        found = []
        try:
            for cells in reader:
                found.append((reader.line_num, [cell.strip() for cell in cells]))
                if len(found) > ROWS:
                    break
        except csv.Error:  # a cell beyond the limit of the module: this is not the delimiter
            return []
        found = [(number, cells) for number, cells in found if any(cells) or len(cells) > 1]
    if not whole and len(found) < ROWS:
        found = found[:-1]  # the last line may be cut
    found = found[:ROWS]
    data = [k for k, (_, cells) in enumerate(found) if not cells[0].startswith("#")]
    if not data:
        return found
    # Comments are left out, but for a last one above the rows that has as many cells: np.savetxt's header.
    start = data[0]
    rows = [found[k] for k in data]
    if start and not rows[0][1][0].startswith("#"):
        number, cells = found[start - 1]
        if cells[0] == "#":
            cells = cells[1:]
        width = len(rows[0][1])
        if len(cells) == width and _votes([row for _, row in rows if len(row) == width]) <= 0:
            rows.insert(0, (number, cells))
    return rows


def _score(rows: list[list[str]]) -> float:
    """How much a delimiter makes of these rows a table, 0 to 1, and a trifle more for more columns."""
    if not rows:
        return 0.0
    width, many = Counter(map(len, rows)).most_common(1)[0]
    if width < 2:
        return 0.0
    cells = [cell for row in rows if len(row) == width for cell in row]
    typed = sum(_typed(cell) for cell in cells) / len(cells)
    return many / len(rows) * (0.3 + 0.7 * typed) * (1.0 + 1e-3 * min(width, 100))


def _typed(cell: str) -> float:
    if DATE.fullmatch(cell) or any(plain(cell, decimal) for decimal in ".,"):
        return 1.0
    return 0.9 if cell in MISSING else 0.6 if re.fullmatch(r"[\w .<>=?'&()%/+-]*", cell) else 0.0


def _numbers_in(cells: list[str]) -> list[float]:
    return [float(cell) for cell in cells if NUMBER.fullmatch(cell)]


def _is_header(body: list[list[str]]) -> bool:
    """Whether the first row names the columns below it."""
    first, below = body[0], body[1:]
    if not below:
        return not _numbers_in(first)
    numbers = _numbers_in(first)
    if numbers and numbers == [numbers[0] + k for k in range(len(numbers))]:
        if len(numbers) == len(first) and numbers[0] == 0.0 and len(numbers) > 1:
            return True  # 0, 1, 2, ...: pandas names the columns of an array so
        if len(numbers) > 2 and numbers[0] > 1000.0:
            return True  # years
    if votes := _votes(body):
        return votes > 0
    return not numbers and len(set(first)) == len(first) and all(first)


def _votes(body: list[list[str]]) -> int:
    """For and against names in the first row: columns that are numbers or dates below it."""
    first, below = body[0], body[1:]
    votes = 0
    for j, name in enumerate(first):
        column = [cells[j] for cells in below]
        if all(cell in MISSING or _typed(cell) == 1.0 for cell in column) and set(column) - MISSING:
            typed = _typed(name) == 1.0
            votes += -1 if typed else int(name not in MISSING)
        elif name in column:
            votes -= 1
    return votes
