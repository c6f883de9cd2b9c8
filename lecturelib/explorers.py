"""Explorers of the exact theory, below a cell of a notebook: a door into the workshop."""

from IPython.display import HTML


def show(name: str, height: int = 1100) -> HTML:
    """Show an explorer below the cell, in a frame of its own.

    Args:
        name: batch_and_rate, one_hot, delay, cluster or winner_map.
        height: of the frame, in pixels; JupyterLab gives it the height that it needs.

    Raises:
        ValueError: no explorer of that name.

    >>> from lecturelib import explorers
    >>> explorers.show("delay").data.startswith('<div><iframe title="Explorer: delay"')
    True
    """
    from workshop.site import explorers

    return explorers.frame(name, height)
