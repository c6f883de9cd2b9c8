"""Ctrl-C while modules are imported ends at once and quietly; while workers start, it waits for them."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from workshop import interrupts

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals of POSIX")

IMPORTING = """\
import os, signal
from workshop.interrupts import nothing_begun
with nothing_begun():
    os.kill(os.getpid(), signal.SIGINT)
    raise ValueError("it went on")
"""


@pytest.fixture
def heeded():
    """As in a terminal: where a shell's background job ignores SIGINT, it is heeded here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_during_imports_ends_the_process_without_a_word(heeded):
    ended = subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_where_interrupts_are_ignored_they_stay_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for manager in (interrupts.nothing_begun, interrupts.put_off):
            with manager():
                os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


CHILD = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('heard nothing')"


def test_an_interrupt_is_put_off_to_the_end_and_children_do_not_hear_it(heeded):
    done = []

    def interrupted():
        with interrupts.put_off():
            os.kill(os.getpid(), signal.SIGINT)
            child = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True)
            done.append(child.stdout)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["heard nothing\n"]
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


SPAWNING = """\
import multiprocessing, os, signal
from workshop.interrupts import put_off

def child():
    os.kill(os.getpid(), signal.SIGINT)

if __name__ == "__main__":
    with put_off():
        first = multiprocessing.get_context("spawn").Process(target=child)
        first.start()
        first.join()
    print(first.exitcode)
"""


def test_the_first_process_of_multiprocessing_does_not_hear_it_either(heeded, tmp_path):
    script = tmp_path / "spawning.py"
    script.write_text(SPAWNING)
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("0\n", "")


def test_the_end_of_a_session_is_put_off_too():
    came, done = [], []
    before = signal.signal(signal.SIGTERM, lambda *_: came.append(len(done)))
    try:
        with interrupts.put_off():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append(True)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert came == [1]


def test_another_thread_changes_nothing():
    masks = []

    def work():
        with interrupts.put_off():
            masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert masks == [signal.pthread_sigmask(signal.SIG_BLOCK, ())]
