"""Advice for a reader's own JAX loss: a pilot run, the rule of thumb made of it, runs that check the rule.

Of plain SGD the rule is that of `rule.py`. With momentum and Adam pilot runs say it all, see `ladder.py`.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lecturelib.advice import ladder, rule, statement
from lecturelib.advice import model as models
from lecturelib.advice.comparison import steps_to
from lecturelib.advice.optimizer import SGD, Optimizer, chosen
from lecturelib.advice.pilot import best_rate
from lecturelib.advice.planning import Plan, Reached, batch_sizes
from lecturelib.advice.result import Advice, Options
from lecturelib.networks import noise_scale, own_loss

RUNS = 2  # of which a pilot takes the mean, and ANEW times as many that measure the rate chosen
ANEW = 3
MOST_EXAMPLES = 2**21  # of a pilot run
FIRST_STEPS, FIRST_RATE = 70, 0.003  # that the search begins with
LOOKS = 32  # at the loss


@dataclasses.dataclass(frozen=True, eq=False)
class Pilots:
    """Pilot runs of a model, as `pilot.Pilots` says.

    Attributes:
        model: what is trained.
        judge: examples on which the loss is measured.
        goal: as a fraction of the first loss.
        optimizer: to train with.
        key: of the batches.
        runs: of which the mean is taken.
    """

    model: models.Model
    judge: Any
    goal: float
    optimizer: Optimizer
    key: jax.Array
    runs: int = RUNS

    def anew(self) -> "Pilots":
        """More runs, of other batches."""
        return dataclasses.replace(self, key=jax.random.fold_in(self.key, 1), runs=ANEW * self.runs)

    def affordable(self, row: Reached, longest: int) -> bool:
        """Whether there is time for so many steps."""
        return longest <= models.MOST_STEPS and longest * row.batch_size <= MOST_EXAMPLES

    def steps(self, row: Reached, factor: float, longest: int) -> tuple[float, float]:
        """Steps to the goal at so many times the rate, math.inf if not in `longest`; and the last share."""
        every = 2 ** max(0, math.ceil(math.log2(longest / LOOKS)))  # a power of two: compiled for few lengths
        first = float(self.model.loss(self.model.params, self.judge))
        marks = every * np.arange(math.ceil(longest / every) + 1)
        shares = np.empty((self.runs, len(marks)))
        for run, key in enumerate(jax.random.split(self.key, self.runs)):
            _, _, losses = models.train(
                self.model, self.judge, factor * row.learning_rate, row.batch_size, steps=int(marks[-1]),
                goal=self.goal * first, every=every, key=key, optimizer=self.optimizer,
            )  # fmt: skip
            losses = np.append(
                losses, np.full(len(marks) - len(losses), losses[-1])
            )  # it arrived, or diverged
            shares[run] = np.where(np.isfinite(losses), losses, math.inf) / first
        mean = shares.mean(axis=0)
        return steps_to(marks, mean, self.goal), float(mean[-1])


def of_model(loss: Any, params: Any, data: Any, *, name: str, options: Options) -> Advice:
    """Advice by the rules at the top of this file; arguments as for `advice.from_model`."""
    data, optimizer = own_loss.collected(data), chosen(options.optimizer, options.momentum)
    models.examples(data)  # checked
    own_loss.check_arrays(data)
    loss, params = own_loss.trainable(loss, params, jax.tree.map(lambda leaf: jnp.asarray(leaf[:8]), data))
    model = models.Model(loss, params, data)
    first = float(loss(params, models.sample(data, options.seed)))
    if first <= 0.0:
        remedy = "add to the loss what makes its least value 0"
        raise ValueError(f"the first loss is {first:.4g}, and a goal is a share of it; {remedy}")
    by_rule = optimizer == SGD
    found, again, remarks = _by_rule(model, options) if by_rule else _by_pilots(model, options, optimizer)
    made = models.trials(model, found, runs=options.runs, seed=options.seed)
    measured = None
    if found.best is not None and made[0].refuted:
        steps = made[0].measured_steps
        measured = again(found.best) if steps == math.inf else _row(found.best, steps)
    return Advice(
        name=name,
        kind="model",
        problem=statement.of_model(optimizer),
        rows=models.examples(data),
        columns=models.parameters(params),
        rank=None,
        spectrum=None,
        trace=None,
        plan=found,
        trials=made,
        measured=measured,
        remarks=tuple(remarks),
        heuristic=rule.SAID if by_rule else ladder.SAID,
    )


Again = Callable[[Reached], Reached | None]  # what reaches the goal where a recommendation never did


def _row(row: Reached, steps: float) -> Reached:
    whole = math.ceil(steps)
    return dataclasses.replace(row, steps=whole, work=whole * row.batch_size)


def _by_rule(model: models.Model, options: Options) -> tuple[Plan, Again, list[str]]:
    """The plan by the rule of thumb for plain SGD."""
    pilot = models.pilot(model, goal=options.goal, seed=options.seed)
    remarks = _heavy(start=pilot.now, goal=pilot.later)
    if not pilot.later.resolved:
        remarks.append("At the goal the gradient is lost in noise: its noise scale is a lower bound.")

    def again(row: Reached) -> Reached:
        tried = Reached(pilot.batch_size, row.max_learning_rate, 0, pilot.learning_rate, 0)
        return _row(tried, pilot.steps)  # the only run known to arrive

    return rule.plan(pilot, models.examples(model.data), options.goal, options.price), again, remarks


def _by_pilots(model: models.Model, options: Options, optimizer: Optimizer) -> tuple[Plan, Again, list[str]]:
    """The plan by pilot runs alone, which begin near the noise scale."""
    model = model._replace(data=jax.tree.map(jnp.asarray, model.data))
    judge, keys = models.sample(model.data, options.seed), jax.random.split(jax.random.key(options.seed), 2)
    now, total = (
        noise_scale.estimate(model.loss, model.params, judge, key=keys[0]),
        models.examples(model.data),
    )
    curved = now.trace > 0.0 and now.sharpness > 0.0
    nothing = Plan(
        goal=options.goal,
        price=options.price,
        start_risk=float(model.loss(model.params, judge)),
        critical_batch_size=now.critical_batch_size if curved else math.nan,
        noise_scale_start=now.noise_scale,
        noise_scale_goal=None,
        rows=(),
        cheapest=None,
        recommended=None,
        schedule=None,
        rates_exact=False,
        optimizer=optimizer,
    )
    pilots, size = (
        Pilots(model, judge, options.goal, optimizer, keys[1]),
        models.power_of_two(now.noise_scale, total),
    )
    first = Reached(size, math.inf, FIRST_STEPS, FIRST_RATE, FIRST_STEPS * size)
    found, remarks = ladder.plan(pilots, first, nothing, batch_sizes(total))
    return found, lambda row: best_rate(pilots, row), [*_heavy(start=now), *remarks]


def _heavy(**measured: noise_scale.NoiseScale) -> list[str]:
    """What is said of tails too heavy for a noise scale, and where it was measured."""
    return [f"At the {place}: {noise.warning}" for place, noise in measured.items() if noise.warning]
