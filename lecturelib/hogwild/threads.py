"""The threads of `hogwild.train`: the memory they share, what each of them calls, how they are stopped."""

import math
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

import numpy as np

from lecturelib.hogwild import counting, kernels
from lecturelib.hogwild.rows import CACHE_LINE, Job, Rows, make_block
from lecturelib.hogwild.settings import Settings


class Team:
    """The threads' shared memory, and what each of them calls."""

    def __init__(self, rows: Rows, columns: int, settings: Settings):
        self.settings = settings
        self.stop = np.zeros(1, np.int32)
        self.turn = np.zeros(CACHE_LINE // 8, np.uint64)
        striped = settings.scheme == "striped"
        self.shift = np.uint64(max(0, (-(-columns // settings.stripes) - 1).bit_length()) if striped else 64)
        stripes = ((columns - 1) >> int(self.shift)) + 1
        self.locks = np.zeros(stripes * int(kernels.SPACING), np.int32)
        self.shared = np.zeros(columns, np.uint64 if settings.count else settings.dtype)
        self.tallies = np.zeros((settings.threads, CACHE_LINE // 8), np.int64)
        # Measured: a row takes as long as merging 60 columns, and 10 more for each of its entries.
        entries = len(rows.columns) / len(rows.labels)
        self.merge_every = settings.merge_every or math.ceil(2 * columns / (entries + 6))
        longest = int(np.diff(rows.starts).max())
        self.calls = [self._call(thread, longest) for thread in range(settings.threads)]

    def _call(self, thread: int, longest: int) -> Callable[[Rows, Job], int]:
        """The kernel of one thread, with all its arguments but rows and job."""
        scheme, shared, locks = self.settings.scheme, self.shared, self.locks
        block = make_block(self.settings.dtype)
        if self.settings.count:
            codes = {"round-robin": counting.ROUND_ROBIN}
            codes |= dict.fromkeys(("locked", "striped"), counting.LOCKED)
            code, seen = codes.get(scheme, counting.LOCK_FREE), np.zeros(longest, np.uint32)
            rest = (code, locks, self.shift, self.turn, seen, self.tallies[thread])
            return lambda rows, job: counting.counted(shared, rows, block, job, *rest)
        if scheme in ("locked", "striped"):
            return lambda rows, job: kernels.locked(shared, rows, block, job, locks, self.shift)
        if scheme == "round-robin":
            return lambda rows, job: kernels.round_robin(shared, rows, block, job, self.turn)
        if scheme == "buffered":
            own, base, every = shared.copy(), shared.copy(), self.merge_every
            return lambda rows, job: kernels.buffered(shared, rows, block, job, locks, own, base, every)
        return lambda rows, job: kernels.lock_free(shared, rows, block, job)

    def jobs(self, rate: float, shrink: np.ndarray, count: int) -> list[Job]:
        """One job for each thread: its share of the positions 0 to count."""
        dtype, threads = self.settings.dtype, self.settings.threads
        loss, parts = kernels.LOSSES[self.settings.loss], range(threads)
        epoch = (loss, dtype.type(rate), (rate * shrink).astype(dtype), self.stop)
        if self.settings.scheme == "round-robin":
            shares = [(t, count, threads) for t in parts]
        else:
            shares = [(count * t // threads, count * (t + 1) // threads, 1) for t in parts]
        return [Job(np.uint64(first), np.uint64(last), np.uint64(by), *epoch) for first, last, by in shares]

    def run_epoch(self, pool: ThreadPoolExecutor, rows: Rows, jobs: list[Job]) -> None:
        """Let all threads do their jobs; on an error or an interrupt stop them all, then raise."""
        self.turn[0] = 0
        futures: list[Future[int]] = []
        try:
            futures += [pool.submit(call, rows, job) for call, job in zip(self.calls, jobs, strict=True)]
            done = wait(futures, return_when=FIRST_EXCEPTION).done
            results = [future.result() for future in done]
        except BaseException:  # Ctrl-C too: the pool waits for its threads, and they for nothing but this
            self.stop[0] = kernels.STOPPED
            raise
        if kernels.BAD_ROW in results:
            raise IndexError("a thread met a row that does not exist; all threads were stopped")

    def weights(self) -> np.ndarray:
        """The shared weights, (columns,): not a copy, unless they are counted."""
        return counting.weights_of(self.shared) if self.settings.count else self.shared

    def read_counts(self) -> tuple[int, ...]:
        """Writes, collisions and lost updates since the last call; nothing if they are not counted."""
        if not self.settings.count:
            return ()
        writes, collisions = self.tallies[:, :2].sum(axis=0).tolist()
        lost = writes - int(counting.counts_of(self.shared).sum(dtype=np.int64))
        self.tallies[:] = 0
        counting.clear_counts(self.shared)
        return writes, collisions, lost
