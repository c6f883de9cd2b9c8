"""Bisection finds edges that are known, with as few runs as it should need."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lecturelib import divergence


def sharp(edges, calls=None):
    """A training that diverges above an edge, one for each seed."""

    def diverges(rate, seeds):
        if calls is not None:
            calls.append((rate, list(seeds)))
        return [rate > edges[seed] for seed in seeds]

    return diverges


def check(bisect, edges, low=0.01, high=10.0, rounds=7):
    found = bisect(sharp(edges), list(edges), low=low, high=high, rounds=rounds)
    truth = np.array(list(edges.values()))
    assert (found.stable <= truth).all()
    assert (truth < found.unstable).all()
    np.testing.assert_allclose(found.unstable / found.stable, (high / low) ** (0.5**rounds), rtol=1e-12)
    assert (found.stable < found.learning_rate).all()
    assert (found.learning_rate < found.unstable).all()


@given(st.lists(st.floats(0.011, 9.9), min_size=1, max_size=5))
def test_every_seed_gets_its_own_edge(edges):
    check(divergence.bisect, dict(enumerate(edges)))


def wrong_one_edge_for_all(diverges, seeds, *, low, high, rounds):
    found = divergence.bisect(
        lambda rate, _: [any(diverges(rate, seeds))], [0], low=low, high=high, rounds=rounds
    )
    return divergence.Edge(np.repeat(found.stable, len(seeds)), np.repeat(found.unstable, len(seeds)))


def wrong_sides(diverges, seeds, *, low, high, rounds):
    def other(rate, seeds):
        return [bad != (low < rate < high) for bad in diverges(rate, seeds)]

    return divergence.bisect(other, seeds, low=low, high=high, rounds=rounds)


def wrong_arithmetic_middle(diverges, seeds, *, low, high, rounds):
    good, bad = np.full(len(seeds), low), np.full(len(seeds), high)
    for _ in range(rounds):
        middle = (good + bad) / 2
        answer = np.array([diverges(rate, [seed])[0] for rate, seed in zip(middle, seeds, strict=True)])
        good, bad = np.where(answer, good, middle), np.where(answer, middle, bad)
    return divergence.Edge(good, bad)


@pytest.mark.parametrize("wrong", [wrong_one_edge_for_all, wrong_sides, wrong_arithmetic_middle])
def test_the_check_sees(wrong):
    with pytest.raises(AssertionError):
        check(wrong, {3: 0.05, 4: 2.0})


def test_seeds_that_need_the_same_rate_come_together():
    calls = []
    divergence.bisect(sharp({1: 0.3, 2: 0.31, 5: 4.0}, calls), [1, 2, 5], low=0.01, high=16, rounds=3)
    assert [seeds for _, seeds in calls[:3]] == [[1, 2, 5]] * 3  # both ends and the first middle
    assert [seeds for _, seeds in calls[3:]] == [[1, 2], [5]] * 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"low": 0.5}, r"low = 0\.5 diverges for seeds \[1\]: use a lower rate"),
        ({"high": 1.0}, r"high = 1\.0 trains for seeds \[2\]: use a higher rate"),
        ({"low": 0.0}, "need 0 < low"),
        ({"low": 20.0}, "low = 20"),
        ({"high": np.inf}, "high = inf"),
        ({"rounds": 0}, "rounds = 0"),
    ],
)
def test_bad_input_is_refused(changed, message):
    options = {"low": 0.1, "high": 10.0, "rounds": 3} | changed
    with pytest.raises(ValueError, match=message):
        divergence.bisect(sharp({1: 0.3, 2: 3.0}), [1, 2], **options)
