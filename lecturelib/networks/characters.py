"""A text as numbers: its characters, what trains and what is held out, and windows of both."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

MEASURED = 256  # windows of held-out text
HELD_OUT = 20  # one definition in so many


class Corpus(NamedTuple):
    """A text as numbers, uint8: its characters in order, what trains, what is measured."""

    alphabet: str
    train: np.ndarray
    held_out: np.ndarray


def corpus(definitions: Sequence[str]) -> Corpus:
    r"""Definitions in one text, each ended by a line break; every twentieth, from the first, is held out.

    Args:
        definitions: of at most 256 different characters, such as `datasets.wordnet_text()`.

    Raises:
        ValueError: fewer than two definitions, or too many characters.

    Example:
        >>> from lecturelib.networks import characters
        >>> text = characters.corpus(["cab", "a", "b"])
        >>> text.alphabet, text.train.tolist(), text.held_out.tolist()
        ('\nabc', [1, 0, 2, 0], [3, 1, 2, 0])
    """
    alphabet = sorted(set().union(*definitions, "\n"))
    if len(definitions) < 2 or len(alphabet) > 256:
        raise ValueError(
            f"{len(definitions)} definitions of {len(alphabet)} characters; pass 2 or more definitions, of "
            "256 characters at most"
        )
    number = np.zeros(1 + ord(alphabet[-1]), np.uint8)
    number[[ord(character) for character in alphabet]] = np.arange(len(alphabet))
    parts: tuple[list[str], list[str]] = [], []
    for i, definition in enumerate(definitions):
        parts[i % HELD_OUT == 0].append(definition + "\n")
    train, held_out = (number[np.frombuffer("".join(x).encode("utf-32-le"), "<u4")] for x in parts)
    return Corpus("".join(alphabet), train, held_out)


def windows_at(text: np.ndarray, starts: np.ndarray, context: int) -> np.ndarray:
    """The context + 1 characters from each start on, uint8, shape (starts, context + 1)."""
    return text[np.asarray(starts)[:, None] + np.arange(context + 1)[None]]


def held_out_windows(text: Corpus, context: int, count: int = MEASURED) -> np.ndarray:
    """Evenly spaced windows of the held-out text, the same for every run, shape (count, context + 1)."""
    return windows_at(
        text.held_out, np.linspace(0, len(text.held_out) - context - 1, count).astype(int), context
    )
