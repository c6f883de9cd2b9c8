"""Adaptive gradient methods: AdaGrad, RMSProp, Adam and AMSGrad, each beside its formula.

All of them give every coordinate a learning rate of its own, read off the gradients so far:

    w_t = w_{t-1} - eta m_t / sqrt(v_t)

entry by entry, with m_t the gradient g_t at w_{t-1} or an average of gradients, and v_t a sum or an average
of squared gradients. Each is an `optax.GradientTransformation`: `init(params)` makes the state, and
`update(gradient, state)` returns the step to add to the parameters and the new state. Parameters may be any
tree of float arrays. Where no gradient ever arrived v is zero and nothing moves: 0 / 0 is taken to be 0.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

LARGEST_MATRIX = 1000  # unknowns of full_matrix_adagrad: 4 MB of state and about a second an update


def adagrad(learning_rate) -> optax.GradientTransformation:
    """AdaGrad with a diagonal matrix: a coordinate's rate falls with its own gradients.

        G_t = G_{t-1} + g_t^2,    w_t = w_{t-1} - eta g_t / sqrt(G_t)

    Args:
        learning_rate: eta > 0, in the unit of w; or a function from the number of steps made before to it.

    Raises:
        ValueError: such a rate is not given.

    Example:
        >>> step, _ = one_step(adagrad(0.5), [3.0, -0.01])  # the first step is eta, whatever the gradient
        >>> step.tolist()
        [-0.5, 0.5]

    Source: J. Duchi, E. Hazan, Y. Singer, Adaptive subgradient methods, JMLR 12 (2011), with delta = 0.
    """

    def init(params):
        return jax.tree.map(jnp.zeros_like, params)

    def update(gradient, total, params=None):
        total = jax.tree.map(lambda G, g: G + g**2, total, gradient)
        return jax.tree.map(lambda g, G: _divide(g, jnp.sqrt(G)), gradient, total), total

    return _with_rate(learning_rate, init, update)


def full_matrix_adagrad(learning_rate) -> optax.GradientTransformation:
    """AdaGrad with a full matrix: it turns with the coordinates, as gradient descent does.

        G_t = G_{t-1} + g_t g_t',    w_t = w_{t-1} - eta G_t^(-1/2) g_t

    G^(-1/2) is the inverse square root on the span of the gradients so far and zero off it. An update takes
    O(d^3) operations: this is for small d, to see what the diagonal gives away.

    Args:
        learning_rate: eta > 0, in the unit of w; or a function from the number of steps made before to it.

    Raises:
        ValueError: such a rate is not given; or, in `init`, more than 1000 parameters.

    Example:
        >>> step, _ = one_step(full_matrix_adagrad(0.5), [3.0, 4.0])
        >>> [round(float(x), 4) for x in step]  # along the gradient, of length eta
        [-0.3, -0.4]

    Source: Duchi, Hazan, Singer (2011), with delta = 0.
    """

    def init(params):
        d = sum(np.size(w) for w in jax.tree.leaves(params))
        if d > LARGEST_MATRIX:
            raise ValueError(f"params has d = {d} numbers; above {LARGEST_MATRIX} use adagrad")
        return jnp.zeros((d, d))

    def update(gradient, total, params=None):
        g, like_gradient = ravel_pytree(gradient)
        total = total + jnp.outer(g, g)
        values, vectors = jnp.linalg.eigh(total)
        noise = values[-1] * len(g) * jnp.finfo(g.dtype).eps  # eigenvalues below it are zeros, rounded
        inverse_root = jnp.where(values > noise, 1 / jnp.sqrt(jnp.maximum(values, noise)), 0.0)
        product = jnp.matmul(vectors.T, g, precision="highest")
        return like_gradient(jnp.matmul(vectors, inverse_root * product, precision="highest")), total

    return _with_rate(learning_rate, init, update)


def rmsprop(learning_rate, *, decay: float = 0.9, eps: float = 1e-8) -> optax.GradientTransformation:
    """RMSProp: as AdaGrad, with a running average in place of the sum, so that the rate does not fall.

        v_t = decay v_{t-1} + (1 - decay) g_t^2,    w_t = w_{t-1} - eta g_t / (sqrt(v_t) + eps)

    Args:
        learning_rate: eta > 0, in the unit of w; or a function from the number of steps made before to it.
        decay: from 0 to below 1; the average is over about 1 / (1 - decay) steps.
        eps: >= 0, in the unit of g; 0 makes the step independent of the scale of the loss.

    Raises:
        ValueError: an argument that is not as said.

    Example:
        >>> step, _ = one_step(rmsprop(0.1, decay=0.75), [3.0, -3.0])  # 1 / sqrt(1 - decay) = 2
        >>> [round(float(x), 4) for x in step]
        [-0.2, 0.2]

    Source: T. Tieleman, G. Hinton, lecture 6.5 of Neural networks for machine learning, Coursera (2012).
    """
    return adam(learning_rate, b1=0.0, b2=decay, eps=eps, bias_correction=False)


class Moments(NamedTuple):
    """State of Adam: steps made, and the averages m of the gradients and v of their squares."""

    count: jax.Array
    m: Any
    v: Any


def adam(
    learning_rate, *, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, bias_correction: bool = True
) -> optax.GradientTransformation:
    """Adam: RMSProp with an average of gradients on top, and both averages corrected for their start.

        m_t = b1 m_{t-1} + (1 - b1) g_t,      m^_t = m_t / (1 - b1^t)
        v_t = b2 v_{t-1} + (1 - b2) g_t^2,    v^_t = v_t / (1 - b2^t)
        w_t = w_{t-1} - eta m^_t / (sqrt(v^_t) + eps)

    Args:
        learning_rate: eta > 0, in the unit of w; or a function from the number of steps made before to it.
        b1, b2: from 0 to below 1; the averages are over about 1 / (1 - b) steps.
        eps: >= 0, in the unit of g; 0 makes the step independent of the scale of the loss.
        bias_correction: False leaves m and v as they are, as if m^ = m and v^ = v.

    Raises:
        ValueError: an argument that is not as said.

    Example:
        >>> step, _ = one_step(adam(0.5, eps=0.0), [3.0, -0.01])  # the first step is eta here too
        >>> [round(float(x), 4) for x in step]
        [-0.5, 0.5]

    Source: D. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR (2015), Algorithm 1.
    """
    _check_decays(b1, b2, eps)

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return Moments(jnp.zeros([], jnp.int32), zeros, zeros)

    def update(gradient, state, params=None):
        t = state.count + 1
        m, v = _average(b1, state.m, gradient), _average(b2, state.v, jax.tree.map(jnp.square, gradient))
        m_hat, v_hat = (_corrected(m, b1, t), _corrected(v, b2, t)) if bias_correction else (m, v)
        step = jax.tree.map(lambda m, v: _divide(m, jnp.sqrt(v) + eps), m_hat, v_hat)
        return step, Moments(t, m, v)

    return _with_rate(learning_rate, init, update)


class MomentsAndMaximum(NamedTuple):
    """State of AMSGrad: as Adam's, and the largest v^ so far."""

    count: jax.Array
    m: Any
    v: Any
    largest: Any


def amsgrad(
    learning_rate, *, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, bias_correction: bool = True
) -> optax.GradientTransformation:
    """AMSGrad: Adam whose denominator never falls, so that a rare large gradient is not forgotten.

        m, v, m^, v^ as in Adam,    u_t = max(u_{t-1}, v^_t),    w_t = w_{t-1} - eta m^_t / (sqrt(u_t) + eps)

    Args:
        learning_rate, b1, b2, eps, bias_correction: as in `adam`; the paper has no bias correction.

    Raises:
        ValueError: an argument that is not as said.

    Example:
        >>> method = amsgrad(1.0, b1=0.0, b2=0.5, eps=0.0, bias_correction=False)
        >>> _, state = one_step(method, [4.0])  # v = 8
        >>> step, _ = method.update(jnp.array([1.0]), state)  # v = 4.5, but its maximum is still 8
        >>> round(float(step[0]) * 8**0.5, 4)
        -1.0

    Source: S. Reddi, S. Kale, S. Kumar, On the convergence of Adam and beyond, ICLR (2018), Algorithm 2.
    """
    _check_decays(b1, b2, eps)

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return MomentsAndMaximum(jnp.zeros([], jnp.int32), zeros, zeros, zeros)

    def update(gradient, state, params=None):
        t = state.count + 1
        m, v = _average(b1, state.m, gradient), _average(b2, state.v, jax.tree.map(jnp.square, gradient))
        m_hat, v_hat = (_corrected(m, b1, t), _corrected(v, b2, t)) if bias_correction else (m, v)
        largest = jax.tree.map(jnp.maximum, state.largest, v_hat)
        step = jax.tree.map(lambda m, u: _divide(m, jnp.sqrt(u) + eps), m_hat, largest)
        return step, MomentsAndMaximum(t, m, v, largest)

    return _with_rate(learning_rate, init, update)


def one_step(method: optax.GradientTransformation, gradient):
    """The first step of a method on one gradient, and its state after: (step, state).

    >>> one_step(optax.sgd(0.5), [2.0])[0].tolist()
    [-1.0]
    """
    gradient = jnp.asarray(gradient)
    return method.update(gradient, method.init(gradient))


def _average(decay, old, new):
    return jax.tree.map(lambda x, y: decay * x + (1 - decay) * y, old, new)


def _corrected(average, decay, t):
    """The average of t equal numbers x, begun at 0, is (1 - decay^t) x: divide by what is missing."""
    return jax.tree.map(lambda x: x / (1 - decay**t), average)


def _divide(numerator, denominator):
    return numerator / jnp.where(denominator == 0, 1, denominator)


def _with_rate(learning_rate, init, update):
    if not callable(learning_rate) and not (_number(learning_rate) > 0):
        raise ValueError(f"learning_rate = {learning_rate!r} is refused; pass a finite number above 0")
    rule = optax.GradientTransformation(init, update)
    return optax.chain(rule, optax.scale_by_learning_rate(learning_rate))


def _check_decays(b1, b2, eps):
    for name, decay in (("b1", b1), ("b2 (or decay)", b2)):
        if not 0 <= _number(decay) < 1:
            raise ValueError(f"{name} = {decay!r} is refused; pass a number from 0 to below 1")
    if not _number(eps) >= 0:
        raise ValueError(f"eps = {eps!r} is refused; pass a finite number, 0 or more")


def _number(value):
    """The value as a float, NaN if it is no finite number; 0.5 for one that JAX only knows when it runs."""
    if isinstance(value, jax.core.Tracer):
        return 0.5
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) and not isinstance(value, bool | str) else math.nan
