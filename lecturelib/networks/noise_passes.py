"""The passes over a batch behind `noise_scale`: gradients, Hessian products, the top eigenvalue.

The batch is cut into equal chunks, axes (chunks, examples of a chunk, ...). One chunk at a time is in memory,
and the mean gradients of all of them. The products are JAX's, the top eigenvalue is found in NumPy.
"""

import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from numpy.typing import ArrayLike

PyTree = Any  # of arrays: parameters, batches; Python has no type that says so
Loss = Callable[[PyTree, PyTree], jax.Array]  # of (params, batch)


def check_loss(loss: Loss, params: PyTree, parts: PyTree) -> None:
    """Raise ValueError unless the loss is one finite number, and on two chunks the mean of the two."""
    pair = jax.tree.map(lambda x: x[:2], parts)
    shape = jax.eval_shape(loss, params, jax.tree.map(lambda x: x[0], parts))
    if not (hasattr(shape, "shape") and shape.shape == () and jnp.issubdtype(shape.dtype, jnp.floating)):
        raise ValueError(
            f"loss returns {shape}, not one floating-point number; return jnp.mean(...) over the batch"
        )
    together, alone = (np.asarray(value, dtype=float) for value in _together_and_alone(loss, params, pair))
    if not np.isfinite([together, *alone]).all():
        raise ValueError(
            f"loss is {together} at params; take parameters from before training diverged, or look for "
            "examples that are not finite"
        )
    mean = alone.mean()
    rounding = float(jnp.finfo(shape.dtype).eps) ** 0.5
    if abs(together - mean) > rounding * abs(alone).sum():
        raise ValueError(
            f"loss over two chunks is {together:.6g}, but the mean of the two is {mean:.6g}; it has to be "
            "a mean over the examples: divide a sum by the batch size, let no example depend on others, and "
            "switch dropout off"
        )


@functools.partial(jax.jit, static_argnames="loss")
def _together_and_alone(loss: Loss, params: PyTree, pair: PyTree) -> tuple[jax.Array, jax.Array]:
    both = jax.tree.map(lambda x: x.reshape((-1, *x.shape[2:])), pair)
    return loss(params, both), jax.lax.map(lambda part: loss(params, part), pair)


@functools.partial(jax.jit, static_argnames=("loss", "at_once"))
def one_pass(
    loss: Loss, params: PyTree, parts: PyTree, key: jax.Array, at_once: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Gram matrix of the chunks' mean gradients, ``|g|^2`` of each example, and v'H_k v of each chunk."""
    gradient = jax.grad(loss)

    def squared_length(example: PyTree) -> jax.Array:
        found = gradient(params, jax.tree.map(lambda x: x[None], example))
        return jax.tree.reduce(operator.add, jax.tree.map(lambda g: jnp.sum(jnp.square(wide(g))), found))

    def one_chunk(chunk: tuple[PyTree, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        part, probe_key = chunk
        mean, curvature = probe(gradient, params, part, probe_key)
        squares = jax.lax.map(squared_length, part, batch_size=at_once)
        return wide(ravel_pytree(mean)[0]), squares, curvature

    keys = jax.random.split(key, len(jax.tree.leaves(parts)[0]))
    means, squares, curvatures = jax.lax.map(one_chunk, (parts, keys))
    return jnp.matmul(means, means.T, precision="highest"), squares, curvatures


def probe(
    gradient: Callable[[PyTree, PyTree], PyTree], params: PyTree, part: PyTree, key: jax.Array
) -> tuple[PyTree, jax.Array]:
    """Mean gradient g of a chunk, and v'Hv for random signs v: its expectation is the trace."""
    flat, unravel = ravel_pytree(params)
    signs = unravel(jax.random.rademacher(key, flat.shape, flat.dtype))
    mean, image = jax.jvp(lambda w: gradient(w, part), (params,), (signs,))
    products = jax.tree.map(lambda v, u: jnp.sum(wide(v) * wide(u)), signs, image)
    return mean, jax.tree.reduce(operator.add, products)


@functools.partial(jax.jit, static_argnames="loss")
def hessian_product(loss: Loss, params: PyTree, parts: PyTree, vector: jax.Array) -> jax.Array:
    """H times a flat vector, shape (p,): the mean over the chunks, one chunk in memory at a time."""
    flat, unravel = ravel_pytree(params)
    direction = unravel(vector.astype(flat.dtype))

    def add(total: jax.Array, part: PyTree) -> tuple[jax.Array, None]:
        image = jax.jvp(lambda w: jax.grad(loss)(w, part), (params,), (direction,))[1]
        return total + wide(ravel_pytree(image)[0]), None

    total, _ = jax.lax.scan(add, jnp.zeros_like(wide(flat)), parts)
    return total / len(jax.tree.leaves(parts)[0])


def wide(array: jax.Array) -> jax.Array:
    """At least float32: half precision is too coarse to add up squares in."""
    return array.astype(jnp.promote_types(array.dtype, jnp.float32))


def size(params: PyTree) -> int:
    """How many numbers the parameters are."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))


@dataclass(frozen=True)
class TopEigenvalue:
    """An eigenvalue t of H, the residual ``|Hy - ty|`` that bounds its error, and the products it took."""

    value: float
    residual: float
    products: int


def top_eigenvalue(
    product: Callable[[np.ndarray], ArrayLike],
    start: ArrayLike,
    tolerance: float = 1e-2,
    max_products: int = 100,
) -> TopEigenvalue:
    """The largest (not the largest absolute) eigenvalue of a symmetric matrix, from its products alone.

    ::

        beta_k v_(k+1) = H v_k - alpha_k v_k - beta_(k-1) v_(k-1),    residual = beta_k |last entry of y|

    After k products, by Lanczos' method, t is the top eigenvalue of H restricted to the space of v, Hv, ...,
    H^(k-1) v, at a unit vector y. It never exceeds the true one, up to the rounding of the products.

    Args:
        product: function of a vector of shape (p,) that returns H times it, shape (p,).
        start: a random vector, shape (p,), not zero; it has to meet the top eigenvector.
        tolerance: stop at residual <= tolerance * ``|eigenvalue|``; the error is mostly far smaller, about
            residual^2 / (distance to the next eigenvalue).
        max_products: stop here in any case, 1 or more; the residual says how good the value is.

    Returns:
        Value and residual in the unit of H.

    Example:
        >>> import numpy as np
        >>> from lecturelib.networks.noise_passes import top_eigenvalue
        >>> found = top_eigenvalue(lambda v: np.array([3.0, -5.0]) * v, np.ones(2), tolerance=1e-6)
        >>> round(found.value, 6), found.products
        (3.0, 2)

    Source: B. Parlett, The symmetric eigenvalue problem, 1980, chapter 13. scipy's eigsh is not used because
    it needs 20 products and three or more parameters, and fails on a matrix that is zero.
    """
    vector = np.asarray(start, dtype=np.float64)
    basis = [vector / np.linalg.norm(vector)]
    diagonal: list[float] = []
    beside: list[float] = []
    largest = 0.0
    while True:
        image = np.asarray(product(basis[-1]), dtype=np.float64)
        largest = max(largest, float(np.linalg.norm(image)))
        diagonal.append(float(basis[-1] @ image))
        for _ in range(2):  # once leaves rounding errors in the old directions, which bring copies of t
            for member in basis:
                image = image - (member @ image) * member
        length = float(np.linalg.norm(image))
        matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
        values, vectors = np.linalg.eigh(matrix)
        residual = length * abs(vectors[-1, -1])
        small = residual <= tolerance * abs(values[-1]) or length <= 1e-12 * largest
        if small or len(basis) >= min(max_products, len(vector)):
            return TopEigenvalue(float(values[-1]), float(residual), len(basis))
        beside.append(length)
        basis.append(image / length)
