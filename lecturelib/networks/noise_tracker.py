"""The gradient noise scale along a training run, from norms of the gradients that training computes anyway.

A step's batch is K chunks of m examples with mean gradients c_1 ... c_K, whose mean is the step's gradient.
Whatever the weights are at that step, two numbers are unbiased (the mean of c_k'c_l over pairs k != l, and
the chunks' sample variance)::

    u = (K |mean c|^2 - mean |c|^2) / (K - 1)              expects |G|^2
    v = m K / (K - 1) (mean |c|^2 - |mean c|^2)            expects tr(Sigma)

Exponential averages U and V of both give ``B = V / U``, and `noise_averages` its interval.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lecturelib.checks import check_between, check_count
from lecturelib.networks.noise_averages import TrackerState
from lecturelib.networks.noise_interval import GradientNoise
from lecturelib.networks.noise_passes import Loss, PyTree, wide

MOST_UNROLLED = 4  # chunks, so that their sums are fused; more would take long to compile


@dataclass(frozen=True)
class TrackedNoise(GradientNoise):
    """The noise scale of the latest steps, as `GradientNoise`, of their weighted averages.

    Attributes:
        effective_steps: steps of equal weight that would know as much, (sum of weights)^2 / sum of squares.
        steps: seen so far.
        skipped: of those, left out for gradients that were not finite.
        layers: the same for each array of the parameters, by its path; empty unless asked for.
    """

    effective_steps: float
    steps: int
    skipped: int
    layers: dict[str, GradientNoise] = field(default_factory=dict)

    def __str__(self) -> str:
        low, high = self.interval
        found = f"noise scale {self.noise_scale:.3g} examples ({low:.3g} to {high:.3g})"
        return f"{found} over the last {self.effective_steps:.3g} steps or so"


@dataclass(frozen=True)
class Tracker:
    """Tracks ``B = tr(Sigma) / |G|^2`` while a model trains, for any JAX loss and any optimizer.

    ::

        U = sum of decay^age u / sum of decay^age,    n = (1 + decay) / (1 - decay) effective steps in the end

    The tracker holds options, the state numbers, and all but `init` and `read` may be compiled. Of three
    doors take the first that fits: `value_and_grad` cuts the batch and accumulates the gradient,
    `update_gradients` takes the chunks' gradients (of devices, of vmap), `update` takes their norms.

    u and v are unbiased at each step, whatever came before. From one small and one large batch of their own
    (McCandlish et al.), as many examples in all, B has at least 2.5 times the variance (K = 8); from one
    micro-batch and the batch that it is part of, twice where the batch is far below B, else more. The
    interval is for the ratio of averages: where B changes within the n steps, it is wide rather than wrong.

    Args:
        decay: weight of a step relative to the next, in [0, 1); 0.99 averages 199 steps.
        confidence: of the interval, in (0, 1).
        per_layer: also the noise scale of each array of the parameters.

    Raises:
        ValueError: an option outside its range.

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from lecturelib import noise_scale
        >>> def loss(w, batch):
        ...     features, targets = batch
        ...     return 0.5 * jnp.mean((features @ w - targets) ** 2)
        >>> tracker, optimizer = noise_scale.Tracker(decay=0.99), optax.adam(1e-6)
        >>> @jax.jit
        ... def step(w, state, seen, key):
        ...     features = jax.random.normal(key, (64, 10))
        ...     value, gradient, seen = tracker.value_and_grad(loss, w, (features, 0 * features[:, 0]), seen)
        ...     change, state = optimizer.update(gradient, state, w)
        ...     return optax.apply_updates(w, change), state, seen
        >>> w = jnp.ones(10)
        >>> state, seen = optimizer.init(w), tracker.init(w)
        >>> for key in jax.random.split(jax.random.key(0), 400):
        ...     w, state, seen = step(w, state, seen, key)
        >>> found = tracker.read(seen)
        >>> bool(found.interval[0] < 11.0 < found.interval[1]), round(found.effective_steps)  # B = d + 1
        (True, 192)

    Source: S. McCandlish, J. Kaplan, D. Amodei, An empirical model of large-batch training, 2018, appendix
    A.1, equation A.2, here averaged over all chunks.
    """

    decay: float = 0.99
    confidence: float = 0.95
    per_layer: bool = False

    def __post_init__(self) -> None:
        check_between("decay", self.decay, 0, 1, ends="[)")
        check_between("confidence", self.confidence, 0, 1, ends="()")

    def init(self, params: PyTree) -> TrackerState:
        """A state that has seen nothing, for parameters like these (a pytree of arrays)."""
        return TrackerState.empty(1 + (len(jax.tree.leaves(params)) if self.per_layer else 0))

    def value_and_grad(
        self,
        loss: Loss | Callable[..., Any],
        params: PyTree,
        batch: PyTree,
        state: TrackerState,
        *,
        chunks: int = 4,
        has_aux: bool = False,
    ) -> tuple[Any, PyTree, TrackerState]:
        """Loss, gradient and the new state; in place of ``jax.value_and_grad(loss)(params, batch)``.

        Args:
            loss: function of (params, batch), the mean of a loss over the batch.
            params: pytree of floating-point arrays.
            batch: pytree of arrays with the examples on the leading axis, independent draws.
            state: from `init`, or of the last step.
            chunks: K >= 2 equal parts of the batch, computed one after the other; a divisor of its size.
            has_aux: as in `jax.value_and_grad`: loss returns (loss, other); `other` comes for each chunk.

        Returns:
            (value, gradient, state); value is (loss, other) with `has_aux`.

        Raises:
            ValueError: chunks that do not divide the batch.
        """
        lengths = sorted({np.shape(leaf)[:1] for leaf in jax.tree.leaves(batch)})
        examples = lengths[0][0] if len(lengths) == 1 and lengths[0] else 0
        chunks = check_count("chunks", chunks, 2)
        if not examples or examples % chunks:
            raise ValueError(
                f"chunks = {chunks} does not divide the batch, whose arrays have {lengths} examples; "
                "pass a divisor, and arrays of equal leading axes"
            )
        parts = jax.tree.map(lambda x: jnp.reshape(x, (chunks, examples // chunks, *np.shape(x)[1:])), batch)
        gradient = jax.value_and_grad(loss, has_aux=has_aux)

        def one_chunk(total: PyTree, part: PyTree) -> tuple[PyTree, tuple[Any, jax.Array]]:
            value, found = gradient(params, part)
            return jax.tree.map(jnp.add, total, found), (value, _squares(found, axes=0))

        start, unroll = jax.tree.map(jnp.zeros_like, params), chunks if chunks <= MOST_UNROLLED else 1
        total, (values, squares) = jax.lax.scan(one_chunk, start, parts, unroll=unroll)
        mean = jax.tree.map(lambda g: g / chunks, total)
        state = self._update(state, squares.T, _squares(mean, axes=0), examples // chunks)
        value = (jnp.mean(values[0]), values[1]) if has_aux else jnp.mean(values)
        return value, mean, state

    def update_gradients(self, state: TrackerState, gradients: PyTree, examples: int) -> TrackerState:
        """The state after a step whose chunks had these mean gradients.

        Args:
            state: from `init`, or of the last step.
            gradients: pytree like the parameters, each array with a leading axis of K >= 2 chunks.
            examples: m of a chunk, 1 or more.

        Raises:
            ValueError: fewer than 2 chunks, or not as many in each array.
        """
        lengths = sorted({np.shape(leaf)[:1] for leaf in jax.tree.leaves(gradients)})
        if len(lengths) != 1 or lengths[0] < (2,):
            raise ValueError(f"gradients have leading axes {lengths}; give each array the same K >= 2 chunks")
        mean = jax.tree.map(lambda g: jnp.mean(wide(g), axis=0), gradients)
        return self._update(state, _squares(gradients, axes=1), _squares(mean, axes=0), examples)

    def update(self, state: TrackerState, squares: PyTree, mean: PyTree, examples: int) -> TrackerState:
        """The state after a step of which only squared norms are known.

        Args:
            state: from `init`, or of the last step.
            squares: ``|c_k|^2`` of the chunks, shape (K,), K >= 2; with `per_layer` a pytree like the
                parameters with such an array for each of theirs.
            mean: ``|mean of the c_k|^2``, a number (the step's gradient before any clipping); or a pytree.
            examples: m of a chunk, 1 or more.

        Raises:
            ValueError: fewer than 2 chunks; not as many layers as the state has.

        Example:
            >>> from lecturelib import noise_scale
            >>> tracker = noise_scale.Tracker()
            >>> seen = tracker.update(tracker.init(0.0), [5.0, 3.0], 3.0, examples=8)
            >>> found = tracker.read(seen)  # |G|^2 = 2 * 3 - 4, tr(Sigma) = 8 * 2 * (4 - 3)
            >>> found.squared_norm, found.variance, found.noise_scale, found.interval
            (2.0, 16.0, 8.0, (0.0, inf))
        """
        parts = [jax.tree.leaves(x) if self.per_layer else [x] for x in (squares, mean)]
        each, whole = (jnp.stack([wide(jnp.asarray(x)) for x in part]) for part in parts)
        return self._update(state, each, whole, examples)

    def _update(
        self, state: TrackerState, squares: jax.Array, mean: jax.Array, examples: int
    ) -> TrackerState:
        """From each layer's squares of chunks, shape (layers, K), and of their mean, shape (layers,)."""
        examples, chunks = check_count("examples", examples), squares.shape[-1] if squares.ndim == 2 else 0
        if chunks < 2 or (self.per_layer and len(mean) + 1 != len(state.means)):
            raise ValueError(
                f"squares of shape {squares.shape} for {len(state.means) - 1} layers; pass each layer's "
                "|c_k|^2 of K >= 2 chunks, in a pytree like the params of init"
            )
        layers = jnp.stack([jnp.mean(squares, axis=1), mean])
        whole_first = jnp.concatenate([jnp.sum(layers, axis=1, keepdims=True), layers], axis=1)
        each, whole = whole_first[:, : len(state.means)]
        norm = (chunks * whole - each) / (chunks - 1)
        variance = examples * chunks / (chunks - 1) * (each - whole)
        return state.after(jnp.stack([norm, norm + variance], axis=1), self.decay)

    def read(self, state: TrackerState, params: PyTree = None) -> TrackedNoise:
        """The noise scale now, with its interval.

        Args:
            state: of the last step.
            params: with `per_layer`, the parameters or a pytree like them, for the layers' names.

        Raises:
            ValueError: no step was seen, or none with finite gradients; params that are not those of `init`.
        """
        steps, skipped = int(state.seen), int(state.skipped)
        if steps == skipped:
            raise ValueError(f"of {steps} steps none had finite gradients to read; update the state first")
        names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
        whole, *layers = state.noise(self.confidence)
        if self.per_layer and len(names) != len(layers):
            raise ValueError(f"params has {len(names)} arrays for {len(layers)} layers; pass those of init")
        return TrackedNoise(
            **vars(whole),
            effective_steps=float(state.weight**2 / state.squared_weight),
            steps=steps,
            skipped=skipped,
            layers=dict(zip(names, layers, strict=True)) if self.per_layer else {},
        )


def _squares(gradients: PyTree, axes: int) -> jax.Array:
    """The squared norm of each array over all but its first `axes` axes, stacked."""
    return jnp.stack(
        [jnp.sum(jnp.square(wide(g)), axis=tuple(range(axes, g.ndim))) for g in jax.tree.leaves(gradients)]
    )
