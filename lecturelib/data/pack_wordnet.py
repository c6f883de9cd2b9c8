"""Pack the definitions of WordNet 3.0 into `lecturelib/data/wordnet.xz` as bags of words.

::

    python lecturelib/data/pack_wordnet.py /usr/share/wordnet lecturelib/data/wordnet.xz

The folder holds data.noun, data.verb, data.adj and data.adv (Debian: package wordnet-base, version 3.0-37).
The same input gives the same bytes again (with XZ Utils 5.4.1 and NumPy 2.4). `lecturelib/data/README.md`
describes the layout.
"""

import hashlib
import io
import lzma
import re
from itertools import pairwise
from pathlib import Path

import click
import numpy as np

PARTS = ("noun", "verb", "adj", "adv")
LEAST_ROWS = 2  # a word in a single definition says nothing about any other
STOP_WORDS = Path(__file__).with_name("stop_words.txt")  # names its source and licence


def words_of(text: str) -> set[str]:
    """The distinct words of a text: runs of two or more letters, digits or underscores, in lower case."""
    return set(re.findall(r"\w{2,}", text.lower(), re.ASCII))


def read(folder: Path) -> tuple[list[set[str]], list[int]]:
    """Read the four files: the words of each definition, and how many definitions each file has."""
    definitions: list[set[str]] = []
    synsets: list[int] = []
    for part in PARTS:
        before = len(definitions)
        with (folder / f"data.{part}").open(encoding="ascii") as file:
            for number, line in enumerate(file, 1):
                if line.startswith("  "):  # the licence, at the top of each file
                    continue
                _, bar, definition = line.partition(" | ")
                if not bar:
                    raise ValueError(f"{file.name}, line {number}: no definition; reinstall WordNet")
                definitions.append(words_of(definition))
        synsets.append(len(definitions) - before)
    return definitions, synsets


def stop_words() -> set[str]:
    """The English stop words, as scikit-learn lists them."""
    lines = STOP_WORDS.read_text(encoding="ascii").splitlines()
    return {word for line in lines if not line.startswith("#") for word in line.split()}


def pack(definitions: list[set[str]], synsets: list[int]) -> bytes:
    """Store, word by word, the gaps between the rows that have it: small numbers, which compress well."""
    rows: dict[str, list[int]] = {}
    for row, definition in enumerate(definitions):
        for word in definition:
            rows.setdefault(word, []).append(row)
    stop = stop_words()
    words = sorted(word for word, places in rows.items() if len(places) >= LEAST_ROWS)
    gaps = [after - before - 1 for word in words for before, after in pairwise([-1, *rows[word]])]
    gap_bytes = np.array(gaps, "<u4").view(np.uint8).reshape(-1, 4)
    file = io.BytesIO()
    np.savez(
        file,
        words=np.frombuffer("\n".join(words).encode("ascii"), np.uint8),
        is_stop_word=np.array([word in stop for word in words]),
        synsets=np.array(synsets, "<i4"),
        counts=np.array([len(rows[word]) for word in words], "<i4"),
        gap_bytes=np.ascontiguousarray(gap_bytes[:, :3].T),  # the lowest byte of every gap first
    )
    return file.getvalue()


def compress(packed: bytes) -> bytes:
    """Compress with xz, told that the data has no alignment (pb=0)."""
    tuned = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "pb": 0}
    return lzma.compress(packed, filters=[tuned])


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
def main(folder: Path, output: Path) -> None:
    """Pack data.noun, data.verb, data.adj and data.adv in FOLDER into OUTPUT."""
    content = compress(pack(*read(folder)))
    output.write_bytes(content)
    click.echo(f"{output}: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
