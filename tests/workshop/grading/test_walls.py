"""The walls are proved from inside at every start; where there are none, nothing is run without a word."""

import os
import subprocess
import sys

import pytest

from tests.workshop.grading import grading_cases as cases
from tests.workshop.grading.grading_cases import grade
from tests.workshop.grading.test_grading_sandbox import result, run
from workshop import checkout
from workshop.grading import proof, sandbox

INSIDE = "import os, types; from inside import limits; {change}; from inside.child import main; main()"
FIRST_THREAD_ONLY = """limits._ALL_THREADS = 0
limits.os = types.SimpleNamespace(**{**vars(os), "listdir": lambda path: []})
"""


IN_A_FILE = """
from workshop.grading import proof, sandbox
print(proof.holes())
shell = 'file=$(mktemp); cat > $file; exec < $file; rm $file; exec "$@"'
command = sandbox.command
sandbox.command = lambda *given: ["/bin/sh", "-c", shell, "sh", *command(*given)]
print(proof.holes())
"""


def test_a_job_that_can_be_read_again_is_found(tmp_path):
    """Only by a user: as root the first process is another user's, and shows nothing."""
    cases.need_bubblewrap()
    words = [*map(str, cases.as_user()), sys.executable, "-c", IN_A_FILE]
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=checkout.root(), timeout=120, check=False
    )
    assert done.stdout.splitlines() == ["[]", "['what the grader was told can be read again']"], done.stderr


def test_there_are_no_holes(tmp_path):
    cases.need_bubblewrap()
    (tmp_path / "marks.csv").write_text("zoe,5")
    assert proof.holes([tmp_path]) == []


long = pytest.mark.long


@pytest.mark.parametrize(
    ("change", "hole"),
    [
        ("limits._CALLS['x86_64']['refused'] = limits._CALLS['aarch64']['refused'] = ()", "semaphore can be"),
        pytest.param("limits.filter_calls = lambda: None", "a process can be made", marks=long),
        pytest.param(f"exec({FIRST_THREAD_ONLY!r})", "may make any system call", marks=long),
        pytest.param("limits.limit_objects = lambda: None", "RLIMIT_FSIZE is not set", marks=long),
        pytest.param("limits.limit_memory = lambda megabytes: None", "RLIMIT_AS is not set", marks=long),
        pytest.param("limits.become_nobody = lambda: None", "has capabilities", marks=long),
    ],
)
def test_a_limit_that_is_not_set_is_found(monkeypatch, change, hole):
    cases.need_bubblewrap()
    if "nobody" in change and not sandbox.drops_root():
        pytest.skip("only root has capabilities to give up")
    monkeypatch.setattr(sandbox, "START", INSIDE.format(change=change))
    assert any(hole in found for found in proof.holes())


@pytest.mark.parametrize(
    ("without", "hole"),
    [
        ("--unshare-net", "the machine's network can be seen"),
        pytest.param("--unshare-pid", "can be seen", marks=long),
    ],
)
def test_a_wall_that_is_not_there_is_found(monkeypatch, without, hole):
    cases.need_bubblewrap()
    program, way = sandbox._isolation()
    parted = [f"--unshare-{what}" for what in ("user", "ipc", "pid", "net", "uts")]
    way = [word for word in way if not word.startswith("--unshare")] + [w for w in parted if w != without]
    if sandbox.drops_root():
        way.remove("--unshare-user")
    monkeypatch.setattr(sandbox, "_isolation", lambda: (program, way))
    assert any(hole in found for found in proof.holes())


def test_a_file_that_is_not_hidden_is_found(monkeypatch, tmp_path):
    cases.need_bubblewrap()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "marks.csv").write_text("zoe,5")
    tmp_path.chmod(0o755)
    confined = sandbox.run
    monkeypatch.setattr(sandbox, "run", lambda job, files, hidden: confined(job, files))
    monkeypatch.setattr(sandbox, "SYSTEM", (*sandbox.SYSTEM, str(tmp_path)))
    assert proof.holes([tmp_path]) == [f"{tmp_path} can be seen"]


@long
def test_what_root_may_set_is_found_where_root_remains_root(monkeypatch):
    cases.need_bubblewrap()
    if os.geteuid() != 0:
        pytest.skip("only root may set what is not read-only")
    program, _ = sandbox._isolation()
    monkeypatch.setattr(sandbox, "_isolation", lambda: (program, ["--unshare-all", "--cap-drop", "ALL"]))
    assert not sandbox.drops_root()
    assert proof.holes() == []  # what bubblewrap leaves open, `KERNEL` closes
    monkeypatch.setattr(sandbox, "KERNEL", ())
    assert any("can be set" in found for found in proof.holes())


def test_root_is_nobody_inside():
    cases.need_bubblewrap()
    seen = result("import os\ndef f(x): return [os.getuid(), *os.getgroups()]")
    assert seen == ([65534] if sandbox.drops_root() else [os.getuid(), *os.getgroups()])


def test_holes_stop_everything(tmp_path, monkeypatch):
    cases.need_bubblewrap()
    cases.write_assignment(tmp_path)
    cases.hand_in(tmp_path / "in", "ada", cases.submitted(cases.RIGHT))
    monkeypatch.setattr(proof, "holes", lambda hidden: ["/proc/sys/kernel/core_pattern can be set"])
    done = grade(tmp_path, "--without-walls")
    assert done.exit_code == 1
    assert "the walls have holes:\n  /proc/sys/kernel/core_pattern can be set" in done.output
    assert not (tmp_path / "out" / "marks.csv").exists()


@pytest.mark.parametrize(
    ("user", "options", "status", "said"),
    [
        (1000, [], 2, "give --without-walls"),
        (0, ["--without-walls"], 2, "You are root, so this is refused"),
        (1000, ["--without-walls"], 0, "THE SANDBOX IS NOT COMPLETE"),
    ],
)
def test_without_bubblewrap_it_takes_a_word_and_no_root(tmp_path, monkeypatch, user, options, status, said):
    cases.write_assignment(tmp_path)
    cases.hand_in(tmp_path / "in", "ada", cases.submitted(cases.RIGHT))
    monkeypatch.setattr(sandbox, "bubblewrap", lambda: None)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(proof, "holes", lambda hidden: [])  # of a root who says that he is not
    done = grade(tmp_path, *options)
    words = " ".join(done.output.split())
    assert done.exit_code == status, done.output
    assert said in words
    assert "CAN READ, CHANGE AND DELETE" in words
    assert (tmp_path / "out" / "marks.csv").exists() == (status == 0)


def test_root_is_said_loudly(capsys, monkeypatch):
    cases.need_bubblewrap()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    proof.require(())
    assert "YOU ARE ROOT" in capsys.readouterr().err
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    proof.require(())
    assert capsys.readouterr().err == ""


@pytest.mark.long
@pytest.mark.parametrize("cores", ["2", "64"])
def test_address_space_does_not_depend_on_the_number_of_cores(monkeypatch, cores):
    """XLA reads NPROC: on 64 cores a first `jit` took 2.4 GB of the 2 that an answer has."""
    cases.need_bubblewrap()
    monkeypatch.setenv("NPROC", cores)
    cell = """
import jax, jax.numpy as jnp, re
def f(x):
    jax.jit(lambda a: a @ a)(jnp.ones((50, 50))).block_until_ready()
    return int(re.search(r"VmPeak:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
"""
    assert result(cell, memory_mb=4096, cpu_seconds=20, wall_seconds=60) < 1536
    assert run(cell, memory_mb=2048, cpu_seconds=20, wall_seconds=60).problem is None


@pytest.mark.long
def test_many_small_threads_are_limited():
    cases.need_bubblewrap()
    bomb = """
import threading, time
def f(x):
    threading.stack_size(32768)
    made = 0
    try:
        while True:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            made += 1
    except RuntimeError:
        return made
"""
    assert result(bomb, memory_mb=2048, cpu_seconds=20, wall_seconds=60) <= 4096
