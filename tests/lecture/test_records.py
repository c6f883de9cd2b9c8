"""Records keep values exactly, refuse what is not one value, and leave the stored-output comparison alone."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import nbformat
import numpy as np
import pytest

from lecturelib import claims, records, sweep
from tests.workshop.test_notebooks import write
from workshop import running


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("record")
    cells = [
        "import numpy as np\nfrom lecturelib import claims, sweep",
        "for name, value in {'third': x / 3, 'steps': 2**40, 'far': np.float32(0.1), 'never': float('nan'),\n"
        "                    'above': np.inf, 'done': np.True_, 'word': 'ok: [1] ≈ 2'}.items():\n"
        "    sweep.record(name, value)\n"
        "sweep.record('third', x / 3)",
        "claims.check('01.x', 'The x [sic] is 1234.5.', measured=[x, x + 1e-9], equals=x, tolerance=0.1,"
        " because='so', setting='any x', stable=False)",
        "claims.check('01.z', 'Stable.', measured=x / 7, equals=176.357, tolerance=0.001, because='so');",
    ]
    notebook = write(folder, "01_record", "x = 1234.5  # any", *cells)
    assert running.store(notebook) is None
    return notebook


def test_values_come_back_exactly_and_in_order(executed):
    values = records.recorded(executed.read())
    assert list(values) == ["steps", "far", "never", "above", "done", "word", "third"]
    assert values["third"].hex() == (1234.5 / 3).hex()
    assert values["steps"] == 2**40
    assert values["far"] == float(np.float32(0.1))
    assert math.isnan(values["never"])
    assert values["above"] == math.inf
    assert values["done"] is True
    assert values["word"] == "ok: [1] ≈ 2"


def test_claims_come_back_exactly(executed):
    x, z = claims.read(executed.read())
    assert x == claims.Claim(
        "01.x", "The x [sic] is 1234.5.", 1234.5, "expected", 1234.5, 0.1, "so", 2, False, True, "any x",
        each=(1234.5, 1234.5 + 1e-9),
    )  # fmt: skip
    assert z.measured.hex() == (1234.5 / 7).hex()


@pytest.mark.long
def test_a_claim_that_fails_stops_the_notebook_and_keeps_its_record(tmp_path):
    cell = (
        "from lecturelib import claims\nclaims.check('01.y', 'It ends.', measured=x, at_most=2, because='so')"
    )
    failed = running.run(write(tmp_path, "01_false", "x = float('inf')  # any", cell), tmp_path)
    assert failed.error.startswith(
        "cell [2]: ClaimFailed: claim 01.y does not hold at these parameters: It ends. [measured inf, at "
    )
    (claim,) = failed.claims
    assert (claim.measured, claim.expected, claim.verdict) == (math.inf, 2.0, False)


def nbval(notebook):
    bare = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    sanitized = ["--nbval-sanitize-with", Path(__file__).parents[1] / "sanitize.cfg"]
    command = [*bare, "--nbval", "--nbval-current-env", *sanitized, notebook.path]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.long
def test_the_comparison_with_stored_outputs_holds_words_and_printed_digits_but_not_last_digits(executed):
    contents = executed.read()
    left = [o for c in contents.cells for o in c.get("outputs", []) if o.output_type == "display_data"]
    assert len(left) == 10
    for output in left:  # another processor
        for exact in output.metadata.values():
            exact.update(dict.fromkeys(exact, 0.5))
        text = output.data["text/plain"]
        if "≈" in text and "word" not in text:
            output.data["text/plain"] = re.sub(r"≈[0-9.,]*[0-9]", "≈0.5", text)
    nbformat.write(contents, executed.path)
    result = nbval(executed)
    assert result.returncode == 0, result.stdout

    left[0].data[records.RECORD]["name"] = "fourth"
    left[-2].data[claims.CLAIM]["verdict"] = False
    left[-1].data["text/plain"] = left[-1].data["text/plain"].replace("176.3571", "176.3572")
    nbformat.write(contents, executed.path)
    result = nbval(executed)
    assert result.returncode == 1
    assert "3 failed" in result.stdout
    assert all(word in result.stdout for word in ("fourth", "verdict", "176.3572"))


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
