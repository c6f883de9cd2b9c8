"""Tables for spreadsheets, and what these and portals write: any separator, in the encodings they use."""

import codecs
import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

Table = list[list[str]]  # lines of cells, the headings first


def encoded(lines: Iterable[Iterable[object]]) -> bytes:
    """A table with nothing that a spreadsheet runs, in an encoding that it sees, and saves again so."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([[_plain(cell) for cell in line] for line in lines])
    return text.getvalue().encode("utf-8-sig")


def _plain(cell: object) -> object:
    """A cell that a spreadsheet does not run: titles and file names are not ours to trust."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def readings(file: Path) -> list[Table]:
    """The table as it reads with commas, with semicolons and with tabs, headings without white space around.

    Raises:
        ValueError: it is in none of the encodings; the message says what to do.
    """
    data = file.read_bytes()
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # a spreadsheet's "Unicode text"
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
        tables = [list(csv.reader(io.StringIO(text, newline=""), delimiter=mark)) for mark in ",;\t"]
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not in UTF-8; save it again, as 'CSV UTF-8'") from None
    except csv.Error as error:
        raise ValueError(f"{file} is no table: {error}") from None
    return [[[cell.strip() for cell in table[0]], *table[1:]] for table in tables if table]


def headed(file: Path, wanted: Mapping[str | None, str]) -> Table:
    """The table, all lines as long as the first, which has each of these headings once.

    Args:
        file: with commas, semicolons or tabs.
        wanted: heading -> the option that named it; None where none did.

    Raises:
        ValueError: a heading is not there once; the message says which option takes which.
    """
    headings, *lines = max(readings(file), key=lambda table: len(table[0]), default=[[]])
    for heading, option in wanted.items():
        if headings.count(str(heading)) != 1:
            there = ", ".join(headings)
            raise ValueError(
                f"{file} is not a table with one column {heading}; {option} takes one of {there}"
            )
    return [headings, *([*line, *[""] * len(headings)][: len(headings)] for line in lines)]
