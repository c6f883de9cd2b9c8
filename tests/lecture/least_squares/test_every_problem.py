"""Every public function on every kind of problem: a number, or a ValueError in words."""

import importlib
import inspect
import math

import numpy as np
import pytest

from lecturelib import least_squares as ls
from lecturelib import schemes
from lecturelib.advice.reduction import moments
from lecturelib.hogwild.delayed_risk import delayed_risk
from lecturelib.least_squares import critical_batch
from tests.agree import agree
from tests.marks import first_quick

RNG = np.random.default_rng(11)
FEATURES, TARGETS = RNG.standard_normal((30, 3)), RNG.standard_normal(30)
PROBLEMS = {
    "gaussian": ls.gaussian([1.0, 0.5, 0.25], 0.3),
    "isotropic": ls.gaussian([1.0, 1.0, 1.0], 0.3),
    "one_hot": ls.one_hot([0.5, 0.3, 0.2], 0.3),
    "finite_sample": ls.finite_sample(FEATURES, TARGETS),
    "without_replacement": ls.finite_sample(FEATURES, TARGETS, replacement=False),
    "moments": moments(FEATURES, TARGETS),
}
START = np.array([1.0, -2.0, 0.5])
CALLS = {
    "max_learning_rate": lambda p: ls.max_learning_rate(p, [1, 4, math.inf]),
    "max_learning_rate, late": lambda p: ls.max_learning_rate(p, 2, delay=3),
    "max_learning_rate, heavy ball": lambda p: ls.max_learning_rate(p, [1, 4, math.inf], momentum=0.8),
    "max_learning_rate, Nesterov": lambda p: ls.max_learning_rate(p, [1, 4], momentum=0.8, nesterov=True),
    "critical_batch_size": ls.critical_batch_size,
    "critical_batch_sizes": lambda p: ls.critical_batch_sizes(p, START).jain,
    "half_saturation": critical_batch.half_saturation,
    "ma_batch_size": critical_batch.ma_batch_size,
    "risk_curve": lambda p: ls.risk_curve(p, START, 0.1, 2, 5).risk,
    "risk_curve, momentum": lambda p: ls.risk_curve(p, START, 0.1, 2, 5, momentum=0.8).risk,
    "noise_free_curve": lambda p: ls.noise_free_curve(p, START, 0.1, 2, 5).interaction,
    "steady_risk": lambda p: ls.steady_risk(p, 0.1, 2),
    "depth": lambda p: ls.depth(p, START, 0.5, 4).steps,
    "depth, momentum": lambda p: ls.depth(p, START, 0.5, 4, momentum=0.5).steps,
    "best_momentum": lambda p: ls.best_momentum(p, START, 0.5, 4).steps,
    "delayed_risk": lambda p: delayed_risk(p, START, 0.1, 2, 5, delay=1),
    "scheduled_risk": lambda p: schemes.scheduled_risk(p, START, [0.1, 0.2], [1, 4]),
    "tail_averaged_risk": lambda p: schemes.tail_averaged_risk(p, START, 0.1, 2, 8, 4),
    "local_sgd_risk": lambda p: schemes.local_sgd_risk(p, START, 0.1, 2, 3, 4, 8),
    "local_sgd_max_learning_rate": lambda p: schemes.local_sgd_max_learning_rate(p, 2, 3, 4),
    "outer_momentum_risk": lambda p: schemes.outer_momentum_risk(p, START, 0.1, 2, 3, 4, 5, momentum=0.5),
    "isotropic": schemes.isotropic,
    "staged": lambda p: schemes.staged(p, [1, 2], 3).learning_rates,
    "doubling": lambda p: schemes.doubling(p, 1, 2, 3).learning_rates,
    "minimax_floor": lambda p: schemes.minimax_floor(p, 10),
    "optimal_scheme": lambda p: schemes.optimal_scheme(p, START, [1, 2]).learning_rates,
    "proportional_scheme": lambda p: schemes.proportional_scheme(p, START, 3).learning_rates,
}
DIAGONAL = {"gaussian", "isotropic", "one_hot"}
ONLY = {  # the kinds a function knows; all, where it is not named here
    "max_learning_rate, late": DIAGONAL,
    "critical_batch_sizes": set(PROBLEMS) - {"moments"},
    "ma_batch_size": {"one_hot", "finite_sample", "without_replacement"},
    "delayed_risk": DIAGONAL,
    "best_momentum": DIAGONAL,
    **{
        name: {"isotropic"}
        for name in ("isotropic", "local_sgd_max_learning_rate", "optimal_scheme", "proportional_scheme")
    },
}


def test_every_public_function_of_a_problem_is_called():
    modules = (
        "averaging",
        "best_momentum",
        "critical_batch",
        "depth",
        "outer_momentum",
        "risk",
        "schemes",
        "stability",
    )
    public = {
        name
        for module in modules
        for name, value in vars(importlib.import_module(f"lecturelib.least_squares.{module}")).items()
        if inspect.isfunction(value) and "problem" in inspect.signature(value).parameters
        if value.__module__.split(".")[-1] in modules
    }
    helpers = {name for name in public if name.startswith(("_", "check_"))}
    assert public - helpers == {name.split(",")[0] for name in CALLS} - {"delayed_risk"}


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("name", CALLS)
def test_it_is_a_number_or_refused_in_words(name, kind):
    problem = PROBLEMS[kind]
    if kind in ONLY.get(name, PROBLEMS):
        assert np.all(np.isfinite(CALLS[name](problem)))
    else:
        with pytest.raises(ValueError, match=r"\bpass\b"):
            CALLS[name](problem)


@first_quick("kind", PROBLEMS)
def test_a_problem_keeps_its_promises(kind):
    """What a recursion over time, a pencil and a steady state say is what the step does."""
    problem = PROBLEMS[kind]
    rate = 0.4 * ls.max_learning_rate(problem, 2)
    state = problem.start(START)
    over_time = problem.risks_over_time(state, 2, 0.0)
    for step in range(1, 40):
        state = problem.step(state, rate, 2)
        agree(over_time.risk(rate, step) / problem.risk(state), 1.0, rounding=1e-11)
    curve = ls.risk_curve(problem, START, rate, 2, 39)
    agree(curve.risk[-1] / problem.risk(state), 1.0, rounding=1e-11)
    for _ in range(3000):
        state = problem.step(state, rate, 2)
    agree(ls.steady_risk(problem, rate, 2) / problem.risk(state), 1.0, rounding=1e-06)
    quiet, growth = problem.without_noise(), {}
    for factor in (0.98, 1.02):
        risks = [problem.risk(state := quiet.start(START))]
        for _ in range(400):
            state = quiet.step(state, factor * rate / 0.4, 2)
            risks.append(problem.risk(state))
        growth[factor] = risks[-1] / risks[200]
    assert growth[0.98] < 1.0 < growth[1.02]
