"""What stored studies have in common: on what they were measured, and files that are whole or not there."""

import os
import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lecturelib.files import written


def provenance() -> dict[str, Any]:
    """Versions, device and date, for JSON.

    Example:
        >>> from lecturelib.networks.stored import provenance
        >>> sorted(provenance()), sorted(provenance()["versions"])
        (['date', 'device', 'versions'], ['jax', 'jaxlib', 'lecturelib', 'numpy', 'python'])
    """
    versions = {name: version(name) for name in ("lecturelib", "jax", "jaxlib", "numpy")}
    kind = f"{jax.device_count()} {jax.devices()[0].device_kind}"
    return {
        "versions": versions | {"python": platform.python_version()},
        "device": f"{kind}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "date": time.strftime("%Y-%m-%d"),
    }


def save(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays into a compressed .npz; its folder is made, and the file appears when it is complete.

    The same arrays give the same bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)
