"""What kind of file a path holds, by its content rather than its name, and its bytes, decompressed."""

import bz2
import codecs
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

DAMAGE = (OSError, EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, NotImplementedError)
HEAD = 2**18  # bytes that are looked at, or three lines where they are longer


def _zstd(raw: BinaryIO) -> io.BufferedReader:
    try:
        import pyarrow
    except ImportError as error:
        raise ValueError("compressed by zstd, which needs pyarrow; type zstd -d FILE first") from error
    return io.BufferedReader(pyarrow.CompressedInputStream(raw, "zstd"))


OPENERS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
    b"]\0\0": lzma.open,
    b"\x28\xb5\x2f\xfd": _zstd,
}
BY_SUFFIX = dict(zip((".gz", ".bz2", ".xz", ".lzma", ".zst"), OPENERS.values(), strict=True))
BINARY = {b"PAR1": "parquet", b"ARROW1": "feather", b"\x93NUMPY": "npy"}
SUFFIXES = {
    **{".parquet": "parquet", ".feather": "feather", ".arrow": "feather", ".npy": "npy", ".npz": "npz"},
    **{".svm": "svmlight", ".svmlight": "svmlight", ".libsvm": "svmlight", ".csv": "csv", ".tsv": "csv"},
    **{".jsonl": "json", ".ndjson": "json", ".json": "json"},
}
# What is known and not read: how its content starts, and the way out.
REFUSED = {
    b"\xd0\xcf\x11\xe0": "an old Excel file; save its sheet as csv and name that",
    b"\x89HDF": "an HDF5 file; write its arrays with np.savez and name that",
    **{
        b"\x80"
        + bytes([protocol]): "a pickle, which may run code; write it with to_csv or np.savez and name that"
        for protocol in range(2, 6)
    },
    b"SQLite format 3": "an SQLite file; export the table as csv and name that",
    b"%PDF-": "a PDF; name a file of numbers",
    b"@relation": "an ARFF file; save it as csv and name that",
    b"%%MatrixMarket": "a MatrixMarket file; write it with sklearn's dump_svmlight_file and name that",
    b"MATLAB 5.0 MAT-file": "a MATLAB file; write its table with writetable(T, 'FILE.csv') and name that",
    **dict.fromkeys(
        (b"X\n\0\0", b"RDX2\n", b"RDX3\n"),
        "a file of R; write its table with write.csv(x, 'FILE.csv') and name that",
    ),
    b"<stata_dta>": "a Stata file; write it with export delimited FILE.csv and name that",
    b"$FL2": "an SPSS file; save it as csv and name that",
    **dict.fromkeys(BINARY, "compressed once more; unpack it and name what comes out"),
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself; type git lfs pull",
    **dict.fromkeys((b"<!doctype", b"<html", b"<?xml", b"<"), "a web page or XML; download the file itself"),
}
SVMLIGHT_LABEL = rb"([+-]?[\d.]+([eE][+-]?\d+)?(,\d+)*|\w+|\d+:\S+)?"
SVMLIGHT_LINE = re.compile(SVMLIGHT_LABEL + rb"(\s+(qid|\d+)(:[^\s,;]*)+)*\s*(#.*)?|\d+ \d+ \d+\s*")
SVMLIGHT_ENTRY = re.compile(rb"(^|\s)\d+:\S")


def existing_file(path: str | Path) -> Path:
    """Return the path of a file that is there and not empty, or raise FileNotFoundError or ValueError."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: no such file; check the name (relative names start at {Path.cwd()})"
        )
    if not path.is_file():
        raise ValueError(f"{path}: not a file; name a file, not a folder")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty (0 bytes); write or download it again")
    return path


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed (gz, bz2, xz, zst, a zip of one file); ValueError: it is damaged."""
    try:
        with path.open("rb") as raw:
            start = raw.read(6)
            raw.seek(0)
            if start.startswith(b"PK\x03\x04"):
                with zipfile.ZipFile(raw) as archive:
                    members = [name for name in archive.namelist() if _is_data(name)]
                    if len(members) != 1:
                        raise ValueError(
                            f"{path}: {len(members)} files in it; unpack it and name one of them"
                        )
                    with archive.open(members[0]) as file:
                        yield io.BufferedReader(file)  # type: ignore[type-var]
            else:
                found = (o for magic, o in OPENERS.items() if start.startswith(magic))
                opener = next(found, BY_SUFFIX.get(path.suffix.lower()))
                with opener(raw) if opener else raw as file:
                    yield file
    except (*DAMAGE, RuntimeError) as error:  # RuntimeError: a zip with a password
        reason = f"{path}: cannot be read on ({error})"
        raise ValueError(f"{reason}; the file is damaged or cut short, download it again") from error


def _is_data(member: str) -> bool:
    return not (member.endswith("/") or member.startswith("__MACOSX/"))


def head(path: Path) -> tuple[bytes, bool]:
    """The first bytes of a file, decompressed, and whether they are all."""
    with opened(path) as file:
        content = file.read(HEAD)
        while len(content.splitlines()) < 4 and (more := file.read(HEAD)):
            content += more
        return content, not file.read(1)


def kind(path: Path) -> str:
    r"""One of csv, json, svmlight, npz, npy, parquet, feather; ValueError names the way out of other kinds.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from lecturelib.datasets import containers
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a9a.t")
    ...     _ = path.write_text("-1 3:1 11:1\n+1 5:1\n")
    ...     containers.kind(path)
    'svmlight'
    """
    if (known := SUFFIXES.get(path.suffix.lower())) and known != "csv":
        return known
    with path.open("rb") as file:
        start = file.read(8)
    if known := next((k for magic, k in BINARY.items() if start.startswith(magic)), None):
        return known
    if start.startswith(b"PK\x03\x04") and (known := _zipped(path)):
        return known
    content, all_of_it = head(path)
    if content[257:262] == b"ustar":
        raise ValueError(f"{path}: a tar archive; unpack it by tar -xf and name one of its files")
    content = content.lstrip()
    shown = re.sub(rb"\A(%(?!PDF|%)[^\n]*\n\s*)+", b"", content)  # remarks above an ARFF file
    for magic, remedy in REFUSED.items():
        if shown.lower().startswith(magic.lower()) and not (magic == b"<" and path.suffix.lower() == ".csv"):
            raise ValueError(f"{path}: {remedy}")
    if content[:1] in (b"{", b"["):
        return "json"
    lines = content.splitlines()
    whole = lines if all_of_it else lines[:-1]
    entries = any(SVMLIGHT_ENTRY.search(line.partition(b"#")[0]) for line in whole)
    svmlight = entries and all(SVMLIGHT_LINE.fullmatch(line) for line in whole[:100])
    return "svmlight" if svmlight else "csv"


def decoded(content: bytes, whole: bool = True) -> tuple[str, str]:
    """The encoding of a text and the text, of which `content` is the start or the whole; ValueError: none.

    >>> from lecturelib.datasets import containers
    >>> containers.decoded("größer".encode("latin-1"))
    ('cp1252', 'größer')
    """
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    encoding = next((name for mark, name in marks.items() if content.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in content:
        if content[0:200:2].count(0) or content[1:200:2].count(0) < 20:
            raise ValueError("not text (a NUL byte in it); name a file of numbers")
        encoding = "utf-16-le"
    try:
        return encoding, codecs.getincrementaldecoder(encoding)().decode(content, final=whole)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise ValueError(f"not {encoding} text, as its first bytes say; save it as UTF-8") from error
        return "cp1252", content.decode("cp1252", "replace")


def _zipped(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except DAMAGE as error:
        raise ValueError(f"{path}: a damaged zip file ({error}); download it again") from error
    if "content.xml" in names:
        raise ValueError(f"{path}: an OpenDocument file; save its sheet as csv and name that")
    if "[Content_Types].xml" in names:
        raise ValueError(f"{path}: an Excel file; save its sheet as csv and name that")
    return "npz" if names and all(name.endswith(".npy") for name in names) else None
