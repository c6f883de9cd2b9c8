"""Model parallelism as it runs: each device keeps part of the weights. Columns, coordinates, blocks.

Errors Delta = w - w* are followed in place of weights, as in `simulate.py`, for f(w) = 1/2 |A w - y|^2 and
G = A'A. The theory is in `coordinate.py`, which this file does not know. A network cut into stages:
`pipeline.py`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from lecturelib.checks import check_count
from lecturelib.collectives import mesh, place
from lecturelib.draws import check_key
from lecturelib.trajectory import step_keys

_product = functools.partial(jnp.matmul, precision="highest")


@functools.lru_cache(maxsize=32)
def gradient_by_columns(devices: int):
    """The compiled gradient (features, targets, weights) -> gradient, with a share of the columns on each
    device.

        r = sum_k A_k w_k - y  (one all-reduce of b numbers),    g_k = A_k' r / b  (stays where it is needed)

    features (A): shape (b, d), devices divides d. targets: (b,). weights: (d,). Put them in place with
    `collectives.place`: features split along (None, "model"), weights along "model", targets copied. The loss
    is 1/(2b) |A w - y|^2. ValueError: more devices than there are.

    >>> gradient = gradient_by_columns(1)
    >>> gradient(np.eye(2, dtype="f"), np.array([1.0, 3.0], "f"), np.zeros(2, "f")).tolist()
    [-0.5, -1.5]
    """

    def gradient(features, targets, weights):
        residual = jax.lax.psum(_product(features, weights), "model") - targets
        return _product(features.T, residual) / len(targets)

    columns, share = PartitionSpec(None, "model"), PartitionSpec("model")
    return jax.jit(
        jax.shard_map(
            gradient,
            mesh=mesh(devices, "model"),
            in_specs=(columns, PartitionSpec(), share),
            out_specs=share,
            check_vma=False,
        )
    )


def coordinate_descent(
    gram, start_error, steps, *, order="random", parallel=1, replacement=False, runs=1, key=None
):
    """f - f* after 0, 1, ..., steps rounds of coordinate descent, for independent runs.

        Delta_i <- Delta_i - (G Delta)_i  for the coordinates of the round, all from the same Delta

    gram (G): unit diagonal, shape (d, d). start_error: w_0 - w*, shape (d,). order: "cyclic" takes
    coordinates 1, 2, ..., d in turn, "random" draws them. parallel: coordinates a round, at most d unless
    replacement; distinct ones, or with replacement (one drawn twice moves twice). runs: whole, 1 or more.
    key: from `jax.random.key`, needed for "random". Returns shape (runs, steps + 1). ValueError: other
    arguments.

    >>> gram = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> coordinate_descent(gram, [1.0, 1.0], 2, order="cyclic").tolist()
    [[1.5, 0.375, 0.09375]]
    """
    gram, start = _check(gram, start_error)
    steps, runs = check_count("steps", steps), check_count("runs", runs)
    parallel = check_count("parallel", parallel)
    if order not in ("cyclic", "random"):
        raise ValueError(f"order = {order!r} is not known; pass cyclic or random")
    if parallel > len(start) and not (replacement and order == "random"):
        raise ValueError(f"parallel = {parallel} is more than the {len(start)} coordinates")
    if order == "cyclic":
        key = jax.random.key(0) if key is None else key
    check_key(key)
    return _descend(gram, start, key, parallel, steps, runs, order, parallel if replacement else None)


@functools.partial(jax.jit, static_argnums=(4, 5, 6, 7))
def _descend(gram, start, key, parallel, steps, runs, order, repeated):
    """repeated: draws with replacement, part of the program's shape; None for distinct coordinates."""
    dimension = len(start)

    def chosen(key, number):
        """How often each coordinate moves in this round, shape (d,)."""
        if order == "cyclic":
            place = (jnp.arange(dimension) - number * parallel) % dimension
        elif repeated is not None:
            picked = jax.random.randint(key, (repeated,), 0, dimension)
            return jnp.zeros(dimension).at[picked].add(1.0)
        else:  # each coordinate's place in a random order
            place = jnp.argsort(jnp.argsort(jax.random.uniform(key, (dimension,))))
        return (place < parallel).astype(float)

    def risk(error):
        return 0.5 * jnp.sum(error * _product(error, gram), axis=-1)

    def round_of(errors, number):
        keys = step_keys(jax.random.fold_in(key, number), jnp.arange(runs))
        moves = jax.vmap(chosen, (0, None))(keys, number)
        errors = errors - moves * _product(errors, gram)
        return errors, risk(errors)

    errors = jnp.broadcast_to(start, (runs, dimension))
    _, risks = jax.lax.scan(round_of, errors, jnp.arange(steps))
    return jnp.concatenate([risk(errors)[None], risks]).T


def block_sweeps(gram, start_error, blocks, sweeps, *, method="jacobi", devices=1):
    """The error |Delta| after 0, 1, ..., sweeps sweeps that solve each block of coordinates exactly.

        jacobi:        all blocks at once, from the old values of the others; each device has some of them
        gauss-seidel:  one block after the other, from the newest values

    gram: symmetric positive definite, (d, d). blocks: divides d. devices: divides blocks; 1 for
    gauss-seidel, which is serial. A Jacobi sweep communicates one all-gather of d numbers. Returns shape
    (sweeps + 1,), float32. ValueError: other arguments.

    >>> gram = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> block_sweeps(gram, [1.0, 0.0], 2, 2).tolist()
    [1.0, 0.5, 0.25]
    """
    gram, start = _check(gram, start_error)
    blocks, sweeps = check_count("blocks", blocks), check_count("sweeps", sweeps)
    devices = check_count("devices", devices)
    if len(start) % blocks:
        raise ValueError(f"blocks = {blocks} does not divide the {len(start)} coordinates; pass a divisor")
    if method not in ("jacobi", "gauss-seidel"):
        raise ValueError(f"method = {method!r} is not known; pass jacobi or gauss-seidel")
    if blocks % devices or (method == "gauss-seidel" and devices > 1):
        raise ValueError(
            f"devices = {devices} cannot share {blocks} blocks of {method}: pass a divisor, and 1 for"
            " gauss-seidel, which is serial"
        )
    line = mesh(devices, "model")
    rows = gram.reshape(blocks, -1, len(start))
    sweep = _sweep(method, devices, sweeps)
    return np.asarray(sweep(place(rows, line, "model"), place(start, line)))


@functools.lru_cache(maxsize=32)
def _sweep(method, devices, sweeps):
    def solve(block, row, error):
        """The best values of a block, given the others; row: its rows of G, shape (size, d)."""
        first, size = block * row.shape[0], row.shape[0]
        own = jax.lax.dynamic_slice_in_dim(row, first, size, axis=1)
        old = jax.lax.dynamic_slice_in_dim(error, first, size)
        return old - jnp.linalg.solve(own, _product(row, error))

    def jacobi(rows, error):
        mine = jax.lax.axis_index("model") * len(rows) + jnp.arange(len(rows))
        new = jax.vmap(solve, (0, 0, None))(mine, rows, error)
        return jax.lax.all_gather(new.ravel(), "model", tiled=True)

    def gauss_seidel(rows, error):
        def put(block, error):
            new = solve(block, rows[block], error)
            return jax.lax.dynamic_update_slice_in_dim(error, new, block * len(new), axis=0)

        return jax.lax.fori_loop(0, len(rows), put, error)

    def run(rows, error):
        def step(error, _):
            error = (jacobi if method == "jacobi" else gauss_seidel)(rows, error)
            return error, jnp.linalg.norm(error)

        norms = jax.lax.scan(step, error, length=sweeps)[1]
        return jnp.concatenate([jnp.linalg.norm(error)[None], norms])

    return jax.jit(
        jax.shard_map(
            run,
            mesh=mesh(devices, "model"),
            in_specs=(PartitionSpec("model"), PartitionSpec()),
            out_specs=PartitionSpec(),
            check_vma=False,
        )
    )


def _check(gram, start_error):
    """Both as arrays of JAX's default float type, or ValueError."""
    gram, start = np.asarray(gram, float), np.asarray(start_error, float)
    if gram.ndim != 2 or gram.shape != (len(gram), len(gram)) or not np.all(np.isfinite(gram)):
        raise ValueError(f"gram has shape {gram.shape}; pass a finite square matrix, A'A")
    if start.shape != gram.shape[:1] or not np.all(np.isfinite(start)):
        raise ValueError(f"start_error has shape {start.shape}; pass w_0 - w*, finite, ({len(gram)},)")
    return jnp.asarray(gram, dtype=float), jnp.asarray(start, dtype=float)
