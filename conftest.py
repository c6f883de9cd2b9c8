"""What holds for every test: no network, several host devices, no silent broadcasting, the slowest first."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent / "tests"
SLOWEST = (  # minutes each: begun last, one of them would run beside an idle core
    "notebooks",
    "tests/workshop/test_reruns.py",
    "tests/workshop/sweep/test_sweep_faults.py",
    "tests/workshop/grading/test_homework_nbgrader.py",
    "tests/workshop/sweep/test_sweep_endurance.py",
)

IPYTHON = Path(tempfile.mkdtemp(prefix="ipython-"))
atexit.register(shutil.rmtree, IPYTHON, ignore_errors=True)
(IPYTHON / "profile_default").mkdir()
(IPYTHON / "profile_default" / "ipython_kernel_config.py").write_text(
    "c.IPKernelApp.log_level = 40  # else each kernel warns of TCP on loopback, which is where it runs\n"
)

# Kernels and other processes that tests start inherit these.
sys.path.insert(0, str(TESTS / "guard"))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TESTS / "guard"), os.environ.get("PYTHONPATH")]))
os.environ["IPYTHONDIR"] = str(IPYTHON)
os.environ["LECTURE_STRICT"] = "1"  # a false claim stops its notebook
os.environ["MPLBACKEND"] = "agg"
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # two workers of two threads each would fight over two cores

import sitecustomize  # noqa: E402, F401  (this process is guarded too)


def pytest_configure(config):
    """The same from every folder; several devices on this machine's processor, no silent broadcasting."""
    if hasattr(config.option, "nbval_sanitize_with"):
        config.option.nbval_sanitize_with = str(TESTS / "sanitize.cfg")
    import jax

    jax.config.update("jax_num_cpu_devices", 4)
    jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_collectstart(collector):
    """A claim's HTML says what its plain text says, which is compared with what is stored."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("text/html",)


def pytest_collection_modifyitems(items):
    """The slowest first."""
    items.sort(key=lambda item: not item.nodeid.startswith(SLOWEST))
