"""One table of numbers, as text and as files: what the tests of readers write, and read again."""

import numpy as np

ROWS = 24
VALUES = np.round(np.random.default_rng(3).normal(5.0, 2.0, (ROWS, 4)), 4)
NAMES = ["fixed acidity", "pH", "alcohol", "quality"]


def text(names=NAMES, values=VALUES, sep=",", end="\n", number="{:.4f}".format):
    lines = [sep.join(names)] if names else []
    return end.join([*lines, *(sep.join(map(number, row)) for row in values)]) + end


def column(*cells, header="x,y"):
    """A csv whose first column repeats these cells, the second is VALUES[:, 3]."""
    lines = [f"{cells[i % len(cells)]},{VALUES[i, 3]}" for i in range(ROWS)]
    return "\n".join([header, *lines]) + "\n"


def comma(value):
    """A number as Germans write it."""
    return f"{value:.4f}".replace(".", ",")


def write(folder, name, content):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


PLAIN = text()
DUPLICATE = column("1.5,1.5", "3.5,3.5", header="a,b,y")
