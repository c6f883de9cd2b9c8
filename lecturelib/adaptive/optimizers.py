"""Adaptive gradient methods: AdaGrad, RMSProp, Adam and AMSGrad, each beside its formula.

All of them give every coordinate a learning rate of its own, read off the gradients so far::

    w_t = w_{t-1} - eta m_t / sqrt(v_t)

entry by entry, with m_t the gradient g_t at ``w_{t-1}`` or an average of gradients, v_t a sum or an average
of squared gradients. Each is an `optax.GradientTransformation`: `init(params)` makes the state, and
`update(gradient, state)` returns the step to add to the parameters and the new state. Parameters may be any
tree of float arrays. Where no gradient ever arrived v is zero and nothing moves: 0 / 0 is taken to be 0.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from numpy.typing import ArrayLike

from lecturelib.checks import check_between, check_nonnegative, check_positive

Method = Callable[..., optax.GradientTransformation]  # of a learning rate, as `adagrad` or `optax.sgd`
Tree = Any  # an array, or a tree of arrays, with one float for each parameter

LARGEST_MATRIX = 1000  # unknowns of full_matrix_adagrad: 4 MB of state and about a second an update


class SumOfSquares(NamedTuple):
    """State of AdaGrad: G, the sum of the squared gradients, or the matrix of their outer products."""

    G: Tree


def adagrad(learning_rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    """AdaGrad with a diagonal matrix: a coordinate's rate falls with its own gradients.

    ::

        G_t = G_{t-1} + g_t^2,    w_t = w_{t-1} - eta g_t / sqrt(G_t)

    Args:
        learning_rate: eta > 0, in the unit of w; or a function from the number of steps made before to it.

    Raises:
        ValueError: if learning_rate is not above 0.

    >>> from lecturelib import adaptive
    >>> step, _ = adaptive.one_step(adaptive.adagrad(0.5), [3.0, -0.01])
    >>> step.tolist()  # the first step is eta, whatever the gradient
    [-0.5, 0.5]

    Source: J. Duchi, E. Hazan, Y. Singer, Adaptive subgradient methods, JMLR 12 (2011), with delta = 0.
    """

    def init(params: Tree) -> SumOfSquares:
        return SumOfSquares(jax.tree.map(jnp.zeros_like, params))

    def update(gradient: Tree, state: SumOfSquares, params: Tree = None) -> tuple[Tree, SumOfSquares]:
        G = jax.tree.map(lambda G, g: G + g**2, state.G, gradient)
        return jax.tree.map(lambda g, G: _divide(g, jnp.sqrt(G)), gradient, G), SumOfSquares(G)

    return _with_rate(learning_rate, init, update)


def full_matrix_adagrad(learning_rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    """AdaGrad with a full matrix: it turns with the coordinates, as gradient descent does.

    ::

        G_t = G_{t-1} + g_t g_t',    w_t = w_{t-1} - eta G_t^(-1/2) g_t

    G^(-1/2) is the inverse square root on the span of the gradients so far and zero off it. An update takes
    O(d^3) operations: this is for small d, to see what the diagonal gives away. Argument and errors are those
    of `adagrad`; besides, `init` raises ValueError if params has more than 1000 numbers.

    >>> from lecturelib import adaptive
    >>> step, _ = adaptive.one_step(adaptive.full_matrix_adagrad(0.5), [3.0, 4.0])
    >>> [round(float(x), 4) for x in step]  # along the gradient, of length eta
    [-0.3, -0.4]

    Source: Duchi, Hazan, Singer (2011), with delta = 0.
    """

    def init(params: Tree) -> SumOfSquares:
        d = sum(np.size(w) for w in jax.tree.leaves(params))
        if d > LARGEST_MATRIX:
            raise ValueError(f"params has d = {d} numbers; above {LARGEST_MATRIX} use adagrad")
        return SumOfSquares(jnp.zeros((d, d)))

    def update(gradient: Tree, state: SumOfSquares, params: Tree = None) -> tuple[Tree, SumOfSquares]:
        g, like_gradient = ravel_pytree(gradient)
        G = state.G + jnp.outer(g, g)
        values, vectors = jnp.linalg.eigh(G)
        noise = values[-1] * len(g) * jnp.finfo(g.dtype).eps  # eigenvalues below it are zeros, rounded
        inverse_root = jnp.where(values > noise, 1 / jnp.sqrt(jnp.maximum(values, noise)), 0.0)
        product = inverse_root * jnp.matmul(vectors.T, g, precision="highest")
        return like_gradient(jnp.matmul(vectors, product, precision="highest")), SumOfSquares(G)

    return _with_rate(learning_rate, init, update)


def rmsprop(
    learning_rate: optax.ScalarOrSchedule, *, decay: float = 0.9, eps: float = 1e-8
) -> optax.GradientTransformation:
    """RMSProp: as AdaGrad, with a running average in place of the sum, so that the rate does not fall.

    ::

        v_t = decay v_{t-1} + (1 - decay) g_t^2,    w_t = w_{t-1} - eta g_t / (sqrt(v_t) + eps)

    Args:
        learning_rate: eta > 0, in the unit of w; or a function from the number of steps made before to it.
        decay: from 0 to below 1; the average is over about 1 / (1 - decay) steps.
        eps: 0 or more, in the unit of g; 0 makes the step independent of the scale of the loss.

    Raises:
        ValueError: if an argument is outside its range.

    >>> from lecturelib import adaptive
    >>> step, _ = adaptive.one_step(adaptive.rmsprop(0.1, decay=0.75), [3.0, -3.0])
    >>> [round(float(x), 4) for x in step]  # 1 / sqrt(1 - decay) = 2
    [-0.2, 0.2]

    Source: T. Tieleman, G. Hinton, lecture 6.5 of Neural networks for machine learning, Coursera (2012).
    """
    _check_static(check_between, "decay", decay, 0, 1, ends="[)")
    return adam(learning_rate, b1=0.0, b2=decay, eps=eps, bias_correction=False)


def adam(
    learning_rate: optax.ScalarOrSchedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    bias_correction: bool = True,
) -> optax.GradientTransformation:
    """Adam: RMSProp with an average of gradients on top, and both averages corrected for their start.

    ::

        m_t = b1 m_{t-1} + (1 - b1) g_t,      m^_t = m_t / (1 - b1^t)
        v_t = b2 v_{t-1} + (1 - b2) g_t^2,    v^_t = v_t / (1 - b2^t)
        w_t = w_{t-1} - eta m^_t / (sqrt(v^_t) + eps)

    Args:
        learning_rate: eta > 0, in the unit of w; or a function from the number of steps made before to it.
        b1: from 0 to below 1; m is an average over about 1 / (1 - b1) steps.
        b2: from 0 to below 1; v is an average over about 1 / (1 - b2) steps.
        eps: 0 or more, in the unit of g; 0 makes the step independent of the scale of the loss.
        bias_correction: False leaves m and v as they are, as if m^ = m and v^ = v.

    Raises:
        ValueError: if an argument is outside its range.

    >>> from lecturelib import adaptive
    >>> step, _ = adaptive.one_step(adaptive.adam(0.5, eps=0.0), [3.0, -0.01])
    >>> [round(float(x), 4) for x in step]  # the first step is eta here too
    [-0.5, 0.5]

    Source: D. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR (2015), Algorithm 1.
    """
    return _adam(learning_rate, b1, b2, eps, bias_correction, keep_largest=False)


def amsgrad(
    learning_rate: optax.ScalarOrSchedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    bias_correction: bool = True,
) -> optax.GradientTransformation:
    """AMSGrad: Adam whose denominator never falls, so that a rare large gradient is not forgotten.

    ::

        m, v, m^, v^ as in Adam,    u_t = max(u_{t-1}, v^_t),    w_t = w_{t-1} - eta m^_t / (sqrt(u_t) + eps)

    Arguments and errors are those of `adam`; the paper has no bias correction.

    >>> import jax.numpy as jnp
    >>> from lecturelib import adaptive
    >>> method = adaptive.amsgrad(1.0, b1=0.0, b2=0.5, eps=0.0, bias_correction=False)
    >>> _, state = adaptive.one_step(method, [4.0])  # v = 8
    >>> step, _ = method.update(jnp.array([1.0]), state)  # v = 4.5, but its maximum is still 8
    >>> round(float(step[0]) * 8**0.5, 4)
    -1.0

    Source: S. Reddi, S. Kale, S. Kumar, On the convergence of Adam and beyond, ICLR (2018), Algorithm 2.
    """
    return _adam(learning_rate, b1, b2, eps, bias_correction, keep_largest=True)


class Moments(NamedTuple):
    """State of Adam and AMSGrad, in the letters of their formulas."""

    t: jax.Array  # steps made
    m: Tree  # average of the gradients
    v: Tree  # average of their squares
    u: Tree  # AMSGrad's largest v^ so far; None for Adam


def _adam(
    rate: optax.ScalarOrSchedule, b1: float, b2: float, eps: float, bias_correction: bool, keep_largest: bool
) -> optax.GradientTransformation:
    _check_static(check_between, "b1", b1, 0, 1, ends="[)")
    _check_static(check_between, "b2", b2, 0, 1, ends="[)")
    _check_static(check_nonnegative, "eps", eps)

    def init(params: Tree) -> Moments:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return Moments(jnp.zeros([], jnp.int32), zeros, zeros, zeros if keep_largest else None)

    def update(gradient: Tree, state: Moments, params: Tree = None) -> tuple[Tree, Moments]:
        t = state.t + 1
        m, v = _average(b1, state.m, gradient), _average(b2, state.v, jax.tree.map(jnp.square, gradient))
        m_hat, v_hat = (_corrected(m, b1, t), _corrected(v, b2, t)) if bias_correction else (m, v)
        u = jax.tree.map(jnp.maximum, state.u, v_hat) if keep_largest else v_hat
        step = jax.tree.map(lambda m, u: _divide(m, jnp.sqrt(u) + eps), m_hat, u)
        return step, Moments(t, m, v, u if keep_largest else None)

    return _with_rate(rate, init, update)


def one_step(method: optax.GradientTransformation, gradient: ArrayLike) -> tuple[jax.Array, Any]:
    """The first step of a method on one gradient, and its state after: (step, state).

    >>> import optax
    >>> from lecturelib import adaptive
    >>> adaptive.one_step(optax.sgd(0.5), [2.0])[0].tolist()
    [-1.0]
    """
    gradient = jnp.asarray(gradient)
    return method.update(gradient, method.init(gradient))


def _average(decay: float, old: Tree, new: Tree) -> Tree:
    return jax.tree.map(lambda x, y: decay * x + (1 - decay) * y, old, new)


def _corrected(average: Tree, decay: float, t: jax.Array) -> Tree:
    """The average of t equal numbers x, begun at 0, is (1 - decay^t) x: divide by what is missing."""
    return jax.tree.map(lambda x: x / (1 - decay**t), average)


def _divide(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    return numerator / jnp.where(denominator == 0, 1, denominator)


def _with_rate(
    learning_rate: optax.ScalarOrSchedule, init: Callable, update: Callable
) -> optax.GradientTransformation:
    if not callable(learning_rate):
        _check_static(check_positive, "learning_rate", learning_rate)
    rule = optax.GradientTransformation(init, update)
    return optax.chain(rule, optax.scale_by_learning_rate(learning_rate))


def _check_static(check: Callable, name: str, value: Any, *limits: float, **options: str) -> None:
    """Check a number that is known now; JAX learns a traced one, as inside `jax.vmap`, only when it runs."""
    if not isinstance(value, jax.core.Tracer):
        check(name, value, *limits, **options)
