"""Images as compressed rows: for each the pixels that have ink, and how much.

Of MNIST's 784 pixels 150 have ink; they take 6 bytes each, 0.9 kB an image, where dense float32 takes 3.1 kB.
"""

import functools
from typing import NamedTuple

import numpy as np

from lecturelib.datasets import Mnist
from lecturelib.networks.lanes import compiled

MOST_PIXELS = 2**16  # whose numbers fit 16 bits
GREY = np.arange(256, dtype=np.float32) / np.float32(255)  # as network.grey_values has them


class Inked(NamedTuple):
    """Entries starts[i] to starts[i + 1] are the inked pixels of image i."""

    starts: np.ndarray  # uint64 (images + 1,)
    pixels: np.ndarray  # uint16, which pixel
    values: np.ndarray  # float32, its grey value in (0, 1]
    labels: np.ndarray  # uint8 (images,)


def share_inked(images: np.ndarray) -> float:
    """Fraction of the pixels that are not 0.

    >>> import numpy as np
    >>> from lecturelib.networks.inked import share_inked
    >>> share_inked(np.array([[0, 7, 0, 255]], np.uint8))
    0.5
    """
    return float(np.count_nonzero(images) / images.size)


def compressed(images: np.ndarray, labels: np.ndarray) -> Inked:
    """Images, uint8 (n, pixels), as compressed rows; ValueError for more pixels than 16 bits can number.

    >>> import numpy as np
    >>> from lecturelib.networks.inked import compressed
    >>> rows = compressed(np.array([[0, 51, 0], [255, 0, 0]], np.uint8), np.array([3, 4], np.uint8))
    >>> rows.starts.tolist(), rows.pixels.tolist(), (255 * rows.values).round().tolist()
    ([0, 1, 2], [1, 0], [51.0, 255.0])
    """
    if images.shape[1] > MOST_PIXELS:
        raise ValueError(
            f"images have {images.shape[1]:,} pixels: for more than {MOST_PIXELS:,} use engine='jax'"
        )
    entries = np.count_nonzero(images)
    rows = Inked(
        np.zeros(len(images) + 1, np.uint64),
        np.empty(entries, np.uint16),
        np.empty(entries, np.float32),
        np.array(
            labels
        ),  # a copy can be written to: of arrays that can and cannot, numba compiles two programs
    )
    images = np.ascontiguousarray(images).view()
    images.setflags(write=False)
    _compress(images, GREY, rows.starts, rows.pixels, rows.values)
    return rows


def compressed_training_set(data: Mnist, images: np.ndarray, labels: np.ndarray) -> Inked:
    """The training set of data; where nobody can change its arrays, it is compressed once for all grids.

    Args:
        data: the record.
        images: its training images, uint8 (n, pixels).
        labels: their labels, uint8.
    """
    arrays = data.train_images, data.train_labels
    if isinstance(data, Mnist) and all(_frozen(array) and array.dtype == np.uint8 for array in arrays):
        return _compressed_once(data)
    return compressed(images, labels)


@functools.lru_cache(maxsize=2)
def _compressed_once(data: Mnist) -> Inked:
    return compressed(data.train_images.reshape(len(data.train_images), -1), data.train_labels)


def _frozen(array: object) -> bool:
    """Whether NumPy lets nobody write to the array, nor to what it is a view of."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return True


@compiled
def _compress(
    images: np.ndarray, grey: np.ndarray, starts: np.ndarray, pixels: np.ndarray, values: np.ndarray
) -> None:
    k = np.uint64(0)
    for i in range(np.uint64(len(images))):
        for p in range(np.uint64(images.shape[1])):
            if images[i, p] > 0:
                pixels[k] = p
                values[k] = grey[images[i, p]]
                k += np.uint64(1)
        starts[i + np.uint64(1)] = k
