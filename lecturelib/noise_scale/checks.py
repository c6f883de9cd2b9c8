"""What `noise_scale.estimate` refuses at the door, each with the value and the remedy."""

import functools
import numbers

import jax
import jax.numpy as jnp
import numpy as np

from lecturelib.checks import check_count
from lecturelib.draws import check_key

FEWEST_CHUNKS, MOST_CHUNKS = 8, 64


def check_options(loss, key, confidence, tolerance, max_products):
    """The arguments that are neither parameters nor examples."""
    try:
        hash(loss)
    except TypeError as error:
        raise ValueError(f"loss cannot be compiled ({error}); pass a plain function") from None
    check_key(key)
    for name, value in (("confidence", confidence), ("tolerance", tolerance)):
        if not (isinstance(value, numbers.Real) and 0.0 < value < 1.0):
            raise ValueError(f"{name} = {value!r} is refused; pass a number between 0 and 1")
    check_count("max_products", max_products)


def check_params(params):
    """Parameters: a pytree of at least one floating-point array, all finite."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    if not any(np.size(leaf) for _, leaf in leaves):
        raise ValueError(f"params = {params!r} hold no numbers; pass a pytree of arrays")
    for path, leaf in leaves:
        name = "params" + jax.tree_util.keystr(path)
        kind = getattr(leaf, "dtype", np.asarray(leaf).dtype)
        if not jnp.issubdtype(kind, jnp.floating):
            raise ValueError(
                f"{name} is of type {kind}, which has no gradient; make it floating-point, "
                "or leave it out of params and close over it in loss"
            )
        if not bool(jnp.all(jnp.isfinite(leaf))):
            raise ValueError(f"{name} is not finite; take parameters from before training diverged")


def check_batch(batch, chunks):
    """Examples in the batch, and in how many equal chunks they are cut."""
    leaves = jax.tree_util.tree_leaves_with_path(batch)
    lengths = {"batch" + jax.tree_util.keystr(path): np.shape(leaf)[:1] for path, leaf in leaves}
    if len(set(lengths.values())) != 1 or () in lengths.values():
        found = ", ".join(f"{name} has {length[0] if length else 'none'}" for name, length in lengths.items())
        raise ValueError(
            f"the arrays of batch need leading axes of equal length, the examples; {found or 'it is empty'}"
        )
    examples = next(iter(lengths.values()))[0]
    if examples < FEWEST_CHUNKS:
        raise ValueError(
            f"batch holds {examples} example{'s' * (examples != 1)}; noise is how examples differ, "
            f"and its interval needs {FEWEST_CHUNKS} or more"
        )
    if chunks is None:
        fitting = [k for k in range(FEWEST_CHUNKS, MOST_CHUNKS + 1) if examples % k == 0]
        if not fitting:
            raise ValueError(
                f"batch holds {examples} examples, which no number of chunks from {FEWEST_CHUNKS} to "
                f"{MOST_CHUNKS} divides; pass the first {_divisible(examples)} of them, or choose chunks"
            )
        return examples, fitting[-1]
    if not _is_whole(chunks) or not FEWEST_CHUNKS <= chunks <= examples or examples % chunks:
        raise ValueError(
            f"chunks = {chunks!r} is refused for {examples} examples; pass a divisor of their number, "
            f"{FEWEST_CHUNKS} or more, or pass the first {_divisible(examples)} examples"
        )
    return examples, int(chunks)


def check_loss(loss, params, parts):
    """One finite number, and the mean over the examples: two chunks together give the mean of each alone.

    parts: the batch with axes (chunks, examples of a chunk, ...).
    """
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
            "a mean over the examples: divide a sum by the batch size, and let no example depend on others"
        )


@functools.partial(jax.jit, static_argnames="loss")
def _together_and_alone(loss, params, pair):
    both = jax.tree.map(lambda x: x.reshape((-1, *x.shape[2:])), pair)
    return loss(params, both), jax.lax.map(lambda part: loss(params, part), pair)


def _divisible(examples):
    """The most examples, of those given, that FEWEST_CHUNKS to MOST_CHUNKS equal chunks can hold."""
    return max(examples // k * k for k in range(FEWEST_CHUNKS, min(MOST_CHUNKS, examples) + 1))


def _is_whole(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
