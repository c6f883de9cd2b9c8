"""JAX in float64 for the length of a `with` block, by the name that the installed version has for it."""

import jax


def float64(on: bool = True):
    """A context in which JAX's default numbers have 64 bits (or, with False, 32)."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(on)
    from jax.experimental import enable_x64  # its older name

    return enable_x64(on)
