"""How Hogwild stops: at a bad row, an error, Ctrl-C or divergence, with all threads, and without weights."""

import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse

from lecturelib import hogwild
from lecturelib.hogwild.kernels import BAD_ROW, STOPPED
from lecturelib.hogwild.rows import make_rows
from tests.lecture.hogwild.test_hogwild_races import RATE, one_column, team_of


@pytest.mark.parametrize("scheme", ["lock-free", "round-robin"])
def test_a_bad_row_stops_all_threads(scheme):
    features, labels = one_column(2000)
    rows = make_rows(features, labels, np.float32)
    rows.starts[1500] = 10**9
    team = team_of(rows, 1, scheme)
    jobs = team.jobs(RATE, np.empty(0), 2000)
    with ThreadPoolExecutor(2) as pool, pytest.raises(IndexError, match="does not exist"):
        team.run_epoch(pool, rows, jobs)
    assert team.stop[0] == BAD_ROW
    assert team.calls[0](rows, jobs[0]) == STOPPED


def test_an_error_in_one_thread_stops_the_others():
    features, labels = one_column(2000)
    rows = make_rows(features, labels, np.float32)
    team = team_of(rows, 1, "round-robin")

    def fails(rows, job):
        raise MemoryError("no memory for this thread")

    team.calls[0] = fails  # whose turn is first: the other would wait for ever
    with ThreadPoolExecutor(2) as pool, pytest.raises(MemoryError, match="this thread"):
        team.run_epoch(pool, rows, team.jobs(RATE, np.empty(0), 2000))


INTERRUPTED = """
    import threading
    import numpy as np
    from scipy import sparse
    from lecturelib import hogwild

    features = sparse.csr_array(np.ones((200_000, 3), np.float32))
    for scheme in ("lock-free", "round-robin"):
        options = dict(learning_rate=1e-9, seed=0, scheme=scheme, threads=2)
        hogwild.train(features[:10], np.ones(10), epochs=1, **options)
        print("running", flush=True)
        try:
            run = hogwild.train(features, np.ones(200_000), epochs=10**12, **options)
        except KeyboardInterrupt:
            print("interrupted", scheme, threading.active_count(), flush=True)
"""


@pytest.mark.long
@pytest.mark.long
def test_ctrl_c_stops_all_threads_and_returns_no_weights():
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED)], stdout=subprocess.PIPE, text=True
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if line == "running\n":
                threading.Timer(0.3, process.send_signal, [signal.SIGINT]).start()
    assert process.returncode == 0
    assert lines == ["running", "interrupted lock-free 1", "running", "interrupted round-robin 1"]


def test_a_diverging_run_raises_and_returns_no_weights():
    features = sparse.csr_array(np.full((500, 1), 10.0))
    with pytest.raises(FloatingPointError, match=r"diverged in epoch 1 of 3.*lower learning_rate = 0\.5"):
        hogwild.train(features, np.ones(500), loss="squared", learning_rate=0.5, epochs=3, seed=0)
