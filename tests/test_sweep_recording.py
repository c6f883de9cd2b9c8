"""Records keep values exactly, refuse what is not one value, and leave the stored-output comparison alone."""

import math
import os
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import nbformat
import numpy as np
import pytest

from lecturelib import running, sweep
from lecturelib.sweep import recording
from tests.test_notebooks import write


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("record")
    cells = [
        "import numpy as np\nfrom lecturelib import claims, sweep",
        "for name, value in {'third': x / 3, 'steps': 2**40, 'far': np.float32(0.1), 'never': float('nan'),\n"
        "                    'above': np.inf, 'done': np.True_, 'word': 'ok: [1] ≈ 2'}.items():\n"
        "    sweep.record(name, value)\n"
        "sweep.record('third', x / 3)",
        "claims.check('01.x', 'The x [sic] is 1234.5.', measured=[x, 1234.5], equals=1234.5, tolerance=0.1,"
        " because='so', stable=False);",
    ]
    notebook = write(folder, "01_record", "x = 1234.5  # any", *cells)
    assert running.store(notebook) is None
    return notebook


def test_values_come_back_exactly_and_in_order(executed):
    values = recording.recorded(executed.read())
    assert list(values) == ["steps", "far", "never", "above", "done", "word", "third"]
    assert values["third"].hex() == (1234.5 / 3).hex()
    assert values["steps"] == 2**40
    assert values["far"] == float(np.float32(0.1))
    assert math.isnan(values["never"])
    assert values["above"] == math.inf
    assert values["done"] is True
    assert values["word"] == "ok: [1] ≈ 2"


def test_what_claims_measured_is_read_from_their_lines(executed):
    assert recording.measured(executed.read()) == {"01.x": 1234.5}


def nbval(notebook):
    bare = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    sanitized = ["--nbval-sanitize-with", Path(__file__).parent / "sanitize.cfg"]
    command = [*bare, "--nbval", "--nbval-current-env", *sanitized, notebook.path]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_comparison_with_stored_outputs_holds_names_but_not_last_digits(executed):
    contents = executed.read()
    records = [o for c in contents.cells for o in c.get("outputs", []) if recording.MIME in o.get("data", {})]
    assert len(records) == 8
    for output in records:  # another processor
        output.metadata[recording.MIME]["value"] = "0.5"
        text = output.data["text/plain"]
        if "≈" in text and "word" not in text:
            output.data["text/plain"] = text.split("≈")[0] + "≈0.5"
    nbformat.write(contents, executed.path)
    result = nbval(executed)
    assert result.returncode == 0, result.stdout

    records[0].data[recording.MIME]["name"] = "fourth"
    nbformat.write(contents, executed.path)
    result = nbval(executed)
    assert result.returncode == 1
    assert "fourth" in result.stdout


@pytest.mark.parametrize(
    "value", [np.float64(0.1), np.int32(3), jnp.float32(2.0), np.array(1.5), True, "word"]
)
def test_scalars_of_every_kind_are_taken(value, capsys):
    sweep.record("name", value)
    assert capsys.readouterr().out.startswith("recorded name ")


@pytest.mark.parametrize(
    "value", [[1, 2], [[1], [1, 2]], np.ones(2), jnp.ones(1), None, 1j, {"a": 1}, b"x", 2**63]
)
def test_what_is_not_one_value_is_refused(value):
    with pytest.raises(ValueError, match="record"):
        sweep.record("name", value)


@pytest.mark.parametrize("name", ["", "two words", "1st", "a.b", "_x", 3, "ä"])
def test_names_are_plain(name):
    with pytest.raises(ValueError, match="letters, digits and underscores"):
        sweep.record(name, 1)


def test_recording_needs_neither_dask_nor_papermill():
    heavy = "{'dask', 'distributed', 'papermill', 'pyarrow'}"
    source = f"import sys, lecturelib.sweep; print(*{heavy} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ""
