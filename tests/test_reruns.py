"""Every notebook's claims hold for the other parameters that it names itself."""

import nbformat
import pytest

from lecturelib import notebooks, running

LECTURE = notebooks.find()
RERUNS = [
    (n, values) for n in LECTURE for values in n.read().metadata.get("lecturelib", {}).get("reruns", [])
]


def test_every_notebook_names_reruns():
    assert {n.name for n, _ in RERUNS} == {n.name for n in LECTURE}


@pytest.mark.parametrize(("notebook", "values"), RERUNS, ids=lambda x: getattr(x, "name", str(x)))
def test_claims_hold_for_other_parameters(notebook, values, tmp_path):
    defaults = {name: p.default for name, p in notebook.parameters().items()}
    assert set(values) <= set(defaults)
    assert any(values[name] != defaults[name] for name in values)
    copy = tmp_path / notebook.path.name
    assert running.execute(notebook, copy, values) is None
    assert set(running.held_claims(copy)) == set(running.held_claims(notebook.path))
    executed = nbformat.read(copy, as_version=4)
    assert not [o for c in executed.cells for o in c.get("outputs", []) if o.get("name") == "stderr"]
