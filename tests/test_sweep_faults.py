"""Sweeps that are killed, starved and disturbed: nothing is lost, and resuming gives the same table."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from lecturelib.sweep import command as sweep_command
from tests import sweep_cases
from tests.sweep_cases import alive, family, started, wait_for
from tests.test_notebooks import write

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform == "win32", reason="processes of POSIX"),
]
GRID = ("-p", "seed=0:4")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A held notebook, its folder of notes, and the table that a sweep without trouble gives."""
    folder = tmp_path_factory.mktemp("faults")
    notes = folder / "notes"
    notebook = sweep_cases.held(folder, notes)
    (notes / "go").touch()
    status, said = sweep_cases.sweep(notebook, folder / "out", *GRID, "--workers", "2")
    assert status == 0, said
    rows = sweep_cases.rows(folder / "out")
    assert [(row["seed"], row["double"], row["status"]) for row in rows] == [
        (s, 2.0 * s, "ok") for s in range(4)
    ]
    return notebook, notes, rows


@pytest.fixture
def case(undisturbed):
    """The same, with the notebook waiting again and no notes."""
    shutil.rmtree(undisturbed[1])
    undisturbed[1].mkdir()
    yield undisturbed
    (undisturbed[1] / "go").touch()  # whatever still waits may end


def ends(process, expected):
    said, _ = process.communicate(timeout=300)
    assert process.returncode == expected, said
    return said


def test_a_killed_worker_costs_nothing_and_its_kernel_dies_with_it(case, tmp_path):
    notebook, notes, expected = case
    process = sweep_cases.start(notebook, tmp_path, *GRID, "--workers", "2")
    wait_for(lambda: len(started(notes)) == 2)
    _, kernel, worker = started(notes)[0]
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: not alive([kernel]), 15)
    (notes / "go").touch()
    ends(process, 0)
    assert sweep_cases.rows(tmp_path) == expected
    assert len(started(notes)) == 5  # one of the four was started twice


def test_a_run_that_kills_its_worker_each_time_fails_alone_and_is_kept(case, tmp_path):
    notebook, notes, expected = case
    process = sweep_cases.start(notebook, tmp_path, *GRID, "--workers", "1")
    victims = set()
    for _ in range(2):
        new = wait_for(lambda: [note for note in started(notes) if note not in victims])
        victims.update(new)
        os.kill(new[0][2], signal.SIGKILL)
    assert {seed for seed, _, _ in victims} == {0}
    (notes / "go").touch()
    said = ends(process, sweep_command.FAILED_STATUS)
    assert "failed: seed=0\n  the worker process that ran it was killed, each time" in said
    rows = sweep_cases.rows(tmp_path)
    assert rows[0]["status"] == "failed"
    assert rows[1:] == expected[1:]
    kept = (tmp_path / "runs" / f"{rows[0]['run']}.failed.ipynb").read_text()
    assert "the worker process that ran it was killed" in kept
    assert '"execution_count": 1' in kept  # as far as it came
    status, said = sweep_cases.sweep(notebook, tmp_path, *GRID, "--workers", "1")
    assert status == 0, said
    assert sweep_cases.rows(tmp_path) == expected


@pytest.mark.parametrize(
    ("end", "everybody", "status"),
    [
        (signal.SIGKILL, False, -9),
        (signal.SIGINT, True, 130),
        (signal.SIGINT, False, 130),
        (signal.SIGTERM, False, 143),
    ],
    ids=["kill -9", "Ctrl-C", "SIGINT", "SIGTERM"],
)
def test_an_ended_sweep_leaves_no_process_and_goes_on_where_it_was(case, tmp_path, end, everybody, status):
    notebook, notes, expected = case
    (notes / "go").touch()
    first, said = sweep_cases.sweep(notebook, tmp_path, *GRID, "--workers", "1", "--budget", "1run")
    assert first == sweep_command.STOPPED_STATUS, said
    (notes / "go").unlink()
    process = sweep_cases.start(notebook, tmp_path, *GRID, "--workers", "2")
    wait_for(lambda: len(started(notes)) == 3)
    members = family(process.pid)
    assert len(members) >= 7  # the command, two workers, two guards, two kernels
    (os.killpg if everybody else os.kill)(process.pid, end)
    said = ends(process, status)
    wait_for(lambda: not alive(members), 15)
    assert "Traceback" not in said
    if end != signal.SIGKILL:
        assert not (tmp_path / ".running").exists()
        assert [row["status"] for row in sweep_cases.rows(tmp_path)] == [
            "ok",
            "missing",
            "missing",
            "missing",
        ]
    (notes / "go").touch()
    last, said = sweep_cases.sweep(notebook, tmp_path, *GRID, "--workers", "2")
    assert last == 0
    assert "3 runs to do (1 done)" in said
    assert sweep_cases.rows(tmp_path) == expected


class Cluster:
    """A dask scheduler and one worker of two threads, as processes of their own."""

    def __init__(self, folder):
        self.file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0")
        wait_for(self.file.exists)
        self.worker = self._start("worker", "--nthreads", "2", "--local-directory", str(folder))
        text = self.file.read_text()
        self.address = text.split('"address": "')[1].split('"')[0]

    def _start(self, what, *options):
        loopback = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--scheduler-file", str(self.file)]
        return subprocess.Popen(
            [*command, *loopback, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def end(self):
        for process in (self.worker, self.scheduler):
            process.terminate()
            process.wait(timeout=60)


def test_a_killed_scheduler_is_said_and_the_sweep_goes_on_with_another(case, tmp_path):
    notebook, notes, expected = case
    first = Cluster(tmp_path)
    process = sweep_cases.start(notebook, tmp_path / "out", *GRID, "--scheduler", first.address)
    wait_for(lambda: len(started(notes)) == 2)
    first.scheduler.kill()
    said = ends(process, sweep_command.STOPPED_STATUS)
    assert "Stopped: lost the connection to the scheduler" in said
    members = [pid for _, kernel, worker in started(notes) for pid in (kernel, worker)]
    first.end()
    wait_for(lambda: not alive(members), 15)
    (notes / "go").touch()
    first.file.unlink()
    second = Cluster(tmp_path)
    try:
        status, said = sweep_cases.sweep(notebook, tmp_path / "out", *GRID, "--scheduler", second.address)
        assert status == 0, said
        assert sweep_cases.rows(tmp_path / "out") == expected

        (notes / "go").unlink()  # Ctrl-C ends the runs also in the workers of others, and leaves the workers
        before = started(notes)
        process = sweep_cases.start(notebook, tmp_path / "other", *GRID, "--scheduler", second.address)
        kernels = wait_for(lambda: [k for _, k, _ in set(started(notes)) - set(before)])
        process.send_signal(signal.SIGINT)
        ends(process, 130)
        wait_for(lambda: not alive(kernels), 15)
        assert second.worker.poll() is None
    finally:
        second.end()


def test_two_sweeps_share_a_machine_but_not_a_folder(case, tmp_path):
    notebook, notes, expected = case
    processes = [sweep_cases.start(notebook, tmp_path / name, *GRID, "--workers", "1") for name in ("a", "b")]
    wait_for(lambda: len(started(notes)) == 2)
    status, said = sweep_cases.sweep(notebook, tmp_path / "a", *GRID)
    assert status == 2
    assert f"another sweep (process {processes[0].pid} on " in said
    (notes / "go").touch()
    for process, name in zip(processes, ("a", "b"), strict=True):
        ends(process, 0)
        assert sweep_cases.rows(tmp_path / name) == expected


@pytest.fixture
def small_disk(tmp_path):
    """A disk of three megabytes, and a function that makes it larger."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "sweep-test", str(mounted)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("cannot mount a small disk here: that takes root")
    yield mounted, lambda: subprocess.run(["mount", "-o", "remount,size=60m", str(mounted)], check=True)
    subprocess.run(["umount", str(mounted)], check=True)


def test_a_full_disk_stops_the_sweep_without_half_files(small_disk, tmp_path):
    disk, enlarge = small_disk
    cell = "from lecturelib import sweep\nprint('x' * 1_000_000)\nsweep.record('double', 2.0 * seed)"
    notebook = write(tmp_path, "01_large", "seed = 0  # any", cell)
    status, said = sweep_cases.sweep(notebook, disk, *GRID, "--workers", "1")
    assert status == sweep_command.STOPPED_STATUS, said
    assert "Stopped: no space left in" in said
    assert "the same command goes on" in said
    assert not list(disk.rglob("*.part"))
    done = list((disk / "runs").glob("*.json"))
    assert 0 < len(done) < 4
    enlarge()
    status, said = sweep_cases.sweep(notebook, disk, *GRID, "--workers", "1")
    assert status == 0, said
    assert f"{4 - len(done)} run" in said
    status, said = sweep_cases.sweep(notebook, tmp_path / "undisturbed", *GRID, "--workers", "2")
    assert status == 0, said
    assert sweep_cases.rows(disk) == sweep_cases.rows(tmp_path / "undisturbed")


WAYS = """\
from lecturelib import sweep
sweep.record("double", 2.0 * seed)
if seed == 1:
    import time; time.sleep(1000)
if seed == 2:
    while True: print("x" * 10_000)
if seed == 3:
    import os; os._exit(7)
"""


def test_runs_that_hang_print_endlessly_or_end_their_kernel_do_not_stop_the_others(tmp_path):
    notebook = write(tmp_path, "01_ways", "seed = 0  # any", WAYS)
    began = time.monotonic()
    out = tmp_path / "out"
    status, _ = sweep_cases.sweep(notebook, out, "-p", "seed=1,2,3,0", "--workers", "2", "--timeout", "30")
    assert status == sweep_command.FAILED_STATUS
    assert time.monotonic() - began < 200
    rows = sweep_cases.rows(out)
    assert [row["error"] for row in rows] == [
        "took longer than 30 s",
        "printed more than 20 million letters",
        "Kernel died",
        None,
    ]
    assert [row["double"] for row in rows] == [None, None, None, 0.0]
    for row in rows[:3]:
        assert row["error"] in (out / "runs" / f"{row['run']}.failed.ipynb").read_text()
