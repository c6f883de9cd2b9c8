"""Training on the pixels that have ink: the engine of `training.train_grid` on a processor.

**The sparse example, inside a network.** Four of five MNIST pixels are 0. To the first layer, which has 99 %
of the weights, an image is what a text was to least squares: a few features of many. The layer's update, ::

    W1[p] <- W1[p] - eta/b * sum over the batch's images i of x_ip D_i,
    D_i = [h_i > 0] * W2 (softmax(z_i) - e_y)   for label y,

writes the rows of pixels with ink and no others, and the sums x'W1 read no others. Nothing is approximated: a
product with 0 is left out, so the weights are those of the dense program up to rounding. ::

    dense    784 pixels:  two products of 2 * 784 * 300 operations    0.94 million an image
    inked    150 pixels:  the same two of 150 rows                    0.18 million, less than a fifth

Fewer operations are not yet less time. A dense product uses a weight that it has loaded for many images of a
batch; a single image reads 150 rows of weights, reads them again for the update and writes them back, half a
megabyte through the core's cache. That traffic is what an image costs, and the rest follows from it:

1. *A run stays on one core.* Its weights, 1 MB, lie in that core's cache from the first update to the last.
   The runs of a grid go to the cores one by one, and their loops hold no lock of Python's.
2. *Sums stay in registers.* 128 hidden units are summed over all pixels of an image before they are written
   (`lanes`); a weight that is loaded costs one instruction for sixteen of them, and nothing else.
3. *The update goes by pixel.* Images are sorted by pixel, 32 at a time, and a row of weights is read and
   written once for all of them that have ink there. A mini-batch saves traffic here, not operations.
4. *The second layer lies transposed*, so that every loop runs over hidden units, which are contiguous.

An image costs nearly the same at every batch size, and no batch size is compiled anew. JAX's program, the one
to read (`training.plain_sgd`, `training_engine`), is compiled for each, and is faster where images are dense:
it does more operations and fewer loads for each. `DENSEST` says where the two cross.
"""

from collections.abc import Sequence

import numpy as np

from lecturelib.networks import skip_zeros_kernels as kernels
from lecturelib.networks.inked import Inked
from lecturelib.networks.lanes import LANES, aligned
from lecturelib.networks.network import CLASSES, Params
from lecturelib.networks.skip_zeros_kernels import Space, Weights

DENSEST = 0.3  # share of inked pixels up to which this engine is the faster one; measured, 784-300-10

Run = tuple[np.ndarray, np.ndarray, Params | None]


def train(
    keep_params: bool,
    data: Inked,
    evaluation: Sequence[Inked],
    stretches: np.ndarray,
    start: Params,
    batches: np.ndarray,
    learning_rate: np.float32,
) -> Run:
    """One run, as `training_engine.train` makes it: arguments and results mean the same.

    Args:
        keep_params: return the weights at every checkpoint too.
        data: training images and labels.
        evaluation: what to measure on, training set and test set.
        stretches: first update and end of each, (points, 2); the first is empty: it measures the start.
        start: initial weights.
        batches: indices of the images of every update, int32 (steps, b).
        learning_rate: eta, float32.

    Returns:
        What was measured, (points, 4), in the order of `training_grid.MEASURES`; `diverged_at`; the weights.
    """
    weights, hidden = _laid_out(start), len(start.hidden_bias)
    space = _space(weights, batches.shape[1])
    room = _space(weights, max(len(part.labels) for part in evaluation))
    orders = [np.arange(len(part.labels), dtype=np.int32) for part in evaluation]
    measured, kept = np.zeros((len(stretches), 2 * len(evaluation)), np.float32), [start] * len(stretches)
    diverged_at = -1
    for point, (first, end) in enumerate(stretches):
        failed = kernels.updates(data, batches[first:end], learning_rate, weights, space)
        if failed < 0:
            measured[point] = [
                value
                for part, order in zip(evaluation, orders, strict=True)
                for value in kernels.loss_and_error(part, order, weights, room)
            ]
            failed = -1 if np.isfinite(measured[point]).all() else end - first
        if failed >= 0:  # from here on the run stays at its last finite checkpoint
            diverged_at = first + failed
            measured[point:] = measured[point - 1] if point > 0 else 0
            kept[point:] = [kept[point - 1] if point > 0 else start] * (len(stretches) - point)
            break
        if keep_params:
            kept[point] = _as_params(weights, hidden)
    params = None
    if keep_params:  # of NumPy, as JAX takes and gives them from other processes
        params = Params(*(np.stack(x) for x in zip(*kept, strict=True)))  # type: ignore[arg-type]
    return measured, np.asarray(diverged_at, np.int32), params


def _laid_out(params: Params) -> Weights:
    pixels, hidden = params.hidden_weights.shape
    units = -(-hidden // LANES) * LANES
    weights = Weights(aligned(pixels, units), aligned(units), aligned(CLASSES, units), aligned(CLASSES))
    weights.hidden[:, :hidden], weights.hidden_bias[:hidden] = params.hidden_weights, params.hidden_bias
    weights.output[:, :hidden], weights.output_bias[:] = params.output_weights.T, params.output_bias
    return weights


def _as_params(weights: Weights, hidden: int) -> Params:
    """A copy in the network's own layout."""
    first, bias, second, output_bias = weights
    leaves = first[:, :hidden], bias[:hidden], second[:, :hidden].T, output_bias
    return Params(*(leaf.copy() for leaf in leaves))  # type: ignore[arg-type]  # as above


def _space(weights: Weights, images: int) -> Space:
    pixels, units = weights.hidden.shape
    tile = (pixels, kernels.TILE)
    return Space(
        aligned(images, units),
        aligned(images, CLASSES),
        aligned(CLASSES, units),
        np.zeros(pixels, np.uint32),
        np.zeros(tile, np.uint8),
        np.zeros(tile, np.float32),
    )
