"""Every definition of the critical batch size, against reference numbers and direct sums over the data."""

import math
from dataclasses import astuple

import numpy as np
import pytest

from lecturelib import least_squares as ls
from lecturelib.least_squares.critical_batch import critical_batch_sizes, half_saturation, ma_batch_size
from tests.agree import agree

POW1 = ls.gaussian(1.0 / np.arange(1, 101))


@pytest.mark.parametrize(
    ("problem", "candidates"),
    [
        (ls.gaussian(np.ones(50)), [50, 52, 51, 53, 51, 51]),
        (POW1, [5.1873775, 5.9360828, 3.7184350, 8.1873775, 17.458196, 8.0559289]),
        (ls.one_hot([1 / 64] * 64), [64, 64, 63, 65, 63, 63]),
    ],
)
def test_reference_table(problem, candidates):
    ours = critical_batch_sizes(problem, np.ones(problem.dimension))
    agree(astuple(ours), candidates, relative=6e-8)


def test_half_saturation_halves_the_rate():
    data = ls.finite_sample(np.random.default_rng(3).standard_normal((40, 3)) ** 3, np.zeros(40))
    for problem in (POW1, data):
        half = half_saturation(problem)
        sizes = np.floor(half) + np.array([0.0, 1.0])
        below, above = ls.max_learning_rate(problem, sizes) / ls.max_learning_rate(problem, math.inf)
        assert below <= 0.5 <= above
    assert half_saturation(ls.one_hot([1.0])) == 1.0


def jain_bound(problem, batch_size):
    """Jain et al. (JMLR 2018), gamma_b,max: 2 b / (R^2 + (b - 1) lambda_max)."""
    return 2.0 * batch_size / (problem.norm_constant() + (batch_size - 1) * np.max(problem.eigenvalues))


def test_jains_bound_is_a_lower_bound_and_not_the_maximum():
    sizes = [1, 4, 64]
    for problem in (ls.gaussian(np.ones(50)), ls.one_hot([0.7, 0.2, 0.1])):
        bounds = [jain_bound(problem, size) for size in sizes]
        agree(bounds, ls.max_learning_rate(problem, sizes), relative=1e-13)
    agree(jain_bound(POW1, 1), 0.27826561, relative=6e-8)
    assert jain_bound(POW1, 1) < 0.9 * ls.max_learning_rate(POW1, 1)
    features = np.random.default_rng(4).standard_normal((60, 4)) ** 3
    problem = ls.finite_sample(features, np.zeros(60))
    weighted = (features.T * np.sum(features**2, axis=1)) @ features / 60
    worst = np.max(np.linalg.eigvals(np.linalg.solve(features.T @ features / 60, weighted)).real)
    agree(problem.norm_constant(), worst, relative=1e-11)
    for size in sizes:
        assert jain_bound(problem, size) <= ls.max_learning_rate(problem, size) * (1 + 1e-12)


def test_noise_scales_of_a_data_set_are_sums_over_its_rows():
    rng = np.random.default_rng(5)
    features, targets, error = (
        rng.standard_normal((30, 3)),
        rng.standard_normal(30),
        np.array([1.0, -1.0, 0.5]),
    )
    weights = np.linalg.lstsq(features, targets, rcond=None)[0] + error
    gradients = features * (features @ weights - targets)[:, None]
    mean, hessian = gradients.mean(0), features.T @ features / 30
    scatter = (gradients - mean).T @ (gradients - mean) / 30
    ours = critical_batch_sizes(ls.finite_sample(features, targets), error)
    agree(ours.noise_scale, np.trace(scatter) / (mean @ mean), relative=1e-12)
    curvature = np.trace(hessian @ scatter) / (mean @ hessian @ mean)
    agree(ours.curvature_noise_scale, curvature, relative=1e-12)


def test_the_curvature_noise_scale_halves_the_best_one_step_progress():
    error = np.ones(100)
    scale = critical_batch_sizes(POW1, error).curvature_noise_scale

    def progress(batch_size):
        rates = np.linspace(1e-4, 2.0, 20001)
        start = POW1.start(error)
        state = [POW1.risk(POW1.step(start, rate, batch_size)) for rate in rates[::20]]
        return POW1.risk(start) - min(state)

    # the grid of rates misses the best by 1e-3 at most, so the progress by its square
    for size in (1, 8, 64):
        agree(progress(size), progress(1e12) / (1 + scale / size), relative=1e-5)


def test_ma_batch_size():
    probabilities = 1.0 / np.arange(1, 65)
    probabilities /= probabilities.sum()
    expected = 1.0 / (probabilities[0] - probabilities[-1]) + 1.0
    agree(ma_batch_size(ls.one_hot(probabilities)), expected, relative=1e-14)
    agree(expected, 5.8191908, relative=6e-8)
    assert ma_batch_size(ls.one_hot([0.5, 0.5])) == math.inf
    agree(ma_batch_size(ls.finite_sample([[2.0, 0.0], [0.0, 1.0]], [0.0, 0.0])), 4 / 1.5 + 1.0, relative=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ma_batch_size(POW1), "one_hot or finite_sample"),
        (lambda: critical_batch_sizes(POW1, np.zeros(100)), "error has gradient zero"),
        (lambda: critical_batch_sizes(POW1, np.ones(3)), "start_error has shape"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
