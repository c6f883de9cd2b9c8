"""The interval of the noise scale, in many repeated trials on quadratics whose truth is known."""

import math

import numpy as np
import pytest

from lecturelib.networks import noise_interval as noise_interval
from lecturelib.networks.noise_interval import gradient_noise, heavy_tails
from tests.marks import first_quick

POWER = 1.0 / np.arange(1, 51)
TRIALS = {  # eigenvalues or probabilities, size of each error, label noise, examples, chunks
    "few examples": (np.ones(20), 1.0, 1.0, 512, 32),
    "many dimensions": (POWER, 1.0, 0.0, 1024, 64),
    "small gradient": (np.ones(20), 0.1, 1.0, 512, 32),
    "hardly resolved": (POWER, 0.1, 1.0, 512, 64),
    "one-hot": (None, 1.0, 1.0, 512, 32),
    "no gradient": (np.ones(20), 0.0, 1.0, 512, 32),
}


def sample(name, random, trials=100):
    """Gram matrices and mean squares of the chunks, and the true B, written without the library."""
    eigenvalues, size, noise, examples, chunks = TRIALS[name]
    shape = (trials, examples)
    if eigenvalues is None:
        eigenvalues = np.full(16, 1 / 16)
        features = np.eye(16)[random.integers(16, size=shape)]
        square = size**2 + noise**2
    else:
        features = random.standard_normal((*shape, len(eigenvalues))) * np.sqrt(eigenvalues)
        inner = size**2 * eigenvalues.sum()
        square = 2 * size**2 * np.sum(eigenvalues**2) + (inner + noise**2) * eigenvalues.sum()
    residuals = size * features.sum(axis=-1) - noise * random.standard_normal(shape)
    gradients = (features * residuals[..., None]).reshape(trials, chunks, examples // chunks, -1)
    means = gradients.mean(axis=2)
    norm = size**2 * np.sum(eigenvalues**2)
    truth = square / norm - 1 if norm else math.inf
    return means @ means.swapaxes(1, 2), np.sum(gradients**2, axis=-1).mean(axis=2), truth


ROUNDS = 15
ERROR = math.sqrt(0.95 * 0.05 / (100 * ROUNDS))  # of a coverage: 0.6 %
LOWEST, HIGHEST = 0.93 - ERROR, 0.97 + ERROR


def coverage(name, interval=lambda gram, squares: gradient_noise(gram, squares).interval, rounds=ROUNDS):
    random = np.random.default_rng(7)
    inside = []
    for _ in range(rounds):
        grams, squares, truth = sample(name, random)
        for gram, square in zip(grams, squares, strict=True):
            low, high = interval(gram, square)
            inside.append(low <= truth <= high)
    return np.mean(inside)


@first_quick("name", [name for name in TRIALS if name != "no gradient"])
def test_the_interval_covers_in_93_to_97_percent_of_trials(name):
    assert LOWEST < coverage(name) < HIGHEST


def test_without_a_gradient_the_interval_ends_at_infinity():
    """Only the low end can then miss, in 2.5 % of trials; more when few directions carry the noise."""
    assert coverage("no gradient") > 0.95
    grams, squares, _ = sample("no gradient", np.random.default_rng(0), trials=20)
    ends = [gradient_noise(gram, square).interval for gram, square in zip(grams, squares, strict=True)]
    assert all(low > 0 for low, _ in ends)
    assert sum(high == math.inf for _, high in ends) >= 17


def test_a_negative_estimate_gives_an_infinite_scale_and_still_a_low_end():
    noise = gradient_noise(np.eye(8) - 0.1, np.ones(8))
    assert noise.squared_norm < 0
    assert noise.noise_scale == noise.interval[1] == math.inf
    assert 0 < noise.interval[0] < math.inf


def biased(gram, squares):
    """|mean gradient|^2 for |G|^2: the noise is not subtracted."""
    pairs = (gram.sum() - np.trace(gram)) / (len(gram) * (len(gram) - 1))
    return gradient_noise(gram + (gram.mean() - pairs), squares).interval


def of_chunks(gram, squares):
    """|c_k|^2 for |g_i|^2: the noise of chunks, not of examples."""
    return gradient_noise(gram, np.diag(gram)).interval


def delta_method(gram, squares):
    """Estimate +- 1.96 standard errors of the ratio, by the jackknife over chunks."""
    chunks = len(squares)

    def ratio(keep):
        part = gram[np.ix_(keep, keep)]
        norm = (part.sum() - np.trace(part)) / (len(part) * (len(part) - 1))
        return squares[keep].mean() / norm - 1

    left_out = [ratio(np.arange(chunks) != k) for k in range(chunks)]
    error = math.sqrt((chunks - 1) * np.var(left_out))
    return ratio(np.arange(chunks) >= 0) - 1.96 * error, ratio(np.arange(chunks) >= 0) + 1.96 * error


@first_quick(
    ("name", "mutant"),
    [("few examples", biased), ("few examples", of_chunks), ("hardly resolved", delta_method)],
)
def test_a_wrong_interval_misses_too_often(name, mutant):
    assert not LOWEST < coverage(name, mutant, rounds=6) < HIGHEST


def test_variance_taken_at_the_estimate_alone_misses_too_often(monkeypatch):
    monkeypatch.setattr(noise_interval, "ADDITIVE_SHARE", 0.0)
    assert not LOWEST < coverage("hardly resolved", rounds=6) < HIGHEST


def regression(labels):
    """Gradients of least squares with Gaussian features of variances 1/i, and labels with such noise."""

    def draw(random, shape):
        features = random.standard_normal((*shape, len(POWER))) * np.sqrt(POWER)
        return features * (features.sum(axis=-1) - labels(random, shape))[..., None]

    variance = labels(np.random.default_rng(0), (1,), True)
    norm = np.sum(POWER**2)
    return draw, (2 * norm + (POWER.sum() + variance) * POWER.sum()) / norm - 1


def student(freedom):
    def labels(random, shape, variance=False):
        return freedom / (freedom - 2) if variance else random.standard_t(freedom, shape)

    return labels


def normal(random, shape, variance=False):
    return 1.0 if variance else random.standard_normal(shape)


def pareto(index):
    """Ten coordinates with mean (2, 1, ..., 1) and a common scale, squared, with a tail of this index."""

    def draw(random, shape):
        scale = np.sqrt(random.pareto(index, shape) + 1)[..., None]
        return 1 + (np.arange(10) == 0) + random.standard_normal((*shape, 10)) * scale

    return draw, 10 * index / (index - 1) / 13


# Light, and heavy in the order of their tails. The thresholds were set on other families and seeds.
TAILS = {
    "normal": regression(normal),
    "student 6": regression(student(6)),
    "student 3": regression(student(3)),
    "pareto 2": pareto(2.0),
    "pareto 1.3": pareto(1.3),
}


def told(name, warning, examples=4096, trials=200):
    """Shares of trials in which the interval covers, in which `warning` warns, in which one of the two."""
    draw, truth = TAILS[name]
    random, found = np.random.default_rng(11), []
    for _ in range(trials):
        gradients = draw(random, (64, examples // 64))
        means, squares = gradients.mean(axis=1), np.sum(gradients**2, axis=-1)
        low, high = gradient_noise(means @ means.T, squares.mean(axis=1)).interval
        found.append((low <= truth <= high, bool(warning(squares.ravel()))))
    covers, warns = np.array(found).T
    return covers.mean(), warns.mean(), (covers | warns).mean()


@pytest.mark.long
@pytest.mark.parametrize("name", TAILS)
def test_the_interval_covers_or_heavy_tails_are_warned_of(name):
    covers, warns, either = told(name, heavy_tails)
    assert either >= 0.9
    if name == "normal":
        assert covers >= 0.9
        assert warns <= 0.2
    if name == "pareto 1.3":
        assert covers < 0.75  # so that the warning is needed, and a milder one fails
        assert told(name, lambda squares: squares.max() > 0.5 * squares.sum())[2] < 0.9


@pytest.mark.parametrize(
    ("squares", "heavy"),
    [(np.ones(64), False), (np.zeros(64), False), (np.append(np.ones(4095), 1e4), True), ([1.0] * 8, False)],
)
def test_tails_of_odd_samples(squares, heavy):
    assert bool(heavy_tails(squares)) == heavy
    if heavy:
        assert "one example of 4,096 makes 100%" in heavy_tails(squares)


def test_a_long_tail_without_a_largest_is_told_by_its_index():
    quantiles = np.arange(1, 4097) / 4097
    tail = quantiles ** (-1 / 1.5)  # of Pareto's law of index 1.5
    assert "a tail of index 1." in heavy_tails(np.minimum(tail, tail[8]))
