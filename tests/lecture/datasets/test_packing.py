"""The packing scripts: what goes in comes out again, the same bytes every time."""

import gzip
import importlib.util
import json
import lzma
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from lecturelib import datasets
from workshop import notebooks

ROOT = Path(__file__).parents[3]
WORDNET = Path("/usr/share/wordnet")  # where Debian's package wordnet-base puts it


def tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "lecturelib" / "data" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pack_mnist, pack_wordnet, pack_natural = (tool(f"pack_{name}") for name in ("mnist", "wordnet", "natural"))


def small_idx_files(seed=0):
    """Sixty images to train on and ten to test on, of noise."""
    rng = np.random.default_rng(seed)
    shapes = [(60, 28, 28), (60,), (10, 28, 28), (10,)]
    arrays = [rng.integers(0, 256 if len(shape) == 3 else 10, shape).astype(np.uint8) for shape in shapes]
    return {name: pack_mnist.to_idx(array) for name, array in zip(pack_mnist.MD5, arrays, strict=True)}


@pytest.mark.long
def test_packing_the_real_mnist_again_gives_the_bundled_content():
    files = pack_mnist.idx_files(datasets.mnist())
    pack_mnist.check(files)
    assert pack_mnist.pack(files) == lzma.decompress((datasets.DATA / "mnist.xz").read_bytes())


@given(st.integers(0, 2**32 - 1))
def test_digits_survive_packing(seed):
    files = small_idx_files(seed)
    assert pack_mnist.idx_files(datasets.unpack_mnist(pack_mnist.pack(files))) == files


def test_compression_is_lossless_and_repeatable():
    packed = pack_mnist.pack(small_idx_files())
    for compress in (pack_mnist.compress, pack_wordnet.compress):
        assert lzma.decompress(compress(packed)) == packed
        assert compress(packed) == compress(packed)


def test_an_image_file_of_known_bytes():
    """The header of the idx format, written by hand: its description is the authority, not our writer."""
    content = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(6))
    assert pack_mnist.from_idx(content, "file").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert pack_mnist.to_idx(np.arange(6, dtype=np.uint8).reshape(2, 3)) == content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an idx file"),
        (b"\0\0\x0d\1\0\0\0\1\0\0\0\0", "not an idx file of bytes"),
        (b"\0\0\x08\3\0\0\0\1", "not an idx file"),
        (b"\0\0\x08\1\0\0\0\5abc", r"3 bytes for shape \(5,\)"),
        (b"\0\0\x08\1\0\0\0\2abc", r"3 bytes for shape \(2,\)"),
    ],
)
def test_a_damaged_idx_file_is_refused(content, reason):
    with pytest.raises(ValueError, match=f"t10k: .*{reason}"):
        pack_mnist.from_idx(content, "t10k")


def test_files_are_read_plain_or_gzipped_and_checked(tmp_path):
    files = small_idx_files()
    for number, (name, content) in enumerate(files.items()):
        if number % 2:
            (tmp_path / name).write_bytes(content)
        else:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    assert pack_mnist.read(tmp_path) == files
    result = CliRunner().invoke(pack_mnist.main, [str(tmp_path), str(tmp_path / "out.xz")])
    assert isinstance(result.exception, ValueError)  # noise is not MNIST
    assert "train-images-idx3-ubyte: MD5" in str(result.exception)
    assert not (tmp_path / "out.xz").exists()


WORDS = st.sampled_from(["cat", "dog", "the", "of", "x", "a1", "very_long", "zebra", "Cat", "dog-like"])
DEFINITIONS = st.lists(st.lists(WORDS, max_size=6).map(" ".join), max_size=12)


def write_wordnet(folder, parts):
    for part, definitions in zip(pack_wordnet.PARTS, parts, strict=True):
        lines = ["  1 This software and database", *(f"0 03 n 01 x 0 000 | {text}  " for text in definitions)]
        (folder / f"data.{part}").write_text("\n".join(lines) + "\n", encoding="ascii")


@pytest.mark.long
@given(st.tuples(DEFINITIONS, DEFINITIONS, DEFINITIONS, DEFINITIONS), st.booleans())
def test_definitions_survive_packing(tmp_path_factory, parts, keep_stop_words):
    parts = (["cat dog", "cat dog", *parts[0]], *parts[1:])  # at least two words to keep
    folder = tmp_path_factory.mktemp("wordnet")
    write_wordnet(folder, parts)
    packed = pack_wordnet.pack(folder)
    assert packed == pack_wordnet.pack(folder)
    assert packed.decode("ascii").replace("\f", "").splitlines() == [d for part in parts for d in part]
    text = datasets.bags(packed.decode("ascii"), keep_stop_words)

    # The same by hand: sets of lower-case words of two or more characters, hyphens separate.
    rows = [{w for w in d.lower().replace("-", " ").split() if len(w) > 1} for part in parts for d in part]
    common = {w for row in rows for w in row if sum(w in other for other in rows) >= 2}
    words = sorted(common if keep_stop_words else common - {"the", "of"})
    assert text.words == tuple(words)
    assert text.features.toarray().tolist() == [[w in row for w in words] for row in rows]
    nouns = len(parts[0])
    assert text.labels.tolist() == [1] * nouns + [-1] * (len(rows) - nouns)


def test_a_line_without_a_definition_is_refused(tmp_path):
    write_wordnet(tmp_path, (["cat"], [], [], []))
    with (tmp_path / "data.verb").open("a") as file:
        file.write("0 03 n 01 x 0 000 no bar\n")
    with pytest.raises(ValueError, match=r"data\.verb, line 2: no definition; reinstall"):
        pack_wordnet.pack(tmp_path)


def test_the_stop_words_are_words_only():
    stop_words = datasets.stop_words()
    assert len(stop_words) == 318
    assert {"the", "of", "yourselves"} <= stop_words
    assert all(word.isalpha() and word.islower() for word in stop_words)


@pytest.mark.skipif(
    not WORDNET.is_dir(), reason="Debian's package wordnet-base, the source, is not installed"
)
def test_packing_the_real_wordnet_again_gives_the_bundled_content():
    bundled = lzma.decompress((datasets.DATA / "wordnet.xz").read_bytes())
    assert pack_wordnet.pack(WORDNET) == bundled


def natural():
    return json.loads((datasets.DATA / "natural.json").read_text(encoding="utf-8"))


@pytest.mark.long
def test_the_stored_natural_problems_come_out_again():
    name, *rest = list(pack_natural.images())[2]
    assert pack_natural.row(*rest) == natural()[name]
    features, labels = rest
    shuffled = np.random.default_rng(0).permutation(labels)  # a wrong program: labels of other rows
    assert pack_natural.row(features, shuffled) != natural()[name]


def test_notebook_08_names_its_sets_as_the_stored_table_does():
    cells = {cell.get("id"): cell.source for cell in notebooks.select(["08"])[0].read().cells}
    assert set(re.findall(r'^    "(.*)": ', cells["natural-sets"], re.MULTILINE)) == set(list(natural())[:7])
    assert f"{pack_natural.IMAGES}" in cells["parameters"]
