"""What `training.train_grid` makes of its arguments, or refuses of them before anything is compiled."""

from collections.abc import Iterable, Sequence

import jax
import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_array, check_choice, check_count
from lecturelib.datasets import Mnist
from lecturelib.networks.inked import MOST_PIXELS
from lecturelib.networks.network import CLASSES
from lecturelib.networks.skip_zeros import DENSEST

EVALUATED = 1000  # images of each set, by default


def flat(data: Mnist, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images of shape (n, pixels) and labels, uint8, of the training set or the test set."""
    images, labels = (np.asarray(getattr(data, f"{part}_{kind}", None)) for kind in ("images", "labels"))
    if images.dtype != np.uint8 or images.ndim not in (2, 3) or images.size == 0:
        raise ValueError(
            f"{part}_images is {images.dtype} of shape {images.shape}: give uint8 of shape"
            " (n, height, width) or (n, pixels), not empty"
        )
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise ValueError(
            f"{part}_labels is {labels.dtype} of shape {labels.shape}: give integers of shape"
            f" {images.shape[:1]}"
        )
    outside = labels[(labels < 0) | (labels >= CLASSES)]
    if outside.size:
        raise ValueError(f"{part}_labels has the label {outside[0]}: labels are 0...{CLASSES - 1}")
    return images.reshape(len(images), -1), labels.astype(np.uint8)


def sample(images: np.ndarray, labels: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """So many images and their labels, evenly spaced."""
    chosen = np.linspace(0, len(labels) - 1, size).astype(int)
    return images[chosen], labels[chosen]


def check_engine(engine: str, over: str, inked: float, pixels: int) -> str:
    """The engine that computes a grid.

    Raises:
        ValueError: an unknown one, or one that cannot run there.
    """
    check_choice("over", over, ("auto", "cores", "devices"))
    check_choice("engine", engine, ("auto", "jax", "skip-zeros"))
    if engine == "skip-zeros" and over == "devices":
        raise ValueError(
            "engine='skip-zeros' runs on a processor's cores: for over='devices' use engine='jax'"
        )
    if engine != "auto":
        return engine
    on_cores = over == "cores" or (over == "auto" and jax.default_backend() == "cpu")
    sparse = inked <= DENSEST and pixels <= MOST_PIXELS
    return "skip-zeros" if on_cores and sparse else "jax"


def check_evaluation(size: int | tuple[int, int] | None, train: int, test: int) -> tuple[int, int]:
    """Images to measure on, of each set."""
    if size is None:
        return min(EVALUATED, train), min(EVALUATED, test)
    both = tuple(size) if isinstance(size, Iterable) else (size, size)
    if len(both) != 2:
        raise ValueError(
            f"evaluation_size is {size}: give one number, or (of the training set, of the test set)"
        )
    for one, images, part in zip(both, (train, test), ("training", "test"), strict=True):
        check_count("evaluation_size", one)
        if one > images:
            raise ValueError(
                f"evaluation_size is {size} and the {part} set has {images} images: give at most"
                f" evaluation_size=({train}, {test})"
            )
    return int(both[0]), int(both[1])


def check_rates(learning_rates: ArrayLike) -> np.ndarray:
    """The learning rates, if they are positive and increasing."""
    rates = check_array("learning_rates", learning_rates, ndim=1)
    float32 = np.finfo(np.float32)  # a rate that is 0 or infinite in float32 is no rate
    if not ((rates >= float32.tiny) & (rates <= float32.max)).all() or (np.diff(rates) <= 0).any():
        raise ValueError(f"learning_rates is {rates.tolist()}: give positive rates, in increasing order")
    return rates


def check_seeds(seeds: Sequence[int]) -> list[int]:
    """The seeds, if they are all different."""
    checked = [check_count("a seed", seed, at_least=0) for seed in np.ravel(seeds).tolist()]
    if not checked or len(set(checked)) < len(checked):
        raise ValueError(f"seeds is {checked}: give at least one, all different")
    return checked


def check_checkpoints(checkpoints: int | Sequence[int], steps: int) -> np.ndarray:
    """Updates made at each measurement, beginning with 0 and ending with `steps`."""
    if np.ndim(checkpoints) == 0:
        count = min(check_count("checkpoints", checkpoints), steps)
        return np.linspace(0, steps, count + 1).round().astype(int)
    points = [check_count("a checkpoint", point) for point in np.ravel(checkpoints).tolist()]
    if not points or (np.diff(points) <= 0).any() or points[-1] > steps:
        raise ValueError(
            f"checkpoints is {points}: give increasing numbers of updates from 1 to steps = {steps}"
        )
    return np.array([0, *points, *([steps] if points[-1] < steps else [])])
