"""Local SGD with an outer momentum: every sequence of batches, and the cases that are known otherwise."""

import itertools
import math

import numpy as np
import pytest

from lecturelib import least_squares as ls
from lecturelib import schemes
from tests.agree import agree
from tests.lecture.least_squares.enumeration import DATA, EXACT, FEATURES, ISO, RESIDUALS, START, risk

either = pytest.mark.parametrize("nesterov", [False, True])


def rounds_of_every_batch(rate, machines, sync_every, rounds, outer_rate, beta, nesterov):
    """Mean excess risk after each round, over all sequences of batches of one row."""
    states, risks = [(START, np.zeros(2))], [risk(START[None])]
    for _ in range(rounds):
        after = []
        for shared, velocity in states:
            ends = []
            for rows in itertools.product(range(3), repeat=sync_every):
                error = shared
                for row in rows:
                    error = error - rate * FEATURES[row] * (FEATURES[row] @ error - RESIDUALS[row])
                ends.append(error)
            for chosen in itertools.product(ends, repeat=machines):
                moved = outer_rate * (np.mean(chosen, axis=0) - shared)
                faster = beta * velocity + moved
                after.append((shared + (beta * faster + moved if nesterov else faster), faster))
        states = after
        risks.append(risk(np.array([shared for shared, _ in states])))
    return risks


@either
@pytest.mark.parametrize(("machines", "sync_every"), [(2, 1), (1, 2), (2, 2)])
def test_every_batch(machines, sync_every, nesterov):
    how = {"outer_rate": 0.7, "momentum": 0.6, "nesterov": nesterov}
    right = rounds_of_every_batch(0.3, machines, sync_every, 2, 0.7, 0.6, nesterov)
    ours = schemes.outer_momentum_risk(DATA, START, 0.3, 1, machines, sync_every, 2, **how)
    agree(ours, right, relative=EXACT)
    for wrong in (
        {**how, "nesterov": not nesterov},
        {**how, "outer_rate": 0.7 * 0.4},  # the velocity averaged: beta v + (1 - beta) alpha u
        {**how, "momentum": 0.0},
    ):
        other = schemes.outer_momentum_risk(DATA, START, 0.3, 1, machines, sync_every, 2, **wrong)
        assert abs(other[-1] / right[-1] - 1.0) > 0.01


def test_without_momentum_it_is_local_sgd():
    for rounds in (1, 3, 20):
        ours = schemes.outer_momentum_risk(ISO, np.ones(50), 0.03, 1, 8, 20, rounds)[-1]
        agree(ours, schemes.local_sgd_risk(ISO, np.ones(50), 0.03, 1, 8, 20, 20 * rounds), relative=EXACT)


def test_one_step_a_round_is_the_heavy_ball_with_all_batches_together():
    ours = schemes.outer_momentum_risk(ISO, np.ones(50), 0.03, 2, 4, 1, 60, outer_rate=0.5, momentum=0.8)
    right = ls.risk_curve(ISO, np.ones(50), 0.5 * 0.03, 8, 60, momentum=0.8).risk
    agree(ours, right, relative=1e-11)
    apart = ls.risk_curve(ISO, np.ones(50), 0.5 * 0.03, 2, 60, momentum=0.8).risk  # the noise not over K
    assert abs(apart[-1] / right[-1] - 1.0) > 0.1


def test_past_float64_it_is_inf():
    risks = schemes.outer_momentum_risk(ISO, np.ones(50), 3.0, 1, 2, 5, 200, momentum=0.9)
    assert risks[-1] == math.inf
    assert not np.isnan(risks).any()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"momentum": 1.0}, "momentum = 1"),
        ({"outer_rate": -1.0}, "outer_rate = -1"),
        ({"rounds": 0.5}, "rounds = 0"),
        ({"machines": 0}, "machines = 0"),
        ({"sync_every": 0}, "sync_every = 0"),
        ({"nesterov": "yes"}, "nesterov = 'yes'"),
    ],
)
def test_bad_input_is_named(changes, says):
    with pytest.raises(ValueError, match=says):
        schemes.outer_momentum_risk(
            **{"problem": ISO, "start_error": np.ones(50), "learning_rate": 0.1, "batch_size": 1}
            | {"machines": 2, "sync_every": 3, "rounds": 1}
            | changes
        )
