"""Stored outputs are the same text on other processors and on a single core; `make compat` runs this."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from workshop import notebooks

ROOT = Path(__file__).parents[2]
PROCESSORS = [("SSE4_2", "Nehalem"), pytest.param("AVX2", "Haswell", marks=pytest.mark.weekly)]
# CI runs each notebook as it is stored and once more: odd ones here, even ones with other parameters.
NOTEBOOKS = [
    pytest.param(n, id=n.name, marks=[] if int(n.number) % 2 else [pytest.mark.weekly])
    for n in notebooks.find()
]


@pytest.mark.compat
@pytest.mark.skipif(
    platform.machine() != "x86_64" or not hasattr(os, "sched_setaffinity"),
    reason="older processors and a single core are imitated on x86-64 Linux only",
)
@pytest.mark.parametrize(("instructions", "blas"), PROCESSORS)
@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_stored_text_survives_another_processor_and_one_core(notebook, instructions, blas):
    cores = sorted(os.sched_getaffinity(0))
    core = cores[int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % len(cores)]
    other = os.environ | {"XLA_FLAGS": f"--xla_cpu_max_isa={instructions}", "OPENBLAS_CORETYPE": blas}
    other = {name: value for name, value in other.items() if not name.startswith("PYTEST_")}
    pinned = (
        f"import os, sys, pytest; os.sched_setaffinity(0, {{{core}}}); sys.exit(pytest.main(sys.argv[1:]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", pinned, "-q", "-p", "no:cacheprovider", notebook.path],
        cwd=ROOT,
        env=other,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:]
    assert re.search(r"\d+ passed", result.stdout)


@pytest.mark.compat
@pytest.mark.weekly
@pytest.mark.parametrize("notebook", notebooks.find(), ids=lambda each: each.name)
def test_the_claims_hold_where_jax_is_told_to_use_64_bits(notebook, tmp_path):
    """As readers of other programs have it in their environment; outputs may then differ in their digits."""
    call = [sys.executable, "-m", "workshop.cli", "run", "--strict", notebook.number, "--out", tmp_path]
    result = subprocess.run(
        call, cwd=ROOT, env=os.environ | {"JAX_ENABLE_X64": "1"}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
