"""Sweeps that are killed, starved and disturbed: nothing is lost, and resuming gives the same table."""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import distributed
import pytest

from tests.workshop.sweep import sweep_cases
from tests.workshop.sweep.sweep_cases import alive, family, started, wait_for
from tests.workshop.test_notebooks import write
from workshop.sweep import command as sweep_command

pytestmark = [pytest.mark.long, pytest.mark.skipif(sys.platform == "win32", reason="processes of POSIX")]
GRID = ("-p", "seed=0:3")


def summary(rows):
    return [(row["seed"], row["double"], row["status"]) for row in rows]


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
    assert summary(rows) == [(s, 2.0 * s, "ok") for s in range(3)]
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
    assert len(started(notes)) == 4  # one of the three was started twice


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


@pytest.fixture(scope="module")
def begun(undisturbed, tmp_path_factory):
    """The folder of a sweep of which one run of three is done, and which the tests below end one by one."""
    notebook, notes, _ = undisturbed
    (notes / "go").touch()
    folder = tmp_path_factory.mktemp("begun")
    status, said = sweep_cases.sweep(notebook, folder, *GRID, "--workers", "1", "--budget", "1run")
    assert status == sweep_command.STOPPED_STATUS, said
    return folder


@pytest.mark.parametrize(
    ("end", "everybody", "status"),
    [
        (signal.SIGKILL, False, -9),
        (signal.SIGINT, True, 130),
        (signal.SIGINT, False, 130),
        (signal.SIGTERM, False, 143),
        (signal.SIGHUP, False, 129),
    ],
    ids=["kill -9", "Ctrl-C", "SIGINT", "SIGTERM", "SIGHUP"],
)
def test_an_ended_sweep_leaves_no_process_and_keeps_what_is_done(begun, case, end, everybody, status):
    notebook, notes, _ = case
    process = sweep_cases.start(notebook, begun, *GRID, "--workers", "2")
    wait_for(lambda: len(started(notes)) == 2)
    members = family(process.pid)
    assert len(members) >= 7  # the command, two workers, two guards, two kernels
    (os.killpg if everybody else os.kill)(process.pid, end)
    said = ends(process, status)
    wait_for(lambda: not alive(members), 15)
    assert "2 runs to do (1 done)" in said  # after the ends of the tests before, too
    assert "Traceback" not in said
    if end != signal.SIGKILL:
        assert "Stopped. What is done is kept" in said
        assert not (begun / ".running").exists()
        assert [row["status"] for row in sweep_cases.rows(begun)] == ["ok", "missing", "missing"]


def test_after_such_ends_it_goes_on_where_it_was(begun, case):
    notebook, notes, expected = case
    (notes / "go").touch()
    status, said = sweep_cases.sweep(notebook, begun, *GRID, "--workers", "2")
    assert status == 0, said
    assert "2 runs to do (1 done)" in said
    assert sweep_cases.rows(begun) == expected


class Cluster:
    """A dask scheduler and one worker of two threads, as processes of their own."""

    def __init__(self, folder, packages=None):
        self.file, self.folder = folder / "scheduler.json", folder
        self._started: list[subprocess.Popen] = []
        self.scheduler = self._start("scheduler", "--port", "0", packages=packages)
        wait_for(self.file.exists)
        self.worker = self.join("2", packages)
        self.address = json.loads(self.file.read_text())["address"]

    def join(self, threads, packages=None):
        """Start a worker; with packages from another folder first, if one is given."""
        options = ("--nthreads", threads, "--local-directory", str(self.folder))
        return self._start("worker", *options, packages=packages)

    def has(self, workers):
        """Wait until so many have joined."""
        with distributed.Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)

    def _start(self, what, *options, packages):
        paths = os.pathsep.join(filter(None, [packages and str(packages), os.environ.get("PYTHONPATH")]))
        loopback = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--scheduler-file", str(self.file)]
        process = subprocess.Popen(
            [*command, *loopback, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": paths},
            cwd=self.folder,  # python -m puts it first on the path, before the packages given
        )
        self._started.append(process)
        return process

    def end(self):
        for process in reversed(self._started):  # the scheduler last
            process.terminate()
            process.wait(timeout=60)


@pytest.fixture
def cluster(tmp_path):
    """Start a cluster, with packages from another folder if one is given; all end with the test."""
    with contextlib.ExitStack() as stack:

        def start(packages=None):
            made = Cluster(tmp_path, packages)
            stack.callback(made.end)
            return made

        yield start


def test_a_killed_scheduler_is_said_and_the_sweep_goes_on_with_another(case, tmp_path, cluster):
    notebook, notes, expected = case
    first = cluster()
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
    second = cluster()
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


def test_workers_without_this_package_are_refused_in_words_and_left_alone(case, tmp_path, cluster):
    notebook, notes, expected = case
    reasons = {
        "none": "No module named 'workshop.sweep.remote'",
        "another": "it has another version of lecturelib",
    }
    for name in reasons:
        bare = tmp_path / name / "workshop" / "sweep"
        bare.mkdir(parents=True)
        (bare.parent / "__init__.py").touch()
    (bare / "remote.py").write_text("def library(): return 'another'")
    (notes / "go").touch()
    mixed = cluster(tmp_path / "none")
    other = mixed.join("1", tmp_path / "another")
    mixed.has(2)
    command = (notebook, tmp_path / "out", *GRID, "--scheduler", mixed.address)
    began = time.monotonic()
    first = ends(sweep_cases.start(*command), sweep_command.STOPPED_STATUS)
    assert "Stopped: none of the scheduler's 2 workers can run this" in first
    assert time.monotonic() - began < 100
    mixed.join("1")
    mixed.has(3)
    status, second = sweep_cases.sweep(*command)
    assert status == 0, second
    for said, why in itertools.product((first, second), reasons.values()):
        assert re.search(rf"Not used: the worker at tcp://127\.0\.0\.1:\d+\. {why}", said), said
    assert sweep_cases.rows(tmp_path / "out") == expected
    assert (mixed.worker.poll(), other.poll()) == (None, None)


def test_that_no_workers_are_left_is_said_and_the_sweep_goes_on_with_new_ones(case, tmp_path, cluster):
    notebook, notes, expected = case
    emptied = cluster()
    process = sweep_cases.start(notebook, tmp_path / "out", *GRID, "--scheduler", emptied.address)
    wait_for(lambda: len(started(notes)) == 2)
    emptied.worker.terminate()
    emptied.worker.wait(timeout=60)
    time.sleep(8)  # a worker is missed after five, and a new one takes some to join
    (notes / "go").touch()
    emptied.join("2")
    said = ends(process, 0)
    assert re.search(r"No workers are there: waited \d+ s so far", said)
    assert "Workers are there again, after" in said
    assert sweep_cases.rows(tmp_path / "out") == expected


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
    command = (notebook, disk, "-p", "seed=0:4", "--workers", "1")
    status, said = sweep_cases.sweep(*command)
    assert status == sweep_command.STOPPED_STATUS, said
    assert "Stopped: no space left in" in said
    assert "the same command goes on" in said
    assert not list(disk.rglob("*.part"))
    done = list((disk / "runs").glob("*.json"))
    assert 0 < len(done) < 4
    enlarge()
    status, said = sweep_cases.sweep(*command)
    assert status == 0, said
    assert f"{4 - len(done)} run" in said
    assert summary(sweep_cases.rows(disk)) == [(seed, 2.0 * seed, "ok") for seed in range(4)]


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
    status, _ = sweep_cases.sweep(notebook, out, "-p", "seed=1,2,3,0", "--workers", "2", "--timeout", "20")
    assert status == sweep_command.FAILED_STATUS
    assert time.monotonic() - began < 200
    rows = sweep_cases.rows(out)
    assert [row["error"] for row in rows] == [
        "took longer than 20 s",
        "printed more than 20 million letters",
        "Kernel died",
        None,
    ]
    doubles = [row["double"] for row in rows]
    assert doubles == [2.0, 4.0, doubles[2], 0.0]  # recorded before it failed
    assert doubles[2] in (None, 6.0)  # what a kernel said in its last moment may be lost with it
    for row in rows[:3]:
        assert row["error"] in (out / "runs" / f"{row['run']}.failed.ipynb").read_text()
