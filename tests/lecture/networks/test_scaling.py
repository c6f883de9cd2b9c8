"""Fits of depth, on known curves and against a general optimizer; bisection, on edges that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares

from lecturelib.networks import scaling
from tests.agree import FLOAT64, agree

SIZES = np.array([1, 3, 16, 100, 4096])


@given(st.floats(1, 1e4), st.floats(1, 1e6))
def test_a_curve_of_this_form_is_found_exactly(steps, images):
    found = scaling.fit(SIZES, (steps + images / SIZES)[:, None])
    # the two columns differ by at least 2/3 in direction, so rounding is amplified by less than 1e4 here
    agree(found.depth(SIZES), steps + images / SIZES, relative=1e-10)
    agree(found.critical_batch_size, images / steps, relative=1e-4)


def noisy(seeds=3):
    random = np.random.default_rng(1)
    return (20 + 900 / SIZES)[:, None] * np.exp(random.normal(scale=0.2, size=(len(SIZES), seeds)))


def check(fit):
    """Against a general optimizer, on the same sum of squares."""
    found = fit(SIZES, noisy())
    for seed, depth in enumerate(noisy().T):
        best = least_squares(
            lambda x, depth=depth: (x[0] + x[1] / SIZES) / depth - 1, [1, 1], x_scale=[10, 1000]
        ).x
        # it stops where the cost changes by 1e-8 of itself: half as many digits in the parameters
        agree([found.steps[seed], found.images[seed]], best, relative=1e-3)


def test_the_fit_is_the_least_squares_one():
    check(scaling.fit)


def wrong_absolute_errors(sizes, depth):
    terms = np.stack([np.ones(len(sizes)), 1 / sizes], axis=1)
    return scaling.Scaling(*np.linalg.lstsq(terms, depth)[0])


def wrong_the_seeds_averaged(sizes, depth):
    found = scaling.fit(sizes, depth.mean(axis=1, keepdims=True))
    return scaling.Scaling(np.repeat(found.steps, depth.shape[1]), np.repeat(found.images, depth.shape[1]))


def wrong_the_other_way_round(sizes, depth):
    found = scaling.fit(sizes, depth)
    return scaling.Scaling(found.images, found.steps)


@pytest.mark.parametrize(
    "wrong", [wrong_absolute_errors, wrong_the_seeds_averaged, wrong_the_other_way_round]
)
def test_the_check_sees(wrong):
    with pytest.raises(AssertionError):
        check(wrong)


def test_saving_is_the_exponent():
    depth = np.array([[64.0, 60.0], [16.0, 60.0], [8.0, 15.0]])
    agree(scaling.saving([1, 4, 16], depth, 1, 4), [1, 0], relative=4 * FLOAT64)
    agree(scaling.saving([1, 4, 16], depth, 4, 16), [0.5, 1], relative=4 * FLOAT64)
    agree(scaling.saving([1, 4, 16], depth, 16, 4), [0.5, 1], relative=4 * FLOAT64)


# ---- the edge of divergence ----


def sharp(edges, calls=None):
    """A training that diverges above an edge, one for each seed."""

    def diverges(rate, seeds):
        if calls is not None:
            calls.append((rate, list(seeds)))
        return [rate > edges[seed] for seed in seeds]

    return diverges


def check_edges(bisect, edges, low=0.01, high=10.0, rounds=7):
    found = bisect(sharp(edges), list(edges), low=low, high=high, rounds=rounds)
    truth = np.array(list(edges.values()))
    assert (found.stable <= truth).all()
    assert (truth < found.unstable).all()
    agree(found.unstable / found.stable, (high / low) ** (0.5**rounds), relative=1e-12)
    assert (found.stable < found.learning_rate).all()
    assert (found.learning_rate < found.unstable).all()


@given(st.lists(st.floats(0.011, 9.9), min_size=1, max_size=5))
def test_every_seed_gets_its_own_edge(edges):
    check_edges(scaling.bisect, dict(enumerate(edges)))


def wrong_one_edge_for_all(diverges, seeds, *, low, high, rounds):
    found = scaling.bisect(
        lambda rate, _: [any(diverges(rate, seeds))], [0], low=low, high=high, rounds=rounds
    )
    return scaling.Edge(np.repeat(found.stable, len(seeds)), np.repeat(found.unstable, len(seeds)))


def wrong_sides(diverges, seeds, *, low, high, rounds):
    def other(rate, seeds):
        return [bad != (low < rate < high) for bad in diverges(rate, seeds)]

    return scaling.bisect(other, seeds, low=low, high=high, rounds=rounds)


def wrong_arithmetic_middle(diverges, seeds, *, low, high, rounds):
    good, bad = np.full(len(seeds), low), np.full(len(seeds), high)
    for _ in range(rounds):
        middle = (good + bad) / 2
        answer = np.array([diverges(rate, [seed])[0] for rate, seed in zip(middle, seeds, strict=True)])
        good, bad = np.where(answer, good, middle), np.where(answer, middle, bad)
    return scaling.Edge(good, bad)


@pytest.mark.parametrize("wrong", [wrong_one_edge_for_all, wrong_sides, wrong_arithmetic_middle])
def test_the_check_of_edges_sees(wrong):
    with pytest.raises(AssertionError):
        check_edges(wrong, {3: 0.05, 4: 2.0})


def test_seeds_that_need_the_same_rate_come_together():
    calls = []
    scaling.bisect(sharp({1: 0.3, 2: 0.31, 5: 4.0}, calls), [1, 2, 5], low=0.01, high=16, rounds=3)
    assert [seeds for _, seeds in calls[:3]] == [[1, 2, 5]] * 3  # both ends and the first middle
    assert [seeds for _, seeds in calls[3:]] == [[1, 2], [5]] * 2


def bisect(**changed):
    options = {"low": 0.1, "high": 10.0, "rounds": 3} | changed
    return scaling.bisect(sharp({1: 0.3, 2: 3.0}), [1, 2], **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scaling.fit([1], [[2.0]]), "batch_sizes is"),
        (lambda: scaling.fit([1, 1], [[2.0], [3.0]]), "batch_sizes is"),
        (lambda: scaling.fit([0.5, 1], [[2.0], [3.0]]), "batch_sizes is"),
        (lambda: scaling.fit([1, 2], [2.0, 3.0]), r"depth has shape \(2,\)"),
        (lambda: scaling.fit([1, 2], [[2.0]]), r"depth has shape \(1, 1\)"),
        (lambda: scaling.fit([1, 2], [[2.0], [np.inf]]), "use a target that every run reached"),
        (lambda: scaling.fit([1, 2], [[2.0], [0.0]]), "depth is not finite and positive"),
        (lambda: scaling.saving([1, 4], [[2.0], [1.0]], 1, 5), "batch sizes 1 and 5"),
        (lambda: bisect(low=0.5), r"low = 0\.5 diverges for seeds \[1\]: use a lower rate"),
        (lambda: bisect(high=1.0), r"high = 1\.0 trains for seeds \[2\]: use a higher rate"),
        (lambda: bisect(low=0.0), r"low = 0\.0"),
        (lambda: bisect(low=20.0), r"low = 20\.0 is not below high = 10\.0"),
        (lambda: bisect(high=np.inf), "high = inf"),
        (lambda: bisect(rounds=0), "rounds = 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
