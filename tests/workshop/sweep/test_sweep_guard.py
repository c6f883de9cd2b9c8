"""The guard kills what its process left, however the process ended, and only that."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.marks import first_quick
from tests.workshop.sweep.sweep_cases import alive, wait_for
from workshop.sweep.guard import Guard

PARENT = """\
import subprocess, sys, time
from workshop.sweep.guard import Guard
guard = Guard()
groups = [subprocess.Popen(["sh", "-c", "sleep 1000 & sleep 1000"], start_new_session=True) for _ in range(2)]
for group in groups:
    guard.watch(group.pid)
other = subprocess.Popen(["sleep", "1000"], start_new_session=True)
(guard.folder / "left").touch()
print(guard.folder, guard._process.pid, *(p.pid for p in groups), other.pid, flush=True)
if sys.argv[1] == "waits":
    time.sleep(1000)
"""


def members_of(groups):
    """Processes of these groups; one that ends while we look belongs to none."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError):
            found += [process.pid] * (os.getpgid(process.pid) in groups)
    return found


@first_quick("end", ["SIGKILL", "SIGTERM", "ends"])
def test_watched_groups_and_the_folder_go_with_the_process(end):
    how = "waits" if end.startswith("SIG") else "ends"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, how], stdout=subprocess.PIPE, text=True)
    folder, guard, first, second, other = parent.stdout.readline().split()
    groups = [int(first), int(second)]
    try:
        wait_for(lambda: len(members_of(groups)) == 6, 20)  # a shell starts its two sleeps when it gets to it
        members = members_of(groups)
        if end.startswith("SIG"):
            assert len(alive(members)) == 6
            parent.send_signal(getattr(signal, end))
        parent.wait(timeout=60)
        wait_for(lambda: not alive(members), 20)
        wait_for(lambda: not alive([int(guard)]), 20)
        assert not Path(folder).exists()
        assert alive([int(other)])  # which it was not told of
    finally:
        os.kill(int(other), signal.SIGKILL)
        parent.kill()
        parent.wait()
        parent.stdout.close()


def test_an_ended_group_is_watched_no_longer():
    guard = Guard()
    group = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    guard.watch(group.pid)
    guard.end(group.pid)
    assert group.wait(timeout=20) == -signal.SIGKILL
    guard.end(group.pid)  # gone already: no error
    guard.close()


def test_work_goes_on_without_a_guard():
    guard = Guard()
    guard._process.kill()
    guard._process.wait()
    guard.watch(os.getpid() + 10_000_000)
    guard.close()
