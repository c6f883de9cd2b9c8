"""Pack the four original files of MNIST into `lecturelib/data/mnist.xz`, and prove that nothing was lost.

::

    python lecturelib/data/pack_mnist.py FOLDER lecturelib/data/mnist.xz

FOLDER holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
t10k-labels-idx1-ubyte, each plain or with `.gz`. The same input gives the same bytes
again (with XZ Utils 5.4.1; about a minute).
"""

import gzip
import hashlib
import lzma
import math
import struct
from pathlib import Path

import click
import numpy as np

from lecturelib.datasets import Mnist, unpack_mnist

MD5 = {  # of the uncompressed files, as their authors published them
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def to_idx(array: np.ndarray) -> bytes:
    """Write a uint8 array as an idx file: 0, 0, 8 (uint8), number of axes, then the sizes, then the bytes."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def from_idx(content: bytes, name: str) -> np.ndarray:
    """Read an idx file of uint8; a ValueError names the file whose header and length do not fit."""
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise ValueError(f"{name}: not an idx file of bytes; fetch the original file again")
    shape = struct.unpack_from(f">{content[3]}I", content, 4)
    start = 4 + 4 * content[3]
    if len(content) - start != math.prod(shape):
        raise ValueError(f"{name}: {len(content) - start} bytes for shape {shape}; fetch the file again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def idx_files(digits: Mnist) -> dict[str, bytes]:
    """Write the four original files, in the order of MD5."""
    arrays = (digits.train_images, digits.train_labels, digits.test_images, digits.test_labels)
    return {name: to_idx(array) for name, array in zip(MD5, arrays, strict=True)}


def pack(files: dict[str, bytes]) -> bytes:
    """All labels, then all images sorted by label: similar images side by side compress better."""
    train_images, train_labels, test_images, test_labels = (from_idx(files[name], name) for name in MD5)
    labels = np.concatenate([train_labels, test_labels])
    images = np.concatenate([train_images, test_images])
    return labels.tobytes() + images[np.argsort(labels, kind="stable")].tobytes()


def compress(packed: bytes) -> bytes:
    """Compress with xz; four bits of literal context (lc=4) suit neighbouring grey values."""
    tuned = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0}
    return lzma.compress(packed, filters=[tuned])


def check(files: dict[str, bytes]) -> None:
    """Raise a ValueError for a file that is not byte for byte the published one."""
    for name, expected in MD5.items():
        if (found := hashlib.md5(files[name]).hexdigest()) != expected:
            raise ValueError(f"{name}: MD5 {found}, published {expected}; fetch the original file again")


def read(folder: Path) -> dict[str, bytes]:
    """Read the four files, unzipping where only the `.gz` is there."""
    plain = {name: folder / name for name in MD5}
    return {n: p.read_bytes() if p.exists() else gzip.open(f"{p}.gz").read() for n, p in plain.items()}


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
def main(folder: Path, output: Path) -> None:
    """Pack the four idx files in FOLDER into OUTPUT."""
    files = read(folder)
    check(files)
    content = compress(pack(files))
    check(idx_files(unpack_mnist(lzma.decompress(content))))  # the published files again, or an error
    output.write_bytes(content)
    click.echo(f"{output}: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
