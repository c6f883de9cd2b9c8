"""Many runs of one program, spread over the cores of a processor or over several accelerators.

The two want opposite things. A core wants one model at a time: several in lockstep (`jax.vmap`) evict each
other's weights from its cache. An accelerator wants all of them at once, or most of it stands idle.
"""

import functools
import operator
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from tqdm import tqdm


def spread(
    program: Callable, shared: tuple, runs: list[tuple], *, over: str = "auto", title: str | None = None
):
    """Call program(*shared, *run) for every run, compiled once; a list of its results as NumPy arrays.

    Args:
        program: JAX function of arrays; pass the same object again and it is not compiled again.
        shared: arrays (or trees of arrays) that every run reads.
        runs: tuples of NumPy scalars or arrays (or trees of them), of the same types and shapes in every run.
        over: "cores" runs one after another on each core, from threads; "devices" maps the program over the
            runs with `jax.vmap` and gives every JAX device an equal share; "auto" is "cores" on a CPU and
            "devices" elsewhere. JAX's several host devices are the same cores under more names, so "cores"
            needs only one and uses every core however many there are.
        title: what the progress bar says, on stderr and only in a terminal; None for no bar.

    Raises:
        ValueError: if `over` is none of the three.

    >>> [float(y) for y in spread(lambda a, x: a * x, (np.float32(2),), [(np.float32(1),), (np.float32(3),)])]
    [2.0, 6.0]
    """
    if over not in ("auto", "cores", "devices"):
        raise ValueError(f"over is {over!r}: use 'auto', 'cores' or 'devices'")
    if over == "auto":
        over = "cores" if jax.default_backend() == "cpu" else "devices"
    with tqdm(total=len(runs), desc=title, unit="run", delay=2, disable=None if title else True) as bar:
        return (_over_cores if over == "cores" else _over_devices)(program, shared, runs, bar)


def _over_cores(program, shared, runs, bar):
    shared = jax.device_put(shared, jax.devices()[0])
    executable = compiled(program, *shared, *runs[0])

    def call(run):
        return jax.tree.map(np.asarray, executable(*shared, *run))

    with ThreadPoolExecutor(cores()) as threads:
        results = [threads.submit(call, run) for run in runs]
        for _ in as_completed(results):
            bar.update()
    return [result.result() for result in results]


def cores():
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compiled(program, *arguments):
    """The program compiled for arguments of these shapes; the same executable when asked again.

    Call it before threads start, or each of them would compile the program.

    >>> executable = compiled(jax.numpy.sin, np.float32(0))
    >>> executable is compiled(jax.numpy.sin, np.float32(1)), float(executable(np.float32(0)))
    (True, 0.0)
    """
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), arguments)
    leaves, tree = jax.tree.flatten(shapes)
    return _compile(program, tuple(leaves), tree)


def forget():
    """Forget all that was compiled, as a new process would."""
    _compile.cache_clear()
    jax.clear_caches()


@functools.lru_cache(maxsize=256)
def _compile(program, leaves, tree):
    return jax.jit(program).lower(*jax.tree.unflatten(tree, leaves)).compile()


def _over_devices(program, shared, runs, bar):
    mesh = Mesh(np.array(jax.devices()), ("runs",))
    split, copied = NamedSharding(mesh, PartitionSpec("runs")), NamedSharding(mesh, PartitionSpec())
    full = runs + runs[-1:] * (-len(runs) % mesh.size)  # the last run fills up the shares
    stacked = jax.device_put(jax.tree.map(lambda *leaves: np.stack(leaves), *full), split)
    together = _vectorize(program, len(shared), len(stacked))
    out = jax.tree.map(np.asarray, together(*jax.device_put(shared, copied), *stacked))
    bar.update(len(runs))
    return [jax.tree.map(operator.itemgetter(i), out) for i in range(len(runs))]


@functools.lru_cache(maxsize=64)
def _vectorize(program, shared, varying):
    return jax.jit(jax.vmap(program, in_axes=(None,) * shared + (0,) * varying))
