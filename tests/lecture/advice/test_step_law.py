"""Critical batch sizes from logged runs: exact on the law, intervals that cover, misfits, files."""

import math

import numpy as np
import pytest

from lecturelib.advice import logs, step_law
from tests.agree import agree

SIZES = 2.0 ** np.arange(3, 11)


def runs(replicates=3, bend=100.0, noise=0.1, kind="normal", seed=0, sizes=SIZES):
    """Batch sizes and steps of runs on the law with S_min = 200; scatter is a factor."""
    rng, batch_sizes = np.random.default_rng(seed), np.repeat(sizes, replicates)
    drawn = {
        "normal": rng.standard_normal(len(batch_sizes)),
        "heavy": rng.standard_t(4, len(batch_sizes)) / math.sqrt(2.0),
        "skew": rng.exponential(size=len(batch_sizes)) - 1.0,
        "more at large batches": rng.standard_normal(len(batch_sizes)) * (batch_sizes / 90.0) ** 0.2,
    }[kind]
    return batch_sizes, 200.0 * (1.0 + bend / batch_sizes) * np.exp(noise * drawn)


def truths(bend, sizes, price=2.0):
    """The three definitions without noise, by bisection in b on the piecewise straight work."""
    work = np.log(sizes * (1.0 + bend / sizes))

    def crossing(limit):
        low, high = math.log(sizes[0]), math.log(sizes[-1])
        if work[-1] <= limit:
            return math.inf
        for _ in range(80):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if np.interp(middle, np.log(sizes), work) <= limit else (low, middle)
        return math.exp(low)

    return bend, crossing(work[0] + math.log(1.2)), crossing(work.min() + math.log(price))


@pytest.mark.parametrize("bend", [3.0, 100.0, 900.0])
def test_without_noise_each_definition_is_what_it_says(bend):
    batch_sizes, steps = runs(1, bend, noise=0.0)
    law = step_law.fit(batch_sizes, steps)
    agree(law.bend, bend, relative=1e-3)  # of the parabola between grid points
    agree(law.least_steps, 200.0, relative=1e-3)
    agree(law.least_examples, 200.0 * bend, relative=1e-3)
    for found, truth in zip(law.critical[1:], truths(bend, SIZES)[1:], strict=True):
        agree(found.batch_size, truth, relative=1e-9)


def test_a_unit_of_steps_changes_no_batch_size():
    batch_sizes, steps = runs()
    one, other = step_law.fit(batch_sizes, steps), step_law.fit(batch_sizes, 1024.0 * steps)
    for mine, theirs in zip(one.critical, other.critical, strict=True):
        agree([*mine.interval, mine.batch_size], [*theirs.interval, theirs.batch_size], relative=1e-6)
    agree(other.least_steps, 1024.0 * one.least_steps, relative=1e-6)


@pytest.mark.long
@pytest.mark.parametrize(
    ("replicates", "bend", "noise", "kind"),
    [(3, 100.0, 0.1, "normal"), (1, 100.0, 0.1, "normal"), (3, 300.0, 0.2, "normal"),
     (3, 30.0, 0.05, "heavy"), (3, 100.0, 0.1, "skew"), (3, 100.0, 0.1, "more at large batches")],
)  # fmt: skip
def test_the_intervals_cover(replicates, bend, noise, kind):
    trials, held = 400, np.zeros(3)
    for seed in range(trials):
        found = step_law.fit(*runs(replicates, bend, noise, kind, seed), resamples=199, seed=seed)
        inside = [
            each.interval[0] <= truth <= each.interval[1]
            for each, truth in zip(found.critical, truths(bend, SIZES), strict=True)
        ]
        held += inside
    covered = held / trials  # standard error 0.011 at 0.95
    assert 0.92 <= covered[0] <= 0.98, covered
    assert (covered[1:] >= 0.88).all(), covered


def test_where_the_runs_say_nothing_the_interval_ends_at_zero_or_infinity():
    falling = step_law.fit(*runs(3, 1e6, sizes=SIZES))  # steps still fall as 1 / b
    assert falling.critical[0].interval[1] == math.inf
    assert "outside the batches that were run" in " ".join(falling.remarks)
    assert falling.critical[2].batch_size == math.inf
    flat = step_law.fit(*runs(3, 1e-3, sizes=SIZES))
    assert flat.critical[0].interval[0] == 0.0


def test_a_law_that_does_not_fit_is_refuted_and_one_that_does_is_not():
    batch_sizes, steps = runs(noise=0.02)
    assert not step_law.fit(batch_sizes, steps).refuted
    bent = step_law.fit(batch_sizes, steps * (batch_sizes / 90.0) ** 0.3 * (1 + batch_sizes / 300.0))
    assert bent.refuted
    assert "does not fit" in " ".join(bent.remarks)
    assert step_law.fit(*runs(1)).misfit is None


@pytest.mark.long
def test_a_law_that_holds_is_refuted_once_in_a_hundred():
    refuted = sum(step_law.fit(*runs(seed=seed), resamples=99).refuted for seed in range(1000))
    agree(refuted, 10.0, standard_error=math.sqrt(9.9))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("Batch Size;Steps\n8;900\n16;500\n32;310\n64;205\n", ""),
        ("bs\ttokens\n8\t7200\n16\t8000\n32\t9920\n64\t13120\n", "Steps are examples / batch"),
        ("batch,steps,run\n8,900,a\n16,500,b\n32,,c\n32,310,d\n64,205,e\n", "1 of 5 runs have no steps"),
    ],
)
def test_logs_are_read_whatever_their_headers(tmp_path, content, says):
    (path := tmp_path / "steps.csv").write_text(content)
    law = logs.steps(str(path))
    agree(sorted(set(law.steps)), [205.0, 310.0, 500.0, 900.0], relative=1e-12)
    assert says in " ".join(law.remarks)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("size,steps\n8,900\n16,500\n", "no column of numbers is called batch size, found: size, steps"),
        ("batch,depth\n8,900\n16,500\n", "no column of numbers is called steps, or examples"),
        ("batch,steps\n8,900\n16,500\n16,510\n16,490\n", "4 runs at 2 batch sizes; give 4 or more, at 3"),
        ("batch,steps\n8,900\n16,-5\n32,300\n64,200\n", "a number of steps of -5 is refused"),
        ("batch,step,loss\n8,1,3.5\n8,2,3.1\n16,1,3.4\n16,2,2.9\n", "first comes to one loss"),
    ],
)
def test_logs_that_say_something_else_are_refused(tmp_path, content, says):
    (path := tmp_path / "steps.csv").write_text(content)
    with pytest.raises(ValueError, match=says):
        logs.steps(str(path))
