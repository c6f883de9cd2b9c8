"""Branched training: its definition on given losses, closed forms, exact risk and training runs."""

import math

import numpy as np
import pytest

from lecturelib import least_squares as ls
from lecturelib import noise_scale, schemes
from tests.agree import FLOAT64, agree


def table(losses):
    """A `train` that looks its losses up by batch size."""
    return lambda state, batch_size, learning_rate, examples: losses[batch_size]


@pytest.mark.parametrize(
    ("losses", "tolerance", "multiple", "open_ended"),
    [
        ([1.0, 1.0, 1.005, 1.2], 0.01, 4, False),
        ([1.0, 1.0, 1.0, 1.0], 0.0, 8, True),
        ([1.0, 1.2, 1.3, 1.4], 0.01, 1, False),
        ([1.0, 0.5, 0.9, 0.9], 0.01, 2, False),  # within 0.01 of the first, but not of the best before it
        ([1.0, 1.5, 1.0, 2.0], 0.01, 4, False),  # the largest that passes, though a smaller one does not
        ([1.0, 1.0, math.nan, math.inf], 10.0, 2, False),
    ],
)
def test_the_largest_branch_that_costs_no_loss_against_every_smaller_one(
    losses, tolerance, multiple, open_ended
):
    train = table(dict(zip((3, 6, 12, 24), losses, strict=True)))
    found = noise_scale.branched(train, None, 3, 0.1, 48, multiples=(1, 2, 4, 8), tolerance=tolerance)
    assert (found.multiple, found.batch_size, found.open_ended) == (multiple, 3 * multiple, open_ended)
    agree(found.learning_rate, 0.1 * multiple, relative=4 * FLOAT64)
    assert found.losses[0] == losses[0]
    assert found.multiples.tolist() == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("rule", "factors"),
    [
        ("linear", [1, 2, 4]),
        ("square root", [1, math.sqrt(2), 2]),
        ("constant", [1, 1, 1]),
        (lambda k: k**2, [1, 4, 16]),
    ],
)
def test_branches_have_the_same_examples_and_the_rule_s_rates(rule, factors):
    asked = []

    def train(*arguments):
        asked.append(arguments)
        return 1.0

    noise_scale.branched(train, "state", 2, 0.1, 16, multiples=(1, 2, 4), rule=rule)
    assert [(state, size, examples) for state, size, _, examples in asked] == [
        ("state", b, 16) for b in (2, 4, 8)
    ]
    agree([rate for _, _, rate, _ in asked], 0.1 * np.array(factors), relative=4 * FLOAT64)


def test_losses_of_steps_are_smoothed_and_a_diverging_end_counts_as_infinite():
    found = noise_scale.branched(
        table({1: [4.0, 2.0, 1.0], 2: [4.0, math.nan]}), None, 1, 0.1, 4, multiples=(1, 2), smoothing=0.25
    )
    agree(found.losses, [0.25 * (0.25 * 4 + 0.75 * 2) + 0.75, math.inf], relative=4 * FLOAT64)


# ---- one direction, in closed form: P -> (1 - k eta)^2 P + k eta^2 s^2 / b, T = n / (k b) times ----

BATCH, RATE, EXAMPLES, NOISE, TOLERANCE = 2, 0.04, 960, 0.5, 1e-4
MULTIPLES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 20, 24, 30, 40, 48)


def closed_form(noise):
    risks = []
    for k in MULTIPLES:
        kept = (1 - k * RATE) ** 2
        decay = kept ** (EXAMPLES / (k * BATCH))
        steady = k * RATE**2 * noise / BATCH / (1 - kept)
        risks.append(0.5 * (decay + steady * (1 - decay)))
    return np.array(risks)


def largest_allowed(losses):
    return max(k for at, k in enumerate(MULTIPLES) if losses[at] <= min(losses[: at + 1]) + TOLERANCE)


def exact(noise):
    """Trains on the exact risk of w = 1 on the only coordinate there is."""
    problem = ls.one_hot([1.0], noise_variance=noise)

    def train(error, batch_size, learning_rate, examples):
        steps = examples // batch_size
        return schemes.scheduled_risk(problem, error, [learning_rate] * steps, [batch_size] * steps)[-1]

    return train


def simulated(noise, runs=200_000):
    """The same by its own hand: many runs side by side, all of their noise drawn anew in each branch."""

    def train(error, batch_size, learning_rate, examples):
        random = np.random.default_rng(batch_size)
        errors = np.full(runs, error[0])
        for _ in range(examples // batch_size):
            slope = errors - random.standard_normal(runs) * math.sqrt(noise / batch_size)
            errors = errors - learning_rate * slope
        return 0.5 * np.mean(errors**2)

    return train


@pytest.mark.parametrize("noise", [0.0, NOISE])
def test_exact_risk_gives_the_closed_form(noise):
    expected = closed_form(noise)
    found = noise_scale.branched(
        exact(noise), [1.0], BATCH, RATE, EXAMPLES, multiples=MULTIPLES, tolerance=TOLERANCE
    )
    agree(found.losses, expected, relative=1e-9)
    assert found.multiple == largest_allowed(expected)
    assert not found.open_ended


def test_a_simulation_gives_the_closed_form_within_its_error():
    multiples, runs = (20, 24, 30, 40, 48), 20_000
    losses = [simulated(NOISE, runs)([1.0], k * BATCH, k * RATE, EXAMPLES) for k in multiples]
    expected = closed_form(NOISE)[[MULTIPLES.index(k) for k in multiples]]
    agree(
        losses, expected, standard_error=expected * math.sqrt(2 / runs)
    )  # errors are normal, mean near zero


def test_examples_that_grow_make_no_critical_batch_without_noise_but_one_with_it():
    free = noise_scale.branched(
        exact(0.0), [1.0], BATCH, RATE, 9600, multiples=MULTIPLES, tolerance=TOLERANCE
    )
    noisy = noise_scale.branched(
        exact(NOISE), [1.0], BATCH, RATE, 9600, multiples=MULTIPLES, tolerance=TOLERANCE
    )
    assert noisy.multiple < free.multiple


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size = 0"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0"),
        ({"examples": 100}, r"100 is no multiple of the batch 4 \* 2; pass a multiple of 8, as 104"),
        ({"multiples": (2, 4)}, r"\[2, 4\] must ascend from 1"),
        ({"multiples": (1, 4, 2)}, "must ascend"),
        ({"multiples": ()}, "must ascend"),
        ({"multiples": (1, 1.5)}, "multiples = 1.5"),
        ({"tolerance": -1.0}, "tolerance = -1.0"),
        ({"rule": "cubic"}, "cubic"),
        ({"rule": lambda k: -k}, r"rule\(1\) = -1"),
        ({"smoothing": 1.0}, "smoothing = 1.0"),
        ({"train": lambda *_: np.ones((2, 2))}, r"losses of shape \(2, 2\)"),
        ({"train": lambda *_: []}, r"losses of shape \(0,\)"),
        ({"train": lambda *_: math.nan}, "learning_rate = 0.1 diverges"),
    ],
)
def test_bad_input_is_refused_with_its_value_and_a_remedy(change, message):
    given = {"train": lambda *_: 1.0, "state": None, "batch_size": 2, "learning_rate": 0.1, "examples": 96}
    with pytest.raises(ValueError, match=message):
        noise_scale.branched(**{**given, "multiples": (1, 2, 4), **change})
