"""The loops of `lecturelib.networks.skip_zeros`: updates and losses of the network, over inked pixels only.

Weights lie as `skip_zeros.Weights` says: a row for each pixel and one for each class, both over the hidden
units, whose number is a multiple of `lanes.LANES`; the units that fill it up have weights 0 and stay so.
Indices are unsigned because numba looks at every signed index for a sign.
"""

import math
from typing import NamedTuple

import numpy as np

from lecturelib.networks.inked import Inked
from lecturelib.networks.lanes import LANES, add_scaled, compiled, load, store

CLASSES = 10
TILE = 32  # images whose pixels are sorted at a time; their slopes, 38 kB, are read from a near cache
FEW = 4  # images; fewer are not worth sorting

U = np.uint64
WIDTH, ZERO, ONE, TEN, TILES = U(LANES), U(0), U(1), U(CLASSES), U(TILE)


class Weights(NamedTuple):
    """The network's weights as the loops want them, float32."""

    hidden: np.ndarray  # (pixels, units)
    hidden_bias: np.ndarray  # (units,)
    output: np.ndarray  # (10, units): transposed, so that a class is a contiguous row
    output_bias: np.ndarray  # (10,)


class Space(NamedTuple):
    """What an update needs room for; one for each thread."""

    units: np.ndarray  # (batch, units): the hidden units, then the loss's slopes by their sums
    outputs: np.ndarray  # (batch, 10): the outputs z, then the slopes by them
    output: np.ndarray  # (10, units): the next output weights
    images: np.ndarray  # uint32 (pixels,): images of the tile that have ink there,
    image: np.ndarray  # uint8 (pixels, TILE): which they are,
    value: np.ndarray  # float32 (pixels, TILE): and how much


@compiled
def hidden_units(
    images: Inked, chosen: np.ndarray, first: int, last: int, weights: Weights, units: np.ndarray
) -> None:
    """relu(c1 + sum of x_p W1[p] over inked pixels p) of the chosen images, two pieces of a row at a time."""
    columns = U(weights.hidden.shape[1])
    odd = columns % (WIDTH + WIDTH)
    for j in range(ZERO, columns - odd, WIDTH + WIDTH):
        for i in range(first, last):
            one, two = load(weights.hidden_bias, j), load(weights.hidden_bias, j + WIDTH)
            for k in range(images.starts[chosen[i]], images.starts[chosen[i] + 1]):
                x, at = images.values[k], images.pixels[k] * columns + j
                one = add_scaled(one, x, weights.hidden, at)
                two = add_scaled(two, x, weights.hidden, at + WIDTH)
            store(units, i * columns + j, one)
            store(units, i * columns + j + WIDTH, two)
    for j in range(columns - odd, columns, WIDTH):
        for i in range(first, last):
            one = load(weights.hidden_bias, j)
            for k in range(images.starts[chosen[i]], images.starts[chosen[i] + 1]):
                at = images.pixels[k] * columns + j
                one = add_scaled(one, images.values[k], weights.hidden, at)
            store(units, i * columns + j, one)
    for i in range(first, last):
        for j in range(columns):
            units[i, j] = np.float32(0) if units[i, j] < 0 else units[i, j]  # NaN stays


@compiled
def outputs(units: np.ndarray, weights: Weights, z: np.ndarray) -> None:
    """Z = W2'h + c2 of one image."""
    for c in range(TEN):
        total = np.float32(0)
        for j in range(U(len(units))):
            total += units[j] * weights.output[c, j]
        z[c] = total + weights.output_bias[c]


@compiled
def loss_and_slopes(z: np.ndarray, label: int) -> np.float32:
    """-ln softmax(z)[label], infinite if some output is; z becomes softmax(z) - [1 at the label]."""
    largest, at_label, finite = z[ZERO], z[label], True
    for c in range(TEN):
        finite &= math.isfinite(z[c])
        largest = max(largest, z[c])
    if not finite:
        return np.float32(np.inf)
    total = np.float32(0)
    for c in range(TEN):
        z[c] = math.exp(z[c] - largest)
        total += z[c]
    for c in range(TEN):
        z[c] /= total
    z[label] -= np.float32(1)
    return math.log(total) + largest - at_label


@compiled
def unit_slopes(units: np.ndarray, output: np.ndarray, dz: np.ndarray) -> None:
    """H becomes W2 dz where h > 0, else 0."""
    a, b, c, d, e = dz[U(0)], dz[U(1)], dz[U(2)], dz[U(3)], dz[U(4)]
    f, g, h, i, k = dz[U(5)], dz[U(6)], dz[U(7)], dz[U(8)], dz[U(9)]
    w = output
    for j in range(U(len(units))):
        low = a * w[0, j] + b * w[1, j] + c * w[2, j] + d * w[3, j] + e * w[4, j]
        high = f * w[5, j] + g * w[6, j] + h * w[7, j] + i * w[8, j] + k * w[9, j]
        units[j] = low + high if units[j] > 0 else np.float32(0)


@compiled
def forward_and_back(
    images: Inked, chosen: np.ndarray, first: int, last: int, scale: float, weights: Weights, space: Space
) -> np.float32:
    """The sum of a tile's losses. Its slopes, times scale, stay in space; the output's are added up there."""
    units, z, columns = space.units, space.outputs, U(weights.hidden.shape[1])
    hidden_units(images, chosen, first, last, weights, units)
    total = np.float32(0)
    for i in range(first, last):
        outputs(units[i], weights, z[i])
        total += loss_and_slopes(z[i], images.labels[chosen[i]])
        for c in range(TEN):
            z[i, c] *= scale
    for c in range(TEN):
        for j in range(ZERO, columns, WIDTH):
            row = load(space.output, c * columns + j)
            for i in range(first, last):
                row = add_scaled(row, z[i, c], units, i * columns + j)
            store(space.output, c * columns + j, row)
    for i in range(first, last):
        unit_slopes(units[i], weights.output, z[i])
    return total


@compiled
def update_few(images: Inked, chosen: np.ndarray, hidden: np.ndarray, slopes: np.ndarray) -> None:
    """W1[p] += x_p D of every image, one after the other."""
    columns = U(hidden.shape[1])
    for i in range(U(len(chosen))):
        for k in range(images.starts[chosen[i]], images.starts[chosen[i] + 1]):
            x, row = images.values[k], images.pixels[k] * columns
            for j in range(ZERO, columns, WIDTH):
                store(hidden, row + j, add_scaled(load(hidden, row + j), x, slopes, i * columns + j))


@compiled
def sort_by_pixel(images: Inked, chosen: np.ndarray, first: int, last: int, space: Space) -> None:
    """For each pixel, which images of a tile have ink there."""
    count, image, value = space.images, space.image, space.value
    for p in range(U(len(count))):
        count[p] = 0
    for i in range(first, last):
        for k in range(images.starts[chosen[i]], images.starts[chosen[i] + 1]):
            p = images.pixels[k]
            image[p, count[p]] = i - first
            value[p, count[p]] = images.values[k]
            count[p] += np.uint32(1)


@compiled
def update_tile(hidden: np.ndarray, first: int, space: Space) -> None:
    """The same pixel by pixel: a row of weights is read and written once for all images of a tile."""
    count, image, value, slopes = space.images, space.image, space.value, space.units
    columns = U(hidden.shape[1])
    odd = columns % (WIDTH + WIDTH)
    for j in range(ZERO, columns - odd, WIDTH + WIDTH):
        for p in range(U(len(count))):
            at = p * columns + j
            one, two = load(hidden, at), load(hidden, at + WIDTH)
            for q in range(U(count[p])):
                x, slope = value[p, q], (first + image[p, q]) * columns + j
                one = add_scaled(one, x, slopes, slope)
                two = add_scaled(two, x, slopes, slope + WIDTH)
            store(hidden, at, one)
            store(hidden, at + WIDTH, two)
    for j in range(columns - odd, columns, WIDTH):
        for p in range(U(len(count))):
            one = load(hidden, p * columns + j)
            for q in range(U(count[p])):
                one = add_scaled(one, value[p, q], slopes, (first + image[p, q]) * columns + j)
            store(hidden, p * columns + j, one)


@compiled
def copy(into: np.ndarray, rows: np.ndarray) -> None:
    """into[:] = rows."""
    for c in range(U(rows.shape[0])):
        for j in range(U(rows.shape[1])):
            into[c, j] = rows[c, j]


@compiled
def updates(images: Inked, batches: np.ndarray, rate: np.float32, weights: Weights, space: Space) -> int:
    """Make the updates of all batches; -1, or the number of the first batch whose loss is not finite."""
    size = U(batches.shape[1])
    scale = -rate / np.float32(size)
    for t in range(len(batches)):
        chosen = batches[t]
        copy(space.output, weights.output)
        total = np.float32(0)
        for first in range(ZERO, size, TILES):
            last = min(size, first + TILES)
            total += forward_and_back(images, chosen, first, last, scale, weights, space)
        if not math.isfinite(total):
            return t
        copy(weights.output, space.output)
        for i in range(size):
            for c in range(TEN):
                weights.output_bias[c] += space.outputs[i, c]
            for j in range(U(len(weights.hidden_bias))):
                weights.hidden_bias[j] += space.units[i, j]
        if size < U(FEW):
            update_few(images, chosen, weights.hidden, space.units)
        else:
            for first in range(ZERO, size, TILES):
                sort_by_pixel(images, chosen, first, min(size, first + TILES), space)
                update_tile(weights.hidden, first, space)
    return -1


@compiled
def loss_and_error(images: Inked, order: np.ndarray, weights: Weights, space: Space) -> tuple[float, float]:
    """Mean loss and fraction misclassified; added up in float64."""
    loss, wrong, size = 0.0, 0, U(len(order))
    hidden_units(images, order, ZERO, size, weights, space.units)
    for i in range(size):
        z, best = space.outputs[i], ZERO
        outputs(space.units[i], weights, z)
        for c in range(TEN):
            best = U(c) if z[c] > z[best] else best
        wrong += best != images.labels[i]
        loss += loss_and_slopes(z, images.labels[i])
    return loss / size, wrong / size
