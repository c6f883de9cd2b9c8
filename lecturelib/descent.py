"""The path of any optax method down a fixed loss: every gradient is exact, nothing is sampled."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from lecturelib.checks import check_count


def descend(method: Callable, learning_rate: float, loss: Callable, start, steps: int) -> np.ndarray:
    """The points w_0 = start, w_1, ..., each a step of the method on the gradient of loss at the last.

    Args:
        method: from a learning rate to an `optax.GradientTransformation`, as `adaptive.adam` or `optax.sgd`.
        learning_rate: eta > 0.
        loss: from w, shape (d,), to a number; pass the same object again, and it is not compiled again.
        start: w_0, shape (d,), finite. steps: how many.

    Returns:
        float32, shape (steps + 1, d).

    Raises:
        ValueError: arguments that are not as said.

    >>> import optax
    >>> descend(optax.sgd, 0.5, lambda w: w @ w / 2, [8.0], steps=3)[:, 0].tolist()
    [8.0, 4.0, 2.0, 1.0]
    """
    start = np.asarray(start, dtype=np.float32)
    if start.ndim != 1 or start.size == 0 or not np.isfinite(start).all():
        raise ValueError(f"start has shape {start.shape}: pass finite numbers, of shape (d,)")
    if not 0 < learning_rate < np.inf:
        raise ValueError(f"learning_rate = {learning_rate!r} is refused; pass a finite number above 0")
    steps = check_count("steps", steps)
    return np.asarray(_descend(method, loss, steps, np.float32(learning_rate), start))


def _descend(method, loss, steps, learning_rate, start):
    optimizer = method(learning_rate)

    def step(carry, _):
        w, state = carry
        change, state = optimizer.update(jax.grad(loss)(w), state, w)
        return (w + change, state), w + change

    path = jax.lax.scan(step, (start, optimizer.init(start)), length=steps)[1]
    return jnp.concatenate([start[None], path])


_descend = jax.jit(_descend, static_argnums=(0, 1, 2))
