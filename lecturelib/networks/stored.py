"""What stored studies have in common: on what they were measured, and files that are whole or not there."""

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping
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


@contextlib.contextmanager
def opened(path: Path, writer: str) -> Iterator[tuple[Mapping[str, np.ndarray], dict[str, Any]]]:
    """The arrays of a stored study, and its entry `about`; closed at the end of the with-block.

    Args:
        path: the file.
        writer: what makes such files, for the message.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no study, or is damaged, as far as the with-block reads it.
    """
    with Path(path).open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                yield arrays, json.loads(str(arrays["about"]))
        except Exception as error:  # of zip, zlib, JSON, of the memory that a wrong shape asks for, ...
            said = f"{path} holds no study, or is damaged ({error}); write one with `{writer}`"
            raise ValueError(said) from error
