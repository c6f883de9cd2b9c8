"""Dataclasses as arguments of compiled functions, told apart by their class."""

from dataclasses import fields
from typing import Any, TypeVar

import jax

Kind = TypeVar("Kind", bound=type)


def register(kind: Kind) -> Kind:
    """Let JAX pass objects of this class, a dataclass, into compiled functions; returns the class.

    Not jax.tree_util.register_dataclass: there two classes with as many fields compare equal (jax 0.10), and
    now and then one is given the program compiled for the other. Here the class is part of the comparison.
    """
    names = [
        [f.name for f in fields(kind) if bool(f.metadata.get("static")) is fixed] for fixed in (False, True)
    ]

    def flatten(self: Any) -> tuple:
        arrays, constants = ([getattr(self, name) for name in part] for part in names)
        return arrays, (kind, tuple(constants))

    def unflatten(same: tuple, arrays: tuple) -> Any:
        return kind(**dict(zip(names[0], arrays, strict=True)), **dict(zip(names[1], same[1], strict=True)))

    jax.tree_util.register_pytree_node(kind, flatten, unflatten)
    return kind
