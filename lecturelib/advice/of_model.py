"""Advice for a reader's own JAX loss: a pilot run, the rule of thumb made of it, runs that check the rule."""

import math
from typing import Any

from lecturelib.advice import model as models
from lecturelib.advice import rule, statement
from lecturelib.advice.planning import Reached
from lecturelib.advice.result import Advice, Options


def of_model(loss: Any, params: Any, data: Any, *, name: str, options: Options) -> Advice:
    """Advice by the rules at the top of `model.py`; arguments as for `advice.from_model`."""
    model, remarks = models.Model(loss, params, data), []
    pilot = models.pilot(model, goal=options.goal, seed=options.seed)
    if not pilot.later.resolved:
        remarks.append("At the goal the gradient is lost in noise: its noise scale is a lower bound.")
    found = rule.plan(pilot, models.examples(data), options.goal, options.price)
    made = models.trials(model, found, runs=options.runs, seed=options.seed)
    measured = None
    if found.best is not None and made[0].refuted:
        size, rate, steps = found.best.batch_size, found.best.learning_rate, made[0].measured_steps
        if steps == math.inf:  # then the pilot run is the only one known to arrive
            size, rate, steps = pilot.batch_size, pilot.learning_rate, pilot.steps
        steps = math.ceil(steps)
        measured = Reached(size, found.best.max_learning_rate, steps, rate, steps * size)
    return Advice(
        name=name,
        kind="model",
        problem=statement.of_model(),
        rows=models.examples(data),
        columns=models.parameters(params),
        rank=None,
        spectrum=None,
        trace=None,
        plan=found,
        trials=made,
        measured=measured,
        remarks=tuple(remarks),
        heuristic=rule.SAID,
    )
