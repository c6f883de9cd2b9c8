"""For any JAX loss: gradient noise scale, sharpness, Hessian trace, and the learning rates they predict.

The loss is a mean over a batch; its gradient on one example has mean G and covariance Sigma. With H the
Hessian, lambda_max its top eigenvalue and b the batch size::

    noise scale  B = tr(Sigma) / |G|^2             b >> B examples hardly make a better step than B
    1 / eta_max(b) ~ (lambda_max + tr(H) / b) / 2  the rate may grow with b up to b ~ tr(H) / lambda_max

One pass over the batch, in chunks, measures B and tr(H); a few more find lambda_max. Only the mean gradients
of the chunks are kept, never one gradient for each example.
"""

import functools
import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_between, check_count
from lecturelib.least_squares.draws import check_key
from lecturelib.networks.branching import branched as branched
from lecturelib.networks.noise_interval import gradient_noise, heavy_tails
from lecturelib.networks.noise_passes import (
    Loss,
    PyTree,
    check_loss,
    hessian_product,
    one_pass,
    size,
    top_eigenvalue,
)
from lecturelib.networks.noise_tracker import Tracker as Tracker
from lecturelib.networks.own_loss import trainable

FEWEST_CHUNKS, MOST_CHUNKS = 8, 64
GRADIENTS_AT_ONCE = {"cpu": 2**18, "gpu": 2**25}  # numbers in the gradients of single examples: fits a cache


@dataclass(frozen=True)
class NoiseScale:
    """Noise and curvature of a loss at some parameters; units are those of the loss and the parameters.

    Attributes:
        noise_scale: B in examples, infinite if no gradient shows through the noise.
        interval: (low, high) for B, high infinite if the batch is too small to tell the gradient from zero.
        gradient_norm: ``|G|``, with the part due to noise removed.
        gradient_variance: tr(Sigma) of one example.
        trace: tr(H).
        trace_error: its standard error, for the draw of the probes and of the examples.
        sharpness: lambda_max on the batch.
        sharpness_error: the residual: some eigenvalue is at most so far off.
        examples: in the batch.
        warning: a sentence where the gradients' tails are too heavy for the interval, otherwise "".
    """

    noise_scale: float
    interval: tuple[float, float]
    gradient_norm: float
    gradient_variance: float
    trace: float
    trace_error: float
    sharpness: float
    sharpness_error: float
    examples: int
    warning: str = ""

    @property
    def resolved(self) -> bool:
        """Whether the gradient was told from zero, so that the interval of the noise scale ends."""
        return math.isfinite(self.interval[1])

    @property
    def critical_batch_size(self) -> float:
        """Where the predicted rate stops growing: eta_max(inf) / eta_max(1) = 1 + tr(H) / lambda_max."""
        return float(self.max_learning_rate(math.inf) / self.max_learning_rate(1))

    def max_learning_rate(self, batch_size: ArrayLike) -> np.ndarray:
        """Largest stable learning rate that the curvature predicts, eta = 2 / (lambda_max + tr(H) / b).

        For least squares this is never below half the true rate of `least_squares.max_learning_rate`, and
        on Gaussian features never above 3/2 of it: there tr(H) + lambda_max belongs in place of tr(H), on
        one-hot features tr(H) - lambda_max. Features with heavy tails diverge earlier than predicted. For
        other losses it is a rule for the neighbourhood of the parameters, since training moves H.

        Args:
            batch_size: number or array, 1 or more, math.inf for full gradients.

        Returns:
            Learning rates of the same shape, for steps w - eta * mean gradient.

        Raises:
            ValueError: a batch size below 1; a trace or sharpness that is not positive.

        Example:
            >>> import math, numpy as np
            >>> from lecturelib import noise_scale
            >>> found = noise_scale.NoiseScale(51.0, (40.0, 70.0), 7.0, 2499.0, 50.0, 0.0, 1.0, 0.0, 1000)
            >>> found.max_learning_rate(np.array([1, 50, math.inf])).round(3).tolist()
            [0.039, 1.0, 2.0]

        Source: P. Jain et al., Parallelizing stochastic gradient descent for least squares regression,
        JMLR 18 (2018): ``gamma_(b,max) = 2 b / (R^2 + (b - 1) lambda_max)``, with tr(H) for R^2 - lambda_max.
        """
        sizes = np.asarray(batch_size, dtype=np.float64)
        if not np.all(sizes >= 1.0):
            raise ValueError(f"batch_size = {batch_size!r} is refused; pass 1 or more, or math.inf")
        if not (self.trace > 0.0 and self.sharpness > 0.0):
            raise ValueError(
                f"trace = {self.trace:.3g} and sharpness = {self.sharpness:.3g} must be positive to predict "
                "a learning rate: the loss curves downward here; train a little further"
            )
        return 2.0 / (self.sharpness + self.trace / sizes)

    def __str__(self) -> str:
        low, high = self.interval
        text = (
            f"noise scale {self.noise_scale:.3g} examples ({low:.3g} to {high:.3g}), "
            f"sharpness {self.sharpness:.3g}, trace {self.trace:.3g} +- {self.trace_error:.2g}"
        )
        if self.warning:
            text += f"; {self.warning}"
        if self.resolved:
            return text
        return text + f"; the gradient is lost in noise: more than {self.examples} examples are needed"


def estimate(
    loss: Loss,
    params: PyTree,
    batch: PyTree,
    *,
    key: jax.Array,
    chunks: int | None = None,
    confidence: float = 0.95,
    tolerance: float = 0.05,
    max_products: int = 50,
) -> NoiseScale:
    """Noise scale with its interval, sharpness and Hessian trace of a loss, from one batch of examples.

    ::

        B = tr(Sigma) / |G|^2,    tr(H) = mean over chunks of v'H_k v, v random signs, a fresh v each

    The batch stands for the distribution it was drawn from; the larger it is, the narrower the interval. It
    resolves the gradient if it has several times B examples. Where few examples make most of the gradients'
    scatter no interval covers, and `warning` says so.

    Args:
        loss: function of (params, batch), the mean (not the sum) of a loss over the batch, a scalar; or
            (scalar, anything).
        params: pytree of arrays; flax, equinox or hand-written. What is not floating-point stays as it is.
        batch: pytree of arrays (uint8 images, labels, ...) with the examples on the leading axis, all of
            equal length n >= 8, independent draws in any order but a sorted one (shuffle it first).
        key: a `jax.random.key`; it moves trace and sharpness within their errors, never the noise scale.
        chunks: equal parts of the batch, 8 or more; a divisor of n. By default the largest up to 64. The
            mean gradient of each chunk is kept: memory for `chunks` copies of the parameters.
        confidence: of the interval, in (0, 1).
        tolerance: stop at a residual below tolerance * sharpness; the error is mostly far smaller.
        max_products: most Hessian-vector products spent on the sharpness, each about two gradients.

    Returns:
        The noise scale with its interval, and the curvature with its errors.

    Raises:
        ValueError: too few examples, leading axes of unequal length, chunks that do not divide them,
            parameters without floating-point numbers, a loss that raises, is not a scalar or not a mean, a
            loss or gradient that is not finite, or zero on every example; an option outside its range.

    Example:
        >>> import jax, jax.numpy as jnp, numpy as np
        >>> from lecturelib import noise_scale
        >>> def loss(w, batch):
        ...     features, targets = batch
        ...     return 0.5 * jnp.mean((features @ w - targets) ** 2)
        >>> features = np.random.default_rng(0).normal(size=(4096, 10)).astype("f")
        >>> batch = features, 0 * features[:, 0]
        >>> found = noise_scale.estimate(loss, jnp.ones(10), batch, key=jax.random.key(0))
        >>> bool(found.interval[0] < 11.0 < found.interval[1])  # B = d + 1 without label noise
        True

    Source: S. McCandlish, J. Kaplan, D. Amodei, An empirical model of large-batch training, 2018, equations
    2.9 and A.2; M. Hutchinson, A stochastic estimator of the trace of the influence matrix, 1990.
    """
    check_key(key)
    check_count("max_products", max_products)
    check_between("confidence", confidence, 0, 1, ends="()")
    check_between("tolerance", tolerance, 0, 1, ends="()")
    examples, chunks = _check_batch(batch, chunks)
    batch = jax.tree.map(jnp.asarray, batch)
    loss, params = trainable(loss, params, jax.tree.map(lambda x: x[: examples // chunks], batch))
    params = jax.tree.map(jnp.asarray, params)
    parts = jax.tree.map(lambda x: x.reshape((chunks, examples // chunks, *x.shape[1:])), batch)
    check_loss(loss, params, parts)
    probe_key, start_key = jax.random.split(key)
    room = GRADIENTS_AT_ONCE["cpu" if jax.default_backend() == "cpu" else "gpu"]
    at_once = max(1, min(room // size(params), examples // chunks))
    measured = one_pass(loss, params, parts, probe_key, at_once)
    gram, squares, traces = (np.asarray(array, dtype=np.float64) for array in measured)
    if not (np.isfinite(gram).all() and np.isfinite(squares).all() and np.isfinite(traces).all()):
        raise ValueError("the gradient or the Hessian of loss is not finite at params; take earlier ones")
    if not squares.any():
        raise ValueError(
            "the gradient of loss is zero on every example, so there is no noise to measure; "
            "check that loss depends on params"
        )
    noise = gradient_noise(gram, squares.mean(axis=1), confidence)
    start = jax.random.normal(start_key, (size(params),))
    product = functools.partial(hessian_product, loss, params, parts)
    top = top_eigenvalue(product, start, tolerance, max_products)
    return NoiseScale(
        noise_scale=noise.noise_scale,
        interval=noise.interval,
        gradient_norm=math.sqrt(max(noise.squared_norm, 0.0)),
        gradient_variance=noise.variance,
        trace=float(traces.mean()),
        trace_error=float(traces.std(ddof=1) / math.sqrt(chunks)),
        sharpness=top.value,
        sharpness_error=top.residual,
        examples=examples,
        warning=heavy_tails(squares.ravel()),
    )


def _check_batch(batch: PyTree, chunks: int | None) -> tuple[int, int]:
    """Examples in the batch, and in how many equal chunks they are cut."""
    leaves = jax.tree_util.tree_leaves_with_path(batch)
    lengths = {"batch" + jax.tree_util.keystr(path): np.shape(leaf)[:1] for path, leaf in leaves}
    if len(set(lengths.values())) != 1 or () in lengths.values():
        found = ", ".join(f"{name} has {length[0] if length else 'none'}" for name, length in lengths.items())
        raise ValueError(
            f"the arrays of batch need leading axes of equal length, the examples; {found or 'it is empty'}"
        )
    examples = check_count("examples of batch", next(iter(lengths.values()))[0], FEWEST_CHUNKS)
    if chunks is None:
        fitting = [k for k in range(FEWEST_CHUNKS, MOST_CHUNKS + 1) if examples % k == 0]
        chunks = fitting[-1] if fitting else MOST_CHUNKS
    chunks = check_count("chunks", chunks, FEWEST_CHUNKS, examples)
    if examples % chunks:
        fewer = max(examples // k * k for k in range(FEWEST_CHUNKS, min(MOST_CHUNKS, examples) + 1))
        raise ValueError(
            f"chunks = {chunks} does not divide {examples} examples; pass a divisor of their number, or pass "
            f"the first {fewer} examples"
        )
    return examples, chunks
