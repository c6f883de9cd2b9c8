"""Hogwild's threads where they meet: locks held and not held, updates counted and lost."""

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from scipy import sparse

from lecturelib import hogwild
from lecturelib.hogwild import counting, kernels
from lecturelib.hogwild.kernels import DONE, STOPPED
from lecturelib.hogwild.rows import make_rows
from lecturelib.hogwild.settings import Settings
from lecturelib.hogwild.threads import Team

RATE = 2.0**-20


def team_of(rows, columns, scheme, threads=2, **changes):
    arguments = {
        "loss": "hinge",
        "l2": 0,
        "learning_rate": RATE,
        "epochs": 1,
        "threads": threads,
        "scheme": scheme,
        "shuffle": False,
        "dtype": np.dtype("float32"),
        "merge_every": None,
        "stripes": 64,
        "count": False,
        "seed": 0,
    }
    return Team(rows, columns, Settings(**(arguments | changes)))


def one_column(rows):
    """All rows have the same single column: the most contended weight there can be."""
    return sparse.csr_array(np.ones((rows, 1), np.float32)), np.ones(rows)


def count_in_one_weight(scheme, threads, rows=30_000, **options):
    """Below the hinge each update adds RATE, exactly: how many are left in the weight."""
    run = hogwild.train(
        *one_column(rows),
        loss="hinge",
        learning_rate=RATE,
        epochs=1,
        seed=0,
        scheme=scheme,
        threads=threads,
        **options,
    )
    return run.weights[0] / RATE, run


@pytest.mark.long
@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("scheme", ["locked", "striped", "round-robin", "buffered"])
def test_locks_turns_and_merges_lose_no_update(scheme, threads):
    options = {"merge_every": 100} if scheme == "buffered" else {}
    assert count_in_one_weight(scheme, threads, **options)[0] == 30_000


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["lock-free", "locked", "striped", "round-robin"])
def test_lost_updates_are_exactly_those_missing_from_the_weight(scheme):
    left, run = count_in_one_weight(scheme, 2, rows=200_000 if scheme == "lock-free" else 10_000, count=True)
    made = 200_000 if scheme == "lock-free" else 10_000
    assert run.writes.tolist() == [made]
    assert run.lost_updates.tolist() == [made - left]
    assert (scheme == "lock-free") or run.lost_updates[0] == 0
    assert (scheme in ("lock-free", "round-robin")) or run.collisions[0] == 0


def test_a_late_store_is_counted_as_the_updates_it_wipes_out():
    features, labels = one_column(70)
    rows = make_rows(features, labels, np.float32)
    team = team_of(rows, 1, "lock-free", threads=1, count=True)
    with ThreadPoolExecutor(1) as pool:
        team.run_epoch(pool, rows, team.jobs(RATE, np.empty(0), count=50))
        late = team.shared.copy()  # what a thread holds that has read, and not yet stored
        team.run_epoch(pool, rows, team.jobs(RATE, np.empty(0), count=70))
    team.shared[:] = late
    assert team.read_counts() == (120, 0, 70)
    assert team.weights()[0] == 50 * RATE
    assert team.read_counts() == (0, 0, 0)


def test_a_write_by_another_thread_after_the_margin_is_a_collision():
    features, labels = one_column(1)
    rows = make_rows(features, labels, np.float32)
    team = team_of(rows, 1, "round-robin", threads=1, count=True)
    team.turn[0] = 99  # not yet: the thread reads, then waits
    (job,) = team.jobs(RATE, np.empty(0), count=1)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(team.calls[0], rows, job)
        with pytest.raises(StillRunning):
            running.result(timeout=5 if not counting.counted.signatures else 0.3)
        team.shared[0] += np.uint64(2**32)  # another thread's write, of 0
        team.turn[0] = 0
        assert running.result() == DONE
    assert team.tallies[0, :2].tolist() == [1, 1]


def runs_although_locks_are_held(scheme, call=None):
    features, labels = one_column(1000)
    rows = make_rows(features, labels, np.float32)
    team = team_of(rows, 1, scheme, threads=1)
    call = call or team.calls[0]
    (nothing,), (job,) = (team.jobs(RATE, np.empty(0), count) for count in (0, 1000))
    if scheme != "buffered":
        call(rows, nothing)  # compiles
    team.locks[:] = 1
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(call, rows, job)
        try:
            assert running.result(timeout=1) == DONE
        except StillRunning:
            team.stop[0] = STOPPED
            assert running.result() == STOPPED
            return False
    return True


@pytest.mark.long
def test_only_the_schemes_with_locks_wait_for_locks():
    for scheme in ("lock-free", "round-robin"):
        assert runs_although_locks_are_held(scheme)
    for scheme in ("locked", "striped", "buffered"):
        assert not runs_although_locks_are_held(scheme)


@pytest.mark.long
def test_a_lock_where_none_should_be_is_caught(monkeypatch):
    monkeypatch.setattr(
        kernels,
        "lock_free",
        lambda weights, rows, block, job: kernels.locked(weights, rows, block, job, held, np.uint64(64)),
    )
    held = np.zeros(16, np.int32)
    features, labels = one_column(10)
    rows = make_rows(features, labels, np.float32)
    team = team_of(rows, 1, "lock-free", threads=1)
    (job,) = team.jobs(RATE, np.empty(0), 10)
    assert team.calls[0](rows, job) == DONE  # alone, it is as good as lock-free
    held[:] = 1
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(team.calls[0], rows, job)
        with pytest.raises(StillRunning):
            running.result(timeout=1)
        team.stop[0] = STOPPED
        assert running.result() == STOPPED


WAITS = ("cmpxchg", "atomicrmw", "fence", "sched_yield", "NRT_incref")


def may_wait(kernel):
    """Whether the program has an instruction that waits for other cores, reference counts included."""
    return any(word in program for program in kernel.inspect_llvm().values() for word in WAITS)


def test_the_lock_free_program_has_no_instruction_that_waits():
    for scheme in ("lock-free", "locked"):
        count_in_one_weight(scheme, 1, rows=10)
    assert not may_wait(kernels.lock_free)
    assert may_wait(kernels.locked)


def test_numbas_reference_counts_are_caught():
    """What `nogil=True` alone gives: an atomic addition on a shared counter for every array of every call."""

    @njit
    def inner(weights):
        return weights[0] if len(weights) > 2 else weights[1]

    @njit(nogil=True)
    def outer(weights):
        return inner(weights) + inner(weights)

    outer(np.zeros(3))
    assert may_wait(outer)


@settings(max_examples=30, deadline=None)
@given(columns=st.integers(1, 3000), stripes=st.integers(1, 2000))
def test_stripes_cover_all_columns_and_are_no_more_than_asked_for(columns, stripes):
    rows = make_rows(sparse.csr_array((1, columns)), np.ones(1), np.float32)
    team = team_of(rows, columns, "striped", stripes=stripes)
    last = (columns - 1) >> int(team.shift)
    assert len(team.locks) == 16 * (last + 1)
    assert last + 1 <= stripes
    assert (last + 1) * 2 > min(stripes, columns) or last + 1 == columns  # not needlessly few


def test_rows_with_many_stripes_do_not_wait_for_each_other_for_ever():
    generator = np.random.default_rng(0)
    features = sparse.csr_array((generator.random((3000, 60)) < 0.3).astype(np.float32))
    run = hogwild.train(
        features,
        np.ones(3000),
        loss="hinge",
        learning_rate=RATE / 64,
        epochs=2,
        seed=0,
        scheme="striped",
        threads=4,
        stripes=60,
    )
    assert (run.weights * 64 / RATE == 2 * features.sum(axis=0)).all()
