"""Which modules a text reaches: near and far, through packages and doors, and a file in place of another."""

import pytest

from workshop import imports

FILES = {
    "__init__.py": '_DOORS = {"late": "lecturelib.inner.module"}',
    "near.py": "import json\n\ndef later():\n    from lecturelib import far",
    "far.py": "import lecturelib.near",
    "drawn.py": "import lecturelib.far",
    "inner/__init__.py": "",
    "inner/module.py": "from numpy import linalg",
}


@pytest.fixture
def root(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "lecturelib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("import numpy", []),
        ("from lecturelib import near", ["__init__.py", "far.py", "near.py"]),
        ("from lecturelib import late", ["__init__.py", "inner/__init__.py", "inner/module.py"]),
        ("import lecturelib.inner.module", ["__init__.py", "inner/__init__.py", "inner/module.py"]),
        ("from lecturelib.inner import gone", ["__init__.py", "inner/__init__.py"]),
        ("import lecturelib.drawn", ["__init__.py"]),
    ],
)
def test_what_a_text_reaches(root, source, files):
    found = imports.reached(source, root, without=["lecturelib.drawn"])
    assert sorted(found) == [f"lecturelib/{name}" for name in files]
    assert all(text == FILES[name.removeprefix("lecturelib/")] for name, text in found.items())


def test_a_changed_file_is_read_in_place_of_the_one_there_is(root):
    found = imports.reached("import lecturelib.far", root, changed={"lecturelib/far.py": "x = 1"})
    assert found["lecturelib/far.py"] == "x = 1"
    assert "lecturelib/near.py" not in found
