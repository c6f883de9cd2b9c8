"""Pack the glosses of WordNet 3.0 into `lecturelib/data/wordnet.xz`: definitions and examples, as written.

::

    python lecturelib/data/pack_wordnet.py /usr/share/wordnet lecturelib/data/wordnet.xz

The folder holds data.noun, data.verb, data.adj and data.adv (Debian: package wordnet-base, version 3.0-37).
The same input gives the same bytes again (with XZ Utils 5.4.1). `lecturelib/data/README.md` describes the
layout.
"""

import hashlib
import lzma
from pathlib import Path

import click

PARTS = ("noun", "verb", "adj", "adv")


def pack(folder: Path) -> bytes:
    """The glosses of the four files, each ended by a line feed, with a form feed between the files."""
    parts = []
    for part in PARTS:
        glosses = []
        with (folder / f"data.{part}").open(encoding="ascii") as file:
            for number, line in enumerate(file, 1):
                if line.startswith("  "):  # the licence, at the top of each file
                    continue
                _, bar, gloss = line.partition(" | ")
                if not bar:
                    raise ValueError(f"{file.name}, line {number}: no definition; reinstall WordNet")
                glosses.append(gloss.strip() + "\n")
        parts.append("".join(glosses))
    return "\f".join(parts).encode("ascii")


def compress(packed: bytes) -> bytes:
    """Compress with xz, told that the data is text without alignment (lc=4, pb=0)."""
    tuned = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "pb": 0}
    return lzma.compress(packed, filters=[tuned])


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
def main(folder: Path, output: Path) -> None:
    """Pack data.noun, data.verb, data.adj and data.adv in FOLDER into OUTPUT."""
    content = compress(pack(folder))
    output.write_bytes(content)
    click.echo(f"{output}: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
