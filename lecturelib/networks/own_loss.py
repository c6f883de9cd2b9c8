"""A reader's own loss, parameters and data, as users of flax, equinox and optax write them.

What is measured and trained needs three things: a loss that is one number, parameters that all have a
gradient, and arrays of examples. A loss may return (value, anything); parameters may have leaves that are
not floating-point (counters, random keys, activation functions), which stay as they are; data may be an
iterator of batches, which is read up to MOST examples.
"""

import inspect
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

PyTree = Any  # of arrays
Loss = Callable[[PyTree, PyTree], jax.Array]  # of (params, batch)
MOST = 2**16  # examples read from an iterator


def trainable(loss: Callable[[PyTree, PyTree], Any], params: PyTree, part: PyTree) -> tuple[Loss, PyTree]:
    """The loss as one number, and the parameters that are floating-point; both as they were where they fit.

    Args:
        loss: function of (params, batch), a number or (number, anything).
        params: a pytree; leaves that are not floating-point stay as they are.
        part: some examples, on which the loss is tried, without computing it.

    Returns:
        A function of (floats, batch), and these: a dict by path where there were others among them.

    Raises:
        ValueError: parameters without a floating-point number, a loss of other arguments, or one that raises.

    Example:
        >>> import jax.numpy as jnp
        >>> from lecturelib.networks import own_loss
        >>> params = {"w": jnp.ones(2), "steps": 3, "activation": abs}
        >>> own = lambda p, x: (p["activation"](x @ p["w"]), "aux")
        >>> loss, floats = own_loss.trainable(own, params, jnp.ones(2))
        >>> list(floats), float(loss(floats, jnp.array([-1.0, 0.0])))
        (["['w']"], 1.0)
    """
    paths, structure = jax.tree_util.tree_flatten_with_path(params)
    trained = {jax.tree_util.keystr(path): leaf for path, leaf in paths if _is_floating(leaf)}
    if not any(np.size(leaf) for leaf in trained.values()):
        raise ValueError(f"params = {params!r} hold no floating-point numbers; pass a pytree of such arrays")
    _check_arguments(loss)

    def merged(floats: dict[str, jax.Array], batch: PyTree) -> Any:
        leaves = [floats.get(jax.tree_util.keystr(path), leaf) for path, leaf in paths]
        return loss(jax.tree.unflatten(structure, leaves), batch)

    whole, params = (merged, trained) if len(trained) < len(paths) else (loss, params)
    with_more = False

    def first(floats: PyTree, batch: PyTree) -> Any:
        nonlocal with_more
        found = whole(floats, batch)
        with_more = isinstance(found, tuple | list) and len(found) > 0
        return found[0] if with_more else found

    called("loss", jax.eval_shape, first, params, part)
    return (first if with_more else whole), params


def called(name: str, function: Callable, *arguments: Any) -> Any:
    """What the reader's code returns; ValueError, with its place, where it raises anything."""
    try:
        return function(*arguments)
    except Exception as error:
        ours = str(Path(__file__).parents[1])
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__)
            if "site-packages" not in frame.filename and not frame.filename.startswith((ours, "<"))
        ]  # fmt: skip
        place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
        raise ValueError(f"your {name} raises {type(error).__name__}: {error}{place}") from error


def collected(data: PyTree) -> PyTree:
    """Arrays of all examples: data as it is, or what an iterator of batches yields, up to MOST examples.

    >>> import numpy as np
    >>> from lecturelib.networks import own_loss
    >>> own_loss.collected({"x": np.full(2, k)} for k in range(3))["x"].tolist()
    [0, 0, 1, 1, 2, 2]
    """
    one = jax.tree_util.all_leaves([data]) and not hasattr(data, "shape")
    if not (one and hasattr(data, "__iter__")) or isinstance(data, str):
        return data
    batches, examples = [], 0
    for batch in data:
        leaves = jax.tree.leaves(batch)
        if not leaves or not all(map(np.shape, leaves)):
            shown = jax.tree.map(lambda leaf: np.asarray(leaf).shape, batch)
            raise ValueError(f"data yields shapes {shown}; yield batches, the examples on the leading axis: "
                             "((x[i : i + 64], y[i : i + 64]) for i in range(0, len(x), 64))")  # fmt: skip
        batches.append(batch)
        examples += len(leaves[0])
        if examples >= MOST:
            break
    if not batches:
        raise ValueError("data yields nothing; pass an iterator that is not used up")
    return jax.tree.map(lambda *parts: np.concatenate([np.asarray(part) for part in parts]), *batches)


def check_arrays(data: PyTree) -> None:
    """Raise ValueError unless the leaves of data are arrays of finite numbers.

    >>> import numpy as np
    >>> from lecturelib.networks import own_loss
    >>> own_loss.check_arrays({"x": np.ones((3, 2)), "y": np.arange(3)})
    """
    for path, leaf in jax.tree_util.tree_leaves_with_path(data):
        name, array = (
            f"data{jax.tree_util.keystr(path)}",
            leaf if hasattr(leaf, "dtype") else np.asarray(leaf),
        )
        if array.dtype.kind in "OSUMm":
            remedy = "np.unique(it, return_inverse=True)[1] makes codes of texts"
            raise ValueError(f"{name} is of {array.dtype}, not of numbers; {remedy}")
        if _is_floating(array) and (bad := int((~jnp.isfinite(jnp.asarray(array))).sum())):
            raise ValueError(
                f"{name} has {bad:,} values that are not finite; leave out or impute its examples"
            )


def _is_floating(leaf: Any) -> bool:
    kind = leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype
    return bool(jnp.issubdtype(kind, jnp.floating))


def _check_arguments(loss: Callable) -> None:
    """Raise ValueError where a loss cannot be called with (params, batch)."""
    try:
        wants = inspect.signature(loss)
    except ValueError:  # of some functions nobody knows
        return
    try:
        wants.bind(None, None)
    except TypeError:
        raise ValueError(
            f"loss takes {wants}, not (params, batch): close over the rest; a random key has to be a fixed "
            "one, and dropout off, for the mean over examples to be one"
        ) from None
