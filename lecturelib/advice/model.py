"""Noise, curvature and training of the reader's own JAX loss, and the rule of thumb that they give.

The law of McCandlish et al. for the steps and examples to a given loss, with B between the noise scale now
and the noise scale at the goal (their geometric mean):

    steps(b) = S (1 + B / b),   work(b) = E (1 + b / B),   E = B S

S comes from a pilot run. A batch of (price - 1) B costs `price` times the least work. Rates are half of the
largest stable rate that the curvature predicts (`NoiseScale.max_learning_rate`), at the start or at the goal,
whichever is smaller.
"""

import functools
import importlib
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from lecturelib import noise_scale

SAMPLE = 4096  # examples on which noise and curvature are estimated, at most
MOST_STEPS = 2000  # of the pilot run
CHUNK = 5  # steps of the pilot run between looks at the loss


@dataclass(frozen=True, eq=False)
class Pilot:
    """A pilot run: the losses at its start and end, its steps, and the estimates at both ends."""

    first_loss: float
    last_loss: float
    steps: float
    batch_size: int
    learning_rate: float
    now: noise_scale.NoiseScale
    later: noise_scale.NoiseScale


def load(model):
    """Loss, parameters and data of "module:function"; the module is looked for in the current folder first.

    The function takes no arguments and returns (loss, params, data): loss(params, batch) is the mean of a
    loss over the batch, a scalar; params a pytree of floating-point arrays; data a pytree of arrays with
    all examples on the leading axis, of which a batch takes some. ValueError: anything else.
    """
    module, _, function = model.partition(":")
    if not module or not function:
        raise ValueError(f"model = {model!r} is refused; write module:function")
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"model = {model!r}: {error}; start from the module's folder") from error
    finally:
        sys.path.remove(folder)
    make = getattr(found, function, None)
    if not callable(make):
        raise ValueError(f"model = {model!r}: {module} has no function {function!r}")
    made = make()
    if not (isinstance(made, tuple) and len(made) == 3 and callable(made[0])):
        raise ValueError(
            f"model = {model!r}: the function has to return (loss, params, data), loss a function"
        )
    return made


def examples(data):
    """How many examples a pytree of arrays holds; ValueError if its leading axes differ."""
    lengths = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(data)}
    if len(lengths) != 1 or () in lengths:
        raise ValueError(
            f"the arrays of data have leading axes {sorted(lengths)}; give each example one place"
        )
    return lengths.pop()[0]


def sample(data, seed):
    """At most SAMPLE examples drawn at random, in a number that noise_scale.estimate can cut into chunks."""
    total = examples(data)
    size = min(total, SAMPLE)
    size -= size % (64 if size >= 256 else 8)
    if size < 8:
        raise ValueError(f"data has {total} examples; give 8 or more, noise is how they differ")
    chosen = np.sort(np.random.default_rng(seed).choice(total, size, replace=False))
    return jax.tree.map(lambda leaf: jnp.asarray(leaf)[chosen], data)


@functools.partial(jax.jit, static_argnames=("loss", "batch_size", "count"))
def _steps(loss, params, data, rate, key, batch_size, count):
    """`count` steps of SGD; batches are drawn with replacement."""
    total = len(jax.tree.leaves(data)[0])

    def step(params, key):
        drawn = jax.random.randint(key, (batch_size,), 0, total)
        slope = jax.grad(loss)(params, jax.tree.map(lambda leaf: leaf[drawn], data))
        return jax.tree.map(lambda w, g: w - rate.astype(w.dtype) * g, params, slope), None

    return jax.lax.scan(step, params, jax.random.split(key, count))[0]


def train(loss, params, data, judge, rate, batch_size, steps, goal, every, key):
    """SGD at a constant rate, until the loss on `judge` is at most `goal` or `steps` are done.

    The loss is measured `every` steps. Returns the parameters, the steps at which it was measured, shape
    (k,), and the losses, shape (k,).
    """
    measured = jax.jit(loss)
    marks, losses = [0], [float(measured(params, judge))]
    while marks[-1] < steps and losses[-1] > goal:
        key, now = jax.random.split(key)
        params = _steps(loss, params, data, jnp.float32(rate), now, batch_size, every)
        marks.append(marks[-1] + every)
        losses.append(float(measured(params, judge)))
        if not math.isfinite(losses[-1]):
            break
    return params, np.array(marks), np.array(losses)


def pilot(loss, params, data, *, goal, seed) -> Pilot:
    """Train to `goal` times the first loss, or as far as MOST_STEPS go, and estimate the noise at both ends.

    The batch is near the noise scale at the start; the rate is halved, at most six times, while training
    diverges. ValueError: `noise_scale.estimate` refuses, or no rate trains.
    """
    data = jax.tree.map(jnp.asarray, data)
    judge, keys = sample(data, seed), jax.random.split(jax.random.key(seed), 3)
    now = noise_scale.estimate(loss, params, judge, key=keys[0])
    batch_size = power_of_two(now.noise_scale, examples(data))
    rate = 0.5 * float(now.max_learning_rate(batch_size))
    for _ in range(7):
        first = float(loss(params, judge))
        end, marks, losses = train(
            loss, params, data, judge, rate, batch_size, MOST_STEPS, goal * first, CHUNK, keys[1]
        )
        if math.isfinite(losses[-1]) and losses[-1] < first:
            break
        rate *= 0.5
    else:
        raise ValueError(f"training diverges even at learning rate {2 * rate:.2g}; look at the loss")
    later = noise_scale.estimate(loss, end, judge, key=keys[2])
    return Pilot(first, float(losses[-1]), float(marks[-1]), batch_size, rate, now, later)


def known_scale(estimate):
    """A noise scale, or the low end of its interval where the gradient is lost in noise."""
    return estimate.noise_scale if math.isfinite(estimate.noise_scale) else estimate.interval[0]


def rule(pilot, batch_size):
    """Largest rate, rate and steps for a batch size, by the rules at the top of this file."""
    largest = [float(pilot.now.max_learning_rate(batch_size))]
    if pilot.later.trace > 0.0 and pilot.later.sharpness > 0.0:
        largest.append(float(pilot.later.max_learning_rate(batch_size)))
    tempered = pilot.learning_rate / (0.5 * float(pilot.now.max_learning_rate(pilot.batch_size)))
    scale = math.sqrt(max(known_scale(pilot.now), 1e-9) * max(known_scale(pilot.later), 1e-9))
    fewest = pilot.steps / (1.0 + scale / pilot.batch_size)
    return min(largest), 0.5 * tempered * min(largest), math.ceil(fewest * (1.0 + scale / batch_size))


def doubling(pilot, steps, total):
    """Rates and batch sizes, shape (steps,): from the noise scale at the start to that at the goal."""
    first, last = (power_of_two(known_scale(each), total) for each in (pilot.now, pilot.later))
    doublings = max(round(math.log2(last / first)), 0)
    sizes = first * 2 ** (np.arange(steps) * (doublings + 1) // steps)
    return np.full(steps, rule(pilot, first)[1]), sizes


def parameters(params):
    """How many numbers the parameters hold."""
    return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(params))


def power_of_two(size, most):
    """The power of two nearest to a number on a logarithmic scale, from 1 to `most`.

    >>> power_of_two(90.0, 1000), power_of_two(1e9, 1000)
    (64, 512)
    """
    highest = math.floor(math.log2(most))
    return 2 ** int(min(max(round(math.log2(max(min(size, 2.0 * most), 1.0))), 0), highest))
