"""Files as people have them: each is read as its writer meant it, or refused with the one thing to type next.

After public reports (issues of pandas, polars, pyarrow, scikit-learn, LIBSVM, ...); the bytes are made here.
"""

import gzip
import io
import json
import lzma
import re
import time
import zipfile
from decimal import Decimal

import numpy as np
import pyarrow
import pytest
from pyarrow import feather, parquet
from scipy import sparse

from lecturelib import datasets
from lecturelib.advice import preparation
from lecturelib.datasets import Choices, containers, table_files
from tests.agree import agree
from tests.lecture.datasets.wine import NAMES, PLAIN, ROWS, VALUES, comma, text, write


def saved(save, *args, **kwargs):
    file = io.BytesIO()
    save(file, *args, **kwargs)
    return file.getvalue()


def arrow(write, columns):
    return saved(lambda file: write(pyarrow.table(columns), file))


WINE = {name: VALUES[:, j] for j, name in enumerate(NAMES)}
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in VALUES.tolist()]
INDEXED = pyarrow.table(WINE | {"__index_level_0__": np.arange(ROWS)[::-1]}).replace_schema_metadata(
    {"pandas": json.dumps({"index_columns": ["__index_level_0__"], "columns": []})}
)
SAVED = {"delimiter": ",", "header": ",".join(NAMES)}


def zstd(content):
    file = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(file, "zstd") as stream:
        stream.write(content)
    return file.getvalue().to_pybytes()


SAME = {  # name of the file -> its content: all the same table, VALUES with NAMES, or the columns 0 to 3
    "semicolons.csv": text(sep=";"),
    "decimal_comma.csv": text(sep=";", number=comma),
    "tabs.tsv": text(sep="\t"),
    "bars.csv": text(sep="|"),
    "space_after_comma.csv": text(sep=", "),
    "quoted.csv": text(['"fixed acidity"', '"pH"', '"alcohol"', '"quality"'], number='"{:.4f}"'.format),
    "names_in_apostrophes.tsv": text([f"'{name}'" for name in NAMES], sep="\t"),
    "crlf.csv": text(end="\r\n"),
    "utf16.csv": PLAIN.encode("utf-16"),
    "mark.csv": b"\xef\xbb\xbf" + PLAIN.encode(),
    "UPPER.CSV": PLAIN,
    "no_suffix": PLAIN,
    "wine.csv.gz": gzip.compress(PLAIN.encode()),
    "wine.csv.lzma": lzma.compress(PLAIN.encode(), lzma.FORMAT_ALONE),
    "wine.csv.zst": zstd(PLAIN.encode()),
    "wine.jsonl.zst": zstd("\n".join(map(json.dumps, RECORDS)).encode()),
    "wine.csv.zip": saved(lambda file: zipfile.ZipFile(file, "w").writestr("wine.csv", PLAIN)),
    "excel.csv": "sep=,\n" + PLAIN,
    "blank_first_line.csv": "\n" + PLAIN,
    "blank_line_inside.csv": PLAIN.replace("\n", "\n\n", 9),
    "comments.csv": "# made by hand\n" + PLAIN + "# the end\n",
    "units_in_a_comment.csv": "# made by hand\n# g, 1, %, points\n" + PLAIN,
    "title.csv": "Portuguese wine\n" + PLAIN,
    "title_of_three_cells.csv": "wine,of,Portugal\n" + PLAIN,
    "trailing_comma.csv": re.sub(r"(?<=\d)\n", ",\n", PLAIN),
    "savetxt_header.csv": saved(np.savetxt, VALUES, fmt="%.4f", **SAVED),
    "unnamed_index.csv": "\n".join(f"{i - 1 if i else ''},{li}" for i, li in enumerate(PLAIN.splitlines())),
    "row_names_of_R.csv": "\n".join(
        f"{f'r{i},' if i else ''}{li}" for i, li in enumerate(PLAIN.splitlines())
    ),
    "fortran.csv": PLAIN.split("\n")[0] + "\n" + text([], number=lambda v: f"{v / 10:.5f}D+01"),
    "lines.jsonl": "\n".join(map(json.dumps, RECORDS)),
    "records.json": json.dumps(RECORDS),
    "pretty.json": json.dumps(RECORDS, indent=1),
    "values.json": json.dumps(VALUES.tolist()),
    "columns.json": json.dumps({name: column.tolist() for name, column in WINE.items()}),
    "pretty_columns.json": json.dumps({name: column.tolist() for name, column in WINE.items()}, indent=1),
    "pandas_columns.json": json.dumps({n: {str(i): v for i, v in enumerate(c)} for n, c in WINE.items()}),
    "pandas_index.json": json.dumps({str(i): row for i, row in enumerate(RECORDS)}),
    "pandas_split.json": json.dumps({"columns": NAMES, "index": [*range(ROWS)], "data": VALUES.tolist()}),
    "pandas_table.json": json.dumps({"schema": {"fields": [{"name": "pH"}]}, "data": RECORDS}),
    "wrapped.json": json.dumps({"status": "ok", "count": ROWS, "data": RECORDS}),
    "wine.feather": arrow(lambda table, file: feather.write_feather(table, file), WINE),
    "wine.parquet": arrow(parquet.write_table, WINE),
    "pandas_index.parquet": saved(lambda file: parquet.write_table(INDEXED, file)),
    "decimal.parquet": arrow(
        parquet.write_table, WINE | {"pH": [Decimal(f"{value:.4f}") for value in VALUES[:, 1]]}
    ),
    "no_names.csv": text([]),
    "yacht.data": text([], sep=" "),
    "airfoil.txt": text([], sep="\t"),
    "blanks.txt": text([], sep="   ").replace("\n", " \n   "),
    "savetxt.txt": saved(np.savetxt, VALUES),
    "pandas_default_names.csv": text(list("0123")),
    "wine.npy": saved(np.save, VALUES),
}


@pytest.mark.parametrize("name", SAME)
def test_one_table_reads_the_same_however_it_is_written(tmp_path, name):
    path = write(tmp_path, name, SAME[name])
    with pytest.raises(
        ValueError, match=r"which column is predicted\? Say it, --target (quality|3) or"
    ) as asked:
        datasets.table(path)
    target = re.search(r"--target (\S+)", str(asked.value))[1]
    table = datasets.table(path, target)
    assert table.columns in (tuple(NAMES[:3]), ("0", "1", "2"))
    assert np.array_equal(table.features, VALUES[:, :3])
    assert np.array_equal(table.target, VALUES[:, 3])


REFUSED = {
    "sheet.xlsx": (saved(lambda f: zipfile.ZipFile(f, "w").writestr("[Content_Types].xml", "")), "Excel"),
    "two.zip": (
        saved(lambda f: [zipfile.ZipFile(f, "a").writestr(n, PLAIN) for n in "ab"]),
        "2 files in it; unpack it",
    ),
    "data.h5": (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5"),
    "sheet.ods": (saved(lambda f: zipfile.ZipFile(f, "w").writestr("content.xml", "")), "OpenDocument"),
    "data.pkl": (b"\x80\x04\x95" + bytes(50), "pickle"),
    "data.pickle": (b"\x80\x05\x95" + bytes(50), "pickle"),
    "data.mat": (b"MATLAB 5.0 MAT-file" + bytes(500), "MATLAB file; .*writetable"),
    "data.rds": (gzip.compress(b"X\n\0\0\0\3" + bytes(50)), "a file of R; .*write.csv"),
    "data.dta": (b"<stata_dta><header>" + bytes(50), "Stata"),
    "wine.parquet.gz": (gzip.compress(arrow(parquet.write_table, WINE)), "compressed once more"),
    "wine.tar.gz": (gzip.compress(bytes(257) + b"ustar" + bytes(250)), "tar archive; unpack it by tar -xf"),
    "pointer.csv": (
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "git lfs pull",
    ),
    "error.csv": ("<html><body>404, not found</body></html>\n<p>a,b</p>\n", "web page"),
    "title.arff": ("% a title\n% more\n@RELATION iris\n@data\n1,2\n", "ARFF"),
    "page": ("<!DOCTYPE html><html></html>", "web page"),
    "iris.arff": ("@relation iris\n@data\n1,2\n", "ARFF"),
    "header_only.csv": (",".join(NAMES) + "\n", "no rows of numbers in it"),
    "ragged.csv": (PLAIN + "1,2\n", "line 26: 2 cells, but 4 columns"),
    "cut.csv.zst": (zstd(PLAIN.encode())[:-9], "damaged or cut short"),
    "nested.json": ('{"a": 1}}', "one object a row|one object a line"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_is_refused_with_a_way_out(tmp_path, name):
    content, says = REFUSED[name]
    with pytest.raises(ValueError, match=rf"{name}.*({says})"):
        datasets.table(write(tmp_path, name, content), "quality")


def test_objects_inside_rows_and_texts_among_numbers(tmp_path):
    lines = [
        {"user": {"age": k + 0.5, "city": {"at": "ab"[k % 2]}}, "b": k if k % 9 else "n/a", "y": k}
        for k in range(1, 25)
    ]
    table = datasets.table(write(tmp_path, "t.jsonl", "\n".join(map(json.dumps, lines))))
    assert table.columns == ("user.age", "user.city.at", "b", "b is missing")
    assert table.features[8, 3] == 1
    del lines[8]["b"], lines[17]["b"]
    again = datasets.table(write(tmp_path, "t.jsonl", "\n".join(map(json.dumps, lines))))
    assert np.array_equal(again.features, table.features)


SPARSE = "".join(f"{(-1) ** k:+d} {k % 9 + 1}:0.5 {k % 9 + 20}:{k + 1}\n" for k in range(40))


@pytest.mark.parametrize(
    "name", ["a9a", "a9a.t", "news20.scale", "rcv1.txt", "url.svm", "url.svm.gz", "url.bin"]
)
def test_svmlight_files_are_known_by_their_content(tmp_path, name):
    content = gzip.compress(SPARSE.encode()) if name.endswith(".gz") else "# by dump_svmlight_file\n" + SPARSE
    data = preparation.load(write(tmp_path, name, content), loss="logistic")
    assert data.features.shape == (40, 19)  # dense, for it is small, and with a column of ones
    assert data.remarks[0] == "10 of 28 columns are constant and left out."


NOT_SVMLIGHT = {
    "times first": "time,y\n" + "".join(f"2010-01-01 {k:02d}:00:00,{k}.5\n" for k in range(24)),
    "times last": "".join(f"{k}.5,2010-01-01 {k:02d}:00:00\n" for k in range(24)),
    "times between": "".join(f"{k} 12:{k:02d},7\n" for k in range(24)),
}


@pytest.mark.parametrize("case", NOT_SVMLIGHT)
def test_times_of_day_are_no_svmlight(tmp_path, case):
    assert containers.kind(write(tmp_path, "t.txt", NOT_SVMLIGHT[case])) == "csv"


def test_lines_may_be_longer_than_what_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(containers, "HEAD", 64)
    wide = np.arange(240.0).reshape(3, -1)
    path = write(tmp_path, "wide.csv", text([f"c{j}" for j in range(80)], wide, number=str))
    assert datasets.table(path, "c79").features.tolist() == wide[:, :-1].tolist()


@pytest.mark.long
def test_what_comes_below_the_lines_that_are_looked_at_is_read_too(tmp_path, monkeypatch):
    """A text among numbers, and a letter that is not UTF-8."""
    monkeypatch.setattr(containers, "HEAD", 64)
    rows = [f"{'ab'[k % 2]},{k}.5,{k * k}" for k in range(40)]
    rows[30], rows[31] = "größe,30.5,900", "a,?!,961"
    began = time.monotonic()
    table = datasets.table(write(tmp_path, "t.csv", "\n".join(["t,x,y", *rows]).encode("cp1252")))
    assert time.monotonic() - began < table_files.Lent.PATIENCE  # nothing holds the stream
    assert table.columns == ("t=a", "t=b", "t=größe", "x", "x is missing")
    assert table.features[31, 4] == 1
    assert "The text is read as cp1252." in table.steps


def test_a_tab_is_typed_as_in_other_programs():
    assert {Choices(delimiter=each).delimiter for each in ("\t", r"\t", "tab")} == {"\t"}


def test_what_a_svmlight_file_needs_is_asked_for(tmp_path):
    path = write(tmp_path, "rank.svm", "1 qid:1 1:0.5 9:2\n2 qid:1 3:1 2:1\n3 qid:2 7:4\n")
    said = {}
    for option, wanted in (("--ignore-qid", "ignore_qid"), ("--any-order", "any_order")):
        with pytest.raises(ValueError, match=option):
            preparation.load(path, choices=Choices(**said))
        said[wanted] = True
    assert preparation.load(path, choices=Choices(**said)).features.shape == (3, 5)
    with pytest.raises(ValueError, match="a svmlight file has its own targets; leave target empty"):
        preparation.load(path, "price")
    with pytest.raises(ValueError, match="have no names; leave out --drop"):
        preparation.load(path, choices=Choices(drop=("1",)))


def test_a_dense_svmlight_file_gives_the_same_data_as_csv(tmp_path):
    lines = [" ".join([f"{r[3]}", *(f"{j + 1}:{v}" for j, v in enumerate(r[:3]))]) for r in VALUES]
    dense = preparation.load(write(tmp_path, "t.svm", "\n".join(lines)))
    table = preparation.load(write(tmp_path, "t.csv", PLAIN), "quality")
    assert np.array_equal(dense.features, table.features)
    assert np.array_equal(dense.targets, table.targets)


def test_cost_follows_the_entries_not_the_largest_index():
    """300 rows with indices up to 2^29: arrays of 2^29 numbers would take 4 GB each."""
    rng = np.random.default_rng(0)
    indices = np.sort(rng.choice(2**29, (300, 5)), axis=1).ravel().astype(np.int32)
    parts = (np.ones(1500), indices, np.arange(0, 1501, 5))
    features = sparse.csr_array(parts, shape=(300, 2**29))
    data = preparation.prepare(features, np.arange(300.0))
    assert data.features.shape == (300, len(np.unique(indices)))
    agree((data.features + data.means).sum(axis=1), np.full(300, 5.0), relative=1e-12)
