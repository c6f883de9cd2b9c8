"""Random batches of a least-squares problem, and the gradients they give: the experiment's side of a problem.

Weights are followed as errors Delta = w - w*, one column a learning rate, so that a batch serves all rates in
one matrix product. `workers` are the numbers of the workers: a worker's batch depends on the key and on its
number alone.
"""

import functools
import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_array
from lecturelib.least_squares import draws
from lecturelib.least_squares.pytrees import register

Batch = tuple[jax.Array, jax.Array]  # for every worker what its gradient needs

# Accelerators round the factors of a product to 10 bits unless told otherwise.
_product = functools.partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)

_fixed = functools.partial(field, metadata={"static": True})


class Sampler(Protocol):
    """What a simulation needs of a problem."""

    @property
    def dimension(self) -> int:
        """Number of features d."""
        ...

    @property
    def largest_batch_size(self) -> float:
        """Largest batch that can be drawn, math.inf if there is no limit."""
        return math.inf

    @property
    def divisible(self) -> bool:
        """Whether a large batch should be drawn as several small ones."""
        return True

    def draw(self, key: jax.Array, workers: jax.Array, batch_size: int) -> Batch:
        """A batch for every worker, arrays of shape (len(workers), ...)."""
        ...

    def gradient(self, batch: Batch, errors: jax.Array) -> jax.Array:
        """1/b sum_i x_i (x_i'Delta - e_i) of one worker's batch, for errors of shape (d, rates)."""
        ...

    def inner(self, left: jax.Array, right: jax.Array) -> jax.Array:
        """1/2 left'H right, shape (rates,): the excess risk where left is right."""
        ...


class DenseBatch(Sampler):
    """The gradient of a batch (features (b, d), noise e (b,))."""

    def gradient(self, batch: Batch, errors: jax.Array) -> jax.Array:
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
    def dimension(self) -> int:
        """Number of features d."""
        return len(self.eigenvalues)

    def draw(self, key: jax.Array, workers: jax.Array, batch_size: int) -> Batch:
        """Features (len(workers), b, d) and noise (len(workers), b)."""
        dimension, dtype = self.dimension, self.eigenvalues.dtype
        normal = draws.normal(key, workers, (batch_size, dimension + 1), dtype)
        white, noise = normal[..., :-1], self.noise * normal[..., -1]
        if self.kurtosis != 3.0:
            uniform = draws.uniform(jax.random.fold_in(key, 1), workers, white.shape[1:], dtype)
            half = 0.5 / self.kurtosis
            sign = (uniform < half).astype(dtype) - (uniform >= 1.0 - half).astype(dtype)
            white = math.sqrt(self.kurtosis) * sign
        if self.elliptical != 1.0:
            common = draws.uniform(jax.random.fold_in(key, 2), workers, (batch_size, 1), dtype)
            kept = (common < 1.0 / self.elliptical).astype(dtype)
            white = white * (math.sqrt(self.elliptical) * kept)
        return white * jnp.sqrt(self.eigenvalues)[None, None, :], noise

    def inner(self, left: jax.Array, right: jax.Array) -> jax.Array:
        """1/2 left'H right."""
        return 0.5 * jnp.sum(left * right * self.eigenvalues[:, None], axis=0)


@register
@dataclass(frozen=True)
class OneHotSampler(Sampler):
    """Features e_i with the given probabilities, and Gaussian noise: a batch counts the coordinates."""

    probabilities: jax.Array
    cumulative: jax.Array
    noise: jax.Array

    @property
    def divisible(self) -> bool:
        """False: a batch is two numbers a coordinate, however large it is."""
        return False

    @property
    def dimension(self) -> int:
        """Number of features d."""
        return len(self.probabilities)

    def draw(self, key: jax.Array, workers: jax.Array, batch_size: int) -> Batch:
        """1/b times the count of each coordinate, and 1/b times the sum of its noise: (len(workers), d)."""
        key_coordinate, key_noise = jax.random.split(key)
        dtype = self.probabilities.dtype
        uniform = draws.uniform(key_coordinate, workers, (batch_size,), dtype)
        noise = self.noise * draws.normal(key_noise, workers, (batch_size,), dtype)

        def add_up(coordinate: jax.Array, values: jax.Array) -> jax.Array:
            return jnp.zeros(self.dimension, dtype).at[coordinate].add(values / batch_size)

        coordinate = jnp.searchsorted(self.cumulative, uniform, side="right")
        return jax.vmap(add_up)(coordinate, jnp.ones_like(noise)), jax.vmap(add_up)(coordinate, noise)

    def gradient(self, batch: Batch, errors: jax.Array) -> jax.Array:
        """Mean over the batch of x (x'Delta - e), coordinate by coordinate."""
        share, noise = batch
        return share[:, None] * errors - noise[:, None]

    def inner(self, left: jax.Array, right: jax.Array) -> jax.Array:
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
    def dimension(self) -> int:
        """Number of features d."""
        return self.features.shape[1]

    @property
    def largest_batch_size(self) -> float:
        """math.inf with replacement, else the number of rows."""
        return math.inf if self.replacement else len(self.residuals)

    @property
    def divisible(self) -> bool:
        """Whether a batch can be drawn in parts."""
        return self.replacement

    def draw(self, key: jax.Array, workers: jax.Array, batch_size: int) -> Batch:
        """Features (len(workers), b, d) and residuals (len(workers), b) of the rows drawn."""
        rows = len(self.residuals)

        def draw_rows(key: jax.Array) -> jax.Array:
            if self.replacement:
                return jax.random.randint(key, (batch_size,), 0, rows)
            return jax.random.permutation(key, rows)[:batch_size]

        row = jax.vmap(draw_rows)(draws.worker_keys(key, workers))
        return self.features[row], self.residuals[row]

    def inner(self, left: jax.Array, right: jax.Array) -> jax.Array:
        """1/2 left'H right."""
        return 0.5 * jnp.sum(left * _product(self.hessian, right), axis=0)


def sampler_of(problem: Any) -> Sampler:
    """The sampler of a problem, read by its fields and in JAX's default float type.

    Args:
        problem: has `features` and `targets`; or `probabilities` and `noise_variance`; or `eigenvalues` and
            `noise_variance`, and perhaps `kurtosis` and `elliptical`.

    Raises:
        ValueError: it has none of these.

    >>> import jax
    >>> from types import SimpleNamespace
    >>> from lecturelib.least_squares.sampling import sampler_of
    >>> sampler = sampler_of(SimpleNamespace(eigenvalues=[1.0, 0.5], noise_variance=0.0))
    >>> features, noise = sampler.draw(jax.random.key(0), jax.numpy.arange(3), 4)
    >>> features.shape, noise.shape
    ((3, 4, 2), (3, 4))
    """

    def array(values: ArrayLike) -> jax.Array:
        return jnp.asarray(np.asarray(values, dtype=np.float64), dtype=float)

    if hasattr(problem, "features") and hasattr(problem, "targets"):
        features, targets = np.asarray(problem.features, float), np.asarray(problem.targets, float)
        best = np.linalg.lstsq(features, targets, rcond=None)[0]
        hessian = features.T @ features / len(features)
        replacement = bool(getattr(problem, "replacement", True))
        return RowSampler(array(features), array(targets - features @ best), array(hessian), replacement)
    diagonal = getattr(problem, "probabilities", getattr(problem, "eigenvalues", None))
    if diagonal is None or not hasattr(problem, "noise_variance"):
        raise ValueError(
            f"problem = {problem!r} has neither features and targets, nor probabilities or eigenvalues and"
            " noise_variance; pass a problem of lecturelib.least_squares, or a record with these fields"
        )
    noise = array(math.sqrt(problem.noise_variance))
    if hasattr(problem, "probabilities"):
        # The last entry is above every uniform number: rounding must not draw a coordinate past it.
        cumulative = np.append(np.cumsum(np.asarray(diagonal, float))[:-1], 1.0)
        return OneHotSampler(array(diagonal), array(cumulative), noise)
    kurtosis, elliptical = getattr(problem, "kurtosis", 3.0), getattr(problem, "elliptical", 1.0)
    return GaussianSampler(array(diagonal), noise, float(kurtosis), float(elliptical))


def checked_sampler(problem: Any, batch_size: int) -> Sampler:
    """The sampler of a problem; ValueError if it cannot draw batches of that size."""
    sampler = sampler_of(problem)
    if batch_size > sampler.largest_batch_size:
        raise ValueError(
            f"batch_size = {batch_size} is more than the {sampler.largest_batch_size} rows to draw without"
            " replacement; pass at most that many"
        )
    return sampler


def check_start(sampler: Sampler, start_error: ArrayLike) -> jax.Array:
    """w_0 - w* in JAX's default float type, shape (d,), or ValueError."""
    return jnp.asarray(check_array("start_error", start_error, 1, sampler.dimension), dtype=float)
