"""The noise scale from logged norms: exact in expectation, intervals that cover or say that they cannot."""

import math

import numpy as np
import pytest

from lecturelib.advice import logs, norm_law
from tests.agree import agree


def norms(steps, noise_scale, tilt=0.0, seed=0, tail=math.inf, dimension=50, small=4, micros=8):
    """Squared norms of micro-batches, (steps, micros), and of the whole, (steps,); |G| = 1.

    Args:
        tilt: eigenvalues of the noise fall as i ** -tilt.
        tail: degrees of freedom of a Student distribution, whose examples are drawn one by one.
    """
    rng = np.random.default_rng(seed)
    noise = np.arange(1.0, dimension + 1.0) ** -tilt
    noise *= noise_scale / noise.sum()
    shape = steps, micros, dimension
    if tail == math.inf:
        drawn = rng.standard_normal(shape) / math.sqrt(small)
    else:
        length = np.sqrt(tail / rng.chisquare(tail, (steps, micros, small, 1)) * (tail - 2.0) / tail)
        drawn = (rng.standard_normal((steps, micros, small, dimension)) * length).mean(axis=2)
    gradients = 1.0 / math.sqrt(dimension) + drawn * np.sqrt(noise)
    return (gradients**2).sum(axis=-1), (gradients.mean(axis=1) ** 2).sum(axis=-1)


@pytest.mark.long
@pytest.mark.parametrize(
    ("steps", "noise_scale", "tilt"),
    [
        (60, 50.0, 0.0),
        (20, 5.0, 0.0),
        (60, 500.0, 1.0),
        (200, 50.0, 1.0),
        (200, 5.0, 1.0),
        (1000, 500.0, 1.0),
    ],
)
def test_on_gaussian_gradients_the_interval_covers(steps, noise_scale, tilt):
    trials, held, trusted = 1000, np.zeros(2), 0
    for seed in range(trials):
        small, big = norms(steps, noise_scale, tilt, seed)
        paired = norm_law.fit(small.mean(axis=1), big, 4, 32)
        other = norms(steps, noise_scale, tilt, seed + trials)[1]
        alone = norm_law.fit(small[:, 0], other, 4, 32, paired=False)
        held += [each.interval[0] <= noise_scale <= each.interval[1] for each in (paired, alone)]
        trusted += paired.trusted
    assert (held / trials >= 0.93).all(), held / trials  # standard error 0.007
    assert (held / trials <= 0.97).all(), held / trials
    assert trusted / trials > 0.9


@pytest.mark.long
@pytest.mark.parametrize("steps", [40, 200, 1000])
def test_heavy_tails_are_said(steps):
    covered, trusted, trials = 0, 0, 400
    for seed in range(trials):
        small, big = norms(steps, 50.0, seed=seed, tail=3.0, dimension=10)
        found = norm_law.fit(small.mean(axis=1), big, 4, 32)
        trusted += found.trusted
        covered += found.trusted and found.interval[0] <= 50.0 <= found.interval[1]
    assert covered >= 0.9 * trusted - 3.0 * math.sqrt(0.09 * trusted), (covered, trusted)


def test_the_estimate_is_a_ratio_of_means_and_not_inflated_by_noise():
    small, big = norms(4000, 30.0, seed=3)
    found = norm_law.fit(small.mean(axis=1), big, 4, 32)
    agree([found.squared_norm, found.variance], [1.0, 30.0], standard_error=[0.013, 0.11])
    assert found.interval[0] < 30.0 < found.interval[1]
    assert found.trusted
    assert not found.remarks


def test_where_the_gradient_drowns_the_interval_is_open():
    small, big = norms(30, 1e5, seed=1)
    found = norm_law.fit(small.mean(axis=1), big, 4, 32)
    assert found.interval[1] == math.inf
    assert 0.0 < found.interval[0] < 1e5
    assert "from below only" in " ".join(found.remarks)


def test_slow_change_counts_as_scatter():
    small, big = norms(400, 20.0, seed=2)
    drift = np.linspace(0.2, 3.0, 400)
    still = norm_law.fit(small.mean(axis=1), big, 4, 32)
    moving = norm_law.fit(small.mean(axis=1) * drift, big * drift, 4, 32)
    unordered = np.random.default_rng(0).permutation(400)
    shuffled = norm_law.fit((small.mean(axis=1) * drift)[unordered], (big * drift)[unordered], 4, 32)
    for each in (still, moving, shuffled):
        assert each.interval[0] < 20.0 < each.interval[1]


def test_a_heavy_tail_is_named():
    small, big = norms(60, 20.0, seed=2)
    small, big = small.mean(axis=1), big.copy()
    small[17] *= 300.0
    found = norm_law.fit(small, big, 4, 32)
    assert not found.trusted
    assert "HEAVY TAILS: one step makes" in found.remarks[0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda squares: np.minimum(squares, 1.0), "CLIPPED: 60 of 60 norms are equal, 1"),
        (lambda squares: np.minimum(squares, np.quantile(squares, 0.8)), "CLIPPED: 24 of 60 norms"),
        (lambda squares: squares[::-1], "tr(S) IS NOT POSITIVE"),
    ],
)
def test_norms_that_are_not_those_of_gradients_are_not_trusted(change, says):
    """Clipped, all or a few of them; or the columns swapped."""
    small, big = norms(60, 20.0, seed=2)
    found = norm_law.fit(*change(np.stack([small.mean(axis=1), big])), 4, 32)
    assert not found.trusted
    assert says in found.remarks[0]


def write(path, header, rows):
    path.write_text("\n".join([header, *(",".join(f"{value:.12g}" for value in row) for row in rows)]) + "\n")
    return str(path)


def test_one_log_in_every_form_gives_one_answer(tmp_path):
    small, big = norms(40, 20.0, seed=4)
    mean, steps = small.mean(axis=1), np.arange(40)
    found = norm_law.fit(mean, big, 4, 32)
    wide = [(4, 32, math.sqrt(a), math.sqrt(b)) for a, b in zip(mean, big, strict=True)]
    squares = [(4, 32, a, b) for a, b in zip(mean, big, strict=True)]
    long = [(step, 4, math.sqrt(each)) for step in steps for each in small[step]]
    long += [(step, 32, math.sqrt(big[step])) for step in steps]
    forms = [
        ("Small Batch,Big Batch,small_norm,big_norm", wide),
        ("b_small,b_big,g_small_squared,g_big_squared", squares),
        ("b_small,b_big,g_small_squared,g_big_squared", [(math.nan, *squares[0][1:]), *squares[1:]]),
        ("iteration,batch size,grad_norm", long),
    ]
    for number, (header, rows) in enumerate(forms):
        read = logs.norms(write(tmp_path / f"{number}.csv", header, rows))
        agree([read.noise_scale, *read.interval], [found.noise_scale, *found.interval], relative=1e-6)


def test_norms_of_other_steps_are_independent(tmp_path):
    small, big = norms(40, 20.0, seed=4)
    rows = [(4, each) for each in small[:, 0]] + [(32, each) for each in big[::2]]
    read = logs.norms(write(tmp_path / "log.csv", "batch,squared_norm", rows))
    alone = norm_law.fit(small[:, 0], big[::2], 4, 32, paired=False)
    agree(read.interval, alone.interval, relative=1e-6)


@pytest.mark.parametrize(
    ("header", "rows", "says"),
    [
        ("batch,norm", [(4, 1.0), (4, 2.0)] * 9, "norms at 1 batch sizes; give those of two"),
        ("batch,norm", [(4, 1.0), (8, 2.0)] * 3, "norms of 3 steps; give 8 or more"),
        ("batch,norm", [(4, 1.0), (8, 0.0)] * 9, "a norm is zero, negative or not finite"),
        (
            "batch,length",
            [(4, 1.0), (8, 2.0)] * 9,
            "no column of numbers is called gradient norm, found: batch",
        ),
        ("small_norm,big_norm,small_batch", [(2.0, 1.0, 4)] * 9, "called big batch size"),
        (
            "small_norm,big_norm,small_batch,big_batch",
            [(2, 1, 4, 8), (2, 1, 2, 8)] * 9,
            "small batch size changes",
        ),
        ("small_norm,big_norm,small_batch,big_batch", [(2, 1, 8, 4)] * 9, "give a smaller and a larger"),
    ],
)
def test_logs_that_say_something_else_are_refused(tmp_path, header, rows, says):
    with pytest.raises(ValueError, match=says):
        logs.norms(write(tmp_path / "log.csv", header, rows))
