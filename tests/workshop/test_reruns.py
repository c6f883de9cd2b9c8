"""Every notebook's claims hold for the other parameters that it names itself."""

import nbformat
import numpy as np
import pytest

from lecturelib import claims
from workshop import notebooks, running
from workshop.audit import command

pytestmark = pytest.mark.long  # minutes: each notebook runs once more
LECTURE = notebooks.find()
NAMED = {n: n.read().metadata.get("lecturelib", {}).get("reruns", []) for n in LECTURE}
# In CI once for the even notebooks: it runs the odd ones on another processor, by test_compatibility.
RERUNS = [
    pytest.param(n, values, marks=[pytest.mark.weekly] if number or int(n.number) % 2 else [])
    for n, several in NAMED.items()
    for number, values in enumerate(several)
]


def test_every_notebook_names_reruns():
    assert all(NAMED.values())


@pytest.mark.parametrize(("notebook", "values"), RERUNS, ids=lambda x: getattr(x, "name", str(x)))
def test_claims_hold_for_other_parameters(notebook, values, tmp_path):
    defaults = {name: p.default for name, p in notebook.parameters().items()}
    assert set(values) <= set(defaults)
    assert any(values[name] != defaults[name] for name in values)
    copy = tmp_path / notebook.path.name
    assert running.execute(notebook, copy, values, strict=True) is None
    executed = nbformat.read(copy, as_version=4)
    assert {claim.id for claim in claims.read(executed)} == command.claim_ids(notebook)
    assert not [o for c in executed.cells for o in c.get("outputs", []) if o.get("name") == "stderr"]


def test_data_for_which_no_batch_size_reaches_the_goal_get_their_page_too(tmp_path):
    random, scales = np.random.default_rng(0), np.logspace(0, -5, 12)
    features = random.standard_normal((300, 12)) * scales
    table = np.column_stack([features, features @ (1 / scales)])
    np.savetxt(tmp_path / "hard.csv", table, delimiter=",", header=",".join("abcdefghijkly"), comments="")
    (notebook,) = notebooks.select(["11"])
    copy = tmp_path / notebook.path.name
    assert running.execute(notebook, copy, {"path": str(tmp_path / "hard.csv"), "goal": 1e-4}) is None
    printed = [
        o.get("text", "") for c in nbformat.read(copy, as_version=4).cells for o in c.get("outputs", [])
    ]
    assert any("No batch size reaches the goal" in text for text in printed)
