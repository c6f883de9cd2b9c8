"""Devices, what a compiled program really sends between them, and how long it takes.

The formulas of `cost.py` say what should be sent, and how long that should take. This file measures.
"""

import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import ArrayLike

from lecturelib.checks import check_count

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all")


@dataclass(frozen=True)
class Collective:
    """One collective operation of a compiled program: its kind, of `KINDS`, and the numbers in its result."""

    kind: str
    numbers: int


def host_devices(count: int) -> int:
    """Have JAX pretend that this processor is `count` devices.

    Call it before anything else uses JAX: the number is fixed when JAX starts. Where JAX has accelerators
    it changes nothing that matters, and the accelerators count.

    Args:
        count: devices, 1 or more.

    Returns:
        How many devices there are to use, at most `count`.

    Raises:
        ValueError: if count is no such number.
        RuntimeError: if JAX has started already, on a processor, with fewer devices than this.
    """
    count = check_count("devices", count)
    try:
        jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError:  # started already
        if jax.default_backend() == "cpu" and jax.device_count() < count:
            raise RuntimeError(
                f"devices = {count}, but JAX has already started with {jax.device_count()}: restart the"
                " kernel, and set the number before the first use of JAX"
            ) from None
    return min(count, jax.device_count())


def mesh(devices: int, name: str = "data") -> Mesh:
    """The first so many devices in a row, with a name for that axis.

    In a job of several processes these are the devices of all processes, and all of them must be used.

    Args:
        devices: from 1 to the number there are.
        name: of the axis.

    Raises:
        ValueError: if there are not so many devices, or one of the processes would have none.

    >>> from lecturelib.parallel import collectives
    >>> collectives.mesh(1).shape["data"]
    1
    """
    devices = check_count("devices", devices)
    if devices > jax.device_count():
        raise ValueError(
            f"devices = {devices}, but JAX has {jax.device_count()}: pass at most that, or have JAX split the"
            " processor with collectives.host_devices before its first use"
        )
    if devices < jax.process_count():
        raise ValueError(f"devices = {devices}: all {jax.process_count()} processes must take part")
    return Mesh(np.array(jax.devices()[:devices]), (name,))


def place(tree: Any, mesh: Mesh, *axes: str | None) -> Any:
    """Arrays put on the devices of a mesh: split along the axes named, or copied to all where none is named.

    Args:
        tree: arrays that every process has in full; each process puts its own part on its own devices.
        mesh: as from `mesh`.
        *axes: for each axis of the arrays, the mesh axis to split it along, or None.

    Raises:
        ValueError: if the number of devices does not divide an axis that is to be split.
    """
    sharding = NamedSharding(mesh, PartitionSpec(*axes))

    def put(array: ArrayLike) -> jax.Array:
        array = np.asarray(array)
        for length, axis in zip(array.shape, axes, strict=False):
            if axis is not None and length % mesh.shape[axis]:
                raise ValueError(
                    f"an array of shape {array.shape} cannot be split evenly along its axis of {length} over"
                    f" {mesh.shape[axis]} devices: pass a number of devices that divides it"
                )
        return jax.make_array_from_callback(array.shape, sharding, lambda part: array[part])

    return jax.tree.map(put, tree)


def sent(function: Any, *arguments: Any) -> tuple[Collective, ...]:
    """The collectives in a program as compiled for these arguments; loops are counted once.

    Args:
        function: made by `jax.jit`.
        *arguments: of the function, on their devices.

    >>> import jax, numpy as np
    >>> from lecturelib.parallel import collectives
    >>> collectives.sent(jax.jit(lambda x: x + 1), np.float32(1))  # nothing leaves the device
    ()
    """
    program = function.lower(*arguments).compile().as_text()
    found = []
    for line in program.splitlines():
        operation = re.search(rf"= (.+?) ({'|'.join(KINDS)})(-start)?\(", line)
        alone = re.search(r"replica_groups=(\{(\{\d+\},?)+\}|\[\d+,1\])", line)  # groups of one device
        if operation and not alone:
            shapes = re.findall(r"\[([\d,]*)\]", operation[1])
            if operation[3] and operation[2] != "all-reduce":  # an accelerator's: operands, then results
                shapes = shapes[len(shapes) // 2 :]
            sizes = [math.prod(int(n) for n in shape.split(",") if n) for shape in shapes]
            found.append(Collective(operation[2], sum(sizes)))
    return tuple(found)


def seconds(function: Callable[..., Any], *arguments: Any, repeats: int = 5) -> float:
    """The least time of some calls of ``function(*arguments)``, after one that is not counted, in seconds.

    The first call compiles, allocates and fills the caches. The least of the others is taken because
    whatever else a computer does can only add to the time. JAX returns before it is done, so results are
    waited for.

    Args:
        function: any, of JAX or not.
        *arguments: of the function.
        repeats: calls that are counted, 1 or more.

    Raises:
        ValueError: if repeats is no such number.

    >>> from lecturelib.parallel import collectives
    >>> collectives.seconds(sum, [1, 2, 3]) > 0
    True
    """
    repeats = check_count("repeats", repeats)
    jax.block_until_ready(function(*arguments))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        times.append(time.perf_counter() - start)
    return min(times)


def all_reduce_seconds(sizes: Sequence[int], devices: int, repeats: int = 20) -> list[float]:
    """Seconds of an all-reduce of float32 vectors over devices, for each size: the least of some repeats.

    Within a job of processes (see `processes.run`) it measures the network between them, otherwise what lies
    between this computer's devices.

    Args:
        sizes: numbers in each vector, 1 or more.
        devices: as for `mesh`.
        repeats: as for `seconds`.

    Raises:
        ValueError: if an argument is outside its range.
    """
    line, repeats = mesh(devices), check_count("repeats", repeats)
    sizes = [check_count("a size", size) for size in sizes]

    def add_up(vector: jax.Array) -> jax.Array:
        return jax.lax.psum(vector, "data")

    split = jax.shard_map(add_up, mesh=line, in_specs=PartitionSpec("data"), out_specs=PartitionSpec())
    program, times = jax.jit(split), []
    for size in sizes:
        vectors = place(np.ones(size * devices, np.float32), line, "data")
        times.append(seconds(program, vectors, repeats=repeats))
    return times
