"""Many runs of one program: their batches, their spreading over the hardware, and the best rate among them.

A core wants one model at a time: several in lockstep (`jax.vmap`) evict each other's weights from its cache.
An accelerator wants all of them at once, or most of it stands idle.
"""

import functools
import operator
import os
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from tqdm import tqdm

from lecturelib.checks import check_choice


def draw_batches(rows: int, steps: int, batch_size: int, *, seed: int) -> np.ndarray:
    """Indices of the rows in every batch, int32, shape (steps, batch_size), uniform with replacement.

    A seed stands for one endless stream of rows, of which a batch is the next `batch_size`.

    >>> from lecturelib.spread import draw_batches
    >>> bool((draw_batches(100, 6, 1, seed=3).ravel() == draw_batches(100, 2, 3, seed=3).ravel()).all())
    True
    """
    return np.random.default_rng([seed, 1]).integers(rows, size=(steps, batch_size), dtype=np.int32)


@dataclass(frozen=True)
class BestRate:
    """The learning rate that came out best, and whether the grid was wide enough to say so.

    Attributes:
        index: position among the learning rates of the grid.
        learning_rate: the rate itself.
        at_edge: true if it is the smallest or largest of its grid; a better one may then lie outside.
    """

    index: int
    learning_rate: float
    at_edge: bool


def spread(
    program: Callable[..., Any],
    shared: tuple,
    runs: list[tuple],
    *,
    over: str = "auto",
    title: str | None = None,
) -> list[Any]:
    """Call ``program(*shared, *run)`` for every run, compiled once.

    Args:
        program: JAX function of arrays; pass the same object again and it is not compiled again.
        shared: arrays (or trees of arrays) that every run reads.
        runs: tuples of NumPy scalars or arrays (or trees of them), of the same types and shapes in every run.
        over: "cores" runs one after another on each core, from threads; "devices" maps the program over the
            runs with `jax.vmap` and gives every JAX device an equal share; "auto" is "cores" on a CPU and
            "devices" elsewhere. JAX's several host devices are the same cores under more names, so "cores"
            needs only one and uses every core however many there are.
        title: what the progress bar says, on stderr and only in a terminal; None for no bar.

    Returns:
        The results in the order of the runs, as NumPy arrays (or trees of them).

    Raises:
        ValueError: if `over` is none of the three.

    Example:
        >>> import numpy as np
        >>> from lecturelib.spread import spread
        >>> runs = [(np.float32(1),), (np.float32(3),)]
        >>> [float(y) for y in spread(lambda a, x: a * x, (np.float32(2),), runs)]
        [2.0, 6.0]
    """
    check_choice("over", over, ("auto", "cores", "devices"))
    if over == "auto":
        over = "cores" if jax.default_backend() == "cpu" else "devices"
    with _bar(runs, title) as bar:
        return (_over_cores if over == "cores" else _over_devices)(program, shared, runs, bar)


def _over_cores(program: Callable[..., Any], shared: tuple, runs: list[tuple], bar: tqdm) -> list[Any]:
    shared = jax.device_put(shared, jax.devices()[0])
    executable = compiled(program, *shared, *runs[0])

    def call(*run: Any) -> Any:
        return jax.tree.map(np.asarray, executable(*shared, *run))

    return _in_threads(call, runs, bar)


def _in_threads(call: Callable[..., Any], runs: list[tuple], bar: tqdm) -> list[Any]:
    with ThreadPoolExecutor(cores()) as threads:
        results = [threads.submit(call, *run) for run in runs]
        for _ in as_completed(results):
            bar.update()
    return [result.result() for result in results]


def call_on_cores(call: Callable[..., Any], runs: list[tuple], *, title: str | None = None) -> list[Any]:
    """Call ``call(*run)`` for every run, one after another on each core; for calls without Python's lock.

    Args:
        call: any function.
        runs: its arguments.
        title: what the progress bar says, as `spread` has it.

    Returns:
        The results in the order of the runs.

    Example:
        >>> from lecturelib.spread import call_on_cores
        >>> call_on_cores(pow, [(2, 3), (3, 2)])
        [8, 9]
    """
    with _bar(runs, title) as bar:
        return _in_threads(call, runs, bar)


def _bar(runs: list[tuple], title: str | None) -> tqdm:
    return tqdm(total=len(runs), desc=title, unit="run", delay=2, disable=None if title else True)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compiled(program: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
    """The program compiled for arguments of these shapes; the same executable when asked again.

    Call it before threads start, or each of them would compile the program.

    >>> import jax, numpy as np
    >>> from lecturelib.spread import compiled
    >>> executable = compiled(jax.numpy.sin, np.float32(0))
    >>> executable is compiled(jax.numpy.sin, np.float32(1)), float(executable(np.float32(0)))
    (True, 0.0)
    """
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), arguments)
    leaves, tree = jax.tree.flatten(shapes)
    return _compile(program, tuple(leaves), tree)


def forget() -> None:
    """Forget all that was compiled, as a new process would."""
    _compile.cache_clear()
    jax.clear_caches()


@functools.lru_cache(maxsize=256)
def _compile(program: Callable[..., Any], leaves: tuple[Hashable, ...], tree: Any) -> Callable[..., Any]:
    return jax.jit(program).lower(*jax.tree.unflatten(tree, leaves)).compile()


def _over_devices(program: Callable[..., Any], shared: tuple, runs: list[tuple], bar: tqdm) -> list[Any]:
    mesh = Mesh(np.array(jax.devices()), ("runs",))
    split, copied = NamedSharding(mesh, PartitionSpec("runs")), NamedSharding(mesh, PartitionSpec())
    full = runs + runs[-1:] * (-len(runs) % mesh.size)  # the last run fills up the shares
    stacked = jax.device_put(jax.tree.map(lambda *leaves: np.stack(leaves), *full), split)
    together = _vectorize(program, len(shared), len(stacked))
    out = jax.tree.map(np.asarray, together(*jax.device_put(shared, copied), *stacked))
    bar.update(len(runs))
    return [jax.tree.map(operator.itemgetter(i), out) for i in range(len(runs))]


@functools.lru_cache(maxsize=64)
def _vectorize(program: Callable[..., Any], shared: int, varying: int) -> Callable[..., Any]:
    return jax.jit(jax.vmap(program, in_axes=(None,) * shared + (0,) * varying))
