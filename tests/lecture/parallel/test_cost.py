"""The alpha-beta model against all-reduces sent message by message, and hand-worked numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lecturelib import least_squares as ls
from lecturelib.parallel import allreduce, cost
from tests.agree import agree

NETWORK = cost.Network(alpha=1e-5, beta=4e-10)
STEP = {"seconds_per_example": 1e-4, "network": NETWORK, "size": 10**6}


def possible(algorithm, machines):
    return algorithm != "halving-doubling" or machines & (machines - 1) == 0


@given(st.sampled_from(cost.ALGORITHMS), st.integers(1, 17), st.integers(1, 40), st.integers(0, 99))
def test_every_machine_ends_with_the_sum_and_the_count_is_the_formulas(algorithm, machines, size, seed):
    if not possible(algorithm, machines):
        with pytest.raises(ValueError, match="no power of two"):
            cost.all_reduce(algorithm, machines, size)
        return
    vectors = np.random.default_rng(seed).integers(-9, 9, (machines, size)).astype(float)
    exchange = allreduce.exchange(algorithm, vectors)
    assert (exchange.vectors == vectors.sum(axis=0)).all()  # whole numbers: exact
    predicted = cost.all_reduce(algorithm, machines, size)
    assert exchange.traffic.messages == predicted.messages
    excess = exchange.traffic.numbers - predicted.numbers
    assert excess >= -1e-9
    assert excess <= predicted.messages  # parts rounded up to whole numbers
    if size % machines == 0 or algorithm == "tree":
        agree(exchange.traffic.numbers, predicted.numbers, relative=1e-12)


def test_a_ring_that_stops_a_hop_early_does_not_have_the_sum():
    class Short(list):
        """All but the last round of a ring."""

    rounds = Short(allreduce._ring(4, 8))[:-1]
    vectors = np.ones((4, 8))
    for sent in rounds:
        before = vectors.copy()
        for m in sent:
            vectors[m.receiver, m.part] = (m.add * vectors[m.receiver, m.part]) + before[m.sender, m.part]
    assert not (vectors == 4).all()


def test_amdahl_and_its_limit():
    agree(cost.amdahl(0.05, 8), 5.92592593, rounding=5e-9)
    agree(cost.amdahl(0.05, 64), 15.42168675, rounding=5e-9)
    agree(cost.amdahl(0.05, 10**12), 20, relative=1e-9)
    assert cost.amdahl(0.0, 64) == 64
    assert cost.amdahl(1.0, 64) == 1


@given(st.floats(0, 1), st.integers(1, 1000))
def test_amdahl_is_the_time_of_a_job_with_a_serial_part(serial, machines):
    agree(cost.amdahl(serial, machines) * (serial + (1 - serial) / machines), 1, relative=1e-12)


def test_time_to_target_has_its_best_batch_where_the_lecture_says():
    problem, start = ls.gaussian([1.0] * 50), np.ones(50)
    batches = [2**k for k in range(11)]
    depth = [ls.depth(problem, start, 1e-2, b).steps for b in batches]
    for machines, best, seconds in ((1, 1, 0.0238), (4, 64, 0.01356), (64, 512, 0.005695)):
        times = [cost.time_to_target(t, b, machines, **STEP) for t, b in zip(depth, batches, strict=True)]
        assert batches[int(np.argmin(times))] == best
        agree(min(times), seconds, relative=1e-12)


def test_a_step_waits_for_the_machine_with_the_largest_share():
    one = cost.step_seconds(64, 8, **STEP)
    agree(cost.step_seconds(65, 8, **STEP) - one, 1e-4, relative=1e-9)
    agree(cost.step_seconds(72, 8, **STEP) - one, 1e-4, relative=1e-9)


@given(st.floats(1e-7, 1e-2), st.floats(1e-12, 1e-6), st.sampled_from(cost.ALGORITHMS))
def test_a_fit_recovers_the_network_it_was_measured_on(alpha, beta, algorithm):
    true = cost.Network(alpha, beta)
    sent = [cost.all_reduce(algorithm, 4, size) for size in (1, 10**3, 10**5, 10**7)]
    found = cost.fit_network(sent, [one.seconds(true) for one in sent])
    # alpha and beta matter to the smallest and to the largest measurement: 1e-9 of those is rounding.
    for one in (sent[0], sent[-1]):
        agree(one.seconds(found), one.seconds(true), relative=1e-9)


def test_a_fit_is_never_negative():
    sent = [cost.all_reduce("ring", 2, size) for size in (1, 10**3, 10**6)]
    found = cost.fit_network(sent, [3.0, 2.0, 1.0])
    assert found.alpha >= 0
    assert found.beta >= 0


def test_the_ledger_shows_what_does_not_apply_as_a_dash():
    text = cost.table([cost.Entry("a", work=10, error=math.pi * 1e-7), cost.Entry("longer", depth=2.5)])
    lines = text.split("\n")
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split() == ["a", "10", "-", "-", "-", "-", "3.142e-07"]
    assert lines[2].split() == ["longer", "-", "2.5", "-", "-", "-", "-"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cost.Network(-1, 0), "alpha = -1"),
        (lambda: cost.Network(0, math.nan), "beta = nan"),
        (lambda: cost.all_reduce("star", 2, 3), "algorithm = 'star'"),
        (lambda: cost.all_reduce("ring", 0, 3), "machines = 0"),
        (lambda: cost.all_reduce("ring", 2, -1), "size = -1"),
        (lambda: cost.amdahl(1.1, 2), "serial_fraction = 1.1"),
        (lambda: cost.step_seconds(0, 2, **STEP), "batch_size = 0"),
        (lambda: cost.time_to_target(math.inf, 1, 2, **STEP), "depth = inf"),
        (lambda: cost.fit_network([], []), "seconds has shape"),
        (lambda: cost.fit_network([cost.Traffic(1, 1)] * 2, [1.0]), "pass 2 entries"),
        (lambda: cost.fit_network([cost.Traffic(1, 1)], [1.0]), "two measurements"),
        (lambda: cost.fit_network([cost.Traffic(1, 1)] * 2, [1.0, math.inf]), "seconds has the value inf"),
        (lambda: cost.fit_network([cost.Traffic(1, 1)] * 2, [1.0, 0.0]), "all positive"),
        (lambda: cost.fit_network([cost.Traffic(1, 1)] * 3, [1.0] * 3), "one shape only"),
        (lambda: cost.fit_network([cost.Traffic(0, 0)] * 3, [1.0] * 3), "one shape only"),
        (lambda: allreduce.exchange("ring", [1.0]), "one vector a machine"),
        (lambda: allreduce.exchange("halving-doubling", np.ones((3, 2))), "no power of two"),
    ],
)
def test_bad_arguments_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
