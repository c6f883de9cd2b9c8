"""Noise, curvature and training of the reader's own JAX loss: what `rule.py` makes its rule of thumb of."""

import functools
import importlib
import importlib.util
import itertools
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lecturelib.advice.comparison import Trial, beside
from lecturelib.advice.optimizer import EPSILON, SGD, Optimizer
from lecturelib.advice.planning import Plan
from lecturelib.advice.progress import say
from lecturelib.advice.trial import BEYOND
from lecturelib.least_squares.schemes import Scheme
from lecturelib.networks import noise_scale
from lecturelib.networks.own_loss import called

SAMPLE = 4096  # examples on which noise and curvature are estimated, at most
MOST_STEPS = 2000  # of the pilot run
CHUNK = 5  # steps of the pilot run between looks at the loss
RATES = 7  # of the pilot run, each half of the one before
LEARNS = 0.9  # share of the first loss above which a pilot run has learnt nothing

PyTree = Any  # of arrays


class Model(NamedTuple):
    """What the reader's function returns.

    Attributes:
        loss: loss(params, batch) is the mean of a loss over the batch, a scalar.
        params: a pytree of floating-point arrays.
        data: a pytree of arrays with all examples on the leading axis, of which a batch takes some.
    """

    loss: Callable[[PyTree, PyTree], jax.Array]
    params: PyTree
    data: PyTree


@dataclass(frozen=True, eq=False)
class Pilot:
    """A pilot run.

    Attributes:
        first_loss, last_loss: at its start and end.
        steps: as many as it took.
        batch_size, learning_rate: of every step.
        now, later: noise and curvature at its start and end.
    """

    first_loss: float
    last_loss: float
    steps: float
    batch_size: int
    learning_rate: float
    now: noise_scale.NoiseScale
    later: noise_scale.NoiseScale


def load(model: str) -> Model:
    """The model that "module:function" returns; the module is looked for in the current folder first.

    Args:
        model: a function without arguments, which returns (loss, params, data), as in `Model`.

    Raises:
        ValueError: there is no such function, or it returns anything else.
    """
    module, _, function = model.partition(":")
    if not module or not function:
        raise ValueError(f"model = {model!r} is refused; write module:function")
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        if importlib.util.find_spec(module) is None:
            raise ModuleNotFoundError(f"No module named {module!r}")
        found = called("module", importlib.import_module, module)
    except ModuleNotFoundError as error:
        raise ValueError(f"model = {model!r}: {error}; start from the module's folder") from error
    finally:
        sys.path.remove(folder)
    make = getattr(found, function, None)
    if not callable(make):
        raise ValueError(f"model = {model!r}: {module} has no function {function!r}")
    made = called("function", make)
    if not (isinstance(made, tuple) and len(made) == 3 and callable(made[0])):
        raise ValueError(
            f"model = {model!r}: the function has to return (loss, params, data), loss a function"
        )
    return Model(*made)


def examples(data: PyTree) -> int:
    """How many examples a pytree of arrays holds; ValueError if its leading axes differ."""
    lengths = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(data)}
    if len(lengths) != 1 or () in lengths:
        raise ValueError(
            f"the arrays of data have leading axes {sorted(lengths)}; give each example one place"
        )
    return lengths.pop()[0]


def sample(data: PyTree, seed: int) -> PyTree:
    """At most SAMPLE examples drawn at random, in a number that noise_scale.estimate can cut into chunks."""
    total = examples(data)
    size = min(total, SAMPLE)
    size -= size % (64 if size >= 256 else 8)
    if size < 8:
        raise ValueError(f"data has {total} examples; give 8 or more, noise is how they differ")
    chosen = np.random.default_rng(seed).choice(total, size, replace=False)  # unsorted, as `estimate` asks
    return jax.tree.map(lambda leaf: jnp.asarray(leaf)[chosen], data)


def _direction(optimizer: Optimizer) -> optax.GradientTransformation:
    """What is multiplied by the rate and subtracted from the weights."""
    if optimizer.name == "adam":
        return optax.scale_by_adam(optimizer.momentum, optimizer.second, EPSILON)
    return optax.trace(optimizer.momentum) if optimizer.momentum else optax.identity()


@functools.partial(jax.jit, static_argnames=("loss", "optimizer", "batch_size", "count"))
def _steps(
    loss: Callable, optimizer: Optimizer, trained: tuple[PyTree, PyTree], data: PyTree, rate: jax.Array,
    key: jax.Array, batch_size: int, count: int,
) -> tuple[PyTree, PyTree]:  # fmt: skip
    """`count` steps from parameters and the optimizer's state; batches are drawn with replacement."""
    total, direction = len(jax.tree.leaves(data)[0]), _direction(optimizer)

    def step(trained: tuple[PyTree, PyTree], key: jax.Array) -> tuple[tuple[PyTree, PyTree], None]:
        params, state = trained
        drawn = jax.random.randint(key, (batch_size,), 0, total)
        slope = jax.grad(loss)(params, jax.tree.map(lambda leaf: leaf[drawn], data))
        slope, state = direction.update(slope, state)
        return (jax.tree.map(lambda w, g: w - rate.astype(w.dtype) * g, params, slope), state), None

    return jax.lax.scan(step, trained, jax.random.split(key, count))[0]


def train(
    model: Model, judge: PyTree, rate: float, batch_size: int, *,
    steps: int, goal: float = 0.0, every: int, key: jax.Array, optimizer: Optimizer = SGD,
) -> tuple[PyTree, np.ndarray, np.ndarray]:  # fmt: skip
    """Training at a constant rate, until the loss on `judge` is at most `goal` or `steps` are done.

    Args:
        model: what to train, and from which parameters.
        judge: examples on which the loss is measured.
        rate: of every step.
        batch_size: of every step.
        steps: most steps.
        goal: loss at which to stop.
        every: steps from one look at the loss to the next.
        key: of the batches.
        optimizer: at rest at the first step.

    Returns:
        The parameters, the steps at which the loss was measured, shape (k,), and the losses, shape (k,).
    """
    measured = jax.jit(model.loss)
    trained = model.params, _direction(optimizer).init(model.params)
    marks, losses = [0], [float(measured(model.params, judge))]
    while marks[-1] < steps and losses[-1] > goal:
        key, now = jax.random.split(key)
        count = min(every, steps - marks[-1])
        say(f"training at batch {batch_size}, at most", marks[-1], steps)
        trained = _steps(
            model.loss, optimizer, trained, model.data, jnp.float32(rate), now, batch_size, count
        )
        marks.append(marks[-1] + count)
        losses.append(float(measured(trained[0], judge)))
        if not math.isfinite(losses[-1]):
            break
    return trained[0], np.array(marks), np.array(losses)


def pilot(model: Model, *, goal: float, seed: int) -> Pilot:
    """Train to `goal` times the first loss, and estimate the noise at both ends.

    The batch is near the noise scale at the start; the rate is halved, at most six times, while training does
    not reach the goal in MOST_STEPS steps, unless a lower rate gets less far.

    Raises:
        ValueError: `noise_scale.estimate` refuses the model, no rate trains it, or none reaches the goal.
    """
    model = model._replace(data=jax.tree.map(jnp.asarray, model.data))
    judge, keys = sample(model.data, seed), jax.random.split(jax.random.key(seed), 3)
    now = noise_scale.estimate(model.loss, model.params, judge, key=keys[0])
    batch_size = power_of_two(now.noise_scale, examples(model.data))
    first, highest = float(model.loss(model.params, judge)), 0.5 * float(now.max_learning_rate(batch_size))
    lowest, steps, rate, end = math.inf, 0, highest, model.params
    for power in range(RATES):
        params, marks, losses = train(
            model, judge, highest * 0.5**power, batch_size,
            steps=MOST_STEPS, goal=goal * first, every=CHUNK, key=keys[1],
        )  # fmt: skip
        if math.isfinite(losses[-1]) and losses[-1] < lowest:
            lowest, steps, rate, end = float(losses[-1]), int(marks[-1]), highest * 0.5**power, params
        elif lowest < LEARNS * first:
            break
        if lowest <= goal * first:
            break
    _check_pilot(first, lowest, goal, highest)
    later = noise_scale.estimate(model.loss, end, judge, key=keys[2])
    return Pilot(first, lowest, float(steps), batch_size, rate, now, later)


def _check_pilot(first: float, lowest: float, goal: float, highest: float) -> None:
    """Raise ValueError unless some pilot run has come from the first loss down to the goal."""
    rates = f"from {highest:.2g} down to {highest * 0.5 ** (RATES - 1):.2g}"
    if lowest == math.inf:
        raise ValueError(f"training diverges at every learning rate {rates}; look at the loss")
    if lowest > LEARNS * first:
        raise ValueError(
            f"the model does not learn: {MOST_STEPS} pilot steps took the loss from {first:.4g} to "
            f"{lowest:.4g} at the best of the learning rates {rates}, so there is no advice; look at the "
            "loss, and at the parameters given"
        )
    if lowest > goal * first:
        raise ValueError(
            f"goal = {goal:g} of the first loss is not reached: {MOST_STEPS} pilot steps come down to "
            f"{lowest / first:.3g} of it at most; set a goal above that, {0.5 + 0.5 * lowest / first:.2g} say"
        )


def trials(model: Model, found: Plan, *, runs: int, seed: int) -> tuple[Trial, ...]:
    """Training runs for the rows of a plan to be checked and for its schedule; loss is that on a sample."""
    model, made = model._replace(data=jax.tree.map(jnp.asarray, model.data)), []
    judge = sample(model.data, seed)
    wanted = [(f"batch {row.batch_size}", row.scheme()) for row in found.checked]
    if found.schedule is not None:
        wanted.append(("doubling", found.schedule))
    for label, scheme in wanted:
        keys = jax.random.split(jax.random.key(seed + 1), runs)
        done = [_run(model, judge, scheme, key, found.optimizer) for key in keys]
        points = min(len(marks) for marks, _ in done)  # a run that diverges stops early
        losses = np.array([losses[:points] for _, losses in done])
        made.append(beside(label, scheme, found.goal, done[0][0][:points], losses))
    return tuple(made)


def _run(
    model: Model, judge: PyTree, scheme: Scheme, key: jax.Array, optimizer: Optimizer = SGD
) -> tuple[np.ndarray, np.ndarray]:
    """A run of a scheme, its last batch and rate going on until it is BEYOND times as long: steps, losses."""
    stages = [(rate, size, len(list(same))) for (rate, size), same in itertools.groupby(
        zip(scheme.learning_rates.tolist(), scheme.batch_sizes.tolist(), strict=True)
    )]  # fmt: skip
    marks, losses = np.zeros(1, dtype=int), np.zeros(0)
    for number, (rate, size, steps) in enumerate(stages):
        if number == len(stages) - 1:
            steps += math.ceil(BEYOND * scheme.steps) - scheme.steps
        params, at, seen = train(
            model, judge, rate, int(size), steps=steps, every=max(1, scheme.steps // 20),
            key=key if number == 0 else jax.random.fold_in(key, number), optimizer=optimizer,
        )  # fmt: skip
        model = model._replace(params=params)
        marks, losses = np.append(marks[:-1], marks[-1] + at), np.append(losses[:-1], seen)
        if not math.isfinite(losses[-1]):
            break
    return marks, losses


def parameters(params: PyTree) -> int:
    """How many numbers the parameters hold."""
    return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(params))


def power_of_two(size: float, most: int) -> int:
    """The power of two nearest to a number on a logarithmic scale, from 1 to `most`.

    >>> from lecturelib.advice.model import power_of_two
    >>> power_of_two(90.0, 1000), power_of_two(1e9, 1000)
    (64, 512)
    """
    highest = math.floor(math.log2(most))
    return 2 ** int(min(max(round(math.log2(max(min(size, 2.0 * most), 1.0))), 0), highest))
