"""A network cut into stages on different devices, and micro-batches that flow through them as on a line.

Stage s holds some of the layers. A batch is cut into M micro-batches; while stage 1 works on the second,
stage 2 works on the first. At both ends of a step stages stand idle: the bubble. The gradient is that of
the uncut network, up to the order of additions.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_count
from lecturelib.least_squares.draws import check_key
from lecturelib.parallel.cost import Traffic

Layer = tuple[Any, Any]  # weights, shape (inputs, outputs), and bias, shape (outputs,)


@dataclass(frozen=True, eq=False)
class Step:
    """What one pass forward and backward through the pipeline left behind.

    Attributes:
        loss: mean over the batch, before the update.
        gradient: of every layer, NumPy, like the parameters.
        timetable: int (ticks, stages), what each stage did in each tick: m for micro-batch m forward, M + m
            for it backward, -1 for nothing.
        traffic: activations and their gradients sent between stages, counted as they were sent.
        stored: most micro-batches that a stage kept for the way back.
    """

    loss: float
    gradient: list[Layer]
    timetable: np.ndarray
    traffic: Traffic
    stored: int

    @property
    def bubble(self) -> float:
        """Share of all stages' ticks in which there was nothing to do."""
        return float(np.mean(self.timetable < 0))


def bubble(stages: int, micro_batches: int) -> float:
    """The idle share of a pipeline of K stages and M micro-batches, (K - 1) / (M + K - 1).

    >>> from lecturelib.parallel import pipeline
    >>> round(pipeline.bubble(4, 8), 4)
    0.2727

    Source: Huang et al., GPipe (2019), section 2.3.
    """
    stages, micro_batches = check_count("stages", stages), check_count("micro_batches", micro_batches)
    return (stages - 1) / (micro_batches + stages - 1)


def initial_layers(widths: Sequence[int], *, key: jax.Array) -> list[Layer]:
    """Layers [(weights, bias), ...] between these widths, He-initialised, float32 NumPy.

    >>> import jax
    >>> from lecturelib.parallel import pipeline
    >>> [w.shape for w, _ in pipeline.initial_layers([3, 5, 2], key=jax.random.key(0))]
    [(3, 5), (5, 2)]
    """
    check_key(key)
    widths = [check_count("a width", width) for width in widths]
    if len(widths) < 2:
        raise ValueError(f"widths = {widths}: pass that of the input, and one a layer")
    layers = []
    keys = jax.random.split(key, len(widths) - 1)
    for (inputs, outputs), own in zip(itertools.pairwise(widths), keys, strict=True):
        weights = jax.random.normal(own, (inputs, outputs)) * (2.0 / inputs) ** 0.5
        layers.append((np.asarray(weights), np.zeros(outputs, np.float32)))
    return layers


def apply(layers: Sequence[Layer], inputs: jax.Array, *, last: bool = True) -> jax.Array:
    """Activations after these layers, rectified after each but the network's last, shape (batch, width)."""
    for number, (weights, bias) in enumerate(layers, start=1):
        inputs = jnp.matmul(inputs, weights, precision="highest") + bias[None, :]
        if not (last and number == len(layers)):
            inputs = jax.nn.relu(inputs)
    return inputs


def squared_loss(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """Half the squared distance to the targets, mean over the batch: the convention of the lecture."""
    return 0.5 * jnp.mean(jnp.sum((outputs - targets) ** 2, axis=1))


def step(
    layers: Sequence[Layer],
    batch: tuple[ArrayLike, ArrayLike],
    *,
    stages: int,
    micro_batches: int,
    loss: Callable = squared_loss,
) -> Step:
    """Loss and gradient of a network cut into stages, each on a device of its own.

    Every tick, each stage takes the first piece of work that is ready: forward before backward. All
    micro-batches go forward first, then backward (GPipe); a stage keeps what came in and computes its own
    activations again on the way back.

    Args:
        layers: as `initial_layers` makes them, at least one a stage; consecutive ones go to a stage.
        batch: (inputs, targets), arrays (batch_size, width).
        stages: from 1 to the number of devices and of layers.
        micro_batches: divides batch_size.
        loss: function (outputs, targets) -> mean over examples.

    Raises:
        ValueError: if an argument is outside its range, before anything is compiled.

    >>> import jax, numpy as np
    >>> from lecturelib.parallel import pipeline
    >>> layers = pipeline.initial_layers([3, 2], key=jax.random.key(0))
    >>> done = pipeline.step(layers, (np.eye(4, 3), np.ones((4, 2))), stages=1, micro_batches=2)
    >>> done.timetable.ravel().tolist(), done.bubble
    ([0, 1, 2, 3], 0.0)
    """
    stages, micro_batches = _check(layers, batch, stages, micro_batches)
    line = _Line(layers, batch, stages, micro_batches, loss)
    timetable = []
    while any(line.waiting):
        ready = [min(tasks, default=None) for tasks in line.waiting]  # all chosen before any of them runs
        for stage, task in enumerate(ready):
            if task is not None:
                line.run(stage, task)
        timetable.append([-1 if task is None else task for task in ready])
    gradient = [jax.tree.map(np.asarray, part) for part in line.gradients]
    return Step(
        loss=float(np.mean([float(value) for value in line.losses])),
        gradient=[layer for part in gradient for layer in part],
        timetable=np.array(timetable),
        traffic=Traffic(line.messages, line.numbers),
        stored=line.stored,
    )


class _Line:
    """The stages, what waits in front of each, and what has been sent. Task m is forward, M + m backward."""

    def __init__(
        self, layers: Sequence[Layer], batch: tuple, stages: int, micro_batches: int, loss: Callable
    ) -> None:
        self.devices, self.count, self.loss = jax.devices()[:stages], micro_batches, loss
        edges = np.linspace(0, len(layers), stages + 1).round().astype(int)
        parts = [layers[low:high] for low, high in itertools.pairwise(edges)]
        self.params = [jax.device_put(part, device) for part, device in zip(parts, self.devices, strict=True)]
        inputs, targets = (np.split(np.asarray(part), micro_batches) for part in batch)
        self.waiting: list[dict[int, jax.Array]] = [{} for _ in range(stages)]  # task -> its input
        self.waiting[0] = {m: jax.device_put(x, self.devices[0]) for m, x in enumerate(inputs)}
        self.targets = jax.device_put(targets, self.devices[-1])
        self.kept: list[dict[int, jax.Array]] = [{} for _ in range(stages)]
        self.gradients: list[Any] = [None] * stages
        self.losses: list[jax.Array] = []
        self.messages = self.numbers = self.stored = 0

    def run(self, stage: int, task: int) -> None:
        arriving = self.waiting[stage].pop(task)
        if task < self.count:
            self.kept[stage][task] = arriving
            self.stored = max(self.stored, len(self.kept[stage]))
            if stage + 1 < len(self.devices):
                self._send(stage + 1, task, _forward(self.params[stage], arriving))
            else:  # the loss turns a micro-batch round; what waits backward is its target
                self.losses.append(_last_forward(self.loss, self.params[stage], arriving, self.targets[task]))
                self.waiting[stage][self.count + task] = self.targets[task]
            return
        kept = self.kept[stage].pop(task - self.count)
        if stage + 1 < len(self.devices):
            gradient, back = _backward(self.params[stage], kept, arriving)
        else:
            gradient, back = _last_backward(self.loss, self.params[stage], kept, arriving)
        gradient = jax.tree.map(lambda g: g / self.count, gradient)
        total = self.gradients[stage]
        self.gradients[stage] = gradient if total is None else jax.tree.map(jnp.add, total, gradient)
        if stage > 0:
            self._send(stage - 1, task, back)

    def _send(self, stage: int, task: int, values: jax.Array) -> None:
        self.waiting[stage][task] = jax.device_put(values, self.devices[stage])
        self.messages, self.numbers = self.messages + 1, self.numbers + values.size


@jax.jit
def _forward(params: list[Layer], inputs: jax.Array) -> jax.Array:
    return apply(params, inputs, last=False)


@jax.jit
def _backward(params: list[Layer], inputs: jax.Array, gradient: jax.Array) -> tuple:
    """Gradients of the stage's weights and of its inputs, from that of its outputs."""
    return jax.vjp(functools.partial(apply, last=False), params, inputs)[1](gradient)


@functools.partial(jax.jit, static_argnums=0)
def _last_forward(loss: Callable, params: list[Layer], inputs: jax.Array, targets: jax.Array) -> jax.Array:
    return loss(apply(params, inputs), targets)


@functools.partial(jax.jit, static_argnums=0)
def _last_backward(loss: Callable, params: list[Layer], inputs: jax.Array, targets: jax.Array) -> tuple:
    """Gradients of the last stage's weights and of its inputs, from the loss."""
    return jax.grad(functools.partial(_last_forward, loss), argnums=(0, 1))(params, inputs, targets)


def _check(layers: Sequence[Layer], batch: tuple, stages: int, micro_batches: int) -> tuple[int, int]:
    stages, micro_batches = check_count("stages", stages), check_count("micro_batches", micro_batches)
    if stages > min(len(layers), jax.device_count()):
        raise ValueError(
            f"stages = {stages}, but there are {len(layers)} layers and {jax.device_count()} devices: pass at"
            " most the smaller number"
        )
    inputs, targets = batch
    if np.ndim(inputs) != 2 or len(inputs) != len(targets) or len(inputs) % micro_batches or not len(inputs):
        raise ValueError(
            f"batch has inputs of shape {np.shape(inputs)} and {len(targets)} targets:"
            f" micro_batches = {micro_batches} must divide the number of examples, equal in both"
        )
    return stages, micro_batches
