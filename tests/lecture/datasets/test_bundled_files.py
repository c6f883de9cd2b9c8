"""The bundled files: damage is caught, the README tells the truth, a wheel carries them."""

import hashlib
import lzma
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lecturelib import datasets
from tests.lecture.datasets.test_packing import pack_mnist

ROOT = Path(__file__).parents[3]


READERS = [
    ("mnist.xz", datasets.mnist),
    ("wordnet.xz", datasets.wordnet),
    ("wordnet.xz", datasets.wordnet_text),
]


@pytest.mark.parametrize(("name", "read"), READERS)
class TestDamage:
    """A bundled file that is not the one that was packed."""

    def test_one_flipped_bit(self, name, read, tmp_path, monkeypatch):
        content = bytearray((datasets.DATA / name).read_bytes())
        content[len(content) // 2] ^= 1
        self.refused(bytes(content), name, read, tmp_path, monkeypatch)

    def test_cut_short(self, name, read, tmp_path, monkeypatch):
        content = (datasets.DATA / name).read_bytes()
        self.refused(content[: len(content) // 2], name, read, tmp_path, monkeypatch)

    def test_empty(self, name, read, tmp_path, monkeypatch):
        self.refused(b"", name, read, tmp_path, monkeypatch)

    @pytest.mark.long
    def test_another_valid_file(self, name, read, tmp_path, monkeypatch):
        self.refused(lzma.compress(bytes(785 * 70_000)), name, read, tmp_path, monkeypatch)

    def test_missing(self, name, read, tmp_path, monkeypatch):
        monkeypatch.setattr(datasets, "DATA", tmp_path)
        with pytest.raises(
            FileNotFoundError, match=rf"{name} is missing.*git checkout -- lecturelib/data/{name}"
        ):
            read.__wrapped__()

    @staticmethod
    def refused(content, name, read, tmp_path, monkeypatch):
        (tmp_path / name).write_bytes(content)
        monkeypatch.setattr(datasets, "DATA", tmp_path)
        with pytest.raises(
            ValueError, match=rf"{name} is damaged.*git checkout -- lecturelib/data/{name}.*reinstall"
        ):
            read.__wrapped__()


def test_the_readme_names_what_is_there():
    readme = (datasets.DATA / "README.md").read_text(encoding="utf-8")
    for name, digest in datasets.SHA256.items():
        content = (datasets.DATA / name).read_bytes()
        assert f"| `{name}` | {len(content):,} | `{digest}` |" in readme
    assert set(datasets.SHA256) == {path.name for path in datasets.DATA.glob("*.xz")}
    for digest in pack_mnist.MD5.values():
        assert digest in readme
    notice = "the same appear on ALL copies"  # the WordNet licence asks for itself
    assert notice in readme


@pytest.mark.long
def test_a_wheel_carries_the_data_and_all_that_the_programs_read(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT-AND-DATA.md", ".gitignore"):
        shutil.copy(ROOT / name, source)
    for package in ("lecturelib", "workshop"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name, digest in datasets.SHA256.items():
            assert hashlib.sha256(archive.read(f"lecturelib/data/{name}")).hexdigest() == digest
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    there = {path.relative_to(source).as_posix() for path in source.glob("*/**/*") if path.is_file()}
    scripts = ("pack_mnist.py", "pack_natural.py", "pack_wordnet.py")
    assert there - packed == {f"lecturelib/data/{name}" for name in scripts}
    assert packed <= there
    assert {"lecturelib/py.typed", "lecturelib/templates/style.css"} <= packed
