"""Random batches of a least-squares problem, and the gradients they give: the experiment's side of a problem.

Weights are followed as errors Delta = w - w*, one column a learning rate, so that a batch serves all rates in
one matrix product. A sampler has these members, and the simulation needs nothing else:

    draw(key, workers, batch_size)    a batch for every worker, a tuple of arrays (len(workers), ...)
    gradient(batch, errors)           1/b sum_i x_i (x_i'Delta - e_i), shape (d, rates), for errors (d, rates)
    inner(left, right)                1/2 left'H right, shape (rates,): the excess risk where left is right
    dimension, largest_batch_size     d; math.inf, or the number of rows there are to draw
    divisible                         whether a large batch should be drawn as several small ones

`workers` are the numbers of the workers: a worker's batch depends on the key and on its number alone.
"""

import functools
import math
from dataclasses import dataclass, field, fields

import jax
import jax.numpy as jnp
import numpy as np

from lecturelib import draws

# Accelerators round the factors of a product to 10 bits unless told otherwise.
_product = functools.partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)

_fixed = functools.partial(field, metadata={"static": True})


def register(sampler):
    """Let JAX pass samplers of this class, a dataclass, into compiled functions; returns the class.

    Not jax.tree_util.register_dataclass: there two classes with as many fields compare equal (jax 0.10), and
    now and then one is given the program compiled for the other. Here the class is part of the comparison.
    """
    names = [
        [f.name for f in fields(sampler) if bool(f.metadata.get("static")) is fixed]
        for fixed in (False, True)
    ]

    def flatten(self):
        arrays, constants = ([getattr(self, name) for name in part] for part in names)
        return arrays, (sampler, tuple(constants))

    def unflatten(kind, arrays):
        return sampler(
            **dict(zip(names[0], arrays, strict=True)), **dict(zip(names[1], kind[1], strict=True))
        )

    jax.tree_util.register_pytree_node(sampler, flatten, unflatten)
    return sampler


class DenseBatch:
    """The gradient of a batch (features (b, d), noise e (b,))."""

    largest_batch_size = math.inf
    divisible = True

    def gradient(self, batch, errors):
        """Mean over the batch of x (x'Delta - e)."""
        features, noise = batch
        return _product(features.T, _product(features, errors) - noise[:, None]) / len(noise)


@register
@dataclass(frozen=True)
class GaussianSampler(DenseBatch):
    """Features sqrt(s) z sqrt(eigenvalues), with E z^4 = kurtosis and E s^2 = elliptical, and Gaussian noise.

    Expected risks depend on the features through these moments only, so any law with them will do: z is
    normal for kurtosis 3, otherwise 0 or +-sqrt(kurtosis); s is 0 or `elliptical`.
    """

    eigenvalues: jax.Array
    noise: jax.Array
    kurtosis: float = _fixed(default=3.0)
    elliptical: float = _fixed(default=1.0)

    @property
    def dimension(self):
        """Number of features d."""
        return len(self.eigenvalues)

    def draw(self, key, workers, batch_size):
        """Features (len(workers), b, d) and noise (len(workers), b)."""
        dimension, dtype = self.dimension, self.eigenvalues.dtype
        roots = jnp.sqrt(self.eigenvalues)[None, None, :]
        normal = draws.normal(key, workers, (batch_size, dimension + 1), dtype)
        white, noise = normal[..., :-1], self.noise * normal[..., -1]
        if self.kurtosis != 3.0:
            uniform = draws.uniform(jax.random.fold_in(key, 1), workers, white.shape[1:], dtype)
            half = 0.5 / self.kurtosis
            sign = (uniform < half).astype(dtype) - (uniform >= 1.0 - half).astype(dtype)
            white = math.sqrt(self.kurtosis) * sign
        if self.elliptical != 1.0:
            share = 1.0 / self.elliptical
            kept = (
                draws.uniform(jax.random.fold_in(key, 2), workers, (batch_size, 1), dtype) < share
            ).astype(dtype)
            white = white * (math.sqrt(self.elliptical) * kept)
        return white * roots, noise

    def inner(self, left, right):
        """1/2 left'H right."""
        return 0.5 * jnp.sum(left * right * self.eigenvalues[:, None], axis=0)


@register
@dataclass(frozen=True)
class OneHotSampler:
    """Features e_i with the given probabilities, and Gaussian noise: a batch counts the coordinates."""

    probabilities: jax.Array
    cumulative: jax.Array
    noise: jax.Array

    largest_batch_size = math.inf
    divisible = False  # a batch is two numbers a coordinate, however large it is

    @property
    def dimension(self):
        """Number of features d."""
        return len(self.probabilities)

    def draw(self, key, workers, batch_size):
        """1/b times the count of each coordinate, and 1/b times the sum of its noise: (len(workers), d)."""
        key_coordinate, key_noise = jax.random.split(key)
        dtype = self.probabilities.dtype
        uniform = draws.uniform(key_coordinate, workers, (batch_size,), dtype)
        noise = self.noise * draws.normal(key_noise, workers, (batch_size,), dtype)

        def add_up(coordinate, values):
            return jnp.zeros(self.dimension, dtype).at[coordinate].add(values / batch_size)

        coordinate = jnp.searchsorted(self.cumulative, uniform, side="right")
        return jax.vmap(add_up)(coordinate, jnp.ones_like(noise)), jax.vmap(add_up)(coordinate, noise)

    def gradient(self, batch, errors):
        """Mean over the batch of x (x'Delta - e), coordinate by coordinate."""
        share, noise = batch
        return share[:, None] * errors - noise[:, None]

    def inner(self, left, right):
        """1/2 left'H right."""
        return 0.5 * jnp.sum(left * right * self.probabilities[:, None], axis=0)


@register
@dataclass(frozen=True)
class RowSampler(DenseBatch):
    """Rows of a data set and their residuals, drawn with replacement, or b distinct rows anew each step."""

    features: jax.Array
    residuals: jax.Array
    hessian: jax.Array
    replacement: bool = _fixed(default=True)

    @property
    def dimension(self):
        """Number of features d."""
        return self.features.shape[1]

    @property
    def largest_batch_size(self):
        """math.inf with replacement, else the number of rows."""
        return math.inf if self.replacement else len(self.residuals)

    @property
    def divisible(self):
        """Whether a batch can be drawn in parts."""
        return self.replacement

    def draw(self, key, workers, batch_size):
        """Features (len(workers), b, d) and residuals (len(workers), b) of the rows drawn."""
        rows = len(self.residuals)

        def draw_rows(key):
            if self.replacement:
                return jax.random.randint(key, (batch_size,), 0, rows)
            return jax.random.permutation(key, rows)[:batch_size]

        row = jax.vmap(draw_rows)(draws.worker_keys(key, workers))
        return self.features[row], self.residuals[row]

    def inner(self, left, right):
        """1/2 left'H right."""
        return 0.5 * jnp.sum(left * _product(self.hessian, right), axis=0)


def sampler_of(problem):
    """The sampler of a problem, read by its fields and in JAX's default float type.

    problem: has `features` and `targets`; or `probabilities` and `noise_variance`; or `eigenvalues` and
    `noise_variance`, and perhaps `kurtosis` and `elliptical`. ValueError: it has none of these.

    >>> from types import SimpleNamespace
    >>> sampler = sampler_of(SimpleNamespace(eigenvalues=[1.0, 0.5], noise_variance=0.0))
    >>> features, noise = sampler.draw(jax.random.key(0), jnp.arange(3), 4)
    >>> features.shape, noise.shape
    ((3, 4, 2), (3, 4))
    """

    def array(values):
        return jnp.asarray(np.asarray(values, dtype=np.float64), dtype=float)

    if hasattr(problem, "features") and hasattr(problem, "targets"):
        features, targets = np.asarray(problem.features, float), np.asarray(problem.targets, float)
        best = np.linalg.lstsq(features, targets, rcond=None)[0]
        hessian = features.T @ features / len(features)
        replacement = bool(getattr(problem, "replacement", True))
        return RowSampler(array(features), array(targets - features @ best), array(hessian), replacement)
    for name in ("probabilities", "eigenvalues"):
        if hasattr(problem, name) and hasattr(problem, "noise_variance"):
            diagonal, noise = np.asarray(getattr(problem, name), float), math.sqrt(problem.noise_variance)
            if name == "probabilities":
                # The last entry is above every uniform number: rounding must not draw a coordinate past it.
                cumulative = np.append(np.cumsum(diagonal)[:-1], 1.0)
                return OneHotSampler(array(diagonal), array(cumulative), array(noise))
            tails = {
                tail: float(getattr(problem, tail))
                for tail in ("kurtosis", "elliptical")
                if hasattr(problem, tail)
            }
            return GaussianSampler(array(diagonal), array(noise), **tails)
    raise ValueError(
        f"problem = {problem!r} has neither features and targets, nor probabilities or eigenvalues and"
        " noise_variance; pass a problem of lecturelib.least_squares, or a record with these fields"
    )


def checked_sampler(problem, batch_size):
    """The sampler of a problem; ValueError if it cannot draw batches of that size."""
    sampler = sampler_of(problem)
    if batch_size > sampler.largest_batch_size:
        raise ValueError(
            f"batch_size = {batch_size} is more than the {sampler.largest_batch_size} rows to draw without"
            " replacement; pass at most that many"
        )
    return sampler
