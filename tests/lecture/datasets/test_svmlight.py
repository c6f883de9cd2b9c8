"""The reader's own sparse data: read exactly, or refused with file, line and remedy."""

import bz2
import gzip
import lzma
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from lecturelib import datasets

FINITE = st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.lists(
    st.tuples(FINITE, st.dictionaries(st.integers(0, 60), FINITE.filter(bool), max_size=6)),
    min_size=1,
    max_size=8,
)


def text_of(rows, start):
    return "".join(
        f"{target!r} {' '.join(f'{j + start}:{value!r}' for j, value in sorted(row.items()))}\n"
        for target, row in rows
    )


@pytest.mark.long
@given(rows=ROWS.filter(lambda rows: any(row for _, row in rows)), start=st.sampled_from([0, 1]))
def test_what_was_written_is_read(tmp_path_factory, rows, start):
    path = tmp_path_factory.mktemp("round") / "t.svm"
    path.write_text(text_of(rows, start))
    read = datasets.svmlight(path, zero_based=start == 0)
    expected = np.zeros((len(rows), 1 + max(j for _, row in rows for j in row)))
    for i, (_, row) in enumerate(rows):
        for j, value in row.items():
            expected[i, j] = value
    assert read.features.toarray().tolist() == expected.tolist()
    assert read.target.tolist() == [target for target, _ in rows]
    assert isinstance(read.features, sparse.csr_array)
    assert read.features.has_canonical_format
    assert read.features.indices.dtype == np.int32
    assert read.features.nnz == sum(len(row) for _, row in rows)
    wide = datasets.svmlight(path, zero_based=start == 0, columns=100)
    assert wide.features.shape == (len(rows), 100)
    assert wide.features[:, : expected.shape[1]].nnz == read.features.nnz


def test_a_file_with_everything_the_format_allows(tmp_path):
    path = tmp_path / "t.svm"
    path.write_bytes(
        b"# a comment, in any encoding: \xfc\n\n+1 1:0.5\t7:1e-3 # more: 3:4\r\n-1\n"
        b"  0.25   2:-2   \n1 2147483647:1"
    )
    read = datasets.svmlight(path)
    assert read.target.tolist() == [1, -1, 0.25, 1]
    assert read.features.shape == (4, 2_147_483_647)
    assert read.features.indptr.tolist() == [0, 2, 2, 3, 4]
    assert read.features.indices.tolist() == [0, 6, 1, 2_147_483_646]
    assert read.features.data.tolist() == [0.5, 0.001, -2, 1]


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_compressed_files_are_read_and_damage_is_named(tmp_path, suffix, compress):
    path = tmp_path / f"t.svm{suffix}"
    content = compress("".join(f"{i % 2} {i + 1}:{i}.5\n" for i in range(50)).encode())
    path.write_bytes(content)
    whole = datasets.svmlight(path)
    assert whole.features.data.tolist() == [i + 0.5 for i in range(50)]
    for end in range(1, len(content)):
        path.write_bytes(content[:end])
        with pytest.raises(ValueError, match=rf"t\.svm\{suffix}: cannot be read on .*download it again"):
            datasets.svmlight(path)
    refused = 0
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        try:
            read = datasets.svmlight(path)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017  (some bytes of a header do not matter)
            refused += 1
        else:
            assert (read.features != whole.features).nnz == 0
    assert refused > len(content) / 2


ERRORS = {
    "empty": ("", r"empty \(0 bytes\); write or download"),
    "comments only": ("# nothing\n\n", "no index:value in its 0 examples; download it again"),
    "no entries": ("1\n-1\n", "no index:value in its 2 examples"),
    "twice": ("1 1:1\n1 2:1 2:3\n", "line 2: index 2 stands there twice; .*--any-order"),
    "unsorted": ("1 1:1\n1 3:1 2:3\n", "line 2: index 2 comes after 3; .*--any-order"),
    "from zero": ("1 0:1 1:1\n", "line 1: index 0, but the first column has index 1; .*say --zero-based"),
    "negative index": ("1 -1:1\n", "line 1: '-1:1' is not index:value; write a whole number"),
    "fractional index": ("1 1.5:1\n", "line 1: '1.5:1' is not index:value"),
    "no colon": ("1 1:1 7\n", "line 1: the value of index 7 is '', not a number"),
    "no index": ("1 :1\n", "line 1: ':1' is not index:value"),
    "space after colon": ("1 1: 2\n", "line 1: the value of index 1 is '', not a number"),
    "two colons": (
        "1 1:2:3\n",
        "line 1: '1:2:3' is field:index:value, as libffm has it; leave the fields out: sed",
    ),
    "word as value": ("1 1:1\n\n# x\n1 1:red\n", "line 4: the value of index 1 is 'red', not a number"),
    "word as target": ("spam 1:1\n", "line 1: the target is 'spam'; tell one from the rest: --positive spam"),
    "several targets": ("1,2 1:1\n", "line 1: several labels, '1,2'; .*: --positive 1"),
    "no target": ("1:1 2:1\n", "line 1: the target is missing, the line starts with '1:1'; .* sed"),
    "csv": ("1,2,3\n", "line 1: the target is '1,2,3', not a number"),
    "NaN": ("1 1:nan\n", "line 1: the value of index 1 is 'nan'; remove the line, or write a finite number"),
    "infinity": ("1 1:-inf\n", "line 1: the value of index 1 is '-inf'; remove the line"),
    "overflow": ("1 1:1e999\n", "line 1: the value of index 1 is '1e999'; remove the line"),
    "NaN as target": ("nan 1:1\n", "line 1: the target is 'nan'; remove the line"),
    "groups": ("1 qid:3 1:1\n", r"line 1: groups for ranking \(qid\) are not used; .* --ignore-qid"),
    "grouped digits": ("1 1:1_0\n", "line 1: the value of index 1 is '1_0', not a number"),
    "grouped index": ("1 1_0:1\n", "line 1: '1_0:1' is not index:value"),
    "index too large": (
        "1 2147483648:1\n",
        "line 1: index 2147483648 is too large, at most 2147483647 .*anew",
    ),
    "binary": ("\0\1\2", "line 1: the target is "),
}


@pytest.mark.parametrize("case", ERRORS)
def test_a_bad_file_is_refused(tmp_path, case):
    content, reason = ERRORS[case]
    path = tmp_path / "bad.svm"
    path.write_text(content)
    with pytest.raises(ValueError, match=rf"bad\.svm.*{reason}"):
        datasets.svmlight(path)


REMEDIES = {  # what a message names, typed
    "groups": ("1 qid:3 1:1\n", {"ignore_qid": True}, [[1.0]], [1.0]),
    "repeated": ("1 2:1 1:3 2:4\n", {"any_order": True}, [[3.0, 5.0]], [1.0]),
    "from zero": ("1 0:1 1:2\n", {"zero_based": True}, [[1.0, 2.0]], [1.0]),
    "labels": ("1,20 1:1\n2 1:2\n3,1,4 1:4\n", {"positive": "1"}, [[1], [2], [4]], [1, 0, 1]),
}


@pytest.mark.parametrize("case", REMEDIES)
def test_the_remedies_work(tmp_path, case):
    content, said, features, target = REMEDIES[case]
    (tmp_path / "t.svm").write_text(content)
    with pytest.raises(ValueError, match="--" + next(iter(said)).replace("_", "-")):
        datasets.svmlight(tmp_path / "t.svm")
    read = datasets.svmlight(tmp_path / "t.svm", **said)
    assert (read.features.toarray().tolist(), read.target.tolist()) == (features, target)


def test_the_fields_of_libffm_go_by_the_command_that_the_message_names(tmp_path):
    (tmp_path / "t.txt").write_text("1 0:15:2 1:3:0.5\n")
    with pytest.raises(ValueError, match="sed -E") as refused:
        datasets.svmlight(tmp_path / "t.txt", zero_based=True)
    pattern, by = re.search(r"'s/(.*)/(.*)/g'", str(refused.value)).groups()
    (tmp_path / "t.svm").write_text(re.sub(pattern, by, "1 0:15:2 1:30:0.5\n"))
    assert datasets.svmlight(tmp_path / "t.svm").features.data.tolist() == [2, 0.5]


def test_a_test_set_gets_the_columns_of_its_training_set(tmp_path):
    path = tmp_path / "t.svm"
    path.write_text("1 1:1 5:1\n")
    assert datasets.svmlight(path, columns=5).features.shape == (1, 5)
    assert datasets.svmlight(path, columns=6, zero_based=True).features.shape == (1, 6)
    with pytest.raises(
        ValueError, match=r"t\.svm, line 1: index 5, but columns=4 allows at most 4; raise columns"
    ):
        datasets.svmlight(path, columns=4)
    with pytest.raises(
        ValueError, match=r"t\.svm, line 1: index 5, but columns=5 allows at most 4; raise columns"
    ):
        datasets.svmlight(path, columns=5, zero_based=True)
    for columns in (0, -3, True, 2**31, 2.5, "5"):
        with pytest.raises(ValueError, match=r"columns = .* pass a whole number, 1 to 2147483647"):
            datasets.svmlight(path, columns=columns)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.svm: no such file; check the name"):
        datasets.svmlight(tmp_path / "none.svm")
    with pytest.raises(ValueError, match="not a file; name a file"):
        datasets.svmlight(tmp_path)


def test_mutants_would_be_caught(tmp_path):
    """Columns shifted by one, the transpose, and targets taken for features differ from what is read."""
    path = tmp_path / "t.svm"
    path.write_text("2 1:3 3:4\n5 2:6\n")
    right = [[3, 0, 4], [0, 6, 0]]
    features = datasets.svmlight(path).features.toarray()
    assert features.tolist() == right
    shifted = datasets.svmlight(path, zero_based=True).features.toarray()
    assert shifted.tolist() == [[0, 3, 0, 4], [0, 0, 6, 0]]
    assert shifted.shape != features.shape


def test_memory_is_that_of_the_result(tmp_path):
    path = tmp_path / "t.svm"
    line = " ".join(f"{j}:0.{j:09d}" for j in range(1, 101))
    path.write_text(f"1 {line}\n" * 300)
    tracemalloc.start()
    try:
        features = datasets.svmlight(path).features
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    result = features.data.nbytes + features.indices.nbytes
    assert features.nnz == 30_000
    assert peak < 2.2 * result  # a growing array is copied once; lists of numbers would take 5 times as much


def test_a_label_is_found_however_it_is_written(tmp_path):
    (tmp_path / "t.svm").write_text("1.000 1:1\n+1 1:2\n10 1:4\n")
    assert datasets.svmlight(tmp_path / "t.svm", positive="1").target.tolist() == [1, 1, 0]
