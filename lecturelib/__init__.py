"""The support package of the executable lecture "Optimization for Big Data".

Convention everywhere: the loss is L(w) = 1/2 E (y - x'w)^2, a gradient is the mean (not the sum) over the
batch, and a batch size is the global one.

A folder for each section of the lecture, in its order::

    adaptive        01        adaptive gradient methods
    parallel        02-03     one machine or a cluster; data and model parallelism
    least_squares   04-08, 12 mini-batches and momentum, exactly and as they run
    networks        09, 12    a network on MNIST, a transformer, training grids, the noise scale
    hogwild         10        threads without locks, and delayed gradients
    advice          11        which batch size for the reader's own data

Beside them `datasets` brings data in, and every notebook stands on `claims`, `records` and `plots`. `sweep`
and `explorers` are doors into the workshop, which runs and publishes the lecture.
"""

import importlib
import logging
import os
from importlib.metadata import version
from typing import Any

_DOORS = {  # short names for what notebooks use most, imported when first asked for
    "schemes": "lecturelib.least_squares.schemes",
    "simulate": "lecturelib.least_squares.simulate",
    "mlp": "lecturelib.networks.training",
    "noise_scale": "lecturelib.networks.noise_scale",
}


# What Matplotlib says of the reader's machine is no output of a notebook, which is held to the stored ones.
_OF_THE_MACHINE = (
    "mkdir -p failed",
    "not a writable directory",
    "temporary cache directory",
    "the font cache",
)
for _name in ("matplotlib", "matplotlib.font_manager"):
    logging.getLogger(_name).addFilter(
        lambda said: not any(each in str(said.msg) for each in _OF_THE_MACHINE)
    )


def _refuse_missing_device() -> None:
    """JAX says of a platform that is not there nothing, or an assertion's failure, and late."""
    platforms = os.environ.get("JAX_PLATFORMS", "")
    if platforms and "cpu" not in platforms.split(","):  # asked for the cpu, JAX would fix its devices here
        import jax

        try:
            found = jax.devices()
        except (RuntimeError, AssertionError):
            found = []
        if not found:
            raise RuntimeError(
                f"JAX_PLATFORMS={platforms}: JAX finds no such device here; set JAX_PLATFORMS=cpu"
            )


_refuse_missing_device()


def __getattr__(name: str) -> Any:
    if name in _DOORS:
        return importlib.import_module(_DOORS[name])
    if name == "__version__":
        return version("lecturelib")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_DOORS])
