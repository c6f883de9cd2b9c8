"""The fit of depth against batch size: on curves that are known, and against a general optimizer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares

from lecturelib import scaling

SIZES = np.array([1, 3, 16, 100, 4096])


@given(st.floats(1, 1e4), st.floats(1, 1e6))
def test_a_curve_of_this_form_is_found_exactly(steps, images):
    found = scaling.fit(SIZES, (steps + images / SIZES)[:, None])
    # the two columns differ by at least 2/3 in direction, so rounding is amplified by less than 1e4 here
    np.testing.assert_allclose(found.depth(SIZES), steps + images / SIZES, rtol=1e-10)
    np.testing.assert_allclose(found.critical_batch_size, images / steps, rtol=1e-4)


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
        np.testing.assert_allclose([found.steps[seed], found.images[seed]], best, rtol=1e-3)


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
    np.testing.assert_allclose(scaling.saving([1, 4, 16], depth, 1, 4), [1, 0], atol=1e-15)
    np.testing.assert_allclose(scaling.saving([1, 4, 16], depth, 4, 16), [0.5, 1])
    np.testing.assert_allclose(scaling.saving([1, 4, 16], depth, 16, 4), [0.5, 1])


@pytest.mark.parametrize(
    ("sizes", "depth", "message"),
    [
        ([1], [[2.0]], "batch_sizes is"),
        ([1, 1], [[2.0], [3.0]], "batch_sizes is"),
        ([0.5, 1], [[2.0], [3.0]], "batch_sizes is"),
        ([1, 2], [2.0, 3.0], r"depth has shape \(2,\)"),
        ([1, 2], [[2.0]], r"depth has shape \(1, 1\)"),
        ([1, 2], [[2.0], [np.inf]], "use a target that every run reached"),
        ([1, 2], [[2.0], [0.0]], "depth is not finite and positive"),
    ],
)
def test_bad_input_is_refused(sizes, depth, message):
    with pytest.raises(ValueError, match=message):
        scaling.fit(sizes, depth)


def test_an_unknown_batch_size_is_refused():
    with pytest.raises(ValueError, match="batch sizes 1 and 5"):
        scaling.saving([1, 4], [[2.0], [1.0]], 1, 5)
